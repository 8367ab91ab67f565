//! Conditions, which every kind has.

use serde::Deserialize;

/// A condition.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    r#type: String,
    status: String,
    pub(super) reason: String,
    pub(super) message: String,
}

/// Whether the condition of this type is True.
pub(super) fn is(conditions: &[Condition], name: &str) -> bool {
    conditions.iter().any(|condition| condition.r#type == name && condition.status == "True")
}

/// The condition that kubectl's columns show.
pub(super) fn ready(conditions: &[Condition]) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.r#type == "Ready")
}
