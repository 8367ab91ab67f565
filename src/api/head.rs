//! The watched form of a batch: what decides whether it needs a pass, without its users.
//!
//! A watch keeps every object in memory. Rows, results and managedFields, which make up nearly all of
//! a batch, are dropped while the event is decoded; a pass fetches the whole object. Of users remain
//! fingerprints, for the index that tells which object has or wants a user. What cannot be read reads
//! as absent, so that one odd object does not stop the watch for all; the pass tells.

use std::borrow::Cow;
use std::collections::HashSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::common::LocalReference;
use super::fingerprint::{self, Rows};
use super::submission::{Operation, Phase};
use super::user_batch::JumpCloudUserBatch;

/// A `JumpCloudUserBatch` without its users.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Whole")]
pub struct BatchHead {
    /// Name, uid, generation; annotations of our own alone, no managedFields.
    pub metadata: ObjectMeta,
    /// The watched part of the spec.
    pub spec: HeadSpec,
    /// The watched part of the status.
    pub status: HeadStatus,
    /// Whom it declares, has and sends. The index of claims takes it out before the head is kept.
    #[serde(skip)]
    pub users: HeadUsers,
}

/// The watched part of the spec.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeadSpec {
    /// Which connection it uses.
    pub connection_ref: LocalReference,
}

impl Default for HeadSpec {
    fn default() -> Self {
        Self { connection_ref: LocalReference::default_connection() }
    }
}

/// The watched part of the status.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeadStatus {
    /// The organisation its users are in.
    pub organization_id: Option<String>,
    /// Nonce and job of each request under way.
    pub submissions: Vec<HeadSubmission>,
}

/// A request under way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeadSubmission {
    /// Identifies the request.
    #[serde(default)]
    pub nonce: String,
    /// JumpCloud's id of the job.
    #[serde(default, rename = "jobID")]
    pub job_id: Option<String>,
    /// What became of it.
    #[serde(default, deserialize_with = "lenient")]
    pub phase: Option<Phase>,
}

impl HeadSubmission {
    /// Whether a job may run, or come to run; also when the phase cannot be read.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.phase.is_none_or(Phase::is_under_way)
    }
}

/// What a batch says about users, as fingerprints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct HeadUsers {
    /// Users that the list declares, or that a request under way has.
    pub named: Vec<Named>,
    /// Users of the inventory.
    pub held: Vec<HeldUser>,
}

/// A user by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Named {
    /// The username.
    pub username: Option<u64>,
    /// The e-mail address; that of a request under way is not known.
    pub email: Option<u64>,
    /// Whether the inventory has it.
    pub held: bool,
    /// Whether a request under way has it.
    pub under_way: bool,
}

/// A user of the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeldUser {
    /// JumpCloud's id.
    pub id: u64,
    /// The declared state that was applied last.
    pub state: Option<HeldState>,
    /// Whether the list declares it, or a request under way has it.
    pub wanted: bool,
}

/// A state that a row can declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeldState {
    /// `Staged`
    Staged,
    /// `Activated`
    Activated,
    /// `Suspended`
    Suspended,
    /// The older flag `suspended`.
    SuspendedFlag(bool),
    /// The older flag `activated`.
    ActivatedFlag(bool),
    /// Both of them: `suspended`, `activated`.
    Flags(bool, bool),
}

impl HeldState {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Staged,
        Self::Activated,
        Self::Suspended,
        Self::SuspendedFlag(true),
        Self::SuspendedFlag(false),
        Self::ActivatedFlag(true),
        Self::ActivatedFlag(false),
        Self::Flags(true, true),
        Self::Flags(true, false),
        Self::Flags(false, true),
        Self::Flags(false, false),
    ];

    /// What the older flags declare together.
    #[must_use]
    pub fn of_flags(suspended: Option<bool>, activated: Option<bool>) -> Option<Self> {
        match (suspended, activated) {
            (Some(suspended), Some(activated)) => Some(Self::Flags(suspended, activated)),
            (Some(suspended), None) => Some(Self::SuspendedFlag(suspended)),
            (None, Some(activated)) => Some(Self::ActivatedFlag(activated)),
            (None, None) => None,
        }
    }

    /// As the inventory has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Staged => "Staged",
            Self::Activated => "Activated",
            Self::Suspended => "Suspended",
            Self::SuspendedFlag(true) => "suspended: true",
            Self::SuspendedFlag(false) => "suspended: false",
            Self::ActivatedFlag(true) => "activated: true",
            Self::ActivatedFlag(false) => "activated: false",
            Self::Flags(true, true) => "suspended, activated",
            Self::Flags(true, false) => "suspended, not activated",
            Self::Flags(false, true) => "not suspended, activated",
            Self::Flags(false, false) => "not suspended, not activated",
        }
    }
}

