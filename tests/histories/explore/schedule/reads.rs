//! What a pass reads: where the answers come from, and what is learned of them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jumpcloud_operator::plan::facts::{Row as JobRow, Slot};
use jumpcloud_operator::plan::schedule::facts::{Facts, Key, Listed, Person, Read};

use super::Cloud;
use crate::explore::facts::{connection, unanswered};
use crate::explore::replica::Memory;

/// The answer to a read.
pub enum Found {
    /// Users.
    Users(Vec<(Key, Option<Person>)>),
    /// Events; these are all.
    Events(Vec<Listed>),
    /// Results of a job.
    Job(Option<Vec<JobRow>>),
}

/// Answers a read that needs no network; whether it was one.
pub fn local(read: &Read, facts: &mut Facts) -> bool {
    match read {
        Read::Connection => facts.connection = Some(connection("org")),
        Read::Slot => facts.slot = Some(Slot::Free),
        Read::Users(_) | Read::Events(_) | Read::Job { .. } | Read::Batch(_) => return false,
    }
    true
}

/// JumpCloud's answer to a read.
pub fn find(cloud: &Cloud, read: &Read) -> Found {
    match read {
        Read::Users(keys) => Found::Users(cloud.search(keys)),
        Read::Events(wanted) => Found::Events(cloud.list(wanted)),
        Read::Job { job_id, .. } => Found::Job(cloud.results(job_id)),
        Read::Connection | Read::Slot | Read::Batch(_) => Found::Users(Vec::new()),
    }
}

/// Takes in the answer to a read, or that there was none.
pub fn learn(facts: &mut Facts, memory: &mut Memory, read: &Read, found: Option<Found>, clock: Timestamp) {
    match (read, found) {
        (Read::Users(_), Some(Found::Users(found))) => {
            facts.looked_up(found, clock);
            (memory.seen, memory.searched) = (facts.notes.seen, facts.notes.searched);
        }
        (Read::Events(wanted), Some(Found::Events(rows))) => {
            let covered: BTreeSet<String> = wanted.users.iter().cloned().collect();
            facts.listed(wanted, rows, true, covered, clock);
            memory.listed = facts.notes.listed;
        }
        (Read::Job { job_id, rows }, Some(Found::Job(answer))) => {
            facts.polled(job_id, answer, *rows, clock);
            memory.polls.clone_from(&facts.notes.common.polls);
        }
        _ => {
            facts.failed.insert(read.clone(), unanswered(clock));
        }
    }
}
