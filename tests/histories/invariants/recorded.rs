//! I3: every accepted job is recorded, adopted or reported unknown; and a record names its own job.

use jumpcloud_operator::api::user_status::reason;

use super::{failure, record};
use crate::api_server::Object;
use crate::clock::MINUTE;
use crate::history::History;
use crate::jumpcloud::Job;

/// All jobs that got lost, and all records that name another request's job.
pub fn check(history: &History) -> Vec<String> {
    let Some(object) = history.object() else { return Vec::new() };
    let jobs = history.world.jumpcloud.jobs.iter();
    jobs.filter(|job| job.uid == object.uid && !history.lost_since(job.uid, history.intended(job)))
        .filter_map(|job| problem(history, job))
        .chain(mistaken(history, object.uid))
        .collect()
}

fn mistaken(history: &History, uid: u32) -> Option<String> {
    let jobs = &history.world.jumpcloud.jobs;
    history
        .versions(uid)
        .flat_map(|(_, object)| object.status.submissions.iter().filter_map(|record| record.known()))
        .filter_map(|record| Some((record, record.job_id.as_ref()?)))
        .find(|(record, id)| !jobs.iter().any(|job| job.id == **id && job.nonce == record.nonce))
        .map(|(record, id)| format!("{id} is recorded as the job of {}", record.nonce))
}

fn problem(history: &History, job: &Job) -> Option<String> {
    let with = |(_, object): &(_, &Object)| record(&object.status, &job.nonce).is_some();
    let recorded = history
        .versions(job.uid)
        .filter_map(|(_, object)| record(&object.status, &job.nonce))
        .any(|record| record.job_id.as_ref() == Some(&job.id));
    if recorded {
        return None;
    }
    if history.world.processes.len() == 1 && seen_and_lived(history, job) {
        return Some(format!("the id of {} was seen and not recorded", job.id));
    }
    if !history.versions(job.uid).any(|version| with(&version)) {
        return Some(format!("{} was never intended", job.id));
    }
    let settled =
        history.versions(job.uid).skip_while(|version| !with(version)).find(|version| !with(version));
    let Some((_, object)) = settled else { return Some(format!("{} is still under way", job.id)) };
    let status = &object.status;
    let accounted = |username: &str| {
        let declared = object.spec.desired.rows.iter().any(|row| row.username == username);
        let reported = failure(status, username).is_some_and(|failure| {
            failure.unknown_time.is_some() || failure.reason == reason::ALREADY_EXISTS
        });
        status.inventory.iter().any(|entry| entry.username == username) || reported || !declared
    };
    let forgotten = job.rows.iter().find(|row| !accounted(&row.username))?;
    Some(format!("{} is neither recorded nor adopted nor reported for {}", job.id, forgotten.username))
}

/// Whether a process saw the job's id and had time enough to write it down.
fn seen_and_lived(history: &History, job: &Job) -> bool {
    let ledger = &history.world.ledger;
    ledger.receipts.iter().filter(|receipt| receipt.job_id == job.id).any(|receipt| {
        !ledger.deaths.iter().any(|(process, life, at)| {
            *process == receipt.process && *life == receipt.life && *at < receipt.at + 3 * MINUTE
        })
    })
}
