//! What may be read and written now, and what has to be read before.

use jiff::Timestamp;

use super::change::Change;
use super::facts::{EventsWanted, Read};
use super::pass::{CHECKING, Pass, Work};
use crate::plan::facts::{Connection, ConnectionFact, Outcome};
use crate::plan::policy::{Writes, after};

impl<'a> Pass<'a> {
    /// A read, unless it failed in this pass before; then the time to try again is noted.
    pub(super) fn possible(&mut self, read: Read) -> Option<Read> {
        match self.facts.failed.get(&read) {
            Some(failed) => {
                self.wake_soon(failed.retry_at);
                None
            }
            None => Some(read),
        }
    }

    /// What this pass knows is used up at that time: then another one looks. If the time has come while this one was
    /// held up, another one follows soon, for nothing else would begin it.
    pub(super) fn wake_soon(&mut self, time: Timestamp) {
        self.wakes.push(time.max(after(self.now, CHECKING)));
    }

    /// A read of JumpCloud: the connection is read before, and has to be Ready and of the object's organisation.
    pub(super) fn ask(&mut self, read: Read) -> Option<Read> {
        match &self.facts.connection {
            None => self.possible(Read::Connection),
            Some(ConnectionFact::Checking) => {
                self.wakes.push(after(self.now, CHECKING));
                None
            }
            Some(ConnectionFact::Missing | ConnectionFact::NotReady(_)) => None,
            Some(ConnectionFact::Ready(_)) if !self.is_ours() => {
                // Nobody tells when the credential is put back.
                self.wakes.push(after(self.now, self.policy.poll_max));
                None
            }
            Some(ConnectionFact::Ready(_)) => self.possible(read),
        }
    }

    /// The connection, when it can be used; else what has to be read for it.
    pub(super) fn connection_or(&mut self, work: &mut Work) -> Option<Connection> {
        if self.facts.connection.is_none() {
            work.read = self.possible(Read::Connection);
            return None;
        }
        if let Some(ConnectionFact::Checking) = &self.facts.connection {
            self.wakes.push(after(self.now, CHECKING));
        }
        if self.connection().is_some() && !self.is_ours() {
            // Nobody tells when the credential is put back.
            self.wakes.push(after(self.now, self.policy.poll_max));
        }
        self.connection().filter(|_| self.is_ours()).cloned()
    }

    pub(super) fn connection(&self) -> Option<&'a Connection> {
        match &self.facts.connection {
            Some(ConnectionFact::Ready(connection)) => Some(connection),
            _ => None,
        }
    }

    /// Whether the connection leads to the object's organisation, as far as is known.
    pub(super) fn is_ours(&self) -> bool {
        let Some(connection) = self.connection() else { return false };
        self.status.organization_id.as_ref().is_none_or(|ours| *ours == connection.organization)
    }

    /// Whether anything may be written to JumpCloud, as far as switches are concerned.
    pub(super) fn may_write(&self) -> bool {
        self.policy.writes == Writes::Allowed
            && !self.connection().is_some_and(|connection| connection.paused)
    }

    /// Whether it must first become another time, whatever else there is.
    pub(super) fn held(&mut self) -> bool {
        let notes = &self.facts.notes.common;
        let hold = [notes.hold_until, notes.throttled_until].into_iter().flatten().max();
        if let Some(until) = hold.filter(|until| *until > self.now) {
            self.wakes.push(until);
            return true;
        }
        self.facts.deliveries.values().any(|o| matches!(o, Outcome::Refused { .. } | Outcome::Unknown))
    }

    /// A look that must not be forgotten when it cannot be made now.
    pub(super) fn look_at(&mut self, wanted: EventsWanted, work: &mut Work) -> Option<Read> {
        let read = self.ask(Read::Events(wanted));
        work.unseen |= read.is_none();
        read
    }

    /// A look at the events of these users, unless this pass has one.
    pub(super) fn events(&mut self, change: Change, users: Vec<String>, work: &mut Work) -> Option<Read> {
        let known = self.facts.events.get(&change.time);
        if known.is_some_and(|look| users.iter().all(|id| look.knows(id))) {
            return None;
        }
        self.look_at(EventsWanted { time: change.time, state: change.state, users, whole: false }, work)
    }
}
