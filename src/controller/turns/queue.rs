//! Those who share one credential, and wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::jobs::Jobs;
use super::{Object, UNTAKEN, Want, Who};
use crate::jumpcloud::throttle::Throttle;
use crate::jumpcloud::throttles::ThrottleKey;
use crate::plan::share::{Load, Round};
use crate::runtime::clock;

/// The least pause before a token is looked for again: less is lost in rounding.
const SHORTLY: Duration = Duration::from_millis(1);

/// A credential, and who uses it.
#[derive(Debug, Clone)]
pub struct Shared {
    /// What it is known by.
    pub key: ThrottleKey,
    /// Its tokens.
    pub throttle: Throttle,
    /// Most jobs under way.
    pub most: u32,
    /// The connections that use it: `namespace/name`.
    pub connections: BTreeSet<String>,
}

/// The queue of one credential.
pub(super) struct Queue {
    pub(super) shared: Shared,
    round: Round<Object>,
    waiting: BTreeMap<Who, Waiting>,
    /// Passes that have a slot and have not sent yet.
    slots: BTreeSet<Who>,
}

struct Waiting {
    want: Want,
    /// Its turn has come, until then.
    granted: Option<Instant>,
}

impl Queue {
    pub(super) fn new(shared: Shared) -> Self {
        Self { shared, round: Round::default(), waiting: BTreeMap::new(), slots: BTreeSet::new() }
    }

    /// Stands in line; who does already stays where it is.
    pub(super) fn enter(&mut self, who: &Who, want: Want) {
        let waiting = self.waiting.entry(who.clone()).or_insert(Waiting { want, granted: None });
        // Who was given a slot may call before it asks for it; else the want of this moment counts.
        let given_more = waiting.granted.is_some() && want == Want::Token;
        if waiting.want != want && !given_more {
            *waiting = Waiting { want, granted: None };
        }
    }

    /// Takes a turn that has come.
    pub(super) fn take(&mut self, who: &Who, want: Want) -> bool {
        let Some(waiting) = self.waiting.get(who).filter(|waiting| waiting.granted.is_some()) else {
            return false;
        };
        // A slot that the pass was woken for is taken when it asks for it.
        if want == waiting.want {
            self.waiting.remove(who);
        }
        if want == Want::Slot {
            self.slots.insert(who.clone());
        }
        true
    }

    /// Does not want anything any more.
    pub(super) fn leave(&mut self, who: &Who) {
        self.waiting.remove(who);
    }

    /// Gives a slot back, or has used it.
    pub(super) fn release(&mut self, who: &Who) {
        self.slots.remove(who);
    }

    /// Whether nobody wants anything, so that the order of turns means nothing any more.
    pub(super) fn is_at_rest(&self, jobs: &Jobs) -> bool {
        let uses = |connection: &str| self.shared.connections.contains(connection);
        self.waiting.is_empty() && self.slots.is_empty() && jobs.of(uses).next().is_none()
    }

    /// Gives every turn that can be given now. Returns to whom.
    pub(super) fn advance(&mut self, jobs: &Jobs, now: Instant) -> Vec<Who> {
        self.waiting.retain(|_, waiting| waiting.granted.is_none_or(|until| until > now));
        let granted = self.waiting.values().filter(|waiting| waiting.granted.is_some()).count();
        let mut tokens = (self.shared.throttle.available() as usize).saturating_sub(granted);
        let mut order = self.standing();
        self.round.keep_only(&order);
        let mut given = Vec::new();
        while tokens > 0 {
            // The same for all of a namespace: counted once, however many stand in line there.
            let mut slots = BTreeMap::new();
            let next = self
                .round
                .order(&order)
                .map(|(namespace, object)| Who { namespace: namespace.to_owned(), object: object.clone() });
            let Some(who) = next.into_iter().find(|who| self.can_use(who, jobs, &mut slots)) else { break };
            if let Some(waiting) = self.waiting.get_mut(&who) {
                waiting.granted = Some(now + UNTAKEN);
            }
            if let Some(objects) = order.get_mut(&who.namespace) {
                objects.remove(&who.object);
            }
            self.round.had(&who.namespace, &who.object);
            tokens -= 1;
            given.push(who);
        }
        given
    }

    /// When something is to be done although nobody asks: a token comes free, or a turn was not taken.
    pub(super) fn next(&self) -> Option<Instant> {
        let standing = self.waiting.values().any(|waiting| waiting.granted.is_none());
        // With a token free, who still stands waits for a slot, which comes with news.
        let token = (standing && self.shared.throttle.available() == 0)
            .then(|| clock::monotonic() + self.shared.throttle.ready_in().max(SHORTLY));
        token.into_iter().chain(self.waiting.values().filter_map(|waiting| waiting.granted)).min()
    }

    /// Those whose turn has not come, by namespace.
    fn standing(&self) -> BTreeMap<String, BTreeSet<Object>> {
        let mut order: BTreeMap<String, BTreeSet<Object>> = BTreeMap::new();
        for (who, _) in self.waiting.iter().filter(|(_, waiting)| waiting.granted.is_none()) {
            order.entry(who.namespace.clone()).or_default().insert(who.object.clone());
        }
        order
    }

    fn can_use(&self, who: &Who, jobs: &Jobs, slots: &mut BTreeMap<String, bool>) -> bool {
        match self.waiting.get(who).map(|waiting| waiting.want) {
            Some(Want::Token) => true,
            Some(Want::Slot) => match slots.get(&who.namespace) {
                Some(has_slot) => *has_slot,
                None => {
                    let has_slot = self.load(&who.namespace, jobs).has_slot();
                    slots.insert(who.namespace.clone(), has_slot);
                    has_slot
                }
            },
            None => false,
        }
    }

    fn load(&self, namespace: &str, jobs: &Jobs) -> Load {
        let mut busy: BTreeMap<&str, u32> = BTreeMap::new();
        for (namespace, under_way) in jobs.of(|connection| self.shared.connections.contains(connection)) {
            *busy.entry(namespace).or_default() += under_way;
        }
        let granted = self.waiting.iter().filter(|(_, w)| w.want == Want::Slot && w.granted.is_some());
        for who in granted.map(|(who, _)| who).chain(&self.slots) {
            *busy.entry(&who.namespace).or_default() += 1;
        }
        let namespaces = self.shared.connections.iter().filter_map(|connection| connection.split('/').next());
        Load {
            most: self.shared.most,
            under_way: busy.values().sum(),
            here: busy.get(namespace).copied().unwrap_or_default(),
            idle_elsewhere: namespaces
                .into_iter()
                .any(|other| other != namespace && !busy.contains_key(other)),
        }
    }
}
