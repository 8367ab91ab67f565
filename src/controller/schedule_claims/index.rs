//! The index itself: tables of fingerprints, the objects they lead to, and who waits for whom.
//!
//! Each object keeps its own fingerprints, so that exactly those can be taken out again: eight bytes for
//! each, and ten in the table. A change costs work for the users of its object, not for all.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::api::fingerprint;
use crate::api::schedule_head::{ScheduleHead, ScheduleUsers};
use crate::controller::claims::claimant::{Claimant, key};
use crate::controller::claims::table::{Hit, MOST_OBJECTS, Table};
use crate::controller::claims::waiting::Waiting;
use crate::controller::turns::Version;

/// Flag of a claim: the object has an event.
const HOLDS: u8 = 1;

/// All objects.
#[derive(Default)]
pub(super) struct Index {
    /// Changes that are claimed.
    changes: Table,
    /// Changes that are being sent, by their minute.
    under_way: Table,
    /// Events that are recorded.
    recorded: Table,
    /// By number.
    objects: Vec<Option<Object>>,
    numbers: HashMap<String, u32>,
    unused: Vec<u32>,
    of_connections: HashMap<String, BTreeSet<u32>>,
    of_batches: HashMap<String, Followers>,
    pub(super) waiting: Waiting,
}

/// A schedule as the index keeps it.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) claimant: Claimant,
    pub(super) users: ScheduleUsers,
    uid: u64,
    version: Version,
    /// `namespace/name` of the batch that it takes users from.
    batch: Option<String>,
}

/// The schedules that take users from a batch.
#[derive(Debug, Default)]
struct Followers {
    objects: BTreeSet<u32>,
    /// The batch as it was when they were woken last.
    seen: Option<Version>,
}

/// What follows from a change.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Objects that are to be woken.
    pub(super) concerned: BTreeSet<String>,
    /// Connections whose events have changed.
    pub(super) connections: Vec<String>,
}

impl Object {
    /// Takes the users out of a head.
    pub(super) fn take(head: &mut ScheduleHead) -> Option<Self> {
        let users = std::mem::take(&mut head.users);
        let metadata = &head.metadata;
        let claimant =
            Claimant::of(metadata, &head.spec.connection_ref.name, head.status.organization_id.as_deref())?;
        let batch = head.spec.users_from_batch.as_ref().map(|batch| key(&claimant.namespace, &batch.name));
        let version = Version::of(metadata.resource_version.as_deref());
        Some(Self { claimant, users, uid: fingerprint::of(&metadata.uid), version, batch })
    }

    fn connection(&self) -> String {
        key(&self.claimant.namespace, &self.claimant.connection)
    }

    /// Changes that it claims, and whether it has an event of each.
    fn claims(&self) -> impl Iterator<Item = (u64, bool)> {
        let wanted = self.users.wanted.iter().map(|change| (*change, false));
        wanted.chain(self.users.held.iter().map(|change| (*change, true)))
    }

    fn says(&self, (change, holds): (u64, bool)) -> bool {
        let list = if holds { &self.users.held } else { &self.users.wanted };
        list.binary_search(&change).is_ok()
    }

    fn claims_at_all(&self, change: u64) -> bool {
        self.says((change, false)) || self.says((change, true))
    }

    /// Events that are not replaced, and their instant; `None` without any.
    fn events(&self) -> Option<(u32, Timestamp)> {
        Some((self.users.events, self.users.time?)).filter(|(events, _)| *events > 0)
    }

    fn is_like(&self, other: &Self) -> bool {
        let own = (&self.claimant, &self.users, self.uid, &self.batch);
        own == (&other.claimant, &other.users, other.uid, &other.batch)
    }
}

impl Index {
    /// The objects that claim a change, and whether each has an event of it.
    pub(super) fn claiming(&self, change: u64) -> impl Iterator<Item = (&Claimant, bool)> {
        self.changes.get(change).filter_map(|hit| Some((self.claimant(hit)?, hit.flags & HOLDS != 0)))
    }

