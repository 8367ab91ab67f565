//! Which schedules take their users from which batch: they are woken when it changes or goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::wakes::Wakes;
use crate::api::recording::Kind;

/// The schedules that follow batches.
pub struct Followers {
    index: Mutex<Index>,
    wakes: Arc<Wakes>,
}

/// Namespace and name.
type Name = (String, String);

#[derive(Default)]
struct Index {
    /// By schedule: the batch, of the same namespace.
    batches: BTreeMap<Name, String>,
    /// By batch: the names of the schedules.
    schedules: BTreeMap<Name, BTreeSet<String>>,
}

impl Followers {
    /// Nobody follows a batch yet. `wakes` reaches those that do.
    #[must_use]
    pub fn new(wakes: Arc<Wakes>) -> Self {
        Self { index: Mutex::default(), wakes }
    }

    /// Takes in which batch a schedule follows, if any.
    pub fn follows(&self, namespace: &str, schedule: &str, batch: Option<&str>) {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), schedule.to_owned());
        if index.batches.get(&key).map(String::as_str) == batch {
            return;
        }
        if let Some(before) = index.batches.remove(&key) {
            let left = (namespace.to_owned(), before);
            if let Some(schedules) = index.schedules.get_mut(&left) {
                schedules.remove(schedule);
                if schedules.is_empty() {
                    index.schedules.remove(&left);
                }
            }
        }
        if let Some(batch) = batch {
            index.batches.insert(key, batch.to_owned());
            let followed = (namespace.to_owned(), batch.to_owned());
            index.schedules.entry(followed).or_default().insert(schedule.to_owned());
        }
    }

    /// A batch has changed, or is gone: who follows it is woken.
    pub fn changed(&self, namespace: &str, batch: &str) {
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let followed = (namespace.to_owned(), batch.to_owned());
        for schedule in index.schedules.get(&followed).into_iter().flatten() {
            self.wakes.wake(Kind::Schedule, namespace, schedule);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_follows_a_batch_is_woken_until_it_follows_another() {
        let mut wakes = Wakes::default();
        let mut woken = wakes.way(Kind::Schedule, None);
        let followers = Followers::new(Arc::new(wakes));
        let mut after = |namespace: &str, batch: &str| {
            followers.changed(namespace, batch);
            let mut names = Vec::new();
            while let Ok(object) = woken.try_recv() {
                names.push(format!("{}/{}", object.namespace, object.name));
            }
            names
        };
        followers.follows("a", "leave", Some("sales"));
        followers.follows("a", "join", Some("sales"));
        followers.follows("b", "join", Some("sales"));
        followers.follows("a", "alone", None);
        assert_eq!(after("a", "sales"), ["a/join", "a/leave"]);
        assert!(after("a", "other").is_empty());
        followers.follows("a", "leave", Some("other"));
        followers.follows("b", "join", None);
        assert_eq!(after("a", "sales"), ["a/join"]);
        assert_eq!(after("a", "other"), ["a/leave"]);
        assert!(after("b", "sales").is_empty());
        assert_eq!(followers.index.lock().unwrap().schedules.len(), 2, "nothing is left of the past");
    }
}
