//! I3: every accepted job is recorded, adopted or reported unknown; and a record names its own job.
//!
//! Nothing may be said of an object that is gone, nor of one whose status somebody else wrote since. A request that
//! is still under way when the test ends is recorded as such.

use std::collections::BTreeSet;

use jumpcloud_operator::api::submission::{Operation, Submission};
use jumpcloud_operator::api::user_status::reason;
use serde_json::Value;

use super::evidence::Evidence;
use super::excuses::meddled;
use super::sent::{Intent, Post, ids, posts};
use super::version::Version;

/// All jobs that got lost, and all records that name another request's job.
pub fn check(evidence: &Evidence) -> Vec<String> {
    let posts = posts(evidence);
    let lost = posts.iter().filter_map(|post| {
        let why = lost(evidence, post, post.intent?)?;
        Some(format!("entry {}: {} of {:?} {why}", post.entry.seq, post.job()?, post.operation))
    });
    lost.chain(mistaken(evidence, &posts)).collect()
}

fn lost(evidence: &Evidence, post: &Post<'_>, intent: Intent<'_>) -> Option<String> {
    post.job()?;
    let (uid, nonce) = (intent.version.uid.as_str(), intent.record.nonce.as_str());
    let ids = ids(evidence, post);
    if evidence.history.of(uid).any(|version| names(version, nonce, &ids)) {
        return None;
    }
    // The answer said that nothing had been done, and that was not so.
    if post.request.status.is_some_and(|status| (400..500).contains(&status)) {
        return None;
    }
    let versions = evidence.history.of(uid).skip_while(|version| version.record(nonce).is_none());
    let settled = versions.clone().find(|version| version.record(nonce).is_none());
    let last = versions.last()?;
    let Some(settled) = settled else {
        // Under way, and if the object is gone nobody is left who could be told.
        return None;
    };
    if settled.gone || last.gone || meddled(evidence, uid, intent.version.revision, u64::MAX) {
        return None;
    }
    let members = intent.record.members.iter().zip(usernames(intent.record));
    let forgotten = members
        .into_iter()
        .find(|(member, username)| !is_accounted(settled, post.operation, member, username));
    forgotten.map(|(member, _)| format!("is neither recorded nor adopted nor reported for {member}"))
}

fn usernames(record: &Submission) -> Vec<&str> {
    let names = record.usernames().iter().map(String::as_str);
    names.chain(std::iter::repeat("")).take(record.members.len()).collect()
}

/// Whether a version has the job's id: in the request's record, among the jobs, the users or the events.
fn names(version: &Version, nonce: &str, ids: &BTreeSet<&str>) -> bool {
    let is_one = |entry: &Value, field: &str| entry[field].as_str().is_some_and(|id| ids.contains(id));
    let in_record = version.record(nonce).is_some_and(|record| {
        record.job_id.as_deref().is_some_and(|id| ids.contains(id))
            || record.events.iter().any(|event| ids.contains(event.scheduled_job_id.as_str()))
    });
    in_record
        || ["jobs", "users"].iter().any(|list| version.list(list).iter().any(|line| is_one(line, "jobID")))
        || version.list("events").iter().any(|event| is_one(event, "scheduledJobID"))
}

/// Whether the version that has no record of the request any more says what became of the user.
fn is_accounted(version: &Version, operation: Operation, member: &str, username: &str) -> bool {
    let is_user = |entry: &Value| {
        entry["id"].as_str() == Some(member)
            || (!username.is_empty() && entry["username"].as_str() == Some(username))
    };
    let open = [reason::SUBMISSION_UNKNOWN, reason::ALREADY_EXISTS, reason::MANAGED_ELSEWHERE];
    let reported = version.list("failures").iter().filter(|failure| is_user(failure)).any(|failure| {
        let reason = failure["reason"].as_str().unwrap_or_default();
        !failure["unknownTime"].is_null() || !failure["unknownSends"].is_null() || open.contains(&reason)
    });
    let said = |line: &Value| operation == Operation::Schedule && is_user(line);
    let declared = operation == Operation::Schedule || version.rows().iter().any(is_user);
    reported
        || !declared
        || version.list("inventory").iter().any(is_user)
        || version.list("events").iter().any(is_user)
        || version.list("users").iter().any(said)
}

/// Records with the job of another request, or with one that does not exist.
fn mistaken(evidence: &Evidence, posts: &[Post<'_>]) -> Vec<String> {
    let mut found = BTreeSet::new();
    let versions = evidence.history.versions.iter();
    for version in versions.filter(|version| !meddled(evidence, &version.uid, 0, version.revision)) {
        for record in version.records() {
            let Some(id) = record.job_id.as_deref() else { continue };
            let post = posts.iter().find(|post| post.job() == Some(id));
            let own =
                post.and_then(|post| post.intent).is_some_and(|intent| intent.record.nonce == record.nonce);
            if !own {
                found.insert(format!(
                    "{id} is recorded as the job of {} in {}",
                    record.nonce,
                    version.title()
                ));
            }
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::{Run, accepted, record};
    use super::*;

    /// A request with the job j1, and what the status says afterwards.
    fn after(then: impl FnOnce(&mut Run)) -> Vec<String> {
        let mut run = Run::default();
        run.batch("b", 10, vec![record("n1", &["ada"], 1)]);
        run.create(2, &["ada"], Some("j1"));
        then(&mut run);
        check(&run.evidence())
    }

    #[test]
    fn a_job_that_is_recorded_or_under_way_is_not_lost() {
        assert_eq!(after(|_| ()), Vec::<String>::new());
        let recorded = |run: &mut Run| {
            run.batch("b", 11, vec![accepted("n1", &["ada"], 1, "j1")]);
            run.batch("b", 12, Vec::new());
        };
        assert_eq!(after(recorded), Vec::<String>::new());
    }

    fn forgets(run: &mut Run) {
        run.batch("b", 11, Vec::new());
    }

    #[test]
    fn a_job_that_is_forgotten_is_found() {
        assert_eq!(after(forgets).len(), 1);
    }

    #[test]
    fn a_job_whose_users_are_adopted_or_reported_is_not_lost() {
        for (list, entry) in [
            ("inventory", json!({"username": "ada", "id": "id-ada"})),
            ("failures", json!({"username": "ada", "reason": "SubmissionUnknown", "unknownSends": 1})),
        ] {
            let then = |run: &mut Run| run.batch("b", 11, Vec::new()).status[list] = json!([entry]);
            assert_eq!(after(then), Vec::<String>::new(), "{list}");
        }
        let failed = json!([{"username": "ada", "reason": "NotCreated"}]);
        assert_eq!(after(|run| run.batch("b", 11, Vec::new()).status["failures"] = failed).len(), 1);
    }

    #[test]
    fn an_object_that_is_gone_or_was_meddled_with_is_excused() {
        assert_eq!(after(|run| run.batch("b", 11, Vec::new()).gone = true), Vec::<String>::new());
        assert_eq!(after(|run| run.batch("b", 11, Vec::new()).meddled = true), Vec::<String>::new());
    }

    #[test]
    fn another_requests_job_is_found() {
        let other = |run: &mut Run| {
            run.batch("b", 11, vec![accepted("n1", &["ada"], 1, "j2")]);
        };
        let found = after(other);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
