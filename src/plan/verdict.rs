//! From a status and what stands in the way to the one verdict that conditions show.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::amount::{count, part_of, verb};
use super::desired::Desired;
use super::listing::listed;
use super::messages;
use crate::api::condition::{Reason, Standing, Verdict};
use crate::api::submission::{Phase, RECORD_VERSION, Recorded};
use crate::api::user_status::{Failure, JumpCloudUserBatchStatus, reason};
use crate::users::check::Problem;

/// What is said while users are sent.
const SENDING: &str = "users are being sent; results follow when a job has ended";

/// What this pass found in the way of sending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Obstacles {
    /// Mistakes in the spec.
    pub problems: Vec<Problem>,
    /// The spec says stop.
    pub paused: bool,
    /// The process may not write.
    pub read_only: bool,
    /// The connection says stop.
    pub connection_paused: bool,
    /// The connection cannot be used: why.
    pub connection: Option<String>,
    /// The connection's organisation, when it is not the object's.
    pub other_organization: Option<String>,
    /// JumpCloud asks for fewer requests, for longer than a minute.
    pub rate_limited: bool,
    /// Something fails and is tried again: what.
    pub trouble: Option<String>,
}

/// What is still to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outstanding {
    /// Users that can be looked up or sent now.
    pub ready: usize,
    /// Users that are sent again later.
    pub later: usize,
    /// Users that wait for what becomes of another user.
    pub awaiting: usize,
    /// Users of an announced repair: shown as work, so that whoever looks on meanwhile, with whatever
    /// clock, has nothing to write.
    pub under_repair: usize,
}

impl Outstanding {
    fn any(self) -> bool {
        self.ready + self.later + self.awaiting + self.under_repair > 0
    }
}

/// The verdict.
#[must_use]
pub fn verdict(
    status: &JumpCloudUserBatchStatus,
    desired: &Desired,
    obstacles: &Obstacles,
    outstanding: Outstanding,
) -> Verdict {
    let waiting = |reason, message: String| Verdict::new(Standing::Waiting, reason, message);
    let stalled = |reason, message: String| Verdict::new(Standing::Stalled, reason, message);
    if let Some(version) = foreign(status) {
        return stalled(Reason::NewerVersion, messages::newer_version(version));
    }
    let under_way = |record: &Recorded| record.known().is_none_or(|s| s.phase.is_under_way());
    let in_flight = status.submissions.iter().any(under_way);
    let left = outstanding.any();
    if in_flight || left {
        if let (Some(theirs), Some(ours)) = (&obstacles.other_organization, &status.organization_id) {
            return stalled(Reason::OrgMismatch, messages::org_mismatch(theirs, ours));
        }
        if let Some(why) = &obstacles.connection {
            return waiting(Reason::ConnectionNotReady, why.clone());
        }
    }
    // Trouble ends with the next call that works; where a switch or the spec forbids calls, it would be
    // shown for ever and hide what a person can do.
    let calls = in_flight
        || (left
            && obstacles.problems.is_empty()
            && !(obstacles.paused || obstacles.connection_paused || obstacles.read_only));
    if let Some(trouble) = obstacles.trouble.as_ref().filter(|_| calls) {
        return waiting(Reason::Retrying, trouble.clone());
    }
    if in_flight {
        let unknown =
            status.submissions.iter().filter_map(Recorded::known).any(|s| s.phase == Phase::Unknown);
        let message = if unknown {
            "the outcome of a request is unknown; its users are looked up after the quarantine"
        } else {
            SENDING
        };
        return Verdict::new(Standing::Working, Reason::Progressing, message);
    }
    if !obstacles.problems.is_empty() {
        return stalled(Reason::InvalidSpec, listed(&obstacles.problems));
    }
    if left {
        if obstacles.paused {
            return waiting(Reason::Paused, "spec.paused is true; users are waiting".to_owned());
        }
        if obstacles.read_only {
            return waiting(Reason::Paused, messages::READ_ONLY.to_owned());
        }
        if obstacles.connection_paused {
            let message = format!("JumpCloudConnection {} is paused; users are waiting", desired.connection);
            return waiting(Reason::Paused, message);
        }
        if obstacles.rate_limited {
            return waiting(
                Reason::RateLimited,
                "JumpCloud asks for fewer requests; users are waiting".to_owned(),
            );
        }
        let works = outstanding.ready + outstanding.under_repair > 0;
        // Who is waited for may itself be sent again later; else it is about to be sent.
        if works || (outstanding.awaiting > 0 && outstanding.later == 0) {
            return Verdict::new(Standing::Working, Reason::Progressing, SENDING);
        }
        return waiting(
            Reason::Retrying,
            "users failed in a way that may pass; they are sent again".to_owned(),
        );
    }
    settled(status, desired)
}

