//! Users that the list has not any more.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Draft;
use crate::api::condition::whole_seconds;
use crate::api::user_status::JumpCloudUserBatchStatus;
use crate::plan::claims::Claim;
use crate::plan::desired::Desired;
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

    /// Forgets the oldest of the users that the list has not any more, while the records have no room.
    pub fn make_room(&mut self, most: usize) {
        let size = |status: &JumpCloudUserBatchStatus| {
            serde_json::to_vec(&(&status.inventory, &status.failures, &status.submissions))
                .map_or(0, |bytes| bytes.len())
        };
        let mut oldest: Vec<(String, String)> = self
            .status
            .inventory
            .iter()
            .filter_map(|entry| Some((entry.removal_time.clone()?, entry.username.clone())))
            .collect();
        if oldest.is_empty() {
            return;
        }
        let mut excess = size(&self.status).saturating_sub(most);
        oldest.sort();
        for (_, username) in oldest {
            if excess == 0 {
                return;
            }
            let at = self.status.inventory.iter().position(|entry| entry.username == username);
            if let Some(at) = at {
                let gone = self.status.inventory.remove(at);
                excess = excess.saturating_sub(serde_json::to_vec(&gone).map_or(0, |bytes| bytes.len()));
            }
        }
    }
}
