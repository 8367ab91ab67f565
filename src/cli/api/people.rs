//! Users: found by what a person writes, and named beside their ids.
//!
//! Guarantee: all users of a command cost one search, that is one request for 100 of them.

use std::collections::HashMap;

use super::output::{note, plain};
use super::{Answer, Failure, Session};
use crate::jumpcloud::users::{UserKey, UserSearch};
use crate::jumpcloud::wire::LiveUser;
use crate::users::row::fold;

/// The length of JumpCloud's ids.
const ID: usize = 24;

/// Users by their ids.
#[derive(Default)]
pub(super) struct People(HashMap<String, LiveUser>);

/// What became of the arguments of a command.
pub(super) struct Resolved {
    /// The ids, in the order of the arguments, each once.
    pub(super) ids: Vec<String>,
    pub(super) people: People,
    /// Whether every argument names a user.
    pub(super) answer: Answer,
}

impl People {
    /// The username, fit for a terminal.
    pub(super) fn username(&self, id: &str) -> Option<String> {
        self.0.get(id).map(|user| plain(&user.username)).filter(|name| !name.is_empty())
    }

    /// The e-mail address, if it may be shown.
    pub(super) fn email(&self, session: &Session, id: &str) -> Option<String> {
        let user = self.0.get(id).filter(|_| session.show_emails)?;
        Some(plain(&user.email)).filter(|email| !email.is_empty())
    }
}

/// Finds the users that the arguments name, and says who was not found. An id is kept even then: an event can
/// outlive its user.
pub(super) async fn resolve(session: &Session, arguments: &[String]) -> Result<Resolved, Failure> {
    let keys: Vec<UserKey> = arguments.iter().map(|argument| key(argument)).collect();
    let found = search(session, keys.clone()).await?;
    let mut resolved = Resolved { ids: Vec::new(), people: People::default(), answer: Answer::Complete };
    for (place, key) in keys.iter().enumerate() {
        let user = pick(key, &found);
        if user.is_none() {
            resolved.answer = Answer::Incomplete;
            note(&format!("user not found: {}", named(key, place + 1, session.show_emails)));
        }
        let id = match (user, key) {
            (Some(user), _) => user.id.clone(),
            (None, UserKey::Id(id)) => id.clone(),
            (None, _) => continue,
        };
        if !resolved.ids.contains(&id) {
            resolved.ids.push(id);
        }
    }
    resolved.people = found.into();
    Ok(resolved)
}

/// Looks up who the users with these ids are. What cannot be looked up is shown by its id alone.
pub(super) async fn name<'a>(session: &Session, ids: impl IntoIterator<Item = &'a str>) -> People {
    let mut ids: Vec<&str> = ids.into_iter().filter(|id| !id.is_empty()).collect();
    ids.sort_unstable();
    ids.dedup();
    let keys = ids.into_iter().map(|id| UserKey::Id(id.to_owned())).collect();
    match search(session, keys).await {
        Ok(found) => found.into(),
        Err(Failure::Failed(error)) => {
            note(&format!("usernames are left out: {error}"));
            People::default()
        }
        Err(Failure::Usage(_) | Failure::Closed) => People::default(),
    }
}

async fn search(session: &Session, keys: Vec<UserKey>) -> Result<Vec<LiveUser>, Failure> {
    // One field that comes along anyway: to ask for none would bring all.
    let query = UserSearch { keys, fields: vec!["username"] };
    let found = session.client.search_users(&query).await;
    found.map_err(|error| session.failed("the users cannot be looked up", &error))
}

/// How an argument names a user.
fn key(argument: &str) -> UserKey {
    if argument.len() == ID && argument.chars().all(|c| c.is_ascii_hexdigit()) {
        UserKey::Id(argument.to_ascii_lowercase())
    } else if argument.contains('@') {
        UserKey::Email(argument.to_owned())
    } else {
        UserKey::Username(argument.to_owned())
    }
}

/// The user that a key names. A username that differs by case alone will do when only one does.
fn pick<'a>(key: &UserKey, found: &'a [LiveUser]) -> Option<&'a LiveUser> {
    match key {
        UserKey::Id(id) => found.iter().find(|user| user.id == *id),
        UserKey::Email(email) => found.iter().find(|user| user.email.to_lowercase() == email.to_lowercase()),
        UserKey::Username(name) => found.iter().find(|user| user.username == *name).or_else(|| {
            let mut alike = found.iter().filter(|user| fold(&user.username) == fold(name));
            alike.next().filter(|_| alike.next().is_none())
        }),
        UserKey::EmployeeIdentifier(_) => None,
    }
}

/// An argument in words, without an address that must not be shown.
fn named(key: &UserKey, place: usize, show_emails: bool) -> String {
    match key {
        UserKey::Id(id) => format!("id {id}"),
        UserKey::Email(email) if show_emails => format!("e-mail address {}", plain(email)),
        UserKey::Email(_) => format!("the e-mail address that is user {place} of the command line"),
        UserKey::Username(name) | UserKey::EmployeeIdentifier(name) => format!("username {}", plain(name)),
    }
}

impl From<Vec<LiveUser>> for People {
    fn from(users: Vec<LiveUser>) -> Self {
        Self(users.into_iter().map(|user| (user.id.clone(), user)).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_argument_says_what_it_is() {
        let id = "5F0C1d2e3a4b5c6d7e8f9a01";
        assert!(key(id) == UserKey::Id(id.to_lowercase()));
        assert!(key("ada@example.com") == UserKey::Email("ada@example.com".to_owned()));
        for name in ["ada", "5f0c1d2e3a4b5c6d7e8f9a0", "5f0c1d2e3a4b5c6d7e8f9a0g"] {
            assert!(key(name) == UserKey::Username(name.to_owned()), "{name}");
        }
    }

    #[test]
    fn a_match_is_compared_before_it_counts() {
        let user = |id: &str, name: &str| {
            LiveUser::read(json!({"_id": id, "username": name, "email": format!("{name}@x")})).unwrap()
        };
        let found = [user("1", "ada"), user("2", "Ada"), user("3", "Grace")];
        for (key, id) in [
            (UserKey::Username("Ada".to_owned()), Some("2")),
            (UserKey::Username("ADA".to_owned()), None),
            (UserKey::Username("grace".to_owned()), Some("3")),
            (UserKey::Email("GRACE@X".to_owned()), Some("3")),
            (UserKey::Id("1".to_owned()), Some("1")),
            (UserKey::Id("4".to_owned()), None),
        ] {
            assert_eq!(pick(&key, &found).map(|user| user.id.as_str()), id, "{key:?}");
        }
    }

    #[test]
    fn an_address_is_named_only_when_it_may_be() {
        let email = UserKey::Email("ada@example.com".to_owned());
        assert!(!named(&email, 2, false).contains("ada"));
        assert!(named(&email, 2, true).contains("ada@example.com"));
    }
}
