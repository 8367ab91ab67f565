//! An accepted job: when to poll it, when it is done, what became of each user.
//!
//! JumpCloud promises little: rows come late, move between pages, name no user, use words nobody has
//! seen, or never come. A job is done when every row is settled and as many as users were sent; what
//! counts in the end is a look-up of the users.

mod update;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::facts::{JobAnswer, Live, Read, Row, Word};
use super::messages;
use super::policy::{Policy, after};
use super::retry::is_permanent;
use super::submission::{Context, Fate, Next, Settled, Sight, created_since};
use crate::api::submission::{Operation, Submission};
use crate::api::user_status::reason;
use crate::users::row::fold;

/// How long odd or missing rows are waited for while nothing is in progress.
pub const QUIET: Duration = Duration::from_secs(60);

/// What the rows say about one member.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Finished,
    Failed(String),
    Open,
    Nothing,
}

/// Rows by member, and rows that name nobody.
struct Reading {
    members: BTreeMap<String, Said>,
    nameless: Vec<Said>,
    /// How many of these report success for a user id that no look has found.
    invisible: usize,
    shown: usize,
}

impl Reading {
    /// What is said of a member. Rows that name nobody speak for all members without a row of their
    /// own, if they all say the same and there is one for each.
    fn of(&self, job: &Submission, name: &str) -> Said {
        if let Some(said) = self.members.get(&fold(name)) {
            return said.clone();
        }
        match self.nameless.split_first() {
            Some((first, others))
                if self.shown == job.members.len() && others.iter().all(|said| said == first) =>
            {
                first.clone()
            }
            _ => Said::Nothing,
        }
    }
}

/// Decides what an accepted job needs.
pub(super) fn next(job: &Submission, job_id: &str, accepted: Timestamp, context: &Context<'_>) -> Next {
    let deadline = after(accepted, context.job_timeout);
    let due = poll_due(accepted, context.facts.notes.polls.get(job_id).map(|p| p.at), context.policy)
        .min(deadline.max(accepted));
    let overdue = context.now >= deadline;
    let unread = JobAnswer { at: context.now, order: 0, rows: Some(Vec::new()) };
    // A pass may have been stopped between its reads and now: at the end of its time a job is judged by what is so
    // then, not by what was so before.
    let in_time = |read_at: Timestamp| !overdue || read_at >= deadline;
    let answer = match context.facts.jobs.get(job_id).filter(|answer| in_time(answer.at)) {
        Some(answer) => answer,
        None => {
            let read = Read::Job { job_id: job_id.to_owned(), rows: job.members.len() };
            match context.facts.failed.get(&read) {
                // Results that cannot be read do not keep a job open for ever: its users are looked up.
                Some(_) if overdue => &unread,
                Some(failed) => return Next::Wait(failed.retry_at),
                None if context.now < due && !context.urgent => return Next::Wait(due),
                None => return Next::Read(read),
            }
        }
    };
    let quiet = context
        .facts
        .notes
        .polls
        .get(job_id)
        .and_then(|p| p.quiet_since)
        .is_some_and(|since| answer.at >= after(since, QUIET));
    let gone = answer.rows.is_none();
    let reading = read(job, answer, context);
    let complete = reading.shown >= job.members.len()
        && !reading.members.values().chain(&reading.nameless).any(|said| *said == Said::Open);
    if !(complete || quiet || gone || overdue) {
        return Next::Wait(due);
    }
    if let Some(next) = job.look(context, |look_at, order| order > answer.order && in_time(look_at)) {
        return next;
    }
    let ended = Ended { complete, quiet, gone, overdue };
    if gone && context.now < after(accepted, context.policy.quarantine).min(deadline) && !job.is_done(context)
    {
        // Only its results are gone: an update may still run, and would overtake the next one.
        return Next::Wait(due);
    }
    match job.operation {
        Operation::Create => {
            settle(job, job_id, &reading, &ended, context).map_or(Next::Wait(due), Next::Settle)
        }
        Operation::Update | Operation::Schedule => {
            Next::Settle(update::settle(job, job_id, &reading, &ended, context))
        }
    }
}

/// When a job is polled next: soon after it was accepted, then ever more rarely.
pub(super) fn poll_due(accepted: Timestamp, polled: Option<Timestamp>, policy: &Policy) -> Timestamp {
    let Some(polled) = polled else { return after(accepted, policy.poll_min) };
    let age = polled.duration_since(accepted).unsigned_abs();
    after(polled, age.clamp(policy.poll_min, policy.poll_max.max(policy.poll_min)))
}

