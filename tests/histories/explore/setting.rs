//! What is explored: the beginning of a world, and what may happen in it.

use jumpcloud_operator::plan::policy::Policy;

use super::budget::Budget;
use super::kind::Kind;
use super::state::State;
use super::timing::{QUARANTINE, SUBMIT};
use super::wrong::Wrong;
use crate::clock::{Ms, SECOND, span};

/// What is explored: how the world begins, and what may happen in it.
pub struct Setting<K: Kind> {
    /// Its name, also for replaying.
    pub name: &'static str,
    /// Everything before the first move.
    pub begin: fn() -> State<K>,
    /// How far the wall clock of each operator is ahead.
    pub skews: &'static [Ms],
    /// What others may do.
    pub edits: &'static [K::Edit],
    /// How much may go wrong in a bounded exploration, and in a whole one.
    pub budgets: [Budget; 2],
    /// How late a request may arrive that creates or schedules.
    pub delay: Ms,
    /// Nothing that is planned for later than this is waited for.
    pub horizon: Ms,
    /// The rule that the operator breaks.
    pub wrong: Option<Wrong>,
}

impl<K: Kind> Setting<K> {
    /// Settings of the operator.
    pub fn policy(&self) -> Policy {
        let quarantine = match self.wrong {
            Some(Wrong::NoQuarantine | Wrong::HastyUpdate) => 0,
            _ => QUARANTINE,
        };
        Policy {
            submit_timeout: span(SUBMIT),
            quarantine: span(quarantine),
            poll_min: span(10 * SECOND),
            poll_max: span(20 * SECOND),
            ..Policy::default()
        }
    }
}
