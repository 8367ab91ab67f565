//! Whether the demo came out as promised, by the simulator's records and by what `status` says.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::batch::{Batch, User};
use super::cast;
use super::ledger::Ledger;

/// What is checked, in words.
pub(super) const PROMISES: [&str; 4] = [
    "250 users were declared; all but those that failed for good exist, each created once",
    "3 create jobs, and one more for the user that could pass: after its job had ended and a back-off of 10 s",
    "every failed user is named in status.users with JumpCloud's own words",
    "the user that existed before is named as a conflict; it was neither sent nor touched",
];

/// Everything that is not as promised; nothing when all is.
pub(super) fn problems(batch: &Batch, ledger: &Ledger) -> Vec<String> {
    [declared(batch), existence(batch, ledger), jobs(ledger), words(batch, ledger), conflict(batch, ledger)]
        .concat()
}

fn declared(batch: &Batch) -> Vec<String> {
    let counts = batch.status.counts;
    let refused = cast::REFUSED.len();
    let wanted = (cast::DECLARED, cast::DECLARED - refused - 1, refused, 1, 0);
    let found = (counts.desired, counts.created, counts.failed, counts.conflicts, counts.pending);
    let listed = batch.status.users.len();
    let mut problems = Vec::new();
    if found != wanted {
        problems.push(format!(
            "status.counts says (desired, created, failed, conflicts, pending) {found:?} instead of {wanted:?}"
        ));
    }
    if listed != cast::DECLARED {
        problems.push(format!("status.users names {listed} users instead of {}", cast::DECLARED));
    }
    problems
}

fn existence(batch: &Batch, ledger: &Ledger) -> Vec<String> {
    let (users, created) = (ledger.users(), ledger.created());
    let refused = |name: &str| cast::REFUSED.iter().any(|(refused, _)| *refused == name);
    let mut problems = Vec::new();
    for User { username, .. } in &batch.status.users {
        let name = username.as_str();
        let exists = users.contains_key(name);
        let times = created.get(name).copied().unwrap_or_default();
        let wanted = usize::from(!refused(name) && name != cast::CONFLICT);
        if times != wanted {
            problems.push(format!("{name} was created {times} times instead of {wanted}"));
        }
        if exists == refused(name) {
            problems.push(format!(
                "{name} {}",
                if exists { "exists, although refused" } else { "does not exist" }
            ));
        }
    }
    problems
}

fn jobs(ledger: &Ledger) -> Vec<String> {
    let jobs = ledger.jobs();
    let sizes: Vec<usize> = jobs.iter().map(|job| job.usernames.len()).collect();
    let mut problems = Vec::new();
    if sizes != cast::JOBS {
        problems.push(format!("create jobs had {sizes:?} users instead of {:?}", cast::JOBS));
    }
    if ledger.other_writes() != 0 {
        problems.push(format!("{} requests changed users outside create jobs", ledger.other_writes()));
    }
    let sends: Vec<_> =
        jobs.iter().filter(|job| job.usernames.iter().any(|name| name == cast::SECOND_TIME)).collect();
    match sends.as_slice() {
        [first, second] => {
            let waited = first.end.map(|(end, ..)| second.sent.duration_since(end));
            if waited.is_none_or(|waited| waited.as_secs() < cast::BACK_OFF) {
                problems.push(format!(
                    "{} was sent again {waited:?} after its job had ended, before {} s were over",
                    cast::SECOND_TIME,
                    cast::BACK_OFF
                ));
            }
        }
        other => {
            problems.push(format!("{} was sent {} times instead of twice", cast::SECOND_TIME, other.len()));
        }
    }
    problems
}

fn words(batch: &Batch, ledger: &Ledger) -> Vec<String> {
    let promised: BTreeMap<&str, &str> = cast::REFUSED.into();
    let mut problems = Vec::new();
    if ledger.failures() != promised {
        problems.push(format!("rows failed that should not, or with other words: {:?}", ledger.failures()));
    }
    let failed = batch.status.users.iter().filter(|user| user.result == "Failed");
    let told: BTreeMap<&str, &str> =
        failed.map(|user| (user.username.as_str(), user.message.as_str())).collect();
    for (name, words) in &promised {
        if !told.get(name).is_some_and(|message| message.contains(words)) {
            problems
                .push(format!("status.users does not say \"{words}\" of {name}, but {:?}", told.get(name)));
        }
    }
    problems.extend(
        told.keys()
            .filter(|name| !promised.contains_key(**name))
            .map(|name| format!("status.users calls {name} Failed")),
    );
    problems
}

fn conflict(batch: &Batch, ledger: &Ledger) -> Vec<String> {
    let mut problems = Vec::new();
    let told = batch.status.users.iter().find(|user| user.username == cast::CONFLICT);
    if !told.is_some_and(|user| user.result == "Conflict" && user.message.contains(cast::CONFLICT)) {
        problems.push(format!("status.users does not call {} a conflict, but {told:?}", cast::CONFLICT));
    }
    if ledger.jobs().iter().any(|job| job.usernames.iter().any(|name| name == cast::CONFLICT)) {
        problems.push(format!("{} was sent, although the user exists and is not ours", cast::CONFLICT));
    }
    problems
}
