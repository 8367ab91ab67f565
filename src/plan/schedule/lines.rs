//! Who is scheduled: the rows of the spec and the users of the batch, with what status knows of each.

use std::collections::BTreeSet;

use super::facts::{Key, Look, Person};
use super::roster::Members;
use crate::api::schedule_status::{ScheduledUser, result};
use crate::plan::identity::identity;
use crate::users::row::fold;

/// A user that is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What status says of it.
    pub user: ScheduledUser,
    /// What it is looked for by; `None` for a user whose id its batch knows.
    pub key: Option<Key>,
}

impl Line {
    /// The user's id, once it is known.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.user.id.as_deref()
    }

    /// Whether the user has this result.
    #[must_use]
    pub fn is(&self, result: &str) -> bool {
        self.user.result == result
    }

    /// Sets the result and why; what was said before goes.
    pub fn set(&mut self, result: &str, reason: Option<&str>, message: Option<String>) {
        result.clone_into(&mut self.user.result);
        self.user.reason = reason.map(str::to_owned);
        self.user.message = message;
    }

    /// What it must be looked for by: who it is, or, when it is looked for again, whether it exists by now. Also a user
    /// whose id is known can have been missed, by a search that did not show it yet.
    #[must_use]
    pub fn unresolved(&self, again: bool) -> Option<Key> {
        let key = || self.key.clone().or_else(|| self.user.id.clone().map(Key::Id));
        if self.is(result::NOT_FOUND) {
            return again.then(key).flatten();
        }
        self.key.clone().filter(|_| self.user.id.is_none() || self.user.username.is_none())
    }

    /// Takes in what a search said of it.
    pub fn resolve(&mut self, look: &Look) {
        match &look.found {
            None => {
                if let Some(Key::Username(_) | Key::Email(_)) = self.key {
                    self.user.id = None;
                }
                self.set(result::NOT_FOUND, None, Some("there is no such user in JumpCloud".to_owned()));
            }
            Some(person) => {
                if self.is(result::NOT_FOUND) || self.user.id.as_deref() != Some(&person.id) {
                    self.set(result::PENDING, None, None);
                }
                self.user.id = Some(person.id.clone());
                // As declared where it is declared by it.
                if self.user.username.is_none() {
                    self.user.username = Some(person.username.clone());
                }
            }
        }
    }
}

impl Line {
    /// Takes in what this pass has found of a row, where status says something else.
    pub fn correct(&mut self, found: Option<&Person>) {
        match (&self.key, found) {
            (Some(Key::Id(_) | Key::Email(_)), Some(person)) => {
                // What it is called decides whether it is protected.
                self.user.username = Some(person.username.clone());
                self.is_person(person);
            }
            (Some(Key::Username(_)), Some(person)) => self.is_person(person),
            (Some(Key::Username(_) | Key::Email(_)), None) if self.user.id.is_some() => {
                self.user.id = None;
                self.set(result::NOT_FOUND, None, Some("there is no such user in JumpCloud".to_owned()));
            }
            _ => {}
        }
    }

    fn is_person(&mut self, person: &Person) {
        if self.user.id.as_deref() != Some(&person.id) {
            self.user.id = Some(person.id.clone());
            self.set(result::PENDING, None, None);
        }
    }
}

/// The declared users, with what `before` says of them. `uid` is that of the object.
#[must_use]
pub fn lines(
    rows: &[Option<Key>],
    members: Option<&Members>,
    before: &[ScheduledUser],
    uid: &str,
) -> Vec<Line> {
    let mut lines: Vec<Line> = rows
        .iter()
        .enumerate()
        .filter_map(|(row, key)| Some(of_row(u32::try_from(row).ok()?, key.as_ref()?, before, uid)))
        .collect();
    let named: BTreeSet<String> =
        lines.iter().filter_map(|line| line.user.username.as_deref().map(fold)).collect();
    let ids: BTreeSet<String> = lines.iter().filter_map(|line| line.user.id.clone()).collect();
    let of_batch = |user: &&ScheduledUser| user.row.is_none();
    match members {
        Some(members) => {
            let others = members.users.iter().filter(|member| {
                !named.contains(&fold(&member.username))
                    && member.id.as_ref().is_none_or(|id| !ids.contains(id))
            });
            lines.extend(others.map(|member| {
                let known = before.iter().filter(of_batch).find(|user| {
                    user.username.as_deref().map(fold) == Some(fold(&member.username)) && user.id == member.id
                });
                let mut line = Line { user: known.cloned().unwrap_or_default(), key: None };
                line.user.username = Some(member.username.clone());
                line.user.id.clone_from(&member.id);
                if line.user.result.is_empty() {
                    line.set(result::PENDING, None, None);
                }
                if member.id.is_none() {
                    line.set(result::NOT_FOUND, None, Some("the batch has no such user".to_owned()));
                }
                line
            }));
        }
        // The set of users is fixed, or nobody can tell: those that are known stay.
        None => {
            lines.extend(before.iter().filter(of_batch).map(|user| Line { user: user.clone(), key: None }));
        }
    }
    lines
}

