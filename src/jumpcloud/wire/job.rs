//! A bulk job: its id, and the rows of its results.

use std::fmt;

use serde_json::{Map, Value};

use crate::jumpcloud::endpoint::is_segment;
use crate::jumpcloud::message::{self, Secrets};
use crate::jumpcloud::wire::{object, presence, text};

/// The longest status word that is kept; the known ones have eight characters.
const MAX_WORD: usize = 64;

/// The result of one user of a bulk job.
#[derive(Clone, PartialEq, Eq)]
pub struct WorkResult {
    /// The row's own id. It is not a user's id.
    pub id: Option<String>,
    /// How far the row is.
    pub status: RowStatus,
    /// The vendor's explanation (`statusMsg`), cleaned. May name the user.
    pub message: Option<String>,
    /// The user, as `meta` names it.
    pub user: RowUser,
    /// The user, as `persistedFields` names it. Nothing else of that object is kept: it may hold the
    /// password that was sent.
    pub persisted: RowUser,
}

/// The status of a row: a free text, of which two words are known.
#[derive(Clone, PartialEq, Eq)]
pub enum RowStatus {
    /// `pending`, in any case: not done.
    Pending,
    /// `finished`, in any case: done as asked.
    Finished,
    /// Another word, in lower case, cleaned, at most 64 characters long. How JumpCloud spells a failure
    /// is not known.
    Other(String),
    /// No status at all.
    Missing,
}

/// What a row says about which user it belongs to. Each may be absent, and nothing is normalised.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RowUser {
    /// The username.
    pub username: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The id. Below `meta.systemUser` it is the user's; elsewhere that is not certain.
    pub id: Option<String>,
}

impl WorkResult {
    /// Reads one row; `None` when it is no object. A message that repeats the credential loses it.
    pub(crate) fn read(row: &Value, secrets: &Secrets) -> Option<Self> {
        let row = row.as_object()?;
        let said = |name: &str| row.get(name).and_then(Value::as_object).map(RowUser::read);
        Some(Self {
            id: text(row, &["id", "_id"]),
            status: RowStatus::read(row.get("status")),
            message: text(row, &["statusMsg"])
                .map(|it| message::clean(&secrets.redact(&it)))
                .filter(|it| !it.is_empty()),
            user: said("meta").unwrap_or_default(),
            persisted: said("persistedFields").unwrap_or_default(),
        })
    }
}

impl RowStatus {
    fn read(status: Option<&Value>) -> Self {
        let word = status.and_then(Value::as_str).map(message::clean).unwrap_or_default().to_lowercase();
        match word.as_str() {
            "" => Self::Missing,
            "pending" => Self::Pending,
            "finished" => Self::Finished,
            other => Self::Other(other.chars().take(MAX_WORD).collect()),
        }
    }
}

impl RowUser {
    /// From the `systemUser` inside, in any case, and for what it lacks from the object itself.
    fn read(from: &Map<String, Value>) -> Self {
        let inner = object(from, "systemUser");
        let find = |names: &[&str]| inner.and_then(|user| text(user, names)).or_else(|| text(from, names));
        Self { username: find(&["username"]), email: find(&["email"]), id: find(&["_id", "id"]) }
    }
}

/// The job's id in the answer to a bulk request, in any known spelling. One that results could not be
/// asked for with is none.
pub(crate) fn job_id(answer: &Value) -> Option<String> {
    text(answer.as_object()?, &["jobId", "job_id", "id"]).filter(|id| is_segment(id))
}

impl fmt::Debug for WorkResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkResult")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("message", &presence(self.message.as_ref()))
            .field("user", &self.user)
            .field("persisted", &self.persisted)
            .finish()
    }
}

impl fmt::Debug for RowStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "Pending",
            Self::Finished => "Finished",
            Self::Other(_) => "Other",
            Self::Missing => "Missing",
        })
    }
}

impl fmt::Debug for RowUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowUser")
            .field("username", &presence(self.username.as_ref()))
            .field("email", &presence(self.email.as_ref()))
            .field("id", &self.id)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secrets() -> Secrets {
        Secrets::new("the-key".into())
    }

    fn read(row: &Value) -> WorkResult {
        WorkResult::read(row, &secrets()).unwrap()
    }

    #[test]
    fn status_words_are_an_open_set() {
        for (word, want) in [
            (json!("pending"), RowStatus::Pending),
            (json!("Finished"), RowStatus::Finished),
            (json!(" FINISHED "), RowStatus::Finished),
            (json!("Failed"), RowStatus::Other("failed".into())),
            (json!(""), RowStatus::Missing),
            (json!(null), RowStatus::Missing),
            (json!(7), RowStatus::Missing),
            (json!("x".repeat(500)), RowStatus::Other("x".repeat(64))),
        ] {
            assert!(read(&json!({"status": word.clone()})).status == want, "{word}");
        }
        assert!(read(&json!({})).status == RowStatus::Missing);
        assert!(WorkResult::read(&json!("row"), &secrets()).is_none());
    }

    #[test]
    fn the_user_is_found_in_every_spelling() {
        for name in ["SystemUser", "systemUser", "systemuser"] {
            let user =
                read(&json!({"meta": {name: {"username": "ada", "_id": "u1"}, "email": "a@x", "id": "no"}}))
                    .user;
            assert_eq!(user.username.as_deref(), Some("ada"));
            assert_eq!(user.email.as_deref(), Some("a@x"), "what the inner object lacks is taken outside");
            assert_eq!(user.id.as_deref(), Some("u1"));
        }
        let user = read(&json!({"meta": {"username": "bob", "id": 7}})).user;
        assert_eq!((user.username.as_deref(), user.id.as_deref()), (Some("bob"), Some("7")));
        assert!(read(&json!({"meta": "odd"})).user == RowUser::default());
    }

    #[test]
    fn nothing_but_the_name_is_kept_of_persisted_fields() {
        let row = read(
            &json!({"persistedFields": {"username": "ada", "password": "hunter2"}, "statusMsg": "\u{1b}[31mno, the-key\n"}),
        );
        assert_eq!(row.persisted.username.as_deref(), Some("ada"));
        assert_eq!(row.message.as_deref(), Some("no, [redacted]"));
        assert!(!format!("{row:?}").contains("ada") && !format!("{row:?}").contains("hunter2"));
    }

    #[test]
    fn job_ids_in_every_spelling() {
        for name in ["jobId", "job_id", "id"] {
            assert_eq!(job_id(&json!({name: "j1"})).as_deref(), Some("j1"));
        }
        for other in [
            json!({}),
            json!({"jobId": ""}),
            json!({"jobId": null}),
            json!("j1"),
            json!([]),
            json!({"jobId": ".."}),
            json!({"jobId": "x".repeat(300)}),
        ] {
            assert_eq!(job_id(&other), None);
        }
    }
}
