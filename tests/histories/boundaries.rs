//! A crash at every effect boundary, and pairs of crashes: whatever is interrupted, the users are the
//! same in the end as without a crash, and status says the same of them.
//!
//! What may differ: jobs and their ids, attempts, times, and that a user was taken over after an unknown
//! outcome. A request with a malformed row is answered with 400 as a whole; which users share it depends
//! on the crash, so that workloads with such rows are left out.

use std::collections::BTreeMap;

use jumpcloud_operator::api::user_status::reason;

use crate::history::{History, live};
use crate::invariants;
use crate::manifest::Flaw;
use crate::mutant::Mutant;
use crate::profile::named;
use crate::world::Crash;

/// Workloads of which every boundary is tried.
const WORKLOADS: usize = 12;

/// How far apart, in effects, the crashes of a pair are at most.
const APART: u64 = 4;

/// What people see of each user, and which users there are.
type Result = (BTreeMap<String, (String, bool)>, Vec<String>);

fn result(history: &History) -> Result {
    let object = history.world.api.live().unwrap();
    let lines = object.status.users.iter().map(|line| {
        let unknown = line.reason.as_deref() == Some(reason::SUBMISSION_UNKNOWN);
        (line.username.clone(), (line.result.clone(), unknown))
    });
    let mut users: Vec<String> = history.world.jumpcloud.users.iter().map(|u| u.username.clone()).collect();
    users.sort();
    (lines.collect(), users)
}

/// Seeds without a row that spoils whole requests, and how many effects each takes.
fn workloads() -> Vec<(u64, u64, Result)> {
    (0..)
        .map(|seed| (seed, live(named("still"), seed, None, false, &[])))
        .filter(|(_, history)| {
            let rows = &history.world.environment.rows;
            rows.iter().all(|row| row.flaw != Flaw::Poison)
        })
        .map(|(seed, history)| (seed, history.world.effects, result(&history)))
        .take(WORKLOADS)
        .collect()
}

fn problems(seed: u64, crashes: &[(u64, Crash)], expected: &Result, mutant: Option<Mutant>) -> Vec<String> {
    let history = live(named("still"), seed, mutant, false, crashes);
    // One death more is the restart of everything in the end.
    assert!(crashes.len() > 1 || history.world.ledger.deaths.len() == 2, "no crash at {crashes:?}");
    let mut found: Vec<String> =
        invariants::check(&history).into_iter().map(|v| format!("{}: {}", v.rule, v.text)).collect();
    let (lines, users) = result(&history);
    for (username, (result, unknown)) in &lines {
        let same = expected.0.get(username).is_some_and(|(expected, _)| expected == result);
        // A user whose every request was interrupted is reported unknown after two of them.
        let excused = *unknown && crashes.len() > 1;
        if !same && !excused {
            found.push(format!("{username} is {result}"));
        }
    }
    let given_up = lines.values().any(|(_, unknown)| *unknown);
    if users != expected.1 && !given_up {
        found.push(format!("there are {users:?}"));
    }
    found.into_iter().map(|text| format!("still {seed} with {crashes:?}: {text}")).collect()
}

#[test]
fn a_crash_at_any_boundary_changes_nothing() {
    let mut found = Vec::new();
    for (seed, effects, expected) in workloads() {
        for effect in 1..=effects {
            for crash in [Crash::Before, Crash::Sent] {
                found.extend(problems(seed, &[(effect, crash)], &expected, None));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn neither_do_two_crashes() {
    let mut found = Vec::new();
    for (seed, effects, expected) in workloads().into_iter().take(WORKLOADS / 4) {
        for first in 1..=effects {
            for second in first + 1..=first + APART {
                for crashes in [Crash::Before, Crash::Sent].map(|c| [(first, c), (second, Crash::Sent)]) {
                    found.extend(problems(seed, &crashes, &expected, None));
                }
                let crashes = [(first, Crash::Sent), (second, Crash::Before)];
                found.extend(problems(seed, &crashes, &expected, None));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_wrong_driver_is_caught_at_a_boundary() {
    let caught = workloads().into_iter().any(|(seed, effects, expected)| {
        (1..=effects).any(|effect| {
            let crashes = [(effect, Crash::Sent)];
            !problems(seed, &crashes, &expected, Some(Mutant::NoQuarantine)).is_empty()
        })
    });
    assert!(caught);
}
