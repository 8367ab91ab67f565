//! Users, what became of their fields and who did it.

use serde_json::{Map, Value, json};

use super::JumpCloud;
use super::fields::set;
use crate::clock::Ms;

/// A user, also after its deletion.
#[derive(Debug, Clone)]
pub struct User {
    /// JumpCloud's id.
    pub id: String,
    /// Username.
    pub username: String,
    /// E-mail address, in lower case.
    pub email: String,
    /// The job that made it; `None`: somebody else did.
    pub job: Option<usize>,
    /// When it was created.
    pub created: Ms,
    /// From when on searches find it.
    pub visible: Ms,
    /// When it was deleted.
    pub deleted: Option<Ms>,
    /// Its fields, in JumpCloud's spelling.
    pub fields: Map<String, Value>,
    /// Every change since its creation, oldest first.
    pub changes: Vec<Change>,
}

/// A change of a user.
#[derive(Debug, Clone)]
pub struct Change {
    /// When.
    pub at: Ms,
    /// By whom.
    pub by: Author,
    /// What was to be set, in JumpCloud's spelling.
    pub set: Map<String, Value>,
    /// What it changed, with the values before; nothing is null.
    pub before: Map<String, Value>,
}

/// Who changed a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// A bulk job.
    Job(usize),
    /// A request of its own, by its place in the ledger.
    Repair(usize),
    /// Somebody else.
    Others,
}

impl User {
    /// The fields as they were at that time.
    pub fn fields_at(&self, time: Ms) -> Map<String, Value> {
        let mut fields = self.fields.clone();
        for change in self.changes.iter().rev().filter(|change| change.at > time) {
            for (name, value) in &change.before {
                match value {
                    Value::Null => fields.remove(name),
                    value => fields.insert(name.clone(), value.clone()),
                };
            }
        }
        fields
    }

    /// Changes of a field, oldest first.
    pub fn changes_of<'a>(&'a self, field: &'a str) -> impl DoubleEndedIterator<Item = &'a Change> {
        self.changes.iter().filter(move |change| change.before.contains_key(field))
    }

    /// Whether it is there at that time.
    pub fn is_there(&self, time: Ms) -> bool {
        self.created <= time && self.deleted.is_none_or(|gone| gone > time)
    }

    pub(super) fn change(&mut self, new: &Map<String, Value>, by: Author, at: Ms) {
        let before = set(&mut self.fields, new);
        if let Some(email) = self.fields.get("email").and_then(Value::as_str) {
            email.clone_into(&mut self.email);
        }
        if !before.is_empty() {
            self.changes.push(Change { at, by, set: new.clone(), before });
        }
    }
}

impl JumpCloud {
    /// Somebody else creates a user.
    pub fn by_others(&mut self, username: &str, email: &str, visible: Ms, now: Ms) {
        let email = email.to_lowercase();
        if !self.users.iter().any(|u| u.deleted.is_none() && (u.username == username || u.email == email)) {
            let fields = json!({"username": username, "email": email});
            self.add(fields.as_object().unwrap(), None, now, visible);
        }
    }

    /// Somebody deletes a user.
    pub fn delete(&mut self, index: usize, now: Ms) {
        if let Some(user) = self.users.get_mut(index) {
            user.deleted.get_or_insert(now);
        }
    }

    /// Somebody else changes a user.
    pub fn edit(&mut self, index: usize, set: &Map<String, Value>, now: Ms) {
        self.users[index].change(set, Author::Others, now);
    }

    /// Whether somebody else than `id` has the e-mail address at that time.
    pub(super) fn has_email(&self, email: &str, id: &str, at: Ms) -> bool {
        self.users.iter().any(|user| user.is_there(at) && user.email == email && user.id != id)
    }

    pub(super) fn add(
        &mut self,
        row: &Map<String, Value>,
        job: Option<usize>,
        now: Ms,
        visible: Ms,
    ) -> String {
        self.ids += 1;
        let id = format!("id{}", self.ids);
        let mut fields = json!({"state": "STAGED"}).as_object().unwrap().clone();
        set(&mut fields, row);
        let text = |name: &str| fields[name].as_str().unwrap().to_owned();
        self.users.push(User {
            id: id.clone(),
            username: text("username"),
            email: text("email"),
            job,
            created: now,
            visible,
            deleted: None,
            fields,
            changes: Vec::new(),
        });
        id
    }
}
