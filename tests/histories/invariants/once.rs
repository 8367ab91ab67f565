//! I1: no user is in two accepted create jobs, unless the earlier row had settled as failed, the user
//! was deleted since, the earlier job had ended as JobTimedOut or NotCreated and a later look-up had
//! missed the user, or the earlier outcome was unknown and quarantine plus both look-ups had passed.
//!
//! A lost status takes all of this with it: pairs with a loss in between are not counted. Users are
//! never duplicated all the same, which JumpCloud's model itself sees to.

use jumpcloud_operator::api::submission::Operation;
use jumpcloud_operator::api::user_status::reason;

use super::{failure, record};
use crate::clock::{Ms, ms};
use crate::history::History;
use crate::jumpcloud::{Job, JobRow};

/// How a job ends for a user who is not there under its name. RowNotAttributed and a conflict are such
/// ends, too, though the rule does not name them: only a person has the user sent again after them.
const ENDED: [&str; 4] =
    [reason::JOB_TIMED_OUT, reason::NOT_CREATED, reason::ROW_NOT_ATTRIBUTED, reason::ALREADY_EXISTS];

/// All pairs of jobs that should not be.
pub fn check(history: &History) -> Vec<String> {
    let jobs = &history.world.jumpcloud.jobs;
    let mut found = Vec::new();
    let creates = |job: &&Job| job.operation == Operation::Create;
    for (index, later) in jobs.iter().enumerate().filter(|(_, job)| creates(job)) {
        for earlier in jobs[..index].iter().filter(creates).filter(|job| job.uid == later.uid) {
            for row in &earlier.rows {
                let twice = later.rows.iter().any(|other| other.username == row.username);
                if twice && !excused(history, earlier, row, later) {
                    found.push(format!("{} is in {} and in {}", row.username, earlier.id, later.id));
                }
            }
        }
    }
    found
}

fn excused(history: &History, earlier: &Job, row: &JobRow, later: &Job) -> bool {
    let intended = history.intended(later);
    history.lost_since(earlier.uid, history.intended(earlier).min(intended))
        || (row.failed.is_some() && row.runs.is_some_and(|at| at <= intended))
        || deleted_between(history, row, earlier.accepted, later.accepted)
        || given_up(history, earlier, &row.username, intended)
        || unknown(history, earlier, &row.username, intended)
}

/// Whoever had the username or the e-mail address went.
fn deleted_between(history: &History, row: &JobRow, from: Ms, to: Ms) -> bool {
    let users = history.world.jumpcloud.users.iter();
    let holders = users.filter(|user| user.username == row.username || user.email == row.email);
    holders.filter_map(|user| user.deleted).any(|at| from <= at && at <= to)
}

/// The job had ended as JobTimedOut or NotCreated, and a look-up after that missed the user.
fn given_up(history: &History, job: &Job, username: &str, before: Ms) -> bool {
    let mut had_job = false;
    history
        .versions(job.uid)
        .take_while(|(kept, _)| kept.at < before)
        .filter(|(_, object)| {
            let present = record(&object.status, &job.nonce);
            had_job |= present.is_some_and(|record| record.job_id.is_some());
            // A conflict is one also of a request that got no answer: what was found is somebody else.
            let ended = failure(&object.status, username).is_some_and(|failure| {
                let conflict = failure.reason == reason::ALREADY_EXISTS;
                (had_job || conflict) && ENDED.contains(&failure.reason.as_str())
            });
            present.is_none() && ended
        })
        .any(|(kept, _)| misses(history, username, kept.at, before).next().is_some())
}

/// The outcome was unknown to the end, and two look-ups a quarantine apart missed the user, the first
/// of them not before a quarantine after the last byte may have been sent.
fn unknown(history: &History, job: &Job, username: &str, before: Ms) -> bool {
    let known = history
        .versions(job.uid)
        .filter(|(kept, _)| kept.at < before)
        .filter_map(|(_, object)| record(&object.status, &job.nonce))
        .any(|record| record.job_id.is_some());
    let Some(post) = history.post(&job.nonce) else { return false };
    let quarantine = ms(history.world.policy.quarantine);
    let first = misses(history, username, post.at + post.spare.max(0) + quarantine, before).next();
    !known
        && first.is_some_and(|first| misses(history, username, first + quarantine, before).next().is_some())
}

fn misses<'a>(history: &'a History, username: &'a str, from: Ms, to: Ms) -> impl Iterator<Item = Ms> + 'a {
    history
        .world
        .ledger
        .looks
        .iter()
        .filter(move |look| from <= look.at && look.at <= to && look.missed.iter().any(|m| m == username))
        .map(|look| look.at)
}
