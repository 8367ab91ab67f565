//! Changes to the status of a schedule: what requests came to.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::change::Change;
use super::facts::Listed;
use super::messages;
use crate::api::schedule_status::{
    EventEntry, ScheduledUser, ScheduledUserStateStatus, origin, reason, result,
};
use crate::api::submission::{Recorded, Submission};
use crate::users::clean;

/// Requests of unknown outcome that a change may have.
const UNKNOWN_SENDS: u32 = 2;

/// Another change is declared: every event gives way, every user begins anew.
pub fn supersede(status: &mut ScheduledUserStateStatus, change: Change) {
    let before = Change::scheduled(status);
    if before == Some(change) {
        return;
    }
    if let Some(before) = before {
        for entry in status.events.iter_mut().filter(|entry| entry.superseded.is_none()) {
            entry.superseded = Some(before.superseded());
        }
        for user in status.users.iter_mut().filter(|user| user.result != result::NOT_FOUND) {
            begin_anew(user);
        }
    }
    status.scheduled_state = Some(change.state.as_str().to_owned());
    status.scheduled_time = Some(change.time.to_string());
}

/// Forgets what was tried for a user.
pub fn begin_anew(user: &mut ScheduledUser) {
    result::PENDING.clone_into(&mut user.result);
    (user.reason, user.message, user.unknown_sends, user.retry_time) = (None, None, None, None);
}

/// The user of this id is another one than the batch declares.
pub fn not_meant(status: &mut ScheduledUserStateStatus, id: &str) {
    for user in lines_of(status, id) {
        result::FAILED.clone_into(&mut user.result);
        user.reason = Some(reason::IDENTITY_CHANGED.to_owned());
        user.message = Some(messages::identity_changed());
        (user.unknown_sends, user.retry_time) = (None, None);
    }
}

/// The user of this id does not exist any more.
pub fn not_there(status: &mut ScheduledUserStateStatus, id: &str) {
    for user in lines_of(status, id) {
        begin_anew(user);
        result::NOT_FOUND.clone_into(&mut user.result);
        user.message = Some("the user is not in JumpCloud any more".to_owned());
    }
}

/// A user has an event that makes the change. That another one contradicts it stays said.
pub fn becomes_scheduled(user: &mut ScheduledUser) {
    result::SCHEDULED.clone_into(&mut user.result);
    if user.reason.as_deref() != Some(reason::CONTRADICTED) {
        (user.reason, user.message) = (None, None);
    }
    (user.unknown_sends, user.retry_time) = (None, None);
}

/// Takes an event into the record, as what the request asked for.
pub fn own(
    status: &mut ScheduledUserStateStatus,
    change: Change,
    event: &Listed,
    origin: &str,
    superseded: bool,
) {
    let known = |entry: &EventEntry| entry.id == event.user_id && entry.scheduled_job_id == event.job_id;
    if status.events.iter().any(known) {
        return;
    }
    let current = Change::scheduled(status) == Some(change) && !superseded;
    status.events.push(EventEntry {
        id: event.user_id.clone(),
        scheduled_job_id: event.job_id.clone(),
        origin: origin.to_owned(),
        time: event.time.filter(|time| *time != change.time).map(|time| time.to_string()),
        superseded: (!current).then(|| change.superseded()),
        shared: false,
        other: BTreeMap::new(),
    });
}

/// Settles an accepted request: its events become this object's.
pub fn accepted(status: &mut ScheduledUserStateStatus, record: &Submission, change: Change) {
    for event in &record.events {
        let event = Listed {
            job_id: event.scheduled_job_id.clone(),
            user_id: event.id.clone(),
            state: Some(change.state),
            time: event.time,
        };
        own(status, change, &event, origin::CREATED, false);
    }
    dissolve(status, &record.nonce);
}

/// Takes a record out.
pub fn dissolve(status: &mut ScheduledUserStateStatus, nonce: &str) {
    status.submissions.retain(|record| record.nonce() != Some(nonce));
}

/// Puts others in the place of a record.
pub fn replace(status: &mut ScheduledUserStateStatus, nonce: &str, others: Vec<Submission>) {
    let records = &mut status.submissions;
    let at = records.iter().position(|record| record.nonce() == Some(nonce)).unwrap_or(records.len());
    records.retain(|record| record.nonce() != Some(nonce));
    let at = at.min(records.len());
    records.splice(at..at, others.into_iter().map(|other| Recorded::Known(Box::new(other))));
}

/// The lines of a user.
pub fn lines_of<'a>(
    status: &'a mut ScheduledUserStateStatus,
    id: &'a str,
) -> impl Iterator<Item = &'a mut ScheduledUser> {
    status.users.iter_mut().filter(move |user| user.id.as_deref() == Some(id))
}

/// JumpCloud refused the change of one user.
pub fn refused(status: &mut ScheduledUserStateStatus, id: &str, message: &str) {
    let message = clean::message(message, None);
    for user in lines_of(status, id) {
        result::FAILED.clone_into(&mut user.result);
        user.reason = Some(reason::REJECTED.to_owned());
        user.message = Some(message.clone());
    }
}

/// A request with this user got no answer, and nothing came of it. It is sent again, once.
pub fn lost(status: &mut ScheduledUserStateStatus, id: &str, again_at: Timestamp) {
    for user in lines_of(status, id) {
        let sends = user.unknown_sends.unwrap_or_default().saturating_add(1);
        user.unknown_sends = Some(sends);
        if give_up(user) {
            continue;
        }
        result::PENDING.clone_into(&mut user.result);
        user.reason = None;
        user.message = Some(messages::UNKNOWN_ONCE.to_owned());
        user.retry_time = Some(again_at.to_string());
    }
}

/// Leaves a user to a person, if so many requests with it got no answer that it must not be sent again; whether it is so.
pub fn give_up(user: &mut ScheduledUser) -> bool {
    let spent = user.unknown_sends.unwrap_or_default() >= UNKNOWN_SENDS;
    if spent {
        result::FAILED.clone_into(&mut user.result);
        user.reason = Some(reason::SUBMISSION_UNKNOWN.to_owned());
        user.message = Some(messages::SUBMISSION_UNKNOWN.to_owned());
        user.retry_time = None;
    }
    spent
}
