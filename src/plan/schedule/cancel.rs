//! Which events are cancelled, and when: only ids that this object has recorded, after everybody who needs
//! another event has it, and after a listing has shown that nobody else's event would go.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::change::{Change, kept_time, whole_minute};
use super::facts::{Call, Claims, EventsLook, EventsWanted, Facts, Listed};
use super::pass::{AGAIN, Pass, Work};
use crate::api::schedule_status::{EventEntry, ScheduledUser, ScheduledUserStateStatus, origin, result};
use crate::api::scheduled_user_state::DeletionPolicy;
use crate::plan::facts::Repaired;
use crate::plan::policy::after;

/// What cancelling needs next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cancelling {
    /// A look at events that is missing.
    pub look: Option<EventsWanted>,
    /// An id to be deleted.
    pub call: Option<Call>,
    /// A call did not come to pass: it is made again.
    pub again: bool,
    /// Events that are still to be cancelled.
    pub left: usize,
}

/// Whether an event is cancelled when it is not wanted any more.
#[must_use]
pub fn is_undone(entry: &EventEntry, policy: DeletionPolicy) -> bool {
    entry.origin == origin::CREATED || policy == DeletionPolicy::CancelAll
}

/// Marks events as replaced that lead to what is declared and whose users are not `wanted`.
pub fn mark_unwanted(status: &mut ScheduledUserStateStatus, wanted: &BTreeSet<String>) {
    let Some(change) = Change::scheduled(status) else { return };
    for entry in &mut status.events {
        if entry.superseded.is_none() && !wanted.contains(&entry.id) {
            entry.superseded = Some(change.superseded());
        }
    }
}

/// Drops replaced events whose time has come: there is nothing to be cancelled any more.
pub fn drop_past(status: &mut ScheduledUserStateStatus, now: Timestamp) {
    let passed: Vec<bool> = status
        .events
        .iter()
        .map(|entry| {
            entry.superseded.is_some() && Change::of(entry, status).is_none_or(|change| change.time <= now)
        })
        .collect();
    let mut passed = passed.into_iter();
    status.events.retain(|_| !passed.next().unwrap_or_default());
}

/// Drops events that another object has recorded as well, where this one gives way or does not want them: they are
/// the other's to cancel.
pub fn drop_anothers(status: &mut ScheduledUserStateStatus, claims: &Claims) {
    status.events.retain(|entry| {
        let both = claims.recorded.contains(&(entry.scheduled_job_id.clone(), entry.id.clone()));
        !(both && (entry.superseded.is_some() || claims.gives_way(&entry.id)))
    });
}

/// How many events are to be cancelled, as far as they can be.
fn leaving(status: &ScheduledUserStateStatus, policy: DeletionPolicy) -> usize {
    let leaving =
        |entry: &&EventEntry| entry.superseded.is_some() && !entry.shared && is_undone(entry, policy);
    status.events.iter().filter(leaving).count()
}

/// The jobs of a status, by id.
fn jobs(status: &ScheduledUserStateStatus) -> BTreeMap<String, Vec<EventEntry>> {
    let mut jobs: BTreeMap<String, Vec<EventEntry>> = BTreeMap::new();
    for entry in &status.events {
        jobs.entry(entry.scheduled_job_id.clone()).or_default().push(entry.clone());
    }
    jobs
}

/// Prepares jobs of which some users are to lose their event and others are not: these get an event of their own
/// first. A look that is missing is handed back.
///
/// `again` says that jobs which could not be cancelled before are looked at once more.
pub fn split_shared(
    status: &mut ScheduledUserStateStatus,
    facts: &Facts,
    policy: DeletionPolicy,
    again: bool,
) -> Option<EventsWanted> {
    for (job, rows) in jobs(status) {
        let leaving = rows.iter().any(|row| row.superseded.is_some() && is_undone(row, policy));
        let staying = rows.iter().any(|row| row.superseded.is_none());
        if !(leaving && staying) || is_given_up(&rows, again) {
            continue;
        }
        match verdict(&job, &rows, status, facts, policy) {
            Verdict::Look(wanted) => return Some(wanted),
            Verdict::Shared => share(status, &job),
            Verdict::Gone => status.events.retain(|entry| entry.scheduled_job_id != job),
            Verdict::Ours => {
                let change = Change::scheduled(status);
                for entry in status.events.iter_mut().filter(|entry| entry.scheduled_job_id == job) {
                    entry.shared = false;
                    if let (None, Some(change)) = (&entry.superseded, change) {
                        entry.superseded = Some(change.superseded());
                    }
                }
            }
        }
    }
    None
}

