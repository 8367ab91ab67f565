//! One question of a pass: what is known, what stands in the way, what comes next.

mod follow;

use std::time::Duration;

use jiff::Timestamp;

use super::claims::Hold;
use super::desired::MAX_RECORDS;
use super::display;
use super::draft::Draft;
use super::facts::{Connection, ConnectionFact, Facts, LOOK_UP, Outcome, Read, Repair, Slot, UserKey};
use super::intent::{Body, Intent};
use super::messages;
use super::policy::{Policy, Writes, after};
use super::step::{Batch, Commit, Step};
use super::verdict::{Obstacles, Outstanding, foreign, is_rate_limited, verdict};
use super::work::{Group, Sorter};
use crate::api::condition;

/// How soon a connection is looked at again that this process is just checking.
const CHECKING: Duration = Duration::from_secs(1);

/// Most repairs that one write announces: each is a request of its own, and the lease must outlast them.
const REPAIRS: usize = 10;

/// Whether annotation requested-at has a value that was not acted on.
fn is_urgent(batch: &Batch<'_>) -> bool {
    let handled = batch.status.last_handled.as_ref().and_then(|handled| handled.requested_at.as_ref());
    batch.requested_at.is_some() && batch.requested_at.as_ref() != handled
}

pub(super) struct Pass<'a> {
    batch: &'a Batch<'a>,
    facts: &'a Facts,
    policy: &'a Policy,
    now: Timestamp,
    draft: Draft,
    /// Somebody asked to look and act now.
    urgent: bool,
    /// Somebody says that users of unknown origin are ours.
    adopt: bool,
    /// The draft holds results or the course of a request: it is written before anything else is read.
    recorded: bool,
    wakes: Vec<Timestamp>,
}

/// What submitting came to.
struct Submitting {
    outstanding: Outstanding,
    read: Option<Read>,
    intent: Option<Intent>,
    repairs: Vec<Repair>,
    /// Users are still to be looked at.
    unseen: bool,
}

/// What a group of users needs next.
enum Wanted {
    Read(Read),
    Send(Box<Intent>),
}

impl<'a> Pass<'a> {
    pub(super) fn new(batch: &'a Batch<'a>, facts: &'a Facts, policy: &'a Policy, now: Timestamp) -> Self {
        let draft = Draft::of(batch.status);
        let urgent = is_urgent(batch);
        Self { batch, facts, policy, now, draft, urgent, adopt: false, recorded: false, wakes: Vec::new() }
    }

