//! Users that several schedules among the checked files change at the same instant.
//!
//! No object is wrong by itself, so neither the API server nor the operator refuses one. But of two that
//! schedule the same change one would end in Conflict (`ManagedElsewhere`), and of two that contradict each other
//! nobody knows which change JumpCloud makes last.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::claims::{Claimant, Place, named};
use crate::api::scheduled_user_state::ScheduledState;
use crate::plan::schedule::desired::Desired;
use crate::plan::schedule::facts::Key;
use crate::users::check::Problem;
use crate::users::row::fold;

/// A schedule that could be read.
#[derive(Debug)]
pub struct Scheduled {
    /// Where it stands.
    pub file: String,
    /// How people know it: kind, namespace and name.
    pub object: String,
    /// Where its users are.
    pub place: Place,
    /// What it wants.
    pub desired: Desired,
}

/// What a schedule changes: users by what they are named, or a whole batch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    User(Key),
    Batch(String),
}

/// A user or a batch as a schedule has it.
struct Named {
    who: Vec<Who>,
    /// The row, or none for a user of the batch.
    row: Option<usize>,
    username: String,
}

/// Who has a change first, and how it is told of.
struct First {
    holder: usize,
    state: ScheduledState,
    row: Option<usize>,
}

/// What is wrong with each later schedule, in order: its index and the problem. Users of a batch are known when
/// it is among the files.
#[must_use]
pub fn clashes(schedules: &[Scheduled], batches: &[Claimant]) -> Vec<(usize, Problem)> {
    let mut first: BTreeMap<(&Place, Timestamp, Who), First> = BTreeMap::new();
    let mut found = Vec::new();
    for (i, schedule) in schedules.iter().enumerate() {
        let Desired { start: Some(instant), state, paused: false, .. } = schedule.desired else { continue };
        // Of one batch for both it is enough to say so once.
        let mut whole: BTreeSet<usize> = BTreeSet::new();
        for Named { who, row, username } in named_by(schedule, batches) {
            let mut told = false;
            for who in who {
                let field = match &who {
                    Who::User(Key::Username(_)) => "username",
                    Who::User(Key::Email(_)) => "email",
                    Who::User(Key::Id(_)) => "id",
                    Who::Batch(_) => "usersFromBatch",
                };
                let entry = first.entry((&schedule.place, instant, who));
                let First { holder, state: theirs, row: their_row } =
                    &*entry.or_insert(First { holder: i, state, row });
                let Some(other) = schedules.get(*holder).filter(|other| other.object != schedule.object)
                else {
                    // Doubles inside one object are problems of that object; an object that stands there
                    // twice is applied twice.
                    continue;
                };
                if told || whole.contains(holder) {
                    continue;
                }
                told = true;
                let is_batch = field == "usersFromBatch";
                if is_batch {
                    whole.insert(*holder);
                }
                let message = format!("{field} {}", message(other, *theirs, state, *their_row, is_batch));
                found.push((
                    i,
                    match row {
                        Some(row) => Problem::of_row(row, &username, message),
                        None if is_batch => Problem::of("usersFromBatch", message),
                        None => Problem::of("usersFromBatch", of_batch(&username, &message)),
                    },
                ));
            }
        }
    }
    found
}

fn message(
    other: &Scheduled,
    theirs: ScheduledState,
    ours: ScheduledState,
    row: Option<usize>,
    is_batch: bool,
) -> String {
    let place = row.map_or_else(|| "usersFromBatch".to_owned(), |row| format!("users[{row}]"));
    let whose = format!("by {} as well ({place} in {})", other.object, other.file);
    let off = if is_batch { "the batch" } else { "the user" };
    if theirs == ours {
        format!("is scheduled for the same change {whose}; take {off} off one of the two")
    } else {
        format!(
            "is scheduled {whose} for the same instant, to be {}; take {off} off one of the two, or give one another \
             startTime",
            theirs.as_str()
        )
    }
}

fn of_batch(username: &str, message: &str) -> String {
    // The place of a row says whose it is, without addresses.
    let row = Problem::of_row(0, username, "").place;
    let shown = row.split_once(' ').map_or("", |(_, shown)| shown);
    format!("user {shown}: {message}")
}

/// Everybody whom a schedule changes.
fn named_by(schedule: &Scheduled, batches: &[Claimant]) -> Vec<Named> {
    let mut named = Vec::new();
    if let Some(batch) = &schedule.desired.batch {
        named.push(Named { who: vec![Who::Batch(batch.clone())], row: None, username: String::new() });
    }
    for (index, key) in schedule.desired.rows.iter().enumerate() {
        let Some(key) = key else { continue };
        let username = if let Key::Username(username) = key { username.clone() } else { String::new() };
        named.push(Named { who: vec![Who::User(folded(key))], row: Some(index), username });
    }
    if let Some(batch) = &schedule.desired.batch {
        let object = self::named("JumpCloudUserBatch", &schedule.place.0, batch);
        for row in batches.iter().filter(|batch| batch.object == object).flat_map(|batch| &batch.rows) {
            let keys = [Key::Username(row.username.clone()), Key::Email(row.email.clone())];
            named.push(Named {
                who: keys.iter().map(|key| Who::User(folded(key))).collect(),
                row: None,
                username: row.username.clone(),
            });
        }
    }
    named
}

/// As keys are compared.
fn folded(key: &Key) -> Key {
    match key {
        Key::Id(id) => Key::Id(id.clone()),
        Key::Username(username) => Key::Username(fold(username)),
        Key::Email(address) => Key::Email(address.to_lowercase()),
    }
}
