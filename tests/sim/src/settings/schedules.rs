//! Settings of scheduled state changes.

use serde::{Deserialize, Serialize};

use super::Pattern;

/// How scheduled state changes are accepted, shown and executed.
///
/// Nothing here was seen on a live organisation but that one POST for two users lists two rows, and that
/// equal and contradicting events are accepted side by side.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleSettings {
    /// The code of an accepted `POST /bulk/userstates`: 201 in the description.
    pub accepted_status: u16,
    /// Whether the users of one POST share a `scheduledJobId`. The field's text and deletion by that id
    /// suggest it.
    pub job_ids: JobIds,
    /// What happens to a `start_date` in the past.
    pub past_dates: PastDates,
    /// What a `start_date` without zone means: so many minutes ahead of UTC. 0 is UTC.
    pub zoneless_offset_minutes: i32,
    /// What is kept of a `start_date`; the rest is cut off.
    pub granularity: Granularity,
    /// How `scheduledDate` is written.
    pub date_form: DateForm,
    /// How long after its date an event is executed, simulated milliseconds. It is listed until then.
    pub execution_delay_ms: u64,
    /// Which of two events of one user at the same instant decides the state.
    pub equal_times: EqualTimes,
    /// The most `user_ids` of one POST; 400 above it. Unlimited when absent.
    pub max_user_ids: Option<usize>,
    /// What happens to `user_ids` that name no user.
    pub unknown_users: UnknownUsers,
    /// What happens to the events of a user that is deleted.
    pub deleted_users: DeletedUsers,
    /// Users whose events vanish at their time without any effect.
    pub lost: Vec<Pattern>,
    /// Whether a scheduled activation sends mail when the POST does not say.
    pub mail_by_default: bool,
    /// What `filter` of the listing does.
    pub filter: FilterEffect,
    /// Every page of the listing is read from rows in a new random order: no sort is declared.
    pub shuffle_pages: bool,
    /// What `x-org-id` does on `eventlist/next`, the one route that does not declare it.
    pub next_org_header: NextOrgHeader,
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        Self {
            accepted_status: 201,
            job_ids: JobIds::Shared,
            past_dates: PastDates::Refuse,
            zoneless_offset_minutes: 0,
            granularity: Granularity::Millisecond,
            date_form: DateForm::Milliseconds,
            execution_delay_ms: 0,
            equal_times: EqualTimes::LastCreatedWins,
            max_user_ids: None,
            unknown_users: UnknownUsers::Accept,
            deleted_users: DeletedUsers::EventsStay,
            lost: Vec::new(),
            mail_by_default: false,
            filter: FilterEffect::Honoured,
            shuffle_pages: false,
            next_org_header: NextOrgHeader::AsElsewhere,
        }
    }
}

/// Whether the users of one POST share a `scheduledJobId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobIds {
    /// One id for all; deleting it removes every user's event.
    Shared,
    /// An id for each user.
    PerUser,
}

/// What happens to a date in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PastDates {
    /// 400
    Refuse,
    /// The event is executed at once.
    ExecuteAtOnce,
    /// The event is accepted and listed, and never executed. It is nobody's next event.
    NeverExecute,
}

/// What is kept of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// Milliseconds.
    Millisecond,
    /// Whole seconds.
    Second,
    /// Whole minutes.
    Minute,
}

/// How a date is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateForm {
    /// `2027-01-04T08:00:00.000Z`
    Milliseconds,
    /// `2027-01-04T08:00:00Z`
    Seconds,
    /// `2027-01-04T08:00:00+00:00`
    Offset,
    /// `2027-01-04T08:00:00`, which is UTC.
    Zoneless,
}

/// Which of two events of one user at the same instant decides the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EqualTimes {
    /// Events are executed in the order in which they were made.
    LastCreatedWins,
    /// Events are executed in the opposite order.
    FirstCreatedWins,
}

/// What happens to ids that name no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownUsers {
    /// They are scheduled as all others, and nothing comes of it.
    Accept,
    /// 400 for the whole request.
    Refuse,
}

/// What happens to the events of a deleted user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeletedUsers {
    /// They stay listed until their time.
    EventsStay,
    /// They go with the user.
    EventsVanish,
}

/// What `filter` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterEffect {
    /// Dates are compared as instants.
    Honoured,
    /// Dates are compared as the texts that answers have: the same instant in another form differs.
    AsText,
    /// It is not looked at.
    Ignored,
}

/// What `x-org-id` does on `eventlist/next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextOrgHeader {
    /// As on every other route; the vendor's own SDK sends it.
    AsElsewhere,
    /// 403
    Refused,
}
