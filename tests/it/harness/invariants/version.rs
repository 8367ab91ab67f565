//! The history of objects: every version that was ever committed.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::submission::{Recorded, Submission};
use jumpcloud_operator::controller::object::FIELD_MANAGER;
use kube::api::DynamicObject;
use serde_json::Value;

/// A kind of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `JumpCloudConnection`.
    Connection,
    /// `JumpCloudUserBatch`.
    Batch,
    /// `ScheduledUserState`.
    Schedule,
}

impl Kind {
    /// As manifests have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connection => "JumpCloudConnection",
            Self::Batch => "JumpCloudUserBatch",
            Self::Schedule => "ScheduledUserState",
        }
    }
}

/// One committed version of an object. Users of the spec are kept as username, e-mail and id alone.
#[derive(Clone, Debug)]
pub struct Version {
    /// The kind.
    pub kind: Kind,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The uid.
    pub uid: String,
    /// The resourceVersion: etcd's revision, which orders the versions of all objects.
    pub revision: u64,
    /// When it came to us, by the real clock: not before it was committed, and on a busy machine seconds later.
    pub seen: Timestamp,
    /// When the operator last wrote the status, by the API server's clock, in whole seconds: when this version was
    /// committed, if that was the operator's doing.
    pub written: Option<Timestamp>,
    /// Whether this is the end of the object.
    pub gone: bool,
    /// The metadata without managedFields.
    pub metadata: Value,
    /// The spec; shared by versions of one generation.
    pub spec: Arc<Value>,
    /// The status without submissions.
    pub status: Value,
    /// Its submissions.
    pub submissions: Vec<Recorded>,
    /// Who wrote parts of the status, and when, in whole seconds.
    pub authors: BTreeSet<(String, String)>,
    /// Whether somebody but the operator has written this version's status.
    pub meddled: bool,
}

impl Version {
    /// A version from an object as the API server gives it; `before` is the version before it.
    pub fn of(kind: Kind, object: DynamicObject, gone: bool, seen: Timestamp, before: Option<&Self>) -> Self {
        let mut metadata = serde_json::to_value(object.metadata).expect("JSON");
        let mut object = object.data;
        let authors = authors(&metadata["managedFields"].take());
        let text = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
        let (namespace, name, uid) = (text("namespace"), text("name"), text("uid"));
        let revision = text("resourceVersion").parse().expect("a resourceVersion is a number");
        let before = before.filter(|before| before.uid == uid);
        let is_new =
            |author: &&(String, String)| before.is_none_or(|before| !before.authors.contains(*author));
        let own = authors.iter().filter(|(manager, _)| manager == FIELD_MANAGER);
        let written = own.filter_map(|(_, time)| time.parse().ok()).max();
        let meddled = authors.iter().filter(is_new).any(|(manager, _)| manager != FIELD_MANAGER);
        let spec = match before {
            Some(before) if before.metadata["generation"] == metadata["generation"] => {
                Arc::clone(&before.spec)
            }
            _ => Arc::new(reduced(object["spec"].take())),
        };
        if let Some(fields) = metadata.as_object_mut() {
            fields.remove("managedFields");
        }
        let mut status = object["status"].take();
        let submissions = match status.as_object_mut().and_then(|status| status.remove("submissions")) {
            Some(records) => serde_json::from_value(records).expect("the schema says that it is a list"),
            None => Vec::new(),
        };
        Self {
            kind,
            namespace,
            name,
            uid,
            revision,
            seen,
            written,
            gone,
            metadata,
            spec,
            status,
            submissions,
            authors,
            meddled,
        }
    }

    /// The submissions that this operator understands.
    pub fn records(&self) -> impl Iterator<Item = &Submission> {
        self.submissions.iter().filter_map(Recorded::known)
    }

    /// The record of that nonce.
    pub fn record(&self, nonce: &str) -> Option<&Submission> {
        self.records().find(|record| record.nonce == nonce)
    }

