//! One question of a pass over a schedule: what is known, what stands in the way, what comes next.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::cancel;
use super::change::Change;
use super::draft;
use super::facts::{BatchFact, Call, Facts, Key, Read};
use super::lines::{Line, lines};
use super::looks::{self, Looks};
use super::need::{Circumstances, Need, retry_time};
use super::roster::Members;
use super::step::{Schedule, Step};
use crate::api::condition::{Reason, find};
use crate::api::schedule_status::{ScheduledUser, ScheduledUserStateStatus, result};
use crate::api::submission::{Recorded, Submission};
use crate::plan::facts::LOOK_UP;
use crate::plan::intent::Intent;
use crate::plan::policy::{Policy, before};
use crate::users::protected::is_protected;

/// How soon a connection is looked at again that this process is just checking.
pub(super) const CHECKING: Duration = Duration::from_secs(1);

/// How soon a call that did not come to pass is made again.
pub(super) const AGAIN: Duration = Duration::from_secs(10);

/// Users of a batch that is not done are waited for until so long before the instant; then who is there is
/// scheduled.
const LATEST: Duration = Duration::from_secs(600);

pub(super) struct Pass<'a> {
    pub(super) schedule: &'a Schedule<'a>,
    pub(super) facts: &'a Facts,
    pub(super) policy: &'a Policy,
    pub(super) now: Timestamp,
    /// The status as it is about to be.
    pub(super) status: ScheduledUserStateStatus,
    /// Somebody asked to look and act now.
    pub(super) urgent: bool,
    /// The draft holds what only this pass knows: it is written before anything else is read or sent.
    pub(super) told: bool,
    pub(super) wakes: Vec<Timestamp>,
}

/// What is still to be done, and what comes first.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) read: Option<Read>,
    pub(super) intent: Option<Intent>,
    pub(super) call: Option<Call>,
    /// Users that need something that can be done now.
    pub(super) ready: usize,
    /// Users that are tried again later.
    pub(super) later: usize,
    /// Events that are still to be cancelled.
    pub(super) cancels: usize,
    /// Something is to be looked at, and could not be.
    pub(super) unseen: bool,
    /// The batch, where it is waited for.
    pub(super) batch: Batch,
    /// How many users the guard counts, when it has tripped.
    pub(super) tripped: Option<usize>,
}

