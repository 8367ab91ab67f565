//! What one watch tells about batches, on its way to the watched store.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::runtime::watcher::Event;

use super::claims::Claims;
use super::turns::Turns;
use crate::api::head::{BatchHead, HeadUsers};
use crate::api::recording::Kind;

/// The objects of one watch. A relist tells by omission what is gone.
pub struct Intake {
    claims: Arc<Claims>,
    turns: Arc<Turns>,
    known: BTreeSet<Name>,
    /// Objects of the list that is being read.
    listed: BTreeSet<Name>,
}

type Name = (String, String);

impl Intake {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(claims: Arc<Claims>, turns: Arc<Turns>) -> Self {
        Self { claims, turns, known: BTreeSet::new(), listed: BTreeSet::new() }
    }

    /// Takes an event in; the users of its head go.
    #[must_use]
    pub fn take_in(&mut self, mut event: Event<BatchHead>) -> Event<BatchHead> {
        match &mut event {
            Event::Apply(head) => {
                self.observe(head);
                self.known.insert(name_of(head));
            }
            Event::Delete(head) => {
                head.users = HeadUsers::default();
                let name = name_of(head);
                self.forget(&name);
                self.known.remove(&name);
            }
            Event::Init => self.listed.clear(),
            Event::InitApply(head) => {
                self.observe(head);
                self.listed.insert(name_of(head));
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                for gone in self.known.difference(&listed) {
                    self.forget(gone);
                }
                self.known = listed;
            }
        }
        event
    }

    fn observe(&self, head: &mut BatchHead) {
        self.claims.observe(head);
        self.turns.observe(head);
    }

    fn forget(&self, (namespace, name): &Name) {
        self.claims.forget(namespace, name);
        self.turns.forget(Kind::UserBatch, namespace, name);
    }
}

fn name_of(head: &BatchHead) -> Name {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    (part(&head.metadata.namespace), part(&head.metadata.name))
}