/// The verdict on a list of which nothing moves any more.
fn settled(status: &JumpCloudUserBatchStatus, desired: &Desired) -> Verdict {
    let rows: BTreeMap<&str, &str> =
        desired.rows.iter().map(|row| (row.username.as_str(), row.hash.as_str())).collect();
    let concerns = |failure: &&Failure| rows.get(failure.username.as_str()) == Some(&failure.hash.as_str());
    let failures: Vec<&Failure> = status.failures.iter().filter(concerns).collect();
    let conflicts: Vec<_> = failures.iter().filter(|f| reason::is_conflict(&f.reason)).collect();
    let unknown = failures.iter().filter(|f| f.reason == reason::SUBMISSION_UNKNOWN).count();
    let total = desired.rows.len();
    if failures.is_empty() {
        let (users, are) = (count(total, "user"), verb(total, "is", "are"));
        let message = format!("{users} {are} in JumpCloud as declared");
        return Verdict::new(Standing::Done, Reason::Succeeded, message);
    }
    if let Some(first) = conflicts.first() {
        let message = if failures.len() == 1 {
            messages::conflict(&first.username, &first.reason)
        } else {
            messages::conflicts(conflicts.len(), total, failures.len() - conflicts.len())
        };
        return Verdict::new(Standing::Stalled, Reason::UserConflict, message);
    }
    if unknown == failures.len() {
        let message = format!("{}: {}", part_of(unknown, total, "user"), messages::SUBMISSION_UNKNOWN);
        return Verdict::new(Standing::Stalled, Reason::SubmissionUnknown, message);
    }
    let reason = if failures.len() < total { Reason::PartiallyFailed } else { Reason::Failed };
    let message = format!(
        "{} failed; see status.users, mend their rows or set annotation jumpcloud-operator.dev/retry-failed",
        part_of(failures.len(), total, "user")
    );
    Verdict::new(Standing::Stalled, reason, message)
}

/// The version of a record that is not understood.
#[must_use]
pub fn foreign(status: &JumpCloudUserBatchStatus) -> Option<u64> {
    status
        .submissions
        .iter()
        .filter(|record| record.known().is_none())
        .map(|record| record.version().max(u64::from(RECORD_VERSION) + 1))
        .max()
}

/// Whether tokens are out for so long that people should know.
#[must_use]
pub fn is_rate_limited(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_some_and(|until| until.duration_since(now).as_secs() > 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::declared;

    #[test]
    fn trouble_does_not_hide_what_a_person_can_do() {
        let status = JumpCloudUserBatchStatus::default();
        let desired = declared(&["ada"]);
        let outstanding = Outstanding { ready: 1, ..Outstanding::default() };
        let trouble = Obstacles { trouble: Some("503".to_owned()), ..Obstacles::default() };
        let reason = |obstacles: &Obstacles| verdict(&status, &desired, obstacles, outstanding).reason;
        assert_eq!(reason(&trouble), Reason::Retrying);
        let invalid = Obstacles { problems: vec![Problem::of("users", "no")], ..trouble.clone() };
        assert_eq!(reason(&invalid), Reason::InvalidSpec);
        assert_eq!(reason(&Obstacles { paused: true, ..trouble.clone() }), Reason::Paused);
        assert_eq!(reason(&Obstacles { connection_paused: true, ..trouble }), Reason::Paused);
    }
}
