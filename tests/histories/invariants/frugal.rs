//! I8 for writes: without faults three status writes for a bulk request (intended, accepted, settled),
//! two for a repair, and one for each edit, annotation or switch. Polls write nothing.

use crate::api_server::Cause;
use crate::history::History;

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
