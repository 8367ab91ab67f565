//! What one user needs. Reads nothing and sends nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::cancel::is_undone;
use super::change::{Change, kept_time};
use super::desired::{Desired, Mail};
use super::draft;
use super::facts::{Call, EventsLook, Facts, Key, Listed, Person};
use super::lines::Line;
use super::messages;
use super::pass::AGAIN;
use crate::api::schedule_status::{EventEntry, ScheduledUserStateStatus, origin, reason, result};
use crate::api::scheduled_user_state::MissedPolicy;
use crate::plan::facts::Repaired;
use crate::plan::policy::{after, before};
use crate::plan::submission::CLOCK_SKEW;
use crate::users::clean;
use crate::users::protected::is_protected;

/// What a user needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// Nothing, at least not now.
    Nothing,
    /// To wait until then, or for somebody else when no time is given.
    Wait(Option<Timestamp>),
    /// A look at the events around the instant.
    Events,
    /// A look at its state.
    State,
    /// A scheduled change.
    Post,
    /// The listed event becomes this object's.
    Adopt(Listed),
    /// The event that it has, which was replaced and is nothing to cancel, is wanted again.
    Reclaim(String),
    /// The event that it has is gone.
    Vanished,
    /// The event that it has gives way to another object's.
    Yield,
    /// The change at once, by a bulk update.
    Apply,
    /// The change at once, by a call of its own.
    Call(Call),
}

impl Need {
    /// Whether something comes of it for the user: then it has to be sure who that is.
    #[must_use]
    pub fn acts(&self) -> bool {
        matches!(self, Self::Events | Self::Post | Self::Adopt(_) | Self::Apply | Self::Call(_))
    }
}

/// What the needs of all users of an object depend on.
pub struct Circumstances<'a> {
    /// What is declared.
    pub change: Change,
    /// The spec.
    pub desired: &'a Desired,
    /// The status as it is about to be.
    pub status: &'a ScheduledUserStateStatus,
    /// Answers of this pass.
    pub facts: &'a Facts,
    /// Ids of users that are declared and that nothing holds back.
    pub wanted: BTreeSet<String>,
    /// Ids of users that requests for this change have under way.
    pub in_flight: BTreeSet<String>,
    /// More users than a guard allows.
    pub tripped: bool,
    /// Users are waited for, and with them everybody who is not scheduled yet.
    pub awaiting: bool,
    /// Events, or states, are looked at again.
    pub again: bool,
    /// Somebody asked for that.
    pub urgent: bool,
    /// The spec was edited since status was written.
    pub edited: bool,
    /// Now.
    pub now: Timestamp,
}