/// What a user would be left with whose event is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Another event, or it needs none.
    Well,
    /// It is still to get another one.
    Waiting,
    /// It did not get another one, and the one that it has does the same: that stays.
    Bereft,
}

/// What comes next for events that are replaced. `left` says what a user would be left with, `written` whether the
/// object says of an event that it is replaced. With `may_write` unset nothing is called.
fn cancel(
    status: &mut ScheduledUserStateStatus,
    facts: &Facts,
    policy: DeletionPolicy,
    (left, written): (impl Fn(&str, &ScheduledUserStateStatus) -> Left, impl Fn(&EventEntry) -> bool),
    (again, may_write): (bool, bool),
) -> Cancelling {
    let mut next = Cancelling::default();
    for (job, rows) in jobs(status) {
        let leaving = rows.iter().filter(|row| row.superseded.is_some() && is_undone(row, policy)).count();
        if leaving == 0 || is_given_up(&rows, again) {
            continue;
        }
        if rows.iter().any(|row| row.superseded.is_none()) {
            // Those who stay are to get an event of their own first.
            next.left += leaving;
            continue;
        }
        let lefts: Vec<Left> = rows.iter().map(|row| left(&row.id, status)).collect();
        // Only what does the same is worth keeping, not another event of the same user.
        let same = rows.iter().any(|row| Change::of(row, status) == Change::scheduled(status));
        if same && lefts.contains(&Left::Bereft) {
            continue;
        }
        if lefts.contains(&Left::Waiting) {
            next.left += leaving;
            continue;
        }
        if !rows.iter().all(&written) {
            // Nobody takes an event back of which that is written: a DELETE that comes late takes nothing that is
            // wanted.
            next.left += leaving;
            continue;
        }
        match facts.called.get(&Call::Cancel { job_id: job.clone() }) {
            Some(Repaired::Done) => {
                status.events.retain(|entry| entry.scheduled_job_id != job);
                continue;
            }
            Some(Repaired::Refused { .. } | Repaired::NotNow | Repaired::Unknown) => {
                next.left += leaving;
                next.again = true;
                continue;
            }
            None => {}
        }
        match verdict(&job, &rows, status, facts, policy) {
            Verdict::Look(wanted) => {
                next.left += leaving;
                next.look.get_or_insert(wanted);
            }
            Verdict::Shared => share(status, &job),
            Verdict::Gone => status.events.retain(|entry| entry.scheduled_job_id != job),
            Verdict::Ours => {
                next.left += leaving;
                if may_write {
                    next.call.get_or_insert(Call::Cancel { job_id: job });
                }
            }
        }
    }
    next
}

