//! A malformed row costs at most 2 log2(n) + 1 requests more, and nobody but itself: where nothing else
//! goes wrong. Each refusal of a request of several users is followed by two smaller ones.

use std::collections::BTreeSet;

use crate::history::History;
use crate::manifest::Flaw;

/// A history that took too many requests.
pub fn check(history: &History) -> Vec<String> {
    let quiet = history.world.profile.per_mille.posts == 0 && history.world.profile.per_mille.crashes == 0;
    if !quiet || history.world.ledger.deaths.len() > history.world.processes.len() {
        return Vec::new();
    }
    let posts = &history.world.ledger.posts;
    let rejected = posts.iter().filter(|post| post.rejected).count();
    let malformed: BTreeSet<(String, u32)> = history
        .world
        .environment
        .rows
        .iter()
        .filter(|row| row.flaw == Flaw::Poison)
        .map(|row| (row.username.clone(), row.revision))
        .collect();
    let largest = posts.iter().map(|post| post.rows.len()).max().unwrap_or(1);
    let deep = usize::try_from(largest.next_power_of_two().ilog2()).unwrap() + 1;
    // A row that is sent anew, because somebody asked for it, costs the same again.
    let asked = 1 + retries(history);
    let allowed = malformed.len() * deep * asked;
    (rejected > allowed)
        .then(|| {
            format!(
                "{rejected} requests were refused for {} malformed rows of at most {largest} users",
                malformed.len()
            )
        })
        .into_iter()
        .collect()
}

/// How often everything that had failed was tried anew, or a row with all its fields was declared
/// otherwise.
fn retries(history: &History) -> usize {
    let objects = history.world.api.versions.iter().filter_map(|kept| kept.object.as_ref());
    let seen: BTreeSet<_> = objects.map(|object| (object.generation, &object.retry_failed)).collect();
    seen.len() - 1
}
