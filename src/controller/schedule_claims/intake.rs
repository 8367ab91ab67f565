//! What one watch tells about schedules, on its way to the watched store.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::runtime::watcher::Event;

use super::ScheduleClaims;
use crate::api::schedule_head::{ScheduleHead, ScheduleUsers};

/// The objects of one watch. A relist tells by omission what is gone.
pub struct ScheduleIntake {
    claims: Arc<ScheduleClaims>,
    known: BTreeSet<Name>,
    /// Objects of the list that is being read.
    listed: BTreeSet<Name>,
}

type Name = (String, String);

impl ScheduleIntake {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(claims: Arc<ScheduleClaims>) -> Self {
        Self { claims, known: BTreeSet::new(), listed: BTreeSet::new() }
    }

    /// Takes an event in; the users of its head go.
    #[must_use]
    pub fn take_in(&mut self, mut event: Event<ScheduleHead>) -> Event<ScheduleHead> {
        match &mut event {
            Event::Apply(head) => {
                self.claims.observe(head);
                self.known.insert(name_of(head));
            }
            Event::Delete(head) => {
                head.users = ScheduleUsers::default();
                let name = name_of(head);
                self.claims.forget(&name.0, &name.1);
                self.known.remove(&name);
            }
            Event::Init => self.listed.clear(),
            Event::InitApply(head) => {
                self.claims.observe(head);
                self.listed.insert(name_of(head));
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                for (namespace, name) in self.known.difference(&listed) {
                    self.claims.forget(namespace, name);
                }
                self.known = listed;
            }
        }
        event
    }
}

fn name_of(head: &ScheduleHead) -> Name {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    (part(&head.metadata.namespace), part(&head.metadata.name))
}
