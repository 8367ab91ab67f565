//! From the status of a schedule and what stands in the way to what conditions show.

use super::change::Change;
use super::messages;
use super::pass::{Batch, Pass, Work};
use crate::api::condition::{Reason, Standing, Verdict};
use crate::api::schedule_status::{
    ScheduleCounts, ScheduledUser, ScheduledUserStateStatus, origin, reason, result,
};
use crate::api::scheduled_user_state::MissedPolicy;
use crate::api::submission::{Phase, RECORD_VERSION, Recorded};
use crate::plan::amount::{count, part_of};
use crate::plan::facts::ConnectionFact;
use crate::plan::listing::listed;
use crate::plan::messages as shared;
use crate::plan::policy::Writes;
use crate::plan::verdict::is_rate_limited;
use crate::users::check::Problem;

/// What is said while changes are being scheduled.
const WORKING: &str = "changes are being scheduled";

/// What a verdict is reached from.
pub(super) struct Standings<'a> {
    status: &'a ScheduledUserStateStatus,
    connection_name: &'a str,
    problems: &'a [Problem],
    missed: MissedPolicy,
    max_users: usize,
    batch_name: &'a str,
    batch: Batch,
    tripped: Option<usize>,
    /// Paused, and the instant is still to come or users are held back.
    paused: bool,
    ready: usize,
    later: usize,
    cancels: usize,
    connection: Option<String>,
    other_organization: Option<String>,
    connection_paused: bool,
    read_only: bool,
    rate_limited: bool,
    trouble: Option<String>,
}

impl<'a> Standings<'a> {
    pub(super) fn of(pass: &'a Pass<'_>, work: &Work) -> Self {
        let desired = pass.schedule.desired;
        let (mut connection, mut other_organization, mut connection_paused) = (None, None, false);
        match &pass.facts.connection {
            None | Some(ConnectionFact::Checking) => {}
            Some(ConnectionFact::Missing) => {
                connection = Some(shared::connection_missing(&desired.connection));
            }
            Some(ConnectionFact::NotReady(why)) => connection = Some(why.clone()),
            Some(ConnectionFact::Ready(found)) => {
                connection_paused = found.paused;
                other_organization = Some(found.organization.clone()).filter(|_| !pass.is_ours());
            }
        }
        let ahead = Change::declared(desired).is_some_and(|change| pass.now < change.time);
        let held = pass.status.users.iter().any(|user| user.reason.as_deref() == Some(reason::PAUSED));
        Self {
            status: &pass.status,
            connection_name: &desired.connection,
            problems: &desired.problems,
            missed: desired.missed,
            max_users: desired.max_users.unwrap_or(usize::MAX),
            batch_name: desired.batch.as_deref().unwrap_or_default(),
            batch: work.batch,
            tripped: work.tripped,
            paused: desired.paused && (ahead || held),
            ready: work.ready,
            later: work.later,
            cancels: work.cancels,
            connection,
            other_organization,
            connection_paused,
            read_only: pass.policy.writes == Writes::Forbidden,
            rate_limited: is_rate_limited(pass.facts.notes.common.throttled_until, pass.now),
            trouble: pass.facts.notes.common.trouble.clone(),
        }
    }
}

/// The version of a record that is not understood.
#[must_use]
pub(super) fn foreign(status: &ScheduledUserStateStatus) -> Option<u64> {
    let foreign = status.submissions.iter().filter(|record| record.known().is_none());
    foreign.map(|record| record.version().max(u64::from(RECORD_VERSION) + 1)).max()
}

