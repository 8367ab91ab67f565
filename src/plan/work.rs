//! What is to be done, sorted: users that need the same thing, ready to become requests.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::draft::{Draft, Entry, News};
use super::facts::{Facts, Repair, UserKey};
use super::managers::Managers;
use super::need::{Around, Need, Taken, User};
use super::policy::{Policy, after};
use crate::api::submission::{Operation, Recorded, Submission};
use crate::api::user_status::{Failure, InventoryEntry, reason, result};
use crate::users::clean;
use crate::users::row::{DesiredRow, ManagerRef, fold};

/// A user about to be created.
#[derive(Debug, Clone)]
pub struct Creation<'a> {
    /// The row.
    pub row: &'a DesiredRow,
    /// The manager's id.
    pub manager: Option<String>,
    /// Whether an update must follow.
    pub incomplete: bool,
}

/// A user about to be updated.
#[derive(Clone)]
pub struct Change<'a> {
    /// The row.
    pub row: &'a DesiredRow,
    /// JumpCloud's id.
    pub id: String,
    /// Fields and values in JumpCloud's spelling.
    pub set: Map<String, Value>,
}

/// Users that may share a request, with what must be known before.
#[derive(Default)]
pub struct Group<'a> {
    /// The record that they have to themselves: part of a request that was refused.
    pub half: Option<String>,
    /// Users to be looked up, to be created as far as is known.
    pub new: Vec<UserKey>,
    /// Users to be looked up that are ours.
    pub changed: Vec<UserKey>,
    /// Managers to be looked up, one for each user that waits for it.
    pub managers: Vec<ManagerRef>,
    /// Users to be created.
    pub creations: Vec<Creation<'a>>,
    /// Users to be updated.
    pub changes: Vec<Change<'a>>,
    /// Users to be repaired.
    pub repairs: Vec<(&'a DesiredRow, Repair)>,
    /// Users that were found to be ours, and are compared with their rows once that is written.
    pub taken: usize,
    /// Users that are sent again later.
    pub later: usize,
    /// Users that wait for what becomes of another user, such as their manager.
    pub awaiting: usize,
    /// Users of an announced repair.
    pub under_repair: usize,
}

impl Group<'_> {
    /// Users for which something can be done now.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.new.len()
            + self.changed.len()
            + self.managers.len()
            + self.creations.len()
            + self.changes.len()
            + self.repairs.len()
            + self.taken
    }

    /// Users that nobody has looked at in this pass.
    #[must_use]
    pub fn unseen(&self) -> usize {
        self.new.len() + self.changed.len() + self.managers.len()
    }
}

/// A group that is still empty, what kind of request it is a part of if any, and what its users need.
type Needs<'a> = (Group<'a>, Option<Operation>, Vec<(&'a DesiredRow, Need)>);

/// Where the users of a list are sorted from.
pub struct Sorter<'a> {
    /// The rows.
    pub rows: &'a [DesiredRow],
    /// Answers of this pass.
    pub facts: &'a Facts,
    /// Settings of the process.
    pub policy: &'a Policy,
    /// Somebody asked to look and act now.
    pub urgent: bool,
    /// Somebody says that users of unknown origin are ours.
    pub adopt: bool,
    /// Now.
    pub now: Timestamp,
}

/// The list as a draft has it, by folded username.
pub struct Known<'d> {
    inventory: BTreeMap<String, &'d InventoryEntry>,
    failures: BTreeMap<String, &'d Failure>,
    in_flight: BTreeSet<String>,
}

impl<'d> Known<'d> {
    /// What a draft says.
    #[must_use]
    pub fn of(draft: &'d Draft) -> Self {
        Self {
            inventory: draft.status.inventory.iter().map(|entry| (fold(&entry.username), entry)).collect(),
            failures: draft
                .status
                .failures
                .iter()
                .map(|failure| (fold(&failure.username), failure))
                .collect(),
            in_flight: draft.in_flight(),
        }
    }

    /// The managers of these rows.
    pub fn managers<'a>(&'a self, rows: &'a [DesiredRow], facts: &'a Facts) -> Managers<'a> {
        Managers::of_list(rows, facts, &self.inventory, |row| {
            let key = row.key();
            let failed =
                self.failures.get(&key).is_some_and(|f| f.hash == row.hash && f.retry_time.is_none());
            !self.inventory.contains_key(&key) && (self.in_flight.contains(&key) || !failed)
        })
    }

    /// The entry of a user that is ours.
    #[must_use]
    pub fn owned(&self, key: &str) -> Option<&'d InventoryEntry> {
        self.inventory.get(key).copied()
    }
}

