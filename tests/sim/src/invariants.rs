//! Invariants that are checked from the ledger alone.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::ledger::{Cause, Entry, Outcome, What};
use crate::route::Route;

/// A username that is in an accepted create job although it was in an earlier one.
///
/// Accepted means that the job came to be, whether or not its reply arrived. The list is the
/// strong form of "at most once": every double is named, with what the ledger knows about it;
/// [`Double::excuse`] says whether the earlier job had plainly not made the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Double {
    /// The organisation.
    pub organisation: String,
    /// The username, lower-cased: the API's names are unique without regard to case.
    pub username: String,
    /// The earlier request.
    pub earlier: Accepted,
    /// The later request; the same as the earlier one when one request names the user twice.
    pub later: Accepted,
    /// How the earlier row had ended when the later request was carried out.
    pub earlier_row: EarlierRow,
    /// Whether a user of this name was deleted between the two.
    pub deleted_between: bool,
    /// Searches between the two that asked for this username.
    pub searches: Vec<Search>,
}

/// An accepted create job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its entry in the ledger.
    pub seq: u64,
    /// Its job.
    pub job_id: String,
    /// When, by the simulator's clock.
    pub time: Timestamp,
    /// Whether the client did not get the API's answer: lost, spoiled, or given up waiting for.
    pub reply_lost: bool,
}

/// A search for a username.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Its entry in the ledger.
    pub seq: u64,
    /// When, by the simulator's clock.
    pub time: Timestamp,
    /// Whether the answer had the user.
    pub found: bool,
}

/// How a row had ended by a certain time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EarlierRow {
    /// It had not been executed.
    Waiting,
    /// It had been executed.
    Ended(Outcome),
}

/// Why a second create job for the same username is no duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// The earlier row had failed.
    EarlierRowFailed,
    /// The user had been deleted since.
    UserDeleted,
}

impl Double {
    /// Whether the ledger alone shows that the later job was right to name the user.
    #[must_use]
    pub fn excuse(&self) -> Option<Excuse> {
        match &self.earlier_row {
            EarlierRow::Ended(Outcome::Failed { .. }) => Some(Excuse::EarlierRowFailed),
            _ if self.deleted_between => Some(Excuse::UserDeleted),
            _ => None,
        }
    }

    /// Whether the earlier outcome was unknown to the client and at least `looks` searches missed
    /// the user before it was sent again. Together with the quarantine between the two times this
    /// is the last exception that the operator's protocol allows.
    #[must_use]
    pub fn was_looked_up(&self, looks: usize) -> bool {
        self.searches.len() >= looks && self.searches.iter().rev().take(looks).all(|search| !search.found)
    }
}

/// All doubles of a ledger, in the order of the later requests.
#[must_use]
pub fn double_creates(ledger: &[Entry]) -> Vec<Double> {
    let mut sends: HashMap<(&str, String), Vec<Accepted>> = HashMap::new();
    let mut doubles = Vec::new();
    for entry in ledger {
        let Some(request) = entry.request().filter(|request| request.route == Route::BulkCreate) else {
            continue;
        };
        let (Some(job_id), Some(organisation)) = (request.accepted_job(), request.organisation.as_deref())
        else {
            continue;
        };
        let accepted = Accepted {
            seq: entry.seq,
            job_id: job_id.to_owned(),
            time: entry.time,
            reply_lost: !request.reply_intact || was_left(ledger, entry.seq),
        };
        for username in &request.usernames {
            let username = username.to_lowercase();
            let earlier = sends.entry((organisation, username.clone())).or_default();
            if let Some(earlier) = earlier.last() {
                doubles.push(double(ledger, organisation, username, earlier.clone(), accepted.clone()));
            }
            earlier.push(accepted.clone());
        }
    }
    doubles
}

/// The doubles that have no [`Excuse`]: none of them may be, in a run without lost replies.
#[must_use]
pub fn check_single_create(ledger: &[Entry]) -> Vec<Double> {
    double_creates(ledger).into_iter().filter(|double| double.excuse().is_none()).collect()
}

/// Usernames that a bulk job created more often than they were deleted, plus one: never, because
/// the API refuses the second. A finding is a fault of the simulator.
#[must_use]
pub fn users_made_twice(ledger: &[Entry]) -> Vec<String> {
    let mut alive: HashMap<(&str, String), u32> = HashMap::new();
    let mut twice = Vec::new();
    for entry in ledger {
        match &entry.what {
            What::UserCreated(change) => {
                let count = alive.entry((&change.organisation, change.username.to_lowercase())).or_default();
                *count += 1;
                if *count > 1 {
                    twice.push(change.username.clone());
                }
            }
            What::UserDeleted(change) => {
                alive.remove(&(change.organisation.as_str(), change.username.to_lowercase()));
            }
            _ => {}
        }
    }
    twice
}

/// The usernames that bulk jobs created, in order.
#[must_use]
pub fn created_by_jobs(ledger: &[Entry]) -> Vec<&str> {
    let created = ledger.iter().filter_map(|entry| match &entry.what {
        What::UserCreated(change) if matches!(change.by, Cause::Job(_)) => Some(change.username.as_str()),
        _ => None,
    });
    created.collect()
}

fn was_left(ledger: &[Entry], seq: u64) -> bool {
    ledger.iter().any(|entry| matches!(entry.what, What::ClientLeft { request } if request == seq))
}

fn double(
    ledger: &[Entry],
    organisation: &str,
    username: String,
    earlier: Accepted,
    later: Accepted,
) -> Double {
    let is_user = |name: &str| name.to_lowercase() == username;
    let between = || ledger.iter().filter(|entry| entry.seq > earlier.seq && entry.seq < later.seq);
    let earlier_row = between()
        .find_map(|entry| match &entry.what {
            What::RowExecuted(row)
                if row.job_id == earlier.job_id && row.username.as_deref().is_some_and(is_user) =>
            {
                Some(EarlierRow::Ended(row.outcome.clone()))
            }
            _ => None,
        })
        .unwrap_or(EarlierRow::Waiting);
    let deleted_between = between().any(|entry| match &entry.what {
        What::UserDeleted(change) => change.organisation == organisation && is_user(&change.username),
        _ => false,
    });
    let searches = between()
        .filter_map(|entry| {
            let request =
                entry.request().filter(|request| request.organisation.as_deref() == Some(organisation))?;
            let is_asked = request.own_status == Some(200) && request.asked.iter().any(|name| is_user(name));
            let found = request.found.iter().any(|name| is_user(name));
            is_asked.then_some(Search { seq: entry.seq, time: entry.time, found })
        })
        .collect();
    Double {
        organisation: organisation.to_owned(),
        username,
        earlier,
        later,
        earlier_row,
        deleted_between,
        searches,
    }
}