/// The verdict.
pub(super) fn verdict(standings: &Standings<'_>) -> Verdict {
    let s = standings;
    let waiting = |reason, message: String| Verdict::new(Standing::Waiting, reason, message);
    let stalled = |reason, message: String| Verdict::new(Standing::Stalled, reason, message);
    if let Some(version) = foreign(s.status) {
        return stalled(Reason::NewerVersion, shared::newer_version(version));
    }
    let records = || s.status.submissions.iter().filter_map(Recorded::known);
    let in_flight = records().any(|record| record.phase.is_under_way());
    let left = s.ready + s.later + s.cancels > 0;
    if in_flight || left {
        if let (Some(theirs), Some(ours)) = (&s.other_organization, &s.status.organization_id) {
            return stalled(Reason::OrgMismatch, shared::org_mismatch(theirs, ours));
        }
        if let Some(why) = &s.connection {
            return waiting(Reason::ConnectionNotReady, why.clone());
        }
    }
    let stopped = s.connection_paused || s.read_only;
    if let Some(trouble) =
        s.trouble.as_ref().filter(|_| in_flight || (left && !stopped && s.problems.is_empty()))
    {
        return waiting(Reason::Retrying, trouble.clone());
    }
    if in_flight {
        let unknown = records().any(|record| record.phase == Phase::Unknown);
        let message = if unknown {
            "the outcome of a request is unknown; it is looked for after the quarantine"
        } else {
            WORKING
        };
        return Verdict::new(Standing::Working, Reason::Progressing, message);
    }
    if !s.problems.is_empty() {
        return stalled(Reason::InvalidSpec, listed(s.problems));
    }
    if left {
        if stopped && (s.ready + s.cancels > 0) {
            let message = if s.read_only {
                shared::READ_ONLY.to_owned()
            } else {
                format!("JumpCloudConnection {} is paused; changes are waiting", s.connection_name)
            };
            return waiting(Reason::Paused, message);
        }
        if s.rate_limited {
            return waiting(
                Reason::RateLimited,
                "JumpCloud asks for fewer requests; changes are waiting".to_owned(),
            );
        }
    }
    if s.cancels > 0 || (s.ready > 0 && s.batch == Batch::Known) {
        return Verdict::new(Standing::Working, Reason::Progressing, WORKING);
    }
    if s.paused {
        let message = "spec.paused is true; its changes are cancelled and wait".to_owned();
        return waiting(Reason::Paused, message);
    }
    match s.batch {
        Batch::Known => {}
        Batch::Missing => return waiting(Reason::AwaitingUsers, messages::batch_missing(s.batch_name)),
        Batch::Awaiting(n) => {
            return waiting(Reason::AwaitingUsers, messages::batch_awaited(s.batch_name, n));
        }
        Batch::Elsewhere => return waiting(Reason::AwaitingUsers, messages::batch_elsewhere(s.batch_name)),
    }
    let waits = |user: &&ScheduledUser| {
        user.result == result::PENDING && user.reason.as_deref() == Some(reason::MANAGED_ELSEWHERE)
    };
    let elsewhere = s.status.users.iter().filter(waits).count();
    if elsewhere > 0 {
        return waiting(Reason::Retrying, messages::awaited_elsewhere(elsewhere));
    }
    if s.later > 0 {
        return waiting(
            Reason::Retrying,
            "changes that failed in a way that may pass are tried again".to_owned(),
        );
    }
    // Whoever is pending still comes to be something else: what that needs may not have been read yet, or the
    // users' states will tell what a request did that got no answer.
    if s.status.users.iter().any(|user| user.result == result::PENDING) {
        return Verdict::new(Standing::Working, Reason::Progressing, WORKING);
    }
    settled(s)
}

/// The verdict on a schedule of which nothing moves any more.
fn settled(s: &Standings<'_>) -> Verdict {
    let stalled = |reason, message: String| Verdict::new(Standing::Stalled, reason, message);
    let users = &s.status.users;
    let total = users.len();
    let number = |matches: &dyn Fn(&ScheduledUser) -> bool| users.iter().filter(|user| matches(user)).count();
    let of = |result: &str| number(&|user| user.result == result);
    if let Some(named) =
        s.tripped.filter(|_| number(&|user| user.reason.as_deref() == Some(reason::GUARD_TRIPPED)) > 0)
    {
        return stalled(Reason::GuardTripped, messages::guard_tripped(s.max_users, named));
    }
    let is_unknown = |user: &ScheduledUser| user.reason.as_deref() == Some(reason::SUBMISSION_UNKNOWN);
    let unknown = number(&is_unknown);
    let failed = number(&|user| {
        (user.result == result::FAILED && !is_unknown(user))
            || user.result == result::NOT_FOUND
            || user.reason.as_deref() == Some(reason::USER_PROTECTED)
    });
    let (missed, not_reached) = (of(result::MISSED), of(result::NOT_REACHED));
    if failed > 0 {
        let all = failed + unknown;
        let reason = if all < total { Reason::PartiallyFailed } else { Reason::Failed };
        return stalled(reason, messages::failed(all, total, &missing(users)));
    }
    if unknown > 0 {
        return stalled(
            Reason::SubmissionUnknown,
            format!("{}: {}", part_of(unknown, total, "user"), messages::SUBMISSION_UNKNOWN),
        );
    }
    let time = s.status.scheduled_time.clone().unwrap_or_default();
    let executed = of(result::EXECUTED);
    if missed > 0 && s.missed != MissedPolicy::Skip {
        return stalled(Reason::Missed, messages::not_scheduled(&time, (missed, total), s.missed, executed));
    }
    if not_reached > 0 {
        return stalled(Reason::NotReached, messages::not_in_state(not_reached, total));
    }
    let state = s.status.scheduled_state.clone().unwrap_or_default();
    let done = |reason, message: String| Verdict::new(Standing::Done, reason, message);
    if total == 0 {
        return done(Reason::Succeeded, "there are no users to schedule".to_owned());
    }
    if executed == total {
        return done(Reason::Executed, messages::executed(total, &state));
    }
    if missed + executed == total {
        return done(
            Reason::Succeeded,
            format!(
                "startTime {time} had passed; {} skipped (missedPolicy Skip)",
                part_of(missed, total, "user")
            ),
        );
    }
    done(Reason::Scheduled, format!("JumpCloud makes {} {state} at {time}", count(total, "user")))
}

