//! Scheduled state changes: how they are read, kept, found and shown.

pub(crate) mod filter;
pub(crate) mod read;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::iso;
use crate::ledger::ScheduledEvent;
use crate::settings::{DateForm, EqualTimes};

/// A scheduled state change of one user.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) event: ScheduledEvent,
    pub(crate) mail: MailWish,
    /// When it is executed; never when absent.
    pub(crate) due: Option<Timestamp>,
}

/// What a request says about mail on activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailWish {
    Unsaid,
    None,
    Usual,
    /// To an address of the request's own, which is not kept.
    Override,
}

/// All schedules of all organisations, in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Schedules {
    rows: BTreeMap<u64, Schedule>,
    due: BTreeSet<(Timestamp, u64)>,
    made: u64,
}

impl Schedules {
    pub(crate) fn add(&mut self, schedule: Schedule) {
        self.made += 1;
        if let Some(due) = schedule.due {
            self.due.insert((due, self.made));
        }
        self.rows.insert(self.made, schedule);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Schedule> {
        self.rows.values()
    }

    /// Takes out what `is_meant` says.
    pub(crate) fn remove(&mut self, is_meant: impl Fn(&ScheduledEvent) -> bool) -> Vec<Schedule> {
        let keys: Vec<_> =
            self.rows.iter().filter(|(_, row)| is_meant(&row.event)).map(|(key, _)| *key).collect();
        keys.into_iter().filter_map(|key| self.take(key)).collect()
    }

    /// When the next one is executed.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Takes out the next one to be executed.
    pub(crate) fn pop_due(&mut self, equal_times: EqualTimes) -> Option<Schedule> {
        let (due, first) = *self.due.first()?;
        let key = match equal_times {
            EqualTimes::LastCreatedWins => first,
            EqualTimes::FirstCreatedWins => self.due.range((due, 0)..=(due, u64::MAX)).next_back()?.1,
        };
        self.take(key)
    }

    fn take(&mut self, key: u64) -> Option<Schedule> {
        let row = self.rows.remove(&key)?;
        if let Some(due) = row.due {
            self.due.remove(&(due, key));
        }
        Some(row)
    }
}

/// An event as answers show it.
pub(crate) fn show(event: &ScheduledEvent, form: DateForm) -> Value {
    json!({
        "scheduledJobId": event.job_id,
        "systemUserId": event.user_id,
        "state": event.state,
        "scheduledDate": date(event.date, form),
    })
}

/// A date as answers show it.
pub(crate) fn date(date: Timestamp, form: DateForm) -> String {
    let written = |form: &str| date.strftime(form).to_string();
    match form {
        DateForm::Milliseconds => iso(date),
        DateForm::Seconds => written("%Y-%m-%dT%H:%M:%SZ"),
        DateForm::Offset => written("%Y-%m-%dT%H:%M:%S+00:00"),
        DateForm::Zoneless => written("%Y-%m-%dT%H:%M:%S"),
    }
}
