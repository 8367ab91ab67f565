//! A crash at every effect boundary, and pairs of crashes: whatever is interrupted, the users and their
//! fields are the same in the end as without a crash, and status says the same of them.
//!
//! What may differ: jobs and their ids, attempts, times, and that a user was taken over after an unknown
//! outcome.

use std::collections::BTreeMap;

use jumpcloud_operator::api::submission::Operation;
use jumpcloud_operator::api::user_status::reason;
use serde_json::{Map, Value};

use crate::history::{History, live};
use crate::invariants;
use crate::mutant::Mutant;
use crate::profile::named;
use crate::world::Crash;

/// Workloads of which every boundary is tried: the profile, how many, and what each must have in it.
const WORKLOADS: [(&str, usize, Has); 4] =
    [("still", 8, any), ("edited", 3, updates), ("edited", 2, repairs), ("halved", 2, halves)];

/// How far apart, in effects, the crashes of a pair are at most.
const APART: u64 = 4;

/// What a workload must have in it.
type Has = fn(&History) -> bool;

/// What people see of each user, and which users there are, with their fields but ids.
type Result = (BTreeMap<String, (String, bool)>, BTreeMap<String, Map<String, Value>>);

/// A workload.
struct Workload {
    profile: &'static str,
    seed: u64,
    effects: u64,
    deaths: usize,
    expected: Result,
}

fn any(_: &History) -> bool {
    true
}

fn updates(history: &History) -> bool {
    let posts = &history.world.ledger.posts;
    posts.iter().filter(|post| post.order.operation == Operation::Update).count() > 1
}

fn repairs(history: &History) -> bool {
    !history.world.ledger.puts.is_empty()
}

fn halves(history: &History) -> bool {
    history.world.ledger.posts.iter().any(|post| post.rejected && post.rows.len() > 2)
}

fn result(history: &History) -> Result {
    let object = history.world.api.live().unwrap();
    let lines = object.status.users.iter().map(|line| {
        let unknown = line.reason.as_deref() == Some(reason::SUBMISSION_UNKNOWN);
        (line.username.clone(), (line.result.clone(), unknown))
    });
    let users = &history.world.jumpcloud.users;
    let name = |id: &Value| users.iter().find(|user| *id == user.id).map(|user| user.username.clone());
    let users = users.iter().map(|user| {
        let mut fields = user.fields.clone();
        if let Some(manager) = fields.get_mut("manager") {
            *manager = name(manager).into();
        }
        (user.username.clone(), fields)
    });
    (lines.collect(), users.collect())
}

fn workloads(least: usize) -> Vec<Workload> {
    let mut all = Vec::new();
    for (profile, count, fits) in WORKLOADS {
        let fitting = (0..)
            .map(|seed| (seed, live(named(profile), seed, None, false, &[])))
            .filter(|(_, history)| fits(history))
            .map(|(seed, history)| Workload {
                profile,
                seed,
                effects: history.world.effects,
                deaths: history.world.ledger.deaths.len(),
                expected: result(&history),
            });
        all.extend(fitting.take(count.div_ceil(least)));
    }
    all
}

fn problems(workload: &Workload, crashes: &[(u64, Crash)], mutant: Option<Mutant>) -> Vec<String> {
    let Workload { profile, seed, expected, .. } = workload;
    let history = live(named(profile), *seed, mutant, false, crashes);
    assert!(
        crashes.len() > 1 || history.world.ledger.deaths.len() == workload.deaths + 1,
        "no crash at {crashes:?}"
    );
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
        found.push(format!("there are {users:?}, not {:?}", expected.1));
    }
    found.into_iter().map(|text| format!("{profile} {seed} with {crashes:?}: {text}")).collect()
}

#[test]
fn a_crash_at_any_boundary_changes_nothing() {
    let mut found = Vec::new();
    for workload in workloads(1) {
        for effect in 1..=workload.effects {
            for crash in [Crash::Before, Crash::Sent] {
                found.extend(problems(&workload, &[(effect, crash)], None));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn neither_do_two_crashes() {
    let mut found = Vec::new();
    for workload in workloads(4) {
        for first in 1..=workload.effects {
            for second in first + 1..=first + APART {
                for crashes in [Crash::Before, Crash::Sent].map(|c| [(first, c), (second, Crash::Sent)]) {
                    found.extend(problems(&workload, &crashes, None));
                }
                let crashes = [(first, Crash::Sent), (second, Crash::Before)];
                found.extend(problems(&workload, &crashes, None));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_wrong_driver_is_caught_at_a_boundary() {
    let caught = workloads(1).into_iter().any(|workload| {
        (1..=workload.effects).any(|effect| {
            let crashes = [(effect, Crash::Sent)];
            !problems(&workload, &crashes, Some(Mutant::NoQuarantine)).is_empty()
        })
    });
    assert!(caught);
}
