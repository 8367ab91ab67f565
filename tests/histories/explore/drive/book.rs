//! What was found out while driving.

use std::collections::HashMap;

use crate::explore::kind::{Kind, Step};
use crate::explore::search::Same;
use crate::invariants::Violation;

/// What was found out on the way.
pub struct Book<K: Kind> {
    /// Broken rules.
    pub broken: Vec<Violation>,
    /// What the planner said to each question.
    plans: HashMap<u64, Step<K>, Same>,
}

impl<K: Kind> Default for Book<K> {
    fn default() -> Self {
        Self { broken: Vec::new(), plans: HashMap::default() }
    }
}

impl<K: Kind> Book<K> {
    /// What the planner says to the question of this fingerprint; it is asked once.
    pub fn step(&mut self, question: u64, ask: impl FnOnce() -> Step<K>) -> Step<K> {
        self.plans.entry(question).or_insert_with(ask).clone()
    }

    /// How many different questions the planner was asked.
    pub fn asked(&self) -> usize {
        self.plans.len()
    }
}
