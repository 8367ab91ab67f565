//! Whether the schedules came out as promised, by the simulator's records and by what `status` says.

use jiff::Timestamp;
use jumpcloud_sim::ledger::{Cause, ScheduleOutcome, ScheduledEvent};
use jumpcloud_sim::{Route, What};

use crate::demo::cast::{Dated, JOINERS, LEAVER};
use crate::demo::ledger::Ledger;
use crate::demo::schedule::{Counts, Schedule};

/// What is checked, in words.
pub(super) const PROMISES: [&str; 4] = [
    "3 requests scheduled, one for each date and object; 2 cancelled: the leaver's change, and the joiners' first",
    "the joiners' new changes were listed before the old ones went: at every moment each was listed once at least",
    "each joiner was activated by its scheduled change, once, at startTime; then nothing is listed any more",
    "the leaver is as before",
];

/// The dates that were asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dates {
    pub(super) monday: Timestamp,
    pub(super) friday: Timestamp,
    pub(super) moved: Timestamp,
}

/// Everything that is not as promised; nothing when all is.
pub(super) fn problems(
    schedules: &[Schedule],
    ledger: &Ledger,
    before: &Ledger,
    dates: Dates,
) -> Vec<String> {
    let Dates { monday, friday, moved } = dates;
    let happened = ledger.since(before);
    let mut problems = told(schedules);
    problems.extend(requests(ledger, before));
    for name in JOINERS.users {
        let wanted = [
            format!("+ ACTIVATED {monday}"),
            format!("+ ACTIVATED {moved}"),
            format!("- ACTIVATED {monday}"),
            format!("= ACTIVATED {moved}"),
        ];
        problems.extend(life(ledger, &happened, name, &wanted, "ACTIVATED"));
    }
    for name in LEAVER.users {
        let wanted = [format!("+ SUSPENDED {friday}"), format!("- SUSPENDED {friday}")];
        problems.extend(life(ledger, &happened, name, &wanted, "STAGED"));
    }
    if ledger.listed() != 0 {
        problems.push(format!("{} scheduled changes are left in JumpCloud", ledger.listed()));
    }
    problems
}

/// What `status` has to say.
fn told(schedules: &[Schedule]) -> Vec<String> {
    let of = |sample: Dated| schedules.iter().find(|schedule| schedule.name() == sample.object);
    let mut problems = Vec::new();
    let users = JOINERS.users.len();
    let counts = of(JOINERS).map(|schedule| schedule.status.counts);
    if counts != Some(Counts { users, executed: users }) {
        problems
            .push(format!("status.counts of {} says {counts:?} instead of {users} executed", JOINERS.object));
    }
    if of(LEAVER).is_some() {
        problems.push(format!("{} is still there", LEAVER.object));
    }
    problems
}

fn requests(ledger: &Ledger, before: &Ledger) -> Vec<String> {
    let writes = ledger.writes_since(before);
    let count = |route| writes.iter().filter(|request| request.route == route).count();
    let found = (count(Route::ScheduleCreate), count(Route::ScheduleDelete));
    if found == (3, 2) {
        return Vec::new();
    }
    vec![format!("(POST, DELETE) of scheduled changes were {found:?} instead of (3, 2)")]
}

/// What became of the changes of one user, in order; and the state that the user is in now.
fn life(ledger: &Ledger, happened: &[&What], name: &str, wanted: &[String], state: &str) -> Vec<String> {
    let users = ledger.users();
    let Some(id) = users.get(name) else { return vec![format!("{name} does not exist")] };
    let mut problems = Vec::new();
    let found: Vec<String> = happened.iter().filter_map(|what| step(what, id)).collect();
    if found != wanted {
        problems.push(format!(
            "of {name} was (+ scheduled, - cancelled, = made) {found:?} instead of {wanted:?}"
        ));
    }
    if ledger.state_of(name) != Some(state) {
        problems.push(format!("{name} is {:?} instead of {state}", ledger.state_of(name)));
    }
    problems
}

fn step(what: &What, id: &str) -> Option<String> {
    let (event, sign): (&ScheduledEvent, &str) = match what {
        What::ScheduleAdded { event, by: Cause::Request } => (event, "+"),
        What::ScheduleRemoved { event, by: Cause::Request } => (event, "-"),
        What::ScheduleExecuted { event, outcome: ScheduleOutcome::Changed } => (event, "="),
        What::ScheduleAdded { event, .. }
        | What::ScheduleRemoved { event, .. }
        | What::ScheduleExecuted { event, .. } => (event, "?"),
        _ => return None,
    };
    (event.user_id == id).then(|| format!("{sign} {} {}", event.state, event.date))
}

#[cfg(test)]
mod tests;
