//! The index itself: tables of fingerprints, the objects they lead to, and who waits for whom.
//!
//! An object whose users have changed gets a new number; entries of the old one are dead, and are taken
//! out together once they are a sixteenth of all. So a change costs work for its own users, not for all.

use std::collections::{BTreeSet, HashMap};

use super::Claimant;
use super::table::{Hit, MOST_OBJECTS, Table};
use super::waiting::Waiting;
use crate::api::fingerprint;
use crate::api::head::{HeadUsers, HeldState};

/// Flags of a name.
const HELD: u8 = 1;
const UNDER_WAY: u8 = 2;

/// Flags of an id: wanted, and above it the state.
const WANTED: u8 = 1;

/// Dead entries that are not worth a clean-up.
const FEW: usize = 1000;

/// All objects.
#[derive(Default)]
pub(super) struct Index {
    usernames: Table,
    emails: Table,
    ids: Table,
    /// By number.
    objects: Vec<Place>,
    numbers: HashMap<String, u32>,
    unused: Vec<u32>,
    living: usize,
    dead: usize,
    pub(super) waiting: Waiting,
}

enum Place {
    Taken {
        claimant: Claimant,
        entries: usize,
        users: u64,
    },
    /// Nobody any more; entries may still name it.
    Dead,
}

/// What an object says about a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) held: bool,
    pub(super) under_way: bool,
}

/// What an object says about a user of its inventory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) wanted: bool,
    pub(super) state: Option<HeldState>,
}

impl Index {
    /// The objects that name a user, by username or e-mail address.
    pub(super) fn naming(&self, username: u64, email: u64) -> impl Iterator<Item = (&Claimant, Said)> {
        self.usernames.get(username).chain(self.emails.get(email)).filter_map(|hit| {
            let said = Said { held: hit.flags & HELD != 0, under_way: hit.flags & UNDER_WAY != 0 };
            Some((self.claimant(hit.object)?, said))
        })
    }

    /// The objects whose inventory has a user.
    pub(super) fn holding(&self, id: u64) -> impl Iterator<Item = (&Claimant, Held)> {
        self.ids.get(id).filter_map(|hit| {
            let state = (hit.flags >> 1).checked_sub(1);
            let state = state.and_then(|at| HeldState::ALL.get(usize::from(at)).copied());
            Some((self.claimant(hit.object)?, Held { wanted: hit.flags & WANTED != 0, state }))
        })
    }

    /// Takes an object in. Returns whom that concerns.
    pub(super) fn put(&mut self, claimant: Claimant, users: &HeadUsers) -> BTreeSet<String> {
        let key = claimant.key();
        let mut concerned = self.waiting.on(&key);
        let digest = fingerprint::of(users);
        let known = self.numbers.get(&key).and_then(|number| self.objects.get_mut(*number as usize));
        if let Some(Place::Taken { claimant: before, users, .. }) = known
            && *users == digest
        {
            *before = claimant;
            return concerned;
        }
        self.bury(&key);
        // More objects than numbers: this one claims nothing, and JumpCloud tells.
        let Some(number) = self.number() else { return concerned };
        let entries = self.fill(number, users);
        self.living += entries;
        if let Some(place) = self.objects.get_mut(number as usize) {
            *place = Place::Taken { claimant, entries, users: digest };
        }
        self.numbers.insert(key.clone(), number);
        for user in &users.held {
            concerned.extend(self.holding(user.id).map(|(other, _)| other.key()));
        }
        concerned.remove(&key);
        concerned
    }

    /// Forgets an object. Returns whom that concerns.
    pub(super) fn remove(&mut self, key: &str) -> BTreeSet<String> {
        self.bury(key);
        self.waiting.waits(key, Vec::new());
        self.waiting.on(key)
    }

    fn claimant(&self, number: u32) -> Option<&Claimant> {
        match self.objects.get(number as usize)? {
            Place::Taken { claimant, .. } => Some(claimant),
            Place::Dead => None,
        }
    }

    fn fill(&mut self, object: u32, users: &HeadUsers) -> usize {
        let mut entries = users.held.len();
        for user in &users.named {
            let held = if user.held { HELD } else { 0 };
            let flags = held | if user.under_way { UNDER_WAY } else { 0 };
            for (table, fingerprint) in [(&mut self.usernames, user.username), (&mut self.emails, user.email)]
            {
                if let Some(fingerprint) = fingerprint {
                    table.insert(fingerprint, Hit { object, flags });
                    entries += 1;
                }
            }
        }
        for user in &users.held {
            let state = HeldState::ALL.iter().position(|state| Some(*state) == user.state);
            let state = state.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or_default();
            let flags = state << 1 | if user.wanted { WANTED } else { 0 };
            self.ids.insert(user.id, Hit { object, flags });
        }
        entries
    }

    fn bury(&mut self, key: &str) {
        let Some(number) = self.numbers.remove(key) else { return };
        let Some(place) = self.objects.get_mut(number as usize) else { return };
        if let Place::Taken { entries, .. } = std::mem::replace(place, Place::Dead) {
            self.living -= entries;
            self.dead += entries;
        }
        if self.dead > FEW + self.living / 16 {
            self.clean();
        }
    }

    /// A number that no entry names.
    fn number(&mut self) -> Option<u32> {
        let full = |index: &Self| index.unused.is_empty() && index.objects.len() >= MOST_OBJECTS as usize;
        if full(self) {
            self.clean();
        }
        self.unused.pop().or_else(|| {
            let next = u32::try_from(self.objects.len()).ok().filter(|next| *next < MOST_OBJECTS)?;
            self.objects.push(Place::Dead);
            Some(next)
        })
    }

    fn clean(&mut self) {
        let objects = &self.objects;
        let exists = |number: u32| matches!(objects.get(number as usize), Some(Place::Taken { .. }));
        for table in [&mut self.usernames, &mut self.emails, &mut self.ids] {
            table.retain(exists);
        }
        self.unused = (0..).take(objects.len()).filter(|number| !exists(*number)).collect();
        self.dead = 0;
    }

    /// Bytes in use, roughly: exact for tables, and for objects without the maps' own room.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let tables = self.usernames.bytes() + self.emails.bytes() + self.ids.bytes();
        let objects = self.objects.capacity() * size_of::<Place>();
        let numbers = self.numbers.capacity() * (size_of::<(String, u32)>() + 1);
        let texts: usize = self.numbers.keys().map(|key| 2 * key.len() + 64).sum();
        tables + objects + numbers + texts
    }
}
