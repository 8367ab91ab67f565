//! What the status promises to readers: no e-mail address anywhere, an organisation that never
//! changes, counts that add up, conditions by the rules of kstatus.

use jumpcloud_operator::api::condition::find;
use jumpcloud_operator::api::submission::Submission;
use jumpcloud_operator::api::user_status::{JumpCloudUserBatchStatus, result};

use super::fields::is_success;
use crate::api_server::{Cause, Object};
use crate::history::History;

/// All that is ill-formed, in any version.
pub fn check(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    let mut before: Option<(u32, String)> = None;
    for kept in &history.world.api.versions {
        let Some(object) = &kept.object else { continue };
        if kept.cause == Cause::Loss {
            before = None;
        }
        let organization = object.status.organization_id.clone();
        if let Some((uid, old)) = &before
            && *uid == object.uid
            && organization.as_ref() != Some(old)
        {
            found.push(format!("organizationID changes from {old} to {organization:?}"));
        }
        before = organization.map(|id| (object.uid, id)).or(before);
        // Beside a record of a newer operator nothing but conditions is written.
        let newer = object.status.submissions.iter().any(|record| record.known().is_none());
        if kept.cause == Cause::Operator && !newer {
            found.extend(problems(&object.status).map(|text| format!("version {}: {text}", object.version)));
            // Looking for addresses takes most of the time of a check: a sample, and the end.
            if object.version % 4 == 0 {
                found.extend(addresses(&object.status));
            }
        }
    }
    if let Some(object) = history.object() {
        found.extend(final_problems(&object));
        found.extend(addresses(&object.status));
    }
    found.truncate(5);
    found
}

fn addresses(status: &JumpCloudUserBatchStatus) -> Option<String> {
    let text = serde_json::to_string(status).unwrap();
    text.contains('@').then(|| format!("an e-mail address is in status: {text}"))
}

fn problems(status: &JumpCloudUserBatchStatus) -> impl Iterator<Item = String> {
    let ready = find(&status.conditions, "Ready");
    let reconciling = find(&status.conditions, "Reconciling");
    let stalled = find(&status.conditions, "Stalled");
    let word = ready.map(|condition| condition.status.as_str());
    let table = matches!(
        (word, reconciling.is_some(), stalled.is_some()),
        (Some("True"), false, false)
            | (Some("Unknown" | "False"), true, false)
            | (Some("False"), false, true)
    );
    let reasons: Vec<_> = [ready, reconciling, stalled].into_iter().flatten().map(|c| &c.reason).collect();
    let same = reasons.windows(2).all(|pair| pair[0] == pair[1]);
    let generations =
        status.conditions.iter().all(|condition| condition.observed_generation == status.observed_generation);
    let counts = status.counts.unwrap_or_default();
    let sum = counts.created
        + counts.updated
        + counts.unchanged
        + counts.adopted
        + counts.pending
        + counts.failed
        + counts.conflicts
        == counts.desired;
    let lines = status.users.len() == counts.desired as usize;
    let progress = status.progress == Some(format!("{}/{}", counts.desired - counts.pending, counts.desired));
    let unique = |names: Vec<&String>| {
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        sorted.len() == names.len()
    };
    let once = unique(status.inventory.iter().map(|entry| &entry.username).collect())
        && unique(status.inventory.iter().map(|entry| &entry.id).collect())
        && unique(status.failures.iter().map(|failure| &failure.username).collect());
    let members =
        status.submissions.iter().filter_map(|record| record.known()).flat_map(Submission::usernames);
    let in_one = unique(members.collect());
    let faults = [
        (table, "conditions are in no row of the table"),
        (same, "conditions differ in their reason"),
        (generations, "conditions speak of another generation"),
        (sum, "counts do not add up"),
        (lines, "not every user has a line"),
        (progress, "progress is not what counts say"),
        (once, "a user is twice in the records"),
        (in_one, "a user is in two requests at a time"),
    ];
    faults.into_iter().filter(|(fine, _)| !fine).map(|(_, text)| text.to_owned())
}

fn final_problems(object: &Object) -> Vec<String> {
    let status = &object.status;
    let mut found = Vec::new();
    if status.observed_generation != Some(object.generation) {
        found.push(format!("generation {:?} of {}", status.observed_generation, object.generation));
    }
    let all = status.users.iter().all(is_success);
    let any_pending = status.users.iter().any(|line| line.result == result::PENDING);
    let ready = find(&status.conditions, "Ready").map(|c| (c.status.as_str(), c.reason.as_str()));
    let fits = match ready {
        Some(("True", "Succeeded")) => all,
        Some(("False", "UserConflict" | "PartiallyFailed" | "Failed" | "SubmissionUnknown")) => {
            !all && !any_pending
        }
        _ => false,
    };
    if !fits {
        let problems = &object.spec.desired.problems;
        found.push(format!("{ready:?} does not fit the users (all {all}), {problems:?}"));
    }
    found
}
