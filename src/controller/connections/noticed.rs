//! What watches of Secrets have told, and which connections it concerns.
//!
//! Guarantees: a Secret that is told to be what it was when its connection was checked costs nothing, so the first list
//! of a watch makes no second check. Another version has the Secret read, and JumpCloud asked only if what was read is
//! another one, too: watches may be behind. Nothing is lost that is told while a check goes on, because what was told
//! is compared with what was read, whichever came first.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Connections, Versions, key};

/// The last version of each watched Secret, by namespace/name; none when it is not there.
#[derive(Default)]
pub(super) struct Noticed {
    told: Mutex<HashMap<String, Option<String>>>,
}

impl Noticed {
    /// Whether a Secret is told to be another than was read.
    fn contradicts(&self, namespace: &str, read: &Versions) -> bool {
        self.with(|told| {
            !told.is_empty()
                && read.iter().any(|(name, version)| {
                    told.get(&key(namespace, name)).is_some_and(|told| told.as_deref() != version)
                })
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Option<String>>) -> T) -> T {
        act(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Connections {
    /// A watch tells of a Secret: its version, or that it is not there.
    pub fn notice(&self, namespace: &str, secret: &str, version: Option<String>) {
        self.noticed.with(|told| told.insert(key(namespace, secret), version));
        let of_namespace = |name: &str| name.split_once('/').is_some_and(|(place, _)| place == namespace);
        let concerned = self.with(|held| {
            let mut held = held.iter().filter(|(name, _)| of_namespace(name));
            held.any(|(_, held)| self.is_outdated(namespace, held.state.versions()))
        });
        if concerned {
            self.wake();
        }
    }

    /// Nobody watches that Secret at the moment: what was told last may not hold any more.
    pub fn overlook(&self, namespace: &str, secret: &str) {
        self.noticed.with(|told| told.remove(&key(namespace, secret)));
    }

    /// Whether one of the Secrets that were read is told to be another one by now.
    pub(super) fn is_outdated(&self, namespace: &str, read: &Versions) -> bool {
        self.noticed.contradicts(namespace, read)
    }
}

#[cfg(test)]
mod tests;
