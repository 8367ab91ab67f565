//! Sharing a credential: who may start a job, and whose turn is next.
//!
//! Job slots and rate tokens belong to the credential, and many objects of many namespaces may want
//! them. Turns go round the namespaces, then round the objects in each, so that a namespace with a
//! hundred batches gets no more than one with a single batch.

use std::collections::{BTreeMap, BTreeSet};

/// The jobs that a credential has under way, as far as one namespace is concerned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Most jobs at the same time.
    pub most: u32,
    /// Jobs under way, or about to be sent, of all objects.
    pub under_way: u32,
    /// Those of this namespace among them.
    pub here: u32,
    /// Whether another namespace uses the credential and has no job under way.
    pub idle_elsewhere: bool,
}

impl Load {
    /// Whether this namespace may start a job. One slot is kept for namespaces that have no job under way,
    /// while there are any.
    #[must_use]
    pub fn has_slot(&self) -> bool {
        let kept = u32::from(self.here > 0 && self.idle_elsewhere);
        self.under_way.saturating_add(kept) < self.most
    }
}

/// Who had the last turns.
#[derive(Debug, Clone)]
pub struct Round<O = String> {
    namespace: String,
    objects: BTreeMap<String, O>,
}

impl<O> Default for Round<O> {
    fn default() -> Self {
        Self { namespace: String::new(), objects: BTreeMap::new() }
    }
}

impl<O: Ord + Clone> Round<O> {
    /// Those who wait, beginning with whose turn it is. Whoever cannot use it is passed over.
    ///
    /// `waiting` has the objects by namespace.
    pub fn order<'w>(
        &'w self,
        waiting: &'w BTreeMap<String, BTreeSet<O>>,
    ) -> impl Iterator<Item = (&'w str, &'w O)> {
        let namespaces = after(waiting.keys(), Some(&self.namespace));
        namespaces.into_iter().flat_map(|namespace| {
            let last = self.objects.get(namespace);
            let objects = waiting.get(namespace).map(|objects| after(objects.iter(), last));
            objects.unwrap_or_default().into_iter().map(move |object| (namespace.as_str(), object))
        })
    }

    /// Somebody had a turn.
    pub fn had(&mut self, namespace: &str, object: &O) {
        namespace.clone_into(&mut self.namespace);
        self.objects.insert(namespace.to_owned(), object.clone());
    }

    /// Forgets namespaces in which nobody waits.
    pub fn keep_only(&mut self, waiting: &BTreeMap<String, BTreeSet<O>>) {
        self.objects.retain(|namespace, _| waiting.contains_key(namespace));
    }
}

/// All of them, which are sorted, beginning behind `last`.
fn after<'w, O: Ord>(all: impl Iterator<Item = &'w O>, last: Option<&O>) -> Vec<&'w O> {
    let (before, mut behind): (Vec<_>, Vec<_>) = all.partition(|one| Some(*one) <= last);
    behind.extend(before);
    behind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slot_is_kept_for_namespaces_without_a_job() {
        for (most, under_way, here, idle_elsewhere, has_slot) in [
            // Alone: all slots.
            (4, 0, 0, false, true),
            (4, 3, 3, false, true),
            (4, 4, 4, false, false),
            // Beside a namespace without a job: all but one.
            (4, 0, 0, true, true),
            (4, 2, 2, true, true),
            (4, 3, 3, true, false),
            // The namespace without a job gets the kept one, and no more than there are.
            (4, 3, 0, false, true),
            (4, 4, 0, false, false),
            // A third one: the kept slot goes to whoever has no job.
            (4, 3, 0, true, true),
            (4, 3, 1, true, false),
            // All have jobs: nobody is left to keep one for.
            (4, 3, 2, false, true),
            // A single slot is nobody's own.
            (1, 0, 0, true, true),
            (1, 1, 1, true, false),
            (1, 1, 0, false, false),
            (0, 0, 0, false, false),
        ] {
            let load = Load { most, under_way, here, idle_elsewhere };
            assert_eq!(load.has_slot(), has_slot, "{load:?}");
        }
    }

    #[test]
    fn turns_go_round_namespaces_then_objects() {
        let names = |of: &[&str]| of.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let waiting = BTreeMap::from([
            ("a".to_owned(), names(&["1", "2", "3"])),
            ("b".to_owned(), names(&["1"])),
            ("c".to_owned(), names(&["1", "2"])),
        ]);
        let mut round = Round::default();
        let mut turns = Vec::new();
        for _ in 0..9 {
            let (namespace, name) =
                round.order(&waiting).next().map(|(n, o)| (n.to_owned(), o.clone())).unwrap();
            turns.push(format!("{namespace}{name}"));
            round.had(&namespace, &name);
        }
        assert_eq!(turns, ["a1", "b1", "c1", "a2", "b1", "c2", "a3", "b1", "c1"]);
        assert_eq!(round.order(&waiting).count(), 6, "everybody is in the order");

        // Who had the last turn may be gone.
        round.had("bb", &"9".to_owned());
        assert_eq!(round.order(&waiting).next(), Some(("c", &"2".to_owned())));
        round.keep_only(&BTreeMap::from([("c".to_owned(), names(&["2"]))]));
        assert_eq!(
            round.order(&waiting).nth(2),
            Some(("a", &"1".to_owned())),
            "forgotten with those who wait"
        );
    }
}