    /// A list of the status.
    pub fn list(&self, name: &str) -> &[Value] {
        self.status[name].as_array().map_or(&[], Vec::as_slice)
    }

    /// The rows of the spec.
    pub fn rows(&self) -> &[Value] {
        self.spec["users"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The condition of that type.
    pub fn condition(&self, kind: &str) -> Option<&Value> {
        self.list("conditions").iter().find(|condition| condition["type"] == kind)
    }

    /// Ready's reason.
    pub fn reason(&self) -> &str {
        self.condition("Ready").and_then(|ready| ready["reason"].as_str()).unwrap_or_default()
    }

    /// Whether the conditions speak of this generation, and say that nothing moves any more.
    pub fn is_settled(&self) -> bool {
        let is_true = |kind: &str| self.condition(kind).is_some_and(|c| c["status"] == "True");
        !self.gone
            && !self.is_leaving()
            && self.status["observedGeneration"] == self.metadata["generation"]
            && (is_true("Ready") || is_true("Stalled"))
            && self.submissions.is_empty()
    }

    /// Whether it is being deleted.
    pub fn is_leaving(&self) -> bool {
        !self.metadata["deletionTimestamp"].is_null()
    }

    /// When it was committed, rounded down, if the operator wrote it; else when it was seen.
    pub fn committed(&self) -> Timestamp {
        self.written.unwrap_or(self.seen)
    }

    /// How texts name it.
    pub fn title(&self) -> String {
        format!("{:?} {}/{} at {}", self.kind, self.namespace, self.name, self.revision)
    }
}

/// Who wrote parts of the status, and when.
fn authors(managed: &Value) -> BTreeSet<(String, String)> {
    let entries = managed.as_array().map_or(&[][..], Vec::as_slice).iter();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let of_status = entries.filter(|entry| entry["subresource"] == "status");
    of_status.map(|entry| (text(entry, "manager"), text(entry, "time"))).collect()
}

/// A spec whose users are reduced to what tells them apart.
fn reduced(mut spec: Value) -> Value {
    for user in spec.get_mut("users").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(fields) = user.as_object_mut() {
            fields.retain(|name, _| ["username", "email", "id"].contains(&name.as_str()));
        }
    }
    spec
}

/// What became of the objects of a test, in the order in which it was committed.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// All versions of all objects.
    pub versions: Vec<Arc<Version>>,
}

impl History {
    /// The versions of one object.
    pub fn of<'a>(&'a self, uid: &'a str) -> impl DoubleEndedIterator<Item = &'a Version> + Clone {
        self.versions.iter().map(|version| &**version).filter(move |version| version.uid == uid)
    }

    /// The uids of all objects, each once.
    pub fn uids(&self) -> BTreeSet<&str> {
        self.versions.iter().map(|version| version.uid.as_str()).collect()
    }

    /// The last version of each object, also of those that are gone.
    pub fn last(&self) -> impl Iterator<Item = &Version> {
        self.uids().into_iter().filter_map(|uid| self.of(uid).next_back())
    }

    /// What belongs to the JumpCloud of that address: its connections, and what uses them.
    pub fn at(&self, url: &str) -> Self {
        let leads_there =
            |version: &&Arc<Version>| version.kind == Kind::Connection && version.spec["apiURL"] == url;
        let there: BTreeSet<(&str, &str)> = self
            .versions
            .iter()
            .filter(leads_there)
            .map(|version| (version.namespace.as_str(), version.name.as_str()))
            .collect();
        let belongs = |version: &&Arc<Version>| {
            let connection = match version.kind {
                Kind::Connection => &version.name,
                Kind::Batch | Kind::Schedule => {
                    version.spec["connectionRef"]["name"].as_str().unwrap_or("default")
                }
            };
            there.contains(&(version.namespace.as_str(), connection))
        };
        Self { versions: self.versions.iter().filter(belongs).cloned().collect() }
    }

    /// The objects that are there at the end.
    pub fn live(&self) -> impl Iterator<Item = &Version> {
        self.last().filter(|version| !version.gone)
    }
}
