//! The page of a kind, from its definition.

use anyhow::Context;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use super::Page;
use super::table::{Table, code};

/// Fields of a batch whose inside has a page of its own.
const ELSEWHERE: [&str; 2] = ["template", "users[]"];

pub(super) fn page(crd: &CustomResourceDefinition) -> anyhow::Result<Page> {
    let names = &crd.spec.names;
    let schema = schema(crd)?;
    let spec = schema.pointer("/properties/spec").context("a kind without spec")?;
    let status = schema.pointer("/properties/status").context("a kind without status")?;
    let mut fields = Table::new(&["field", "type", "default", "limits", "meaning"]);
    let elsewhere = if names.kind == "JumpCloudUserBatch" { &ELSEWHERE[..] } else { &[] };
    members(spec, elsewhere, &mut fields);
    let mut rules = Table::new(&["field", "what the API server says", "rule"]);
    of_rules("", &schema, &mut rules);
    let mut shown = Table::new(&["field", "type", "limits", "meaning"]);
    shown_members("", status, &mut shown);
    let mut body = format!("Names for kubectl: {}\n\n## spec\n\n{fields}", called(crd));
    if !rules.is_empty() {
        body.push_str(&format!("\n## Rules\n\nRefused when the object is applied.\n\n{rules}"));
    }
    body.push_str(&format!("\n## status\n\nWritten by the operator.\n\n{shown}"));
    Ok(Page {
        file: format!("{}.md", names.kind.to_lowercase()),
        title: names.kind.clone(),
        about: about(spec, &schema),
        body,
    })
}

/// The schema of the one version of a definition.
pub(super) fn schema(crd: &CustomResourceDefinition) -> anyhow::Result<Value> {
    let value = serde_json::to_value(crd)?;
    value.pointer("/spec/versions/0/schema/openAPIV3Schema").cloned().context("a definition without a schema")
}

fn called(crd: &CustomResourceDefinition) -> String {
    let names = &crd.spec.names;
    let short = names.short_names.iter().flatten().chain([&names.plural]);
    let categories = names.categories.iter().flatten();
    short.chain(categories).map(|name| code(name)).collect::<Vec<_>>().join(", ") + "."
}

fn about(spec: &Value, schema: &Value) -> String {
    let described =
        [spec, schema].into_iter().find_map(|part| part.get("description").and_then(Value::as_str));
    described.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn members(schema: &Value, elsewhere: &[&str], table: &mut Table) {
    each("", schema, &mut |path, part, required| {
        let default = match part.get("default") {
            Some(default) => code(&default.to_string()),
            None if required => "required".to_owned(),
            None => String::new(),
        };
        let inside = if elsewhere.contains(&path) { " See [user fields](user-fields.md)." } else { "" };
        table.row([code(path), type_of(part), default, limits(part), description(part) + inside]);
        inside.is_empty()
    });
}

fn shown_members(path: &str, schema: &Value, table: &mut Table) {
    each(path, schema, &mut |path, part, _| {
        table.row([code(path), type_of(part), limits(part), description(part)]);
        true
    });
}

/// Calls `show` for each part below `schema`, with its path and whether it must be there; goes into those of
/// which it says so.
fn each(path: &str, schema: &Value, show: &mut impl FnMut(&str, &Value, bool) -> bool) {
    let required = schema.get("required").and_then(Value::as_array);
    for (name, part) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let must = required.is_some_and(|names| names.iter().any(|required| required == name));
        if show(&inner, part, must) {
            each(&inner, part, show);
        }
    }
    if let Some(items) = schema.get("items").filter(|items| items.get("properties").is_some()) {
        let inner = format!("{path}[]");
        if show(&inner, items, false) {
            each(&inner, items, show);
        }
    }
}

fn of_rules(path: &str, schema: &Value, table: &mut Table) {
    for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default();
        let place = format!("{path}{}", text("fieldPath"));
        table.row([code(place.trim_start_matches('.')), text("message").to_owned(), code(text("rule"))]);
    }
    for (name, part) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        of_rules(&format!("{path}.{name}"), part, table);
    }
    if let Some(items) = schema.get("items") {
        of_rules(&format!("{path}[]"), items, table);
    }
}

pub(super) fn description(schema: &Value) -> String {
    schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The type of a value, for people.
pub(super) fn type_of(schema: &Value) -> String {
    let word = match schema.get("type").and_then(Value::as_str) {
        Some("string") if schema.get("format").and_then(Value::as_str) == Some("date-time") => {
            "date and time"
        }
        Some("string") if schema.get("enum").is_some() => "word",
        Some("string") => "text",
        Some("integer") => "number",
        Some("boolean") => "flag",
        Some("array") => "list",
        Some("object") if schema.get("additionalProperties").is_some() => "map",
        Some("object") => "object",
        _ => "any",
    };
    match schema.get("items").filter(|items| items.get("properties").is_none()) {
        Some(items) => format!("{word} of {}s", type_of(items)),
        None => word.to_owned(),
    }
}

/// What the schema says of a value besides its type.
pub(super) fn limits(schema: &Value) -> String {
    // Bounds of numbers stand there as floating-point numbers, and print as whole ones.
    let number = |name: &str| schema.get(name).and_then(Value::as_f64);
    let range = |least: &str, most: &str, unit: &str| match (number(least), number(most)) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, Some(most)) => Some(format!("at most {most}{unit}")),
        (None, None) => None,
    };
    let words = schema
        .get("enum")
        .and_then(Value::as_array)
        .map(|words| words.iter().filter_map(Value::as_str).map(code).collect::<Vec<_>>().join(", "));
    // The length of a word or of a point in time follows from what it is.
    let texts = words.is_none() && schema.get("format").is_none();
    let parts = [
        words,
        texts.then(|| range("minLength", "maxLength", " characters")).flatten(),
        range("minimum", "maximum", ""),
        range("minItems", "maxItems", " items"),
        range("minProperties", "maxProperties", " names"),
        schema.get("pattern").and_then(Value::as_str).map(|pattern| format!("form {}", code(pattern))),
        schema.get("additionalProperties").map(|values| format!("values: {}", limits(values))),
        schema
            .get("items")
            .filter(|items| items.get("properties").is_none())
            .map(limits)
            .and_then(|limits| (!limits.is_empty()).then(|| format!("each {limits}"))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
