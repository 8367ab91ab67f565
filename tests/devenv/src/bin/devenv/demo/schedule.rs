//! The sample schedules, as `kubectl get` shows them: the part of their status that the demo speaks of.

use serde::Deserialize;

use super::condition::{self, Condition};
use super::stage::{Stage, spoken};

/// A `ScheduledUserState`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Schedule {
    metadata: Metadata,
    pub(super) status: Status,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
    generation: i64,
}

/// What the operator says of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    observed_generation: i64,
    conditions: Vec<Condition>,
    pub(super) counts: Counts,
}

/// How its users stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    pub(super) users: usize,
    pub(super) executed: usize,
}

#[derive(Debug, Default, Deserialize)]
struct List {
    items: Vec<Schedule>,
}

impl Schedule {
    /// Reads all of them.
    pub(super) fn read_all(stage: &Stage) -> anyhow::Result<Vec<Self>> {
        let text = spoken(stage.control_plane.kubectl().args(["get", "jcsus", "--output=json"]))?;
        Ok(serde_json::from_str::<List>(&text)?.items)
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Whether a condition is True and speaks of the newest spec.
    pub(super) fn is(&self, name: &str) -> bool {
        self.status.observed_generation == self.metadata.generation
            && condition::is(&self.status.conditions, name)
    }

    /// How it stands, in a line; nothing before the operator has taken it up.
    pub(super) fn line(&self) -> Option<String> {
        let ready = condition::ready(&self.status.conditions)?;
        Some(format!("{:<23}  {:<13}  {}", self.name(), ready.reason, ready.message))
    }
}
