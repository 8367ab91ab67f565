//! What the API server would refuse, told without one: unknown fields, ranges, forms and CEL rules of
//! the definitions.
//!
//! Rows and the template are left to [`crate::users::check`], whose messages name row and user.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kube::core::cel::Validator;
use regex::Regex;
use serde_json::Value;

use crate::api::crd::crds;
use crate::users::clean;

/// Parts with checks of their own.
const ELSEWHERE: [&str; 2] = ["spec.users", "spec.template"];

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

/// Unknown fields, and values outside the ranges and forms of the schema.
#[must_use]
pub fn problems(kind: &str, object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if let (Some(schema), Some(spec)) = (SCHEMAS.get(kind), object.get("spec")) {
        let empty = Value::Null;
        walk("spec", schema.pointer("/properties/spec").unwrap_or(&empty), spec, &mut found);
    }
    found
}

/// Messages of the CEL rules that `object` breaks. Rules about a change of the object are not checked:
/// there is no older one.
#[must_use]
pub fn rules(kind: &str, object: &Value) -> Vec<String> {
    let Some(schema) = SCHEMAS.get(kind) else { return Vec::new() };
    let Err(errors) = Validator::new().validate(schema, object, None) else { return Vec::new() };
    errors.into_vec().into_iter().map(|error| clean::message(&error.message, None)).collect()
}

fn walk(path: &str, schema: &Value, value: &Value, found: &mut Vec<String>) {
    if ELSEWHERE.contains(&path) {
        return;
    }
    match value {
        Value::Object(map) => {
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
            for (name, value) in map {
                match properties.get(name) {
                    Some(property) => walk(&format!("{path}.{name}"), property, value, found),
                    None => {
                        found.push(format!("{path}.{name} is not a field{}", hint(name, properties.keys())));
                    }
                }
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                walk(&format!("{path}[{i}]"), schema.get("items").unwrap_or(&Value::Null), item, found);
            }
        }
        Value::Number(number) => {
            let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
            let n = number.as_f64().unwrap_or_default();
            if let Some(least) = bound("minimum").filter(|least| n < *least) {
                found.push(format!("{path} is {number}, at least {least}"));
            }
            if let Some(most) = bound("maximum").filter(|most| n > *most) {
                found.push(format!("{path} is {number}, at most {most}"));
            }
        }
        Value::String(text) => {
            let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
            let length = text.chars().count() as u64;
            if let Some(least) = bound("minLength").filter(|least| length < *least) {
                found.push(format!("{path} has {length} characters, at least {least}"));
            }
            if let Some(most) = bound("maxLength").filter(|most| length > *most) {
                found.push(format!("{path} has {length} characters, at most {most}"));
            }
            let pattern = schema.get("pattern").and_then(Value::as_str);
            if let Some(Ok(form)) = pattern.map(Regex::new)
                && !form.is_match(text)
            {
                found.push(format!("{path} is not of the form {form}"));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
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
