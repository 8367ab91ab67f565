//! I4: when faults stop, everything comes to its end within a bound, and then there are no writes and
//! no calls, whatever restarts or looks at the object.

use crate::clock::{MINUTE, Ms};
use crate::history::{BOUND, History, SILENCE};

/// All that goes on although nothing is left to do.
pub fn check(history: &History) -> Vec<String> {
    let mut found = history.world.ledger.spins.clone();
    found.extend(restless(history.world.api.versions.iter().map(|kept| kept.at)));
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

/// Whether an object is written all the time.
pub fn restless(times: impl Iterator<Item = Ms>) -> Option<String> {
    let times: Vec<Ms> = times.collect();
    let mut minutes = times.windows(HASTE).filter(|some| some[HASTE - 1] - some[0] < MINUTE);
    minutes.next().map(|some| format!("{HASTE} versions within a minute from {} ms on", some[0]))
}
