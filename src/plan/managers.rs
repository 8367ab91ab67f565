//! Who a row's manager is: a user of this object, somebody else in JumpCloud, or nobody yet.
//!
//! Users wait for a manager that this object is still to create; of managers in a circle each is created
//! without one, and an update closes the circle.

use std::collections::BTreeMap;

use super::facts::{Facts, LOOK_UP};
use crate::api::user_status::InventoryEntry;
use crate::users::row::{DesiredRow, ManagerRef, fold};

/// What is known of a row's manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manager {
    /// The manager's id.
    Known(String),
    /// Of this list, and still to be created.
    Awaited,
    /// The same, and the manager's own managers lead back to this row.
    InCircle,
    /// Not of this list, and not looked up yet.
    Unread(ManagerRef),
    /// Not of this list, looked up, and not there. By what it was declared.
    Nobody(&'static str),
}

/// Managers of the rows of one list.
pub struct Managers<'a> {
    facts: &'a Facts,
    inventory: &'a BTreeMap<String, &'a InventoryEntry>,
    /// Rows that are still to be created, by folded username.
    awaited: BTreeMap<String, &'a DesiredRow>,
    /// Folded usernames by e-mail address.
    by_email: BTreeMap<&'a str, String>,
}

impl<'a> Managers<'a> {
    /// The managers of `rows`. Rows that `awaits` names are expected to be created yet.
    pub fn of_list(
        rows: &'a [DesiredRow],
        facts: &'a Facts,
        inventory: &'a BTreeMap<String, &'a InventoryEntry>,
        awaits: impl Fn(&DesiredRow) -> bool,
    ) -> Self {
        let awaited = rows.iter().filter(|row| awaits(row)).map(|row| (row.key(), row)).collect();
        let by_email = rows.iter().map(|row| (row.email.as_str(), row.key())).collect();
        Self { facts, inventory, awaited, by_email }
    }

    /// The manager of a row; `None` when it declares none.
    #[must_use]
    pub fn of(&self, row: &DesiredRow) -> Option<Manager> {
        let reference = row.manager()?;
        if let ManagerRef::Id(id) = reference {
            return Some(Manager::Known(id));
        }
        if let Some(key) = self.key(&reference) {
            if let Some(entry) = self.inventory.get(&key) {
                return Some(Manager::Known(entry.id.clone()));
            }
            if self.awaited.contains_key(&key) {
                return Some(if self.leads_back(row) { Manager::InCircle } else { Manager::Awaited });
            }
        }
        Some(match self.facts.managers.get(&reference) {
            None => Manager::Unread(reference),
            Some(Some(id)) => Manager::Known(id.clone()),
            Some(None) => Manager::Nobody(match reference {
                ManagerRef::Id(_) => "id",
                ManagerRef::Username(_) => "username",
                ManagerRef::Email(_) => "email",
            }),
        })
    }

    /// The manager's id, where it is known without asking.
    #[must_use]
    pub fn known(&self, row: &DesiredRow) -> Option<String> {
        match self.of(row) {
            Some(Manager::Known(id)) => Some(id),
            _ => None,
        }
    }

    /// Managers of these rows that are to be looked up, as many as one search holds.
    #[must_use]
    pub fn unread<'r>(&self, rows: impl Iterator<Item = &'r DesiredRow>) -> Vec<ManagerRef> {
        let mut unread: Vec<ManagerRef> = rows
            .filter_map(|row| match self.of(row) {
                Some(Manager::Unread(reference)) => Some(reference),
                _ => None,
            })
            .collect();
        unread.sort();
        unread.dedup();
        unread.truncate(LOOK_UP);
        unread
    }

    fn key(&self, reference: &ManagerRef) -> Option<String> {
        match reference {
            ManagerRef::Id(_) => None,
            ManagerRef::Username(username) => Some(fold(username)),
            ManagerRef::Email(email) => self.by_email.get(email.to_lowercase().as_str()).cloned(),
        }
    }

    /// Whether a row is its own manager's manager, at whatever distance, over rows that are still to be
    /// created.
    fn leads_back(&self, row: &DesiredRow) -> bool {
        let start = row.key();
        let mut at = row;
        for _ in 0..=self.awaited.len() {
            let next = at.manager().and_then(|reference| self.key(&reference));
            let Some(next) = next.and_then(|key| self.awaited.get(&key)) else { return false };
            if next.key() == start {
                return true;
            }
            at = next;
        }
        false
    }
}