fn of_row(row: u32, key: &Key, before: &[ScheduledUser], uid: &str) -> Line {
    let (id, username, reference) = match key {
        Key::Id(id) => (Some(id.clone()), None, None),
        Key::Username(username) => (None, Some(username.clone()), None),
        Key::Email(email) => (None, None, Some(identity(uid, "", email))),
    };
    let known = before.iter().filter(|user| user.row.is_some()).find(|user| match key {
        Key::Id(id) => user.reference.is_none() && user.id.as_ref() == Some(id),
        Key::Username(username) => {
            user.reference.is_none() && user.username.as_deref().map(fold) == Some(fold(username))
        }
        Key::Email(_) => user.reference.is_some() && user.reference == reference,
    });
    let mut user = known.cloned().unwrap_or_default();
    user.row = Some(row);
    user.reference = reference;
    user.id = id.or(user.id);
    user.username = username.or(user.username);
    if user.result.is_empty() {
        result::PENDING.clone_into(&mut user.result);
    }
    Line { user, key: Some(key.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::schedule::roster::Member;
    use jiff::Timestamp;

    fn found(id: &str, username: &str) -> Look {
        let person = Person { id: id.to_owned(), username: username.to_owned(), state: None };
        Look { at: Timestamp::UNIX_EPOCH, order: 1, found: Some(person) }
    }

    #[test]
    fn rows_keep_their_users_when_the_list_is_edited() {
        let rows =
            [Key::Email("a@x.io".to_owned()), Key::Username("bob".to_owned()), Key::Id("i3".to_owned())];
        let rows: Vec<_> = rows.into_iter().map(Some).collect();
        let mut first = lines(&rows, None, &[], "uid");
        assert!(first.iter().all(|line| line.unresolved(false).is_some()));
        for (line, (id, name)) in first.iter_mut().zip([("i1", "ann"), ("i2", "bob"), ("i3", "cy")]) {
            line.resolve(&found(id, name));
            line.set(result::EXECUTED, None, None);
        }
        let before: Vec<_> = first.iter().map(|line| line.user.clone()).collect();
        assert!(!serde_json::to_string(&before).unwrap().contains('@'));
        // Another one first, another order, other letters.
        let rows = [
            Key::Email("new@x.io".to_owned()),
            Key::Id("i3".to_owned()),
            Key::Username("Bob".to_owned()),
            Key::Email("A@X.io".to_owned()),
            // Named in another way: looked for anew.
            Key::Username("ann".to_owned()),
        ];
        let rows: Vec<_> = rows.into_iter().map(Some).collect();
        let now = lines(&rows, None, &before, "uid");
        let ids: Vec<_> = now.iter().map(Line::id).collect();
        assert_eq!(ids, [None, Some("i3"), Some("i2"), Some("i1"), None]);
        let known: Vec<_> = now.iter().map(|line| line.is(result::EXECUTED)).collect();
        assert_eq!(known, [false, true, true, true, false]);
        assert_eq!(now[3].user.row, Some(3));
    }

    #[test]
    fn users_of_a_batch_come_once_and_stay_when_nobody_can_tell() {
        let rows = [Some(Key::Username("ann".to_owned()))];
        let member = |username: &str, id: Option<&str>| Member {
            username: username.to_owned(),
            id: id.map(str::to_owned),
        };
        let members = Members {
            users: vec![member("Ann", Some("i1")), member("bob", Some("i2")), member("cy", None)],
            ..Members::default()
        };
        let now = lines(&rows, Some(&members), &[], "uid");
        let names: Vec<_> = now.iter().map(|line| line.user.username.clone().unwrap()).collect();
        assert_eq!(names, ["ann", "bob", "cy"]);
        assert!(now[2].is(result::NOT_FOUND) && now[1].is(result::PENDING));
        let before: Vec<_> = now.into_iter().map(|line| line.user).collect();
        assert_eq!(lines(&rows, None, &before, "uid").len(), 3);
        // Recreated: what was said of the one before is not true of it.
        let mut old = before.clone();
        old[1].result = result::SCHEDULED.to_owned();
        let again = Members { users: vec![member("bob", Some("i9"))], ..Members::default() };
        assert!(lines(&rows, Some(&again), &old, "uid")[1].is(result::PENDING));
    }
}
