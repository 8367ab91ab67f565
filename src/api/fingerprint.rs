//! What the watched forms of objects keep of their users: 64-bit fingerprints instead of names.
//!
//! Fingerprints are keyed by a random number of this process: nobody can prepare names that look alike,
//! and they are never stored or sent. The visitors read a list row by row and drop each row at once;
//! what cannot be read reads as absent, so that one odd row does not stop the watch for all.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use jiff::Timestamp;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::scheduled_user_state::ScheduledState;
use crate::users::row::fold;

static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Fingerprint of a username, in any case.
#[must_use]
pub fn of_username(username: &str) -> u64 {
    KEY.hash_one(("username", fold(username)))
}

/// Fingerprint of an e-mail address, in any case.
#[must_use]
pub fn of_email(email: &str) -> u64 {
    KEY.hash_one(("email", email.to_lowercase()))
}

/// Fingerprint of JumpCloud's id of a user.
#[must_use]
pub fn of_id(id: &str) -> u64 {
    KEY.hash_one(("id", id))
}

/// Fingerprint of a scheduled change: JumpCloud's id of the user, the state, the instant.
#[must_use]
pub fn of_change(id: &str, state: ScheduledState, time: Timestamp) -> u64 {
    KEY.hash_one(("change", id, state, time.as_second()))
}

/// Fingerprint of a scheduled change by its minute alone: JumpCloud may cut seconds off.
#[must_use]
pub fn of_minute(id: &str, state: ScheduledState, time: Timestamp) -> u64 {
    KEY.hash_one(("minute", id, state, time.as_second().div_euclid(60)))
}

/// Fingerprint of an event that JumpCloud lists: its ids of the scheduled job and of the user.
#[must_use]
pub fn of_event(job_id: &str, user_id: &str) -> u64 {
    KEY.hash_one(("event", job_id, user_id))
}

/// Fingerprint of anything that can be hashed: tells whether it has changed.
#[must_use]
pub fn of(value: &impl std::hash::Hash) -> u64 {
    KEY.hash_one(value)
}

/// Username and e-mail address of each declared user.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rows(pub(super) Vec<(Option<u64>, Option<u64>)>);

/// A text, or nothing where something else stands.
#[derive(Debug, Default)]
struct Text(Option<String>);

#[derive(Debug, Default)]
struct Row {
    username: Text,
    email: Text,
}

struct ReadText;
struct ReadRow;
struct ReadRows;

/// Whatever else stands there reads as absent.
macro_rules! anything_else_is_absent {
    ($($what:ident),*) => {$(anything_else_is_absent!(@ $what);)*};
    (@ scalars) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
        fn visit_unit<E>(self) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
    };
    (@ texts) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
    };
    (@ lists) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@ maps) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

impl<'de> Visitor<'de> for ReadText {
    type Value = Text;

    anything_else_is_absent!(scalars, lists, maps);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text.to_owned())))
    }
}

impl<'de> Visitor<'de> for ReadRow {
    type Value = Row;

    anything_else_is_absent!(scalars, texts, lists);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let mut row = Row::default();
        while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match name.as_ref() {
                "username" => row.username = map.next_value()?,
                "email" => row.email = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(row)
    }
}

impl<'de> Visitor<'de> for ReadRows {
    type Value = Rows;

    anything_else_is_absent!(scalars, texts, maps);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of users")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Rows, A::Error> {
        let mut rows = Vec::new();
        while let Some(Row { username, email }) = list.next_element()? {
            rows.push((username.0.as_deref().map(of_username), email.0.as_deref().map(of_email)));
        }
        Ok(Rows(rows))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadText)
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadRow)
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadRows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_and_kinds_differ() {
        assert_eq!(of_username("Ada"), of_username("ada"));
        assert_eq!(of_email("Ada@Example.com"), of_email("ada@example.com"));
        assert_ne!(of_username("ada"), of_email("ada"));
        assert_ne!(of_username("ada"), of_id("ada"));
    }

    #[test]
    fn odd_rows_read_as_absent() {
        let read = |json: &str| serde_json::from_str::<Rows>(json).unwrap().0;
        let ada = (Some(of_username("ada")), Some(of_email("ada@example.com")));
        assert_eq!(
            read(
                r#"[{"username": "Ada", "attributes": {"a": [1]}, "email": "ada@example.com"}, 7, "x", null,
                {"username": {"a": 1}, "email": [true]}, [{}]]"#
            ),
            [ada, (None, None), (None, None), (None, None), (None, None), (None, None)]
        );
        for odd in ["7", "null", "\"x\"", "{\"a\": [1]}"] {
            assert!(read(odd).is_empty(), "{odd}");
        }
    }
}
