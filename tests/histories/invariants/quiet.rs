//! I4: when faults stop, everything comes to its end within a bound, and then there are no writes and
//! no calls, whatever restarts or looks at the object.

use jumpcloud_operator::api::user_status::JumpCloudUserBatchStatus;

use crate::clock::{MINUTE, Ms};
use crate::history::{BOUND, History, SILENCE};

/// All that goes on although nothing is left to do.
pub fn check(history: &History) -> Vec<String> {
    let mut found = history.world.ledger.spins.clone();
    let versions = history.world.api.versions.iter();
    let versions: Vec<_> =
        versions.filter_map(|kept| Some((kept.at, kept.object.clone()?.status.clone()))).collect();
    found.extend(restless(&versions, |one, two| {
        let bare = |status: &JumpCloudUserBatchStatus| JumpCloudUserBatchStatus {
            conditions: Vec::new(),
            ..status.clone()
        };
        bare(one) != bare(two)
    }));
    let writes = history.world.api.status_writes - history.at_rest.writes;
    let calls = history.world.ledger.calls - history.at_rest.calls;
    if writes + calls > 0 {
        found.push(format!(
            "{writes} writes and {calls} calls in the {} min after the bound of {} min",
            SILENCE / 60_000,
            BOUND / 60_000
        ));
    }
    if let Some(object) = history.object() {
        if !object.status.submissions.is_empty() {
            found.push(format!("{} requests are still under way", object.status.submissions.len()));
        }
        let ready = object.status.conditions.first().map(|c| (c.status.as_str(), c.reason.as_str()));
        if let Some(("Unknown", reason))
        | Some((_, reason @ ("Retrying" | "Paused" | "ConnectionNotReady"))) = ready
        {
            found.push(format!("at rest with reason {reason}"));
        }
    }
    found
}

/// More versions of an object within a minute than any history needs: two that take each other's back.
const HASTE: usize = 100;

/// Whether an object is written all the time; `differ` says whether two versions differ in more than conditions, which
/// leaders that know different things may write in turns for a while.
pub fn restless<T>(versions: &[(Ms, T)], differ: impl Fn(&T, &T) -> bool) -> Option<String> {
    let fast = |some: &&[(Ms, T)]| {
        some[HASTE - 1].0 - some[0].0 < MINUTE
            && some.windows(2).filter(|two| differ(&two[0].1, &two[1].1)).count() > HASTE / 2
    };
    let mut minutes = versions.windows(HASTE).filter(fast);
    minutes.next().map(|some| format!("{HASTE} versions within a minute from {} ms on", some[0].0))
}
