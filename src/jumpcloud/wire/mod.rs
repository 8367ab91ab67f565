//! What JumpCloud's answers say, read leniently.
//!
//! Answers are taken apart by hand, not by derive: spellings differ between endpoints and versions, the
//! vendor's schemas mark nothing as required, and serde's messages quote what they could not read.
//!
//! Guarantees: unknown fields are ignored; a missing or odd field is `None`; something that is no object
//! is left out of its page. `Debug` shows no content of a row or a user.

mod job;
mod organization;
mod schedule;
mod user;

use serde_json::{Map, Value};
use tracing::warn;

pub use job::{RowStatus, RowUser, WorkResult};
pub use organization::{NewUserStates, Organization};
pub use schedule::{EventState, ScheduledEvent};
pub use user::LiveUser;

pub(crate) use job::job_id;
pub(crate) use schedule::date as schedule_date;

/// A page of a listing: its items, and how many there are in all when the answer says so.
pub(crate) struct Page {
    pub(crate) items: Vec<Value>,
    pub(crate) total: Option<usize>,
}

impl Page {
    /// A bare array (V2), `{totalCount, results}` (V1) or `{events_count, results}` (next events); anything
    /// else is `None`.
    pub(crate) fn read(body: Value) -> Option<Self> {
        match body {
            Value::Array(items) => Some(Self { items, total: None }),
            Value::Object(mut object) => {
                let total = object.get("totalCount").or_else(|| object.get("events_count"));
                let total = total.and_then(Value::as_u64);
                match object.remove("results") {
                    Some(Value::Array(items)) => {
                        Some(Self { items, total: total.and_then(|n| usize::try_from(n).ok()) })
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// Reads each item; one that cannot be read is left out, and the log says how many were.
pub(crate) fn read_each<T>(
    route: &'static str,
    items: Vec<Value>,
    read: impl Fn(Value) -> Option<T>,
) -> Vec<T> {
    let count = items.len();
    let kept: Vec<T> = items.into_iter().filter_map(read).collect();
    let left_out = count - kept.len();
    if left_out > 0 {
        warn!(route, left_out, "items of an answer of JumpCloud are unreadable");
    }
    kept
}

/// The first of `names` that holds a text or a number; the empty text counts as absent.
fn text(object: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match object.get(*name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// The member whose name is `name` in any spelling of case, if it is an object.
fn object<'a>(parent: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    parent.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_object())
}

/// "present" or "absent", for `Debug` of what must not be shown.
fn presence<T>(value: Option<&T>) -> &'static str {
    if value.is_some() { "present" } else { "absent" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_shape_of_a_page_is_read() {
        let page = Page::read(json!([1, 2])).unwrap();
        assert_eq!((page.items.len(), page.total), (2, None));
        let page = Page::read(json!({"totalCount": 7, "results": [1]})).unwrap();
        assert_eq!((page.items.len(), page.total), (1, Some(7)));
        let page = Page::read(json!({"totalCount": -7, "results": []})).unwrap();
        assert_eq!((page.items.len(), page.total), (0, None));
        let page = Page::read(json!({"events_count": 200, "results": []})).unwrap();
        assert_eq!(page.total, Some(200));
        for other in [json!(null), json!("x"), json!({}), json!({"results": {}})] {
            assert!(Page::read(other).is_none());
        }
    }
}