impl Pass<'_> {
    /// Cancels what is replaced.
    pub(super) fn cancel(&mut self, again: bool, work: &mut Work) {
        let having = |wanted: &str| -> BTreeSet<String> {
            let users = self.status.users.iter().filter(|user| user.result == wanted);
            users.filter_map(|user| user.id.clone()).collect()
        };
        let (pending, failed) = (having(result::PENDING), having(result::FAILED));
        let deleting = self.schedule.deleting;
        // While it is not known who a declared user is, an event of nobody known may be its own.
        let nameless = |user: &ScheduledUser| user.id.is_none() && user.result == result::PENDING;
        let unresolved = self.status.users.iter().any(nameless);
        let named: BTreeSet<String> = self.status.users.iter().filter_map(|user| user.id.clone()).collect();
        let does_the_same = |id: &str, status: &ScheduledUserStateStatus| {
            let mut events = status.events.iter().filter(|entry| entry.id == id);
            events.any(|entry| Change::of(entry, status) == Change::scheduled(status))
        };
        let claims = &self.facts.claims;
        let left = |id: &str, status: &ScheduledUserStateStatus| {
            let replaced = deleting
                || status.events.iter().any(|entry| entry.superseded.is_none() && entry.id == id)
                || claims.is_served(id);
            if replaced {
                Left::Well
            } else if pending.contains(id) || (unresolved && !named.contains(id)) {
                Left::Waiting
            } else if failed.contains(id) && does_the_same(id, status) {
                Left::Bereft
            } else {
                Left::Well
            }
        };
        let policy = self.schedule.desired.deletion;
        if self.told {
            // Nothing is read or called before that is written; and it says that there is more to do.
            work.cancels = leaving(&self.status, policy);
            return;
        }
        let may = (again, self.may_write() && self.is_ours() && !self.held());
        let known = &self.schedule.status.events;
        let written = |entry: &EventEntry| {
            let same = |other: &EventEntry| {
                (&other.id, &other.scheduled_job_id) == (&entry.id, &entry.scheduled_job_id)
            };
            deleting || known.iter().any(|other| same(other) && other.superseded == entry.superseded)
        };
        let next: Cancelling = cancel(&mut self.status, self.facts, policy, (left, written), may);
        work.cancels += next.left;
        if next.again {
            self.wakes.push(after(self.now, AGAIN));
        }
        if work.call.is_none() {
            work.call = next.call;
        }
        if let Some(wanted) = next.look.filter(|_| work.intent.is_none() && work.call.is_none())
            && (self.may_write() || deleting)
        {
            work.read = self.look_at(wanted, work);
        }
    }
}

/// Whether it was seen that these cannot be cancelled.
fn is_given_up(rows: &[EventEntry], again: bool) -> bool {
    !again && rows.iter().any(|row| row.shared)
}

fn share(status: &mut ScheduledUserStateStatus, job: &str) {
    for entry in status.events.iter_mut().filter(|entry| entry.scheduled_job_id == job) {
        entry.shared = entry.superseded.is_some();
    }
}

/// What a listing says of a job.
enum Verdict {
    /// Nothing yet.
    Look(EventsWanted),
    /// Every event of it is ours and is what the record says.
    Ours,
    /// None of its events is there any more.
    Gone,
    /// Somebody else's event would go with it.
    Shared,
}

fn verdict(
    job: &str,
    rows: &[EventEntry],
    status: &ScheduledUserStateStatus,
    facts: &Facts,
    policy: DeletionPolicy,
) -> Verdict {
    let Some(change) = rows.iter().find_map(|row| Change::of(row, status)) else {
        // Nobody can tell when it is due: a forged record, or a broken one.
        return Verdict::Shared;
    };
    let users: BTreeSet<String> = rows.iter().map(|row| row.id.clone()).collect();
    // Who shares an id is told by a whole listing. Where none can be had, users of a request of ours share its id among
    // themselves; of others' requests nobody can tell.
    let all_created = rows.iter().all(|row| row.origin == origin::CREATED);
    let proves =
        |look: &&EventsLook| look.whole || (look.thorough && users.iter().all(|user| look.knows(user)));
    let Some(look) = facts.events.get(&change.time).filter(proves) else {
        let users = users.into_iter().collect();
        return Verdict::Look(EventsWanted { time: change.time, state: change.state, users, whole: true });
    };
    let listed: Vec<&Listed> = look.rows.iter().filter(|row| row.job_id == job).collect();
    if listed.is_empty() {
        return Verdict::Gone;
    }
    let undone = rows.iter().all(|row| row.superseded.is_none() || is_undone(row, policy));
    let ours = listed.iter().all(|event| {
        rows.iter().any(|row| {
            let Some(change) = Change::of(row, status) else { return false };
            row.id == event.user_id
                && (change.is_of(event, kept_time(row))
                    || change.is_of(event, Some(whole_minute(change.time))))
        })
    });
    if ours && undone && (look.whole || all_created) { Verdict::Ours } else { Verdict::Shared }
}
