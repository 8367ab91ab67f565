//! What is wrong with the users of a schedule and with its mail, all at once, by row and field.
//!
//! The rules are those of the definition, for manifests that an older one let through and for `validate`; doubles
//! and sizes are beyond it. Users that are named in different ways cannot be told to be the same here. No
//! message holds an e-mail address.

use std::collections::BTreeMap;

use super::facts::Key;
use crate::api::scheduled_user_state::{
    NO_ACTIVATION, NOBODY, NOT_SENT, ONE_USER, ScheduledState, ScheduledUserStateSpec, UserReference,
};
use crate::plan::desired::{MAX_OBJECT, MAX_RECORDS};
use crate::plan::messages;
use crate::users::check::{MAX_USERS, Problem, too_many};
use crate::users::field::Form;
use crate::users::row::fold;
use crate::users::schema::EXACTLY_ONE;

/// Most characters of a username or an e-mail address.
const MAX_NAME: usize = 1024;

/// Most characters of an id.
const MAX_ID: usize = 64;

/// Everything about users and mail. `object_bytes` is the size of spec and metadata as JSON, managedFields
/// left out.
#[must_use]
pub fn problems(spec: &ScheduledUserStateSpec, object_bytes: usize) -> Vec<Problem> {
    let mut found = of_mail(spec);
    let count = spec.users.len();
    if count == 0 && spec.users_from_batch.is_none() {
        found.push(Problem::of("users", NOBODY));
    }
    if count > MAX_USERS {
        found.push(Problem::of("users", too_many(count)));
    }
    found.extend(spec.users.iter().enumerate().flat_map(|(index, user)| of_user(index, user)));
    found.extend(doubles(&spec.users));
    if object_bytes > MAX_OBJECT {
        found.push(Problem::of("users", messages::too_large(object_bytes.div_ceil(1024), MAX_OBJECT / 1024)));
    }
    let records = records_bytes(&spec.users);
    if records > MAX_RECORDS {
        let (needed, most) = (records.div_ceil(1024), MAX_RECORDS / 1024);
        found.push(Problem::of(
            "users",
            format!(
                "the records of these users would need {needed} KiB of status, at most {most}; split the list over \
                 several objects"
            ),
        ));
    }
    found
}

fn of_mail(spec: &ScheduledUserStateSpec) -> Vec<Problem> {
    const ADDRESS: &str = "activationEmails.overrideAddress";
    let Some(mail) = &spec.activation_emails else { return Vec::new() };
    let mut found = Vec::new();
    if spec.state != ScheduledState::Activated {
        found.push(Problem::of("activationEmails", NO_ACTIVATION));
    }
    let Some(address) = &mail.override_address else { return found };
    found.extend(of_text("overrideAddress", address, MAX_NAME, Form::Email).map(|m| Problem::of(ADDRESS, m)));
    if !mail.send {
        found.push(Problem::of(ADDRESS, NOT_SENT));
    }
    if spec.users.len() != 1 || spec.users_from_batch.is_some() {
        found.push(Problem::of(ADDRESS, ONE_USER));
    }
    found
}

fn of_user(index: usize, user: &UserReference) -> Vec<Problem> {
    let UserReference { username, email, id } = user;
    let mut messages = Vec::new();
    if [username, email, id].into_iter().flatten().count() != 1 {
        messages.push(EXACTLY_ONE.to_owned());
    }
    let text = |name: &str, value: &Option<String>, form: Form| {
        value.as_deref().and_then(|value| of_text(name, value, MAX_NAME, form))
    };
    messages.extend(text("username", username, Form::Username));
    messages.extend(text("email", email, Form::Email));
    if let Some(id) = id {
        messages.extend(of_text("id", id, MAX_ID, Form::Any));
        if !id.chars().all(|c| c.is_ascii_alphanumeric()) {
            messages.push("id is not an id: letters and digits alone".to_owned());
        }
    }
    let shown = username.as_deref().unwrap_or_default();
    messages.into_iter().map(|message| Problem::of_row(index, shown, message)).collect()
}

fn of_text(name: &str, text: &str, most: usize, form: Form) -> Option<String> {
    if text.is_empty() {
        Some(format!("{name} is empty"))
    } else if text.chars().count() > most {
        Some(format!("{name} is longer than {most} characters"))
    } else {
        (!form.accepts(text)).then(|| format!("{name} is not {}", form.meaning()))
    }
}

/// Users that are named twice in the same way.
fn doubles(users: &[UserReference]) -> Vec<Problem> {
    let mut first: BTreeMap<Key, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for (index, user) in users.iter().enumerate() {
        let names = [
            ("username", user.username.as_deref().map(|name| Key::Username(fold(name)))),
            ("email", user.email.as_deref().map(|address| Key::Email(address.to_lowercase()))),
            ("id", user.id.clone().map(Key::Id)),
        ];
        for (field, key) in names {
            let Some(key) = key else { continue };
            let earlier = *first.entry(key).or_insert(index);
            if earlier != index {
                let message = format!("{field} is used twice (also users[{earlier}])");
                found.push(Problem::of_row(index, user.username.as_deref().unwrap_or_default(), message));
            }
        }
    }
    found
}

