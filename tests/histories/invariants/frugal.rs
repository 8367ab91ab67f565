//! I8 for writes: without faults three status writes for a request (intended, accepted, settled), and
//! one for each edit, annotation or switch. Polls write nothing.

use std::collections::BTreeSet;

use crate::api_server::Cause;
use crate::history::History;

/// A calm history that wrote too often.
pub fn check(history: &History) -> Vec<String> {
    if history.world.profile.name != "calm" {
        return Vec::new();
    }
    let writes = history.world.api.status_writes;
    let posts = history.world.ledger.posts.len() as u64;
    let events = history
        .world
        .api
        .versions
        .iter()
        .filter(|kept| kept.cause == Cause::Author)
        .filter_map(|kept| kept.object.as_ref())
        .map(|object| (object.generation, &object.requested_at, &object.retry_failed))
        .collect::<BTreeSet<_>>()
        .len() as u64;
    let switches = history.world.environment.switches.len() as u64;
    let allowed = 3 * posts + events + switches;
    (writes > allowed)
        .then(|| format!("{writes} status writes, at most {allowed} are needed"))
        .into_iter()
        .collect()
}