fn said(row: &Row) -> Said {
    match row.word {
        Word::Finished => Said::Finished,
        Word::Pending => Said::Open,
        Word::Other => match &row.message {
            Some(message) if !message.is_empty() => Said::Failed(message.clone()),
            _ => Said::Open,
        },
    }
}

/// Tells whose each row is: by username, by e-mail address, by the id of a user that a look-up found.
/// Rows of users that were not sent are nobody's business.
fn read(job: &Submission, answer: &JobAnswer, context: &Context<'_>) -> Reading {
    let keys: BTreeSet<String> = job.usernames().iter().map(|m| fold(m)).collect();
    let emails: BTreeMap<&str, &String> = context
        .declared
        .iter()
        .filter(|(key, _)| keys.contains(*key))
        .map(|(key, declared)| (declared.row.email.as_str(), key))
        .collect();
    let mut ids: BTreeMap<&str, String> = keys
        .iter()
        .filter_map(|key| Some((context.facts.users.get(key)?, key)))
        .flat_map(|(look, key)| look.found.iter().map(move |user| (user.id.as_str(), key.clone())))
        .collect();
    ids.extend(
        job.usernames().iter().enumerate().filter_map(|(index, name)| Some((job.id(index)?, fold(name)))),
    );
    let mut reading = Reading { members: BTreeMap::new(), nameless: Vec::new(), invisible: 0, shown: 0 };
    for row in answer.rows.iter().flatten() {
        let by_name = row.usernames.iter().map(|name| fold(name)).find(|name| keys.contains(name));
        let by_email = || {
            row.emails.iter().find_map(|email| match emails.get(email.to_lowercase().as_str()) {
                Some(key) => Some((*key).clone()),
                // The row was changed or taken off since: the fingerprint still tells.
                None => job.member_with(email),
            })
        };
        let by_id = || row.ids.iter().find_map(|id| ids.get(id.as_str()).cloned());
        match by_name.or_else(by_email).or_else(by_id) {
            Some(key) => {
                // Of several rows of one user the one that says most counts.
                let entry = reading.members.entry(key).or_insert(Said::Open);
                let new = said(row);
                if *entry == Said::Open || new == Said::Finished {
                    *entry = new;
                }
            }
            None if row.usernames.is_empty() && row.emails.is_empty() => {
                reading.invisible += usize::from(row.word == Word::Finished && !row.ids.is_empty());
                reading.nameless.push(said(row));
            }
            None => {}
        }
    }
    reading.shown = reading.members.len() + reading.nameless.len();
    reading
}

struct Ended {
    complete: bool,
    quiet: bool,
    gone: bool,
    overdue: bool,
}

