//! Rows and templates as they stand in a manifest, and the row as it is to be sent.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::field::{CLEAR, FIELDS};
use super::schema;
use crate::api::head::HeldState;

/// Declared fields by their manifest names. What is not declared is left alone.
pub type Fields = Map<String, Value>;

/// One user of a list. Holds personal data: its debug form shows field names alone.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserRow(pub Fields);

/// Fields shared by all users of a list; a user's own field wins.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserTemplate(pub Fields);

/// A user as declared, template merged in: what a create job sends.
#[derive(Clone, PartialEq)]
pub struct DesiredRow {
    /// Index in `spec.users`.
    pub index: usize,
    /// The declared username.
    pub username: String,
    /// The declared e-mail address, in lower case as JumpCloud keeps it.
    pub email: String,
    /// All declared fields.
    pub fields: Fields,
    /// Fields to be emptied, also single attributes (`attributes.team`).
    pub clear: Vec<String>,
    /// [`hash`] of the fields and of what is cleared.
    pub hash: String,
}

impl DesiredRow {
    /// The row of merged `fields`.
    #[must_use]
    pub fn new(index: usize, mut fields: Fields) -> Self {
        let hash = hash(&fields);
        let clear = match fields.remove(CLEAR) {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { index, username: text("username"), email: text("email").to_lowercase(), hash, clear, fields }
    }

    /// The declared manager.
    #[must_use]
    pub fn manager(&self) -> Option<ManagerRef> {
        let declared = self.fields.get("manager")?;
        let text = |name: &str| declared.get(name).and_then(Value::as_str).map(str::to_owned);
        text("id")
            .map(ManagerRef::Id)
            .or_else(|| text("username").map(ManagerRef::Username))
            .or_else(|| text("email").map(ManagerRef::Email))
    }

    /// What the row declares of the user's state: by `state`, else by the older flags. It is written
    /// again only when this changes.
    #[must_use]
    pub fn declared_state(&self) -> Option<String> {
        if let Some(state) = self.fields.get("state").and_then(Value::as_str) {
            return Some(state.to_owned());
        }
        let flag = |name: &str| self.fields.get(name).and_then(Value::as_bool);
        HeldState::of_flags(flag("suspended"), flag("activated")).map(|state| state.word().to_owned())
    }

    /// Whether the row declares a field that bulk create does not take.
    #[must_use]
    pub fn needs_update_after_create(&self) -> bool {
        FIELDS.iter().any(|field| !field.created() && self.fields.contains_key(field.name))
    }

    /// The key by which a user is the same: the username without regard to case.
    #[must_use]
    pub fn key(&self) -> String {
        fold(&self.username)
    }
}

/// How a row names its manager.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ManagerRef {
    /// JumpCloud's id.
    Id(String),
    /// A username, in any case.
    Username(String),
    /// An e-mail address, in any case.
    Email(String),
}

impl fmt::Debug for ManagerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id(_) => "Id",
            Self::Username(_) => "Username",
            Self::Email(_) => "Email",
        })
    }
}

/// The form in which usernames are compared.
#[must_use]
pub fn fold(username: &str) -> String {
    username.to_lowercase()
}

/// The first 16 hexadecimal digits of SHA-256 over the fields, independent of their order.
#[must_use]
pub fn hash(fields: &Fields) -> String {
    let mut text = String::new();
    canonical(&Value::Object(fields.clone()), &mut text);
    short_hash(text.as_bytes())
}

/// The first 16 hexadecimal digits of SHA-256.
#[must_use]
pub fn short_hash(bytes: &[u8]) -> String {
    let mut digits = long_hash(bytes);
    digits.truncate(16);
    digits
}

/// SHA-256 in hexadecimal digits.
#[must_use]
pub fn long_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// JSON with sorted keys: a dependency that asks serde_json to keep the order of insertion must not
/// change hashes that are stored in status.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_by_key(|(k, _)| *k);
            out.push('{');
            for (key, value) in keys {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            out.push_str(&scalar.to_string());
        }
    }
}

fn redacted(name: &str, fields: &Fields, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{name}(")?;
    f.debug_set().entries(fields.keys()).finish()?;
    write!(f, ")")
}

impl fmt::Debug for UserRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted("UserRow", &self.0, f)
    }
}

impl fmt::Debug for UserTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted("UserTemplate", &self.0, f)
    }
}

impl fmt::Debug for DesiredRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "users[{}] ", self.index)?;
        redacted("DesiredRow", &self.fields, f)
    }
}

impl JsonSchema for UserRow {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UserRow".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema::row()
    }
}

impl JsonSchema for UserTemplate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UserTemplate".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema::template()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn fields(json: &str) -> Fields {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_hash_ignores_order_and_sees_every_value() {
        let a = fields(r#"{"username":"ada","attributes":{"x":"1","y":"2"}}"#);
        let b = fields(r#"{"attributes":{"y":"2","x":"1"},"username":"ada"}"#);
        assert_eq!(hash(&a), hash(&b));
        assert_eq!(hash(&a).len(), 16);
        assert_ne!(hash(&a), hash(&fields(r#"{"username":"ada","attributes":{"x":"1","y":"3"}}"#)));
        assert_ne!(hash(&a), hash(&fields(r#"{"username":"ada"}"#)));
    }

    #[test]
    fn the_stored_form_of_the_hash_does_not_change() {
        assert_eq!(
            hash(&fields(r#"{"username":"ada","email":"ada@example.com","sudo":true}"#)),
            "db136353c5d3d152"
        );
    }

    #[test]
    fn every_declared_state_has_a_word_of_its_own_that_the_inventory_takes() {
        let flags = [None, Some(false), Some(true)];
        let mut words = BTreeSet::new();
        for (suspended, activated) in flags.into_iter().flat_map(|one| flags.map(|other| (one, other))) {
            let mut fields = Fields::new();
            for (name, value) in [("suspended", suspended), ("activated", activated)] {
                fields.extend(value.map(|value| (name.to_owned(), Value::Bool(value))));
            }
            words.extend(DesiredRow::new(0, fields).declared_state());
        }
        words.extend(["Staged", "Activated", "Suspended"].map(str::to_owned));
        assert_eq!(words, HeldState::ALL.iter().map(|state| state.word().to_owned()).collect());
        let definitions = serde_json::to_value(crate::api::crd::crds().unwrap()).unwrap();
        let schema = "/1/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/inventory/items\
                      /properties/state/maxLength";
        let longest = definitions.pointer(schema).and_then(Value::as_u64).expect("a limit");
        assert!(words.iter().all(|word| word.len() as u64 <= longest), "{words:?}");
    }

    #[test]
    fn debug_shows_no_value() {
        let row = UserRow(fields(r#"{"username":"ada","email":"ada@example.com"}"#));
        let shown = format!("{row:?} {:?}", DesiredRow::new(3, row.0.clone()));
        assert!(!shown.contains("example.com") && shown.contains("email"), "{shown}");
    }
}
