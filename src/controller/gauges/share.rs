//! What one object contributes to the numbers over all objects.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::schedule_status::{ScheduledUserStateStatus, result as schedule};
use crate::api::scheduled_user_state::ScheduledState;
use crate::api::submission::{Operation, Phase, Recorded};
use crate::api::user_status::{Counts, JumpCloudUserBatchStatus, result};

/// Requests that are not settled.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Requests {
    /// Jobs in flight.
    pub(super) jobs: i64,
    /// Requests of unknown outcome.
    pub(super) unknown: i64,
    /// When the oldest job in flight was accepted.
    pub(super) oldest_job: Option<Timestamp>,
}

impl Requests {
    pub(super) fn of(submissions: &[Recorded]) -> Self {
        let known = || submissions.iter().filter_map(Recorded::known);
        // JumpCloud answers a request to schedule with events; there is no job to wait for.
        let jobs = || known().filter(|s| s.phase == Phase::Accepted && s.operation != Operation::Schedule);
        Self {
            jobs: number(jobs().count()),
            unknown: number(known().filter(|s| s.phase == Phase::Unknown).count()),
            oldest_job: jobs().map(|s| s.accept_time.unwrap_or(s.intent_time)).min(),
        }
    }
}

/// What a ScheduledUserState contributes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ScheduleShare {
    /// Users, by the word of their result.
    pub results: BTreeMap<&'static str, i64>,
    /// State changes that JumpCloud has still to make, by the state that they lead to.
    pub pending: BTreeMap<ScheduledState, i64>,
    pub(super) requests: Requests,
}

impl ScheduleShare {
    /// What an object with this status contributes. A word that this operator does not know is not counted:
    /// it could be anything, and label values are fixed.
    #[must_use]
    pub fn of(status: &ScheduledUserStateStatus, now: Timestamp) -> Self {
        let mut share = Self { requests: Requests::of(&status.submissions), ..Self::default() };
        for user in &status.users {
            if let Some((word, _)) = schedule::ALL.iter().find(|(word, _)| *word == user.result) {
                *share.results.entry(word).or_default() += 1;
            }
        }
        for event in &status.events {
            let (state, time) = match &event.superseded {
                Some(old) => (Some(old.state.as_str()), Some(old.time.as_str())),
                None => (status.scheduled_state.as_deref(), status.scheduled_time.as_deref()),
            };
            let time = event.time.as_deref().or(time).and_then(|time| time.parse::<Timestamp>().ok());
            share.expect(state.and_then(ScheduledState::of), time, now);
        }
        // Accepted, and not yet among the events.
        let accepted = status.submissions.iter().filter_map(Recorded::known);
        for sent in accepted.filter(|sent| sent.phase == Phase::Accepted) {
            sent.events.iter().for_each(|event| share.expect(sent.state, event.time.or(sent.time), now));
        }
        share
    }

    /// Counts a change that is still to come; one without a readable time is.
    fn expect(&mut self, state: Option<ScheduledState>, time: Option<Timestamp>, now: Timestamp) {
        if let Some(state) = state.filter(|_| time.is_none_or(|time| time > now)) {
            *self.pending.entry(state).or_default() += 1;
        }
    }
}

/// Every result that a user of a batch can have, with how many have it.
pub(super) fn results(status: &JumpCloudUserBatchStatus) -> BTreeMap<&'static str, i64> {
    let counts: Counts = status.counts.unwrap_or_default();
    [
        (result::CREATED, counts.created),
        (result::UPDATED, counts.updated),
        (result::ADOPTED, counts.adopted),
        (result::UNCHANGED, counts.unchanged),
        (result::PENDING, counts.pending),
        (result::FAILED, counts.failed),
        (result::CONFLICT, counts.conflicts),
    ]
    .into_iter()
    .map(|(result, count)| (result, i64::from(count)))
    .collect()
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
