//! The sample batch, as `kubectl get` shows it: the part of its status that the demo speaks of.

use serde::Deserialize;
use serde_json::Value;

use super::condition::{self, Condition};
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
            && ["Ready", "Stalled"].iter().any(|name| condition::is(&self.status.conditions, name))
    }

    /// The condition that kubectl's columns show.
    pub(super) fn ready(&self) -> Option<&Condition> {
        condition::ready(&self.status.conditions)
    }
}
