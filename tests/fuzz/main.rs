//! Input that nobody should trust: answers of JumpCloud, manifests, annotations and statuses, as arbitrary
//! bytes and as sound documents that were mutated.
//!
//! No network but loopback, no control plane. Nothing may panic, take unbounded time or memory, or show what it
//! must not; and a forged status never makes the planners send, cancel or change what they would not without it.
//!
//! `PROPTEST_CASES` asks for another number of cases of every test, `FAULT_RUNS=full` for eight times as many. A failing case is printed, smallest first,
//! and its seed goes into a file `.regressions` beside the test, which is committed: it is run first from then on.
#![cfg(test)]

mod answers;
mod batches;
mod documents;
mod forbids;
mod heads;
mod large;
mod rig;
mod schedules;
mod texts;

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestCaseResult, TestRunner};

/// How many times as many cases the long runs take (`FAULT_RUNS=full`, as `make test-faults` sets it).
const FULL: u32 = 8;

/// Runs `test` on so many cases, or on [`FULL`] times as many, unless `PROPTEST_CASES` asks for another number.
fn check<S: Strategy>(
    source: &'static str,
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> TestCaseResult,
) where
    S::Value: Debug,
{
    let asked = std::env::var("PROPTEST_CASES").ok().map(|text| text.parse().unwrap());
    let full = std::env::var("FAULT_RUNS").is_ok_and(|extent| extent == "full");
    let config = ProptestConfig {
        cases: asked.unwrap_or(if full { cases * FULL } else { cases }),
        source_file: Some(source),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    };
    if let Err(error) = TestRunner::new(config).run(strategy, test) {
        panic!("{error}");
    }
}

/// What is wrong with a text that people are shown: control characters, or more than `most` characters.
fn unfit(text: &str, most: usize) -> Option<String> {
    let control = text.chars().find(|c| c.is_control());
    control
        .map(|c| format!("{c:?} in {text:?}"))
        .or_else(|| (text.chars().count() > most).then(|| format!("{} characters", text.chars().count())))
}
