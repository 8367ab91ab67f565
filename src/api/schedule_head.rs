//! The watched form of a schedule: what decides whether it needs a pass, without its users.
//!
//! As with batches ([`super::head`]) users, results, events and managedFields are dropped while the
//! event is decoded, and fingerprints go to the index of claims. What cannot be read reads as absent.

use std::borrow::Cow;
use std::collections::HashSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common::LocalReference;
use super::fingerprint;
use super::head::{HeadSubmission, connection, items, lean, lenient, null_is_absent, requests};
use super::schedule_status::result;
use super::scheduled_user_state::{ScheduledState, ScheduledUserState};
use super::submission::{Operation, Phase};

/// Reasons of Stalled with which an object claims nothing: it does not act.
const CLAIMS_NOTHING: [&str; 4] = ["InvalidSpec", "GuardTripped", "OrgMismatch", "NewerVersion"];

/// Results of users that the object still schedules, or would schedule.
const CLAIMED: [&str; 3] = [result::PENDING, result::SCHEDULED, result::CONFLICT];

/// A `ScheduledUserState` without its users.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Whole")]
pub struct ScheduleHead {
    /// Name, uid, generation, finalizers; annotations of our own alone, no managedFields.
    pub metadata: ObjectMeta,
    /// The watched part of the spec.
    pub spec: ScheduleHeadSpec,
    /// The watched part of the status.
    pub status: ScheduleHeadStatus,
    /// Whom it schedules. The index of claims takes it out before the head is kept.
    #[serde(skip)]
    pub users: ScheduleUsers,
}

/// The watched part of the spec.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleHeadSpec {
    /// Which connection it uses.
    pub connection_ref: LocalReference,
    /// The batch whose users it takes.
    pub users_from_batch: Option<LocalReference>,
}

impl Default for ScheduleHeadSpec {
    fn default() -> Self {
        Self { connection_ref: LocalReference::default_connection(), users_from_batch: None }
    }
}

/// The watched part of the status.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleHeadStatus {
    /// The organisation its users are in.
    pub organization_id: Option<String>,
    /// Nonce and job of each request under way.
    pub submissions: Vec<HeadSubmission>,
}

/// What a schedule says about users, as sorted fingerprints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleUsers {
    /// Changes that it claims and has no event of.
    pub wanted: Vec<u64>,
    /// Changes that it claims and has an event of.
    pub held: Vec<u64>,
    /// Changes, by their minute, of requests whose outcome is not recorded yet.
    pub under_way: Vec<u64>,
    /// Events that it has recorded, replaced ones as well.
    pub recorded: Vec<u64>,
    /// How many events it has recorded that are not replaced.
    pub events: u32,
    /// The instant of those.
    pub time: Option<Timestamp>,
}

/// A schedule while it is decoded.
#[derive(Deserialize)]
struct Whole {
    #[serde(deserialize_with = "lean")]
    metadata: ObjectMeta,
    #[serde(default, deserialize_with = "null_is_absent")]
    spec: WholeSpec,
    #[serde(default, deserialize_with = "null_is_absent")]
    status: WholeStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WholeSpec {
    #[serde(default = "LocalReference::default_connection", deserialize_with = "connection")]
    connection_ref: LocalReference,
    #[serde(default, deserialize_with = "lenient")]
    users_from_batch: Option<LocalReference>,
    #[serde(default, deserialize_with = "lenient")]
    paused: bool,
}

impl Default for WholeSpec {
    fn default() -> Self {
        Self { connection_ref: LocalReference::default_connection(), users_from_batch: None, paused: false }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WholeStatus {
    #[serde(default, rename = "organizationID", deserialize_with = "lenient")]
    organization_id: Option<String>,
    #[serde(default, deserialize_with = "items")]
    conditions: Vec<Said>,
    #[serde(default, deserialize_with = "lenient")]
    scheduled_state: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    scheduled_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "items")]
    users: Vec<User>,
    #[serde(default, deserialize_with = "items")]
    events: Vec<Event>,
    #[serde(default, deserialize_with = "requests")]
    submissions: Vec<Request>,
}

/// A condition.
#[derive(Deserialize)]
struct Said {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
}

#[derive(Deserialize)]
struct User {
    id: Option<String>,
    result: String,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "scheduledJobID")]
    job_id: String,
    #[serde(default)]
    superseded: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Request {
    #[serde(flatten)]
    head: HeadSubmission,
    #[serde(default, deserialize_with = "lenient")]
    operation: Option<Operation>,
    #[serde(default, deserialize_with = "lenient")]
    members: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    state: Option<ScheduledState>,
    #[serde(default, deserialize_with = "lenient")]
    time: Option<Timestamp>,
    #[serde(default, deserialize_with = "items")]
    events: Vec<Event>,
}

