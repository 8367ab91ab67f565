//! What the API server would refuse, told without one: types, unknown and missing fields, ranges, forms and
//! CEL rules of the definitions, each under the path that the API server names.
//!
//! Inside rows and the template of a batch only their types are looked at: the rest is left to
//! [`crate::users::check`], whose messages name row and user.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use kube::core::cel::Validator;
use regex::Regex;
use serde_json::{Map, Value};

use self::Effect::{Bad, Ignored, Unreadable};
use crate::api::crd::crds;
use crate::users::clean;

/// A mistake and the field that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The field as the API server names it: `spec.batchSize`, `spec.users[3]`.
    pub path: String,
    /// What is wrong, to be read after the path.
    pub message: String,
    /// What it does to the value.
    pub effect: Effect,
}

/// What a mistake does to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// There is none, or nothing can be made of it.
    Unreadable,
    /// It is in a field that does not exist.
    Ignored,
    /// It can be read, and is against a limit, a form or a rule.
    Bad,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.message)
    }
}

/// Schemas by kind: making them anew for every document would take longer than checking it.
static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let schema = |crd| serde_json::to_value(crd).ok()?.pointer_mut(SCHEMA).map(Value::take);
    crds()
        .unwrap_or_default()
        .into_iter()
        .filter_map(|crd| Some((crd.spec.names.kind.clone(), schema(crd)?)))
        .collect()
});

/// Where a definition has its schema.
const SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema";

/// Everything but CEL rules.
#[must_use]
pub fn problems(kind: &str, object: &Value) -> Vec<Refused> {
    let mut found = Vec::new();
    let spec = SCHEMAS.get(kind).and_then(|schema| schema.pointer("/properties/spec"));
    match (spec, object.get("spec")) {
        (Some(schema), Some(spec)) => walk("spec", schema, spec, &mut found),
        (Some(_), None) => found.push(refused("spec", Unreadable, "is missing")),
        (None, _) => {}
    }
    found
}

/// The CEL rules that `object` breaks. Rules about a change of the object are not checked: there is no
/// older one.
#[must_use]
pub fn rules(kind: &str, object: &Value) -> Vec<Refused> {
    let Some(schema) = SCHEMAS.get(kind) else { return Vec::new() };
    let Err(errors) = Validator::new().validate(schema, object, None) else { return Vec::new() };
    let one = |error: kube::core::cel::ValidationError| Refused {
        path: error.field_path.trim_start_matches('.').to_owned(),
        message: clean::message(&error.message, None),
        effect: Effect::Bad,
    };
    errors.into_vec().into_iter().map(one).collect()
}

/// Takes out members that are null, as the API server does before it checks anything.
pub fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, member| !member.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn refused(path: &str, effect: Effect, message: impl Into<String>) -> Refused {
    Refused { path: path.to_owned(), message: message.into(), effect }
}

fn walk(path: &str, schema: &Value, value: &Value, found: &mut Vec<Refused>) {
    if let Some(meaning) = mistyped(schema, value) {
        found.push(refused(path, Unreadable, format!("is not {meaning}")));
        return;
    }
    match value {
        // Checked by row and field elsewhere.
        Value::Object(_) if path == "spec.template" => {}
        Value::Array(rows) if path == "spec.users" && is_table(schema) => {
            let broken = rows.iter().enumerate().filter(|(_, row)| !row.is_object());
            found.extend(
                broken.map(|(i, _)| refused(&format!("{path}[{i}]"), Unreadable, "is not an object")),
            );
        }
        Value::Object(map) => members(path, schema, map, found),
        Value::Array(items) => {
            let most = schema.get("maxItems").and_then(Value::as_u64);
            if let Some(most) = most.filter(|most| items.len() as u64 > *most) {
                found.push(refused(path, Bad, format!("has {} items, at most {most}", items.len())));
            }
            for (i, item) in items.iter().enumerate() {
                walk(&format!("{path}[{i}]"), schema.get("items").unwrap_or(&Value::Null), item, found);
            }
        }
        Value::Number(number) => {
            let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
            let n = number.as_f64().unwrap_or_default();
            if let Some(least) = bound("minimum").filter(|least| n < *least) {
                found.push(refused(path, Unreadable, format!("is {number}, at least {least}")));
            }
            if let Some(most) = bound("maximum").filter(|most| n > *most) {
                found.push(refused(path, Unreadable, format!("is {number}, at most {most}")));
            }
        }
        Value::String(text) => {
            found.extend(text_problems(schema, text).map(|(effect, message)| refused(path, effect, message)));
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Whether rows of this list are made from the table of user fields.
fn is_table(schema: &Value) -> bool {
    schema.pointer("/items/properties/clear").is_some()
}

fn members(path: &str, schema: &Value, map: &Map<String, Value>, found: &mut Vec<Refused>) {
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if let Some(name) = name.as_str().filter(|name| !map.contains_key(*name)) {
            found.push(refused(&format!("{path}.{name}"), Unreadable, "is missing"));
        }
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, value) in map {
        let path = format!("{path}.{name}");
        match properties.get(name) {
            Some(property) => walk(&path, property, value, found),
            None => found.push(refused(
                &path,
                Ignored,
                format!("is not a field{}", hint(name, properties.keys())),
            )),
        }
    }
}

/// What a value should be and is not.
fn mistyped(schema: &Value, value: &Value) -> Option<&'static str> {
    let (fits, meaning) = match schema.get("type")?.as_str()? {
        "string" => (value.is_string(), "a text"),
        "integer" => (value.as_f64().is_some_and(|n| n.fract() == 0.0), "a whole number"),
        "boolean" => (value.is_boolean(), "true or false"),
        "array" => (value.is_array(), "a list"),
        "object" => (value.is_object(), "an object"),
        _ => return None,
    };
    (!fits).then_some(meaning)
}

fn text_problems(schema: &Value, text: &str) -> impl Iterator<Item = (Effect, String)> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    let length = text.chars().count() as u64;
    let least = bound("minLength").filter(|least| length < *least);
    let most = bound("maxLength").filter(|most| length > *most);
    let words = schema.get("enum").and_then(Value::as_array);
    let words = words.filter(|words| !words.iter().any(|word| word == text));
    let pattern = schema.get("pattern").and_then(Value::as_str).and_then(|pattern| Regex::new(pattern).ok());
    [
        least.map(|least| (Bad, format!("has {length} characters, at least {least}"))),
        most.map(|most| (Bad, format!("has {length} characters, at most {most}"))),
        words.map(|words| {
            let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
            (Unreadable, format!("is not one of {}", words.join(", ")))
        }),
        pattern.filter(|form| !form.is_match(text)).map(|form| (Bad, format!("is not of the form {form}"))),
    ]
    .into_iter()
    .flatten()
}

/// The field that was probably meant: same letters in another case, or one letter more, less or other.
fn hint<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> String {
    let close = |a: &str, b: &str| {
        let same = a.chars().zip(b.chars()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
        let (longest, shortest) = (a.len().max(b.len()), a.len().min(b.len()));
        longest - shortest <= 1 && same + 1 >= shortest
    };
    known
        .filter(|candidate| candidate.eq_ignore_ascii_case(name) || close(candidate, name))
        .min_by_key(|candidate| !candidate.eq_ignore_ascii_case(name))
        .map_or_else(String::new, |candidate| format!("; did you mean {candidate}"))
}
