//! What is scheduled: a state, at an instant.

use std::time::Duration;

use jiff::Timestamp;

use super::desired::Desired;
use super::facts::Listed;
use crate::api::schedule_status::{EventEntry, ScheduledUserStateStatus, Superseded};
use crate::api::scheduled_user_state::ScheduledState;
use crate::api::submission::Submission;
use crate::plan::policy::before;

/// A state at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The state.
    pub state: ScheduledState,
    /// The instant.
    pub time: Timestamp,
}

impl Change {
    /// What the spec declares.
    #[must_use]
    pub fn declared(desired: &Desired) -> Option<Self> {
        Some(Self { state: desired.state, time: desired.start? })
    }

    /// What the events of a status lead to that are not superseded.
    #[must_use]
    pub fn scheduled(status: &ScheduledUserStateStatus) -> Option<Self> {
        Self::read(status.scheduled_state.as_deref()?, status.scheduled_time.as_deref()?)
    }

    /// What a request asks for.
    #[must_use]
    pub fn asked(record: &Submission) -> Option<Self> {
        Some(Self { state: record.state?, time: record.time? })
    }

    /// What an event of a status leads to. `None` for a record that cannot be read.
    #[must_use]
    pub fn of(entry: &EventEntry, status: &ScheduledUserStateStatus) -> Option<Self> {
        match &entry.superseded {
            Some(superseded) => Self::read(&superseded.state, &superseded.time),
            None => Self::scheduled(status),
        }
    }

    fn read(state: &str, time: &str) -> Option<Self> {
        Some(Self { state: ScheduledState::of(state)?, time: time.parse().ok()? })
    }

    /// As the mark of an event that was replaced.
    #[must_use]
    pub fn superseded(self) -> Superseded {
        Superseded { state: self.state.as_str().to_owned(), time: self.time.to_string() }
    }

    /// Whether a user in JumpCloud's state `live` is in the state.
    #[must_use]
    pub fn is_made(self, live: Option<&str>) -> bool {
        live.is_some_and(|live| live.eq_ignore_ascii_case(self.state.word()))
    }

    /// Whether a listed event makes this change: at exactly its instant, or at the date that JumpCloud made of it
    /// where that is known.
    #[must_use]
    pub fn is_of(self, listed: &Listed, kept: Option<Timestamp>) -> bool {
        listed.state == Some(self.state)
            && listed.time.is_some_and(|time| time == self.time || Some(time) == kept)
    }

    /// Whether an event that a request of ours may have made makes this change. JumpCloud may have cut its
    /// seconds off.
    #[must_use]
    pub fn may_be(self, listed: &Listed) -> bool {
        self.is_of(listed, Some(whole_minute(self.time)))
    }
}

/// The instant without its seconds.
#[must_use]
pub fn whole_minute(time: Timestamp) -> Timestamp {
    before(time, Duration::from_secs(time.as_second().rem_euclid(60).unsigned_abs()))
}

/// The date that JumpCloud keeps of an event, where it is not the one that was asked for.
#[must_use]
pub fn kept_time(entry: &EventEntry) -> Option<Timestamp> {
    entry.time.as_deref().and_then(|time| time.parse().ok())
}
