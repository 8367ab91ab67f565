//! Users that the list has not any more.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Draft;
use crate::api::condition::whole_seconds;
use crate::plan::claims::Claim;
use crate::plan::desired::Desired;
use crate::plan::display::bytes;
use crate::users::row::{DesiredRow, fold};

impl Draft {
    /// Users that the list has not any more are ours in name only; those that another object has taken
    /// over are not ours at all; a row that is back takes its user back.
    ///
    /// `taken_over` is the claim of another object that has a user of ours and wants it.
    pub fn let_go<'c>(
        &mut self,
        desired: &Desired,
        taken_over: impl Fn(&str) -> Option<&'c Claim>,
        now: Timestamp,
    ) {
        let rows: BTreeSet<String> = desired.rows.iter().map(DesiredRow::key).collect();
        let in_flight = self.in_flight();
        self.status.inventory.retain(|entry| {
            let key = fold(&entry.username);
            in_flight.contains(&key)
                || taken_over(&entry.id).is_none_or(|claim| match entry.removal_time {
                    // Let go before: whoever has it by now has it, even if the row is back.
                    Some(_) => false,
                    None => rows.contains(&key) || !claim.hands_over,
                })
        });
        for entry in &mut self.status.inventory {
            if rows.contains(&fold(&entry.username)) {
                entry.removal_time = None;
            } else {
                entry.removal_time.get_or_insert_with(|| whole_seconds(now).to_string());
            }
        }
    }

    /// Forgets what is known of users that the list has not any more, the oldest first, while the records
    /// have no room: that they are ours, and that a request without an answer may have made them. Whether there was
    /// anything to forget.
    pub fn make_room(&mut self, desired: &Desired, most: usize, now: Timestamp) -> bool {
        let rows: BTreeSet<String> = desired.rows.iter().map(DesiredRow::key).collect();
        let retained =
            self.status.inventory.iter().filter_map(|entry| {
                Some((entry.removal_time.clone()?, Leftover::Entry(entry.username.clone())))
            });
        let evidence = self.status.failures.iter().filter_map(|failure| {
            let is_left = !rows.contains(&fold(&failure.username)) && failure.repair_may_come(now).is_none();
            let time = failure.unknown_time.clone().filter(|_| is_left)?;
            Some((time, Leftover::Evidence(failure.username.clone())))
        });
        let mut oldest: Vec<(String, Leftover)> = retained.chain(evidence).collect();
        if oldest.is_empty() {
            return false;
        }
        oldest.sort();
        let records = (&self.status.inventory, &self.status.failures, &self.status.submissions);
        let mut excess = bytes(&records).saturating_sub(most);
        let full = excess > 0;
        for (_, leftover) in oldest {
            if excess == 0 {
                break;
            }
            let freed = match leftover {
                Leftover::Entry(username) => {
                    take(&mut self.status.inventory, |entry| entry.username == username).map(|e| bytes(&e))
                }
                Leftover::Evidence(username) => {
                    take(&mut self.status.failures, |failure| failure.username == username).map(|f| bytes(&f))
                }
            };
            excess = excess.saturating_sub(freed.unwrap_or_default());
        }
        full
    }
}

/// What is still known of a user that the list has not any more.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Leftover {
    /// It is ours.
    Entry(String),
    /// A request without an answer may have made it.
    Evidence(String),
}

fn take<T>(list: &mut Vec<T>, is_meant: impl Fn(&T) -> bool) -> Option<T> {
    list.iter().position(is_meant).map(|at| list.remove(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::user_status::{Failure, InventoryEntry, JumpCloudUserBatchStatus};
    use crate::plan::fixtures::{at, declared};

    #[test]
    fn the_oldest_leftovers_make_room_and_nothing_else_does() {
        let entry = |username: &str, removed: Option<i64>| InventoryEntry {
            username: username.to_owned(),
            removal_time: removed.map(|second| at(second).to_string()),
            ..InventoryEntry::default()
        };
        let unknown = |username: &str, second: i64| Failure {
            username: username.to_owned(),
            unknown_time: Some(at(second).to_string()),
            ..Failure::default()
        };
        let status = JumpCloudUserBatchStatus {
            inventory: vec![entry("late", Some(30)), entry("ada", None), entry("early", Some(10))],
            failures: vec![unknown("bob", 1), unknown("gone", 20)],
            ..JumpCloudUserBatchStatus::default()
        };
        let left = |most: usize| {
            let mut draft = Draft::of(&status);
            draft.make_room(&declared(&["ada", "bob"]), most, at(100));
            let entries = draft.status.inventory.into_iter().map(|entry| entry.username);
            entries.chain(draft.status.failures.into_iter().map(|f| f.username)).collect::<Vec<_>>()
        };
        assert_eq!(left(10_000).len(), 5);
        let all = bytes(&(&status.inventory, &status.failures, &status.submissions));
        assert_eq!(left(all - 1), ["late", "ada", "bob", "gone"]);
        assert_eq!(left(all - bytes(&status.inventory[2]) - 1), ["late", "ada", "bob"]);
        assert_eq!(left(0), ["ada", "bob"]);
    }
}
