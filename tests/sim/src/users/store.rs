//! The users of one organisation, with the three values that must be unique.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::{Fields, text};

/// A user as kept: its fields without the id, never with the password.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) fields: Fields,
    pub(crate) created: Timestamp,
    /// SHA-256 of the password last set, so that a test can tell which one arrived.
    pub(crate) password_sha256: Option<String>,
}

impl User {
    pub(crate) fn username(&self) -> &str {
        text(&self.fields, "username").unwrap_or_default()
    }
}

/// The unique fields. Usernames and e-mails are compared without regard to case.
const UNIQUE: [&str; 3] = ["username", "email", "employeeIdentifier"];

/// All users, by id; ids ascend with creation.
#[derive(Debug, Default)]
pub(crate) struct UserStore {
    by_id: BTreeMap<String, User>,
    by_value: HashMap<(&'static str, String), String>,
}

impl UserStore {
    pub(crate) fn get(&self, id: &str) -> Option<&User> {
        self.by_id.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &User> {
        self.by_id.values()
    }

    /// The user with this value of a unique field, whatever the letter case.
    pub(crate) fn by_unique(&self, field: &str, value: &str) -> Option<&User> {
        let field = UNIQUE.into_iter().find(|unique| *unique == field)?;
        self.by_id.get(self.by_value.get(&(field, folded(field, value)))?)
    }

    /// The first field of `fields` that a user other than `except` has taken.
    pub(crate) fn taken(&self, fields: &Fields, except: Option<&str>) -> Option<&'static str> {
        UNIQUE.into_iter().find(|field| {
            text(fields, field)
                .and_then(|value| self.by_value.get(&(*field, folded(field, value))))
                .is_some_and(|owner| Some(owner.as_str()) != except)
        })
    }

    /// Adds a user, or replaces the one with the same id.
    pub(crate) fn put(&mut self, user: User) {
        self.remove(&user.id);
        for field in UNIQUE {
            if let Some(value) = text(&user.fields, field) {
                self.by_value.insert((field, folded(field, value)), user.id.clone());
            }
        }
        self.by_id.insert(user.id.clone(), user);
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<User> {
        let user = self.by_id.remove(id)?;
        for field in UNIQUE {
            if let Some(value) = text(&user.fields, field) {
                self.by_value.remove(&(field, folded(field, value)));
            }
        }
        Some(user)
    }
}

fn folded(field: &str, value: &str) -> String {
    if field == "employeeIdentifier" { value.to_owned() } else { value.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(id: &str, fields: &serde_json::Value) -> User {
        let fields = fields.as_object().unwrap().clone();
        User { id: id.to_owned(), fields, created: Timestamp::UNIX_EPOCH, password_sha256: None }
    }

    #[test]
    fn uniqueness_folds_names_but_not_identifiers() {
        let mut store = UserStore::default();
        store.put(user("1", &json!({"username": "Ada", "email": "ada@x.test", "employeeIdentifier": "a1"})));
        let taken = |fields: &serde_json::Value, except| store.taken(fields.as_object().unwrap(), except);
        assert_eq!(taken(&json!({"username": "ADA"}), None), Some("username"));
        assert_eq!(taken(&json!({"username": "b", "email": "Ada@X.test"}), None), Some("email"));
        assert_eq!(taken(&json!({"employeeIdentifier": "a1"}), None), Some("employeeIdentifier"));
        assert_eq!(taken(&json!({"employeeIdentifier": "A1"}), None), None);
        assert_eq!(taken(&json!({"username": "ada"}), Some("1")), None);
    }

    #[test]
    fn what_is_removed_or_replaced_is_free_again() {
        let mut store = UserStore::default();
        store.put(user("1", &json!({"username": "ada", "email": "a@x.test"})));
        store.put(user("1", &json!({"username": "ada", "email": "b@x.test"})));
        assert!(store.by_unique("email", "a@x.test").is_none());
        store.remove("1").unwrap();
        assert!(store.by_unique("username", "ada").is_none());
        assert_eq!(store.iter().count(), 0);
    }
}
