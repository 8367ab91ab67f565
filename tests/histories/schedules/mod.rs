//! Histories of schedules in virtual time, around their pure planner.
//!
//! As those of batches: each is drawn from one seed. One or two objects of an organisation are declared,
//! edited, paused and deleted while a driver carries the planner's steps out against models of the API server
//! and of JumpCloud's scheduled events. Then faults stop, days pass, the dates come, and what is left is
//! compared with what was declared. A failing seed is printed with the command that replays it.

mod claims;
mod confirm;
mod driver;
mod environment;
mod history;
mod invariants;
mod jumpcloud;
mod ledger;
pub mod manifest;
mod mutant;
mod network;
mod objects;
mod process;
mod profile;
mod reads;
mod trace;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use self::mutant::Mutant;
use self::profile::{PROFILES, Profile};
use crate::invariants::Violation;
use crate::{each, setting};

/// Histories of each profile in `make test`, and in a full run.
const EACH: (u64, u64) = (800, 9000);

/// Histories that panic are a violation, too.
fn check(profile: &'static Profile, seed: u64, mutant: Option<Mutant>) -> Vec<Violation> {
    std::panic::catch_unwind(|| history::check(profile, seed, mutant, false))
        .unwrap_or_else(|_| vec![Violation { rule: "panic", text: "see above".to_owned() }])
}

/// What is wrong with histories of these profiles: with all, or with the first of each that is wrong.
fn survey_of(
    profiles: &[&'static Profile],
    from: u64,
    each: u64,
    all: bool,
) -> Vec<(&'static str, &'static str, u64, String)> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(profile) = usize::try_from(at / each).ok().and_then(|at| profiles.get(at)) else {
                return found;
            };
            let known = |(_, name, ..): &(&str, &str, u64, String)| *name == profile.name;
            if !all && found.iter().any(known) {
                continue;
            }
            let seed = from + at % each;
            let wrong = check(profile, seed, None);
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
    found
}

fn chosen() -> Vec<&'static Profile> {
    let only = std::env::var("HISTORY_PROFILE").ok();
    PROFILES.iter().filter(|profile| only.as_ref().is_none_or(|name| name == profile.name)).collect()
}

#[test]
fn every_schedule_keeps_the_promises() {
    let mut failed = Vec::new();
    for (rule, profile, seed, text) in survey_of(&chosen(), 0, each(EACH.0, EACH.1), false) {
        println!("{profile} {seed}: {rule}: {text}");
        failed.push(format!(
            "HISTORY_PROFILE={profile} HISTORY_SEED={seed} cargo test --test histories -- schedules::replay --nocapture"
        ));
    }
    failed.dedup();
    assert!(failed.is_empty(), "replay with\n{}", failed.join("\n"));
}

/// With `SCHEDULE_SURVEY` set to a number: so many histories of each profile, and what is wrong with all of
/// them, by rule.
#[test]
fn survey() {
    let Some(each) = setting("SCHEDULE_SURVEY") else { return };
    for (rule, profile, seed, text) in survey_of(&chosen(), setting("HISTORY_FROM").unwrap_or(0), each, true)
    {
        println!("{rule:10} {profile} {seed}: {text}");
    }
}

#[test]
fn replay() {
    let name = std::env::var("HISTORY_PROFILE").unwrap_or_else(|_| "replicas".to_owned());
    let Some(profile) = PROFILES.iter().find(|profile| profile.name == name) else { return };
    let seed = setting("HISTORY_SEED").unwrap_or(1);
    let found = history::check(profile, seed, None, setting("HISTORY_SEED").is_some());
    assert!(found.is_empty(), "{found:#?}");
}

/// Wrong drivers: the profile that catches each, and the rules of which it breaks at least one.
const WRONG: [(Mutant, &str, &[&str]); 23] = [
    (Mutant::SkipSwap, "still", &["S3"]),
    (Mutant::OverwriteStatus, "replicas", &["S1", "S3"]),
    (Mutant::SameNonce, "edited", &["S3"]),
    (Mutant::SendAgainOnUnknown, "lossy", &["S3"]),
    (Mutant::TimeoutIsRefusal, "lossy", &["S1"]),
    (Mutant::RefusalIsRejection, "mute", &["S9"]),
    (Mutant::NoQuarantine, "lossy", &["S1"]),
    (Mutant::Blind, "meddled", &["S1"]),
    (Mutant::SeesOwn, "meddled", &["S1"]),
    (Mutant::BelievesMoved, "lossy", &["S5"]),
    (Mutant::CancelFirst, "edited", &["S2"]),
    (Mutant::NoFinalizer, "lossy", &["S3"]),
    (Mutant::AlwaysRetain, "rivals", &["S3", "S5"]),
    (Mutant::AlwaysCancel, "rivals", &["S5", "S7"]),
    (Mutant::CancelAdopted, "meddled", &["S7"]),
    (Mutant::ForgetUnknown, "mute", &["S6"]),
    (Mutant::Early, "edited", &["S8"]),
    (Mutant::AlwaysApply, "near", &["S8"]),
    (Mutant::Restless, "still", &["S4"]),
    (Mutant::LookOften, "still", &["S4"]),
    (Mutant::Optimist, "still", &["S4"]),
    (Mutant::Pessimist, "still", &["S4", "S9"]),
    (Mutant::ForgetClaims, "rivals", &["S1"]),
];

/// Histories within which each of them must be caught.
const CAUGHT_WITHIN: u64 = 200;

#[test]
fn every_wrong_driver_of_schedules_is_caught() {
    let mut missed = Vec::new();
    for (mutant, name, rules) in WRONG {
        let profile = profile::named(name);
        let caught = (0..CAUGHT_WITHIN).find_map(|seed| {
            let hit =
                check(profile, seed, Some(mutant)).into_iter().find(|found| rules.contains(&found.rule))?;
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
