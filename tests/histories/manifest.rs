//! The spec as its author edits it, and what the operator makes of it.

use std::sync::Arc;

use jumpcloud_operator::api::user_batch::JumpCloudUserBatchSpec;
use jumpcloud_operator::plan::desired::{Desired, desired};
use serde_json::{Map, Value, json};

use crate::dice::Dice;

/// What JumpCloud has against a row. It stands in the row, so that another content may be free of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// Its result row fails, whatever is tried.
    Invalid,
    /// The whole request is answered with 400.
    Poison,
}

/// One row. Another content has another hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Username.
    pub username: String,
    /// E-mail address.
    pub email: String,
    /// What tells departments of the same user apart.
    pub revision: u32,
    /// What JumpCloud has against it.
    pub flaw: Flaw,
    /// Everything else that it declares, as in a manifest.
    pub more: Map<String, Value>,
}

/// Everything in the spec that histories vary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The users.
    pub rows: Vec<Row>,
    /// `spec.paused`
    pub paused: bool,
    /// `spec.batchSize`
    pub batch_size: u32,
    /// `spec.retry.limit`
    pub retry_limit: u32,
    /// `spec.jobTimeout` in seconds.
    pub job_timeout: u32,
}

/// A manifest with what the operator makes of it, worked out once.
#[derive(Debug)]
pub struct Spec {
    /// As written.
    pub manifest: Manifest,
    /// As checked.
    pub desired: Desired,
}

/// Fields that rows declare besides username, e-mail address and department.
pub const FIELDS: [&str; 7] =
    ["location", "state", "alternateEmail", "recoveryEmail", "phoneNumbers", "manager", "sshKeys"];

/// Custom attributes that rows declare.
pub const ATTRIBUTES: [&str; 2] = ["team", "cost"];

impl Row {
    /// A row of the user with this number.
    pub fn new(number: usize, flaw: Flaw) -> Self {
        Self {
            username: format!("user{number}"),
            email: format!("User{number}@example.com"),
            revision: 0,
            flaw,
            more: Map::new(),
        }
    }

    /// A row that declares some fields.
    pub fn with_fields(mut self, dice: &mut Dice, managers: &[Self]) -> Self {
        for name in FIELDS {
            if dice.chance(150) {
                self.declare(name, dice, managers);
            }
        }
        for name in ATTRIBUTES {
            if dice.chance(300) {
                self.declare(&format!("attributes.{name}"), dice, managers);
            }
        }
        self
    }

    /// Declares another value of a field, or of an attribute (`attributes.team`).
    pub fn declare(&mut self, name: &str, dice: &mut Dice, managers: &[Self]) {
        let number = dice.between(1, 4);
        self.leave(name);
        let value = match name {
            "location" => json!(format!("Place {number}")),
            "state" => json!(dice.pick(&["Staged", "Activated", "Suspended"])),
            "alternateEmail" => json!(format!("Alt{number}.{}@example.com", self.username)),
            "recoveryEmail" => json!({"address": format!("Rec{number}.{}@example.com", self.username)}),
            "phoneNumbers" => json!([{"type": "work", "number": format!("+44 (20) 12-{number}")}]),
            "sshKeys" => json!([{"name": "key", "publicKey": format!("ssh-ed25519 {number}")}]),
            "manager" => {
                let others: Vec<&Self> =
                    managers.iter().filter(|row| row.username != self.username).collect();
                manager(dice, &others)
            }
            attribute => {
                let attribute = attribute.strip_prefix("attributes.").unwrap();
                let all = self.more.entry("attributes").or_insert_with(|| json!({}));
                all[attribute] = json!(format!("value {number}"));
                return;
            }
        };
        self.more.insert(name.to_owned(), value);
    }

    /// Leaves a field, or an attribute, to others.
    pub fn leave(&mut self, name: &str) {
        match name.strip_prefix("attributes.") {
            Some(attribute) => {
                if let Some(all) = self.more.get_mut("attributes").and_then(Value::as_object_mut) {
                    all.remove(attribute);
                    if all.is_empty() {
                        self.more.remove("attributes");
                    }
                }
            }
            None => drop(self.more.remove(name)),
        }
        let cleared = self.more.get_mut("clear").and_then(Value::as_array_mut);
        if let Some(cleared) = cleared {
            cleared.retain(|other| other != name);
            if cleared.is_empty() {
                self.more.remove("clear");
            }
        }
    }

    /// Empties a field, or an attribute.
    pub fn clear(&mut self, name: &str) {
        self.leave(name);
        let cleared = self.more.entry("clear").or_insert_with(|| json!([]));
        cleared.as_array_mut().unwrap().push(json!(name));
    }

    fn department(&self) -> String {
        let flaw = match self.flaw {
            Flaw::None => "fine",
            Flaw::Invalid => "invalid",
            Flaw::Poison => "poison",
        };
        format!("{flaw}-{}", self.revision)
    }

    fn json(&self) -> Value {
        let mut fields = self.more.clone();
        fields.insert("username".to_owned(), json!(self.username));
        fields.insert("email".to_owned(), json!(self.email));
        fields.insert("department".to_owned(), json!(self.department()));
        Value::Object(fields)
    }
}

/// Somebody of the list or somebody else, by username or e-mail address.
fn manager(dice: &mut Dice, managers: &[&Row]) -> Value {
    let outsider = ("boss".to_owned(), "Boss@example.com".to_owned());
    let nobody = ("nobody".to_owned(), "nobody@example.com".to_owned());
    let (username, email) = match dice.between(0, 9) {
        0 => nobody,
        1 | 2 => outsider,
        _ if managers.is_empty() => outsider,
        _ => {
            let row = managers[dice.index(managers.len())];
            (row.username.clone(), row.email.clone())
        }
    };
    if dice.chance(500) { json!({"username": username}) } else { json!({"email": email}) }
}

impl Flaw {
    /// The flaw of a row as it is sent.
    pub fn of_row(row: &Map<String, Value>) -> Self {
        let department = row.get("department").and_then(Value::as_str).unwrap_or_default();
        match department.split('-').next() {
            Some("invalid") => Self::Invalid,
            Some("poison") => Self::Poison,
            _ => Self::None,
        }
    }
}

impl Manifest {
    /// The spec, checked by the operator's own code.
    pub fn check(&self) -> Arc<Spec> {
        let spec: JumpCloudUserBatchSpec = serde_json::from_value(json!({
            "users": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "paused": self.paused,
            "batchSize": self.batch_size,
            "retry": {"limit": self.retry_limit},
            "jobTimeout": format!("{}s", self.job_timeout),
        }))
        .unwrap();
        Arc::new(Spec { manifest: self.clone(), desired: desired(&spec, 1000) })
    }
}

/// What authors choose.
impl Dice {
    /// What JumpCloud has against a new row.
    pub fn flaw(&mut self) -> Flaw {
        match self.between(0, 19) {
            0 | 1 => Flaw::Invalid,
            2 => Flaw::Poison,
            _ => Flaw::None,
        }
    }

    /// A field, or an attribute, that rows declare.
    pub fn field(&mut self) -> String {
        if self.chance(300) {
            format!("attributes.{}", self.pick(&ATTRIBUTES))
        } else {
            // What takes a request of its own deserves more than its share.
            if self.chance(300) { "recoveryEmail".to_owned() } else { self.pick(&FIELDS).to_owned() }
        }
    }
}