/// A batch while it is decoded. Users of status are held for that moment; rows are not.
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
    #[serde(default)]
    users: Rows,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WholeStatus {
    #[serde(default, rename = "organizationID", deserialize_with = "lenient")]
    organization_id: Option<String>,
    #[serde(default, deserialize_with = "items")]
    inventory: Vec<Entry>,
    #[serde(default, deserialize_with = "requests")]
    submissions: Vec<Request>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    username: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    state: Option<String>,
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
    usernames: Vec<String>,
}

impl From<Whole> for BatchHead {
    fn from(whole: Whole) -> Self {
        let Whole { metadata, spec, status } = whole;
        let users = HeadUsers::of(&spec.users, &status);
        let submissions = status.submissions.into_iter().map(|request| request.head).collect();
        Self {
            metadata,
            spec: HeadSpec { connection_ref: spec.connection_ref },
            status: HeadStatus { organization_id: status.organization_id, submissions },
            users,
        }
    }
}

impl HeadUsers {
    fn of(rows: &Rows, status: &WholeStatus) -> Self {
        let under_way: HashSet<u64> = status
            .submissions
            .iter()
            // Part of a refused request is declared if it still counts.
            .filter(|request| request.head.is_under_way())
            .flat_map(|request| match request.operation {
                Some(Operation::Update | Operation::Schedule) => &request.usernames,
                Some(Operation::Create) | None => &request.members,
            })
            .map(|username| fingerprint::of_username(username))
            .collect();
        let inventory: HashSet<u64> =
            status.inventory.iter().map(|entry| fingerprint::of_username(&entry.username)).collect();
        let declared: HashSet<u64> = rows.0.iter().filter_map(|(username, _)| *username).collect();
        let named = |username: Option<u64>, email| Named {
            username,
            email,
            held: username.is_some_and(|name| inventory.contains(&name)),
            under_way: username.is_some_and(|name| under_way.contains(&name)),
        };
        let of_rows = rows.0.iter().map(|(username, email)| named(*username, *email));
        let mut others: Vec<u64> = under_way.difference(&declared).copied().collect();
        others.sort_unstable();
        let held = status.inventory.iter().map(|entry| {
            let username = fingerprint::of_username(&entry.username);
            HeldUser {
                id: fingerprint::of_id(&entry.id),
                state: HeldState::ALL.into_iter().find(|state| Some(state.word()) == entry.state.as_deref()),
                wanted: declared.contains(&username) || under_way.contains(&username),
            }
        });
        Self {
            held: held.collect(),
            named: of_rows.chain(others.into_iter().map(|name| named(Some(name), None))).collect(),
        }
    }
}

impl Default for WholeSpec {
    fn default() -> Self {
        Self { connection_ref: LocalReference::default_connection(), users: Rows::default() }
    }
}

pub(super) fn lenient<'de, D: Deserializer<'de>, T: Default + DeserializeOwned>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}

/// A list without the items that cannot be read.
pub(super) fn items<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list: Vec<Value> = lenient(deserializer)?;
    Ok(list.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect())
}

/// A list of requests. One that cannot be read is kept as one under way, of nobody knows whom: the pass finds the
/// same, and sends nothing.
pub(super) fn requests<'de, D: Deserializer<'de>, T: Default + DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list: Vec<Value> = lenient(deserializer)?;
    Ok(list.into_iter().map(|item| serde_json::from_value(item).unwrap_or_default()).collect())
}

pub(super) fn null_is_absent<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

pub(super) fn connection<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LocalReference, D::Error> {
    let read: Option<LocalReference> = lenient(deserializer)?;
    Ok(read.unwrap_or_else(LocalReference::default_connection))
}

pub(super) fn lean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let mut meta = ObjectMeta::deserialize(deserializer)?;
    meta.managed_fields = None;
    meta.labels = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|name, _| name.starts_with(super::GROUP));
    }
    Ok(meta)
}

