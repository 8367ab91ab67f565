//! How much of the long runs is run.
//!
//! `make test` runs a bounded part of each, `make test-faults` (which sets `FAULT_RUNS=full`) all of it.

/// Whether everything is to be run.
pub fn is_full() -> bool {
    std::env::var("FAULT_RUNS").is_ok_and(|extent| extent == "full")
}

/// What to take of `all`: everything in a full run, else every `step`-th beginning with the first.
pub fn part_of<T>(all: Vec<T>, step: usize) -> Vec<T> {
    if is_full() { all } else { all.into_iter().step_by(step).collect() }
}
