//! What users need, done: in the draft, or as the next look, request or call.

use std::collections::{BTreeMap, BTreeSet};

use super::change::Change;
use super::draft;
use super::facts::{Key, Read};
use super::intent::{MOST, intent};
use super::need::Need;
use super::pass::{Pass, Work};
use super::who::Meant;
use crate::api::schedule_status::{origin, result};
use crate::api::submission::{Operation, Phase, Recorded, Submission};
use crate::plan::facts::{LOOK_UP, Slot};

/// Most ids that a record keeps of events that were there before.
const MOST_EXISTING: usize = 800;

impl Pass<'_> {
    /// Does what users need: into the draft, or as the next read, request or call.
    pub(super) fn act(&mut self, change: Change, needs: Vec<(String, Need)>, work: &mut Work) {
        let (mut posts, mut applies, mut states, mut unlisted) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let Some(Meant { needs, unseen, calls }) = self.meant(needs, work) else { return };
        if !calls.is_empty() && self.may_write() && !self.held() && self.is_ours() {
            states.extend(calls);
        }
        for (id, need) in needs {
            match need {
                Need::Nothing => {}
                Need::Wait(until) => {
                    work.later += usize::from(until.is_some());
                    self.wakes.extend(until);
                }
                Need::Events => unlisted.push(id),
                Need::State => states.push(Key::Id(id)),
                Need::Post => posts.push(id),
                Need::Apply => applies.push(id),
                Need::Adopt(event) => {
                    draft::own(&mut self.status, change, &event, origin::ADOPTED, false);
                    self.status.organization_id = self
                        .status
                        .organization_id
                        .take()
                        .or_else(|| self.connection().map(|connection| connection.organization.clone()));
                    self.became_scheduled(&id);
                }
                Need::Reclaim(job) => {
                    for entry in
                        self.status.events.iter_mut().filter(|e| e.scheduled_job_id == job && e.id == id)
                    {
                        entry.superseded = None;
                    }
                    self.became_scheduled(&id);
                }
                Need::Vanished => {
                    self.status.events.retain(|entry| entry.id != id || entry.superseded.is_some());
                    // That is written first: then there may be an equal one to take over, or no user any more.
                    work.ready += 1;
                }
                Need::Yield => {
                    for entry in
                        self.status.events.iter_mut().filter(|e| e.superseded.is_none() && e.id == id)
                    {
                        entry.superseded = Some(change.superseded());
                    }
                }
                Need::Call(call) => {
                    work.ready += 1;
                    if self.may_write() && !self.held() && self.is_ours() {
                        work.call.get_or_insert(call);
                    }
                }
            }
        }
        self.drop_made(change);
        work.ready += posts.len() + applies.len() + unlisted.len();
        if !states.is_empty() {
            work.unseen = true;
            // Who is scheduled stays so when its state cannot be read.
            let open = |key: &&Key| {
                let Key::Id(id) = key else { return false };
                let user = self.status.users.iter().find(|user| user.id.as_ref() == Some(id));
                user.is_some_and(|user| matches!(user.result.as_str(), result::PENDING | result::HELD))
            };
            work.ready += states.iter().filter(open).count();
            states.truncate(LOOK_UP);
            work.read = self.ask(Read::Users(states));
            if work.read.is_some() {
                return;
            }
        }
        let (all, at_once) = if self.now < change.time {
            (posts.iter().chain(&unlisted).cloned().collect::<Vec<_>>(), false)
        } else {
            (applies, true)
        };
        self.submit(change, (all, &unlisted, &unseen), at_once, work);
    }

    fn became_scheduled(&mut self, id: &str) {
        for user in draft::lines_of(&mut self.status, id) {
            draft::becomes_scheduled(user);
        }
    }

    /// After the instant, events of users whose outcome is known are nothing to remember.
    fn drop_made(&mut self, change: Change) {
        if self.now < change.time {
            return;
        }
        let open: BTreeSet<String> = self
            .status
            .users
            .iter()
            .filter(|user| {
                matches!(user.result.as_str(), result::SCHEDULED | result::PENDING | result::CONFLICT)
            })
            .filter_map(|user| user.id.clone())
            .collect();
        self.status.events.retain(|entry| entry.superseded.is_some() || open.contains(&entry.id));
    }

    /// The next request, if one may go out now; or the look that it needs.
    fn submit(
        &mut self,
        change: Change,
        (all, unlisted, unseen): (Vec<String>, &[String], &BTreeMap<String, Key>),
        at_once: bool,
        work: &mut Work,
    ) {
        if self.told {
            return;
        }
        let (group, half) = self.group(change, all, at_once);
        if group.is_empty() || !self.may_write() || self.held() {
            return;
        }
        let Some(connection) = self.connection_or(work) else { return };
        let most = usize::try_from(connection.max_batch_size).unwrap_or(MOST).clamp(1, MOST);
        let group: Vec<String> = group.into_iter().take(most).collect();
        let keys: BTreeSet<&Key> = group.iter().filter_map(|id| unseen.get(id)).collect();
        if !keys.is_empty() {
            let keys = keys.into_iter().take(LOOK_UP).cloned().collect();
            work.read = self.ask(Read::Users(keys));
            work.unseen |= work.read.is_none();
            return;
        }
        let missing: Vec<String> = group.iter().filter(|id| unlisted.contains(id)).cloned().collect();
        if !missing.is_empty() {
            work.read = self.events(change, missing, work);
            return;
        }
        if at_once {
            match self.facts.slot {
                None => {
                    work.read = self.possible(Read::Slot);
                    return;
                }
                Some(Slot::Taken { until }) => {
                    self.wake_soon(until);
                    return;
                }
                Some(Slot::Free) => {}
            }
        }
        let organization = connection.organization;
        let nonce = self.facts.fresh_nonce.as_str();
        let mut intent =
            intent(self.schedule, (nonce, &organization), change, (&group, at_once), self.policy, self.now);
        intent.submission.existing = self.existing(change, &group);
        if let Some(half) = half {
            draft::dissolve(&mut self.status, &half);
        }
        for id in &group {
            for user in draft::lines_of(&mut self.status, id) {
                result::PENDING.clone_into(&mut user.result);
                user.retry_time = None;
            }
        }
        self.status.organization_id.get_or_insert(organization);
        self.status.submissions.push(Recorded::Known(Box::new(intent.submission.clone())));
        work.intent = Some(intent);
    }

    /// Ids of events that these users have already and that could be taken for those of a request which is not
    /// answered: of other objects, or kept with another date than was asked for.
    fn existing(&self, change: Change, group: &[String]) -> Vec<String> {
        let rows = self.facts.events.get(&change.time).into_iter().flat_map(|look| &look.rows);
        let taken = rows.filter(|row| group.contains(&row.user_id) && change.may_be(row));
        let jobs: BTreeSet<&String> = taken.map(|row| &row.job_id).collect();
        jobs.into_iter().take(MOST_EXISTING).cloned().collect()
    }

    /// The users of the next request: those of a part of a refused one, or all others. Parts of whose users none
    /// needs anything go.
    fn group(&mut self, change: Change, all: Vec<String>, at_once: bool) -> (Vec<String>, Option<String>) {
        let operation = if at_once { Operation::Update } else { Operation::Schedule };
        let halves: Vec<Submission> = self
            .status
            .submissions
            .iter()
            .filter_map(Recorded::known)
            .filter(|record| record.phase == Phase::Rejected)
            .cloned()
            .collect();
        let mut first = None;
        let mut in_halves: BTreeSet<String> = BTreeSet::new();
        for half in halves {
            let of_this = Change::asked(&half) == Some(change) && half.operation == operation;
            let users: Vec<String> =
                half.members.iter().filter(|id| of_this && all.contains(id)).cloned().collect();
            if users.is_empty() {
                draft::dissolve(&mut self.status, &half.nonce);
                continue;
            }
            in_halves.extend(users.iter().cloned());
            first.get_or_insert((users, half.nonce));
        }
        match first {
            Some((users, nonce)) => (users, Some(nonce)),
            None => (all, None),
        }
    }
}