impl Resource for BatchHead {
    type DynamicType = ();
    type Scope = <JumpCloudUserBatch as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        JumpCloudUserBatch::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        JumpCloudUserBatch::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        JumpCloudUserBatch::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        JumpCloudUserBatch::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_results_and_foreign_annotations_are_dropped() {
        let head: BatchHead = serde_json::from_value(serde_json::json!({
            "apiVersion": "jumpcloud-operator.dev/v1alpha1", "kind": "JumpCloudUserBatch",
            "metadata": {"name": "sales", "managedFields": [{"manager": "kubectl"}], "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "lovelace@example.com",
                "jumpcloud-operator.dev/requested-at": "1"}},
            "spec": {"connectionRef": {"name": "eu"}, "users": [{"username": "lovelace", "email": "lovelace@example.com"}]},
            "status": {"submissions": [{"nonce": "n", "jobID": "j", "members": ["lovelace"]}], "users": [{"username": "lovelace"}]},
        }))
        .unwrap();
        let kept = serde_json::to_string(&head).unwrap();
        assert!(!kept.contains("lovelace"), "{kept}");
        assert!(kept.contains("requested-at") && head.spec.connection_ref.name == "eu");
        assert_eq!(head.status.submissions[0].job_id.as_deref(), Some("j"));
    }

    #[test]
    fn users_are_known_by_fingerprints() {
        let head: BatchHead = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "sales"},
            "spec": {"users": [
                {"username": "Ada", "email": "ada@example.com"}, {"username": "eva", "email": "eva@example.com"}]},
            "status": {"organizationID": "o",
                "inventory": [
                    {"username": "ada", "id": "1", "hash": "h", "state": "Suspended"},
                    {"username": "bob", "id": "2", "hash": "h", "removalTime": "2026-01-01T00:00:00Z"}],
                "submissions": [
                    {"nonce": "n", "operation": "Create", "phase": "Intended", "members": ["eva", "kim"]},
                    {"nonce": "m", "operation": "Update", "phase": "Rejected", "members": ["1"], "usernames": ["ada"]}]},
        }))
        .unwrap();
        let [ada, eva, kim] = head.users.named.as_slice() else { panic!("{:?}", head.users) };
        assert_eq!(ada.username, Some(fingerprint::of_username("ada")));
        assert_eq!(ada.email, Some(fingerprint::of_email("ada@example.com")));
        assert_eq!((ada.held, ada.under_way), (true, false));
        assert_eq!((eva.held, eva.under_way), (false, true));
        assert_eq!((kim.username, kim.email), (Some(fingerprint::of_username("kim")), None));
        let [ada, bob] = head.users.held.as_slice() else { panic!("{:?}", head.users) };
        assert_eq!(
            (ada.id, ada.state, ada.wanted),
            (fingerprint::of_id("1"), Some(HeldState::Suspended), true)
        );
        assert_eq!((bob.state, bob.wanted), (None, false));
        assert_eq!(head.status.organization_id.as_deref(), Some("o"));
    }

    #[test]
    fn what_cannot_be_read_costs_itself_alone() {
        let head: BatchHead = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "odd"},
            "status": {
                "inventory": [{"username": "ada", "id": "1"}, {"username": 7, "id": "2"}, "three", {"username": "bob", "id": "4"}],
                "submissions": [
                    {"nonce": 7, "jobID": "j1", "phase": "Rejected", "members": ["eva"]}, null, ["x"],
                    {"nonce": "n", "jobID": "j2", "phase": "Accepted", "operation": "Create", "members": ["kim"]}]},
        }))
        .unwrap();
        let held: Vec<u64> = head.users.held.iter().map(|user| user.id).collect();
        assert_eq!(held, ["1", "4"].map(fingerprint::of_id));
        assert_eq!(head.status.submissions.len(), 4);
        // Nobody knows what became of the others.
        assert!(head.status.submissions.iter().all(HeadSubmission::is_under_way));
        let kim = fingerprint::of_username("kim");
        assert!(head.users.named.iter().any(|user| user.username == Some(kim) && user.under_way));
    }

    #[test]
    fn an_odd_object_can_still_be_watched() {
        let head: BatchHead = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "odd"},
            "spec": {"connectionRef": "eu", "users": 7},
            "status": {"submissions": {"nonce": 1}},
        }))
        .unwrap();
        assert_eq!(head.spec.connection_ref.name, "default");
        assert!(head.status.submissions.is_empty());
    }
}