/// What is waited for of the batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Batch {
    #[default]
    Known,
    Missing,
    Awaiting(usize),
    Elsewhere,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        schedule: &'a Schedule<'a>,
        facts: &'a Facts,
        policy: &'a Policy,
        now: Timestamp,
    ) -> Self {
        let handled = schedule.status.last_handled.as_ref().and_then(|handled| handled.requested_at.as_ref());
        let urgent = schedule.requested_at.is_some() && schedule.requested_at.as_ref() != handled;
        let status = schedule.status.clone();
        Self { schedule, facts, policy, now, status, urgent, told: false, wakes: Vec::new() }
    }

    /// Decides what the pass does next.
    pub(super) fn next(mut self) -> Step {
        if super::verdict::foreign(self.schedule.status).is_some() {
            return if self.schedule.deleting { self.leave() } else { self.newer() };
        }
        self.annotations();
        if let Some(read) = self.follow() {
            return Step::Read(read);
        }
        cancel::drop_past(&mut self.status, self.now);
        if self.schedule.deleting {
            return self.leave();
        }
        let declared = Change::declared(self.schedule.desired);
        let work = match declared.filter(|_| self.schedule.desired.problems.is_empty()) {
            Some(change) => self.work(change),
            None => Work::default(),
        };
        match work.read.clone() {
            Some(read) if !self.told => Step::Read(read),
            _ => self.conclude(work),
        }
    }

    fn annotations(&mut self) {
        let handled = self.schedule.status.last_handled.clone().unwrap_or_default();
        if let Some(value) =
            self.schedule.retry_failed.as_ref().filter(|v| Some(*v) != handled.retry_failed.as_ref())
        {
            let failed = |user: &&mut ScheduledUser| {
                matches!(user.result.as_str(), result::FAILED | result::NOT_FOUND)
            };
            for user in self.status.users.iter_mut().filter(failed) {
                draft::begin_anew(user);
            }
            self.status.last_handled.get_or_insert_default().retry_failed = Some(value.clone());
        }
        if let Some(value) = self.schedule.resolve.as_ref().filter(|v| Some(*v) != handled.resolve.as_ref()) {
            if value == "abandon" {
                self.status.submissions.retain(|record| record.known().is_none());
            }
            self.status.last_handled.get_or_insert_default().resolve = Some(value.clone());
        }
    }

    /// Everything that brings JumpCloud to what is declared.
    fn work(&mut self, change: Change) -> Work {
        draft::supersede(&mut self.status, change);
        cancel::drop_past(&mut self.status, self.now);
        let mut work = Work::default();
        let members = match self.members(change, &mut work) {
            Ok(members) => members,
            Err(read) => return Work { read: Some(read), unseen: true, ..work },
        };
        let looks = self.looks(change);
        let again = self.urgent || looks.due(self.looked(change));
        let edited = self.edited();
        let mut lines =
            lines(&self.schedule.desired.rows, members.as_ref(), &self.status.users, &self.schedule.uid);
        let looked_for = self.looked(change).max(self.facts.searched_before().unwrap_or(Timestamp::MIN));
        let anew = self.urgent || edited || looks.due(looked_for);
        if let Some(read) = self.resolve(&mut lines, anew, &mut work) {
            return Work { read: Some(read), ..work };
        }
        self.correct(&mut lines);
        let wanted = self.wanted(&lines, change);
        // Who is not found yet may be one whose event is there: named in another way, say.
        let known = |line: &Line| line.id().is_some() || line.is(result::NOT_FOUND);
        if self.schedule.desired.paused || lines.iter().all(known) {
            cancel::mark_unwanted(&mut self.status, &wanted);
        }
        cancel::drop_anothers(&mut self.status, &self.facts.claims);
        self.status.users = lines.iter().map(|line| line.user.clone()).collect();
        let before_time = self.now < change.time;
        let events = |status: &ScheduledUserStateStatus| status.events.iter().any(|e| e.superseded.is_none());
        if before_time {
            let policy = self.schedule.desired.deletion;
            if self.may_write()
                && let Some(missing) = cancel::split_shared(&mut self.status, self.facts, policy, again)
                && let Some(read) = self.look_at(missing, &mut work)
            {
                return Work { read: Some(read), ..work };
            }
            if again && events(&self.status) {
                let users: BTreeSet<String> =
                    self.status.events.iter().map(|entry| entry.id.clone()).collect();
                if let Some(read) = self.events(change, users.into_iter().collect(), &mut work) {
                    return Work { read: Some(read), ..work };
                }
            }
        }
        let needs = self.needs(change, &mut lines, wanted, (again, edited), &mut work);
        self.status.users = lines.into_iter().map(|line| line.user).collect();
        self.act(change, needs, &mut work);
        if work.read.is_none() || self.told {
            self.cancel(again, &mut work);
        }
        self.wake(change, looks);
        work
    }

    /// Whether the spec may have been edited since it was last acted upon. Beside a newer operator's record an older one
    /// names the generation, too, and acts upon nothing.
    fn edited(&self) -> bool {
        let status = self.schedule.status;
        let ready = find(&status.conditions, "Ready");
        status.observed_generation != Some(self.schedule.generation)
            || ready.is_some_and(|ready| ready.reason == Reason::NewerVersion.as_str())
    }

    /// When to look again, if nothing happens before.
    fn wake(&mut self, change: Change, looks: Looks) {
        // Replaced events that stay are nothing to say once their time has come.
        let replaced = self.status.events.iter().filter(|entry| entry.superseded.is_some());
        let times: Vec<_> = replaced.filter_map(|entry| Change::of(entry, &self.status)).collect();
        self.wakes.extend(times.into_iter().map(|change| change.time));
        let is =
            |results: &[&str]| self.status.users.iter().any(|user| results.contains(&user.result.as_str()));
        if self.now < change.time {
            let first = looks::of_states(change.time, self.schedule.desired.grace, self.now).next;
            self.wakes.extend(looks.next.or(first));
            if is(&[result::PENDING, result::HELD]) {
                self.wakes.push(change.time);
            }
        } else if is(&[result::PENDING, result::SCHEDULED, result::CONFLICT]) {
            self.wakes.extend(looks.next);
        }
    }

    fn looks(&self, change: Change) -> Looks {
        if self.now < change.time {
            looks::of_events(&self.schedule.uid, change.time, self.now)
        } else {
            looks::of_states(change.time, self.schedule.desired.grace, self.now)
        }
    }

    /// When it was looked last. A process that has not looked after the instant looks soon: nobody knows what a
    /// process before it has seen.
    fn looked(&self, change: Change) -> Timestamp {
        if self.now < change.time {
            let since = self.facts.notes.since;
            self.facts.listed_before().unwrap_or(since).max(since)
        } else {
            self.facts.seen_before().unwrap_or(change.time)
        }
    }

    /// The users of the batch; `None` when there is no batch, when nobody can tell, or when the set is fixed.
    fn members(&mut self, change: Change, work: &mut Work) -> Result<Option<Members>, Read> {
        let Some(name) = &self.schedule.desired.batch else { return Ok(Some(Members::default())) };
        let known = self.status.users.iter().any(|user| user.row.is_none());
        if self.now >= change.time && known {
            return Ok(None);
        }
        match &self.facts.batch {
            None => match self.possible(Read::Batch(name.clone())) {
                Some(read) => Err(read),
                None => {
                    work.unseen = true;
                    work.batch = Batch::Missing;
                    Ok(None)
                }
            },
            Some(BatchFact::Missing) => {
                work.batch = Batch::Missing;
                Ok(None)
            }
            Some(BatchFact::Found(members)) => {
                if self.is_elsewhere(members) {
                    work.batch = Batch::Elsewhere;
                    return Ok(None);
                }
                if members.awaiting > 0 {
                    work.batch = Batch::Awaiting(members.awaiting);
                }
                Ok(Some(members.clone()))
            }
        }
    }

    /// Whether the users of a batch are in another organisation than this object's.
    pub(super) fn is_elsewhere(&self, members: &Members) -> bool {
        let connection = || self.connection().map(|connection| connection.organization.clone());
        let ours = self.status.organization_id.clone().or_else(connection);
        ours.is_some() && members.organization.is_some() && members.organization != ours
    }

    /// Finds out who is meant; a read that is missing is handed back.
    fn resolve(&mut self, lines: &mut [Line], again: bool, work: &mut Work) -> Option<Read> {
        let mut unknown: Vec<Key> = Vec::new();
        for line in lines.iter_mut() {
            let Some(key) = line.unresolved(again) else { continue };
            match self.facts.users.get(&key) {
                Some(look) => line.resolve(look),
                None if !unknown.contains(&key) => unknown.push(key),
                None => {}
            }
        }
        if unknown.is_empty() {
            return None;
        }
        work.ready += unknown.len();
        unknown.truncate(LOOK_UP);
        let read = self.ask(Read::Users(unknown));
        work.unseen = true;
        read
    }

    /// Ids of users that are declared and that nothing holds back. After the instant nothing can be held back
    /// any more.
    fn wanted(&self, lines: &[Line], change: Change) -> BTreeSet<String> {
        let over = self.now >= change.time;
        if self.schedule.desired.paused && !over {
            return BTreeSet::new();
        }
        let free = |line: &&Line| {
            over || !line
                .user
                .username
                .as_deref()
                .is_some_and(|name| is_protected(&self.facts.protected, name))
        };
        lines.iter().filter(free).filter_map(|line| line.user.id.clone()).collect()
    }

    /// Decides what every user needs.
    fn needs(
        &mut self,
        change: Change,
        lines: &mut [Line],
        wanted: BTreeSet<String>,
        (again, edited): (bool, bool),
        work: &mut Work,
    ) -> Vec<(String, Need)> {
        let ids: BTreeSet<&str> =
            lines.iter().filter(|line| !line.is(result::NOT_FOUND)).filter_map(Line::id).collect();
        let tripped = self.schedule.desired.max_users.is_some_and(|most| ids.len() > most);
        work.tripped = tripped.then_some(ids.len());
        let awaits = matches!(work.batch, Batch::Awaiting(_));
        let latest = before(change.time, LATEST);
        if awaits && self.now < latest {
            self.wakes.push(latest);
        }
        let circumstances = Circumstances {
            change,
            desired: self.schedule.desired,
            status: &self.status,
            facts: self.facts,
            wanted,
            in_flight: self.in_flight(change),
            tripped,
            awaiting: awaits && self.now < latest,
            again,
            urgent: self.urgent,
            edited,
            now: self.now,
        };
        let mut needs: Vec<(String, Need)> = Vec::new();
        for line in lines.iter_mut() {
            let need = circumstances.need(line);
            let later = retry_time(line).filter(|until| *until > self.now);
            let need = match (need, later) {
                (Need::Post | Need::Events | Need::Apply, Some(until)) => Need::Wait(Some(until)),
                (need, _) => need,
            };
            if let Some(id) = line.user.id.clone()
                && need != Need::Nothing
                && !needs.iter().any(|(other, _)| *other == id)
            {
                needs.push((id, need));
            }
        }
        needs
    }

    /// Users that requests for this change have under way.
    fn in_flight(&self, change: Change) -> BTreeSet<String> {
        let records = self.status.submissions.iter().filter_map(Recorded::known);
        let ours =
            |record: &&Submission| record.phase.is_under_way() && Change::asked(record) == Some(change);
        records.filter(ours).flat_map(|record| record.members.clone()).collect()
    }
}