/// The users that do not exist, as far as they have a name that may be shown.
fn missing(users: &[ScheduledUser]) -> Vec<String> {
    let missing = users.iter().filter(|user| user.result == result::NOT_FOUND);
    missing
        .map(|user| match (&user.username, user.row) {
            (Some(username), _) => username.clone(),
            (None, Some(row)) => format!("users[{row}]"),
            (None, None) => user.id.clone().unwrap_or_default(),
        })
        .collect()
}

/// How the users stand.
#[must_use]
pub(super) fn counts(status: &ScheduledUserStateStatus) -> ScheduleCounts {
    let number = |results: &[&str]| {
        let users = status.users.iter().filter(|user| results.contains(&user.result.as_str()));
        u32::try_from(users.count()).unwrap_or(u32::MAX)
    };
    ScheduleCounts {
        users: u32::try_from(status.users.len()).unwrap_or(u32::MAX),
        scheduled: number(&[result::SCHEDULED]),
        executed: number(&[result::EXECUTED]),
        failed: number(&[result::FAILED, result::MISSED, result::NOT_REACHED]),
        not_found: number(&[result::NOT_FOUND]),
    }
}

/// What condition Executed says, when every user was seen in the state.
#[must_use]
pub(super) fn executed(status: &ScheduledUserStateStatus) -> Option<String> {
    let all = status.users.iter().all(|user| user.result == result::EXECUTED);
    let state = status.scheduled_state.as_deref()?;
    (all && !status.users.is_empty()).then(|| messages::seen(status.users.len(), state))
}

/// What condition Conflicting says, with its reason.
#[must_use]
pub(super) fn conflicting(status: &ScheduledUserStateStatus) -> Option<(&'static str, String)> {
    let name = |id: &str| {
        let user = status.users.iter().find(|user| user.id.as_deref() == Some(id));
        user.and_then(|user| user.username.clone()).unwrap_or_else(|| id.to_owned())
    };
    let of_users = |matches: &dyn Fn(&ScheduledUser) -> bool| -> Vec<String> {
        let users = status.users.iter().filter(|user| matches(user));
        users.filter_map(|user| Some(name(user.id.as_deref()?))).collect()
    };
    let elsewhere = of_users(&|user| user.result == result::CONFLICT);
    let contradicted = of_users(&|user| user.reason.as_deref() == Some(reason::CONTRADICTED));
    let replaced = || status.events.iter().filter(|entry| entry.superseded.is_some());
    let shared: Vec<String> = replaced().filter(|entry| entry.shared).map(|entry| name(&entry.id)).collect();
    let adopted = replaced().filter(|entry| entry.origin == origin::ADOPTED && !entry.shared);
    let adopted: Vec<String> = adopted.map(|entry| name(&entry.id)).collect();
    let parts = [
        ("ManagedElsewhere", "the same change is scheduled by another object", elsewhere),
        (
            "Contradicted",
            "the other state is scheduled for the same time by an event that is not this object's",
            contradicted,
        ),
        (
            "SharedJob",
            "an event that is not wanted any more shares its scheduledJobID with events of others and stays; remove it in JumpCloud",
            shared,
        ),
        (
            "EventsLeft",
            "an event that this object found and did not make is not wanted any more and stays (deletionPolicy CancelAll would cancel it)",
            adopted,
        ),
    ];
    let reason = parts.iter().find(|(_, _, users)| !users.is_empty())?.0;
    let said: Vec<String> = parts
        .iter()
        .filter(|(_, _, users)| !users.is_empty())
        .map(|(_, what, users)| format!("{what}: {}", messages::named(users)))
        .collect();
    Some((reason, said.join("; ")))
}
