//! Histories in virtual time around the pure planner.
//!
//! Each history is drawn from one seed: an object is declared, edited and annotated while a driver
//! carries the planner's steps out against models of the API server and of JumpCloud; writes conflict,
//! answers get lost, processes die, pause and overlap. When faults have stopped, everything must come
//! to its end, and the invariants are checked. A failing seed is printed with the command that replays
//! it line by line.
#![cfg(test)]

mod api_server;
mod boundaries;
mod clock;
mod confirm;
mod declared;
mod dice;
mod driver;
mod environment;
mod explore;
mod history;
mod invariants;
mod jumpcloud;
mod ledger;
mod manifest;
mod mutant;
mod network;
mod process;
mod profile;
mod repair;
mod schedules;
mod trace;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::invariants::Violation;
use crate::mutant::Mutant;
use crate::profile::{PROFILES, Profile};

/// Histories of each profile in a run: `usual` ones, or `full` ones with FAULT_RUNS=full; `HISTORIES` asks for another
/// number, `HISTORY_PROFILE` for one profile alone.
fn each(usual: u64, full: u64) -> u64 {
    let all = std::env::var("FAULT_RUNS").is_ok_and(|extent| extent == "full");
    setting("HISTORIES").unwrap_or(if all { full } else { usual })
}

/// Histories of each profile in `make test`, and in a full run (FAULT_RUNS=full).
const EACH: (u64, u64) = (500, 4000);

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// The first seed that breaks a rule, with what it broke.
fn first_failure(profile: &'static Profile, seeds: std::ops::Range<u64>) -> Option<(u64, Vec<Violation>)> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return None;
            }
            let found = history::check(profile, seed, None, false);
            if !found.is_empty() {
                return Some((seed, found));
            }
        }
    };
    std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().filter_map(|worker| worker.join().unwrap()).min_by_key(|(seed, _)| *seed)
    })
}

#[test]
fn every_history_keeps_the_promises() {
    let each = each(EACH.0, EACH.1);
    let mut failed = Vec::new();
    let only = std::env::var("HISTORY_PROFILE").ok();
    for profile in PROFILES.iter().filter(|profile| only.as_ref().is_none_or(|name| name == profile.name)) {
        if let Some((seed, found)) = first_failure(profile, 0..each) {
            for violation in found {
                println!("{} {seed}: {}: {}", profile.name, violation.rule, violation.text);
            }
            failed.push(format!(
                "HISTORY_PROFILE={} HISTORY_SEED={seed} cargo test --test histories -- replay --nocapture",
                profile.name
            ));
        }
    }
    assert!(failed.is_empty(), "replay with\n{}", failed.join("\n"));
}

/// With `HISTORY_SURVEY` set to a number: so many histories of each profile, and what is wrong with all of
/// them, by rule.
#[test]
fn survey() {
    let Some(each) = setting("HISTORY_SURVEY") else { return };
    let from = setting("HISTORY_FROM").unwrap_or(0);
    let only = std::env::var("HISTORY_PROFILE").ok();
    let profiles: Vec<_> =
        PROFILES.iter().filter(|profile| only.as_ref().is_none_or(|name| name == profile.name)).collect();
    let next = AtomicU64::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(profile) = usize::try_from(at / each).ok().and_then(|at| profiles.get(at)) else {
                return found;
            };
            let seed = from + at % each;
            let wrong = std::panic::catch_unwind(|| history::check(profile, seed, None, false));
            let wrong =
                wrong.unwrap_or_else(|_| vec![Violation { rule: "panic", text: "see above".to_owned() }]);
            found.extend(
                wrong.into_iter().map(|violation| (violation.rule, profile.name, seed, violation.text)),
            );
        }
    };
    let mut found = std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    found.sort();
    for (rule, profile, seed, text) in found {
        println!("{rule:10} {profile} {seed}: {text}");
    }
}

#[test]
fn replay() {
    let name = std::env::var("HISTORY_PROFILE").unwrap_or_else(|_| "replicas".to_owned());
    let seed = setting("HISTORY_SEED").unwrap_or(1);
    let found = history::check(profile::named(&name), seed, None, setting("HISTORY_SEED").is_some());
    assert!(found.is_empty(), "{found:#?}");
}

/// Wrong drivers: the profile that catches each, and the rules of which it breaks at least one.
const WRONG: [(Mutant, &str, &[&str]); 26] = [
    (Mutant::SkipSwap, "calm", &["I2"]),
    (Mutant::SendAgainOnUnknown, "lossy", &["I1", "I2"]),
    (Mutant::TimeoutIsRefusal, "lossy", &["I1", "I3"]),
    (Mutant::ServerErrorIsRejection, "lossy", &["I3", "I5"]),
    (Mutant::ForgetJobId, "calm", &["I3"]),
    (Mutant::IgnoreSubmitBy, "replicas", &["I2"]),
    (Mutant::NoQuarantine, "lossy", &["I1"]),
    (Mutant::OverwriteStatus, "replicas", &["I1", "I2", "I3"]),
    (Mutant::ConflictIsSuccess, "replicas", &["I1", "I2"]),
    (Mutant::NoLookUp, "calm", &["look"]),
    (Mutant::SameNonce, "calm", &["I2"]),
    (Mutant::UntestedRecord, "replicas", &["I1", "I3", "I5"]),
    (Mutant::RefusalIsRejection, "lossy", &["I5"]),
    (Mutant::WallClockOnly, "skewed", &["I1"]),
    (Mutant::Restless, "calm", &["I4"]),
    (Mutant::HastyUpdate, "hasty", &["order"]),
    (Mutant::SendEverything, "updating", &["update"]),
    (Mutant::LookAtAll, "updating", &["I8"]),
    (Mutant::ForgetAttributes, "editing", &["update"]),
    (Mutant::CorrectState, "hasty", &["state"]),
    (Mutant::WholeHalves, "poisoned", &["I1", "halving"]),
    (Mutant::TrustRows, "odd", &["fields"]),
    (Mutant::IgnoreProtection, "editing", &["update"]),
    (Mutant::RepairUnannounced, "updating", &["update"]),
    (Mutant::ForgetRepair, "hasty", &["order"]),
    (Mutant::ForgetRemoved, "updating", &["retained"]),
];

/// Histories within which each of them must be caught.
const CAUGHT_WITHIN: u64 = 500;

#[test]
fn every_wrong_driver_is_caught() {
    let mut missed = Vec::new();
    for (mutant, name, rules) in WRONG {
        let profile = profile::named(name);
        let caught = (0..CAUGHT_WITHIN).find_map(|seed| {
            let found = history::check(profile, seed, Some(mutant), false);
            let hit = found.into_iter().find(|violation| rules.contains(&violation.rule))?;
            Some((seed, hit))
        });
        match caught {
            Some((seed, hit)) => {
                println!("{mutant:?}: {} after {} histories: {}", hit.rule, seed + 1, hit.text);
            }
            None => missed.push(mutant),
        }
    }
    assert!(missed.is_empty(), "not caught within {CAUGHT_WITHIN} histories: {missed:?}");
}
