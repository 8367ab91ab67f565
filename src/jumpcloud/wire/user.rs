//! A user as JumpCloud has it.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::jumpcloud::wire::{presence, text};

/// A system user, from a search or a V1 answer.
#[derive(Clone, PartialEq)]
pub struct LiveUser {
    /// The id: `_id`, or `id` where only that is there.
    pub id: String,
    /// The username as stored; empty when the answer has none.
    pub username: String,
    /// The e-mail address as stored (JumpCloud lower-cases it); empty when the answer has none.
    pub email: String,
    /// `STAGED`, `ACTIVATED` or `SUSPENDED`, or whatever else the answer says.
    pub state: Option<String>,
    /// When the user was made, by JumpCloud's clock.
    pub created: Option<Timestamp>,
    /// Every field of the answer, under JumpCloud's names, those above included.
    pub fields: Map<String, Value>,
}

impl LiveUser {
    /// Reads one user; `None` when it is no object or has no id.
    pub(crate) fn read(user: Value) -> Option<Self> {
        let Value::Object(fields) = user else { return None };
        Some(Self {
            id: text(&fields, &["_id", "id"])?,
            username: text(&fields, &["username"]).unwrap_or_default(),
            email: text(&fields, &["email"]).unwrap_or_default(),
            state: text(&fields, &["state"]),
            created: text(&fields, &["created"]).and_then(|time| time.parse().ok()),
            fields,
        })
    }
}

impl fmt::Debug for LiveUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveUser")
            .field("id", &self.id)
            .field("state", &presence(self.state.as_ref()))
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn either_id_is_taken_and_everything_is_kept() {
        let user = LiveUser::read(json!({
            "id": "two", "_id": "one", "username": "ada", "email": "ada@x", "state": "STAGED",
            "created": "2026-01-02T03:04:05.678Z", "unheardOf": {"a": [1]},
        }))
        .unwrap();
        assert_eq!((user.id.as_str(), user.state.as_deref()), ("one", Some("STAGED")));
        assert_eq!(user.created.unwrap().to_string(), "2026-01-02T03:04:05.678Z");
        assert_eq!(user.fields["unheardOf"]["a"][0], 1);
        assert!(!format!("{user:?}").contains("ada"));
        assert_eq!(LiveUser::read(json!({"id": "two", "created": "yesterday"})).unwrap().created, None);
    }

    #[test]
    fn without_an_id_there_is_no_user() {
        for other in [json!({"username": "ada"}), json!({"_id": ""}), json!([]), json!(null)] {
            assert!(LiveUser::read(other).is_none());
        }
    }
}
