//! What a pass reads: where the answers come from, and what is learned of them.

use jiff::Timestamp;
use jumpcloud_operator::plan::facts::{Facts, Live, Read, Row as JobRow, Slot};

use super::{Cloud, ORGANIZATION};
use crate::clock::Ms;
use crate::explore::facts::{connection, unanswered};
use crate::explore::replica::Memory;

/// The answer to a read.
pub enum Found {
    /// Users.
    Users(Vec<Live>),
    /// Results of a job.
    Job(Option<Vec<JobRow>>),
    /// Ids of managers.
    Managers(Vec<Option<String>>),
}

/// Answers a read that needs no network; whether it was one.
pub fn local(read: &Read, facts: &mut Facts) -> bool {
    match read {
        Read::Connection => facts.connection = Some(connection(ORGANIZATION)),
        Read::Slot => facts.slot = Some(Slot::Free),
        Read::Users(_) | Read::Managers(_) | Read::Job { .. } => return false,
    }
    true
}

/// JumpCloud's answer to a read.
pub fn find(cloud: &mut Cloud, read: &Read, now: Ms) -> Found {
    match read {
        Read::Users(keys) => Found::Users(cloud.search(keys, now)),
        Read::Managers(wanted) => Found::Managers(vec![None; wanted.len()]),
        Read::Job { job_id, .. } => Found::Job(cloud.results(job_id)),
        Read::Connection | Read::Slot => Found::Users(Vec::new()),
    }
}

/// Takes in the answer to a read, or that there was none.
pub fn learn(facts: &mut Facts, memory: &mut Memory, read: &Read, found: Option<Found>, clock: Timestamp) {
    match (read, found) {
        (Read::Users(keys), Some(Found::Users(found))) => facts.looked_up(keys, &found, clock),
        (Read::Managers(wanted), Some(Found::Managers(found))) => {
            facts.managers.extend(wanted.iter().cloned().zip(found));
        }
        (Read::Job { job_id, rows }, Some(Found::Job(answer))) => {
            facts.polled(job_id, answer, *rows, clock);
            memory.polls.clone_from(&facts.notes.polls);
        }
        _ => {
            facts.failed.insert(read.clone(), unanswered(clock));
        }
    }
}
