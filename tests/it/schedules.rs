//! Scheduled state changes: what they cost, what edits, crashes and lost replies do to them, what JumpCloud may
//! be like, and what people are told.
//!
//! The operator's clock is the real one. The daily look and the last two before startTime are shown in virtual
//! time, by the tests of `plan::schedule::looks` and `plan::schedule::step`; here it is shown that between looks
//! there is silence.

mod batches;
mod by_hand;
mod clocks;
mod console;
mod cost;
mod crash;
mod edits;
mod finalizers;
mod forged;
mod kubectl;
mod leaver;
mod missed;
mod named;
mod neighbours;
mod others;
mod outcome;
mod private;
mod rejected;
mod replies;
mod restore;
mod standing;
mod storm;
mod switches;
mod teardown;
mod turns;
mod unknowns;

use jumpcloud_operator::api::scheduled_user_state::ScheduledUserStateStatus;
use serde_json::{Value, json};

use crate::harness::operator::but;

/// Flags under which what became of a request is soon known.
fn hasty(flags: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    but(flags, "--unknown-quarantine", "1s")
}

/// A spec that suspends those users at that time.
fn suspending(users: &[Value], time: &impl ToString) -> Value {
    json!({"users": users, "state": "Suspended", "startTime": time.to_string(), "guards": {"maxUsers": 500}})
}

/// How many users have each result and reason.
fn results(status: &ScheduledUserStateStatus) -> std::collections::BTreeMap<String, usize> {
    let mut results = std::collections::BTreeMap::new();
    for user in &status.users {
        let reason = user.reason.as_deref().map(|reason| format!("/{reason}")).unwrap_or_default();
        *results.entry(format!("{}{reason}", user.result)).or_default() += 1;
    }
    results
}
