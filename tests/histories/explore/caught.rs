//! Each wrong operator is caught: the explorer finds the moves that lead to a broken rule.

use super::budget::Budget;
use super::kind::Kind;
use super::search::{Report, explore};
use super::setting::Setting;
use super::wrong::Wrong;
use super::{BATCHES, SCHEDULES, budget, named, order};

/// How many states may be met before each is caught.
const WITHIN: usize = 60_000;

/// One wrong operator, and where it is caught.
struct Case {
    wrong: Wrong,
    /// The setting.
    within: &'static str,
    budget: Budget,
    /// The rules of which it breaks one.
    rules: &'static [&'static str],
}

const fn case(wrong: Wrong, within: &'static str, budget: Budget, rules: &'static [&'static str]) -> Case {
    Case { wrong, within, budget, rules }
}

/// One fault, one crash, one pause, one stale pass, one edit.
const FAULT: Budget = budget(1, 1, 0, 0, 0, 0);
const CRASH: Budget = budget(1, 0, 1, 0, 0, 0);
const PAUSE: Budget = budget(1, 0, 0, 1, 0, 0);
const EDIT: Budget = budget(1, 0, 0, 0, 0, 1);
const NOTHING: Budget = budget(0, 0, 0, 0, 0, 0);
const FAULT_AND_EDIT: Budget = budget(2, 1, 0, 0, 0, 1);

const CASES: [Case; 26] = [
    case(Wrong::SkipSwap, "create", NOTHING, &["I2"]),
    case(Wrong::SendAgainOnServerError, "create", FAULT, &["I2"]),
    case(Wrong::TimeoutIsFailure, "create", FAULT, &["I1"]),
    case(Wrong::ServerErrorIsRejection, "create", FAULT, &["I3", "I5"]),
    case(Wrong::RefusalIsRejection, "create", FAULT, &["I5"]),
    case(Wrong::ForgetJobId, "create", EDIT, &["I3"]),
    case(Wrong::UntestedRecord, "create by two", budget(2, 0, 0, 1, 0, 1), &["I3"]),
    case(Wrong::AdoptWithoutEvidence, "create", EDIT, &["I5"]),
    case(Wrong::IgnoreSubmitBy, "create", PAUSE, &["I2"]),
    case(Wrong::SettleByFirst, "create two", NOTHING, &["I5"]),
    case(Wrong::TrustCache, "create by two", NOTHING, &["I1", "I2", "I3"]),
    case(Wrong::ConflictIsSuccess, "create by two", NOTHING, &["I2"]),
    case(Wrong::OneLook, "create", FAULT, &["I1"]),
    case(Wrong::NoQuarantine, "create", FAULT, &["I1"]),
    case(Wrong::WallClockOnly, "create by two, one ahead", FAULT, &["I1"]),
    case(Wrong::SameNonce, "create", FAULT, &["I2"]),
    case(Wrong::HastyUpdate, "update", FAULT_AND_EDIT, &["order"]),
    case(Wrong::Restless, "create", NOTHING, &["I4"]),
    case(Wrong::SkipSwap, "schedule", NOTHING, &["I2"]),
    case(Wrong::TimeoutIsFailure, "schedule", FAULT, &["S1", "I3"]),
    case(Wrong::OneLook, "schedule", FAULT, &["S1"]),
    case(Wrong::NoQuarantine, "schedule", FAULT, &["S1"]),
    case(Wrong::Blind, "schedule", CRASH, &["S1"]),
    case(Wrong::CancelUnverified, "forged event", NOTHING, &["S7"]),
    case(Wrong::CancelFirst, "move a schedule", NOTHING, &["S2"]),
    case(Wrong::NoFinalizer, "schedule", NOTHING, &["S3"]),
];

fn find<K: Kind>(settings: &[Setting<K>], case: &Case) -> Option<Report> {
    let setting = named(settings, case.within)?;
    Some(explore(&Setting { wrong: Some(case.wrong), ..setting }, case.budget, WITHIN))
}

#[test]
fn every_wrong_operator_is_caught() {
    let mut missed = Vec::new();
    let mut states = 0;
    for case in &CASES {
        let report = find(&BATCHES, case).or_else(|| find(&SCHEDULES, case)).unwrap();
        states += report.states;
        match &report.broken {
            Some(broken) if case.rules.contains(&broken.violation.rule) => println!(
                "{:?} ({}): {} after {} states, {} moves: {}",
                case.wrong,
                case.within,
                broken.violation.rule,
                report.states,
                broken.path.len(),
                broken.violation.text,
            ),
            other => missed.push(format!(
                "{:?} ({}): {:?} after {} states",
                case.wrong,
                case.within,
                other.as_ref().map(|broken| (
                    &broken.violation,
                    order(case.within, case.budget, Some(case.wrong), &broken.path)
                )),
                report.states,
            )),
        }
    }
    println!("{} wrong operators, {states} states", CASES.len());
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