impl<'a> Sorter<'a> {
    /// Sorts all users, parts of refused requests first, the smallest before the others. What needs no
    /// request goes into the draft at once.
    pub fn sort(&self, draft: &mut Draft, wakes: &mut Vec<Timestamp>) -> Vec<Group<'a>> {
        let mut groups = Vec::new();
        for (mut group, operation, needs) in self.needs(draft) {
            for (row, need) in needs {
                self.put(&mut group, draft, wakes, row, need);
            }
            if let Some(operation) = operation {
                group.keep(operation);
            }
            groups.push(group);
        }
        groups
    }

    /// What the users of each group need, from a draft in which nothing of it is done yet.
    fn needs(&self, draft: &Draft) -> Vec<Needs<'a>> {
        let known = Known::of(draft);
        let records = draft.status.submissions.iter().filter_map(Recorded::known);
        let mut halves: Vec<&Submission> = records.filter(|s| !s.phase.is_under_way()).collect();
        halves.sort_by_key(|half| half.members.len());
        let rows: BTreeMap<String, &'a DesiredRow> = self.rows.iter().map(|row| (row.key(), row)).collect();
        let managers = known.managers(self.rows, self.facts);
        let names: BTreeMap<&str, &str> =
            known.inventory.values().map(|entry| (entry.id.as_str(), entry.username.as_str())).collect();
        let around = Around {
            names: &names,
            some_left: known.inventory.values().any(|entry| entry.removal_time.is_some()),
            in_flight: &known.in_flight,
            claims: &self.facts.claims,
            protected: &self.facts.protected,
            managers: &managers,
            urgent: self.urgent,
            adopt: self.adopt,
            now: self.now,
        };
        let mut all = Vec::with_capacity(halves.len() + 1);
        // Parts of one request have no user in common with each other or with what is under way; records that
        // somebody wrote may.
        let mut taken = draft.under_way();
        for half in halves {
            let mut needs = Vec::new();
            for (name, hash) in half.usernames().iter().zip(&half.row_hashes) {
                // A row that was changed or taken off is not what JumpCloud refused.
                let Some(row) = rows.get(&fold(name)).filter(|row| row.hash == *hash) else { continue };
                if taken.insert(row.key()) {
                    needs.push((*row, self.user(row, &known, false).need(&around)));
                }
            }
            let group = Group { half: Some(half.nonce.clone()), ..Group::default() };
            all.push((group, Some(half.operation), needs));
        }
        let needs = self
            .rows
            .iter()
            .map(|row| (row, self.user(row, &known, known.in_flight.contains(&row.key())).need(&around)));
        all.push((Group::default(), None, needs.collect()));
        all
    }

    fn user<'u>(&'u self, row: &'u DesiredRow, known: &Known<'u>, in_flight: bool) -> User<'u> {
        let key = row.key();
        User {
            row,
            owned: known.inventory.get(&key).copied(),
            in_flight,
            failure: known.failures.get(&key).copied(),
            look: self.facts.users.get(&key),
            repaired: self.facts.repaired.get(&key),
        }
    }

    fn put(
        &self,
        group: &mut Group<'a>,
        draft: &mut Draft,
        wakes: &mut Vec<Timestamp>,
        row: &'a DesiredRow,
        need: Need,
    ) {
        let key = row.key();
        match need {
            Need::Look(lookup) if matches!(lookup.by, super::facts::By::Id(_)) => group.changed.push(lookup),
            Need::Look(lookup) => group.new.push(lookup),
            Need::Manager(reference) => group.managers.push(reference),
            Need::Create { manager, incomplete } => {
                group.creations.push(Creation { row, manager, incomplete });
            }
            Need::Update { id, set } => group.changes.push(Change { row, id, set }),
            Need::Repair { id, set } => {
                group.repairs.push((row, Repair { username: row.username.clone(), id, set }));
            }
            Need::RepairAgain { may_come } => {
                let wait = if may_come { self.policy.quarantine } else { self.policy.poll_min };
                let at =
                    after(self.now, wait).max(self.facts.notes.throttled_until.unwrap_or(Timestamp::MIN));
                draft.repair_again(row, at);
                wakes.push(at);
                group.under_repair += 1;
            }
            Need::Same { id, live_state, sent } => {
                let before = draft.entry(&key, &row.username, &id);
                let result = match before.result {
                    // Its creation comes to its end only now.
                    result if before.hash.is_empty() => result,
                    _ if sent => Some(result::UPDATED.to_owned()),
                    _ => Some(result::UNCHANGED.to_owned()),
                };
                draft.own(Entry { result, ..Entry::whole(row, &id) });
                let news = draft.news.entry(key).or_default();
                news.live_state = live_state;
            }
            Need::Take { id, live_state, why } => {
                let mut entry = Entry::of(&row.username, &id);
                let mut reason = None;
                match why {
                    Taken::AfterUnknown => reason = Some(reason::ADOPTED_AFTER_UNKNOWN),
                    Taken::Resolved => entry.result = Some(result::ADOPTED.to_owned()),
                    Taken::HandedOver(state) => {
                        entry.result = Some(result::ADOPTED.to_owned());
                        entry.state = state;
                    }
                }
                draft.own(entry);
                draft.news.insert(key, News { reason, live_state, ..News::default() });
                group.taken += 1;
            }
            Need::NotTaken(fields) => draft.not_taken(&row.username, &row.hash, &fields, self.now),
            Need::Refuse { why, message } => {
                draft.refuse(&row.username, &row.hash, why, clean::message(&message, None));
            }
            Need::Later(at) => {
                group.later += 1;
                wakes.push(at);
            }
            Need::AwaitOther => group.awaiting += 1,
            Need::UnderRepair(until) => {
                group.under_repair += 1;
                wakes.push(until);
            }
            Need::InFlight | Need::Owned | Need::Held => {}
        }
    }
}

impl Group<'_> {
    /// A part of a refused request is sent as what it was; who needs something else by now is anybody
    /// again once the record is gone.
    fn keep(&mut self, operation: Operation) {
        match operation {
            Operation::Create => {
                self.changes.clear();
                self.changed.clear();
            }
            Operation::Update | Operation::Schedule => {
                self.creations.clear();
                self.new.clear();
            }
        }
        self.repairs.clear();
    }
}
