//! The sample batch, as `kubectl get` shows it: the part of its status that the demo speaks of.

use serde::Deserialize;
use serde_json::Value;

use super::stage::{Stage, spoken};

/// Its name in `deploy/samples`.
pub(super) const NAME: &str = "new-hires";

/// A `JumpCloudUserBatch`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Batch {
    metadata: Metadata,
    pub(super) status: Status,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    generation: i64,
}

/// What the operator says of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    observed_generation: i64,
    pub(super) conditions: Vec<Condition>,
    pub(super) counts: Counts,
    pub(super) progress: String,
    pub(super) submissions: Vec<Value>,
    pub(super) users: Vec<User>,
}

/// A condition.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    r#type: String,
    status: String,
    pub(super) reason: String,
    pub(super) message: String,
}

/// How the list stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    pub(super) desired: usize,
    pub(super) created: usize,
    pub(super) updated: usize,
    pub(super) pending: usize,
    pub(super) failed: usize,
    pub(super) conflicts: usize,
}

/// The result of one user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct User {
    pub(super) username: String,
    pub(super) result: String,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Batch {
    /// Reads it.
    pub(super) fn read(stage: &Stage) -> anyhow::Result<Self> {
        let text = spoken(stage.control_plane.kubectl().args(["get", "jcub", NAME, "--output=json"]))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Whether nothing moves any more by itself.
    pub(super) fn is_settled(&self) -> bool {
        self.status.observed_generation == self.metadata.generation
            && self.status.counts.desired > 0
            && self.status.counts.pending == 0
            && self.status.submissions.is_empty()
            && (self.is("Ready") || self.is("Stalled"))
    }

    /// The condition that kubectl's columns show.
    pub(super) fn ready(&self) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.r#type == "Ready")
    }

    fn is(&self, name: &str) -> bool {
        self.status.conditions.iter().any(|condition| condition.r#type == name && condition.status == "True")
    }
}
