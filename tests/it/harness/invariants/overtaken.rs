//! The rest of I1, for what may be repeated: no update of a user comes to pass after a later one with another row,
//! and no object has two equal events made for one user.
//!
//! The first is allowed when the earlier update could not come any more as far as anybody can know: its job's time
//! was over, or its outcome unknown and the quarantine past. The second is allowed when the first event is cancelled
//! afterwards (what shares an id is made anew before it is taken apart), or when the outcome of its request was
//! unknown and its users' events were looked at after its time.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jumpcloud_operator::api::submission::Operation;
use jumpcloud_sim::{Route, What};

use super::evidence::Evidence;
use super::excuses::meddled;
use super::sent::{Intent, Made, Post, made, posts};
use super::truth::job_timeout;
use super::version::Version;

/// All updates that were overtaken, and all events that are there twice.
pub fn check(evidence: &Evidence) -> Vec<String> {
    let posts = posts(evidence);
    updates(evidence, &posts).into_iter().chain(events(evidence, &posts)).collect()
}

fn updates(evidence: &Evidence, posts: &[Post<'_>]) -> Vec<String> {
    let accepted: Vec<_> =
        posts.iter().filter(|post| post.operation == Operation::Update && post.job().is_some()).collect();
    let by_job: BTreeMap<_, _> = accepted.iter().map(|post| (post.job(), *post)).collect();
    let mut found = Vec::new();
    for entry in &evidence.ledger {
        let What::RowExecuted(row) = &entry.what else { continue };
        let (Some(id), Some(earlier)) = (&row.user_id, by_job.get(&Some(row.job_id.as_str()))) else {
            continue;
        };
        let Some(sent) = earlier.intent else { continue };
        let later = accepted.iter().filter(|later| {
            earlier.entry.seq < later.entry.seq && later.entry.seq < entry.seq && later.uid() == earlier.uid()
        });
        for other in later {
            let Some(intent) = other.intent else { continue };
            let (before, after) = (row_hash(sent, id), row_hash(intent, id));
            if after.is_some() && before != after && !was_over(evidence, sent, intent) {
                found.push(format!(
                    "entry {}: {id} has an update that was overtaken by entry {}",
                    entry.seq, other.entry.seq
                ));
            }
        }
    }
    found
}

/// Hash of that user's row as it was sent.
fn row_hash<'a>(intent: Intent<'a>, id: &str) -> Option<&'a String> {
    let at = intent.record.members.iter().position(|member| member == id)?;
    intent.record.row_hashes.get(at)
}

/// Whether the earlier update could not come any more when the later one was intended, as far as anybody knew.
fn was_over(evidence: &Evidence, earlier: Intent<'_>, later: Intent<'_>) -> bool {
    let quarantine = SignedDuration::try_from(evidence.flags.quarantine).expect("a short time");
    let known = evidence.history.of(&earlier.version.uid).any(|version: &Version| {
        version.revision < later.version.revision
            && version.record(&earlier.record.nonce).is_some_and(|record| record.job_id.is_some())
    });
    let end = if known {
        earlier.record.intent_time + job_timeout(earlier.version)
    } else {
        earlier.record.submit_by.max(earlier.record.intent_time + quarantine)
    };
    later.record.intent_time >= end
        || meddled(evidence, &earlier.version.uid, earlier.version.revision, later.version.revision)
}

