//! Who waits for whom: the objects that lost something to another one.

use std::collections::{BTreeSet, HashMap};

/// Who waits for whom, both ways, by `namespace/name`.
#[derive(Default)]
pub(in crate::controller) struct Waiting {
    /// By the object that has what they want: who waits.
    on: HashMap<String, BTreeSet<String>>,
    /// By who waits: for whom.
    of: HashMap<String, BTreeSet<String>>,
}

impl Waiting {
    /// Notes for whom an object waits, in place of what was noted before.
    pub(in crate::controller) fn waits(&mut self, waiter: &str, lost_to: Vec<String>) {
        let now: BTreeSet<String> = lost_to.into_iter().collect();
        let before = self.of.remove(waiter).unwrap_or_default();
        for gone in before.difference(&now) {
            if let Some(waiting) = self.on.get_mut(gone) {
                waiting.remove(waiter);
                if waiting.is_empty() {
                    self.on.remove(gone);
                }
            }
        }
        for holder in &now {
            self.on.entry(holder.clone()).or_default().insert(waiter.to_owned());
        }
        if !now.is_empty() {
            self.of.insert(waiter.to_owned(), now);
        }
    }

    /// Who waits for an object.
    pub(in crate::controller) fn on(&self, holder: &str) -> BTreeSet<String> {
        self.on.get(holder).cloned().unwrap_or_default()
    }

    /// Whether one object waits for another.
    pub(in crate::controller) fn knows(&self, waiter: &str, holder: &str) -> bool {
        self.of.get(waiter).is_some_and(|holders| holders.contains(holder))
    }
}