    /// The objects that have recorded an event.
    pub(super) fn recording(&self, event: u64) -> impl Iterator<Item = &Claimant> {
        self.recorded.get(event).filter_map(|hit| self.claimant(hit))
    }

    /// The objects that may be sending a change of that minute.
    pub(super) fn sending(&self, minute: u64) -> impl Iterator<Item = &Claimant> {
        self.under_way.get(minute).filter_map(|hit| self.claimant(hit))
    }

    /// The objects that use a connection.
    pub(super) fn of_connection<'i>(
        &'i self,
        connection: &str,
    ) -> impl Iterator<Item = &'i Object> + use<'i> {
        let numbers = self.of_connections.get(connection).into_iter().flatten();
        numbers.filter_map(|number| self.object(*number))
    }

    /// Takes an object in as a watch tells it.
    pub(super) fn put(&mut self, object: Object) -> News {
        let key = object.claimant.key();
        let number = self.numbers.get(&key).copied();
        let known = number.and_then(|number| self.objects.get_mut(number as usize)?.as_mut());
        if let Some(known) = known.filter(|known| known.uid == object.uid) {
            if object.version < known.version {
                return News::default();
            }
            if object.is_like(known) {
                known.version = object.version;
                return News::default();
            }
        }
        let before = self.take_out(&key);
        let mut news = self.difference(&key, before.as_ref(), Some(&object));
        if object.claims().any(|(change, _)| {
            let new = before.as_ref().is_none_or(|before| !before.claims_at_all(change));
            new && self.is_news(&key, change)
        }) {
            // It was not told about this one: the two came at the same time.
            news.concerned.insert(key);
        }
        self.fill(object);
        news
    }

    /// Takes an object in as a pass has written it. One that no watch has told of is gone, or another one.
    pub(super) fn put_written(&mut self, object: Object) -> News {
        let number = self.numbers.get(&object.claimant.key()).copied();
        match number.and_then(|number| self.object(number)) {
            Some(known) if known.uid == object.uid => self.put(object),
            Some(_) | None => News::default(),
        }
    }

    /// Forgets an object.
    pub(super) fn remove(&mut self, key: &str) -> News {
        let before = self.take_out(key);
        self.waiting.waits(key, Vec::new());
        self.difference(key, before.as_ref(), None)
    }

    /// Whom a change of a batch concerns. `None`: it is gone.
    pub(super) fn batch_changed(&mut self, batch: &str, version: Option<Version>) -> News {
        let Some(followers) = self.of_batches.get_mut(batch) else { return News::default() };
        if version.is_some() && followers.seen == version {
            return News::default();
        }
        followers.seen = version;
        let numbers = followers.objects.iter();
        let objects = numbers.filter_map(|number| self.objects.get(*number as usize)?.as_ref());
        let concerned = objects.map(|object| object.claimant.key()).collect();
        News { concerned, connections: Vec::new() }
    }

    /// Who is concerned when an object is no longer what it was; neither form is in the tables.
    fn difference(&self, key: &str, before: Option<&Object>, now: Option<&Object>) -> News {
        let mut others = BTreeSet::new();
        for (one, other) in [(before, now), (now, before)] {
            let claims = one.into_iter().flat_map(Object::claims);
            for claim in claims.filter(|claim| other.is_none_or(|other| !other.says(*claim))) {
                others.extend(self.changes.get(claim.0).map(|hit| hit.object));
            }
        }
        let mut concerned = self.waiting.on(key);
        concerned.extend(others.into_iter().filter_map(|other| Some(self.object(other)?.claimant.key())));
        let sum = |object: Option<&Object>| object.map(|object| (object.connection(), object.events()));
        let connections = match (sum(before), sum(now)) {
            (before, now) if before == now => Vec::new(),
            (before, now) => {
                let some = before.into_iter().chain(now).filter(|(_, events)| events.is_some());
                BTreeSet::from_iter(some.map(|(connection, _)| connection)).into_iter().collect()
            }
        };
        News { concerned, connections }
    }

    /// Whether the oldest other object that claims a change is one that this object does not know of, which
    /// is not in the tables.
    fn is_news(&self, key: &str, change: u64) -> bool {
        let others = self.claiming(change).map(|(other, _)| other);
        let oldest = others.min_by_key(|other| (other.created, &other.namespace, &other.name));
        oldest.is_some_and(|oldest| !self.waiting.knows(key, &oldest.key()))
    }

    fn fill(&mut self, object: Object) {
        // More objects than numbers: this one claims nothing, and a look at JumpCloud tells.
        let Some(number) = self.number() else { return };
        for (change, holds) in object.claims() {
            self.changes.insert(change, Hit { object: number, flags: if holds { HOLDS } else { 0 } });
        }
        for (table, list) in
            [(&mut self.under_way, &object.users.under_way), (&mut self.recorded, &object.users.recorded)]
        {
            list.iter().for_each(|fingerprint| table.insert(*fingerprint, Hit { object: number, flags: 0 }));
        }
        self.numbers.insert(object.claimant.key(), number);
        self.of_connections.entry(object.connection()).or_default().insert(number);
        if let Some(batch) = &object.batch {
            self.of_batches.entry(batch.clone()).or_default().objects.insert(number);
        }
        if let Some(place) = self.objects.get_mut(number as usize) {
            *place = Some(object);
        }
    }

    fn take_out(&mut self, key: &str) -> Option<Object> {
        let number = self.numbers.remove(key)?;
        let object = self.objects.get_mut(number as usize)?.take()?;
        self.unused.push(number);
        for (change, holds) in object.claims() {
            self.changes.remove(change, Hit { object: number, flags: if holds { HOLDS } else { 0 } });
        }
        for (table, list) in
            [(&mut self.under_way, &object.users.under_way), (&mut self.recorded, &object.users.recorded)]
        {
            list.iter().for_each(|fingerprint| table.remove(*fingerprint, Hit { object: number, flags: 0 }));
        }
        let connection = object.connection();
        if let Some(users) = self.of_connections.get_mut(&connection) {
            users.remove(&number);
            if users.is_empty() {
                self.of_connections.remove(&connection);
            }
        }
        if let Some(batch) = &object.batch
            && let Some(followers) = self.of_batches.get_mut(batch)
        {
            followers.objects.remove(&number);
            if followers.objects.is_empty() {
                self.of_batches.remove(batch);
            }
        }
        Some(object)
    }

    fn number(&mut self) -> Option<u32> {
        self.unused.pop().or_else(|| {
            let next = u32::try_from(self.objects.len()).ok().filter(|next| *next < MOST_OBJECTS)?;
            self.objects.push(None);
            Some(next)
        })
    }

    fn object(&self, number: u32) -> Option<&Object> {
        self.objects.get(number as usize)?.as_ref()
    }

    fn claimant(&self, hit: Hit) -> Option<&Claimant> {
        Some(&self.object(hit.object)?.claimant)
    }

    /// Bytes in use, roughly: exact for tables, and for objects without the maps' own room.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let tables = self.changes.bytes() + self.under_way.bytes() + self.recorded.bytes();
        let of_object = |object: &Object| {
            let users = &object.users;
            let lists = [&users.wanted, &users.held, &users.under_way, &users.recorded];
            let lists: usize = lists.map(|list| list.capacity() * size_of::<u64>()).iter().sum();
            let claimant = &object.claimant;
            let texts = claimant.namespace.len() + claimant.name.len() + claimant.connection.len();
            // Counts of references, the organisation, and the entry in the map of connections.
            lists + texts + 4 * 16 + 24 + 16 + object.batch.as_ref().map_or(0, String::capacity)
        };
        let objects: usize = self.objects.iter().flatten().map(of_object).sum();
        let places = self.objects.capacity() * size_of::<Option<Object>>();
        let numbers = self.numbers.capacity() * (size_of::<(String, u32)>() + 1);
        let keys: usize = self.numbers.keys().map(String::capacity).sum();
        tables + objects + places + numbers + keys
    }

    /// Entries of all tables and maps: nothing when nobody is left.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        let tables = self.changes.len() + self.under_way.len() + self.recorded.len();
        tables + self.numbers.len() + self.of_connections.len() + self.of_batches.len()
    }
}
