//! I8 for searches: nobody is looked up who is ours as declared, or waits for a person.
//!
//! I8 for writes: without faults three status writes for a bulk request (intended, accepted, settled),
//! two for a repair, and one for each edit, annotation or switch. Polls write nothing.

use jumpcloud_operator::api::submission::Submission;

use super::failure;
use crate::api_server::{Cause, Object};
use crate::history::History;
use crate::ledger::Look;

/// Looks in a history without faults that nobody needed.
pub fn needless_looks(history: &History) -> Vec<String> {
    let rates = &history.world.profile.per_mille;
    if rates.stale + rates.reads + rates.crashes > 0 || history.world.processes.len() > 1 {
        return Vec::new();
    }
    let versions = &history.world.api.versions;
    let mut found = Vec::new();
    for look in &history.world.ledger.looks {
        let kept = versions.iter().rev().filter(|kept| kept.at <= look.at);
        // A pass may have begun a moment before the last write.
        let objects: Vec<&Object> = kept.take(4).filter_map(|kept| kept.object.as_deref()).collect();
        let needless = |name: &&String| !objects.iter().any(|object| may_be_needed(object, name));
        found.extend(look.asked.iter().filter(needless).map(|name| needless_look(look, name)));
    }
    found.truncate(5);
    found
}

fn needless_look(look: &Look, name: &str) -> String {
    format!("{name} was looked up at {} and nothing was to be known", look.at)
}

fn may_be_needed(object: &Object, name: &str) -> bool {
    let status = &object.status;
    let records = status.submissions.iter().filter_map(|record| record.known());
    let in_flight = records.flat_map(Submission::usernames).any(|other| other == name);
    let handled = status.last_handled.clone().unwrap_or_default();
    let asked = object.requested_at != handled.requested_at
        || object.retry_failed != handled.retry_failed
        || object.resolve != handled.resolve;
    let row = object.spec.desired.rows.iter().find(|row| row.username == name);
    let due = row.is_some_and(|row| {
        let entry = status.inventory.iter().find(|entry| entry.username == name);
        match failure(status, name).filter(|failure| failure.hash == row.hash) {
            // Who is protected, or has no manager, is looked at again when that has changed.
            Some(failure) => {
                failure.retry_time.is_some()
                    || ["UserProtected", "ManagerNotFound"].contains(&failure.reason.as_str())
            }
            None => entry.is_none_or(|entry| entry.hash != row.hash),
        }
    });
    in_flight || asked || due
}

/// A calm history that wrote too often.
pub fn check(history: &History) -> Vec<String> {
    if !["calm", "updating", "poisoned"].contains(&history.world.profile.name) {
        return Vec::new();
    }
    let writes = history.world.api.status_writes;
    let posts = history.world.ledger.posts.len() as u64;
    let puts = history.world.ledger.puts.len() as u64;
    let mut events: Vec<_> = history
        .world
        .api
        .versions
        .iter()
        .filter(|kept| kept.cause == Cause::Author)
        .filter_map(|kept| kept.object.as_ref())
        .map(|object| (object.generation, &object.requested_at, &object.retry_failed, &object.resolve))
        .collect();
    events.dedup();
    let events = events.len() as u64;
    let switches = history.world.environment.switches.len() as u64;
    // A row whose manager turns out not to come is looked at once more.
    let managed = history.world.environment.rows.iter().filter(|row| row.more.contains_key("manager"));
    let allowed = 3 * posts + 2 * puts + events + switches + managed.count() as u64 * events;
    (writes > allowed)
        .then(|| format!("{writes} status writes, at most {allowed} are needed"))
        .into_iter()
        .collect()
}
