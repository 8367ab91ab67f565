//! Annotation requested-at: acted on means that every user in conflict was looked at again. What stands
//! in the way until somebody edits something excuses.

use jumpcloud_operator::api::user_status::reason;

use crate::api_server::Object;
use crate::clock::{MINUTE, Ms};
use crate::environment::Link;
use crate::history::History;

/// Reasons that excuse.
const EXCUSES: [&str; 4] = ["InvalidSpec", "Paused", "ConnectionNotReady", "OrgMismatch"];

/// All requests that were noted as acted on and were not.
pub fn check(history: &History) -> Vec<String> {
    let Some(object) = history.object() else { return Vec::new() };
    let mut found = Vec::new();
    let mut before: Option<&Object> = None;
    for (kept, object) in history.versions(object.uid) {
        let handled = handled(object);
        if let (Some(before), Some(value)) = (before, handled)
            && handled_differs(before, value)
            && !forbidden(object)
            && linked(history, kept.at)
            && !restricted(history, kept.at)
        {
            let asked = history
                .versions(object.uid)
                .find(|(_, object)| object.requested_at.as_deref() == Some(value))
                .map_or(0, |(kept, _)| kept.at);
            let looked = |username: &String| {
                let looks = &history.world.ledger.looks;
                looks
                    .iter()
                    .any(|look| asked <= look.at && look.at <= kept.at && look.asked.contains(username))
            };
            found.extend(
                conflicts(before)
                    .filter(|username| !looked(username))
                    .map(|username| format!("{username} was not looked at on request {value}")),
            );
        }
        before = Some(object);
    }
    found
}

/// Whether anything but time stands in the way. A spec with mistakes is not named in the conditions
/// while a job is under way.
fn forbidden(object: &Object) -> bool {
    let status = &object.status;
    !object.spec.desired.problems.is_empty()
        || object.spec.manifest.paused
        || status.conditions.iter().any(|condition| EXCUSES.contains(&condition.reason.as_str()))
}

/// Whether the connection was as it should be then, and for long enough that a pass knew.
fn linked(history: &History, then: Ms) -> bool {
    let switches = &history.world.environment.switches;
    let passes = MINUTE;
    let last = switches.iter().rev().find(|(at, _)| *at <= then);
    last.is_none_or(|(at, link)| *link == Link::Ready && at + passes <= then)
}

/// Whether the process that wrote it may have been one that may not write to JumpCloud.
fn restricted(history: &History, then: Ms) -> bool {
    let changes = &history.world.environment.restricted;
    let last = changes.iter().rev().find(|(at, _)| *at <= then);
    last.is_some_and(|(at, yes)| *yes || then <= at + MINUTE)
}

fn handled(object: &Object) -> Option<&str> {
    object.status.last_handled.as_ref()?.requested_at.as_deref()
}

fn handled_differs(before: &Object, value: &str) -> bool {
    handled(before) != Some(value)
}

/// Users in conflict whose rows are as they were.
fn conflicts(object: &Object) -> impl Iterator<Item = &String> {
    object.status.failures.iter().filter(|failure| failure.reason == reason::ALREADY_EXISTS).filter_map(
        |failure| {
            let rows = &object.spec.desired.rows;
            let row = rows.iter().find(|row| row.username == failure.username && row.hash == failure.hash);
            row.map(|_| &failure.username)
        },
    )
}
