//! Users: how they are kept, checked, shaped and found.

pub(crate) mod answer;
pub(crate) mod filter;
pub(crate) mod query;
pub(crate) mod shape;
pub(crate) mod store;
pub(crate) mod validate;

use serde_json::{Map, Value};

/// The fields of a user, a row or an answer.
pub(crate) type Fields = Map<String, Value>;

/// A text field that is neither unset nor empty.
pub(crate) fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}