impl ScheduleHead {
    /// The head of an object that was read or written whole.
    #[must_use]
    pub fn of(object: &ScheduledUserState) -> Option<Self> {
        // Through JSON, so that a pass and a watch cannot understand one object differently.
        serde_json::from_slice(&serde_json::to_vec(object).ok()?).ok()
    }
}

impl From<Whole> for ScheduleHead {
    fn from(whole: Whole) -> Self {
        let Whole { metadata, spec, status } = whole;
        let metadata =
            ObjectMeta { owner_references: None, generate_name: None, self_link: None, ..metadata };
        let acts = !spec.paused && metadata.deletion_timestamp.is_none() && !status.is_held_up();
        let users = ScheduleUsers::of(&status, acts);
        Self {
            metadata,
            spec: ScheduleHeadSpec {
                connection_ref: spec.connection_ref,
                users_from_batch: spec.users_from_batch,
            },
            status: ScheduleHeadStatus {
                organization_id: status.organization_id,
                submissions: status.submissions.into_iter().map(|request| request.head).collect(),
            },
            users,
        }
    }
}

impl WholeStatus {
    fn is_held_up(&self) -> bool {
        self.conditions.iter().any(|said| {
            said.kind == "Stalled" && said.status == "True" && CLAIMS_NOTHING.contains(&said.reason.as_str())
        })
    }

    /// The state and the instant of events that are not replaced.
    fn change(&self) -> Option<(ScheduledState, Timestamp)> {
        Some((ScheduledState::of(self.scheduled_state.as_deref()?)?, self.scheduled_time?))
    }
}

impl ScheduleUsers {
    fn of(status: &WholeStatus, acts: bool) -> Self {
        let change = status.change();
        let requests = || {
            status
                .submissions
                .iter()
                .filter(|request| matches!(request.operation, Some(Operation::Schedule) | None))
        };
        // An answer that is recorded and not settled yet counts like what it becomes.
        let accepted = requests().flat_map(|request| {
            let same = change.is_some() && change == request.state.zip(request.time);
            request.events.iter().map(move |event| (event, same))
        });
        let kept = status.events.iter().map(|event| (event, event.superseded.is_none()));
        let mut recorded = Vec::new();
        let mut with_event: HashSet<&str> = HashSet::new();
        for (event, counts) in kept.chain(accepted) {
            recorded.push(fingerprint::of_event(&event.job_id, &event.id));
            if counts {
                with_event.insert(&event.id);
            }
        }
        let (mut wanted, mut held) = (Vec::new(), Vec::new());
        if let Some((state, time)) = change.filter(|_| acts) {
            let claimed = status.users.iter().filter(|user| CLAIMED.contains(&user.result.as_str()));
            for id in claimed.filter_map(|user| user.id.as_deref()) {
                let list = if with_event.contains(id) { &mut held } else { &mut wanted };
                list.push(fingerprint::of_change(id, state, time));
            }
        }
        let under_way = requests()
            .filter(|request| matches!(request.head.phase, Some(Phase::Intended | Phase::Unknown)))
            .filter_map(|request| Some((request.state?, request.time?, &request.members)))
            .flat_map(|(state, time, members)| {
                members.iter().map(move |id| fingerprint::of_minute(id, state, time))
            });
        let events = status.events.iter().filter(|event| event.superseded.is_none()).count();
        Self {
            wanted: sorted(wanted),
            held: sorted(held),
            under_way: sorted(under_way.collect()),
            recorded: sorted(recorded),
            events: u32::try_from(events).unwrap_or(u32::MAX),
            time: status.scheduled_time,
        }
    }
}

fn sorted(mut list: Vec<u64>) -> Vec<u64> {
    list.sort_unstable();
    list.dedup();
    list.shrink_to_fit();
    list
}

impl Resource for ScheduleHead {
    type DynamicType = ();
    type Scope = <ScheduledUserState as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        ScheduledUserState::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        ScheduledUserState::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        ScheduledUserState::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        ScheduledUserState::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests;
