//! What a status is told by: everything in an object that a reader decides by, and nothing else.

use serde_json::Value;

use super::version::{Kind, Version};

/// Everything in an object that a reader decides by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    kind: Kind,
    is_leaving: bool,
    is_paused: bool,
    is_observed: bool,
    /// Type, status, reason, and whether it is of the newest generation.
    conditions: Vec<(String, String, String, bool)>,
}

impl Shape {
    /// That of a version.
    pub fn of(version: &Version) -> Self {
        Self::of_parts(version.kind, &version.metadata, &version.spec, &version.status)
    }

    /// That of an object.
    pub fn of_parts(kind: Kind, metadata: &Value, spec: &Value, status: &Value) -> Self {
        let generation = &metadata["generation"];
        let word = |condition: &Value, name: &str| condition[name].as_str().unwrap_or_default().to_owned();
        let conditions =
            status["conditions"].as_array().map_or(&[][..], Vec::as_slice).iter().map(|condition| {
                let is_newest = condition["observedGeneration"] == *generation;
                (word(condition, "type"), word(condition, "status"), word(condition, "reason"), is_newest)
            });
        Self {
            kind,
            is_leaving: !metadata["deletionTimestamp"].is_null(),
            is_paused: spec["paused"] == true,
            is_observed: status["observedGeneration"] == *generation,
            conditions: conditions.collect(),
        }
    }
}