/// The result of every member; `None` while some may still appear.
fn settle(
    job: &Submission,
    job_id: &str,
    reading: &Reading,
    ended: &Ended,
    context: &Context<'_>,
) -> Option<Vec<Settled>> {
    let sights = job.sights(context);
    let said_of = |name: &String| reading.of(job, name);
    let absent: Vec<&String> =
        job.members.iter().filter(|name| matches!(sights.get(name), Some(Sight::Absent) | None)).collect();
    let unexplained = absent.iter().filter(|name| said_of(name) == Said::Nothing).count();
    let present = job
        .members
        .iter()
        .filter(|name| matches!(sights.get(name), Some(Sight::Sent(_))) && said_of(name) == Said::Nothing)
        .count();
    let failures: BTreeSet<&str> = reading
        .nameless
        .iter()
        .filter_map(|said| if let Said::Failed(message) = said { Some(message.as_str()) } else { None })
        .collect();
    let nameless_failures = reading.nameless.iter().filter(|said| matches!(said, Said::Failed(_))).count();
    let nameless_successes = reading.nameless.iter().filter(|said| **said == Said::Finished).count();
    // Nameless failures explain the absent ones only when there are enough of them, no row could still
    // be theirs, and every nameless success has its user; otherwise that user is not visible yet.
    let explained = unexplained <= nameless_failures
        && nameless_successes <= present
        && reading.invisible == 0
        && !reading.nameless.contains(&Said::Open);
    // Nameless successes speak for the present ones when there are enough of them.
    let vouched = present <= nameless_successes;
    let waiting = absent.iter().any(|name| match said_of(name) {
        Said::Finished => true,
        Said::Open => !ended.quiet,
        Said::Nothing => {
            let nothing_more = ended.quiet && reading.nameless.is_empty();
            !(explained || nothing_more)
        }
        Said::Failed(_) => false,
    });
    if waiting && !ended.overdue {
        return None;
    }
    let exist = job.members.len() - absent.len();
    let fate = |index: usize, name: &String| {
        let said = said_of(name);
        let created = |user: &Live, evidence| created_by_job(user, job, index, evidence, context);
        match (sights.get(name).copied().unwrap_or(Sight::Absent), said) {
            (Sight::Sent(user), Said::Failed(message)) => {
                // Not made by this job. By an earlier one of unknown outcome, perhaps.
                let ours = context.evidence.get(&fold(name)).is_some_and(|since| created_since(user, *since));
                let elsewhere = job.elsewhere(name, user, context);
                if let Some(message) = elsewhere.filter(|_| ours || is_permanent(&message)) {
                    Fate::Elsewhere { message, may_be_ours: ours }
                } else if ours {
                    Fate::Created {
                        id: user.id.clone(),
                        live_state: user.state.clone(),
                        after_unknown: true,
                        applied: job.applied(index, user, context),
                    }
                } else if is_permanent(&message) {
                    Fate::Conflict
                } else {
                    // A job that fails for a passing reason may have made the user before it failed.
                    created(user, Evidence::LookUp)
                }
            }
            (Sight::Sent(user), Said::Finished) => created(user, Evidence::Row),
            (Sight::Sent(user), Said::Nothing) if vouched => created(user, Evidence::Row),
            (Sight::Sent(user), Said::Open | Said::Nothing) => created(user, Evidence::LookUp),
            (Sight::Another, _) => Fate::Conflict,
            // For the same reason a user may appear whom no search shows yet.
            (Sight::Absent, Said::Failed(message)) => Fate::Failed {
                reason: reason::REJECTED,
                may_pass: !is_permanent(&message),
                may_appear: !is_permanent(&message),
                message,
            },
            (Sight::Absent, Said::Finished) => not_created(messages::not_created(job_id)),
            (Sight::Absent, Said::Nothing) if explained && !failures.is_empty() => Fate::Failed {
                reason: reason::ROW_NOT_ATTRIBUTED,
                message: messages::not_attributed(
                    job_id,
                    &failures.iter().copied().collect::<Vec<_>>().join("; "),
                ),
                may_pass: false,
                // Whose failure it was is a guess: the user's own row may be still to come.
                may_appear: true,
            },
            (Sight::Absent, Said::Open | Said::Nothing) if ended.gone => {
                not_created(messages::results_gone(job_id))
            }
            (Sight::Absent, Said::Open | Said::Nothing) if ended.quiet || ended.complete => {
                let missing = job.members.len().saturating_sub(reading.shown);
                not_created(messages::never_reported(job_id, missing, job.members.len(), exist))
            }
            (Sight::Absent, Said::Open | Said::Nothing) => Fate::Failed {
                reason: reason::JOB_TIMED_OUT,
                message: messages::job_timed_out(job_id),
                may_pass: true,
                may_appear: true,
            },
        }
    };
    Some(job.all(fate))
}

/// What speaks for a user being made by a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// The job's own results.
    Row,
    /// Nothing but its being there now: the outcome itself stays unknown.
    LookUp,
}

fn created_by_job(
    user: &Live,
    job: &Submission,
    index: usize,
    evidence: Evidence,
    context: &Context<'_>,
) -> Fate {
    // The look-up before the intent had not found the user: whoever has its username and address now
    // and is not older than the intent was made by this job. Without a time of creation the job's own
    // row is evidence enough.
    // Unless another object has it: then that one's request made it.
    let name = job.usernames().get(index).map(String::as_str).unwrap_or_default();
    let foreign = match evidence {
        Evidence::Row => job.owned_elsewhere(name, user, context),
        Evidence::LookUp => job.elsewhere(name, user, context),
    };
    if let Some(message) = foreign {
        return Fate::Elsewhere { message, may_be_ours: true };
    }
    if user.created.is_none() || created_since(user, job.intent_time) {
        Fate::Created {
            id: user.id.clone(),
            live_state: user.state.clone(),
            after_unknown: evidence == Evidence::LookUp,
            applied: job.applied(index, user, context),
        }
    } else {
        Fate::Conflict
    }
}

fn not_created(message: String) -> Fate {
    Fate::Failed { reason: reason::NOT_CREATED, message, may_pass: true, may_appear: true }
}

#[cfg(test)]
mod tests;