impl Circumstances<'_> {
    /// Decides what a user whose id is known needs, and says in its line how it stands.
    #[must_use]
    pub fn need(&self, line: &mut Line) -> Need {
        let Some(id) = line.user.id.clone() else { return Need::Nothing };
        if line.is(result::EXECUTED) || line.is(result::NOT_FOUND) {
            return Need::Nothing;
        }
        if self.in_flight.contains(&id) {
            result::PENDING.clone_into(&mut line.user.result);
            return Need::Wait(None);
        }
        if self.now < self.change.time { self.before(line, &id) } else { self.after(line, &id) }
    }

    fn before(&self, line: &mut Line, id: &str) -> Need {
        if self.held(line) {
            return Need::Nothing;
        }
        let look = self.look(id);
        let rival = self.facts.claims.rivals.get(id).filter(|rival| rival.older);
        if let Some(entry) = self.current(id) {
            if let Some(rival) = rival.filter(|rival| rival.holds && entry.origin == origin::CREATED) {
                self.conflict(line, &rival.holder);
                return Need::Yield;
            }
            if self.again && look.is_some_and(|look| !Self::lists(look, entry)) {
                match self.early(id) {
                    Some(true) => {}
                    Some(false) => return Self::vanished(line),
                    None => return Need::State,
                }
            }
            if !line.is(result::SCHEDULED) {
                draft::becomes_scheduled(&mut line.user);
            }
            self.contradicted(line, look, id);
            return Need::Nothing;
        }
        if let Some(rival) = rival {
            self.conflict(line, &rival.holder);
            if !rival.holds {
                // It is nobody's yet: the other object is about to schedule it, or never comes to.
                result::PENDING.clone_into(&mut line.user.result);
            }
            return Need::Wait(None);
        }
        if line.is(result::FAILED) {
            return Need::Nothing;
        }
        if self.tripped {
            line.set(result::HELD, Some(reason::GUARD_TRIPPED), None);
            return Need::Nothing;
        }
        let waited = line.user.reason.as_deref() == Some(reason::MANAGED_ELSEWHERE);
        if !line.is(result::PENDING) || waited {
            // Who was held back, or left to another object, may have been given up before.
            if draft::give_up(&mut line.user) {
                return Need::Nothing;
            }
            line.set(result::PENDING, None, None);
        }
        if self.awaiting {
            return Need::Wait(None);
        }
        let Some(look) = look else { return Need::Events };
        // The request uses this look up, and no look follows it: what it shows is said now.
        self.contradicted(line, Some(look), id);
        let kept = self.kept();
        // JumpCloud may have cut the seconds off: what could be a request of ours is as good as equal.
        let mut equal: Vec<&Listed> = look
            .rows
            .iter()
            .filter(|row| row.user_id == id && (self.change.is_of(row, kept) || self.change.may_be(row)))
            .filter(|row| !self.facts.claims.is_anothers(row))
            .collect();
        equal.sort_by_key(|row| (!self.change.is_of(row, kept), *row));
        for row in equal {
            let ours = self.status.events.iter().any(|e| e.id == id && e.scheduled_job_id == row.job_id);
            if !ours {
                return Need::Adopt(row.clone());
            }
            if self.may_stay(&row.job_id) {
                return Need::Reclaim(row.job_id.clone());
            }
        }
        if line.user.reason.as_deref() == Some(reason::REMOVED_ELSEWHERE) {
            match self.person(id) {
                None => return Need::State,
                Some(None) => return Self::not_found(line),
                Some(Some(_)) => {}
            }
        }
        Need::Post
    }

    /// What this pass knows of a user: itself, or that it is gone; `None` when it was not looked at.
    fn person(&self, id: &str) -> Option<Option<&Person>> {
        self.facts.users.get(&Key::Id(id.to_owned())).map(|look| look.found.as_ref())
    }

    fn not_found(line: &mut Line) -> Need {
        line.set(result::NOT_FOUND, None, Some("the user is not in JumpCloud any more".to_owned()));
        Need::Nothing
    }

    fn after(&self, line: &mut Line, id: &str) -> Need {
        let event = self.current(id).is_some();
        let over = self.now >= after(self.change.time, self.desired.grace);
        // An unknown request may have left an event that is still to be seen to. Who is to be changed at once in any
        // case need not wait for it: it makes the same change.
        let unsure =
            !over && line.is(result::PENDING) && line.user.unknown_sends.is_some() && !self.applies_now();
        let expected = event || line.is(result::CONFLICT) || unsure;
        let Some(look) = self.facts.users.get(&Key::Id(id.to_owned())) else {
            let due = match line.user.result.as_str() {
                _ if expected => self.again,
                // Another policy, or a later deadline, may change what was missed.
                result::MISSED => self.urgent || self.edited,
                result::FAILED | result::NOT_REACHED => self.urgent,
                result::HELD => self.urgent || !self.is_held(line),
                _ => true,
            };
            return if due { Need::State } else { Need::Nothing };
        };
        let Some(person) = &look.found else {
            return Self::not_found(line);
        };
        if self.change.is_made(person.state.as_deref()) {
            line.set(result::EXECUTED, None, None);
            line.user.retry_time = None;
            line.user.unknown_sends = None;
            return Need::Nothing;
        }
        if expected && !over {
            if event && !line.is(result::SCHEDULED) {
                line.set(result::SCHEDULED, None, None);
            }
            return Need::Nothing;
        }
        if event || line.is(result::CONFLICT) {
            self.not_reached(line, person);
            return Need::Nothing;
        }
        self.missed(line, id, person)
    }

    /// A user that was not scheduled, and is not in the state.
    fn missed(&self, line: &mut Line, id: &str, person: &Person) -> Need {
        if line.is(result::FAILED) || line.is(result::NOT_REACHED) || self.held(line) {
            return Need::Nothing;
        }
        if self.tripped {
            line.set(result::HELD, Some(reason::GUARD_TRIPPED), None);
            return Need::Nothing;
        }
        if !self.applies_now() {
            line.set(result::MISSED, None, Some(messages::missed(self.change, self.desired.missed)));
            return Need::Nothing;
        }
        let by_itself = line.user.reason.as_deref() == Some(reason::STATE_NOT_TAKEN);
        line.set(result::PENDING, line.user.reason.clone().as_deref(), None);
        let staged = person.state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("STAGED"));
        let call = if self.desired.mail != Mail::Unsaid && staged {
            // The one route that is documented to decide about mail, for staged users.
            Call::Activate { id: id.to_owned() }
        } else if by_itself || self.desired.mail != Mail::Unsaid {
            Call::SetState { id: id.to_owned(), state: self.change.state }
        } else {
            if let Some(until) = retry_time(line).filter(|until| *until > self.now) {
                return Need::Wait(Some(until));
            }
            return Need::Apply;
        };
        match self.facts.called.get(&call) {
            None => Need::Call(call),
            Some(Repaired::Done) => {
                self.not_reached(line, person);
                Need::Nothing
            }
            Some(Repaired::Refused { message }) => {
                line.set(result::FAILED, Some(reason::REJECTED), Some(clean::message(message, None)));
                Need::Nothing
            }
            Some(Repaired::NotNow | Repaired::Unknown) => Need::Wait(Some(after(self.now, AGAIN))),
        }
    }

    /// Whether who missed the instant is changed at once.
    fn applies_now(&self) -> bool {
        let in_time = self.now <= after(self.change.time, self.desired.deadline);
        in_time && self.desired.missed == MissedPolicy::ApplyNow
    }

    /// Holds the change of a user back, if something does.
    fn held(&self, line: &mut Line) -> bool {
        let protected =
            line.user.username.as_deref().is_some_and(|name| is_protected(&self.facts.protected, name));
        let (why, message) = if self.desired.paused {
            (reason::PAUSED, None)
        } else if protected {
            (reason::USER_PROTECTED, Some(messages::protected()))
        } else {
            return false;
        };
        line.set(result::HELD, Some(why), message);
        true
    }

    /// Whether what held a user back after the instant still does.
    fn is_held(&self, line: &Line) -> bool {
        match line.user.reason.as_deref() {
            Some(reason::PAUSED) => self.desired.paused,
            Some(reason::GUARD_TRIPPED) => self.tripped,
            _ => self.held(&mut line.clone()),
        }
    }

    fn conflict(&self, line: &mut Line, holder: &crate::plan::claims::Holder) {
        let message = messages::scheduled_elsewhere(holder);
        line.set(result::CONFLICT, Some(reason::MANAGED_ELSEWHERE), Some(message));
    }

    fn not_reached(&self, line: &mut Line, person: &Person) {
        let message = messages::not_reached(person.state.as_deref());
        line.set(result::NOT_REACHED, None, Some(message));
    }

    fn vanished(line: &mut Line) -> Need {
        line.set(result::PENDING, Some(reason::REMOVED_ELSEWHERE), Some(messages::removed_elsewhere()));
        Need::Vanished
    }

    /// Says when the other state is scheduled for the same instant by somebody else.
    fn contradicted(&self, line: &mut Line, look: Option<&EventsLook>, id: &str) {
        let Some(look) = look else { return };
        let kept = self.kept();
        let other = look.rows.iter().any(|row| {
            row.user_id == id
                && row.state.is_some_and(|state| state != self.change.state)
                && row.time.is_some_and(|time| time == self.change.time || Some(time) == kept)
                && !self.status.events.iter().any(|e| e.id == id && e.scheduled_job_id == row.job_id)
        });
        let said = line.user.reason.as_deref() == Some(reason::CONTRADICTED);
        let result = line.user.result.clone();
        if other && !said {
            line.set(&result, Some(reason::CONTRADICTED), Some(messages::contradicted()));
        } else if said && !other {
            line.set(&result, None, None);
        }
    }

    /// Shortly before the instant: whether JumpCloud, by its own clock, has made the change already; `None` when
    /// that is to be looked at.
    fn early(&self, id: &str) -> Option<bool> {
        if self.now < before(self.change.time, CLOCK_SKEW) {
            return Some(false);
        }
        let look = self.facts.users.get(&Key::Id(id.to_owned()))?;
        Some(look.found.as_ref().is_some_and(|person| self.change.is_made(person.state.as_deref())))
    }

    /// What this pass knows of the events of a user.
    fn look(&self, id: &str) -> Option<&EventsLook> {
        self.facts.events.get(&self.change.time).filter(|look| look.knows(id))
    }

    /// The event of a user that makes the change.
    fn current(&self, id: &str) -> Option<&EventEntry> {
        self.status.events.iter().find(|entry| entry.superseded.is_none() && entry.id == id)
    }

    /// The date that JumpCloud makes of this instant, as far as events of this object have shown.
    fn kept(&self) -> Option<Timestamp> {
        self.status
            .events
            .iter()
            .filter(|entry| Change::of(entry, self.status) == Some(self.change))
            .find_map(kept_time)
    }

    fn lists(look: &EventsLook, entry: &EventEntry) -> bool {
        look.rows.iter().any(|row| row.user_id == entry.id && row.job_id == entry.scheduled_job_id)
    }

    /// Whether events that were replaced may be taken back: nobody of them is to lose it, nobody has another one,
    /// and nobody cancels them. A `DELETE` of any other may be on its way, whatever is declared by now.
    fn may_stay(&self, job_id: &str) -> bool {
        let rows = self.status.events.iter().filter(|entry| entry.scheduled_job_id == job_id);
        rows.into_iter().all(|entry| {
            !entry.shared
                && !is_undone(entry, self.desired.deletion)
                && Change::of(entry, self.status) == Some(self.change)
                && self.wanted.contains(&entry.id)
                && self.current(&entry.id).is_none()
                && !self.facts.claims.is_served(&entry.id)
        })
    }
}

/// When a user is tried again by itself.
#[must_use]
pub fn retry_time(line: &Line) -> Option<Timestamp> {
    line.user.retry_time.as_deref()?.parse().ok()
}
