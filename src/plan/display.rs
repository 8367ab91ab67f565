//! Counts, progress and the list of users, for people. Decides nothing, fits into its budget.

use std::collections::BTreeMap;

use serde::Serialize;

use super::desired::Desired;
use super::draft::{Draft, News};
use crate::api::user_status::{
    Counts, Failure, InventoryEntry, JumpCloudUserBatchStatus, UserStatus, reason, result,
};
use crate::users::row::{DesiredRow, fold};

/// Most bytes of the whole status.
pub const STATUS_BUDGET: usize = 448 * 1024;

/// Most bytes of `status.users`.
pub const USERS_BUDGET: usize = 192 * 1024;

/// Fills in `counts`, `progress`, `users` and `usersTruncated`; every user has a line until [`fit`] takes some
/// out.
pub fn show(draft: &mut Draft, desired: &Desired) {
    let in_flight = draft.in_flight();
    let inventory: BTreeMap<String, &InventoryEntry> =
        draft.status.inventory.iter().map(|entry| (fold(&entry.username), entry)).collect();
    let failures: BTreeMap<String, &Failure> =
        draft.status.failures.iter().map(|failure| (fold(&failure.username), failure)).collect();
    let before: BTreeMap<String, &UserStatus> =
        draft.status.users.iter().map(|user| (fold(&user.username), user)).collect();

    let mut counts = Counts { desired: count(desired.rows.len()), ..Counts::default() };
    let mut lines: Vec<UserStatus> = Vec::with_capacity(desired.rows.len());
    for row in &desired.rows {
        let key = row.key();
        let known = Known {
            entry: inventory.get(&key).copied(),
            failure: failures.get(&key).copied().filter(|f| f.hash == row.hash),
            in_flight: in_flight.contains(&key),
        };
        let line = line(row, &known, draft.news.get(&key), before.get(&key).copied());
        match line.result.as_str() {
            result::CREATED => counts.created += 1,
            result::UPDATED => counts.updated += 1,
            result::UNCHANGED => counts.unchanged += 1,
            result::ADOPTED => counts.adopted += 1,
            result::FAILED => counts.failed += 1,
            result::CONFLICT => counts.conflicts += 1,
            _ => counts.pending += 1,
        }
        lines.push(line);
    }
    // Stable: within a group the order of the list.
    lines.sort_by_key(|line| match line.result.as_str() {
        result::FAILED => 0,
        result::CONFLICT => 1,
        result::PENDING if line.reason.is_some() => 2,
        result::PENDING => 3,
        _ => 4,
    });
    draft.status.counts = Some(counts);
    draft.status.progress = Some(format!("{}/{}", counts.desired - counts.pending, counts.desired));
    draft.status.users = lines;
    draft.status.users_truncated = Some(false);
    count_retained(&mut draft.status);
}

/// Fills in how many users are ours that the list has not any more.
pub fn count_retained(status: &mut JumpCloudUserBatchStatus) {
    let left = status.inventory.iter().filter(|entry| entry.removal_time.is_some());
    let left = count(left.count());
    status.counts.get_or_insert_default().retained = left;
}

/// Takes lines out for which there is no room. Costs a look at every byte, so that it is for a status that is about
/// to be written: one that nobody has changed fitted when it was.
pub fn fit(status: &mut JumpCloudUserBatchStatus) {
    let lines = std::mem::take(&mut status.users);
    status.users_truncated = None;
    let rest = bytes(status);
    let shown = lines.len();
    status.users = within(lines, USERS_BUDGET.min(STATUS_BUDGET.saturating_sub(rest)));
    status.users_truncated = Some(status.users.len() < shown);
}

struct Known<'a> {
    entry: Option<&'a InventoryEntry>,
    failure: Option<&'a Failure>,
    in_flight: bool,
}

fn line(row: &DesiredRow, known: &Known<'_>, news: Option<&News>, before: Option<&UserStatus>) -> UserStatus {
    let applied = known.entry.filter(|entry| entry.hash == row.hash);
    let (result, why) = match (known.in_flight, known.failure, applied) {
        (true, _, _) | (false, None, None) => (result::PENDING, None),
        (false, Some(failure), _) => {
            let result = match failure.retry_time {
                Some(_) => result::PENDING,
                None if reason::is_conflict(&failure.reason) => result::CONFLICT,
                None => result::FAILED,
            };
            (result, Some(failure.reason.clone()))
        }
        (false, None, Some(entry)) => (entry.result.as_deref().unwrap_or(result::CREATED), None),
    };
    let mut line = UserStatus {
        username: row.username.clone(),
        id: known.entry.map(|entry| entry.id.clone()),
        result: result.to_owned(),
        reason: why,
        ..UserStatus::default()
    };
    // What is said of a request that has ended gives way at once to the next one: nobody could read it
    // before the next write takes it away again.
    if let Some(news) = news.filter(|_| !known.in_flight) {
        line.reason = news.reason.map(str::to_owned).or(line.reason);
        line.message.clone_from(&news.message);
        line.job_id = news.job_id.clone().or_else(|| before.and_then(|before| before.job_id.clone()));
        line.live_state.clone_from(&news.live_state);
    } else if let Some(before) = before.filter(|b| still_holds(b, &line)) {
        line.reason.clone_from(&before.reason);
        line.message.clone_from(&before.message);
        line.job_id.clone_from(&before.job_id);
        line.live_state.clone_from(&before.live_state);
    }
    // How a user was found outlives what was still to be applied.
    let found = before.and_then(|before| before.reason.as_deref()) == Some(reason::ADOPTED_AFTER_UNKNOWN);
    if found && line.reason.is_none() && is_success(&line.result) {
        line.reason = Some(reason::ADOPTED_AFTER_UNKNOWN.to_owned());
    }
    line
}

fn is_success(word: &str) -> bool {
    matches!(word, result::CREATED | result::UPDATED | result::UNCHANGED | result::ADOPTED)
}

/// Whether what was written about a user before is still about the same result. A success has its
/// reason only in the line itself.
fn still_holds(before: &UserStatus, now: &UserStatus) -> bool {
    let same = before.result == now.result && before.id == now.id;
    same && (before.reason == now.reason || is_success(&now.result))
}

/// The first lines that fit into so many bytes.
fn within(lines: Vec<UserStatus>, budget: usize) -> Vec<UserStatus> {
    let mut used = 2;
    let mut kept = Vec::with_capacity(lines.len());
    for line in lines {
        used += bytes(&line) + 1;
        if used > budget {
            break;
        }
        kept.push(line);
    }
    kept
}

/// How many bytes something takes as JSON.
pub(super) fn bytes(part: &impl Serialize) -> usize {
    struct Counted(usize);
    impl std::io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted(0);
    serde_json::to_writer(&mut counted, part).map_or(STATUS_BUDGET, |()| counted.0)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