fn events(evidence: &Evidence, posts: &[Post<'_>]) -> Vec<String> {
    let all = made(evidence);
    let post_of = |made: &Made<'_>| posts.iter().find(|post| post.entry.seq == made.request);
    let mut found = Vec::new();
    let mut before: BTreeMap<_, Vec<&Made<'_>>> = BTreeMap::new();
    for later in &all {
        let event = later.event;
        let equal = before.entry((&event.user_id, &event.state, event.date)).or_default();
        let others = equal.clone();
        equal.push(later);
        let Some(second) = post_of(later).filter(|_| !others.is_empty()) else { continue };
        for earlier in
            others.into_iter().filter(|earlier| ended(evidence, earlier).is_none_or(|end| end > later.seq))
        {
            let Some(first) = post_of(earlier).filter(|first| first.uid() == second.uid()) else { continue };
            let (Some(before), Some(after)) = (first.intent, second.intent) else { continue };
            if !is_cancelled(evidence, earlier)
                && !was_looked_for(evidence, first, before, after)
                && is_over(evidence, after)
            {
                found.push(format!("{:?} is there although {:?} was", later.event, earlier.event));
            }
        }
    }
    found
}

/// The entry with which an event left the list.
fn ended(evidence: &Evidence, made: &Made<'_>) -> Option<u64> {
    let mut later = evidence.ledger.iter().filter(|entry| entry.seq > made.seq);
    later.find_map(|entry| match &entry.what {
        What::ScheduleRemoved { event, .. } | What::ScheduleExecuted { event, .. } if event == made.event => {
            Some(entry.seq)
        }
        _ => None,
    })
}

fn is_cancelled(evidence: &Evidence, made: &Made<'_>) -> bool {
    evidence.ledger.iter().any(|entry| match &entry.what {
        What::ScheduleRemoved { event, .. } => entry.seq > made.seq && event == made.event,
        _ => false,
    })
}

/// Whether nobody knew of the first request's events when the second was intended, and they were looked for after
/// the first one's time.
fn was_looked_for(evidence: &Evidence, first: &Post<'_>, before: Intent<'_>, after: Intent<'_>) -> bool {
    let uid = &before.version.uid;
    let known = evidence.history.of(uid).any(|version| {
        version.revision < after.version.revision
            && version.record(&before.record.nonce).is_some_and(|record| !record.events.is_empty())
    });
    let looked = evidence.ledger.iter().filter(|entry| entry.seq > first.entry.seq).any(|entry| {
        entry.request().is_some_and(|request| {
            [Route::ScheduleList, Route::ScheduleNext].contains(&request.route)
                && request.own_status == Some(200)
                && before.record.submit_by <= request.arrived
                && entry.wall <= after.record.intent_time
        })
    });
    (!known && looked) || meddled(evidence, uid, before.version.revision, after.version.revision)
}

/// Whether the object is there and at rest: else the first event may still be about to be cancelled.
fn is_over(evidence: &Evidence, intent: Intent<'_>) -> bool {
    let last = evidence.history.of(&intent.version.uid).next_back();
    last.is_some_and(Version::is_settled)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::{Run, accepted, record, scheduled};
    use super::super::version::Kind;
    use super::*;

    /// An update that is executed after another one with a row of this hash was accepted.
    fn overtaken(hash: &str, second: i64) -> Vec<String> {
        let update = |mut record: serde_json::Value, hash: &str| {
            record["operation"] = json!("Update");
            record["usernames"] = json!(["ada"]);
            record["rowHashes"] = json!([hash]);
            record
        };
        let mut run = Run::default();
        run.batch("b", 10, vec![update(record("n1", &["id-ada"], 1), "one")]);
        run.update(2, &["id-ada"], "j1");
        run.batch("b", 11, vec![update(accepted("n1", &["id-ada"], 1, "j1"), "one")]);
        run.batch("b", 12, vec![update(record("n2", &["id-ada"], second), hash)]);
        run.update(second + 1, &["id-ada"], "j2");
        run.row_done(second + 2, "j1", "ada");
        check(&run.evidence())
    }

    #[test]
    fn an_update_after_a_later_one_is_found() {
        assert_eq!(overtaken("two", 5).len(), 1);
        assert_eq!(overtaken("one", 5), Vec::<String>::new(), "the same row");
        assert_eq!(overtaken("two", 3605), Vec::<String>::new(), "the job's time was over");
    }

    /// The same change of a user twice, and what lies between.
    fn twice(between: impl FnOnce(&mut Run), second: i64) -> Vec<String> {
        let mut run = Run::default();
        run.version(Kind::Schedule, "s", 10, vec![scheduled("n1", &["id-ada"], 1)]);
        run.schedule(2, &["id-ada"], "e1");
        between(&mut run);
        run.version(Kind::Schedule, "s", 20, vec![scheduled("n2", &["id-ada"], second)]);
        run.schedule(second + 1, &["id-ada"], "e2");
        let done = json!([{"type": "Ready", "status": "True", "reason": "Scheduled"}]);
        run.version(Kind::Schedule, "s", 30, Vec::new()).status["conditions"] = done;
        check(&run.evidence())
    }

    #[test]
    fn an_event_that_is_there_twice_is_found() {
        assert_eq!(twice(|_| (), 5).len(), 1);
        assert_eq!(twice(|run| run.cancel(3, &["id-ada"], "e1"), 5), Vec::<String>::new());
        assert_eq!(twice(|run| run.listing(4), 5), Vec::<String>::new(), "looked for");
        assert_eq!(twice(|run| run.listing(1), 5).len(), 1, "looked for too early");
    }
}