    fn handled_resolve(&self) -> Option<&'a str> {
        self.batch.status.last_handled.as_ref().and_then(|handled| handled.resolve.as_deref())
    }

    /// Decides what the pass does next.
    pub(super) fn next(mut self) -> Step {
        let handled =
            self.batch.status.last_handled.as_ref().and_then(|handled| handled.retry_failed.clone());
        if let Some(value) = self.batch.retry_failed.as_ref().filter(|value| Some(*value) != handled.as_ref())
        {
            self.draft.retry_failed(value, self.now);
        }
        let resolve = self.batch.resolve.as_deref().filter(|value| Some(*value) != self.handled_resolve());
        if resolve == Some("abandon") {
            self.draft.abandon();
        }
        self.adopt = resolve == Some("adopt");
        let mut obstacles = self.obstacles();
        if obstacles.other_organization.is_some() {
            // Nobody tells when the credential is put back: the Secret is read when a pass asks for it.
            self.wakes.push(after(self.now, self.policy.poll_max));
        }
        if foreign(self.batch.status).is_none() {
            if let Some(read) = self.follow(&obstacles) {
                return Step::Read(read);
            }
            self.draft.forget_obsolete(self.batch.desired, self.now);
            if self.batch.desired.problems.is_empty() && !self.batch.deleting {
                self.let_go();
            }
        }
        obstacles.read_only = self.policy.writes == Writes::Forbidden;
        let submitting = self.submit(&obstacles);
        match submitting.read {
            Some(read) if !self.recorded => return Step::Read(read),
            _ => {}
        }
        if !submitting.unseen {
            if let (true, Some(value)) = (self.urgent, &self.batch.requested_at) {
                self.draft.requested(value);
            }
            self.draft.resolved(self.batch.resolve.as_deref());
        }
        self.conclude(&obstacles, submitting)
    }

    /// Users that have left the list, and those that another object has taken over.
    fn let_go(&mut self) {
        let owners = &self.facts.claims.owners;
        let taken_over = |id: &str| owners.get(id).filter(|claim| claim.hold == Hold::Wanted);
        self.draft.let_go(self.batch.desired, taken_over, self.now);
    }

    /// What stands in the way, as far as it is known without reading.
    fn obstacles(&self) -> Obstacles {
        let mut obstacles = Obstacles {
            problems: self.batch.desired.problems.clone(),
            paused: self.batch.desired.paused,
            rate_limited: is_rate_limited(self.facts.notes.throttled_until, self.now),
            trouble: self.facts.notes.trouble.clone(),
            ..Obstacles::default()
        };
        match &self.facts.connection {
            None | Some(ConnectionFact::Checking) => {}
            Some(ConnectionFact::Missing) => {
                obstacles.connection = Some(messages::connection_missing(&self.batch.desired.connection));
            }
            Some(ConnectionFact::NotReady(why)) => obstacles.connection = Some(why.clone()),
            Some(ConnectionFact::Ready(connection)) => {
                obstacles.connection_paused = connection.paused;
                obstacles.other_organization = self
                    .batch
                    .status
                    .organization_id
                    .as_ref()
                    .filter(|ours| **ours != connection.organization)
                    .map(|_| connection.organization.clone());
            }
        }
        obstacles
    }

    /// A read, unless it failed in this pass before; then the time to try again is noted.
    fn possible(&mut self, read: Read) -> Option<Read> {
        match self.facts.failed.get(&read) {
            Some(failed) => {
                self.wakes.push(failed.retry_at);
                None
            }
            None => Some(read),
        }
    }

    /// Finds the users that need sending, and the next request, if one may go out now.
    fn submit(&mut self, obstacles: &Obstacles) -> Submitting {
        let sorter = Sorter {
            rows: &self.batch.desired.rows,
            facts: self.facts,
            policy: self.policy,
            urgent: self.urgent,
            adopt: self.adopt,
            now: self.now,
        };
        let mut groups = sorter.sort(&mut self.draft, &mut self.wakes);
        if !self.recorded && self.dissolve_empty(&groups) {
            // Their users are anybody again, and count as outstanding.
            groups = sorter.sort(&mut self.draft, &mut self.wakes);
        }
        // Parts whose users count as anybody only once the next pass has taken them out.
        let undissolved = groups.iter().filter(|group| group.half.is_some() && group.ready() == 0).count();
        let outstanding = Outstanding {
            ready: groups.iter().map(Group::ready).sum::<usize>() + undissolved,
            later: groups.iter().map(|group| group.later).sum(),
            awaiting: groups.iter().map(|group| group.awaiting).sum(),
            under_repair: groups.iter().map(|group| group.under_repair).sum(),
        };
        let unseen = undissolved > 0 || groups.iter().any(|group| group.unseen() > 0);
        let nothing =
            || Submitting { outstanding, read: None, intent: None, repairs: Vec::new(), unseen: false };
        let not_yet = || Submitting { unseen, ..nothing() };
        // Who asked to look is not forgotten because of a connection that is not ready at that moment.
        if self.forbidden(obstacles) {
            return not_yet();
        }
        if outstanding.ready == 0 {
            return nothing();
        }
        // Users that were settled in this draft need a look that is newer than their result.
        if self.recorded || self.held() {
            return not_yet();
        }
        let connection = match &self.facts.connection {
            None => return Submitting { read: self.possible(Read::Connection), ..not_yet() },
            Some(ConnectionFact::Checking) => {
                self.wakes.push(after(self.now, CHECKING));
                return not_yet();
            }
            Some(ConnectionFact::Missing | ConnectionFact::NotReady(_)) => return not_yet(),
            Some(ConnectionFact::Ready(connection)) => connection.clone(),
        };
        match self.facts.slot {
            None => return Submitting { read: self.possible(Read::Slot), ..not_yet() },
            Some(Slot::Taken { until }) => self.wakes.push(until),
            Some(Slot::Free) => {
                for group in &groups {
                    if let Some(next) = self.next_of(group, &connection) {
                        return match next {
                            Wanted::Read(read) => Submitting { read: self.possible(read), ..not_yet() },
                            Wanted::Send(intent) => Submitting { intent: Some(*intent), ..not_yet() },
                        };
                    }
                }
            }
        }
        Submitting { repairs: self.announce_repairs(groups), ..not_yet() }
    }

    /// What one group needs next: something to be known of its users, or the request itself.
    fn next_of(&mut self, group: &Group<'a>, connection: &Connection) -> Option<Wanted> {
        let size = self.batch.desired.batch_size.min(connection.max_batch_size).max(1) as usize;
        let creating = !group.new.is_empty() || !group.creations.is_empty() || !group.managers.is_empty();
        let (found, unseen) = if creating {
            (group.creations.len() + group.managers.len(), &group.new)
        } else {
            (group.changes.len(), &group.changed)
        };
        let wanted = size.saturating_sub(found);
        let keys = UserKey::of_one_search(unseen.iter().take(wanted).cloned());
        if !keys.is_empty() {
            return Some(Wanted::Read(Read::Users(keys)));
        }
        if !group.managers.is_empty() {
            let mut managers = group.managers.clone();
            managers.sort();
            managers.dedup();
            managers.truncate(LOOK_UP);
            return Some(Wanted::Read(Read::Managers(managers)));
        }
        let body = match (group.creations.as_slice(), group.changes.as_slice()) {
            ([], []) => {
                self.dissolve_half(group);
                return None;
            }
            ([], changes) => Body::Update(changes.iter().take(size).cloned().collect()),
            (creations, _) => Body::Create(creations.iter().take(size).cloned().collect()),
        };
        self.dissolve_half(group);
        let organization = connection.organization.clone();
        let intent = Intent::of(self.batch, self.facts, self.policy, &body, organization, self.now);
        self.draft.intend(&intent.submission);
        if let Body::Update(changes) = &body {
            for change in changes {
                self.draft.begin_change(&change.row.username, change.set.contains_key("state"));
            }
        }
        Some(Wanted::Send(Box::new(intent)))
    }

    fn dissolve_half(&mut self, group: &Group<'_>) {
        if let Some(nonce) = &group.half {
            self.draft.dissolve(nonce);
        }
    }

    /// Takes out parts of refused requests whose users need no request any more, or another one; whether
    /// there were any.
    fn dissolve_empty(&mut self, groups: &[Group<'_>]) -> bool {
        let before = self.draft.status.submissions.len();
        for group in groups.iter().filter(|group| group.ready() == 0) {
            self.dissolve_half(group);
        }
        self.draft.status.submissions.len() < before
    }

    /// Takes repairs down before they are made.
    fn announce_repairs(&mut self, groups: Vec<Group<'a>>) -> Vec<Repair> {
        let until = after(after(self.now, self.policy.submit_timeout), self.policy.quarantine);
        let announced = groups.into_iter().flat_map(|group| group.repairs).take(REPAIRS);
        announced
            .map(|(row, repair)| {
                self.draft.repairing(row, repair.set.contains_key("state"), until);
                repair
            })
            .collect()
    }

    /// Whether it must first become another time, whatever else there is.
    fn held(&mut self) -> bool {
        let hold =
            [self.facts.notes.hold_until, self.facts.notes.throttled_until].into_iter().flatten().max();
        if let Some(until) = hold.filter(|until| *until > self.now) {
            self.wakes.push(until);
            return true;
        }
        self.facts.deliveries.values().any(|o| matches!(o, Outcome::Refused { .. } | Outcome::Unknown))
    }

    /// Whether nothing may be sent until somebody edits something, whatever the connection says.
    fn forbidden(&self, obstacles: &Obstacles) -> bool {
        self.batch.deleting
            || foreign(&self.draft.status).is_some()
            || !obstacles.problems.is_empty()
            || obstacles.paused
            || obstacles.read_only
            || obstacles.connection_paused
            || obstacles.connection.is_some()
            || obstacles.other_organization.is_some()
    }

    /// Writes what changed, or waits.
    fn conclude(mut self, obstacles: &Obstacles, submitting: Submitting) -> Step {
        let Submitting { outstanding, intent, repairs, .. } = submitting;
        if self.batch.deleting {
            return Step::Idle { wake_at: self.wakes.into_iter().min() };
        }
        let newer = foreign(self.batch.status).is_some();
        if newer {
            // Nothing but conditions and their generation: whatever else is there belongs to the newer operator.
            self.draft = Draft::of(self.batch.status);
        }
        let verdict = verdict(&self.draft.status, self.batch.desired, obstacles, outstanding);
        if !newer {
            display::show(&mut self.draft, self.batch.desired);
        }
        self.draft.status.observed_generation = Some(self.batch.generation);
        self.draft.status.conditions =
            condition::conditions(&self.batch.status.conditions, &verdict, self.batch.generation, self.now);
        if self.draft.status != *self.batch.status {
            if !newer {
                self.fit();
            }
            // A status that was cut to its size before is cut in the same way again.
            if self.draft.status != *self.batch.status {
                return Step::Commit(Box::new(Commit {
                    status: self.draft.status,
                    intent,
                    repairs,
                    verdict,
                }));
            }
        }
        Step::Idle { wake_at: self.wakes.into_iter().min() }
    }

    /// Cuts the draft to the size that a status may have.
    fn fit(&mut self) {
        let desired = self.batch.desired;
        if desired.problems.is_empty() && self.draft.make_room(desired, MAX_RECORDS, self.now) {
            display::count_retained(&mut self.draft.status);
        }
        display::fit(&mut self.draft.status);
    }
}