/// What records of these users take at worst: a result with a message, an event and one that it replaces, and a
/// member of a request. Users of a batch are not counted: it has a limit of its own.
fn records_bytes(users: &[UserReference]) -> usize {
    /// Everything but the username, which stands in the result.
    const USER: usize = 600;
    /// Everything of the status but its lists.
    const REST: usize = 16 * 1024;
    // Whose username is not known has one that is about as long as the address.
    let name = |user: &UserReference| user.username.as_ref().or(user.email.as_ref()).map_or(0, String::len);
    users.iter().map(|user| USER + name(user)).sum::<usize>() + REST
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(fields: &Value, bytes: usize) -> Vec<String> {
        let mut spec = json!({"state": "Activated", "startTime": "2027-01-04T09:00:00Z"});
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let spec: ScheduledUserStateSpec = serde_json::from_value(spec).unwrap();
        problems(&spec, bytes).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_user_is_told_by_row_and_never_by_address() {
        let found = check(
            &json!({"users": [
                {"username": "ada"},
                {},
                {"username": "bob", "email": "bob@example.com"},
                {"email": "nobody"},
                {"username": "a b"},
                {"username": "eve@example.com", "id": "5f-1b"},
                {"username": "ADA"},
                {"email": "Bob@Example.com"},
                {"id": "5f1b"},
                {"id": "5f1b"},
                {"id": "5F1B"},
                {"username": ""},
            ]}),
            100,
        );
        assert_eq!(
            found,
            [
                "users[1]: takes exactly one of id, username and email",
                "users[2] 'bob': takes exactly one of id, username and email",
                "users[3]: email is not an e-mail address",
                "users[4] 'a b': username is not a username: printable ASCII without blanks",
                "users[5] '[address]': takes exactly one of id, username and email",
                "users[5] '[address]': id is not an id: letters and digits alone",
                "users[11]: username is empty",
                "users[6] 'ADA': username is used twice (also users[0])",
                "users[7]: email is used twice (also users[2])",
                "users[9]: id is used twice (also users[8])",
            ]
        );
    }

    #[test]
    fn an_empty_schedule_is_refused_and_one_of_a_batch_is_not() {
        assert_eq!(check(&json!({}), 100), [format!("users: {NOBODY}")]);
        assert_eq!(check(&json!({"usersFromBatch": {"name": "sales"}}), 100), Vec::<String>::new());
    }

    #[test]
    fn mail_is_for_activations_and_one_address_for_one_user() {
        let to = |send: bool| json!({"send": send, "overrideAddress": "hr@example.com"});
        let one = json!([{"username": "ada"}]);
        let two = json!([{"username": "ada"}, {"username": "bob"}]);
        let place = "activationEmails.overrideAddress";
        for (fields, expected) in [
            (json!({"users": one, "activationEmails": to(true)}), vec![]),
            (json!({"users": two, "activationEmails": {"send": true}}), vec![]),
            (
                json!({"users": two, "activationEmails": to(false)}),
                vec![format!("{place}: {NOT_SENT}"), format!("{place}: {ONE_USER}")],
            ),
            (
                json!({"users": one, "usersFromBatch": {"name": "b"}, "activationEmails": to(true)}),
                vec![format!("{place}: {ONE_USER}")],
            ),
            (
                json!({"users": one, "state": "Suspended", "activationEmails": {"send": false}}),
                vec![format!("activationEmails: {NO_ACTIVATION}")],
            ),
            (
                json!({"users": one, "activationEmails": {"send": true, "overrideAddress": "hr"}}),
                vec![format!("{place}: overrideAddress is not an e-mail address")],
            ),
        ] {
            assert_eq!(check(&fields, 100), expected, "{fields}");
        }
    }

    #[test]
    fn sizes_that_etcd_would_refuse_later_are_refused_now() {
        let users = |count: usize, length: usize| -> Vec<Value> {
            (0..count).map(|i| json!({"username": format!("{i:0length$}")})).collect()
        };
        assert_eq!(check(&json!({"users": users(500, 100)}), MAX_OBJECT), Vec::<String>::new());
        let found = check(&json!({"users": users(501, 8)}), MAX_OBJECT + 1);
        assert!(found[0].starts_with("users: 501 users are too many"), "{found:?}");
        assert!(found[1].contains("901 of 900 KiB"), "{found:?}");
        let found = check(&json!({"users": users(500, 900)}), 1000);
        assert!(found[0].contains("split the list") && found.len() == 1, "{found:?}");
    }
}
