//! Cases that follow from the schema: for every limit that it states an object at the limit, which is
//! accepted, and one beyond it, which is refused.
//!
//! A keyword or pattern that is not known here is an error, so that none goes untried.

use jumpcloud_operator::api::crd::crds;
use serde_json::{Map, Value, json};

use super::case::{Case, Kind, service_account};

/// Keywords that limit nothing by themselves, or that are tried by another case.
const SILENT: [&str; 12] = [
    "default",
    "description",
    "title",
    "format",
    "type",
    "properties",
    "items",
    "additionalProperties",
    "required",
    "x-kubernetes-list-type",
    // Tried by hand: their messages are ours.
    "x-kubernetes-validations",
    "pattern",
];

/// The form of `spec.timeZone`.
const ZONE: &str = "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$";

/// Whether a schema is that of `spec.startTime`, whose form is in rules.
fn is_start(schema: &Value) -> bool {
    schema["minLength"] == 19
}

/// A step from a value into it.
#[derive(Clone)]
enum Step {
    Field(String),
    Item,
    Key,
}

/// The schema of a definition, root first.
pub fn schemas() -> Vec<(Kind, Value)> {
    crds()
        .expect("the definitions")
        .iter()
        .map(|crd| {
            let value = serde_json::to_value(crd).expect("JSON");
            let schema = value.pointer("/spec/versions/0/schema/openAPIV3Schema").expect("a schema");
            (Kind::named(&crd.spec.names.kind), schema.clone())
        })
        .collect()
}

/// All cases that follow from the schemas of `spec`.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, schema) in schemas() {
        walk(kind, &mut Vec::new(), &schema["properties"]["spec"], &mut cases);
    }
    cases
}

fn walk(kind: Kind, path: &mut Vec<Step>, schema: &Value, cases: &mut Vec<Case>) {
    limits(kind, path, schema, cases);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        into(kind, path, Step::Field(name.clone()), property, cases);
    }
    if let Some(items) = schema.get("items") {
        into(kind, path, Step::Item, items, cases);
    }
    if let Some(values) = schema.get("additionalProperties") {
        into(kind, path, Step::Key, values, cases);
    }
}

fn into(kind: Kind, path: &mut Vec<Step>, step: Step, schema: &Value, cases: &mut Vec<Case>) {
    path.push(step);
    walk(kind, path, schema, cases);
    path.pop();
}

/// The cases of one schema, without those of its parts.
fn limits(kind: Kind, path: &[Step], schema: &Value, cases: &mut Vec<Case>) {
    let name = shown(path);
    let spec = |value: Value| {
        let mut spec = base(kind, path);
        put(&mut spec, path, value);
        only_one(kind, &mut spec);
        spec
    };
    let mut accept = |value: Value| {
        cases.push(Case::accepted(format!("{name} of {}", brief(&value)), kind, spec(value)));
    };
    accept(sample(schema));
    for value in at_limits(&name, schema) {
        accept(value);
    }
    let mut refuse = |value: Value, words: &[&str]| {
        let words: Vec<&str> = words.iter().copied().chain([name.as_str()]).collect();
        cases.push(Case::refused(format!("{name} of {}", brief(&value)), kind, spec(value), &words));
    };
    let wrong = if schema["type"] == "string" { json!(7) } else { json!("seven") };
    refuse(wrong, &["must be of type"]);
    for (keyword, limit) in schema.as_object().into_iter().flatten() {
        let number = limit.as_f64().unwrap_or_default();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "limits are small whole numbers"
        )]
        let (whole, size) = (number as i64, number as usize);
        match keyword.as_str() {
            "minimum" => refuse(json!(whole - 1), &[&format!("greater than or equal to {whole}")]),
            "maximum" => refuse(json!(whole + 1), &[&format!("less than or equal to {whole}")]),
            "minLength" => refuse(json!("a".repeat(size - 1)), &[&format!("at least {size} chars long")]),
            "maxLength" => refuse(json!("a".repeat(size + 1)), &["Too long"]),
            "enum" => refuse(json!("Nonsense"), &["Unsupported value"]),
            "maxItems" => {
                let items = vec![sample(&schema["items"]); size + 1];
                refuse(json!(items), &[&format!("must have at most {size} item")]);
            }
            "maxProperties" => refuse(map(size + 1), &[&format!("must have at most {size} item")]),
            other => assert!(SILENT.contains(&other), "{name}: no case is known for {other}"),
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        for bad in forms(pattern).bad {
            refuse(json!(bad), &["should match"]);
        }
    }
    if schema["format"] == "date-time" {
        refuse(json!("tomorrow"), &["must be of type date-time"]);
    }
    let known = sample(schema);
    for required in schema["required"].as_array().into_iter().flatten() {
        let field = required.as_str().expect("a name");
        let mut lacking = known.clone();
        lacking.as_object_mut().expect("an object").remove(field);
        refuse(lacking, &["Required value", field]);
    }
    if schema.get("properties").is_some() {
        let mut odd = known;
        odd["unheardOf"] = json!(1);
        refuse(odd, &["unknown field", "unheardOf"]);
    }
}

/// Values that are just inside.
fn at_limits(name: &str, schema: &Value) -> Vec<Value> {
    let mut values = Vec::new();
    for (keyword, limit) in schema.as_object().into_iter().flatten() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "limits are small whole numbers"
        )]
        let size = limit.as_f64().unwrap_or_default() as usize;
        match (keyword.as_str(), schema["pattern"].as_str()) {
            ("minimum" | "maximum", _) => values.push(json!(size)),
            ("enum", _) => values.extend(limit.as_array().into_iter().flatten().cloned()),
            ("maxLength", _) if schema.get("enum").is_some() || schema["format"] == "date-time" => {}
            ("maxLength", _) if is_start(schema) => {
                values.push(json!(format!("2027-01-04T09:00:00.{}Z", "0".repeat(size - 21))));
            }
            // No zone has so long a name.
            ("maxLength", Some(ZONE)) => {}
            ("maxLength", Some(pattern)) => values.push(json!((forms(pattern).good)(size))),
            ("maxLength", None) => values.push(json!("a".repeat(size))),
            // A rule of ours is narrower; it has cases of its own.
            ("maxItems", _) if name == "spec.users" => {}
            ("maxItems", _) => values.push(json!(vec![sample(&schema["items"]); size])),
            ("maxProperties", _) => values.push(map(size)),
            _ => {}
        }
    }
    values
}

fn map(size: usize) -> Value {
    (0..size).map(|i| (format!("name{i}"), json!("value"))).collect::<Map<String, Value>>().into()
}

/// A value that is accepted: of an object no more than it must have.
fn sample(schema: &Value) -> Value {
    if let Some(words) = schema["enum"].as_array() {
        return words[0].clone();
    }
    match schema["type"].as_str() {
        // One of several ways to name somebody: a rule asks for exactly one.
        Some("object")
            if schema.get("x-kubernetes-validations").is_some() && schema.get("required").is_none() =>
        {
            json!({"id": "sample"})
        }
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten();
            let named = required.map(|name| {
                let name = name.as_str().expect("a name");
                (name.to_owned(), sample(&schema["properties"][name]))
            });
            let made: Map<String, Value> = named.collect();
            // A reference to a user names it in one of three ways.
            match schema["properties"].get("username") {
                Some(username) if made.is_empty() => json!({"username": sample(username)}),
                _ => made.into(),
            }
        }
        Some("array") => json!([]),
        Some("boolean") => json!(true),
        Some("integer") => json!(7),
        Some("string") if schema["format"] == "date-time" => json!("2027-01-04T09:00:00Z"),
        Some("string") if is_start(schema) => json!("2027-01-04T09:00:00Z"),
        Some("string") => {
            json!(schema["pattern"].as_str().map_or_else(|| "sample".to_owned(), |p| (forms(p).good)(16)))
        }
        other => panic!("no sample is known for {other:?}"),
    }
}

/// Texts that do and do not match a pattern.
struct Forms {
    /// A text of that length which matches.
    good: fn(usize) -> String,
    bad: &'static [&'static str],
}

fn forms(pattern: &str) -> Forms {
    match pattern {
        r"^https?://[^/?#@\s]+$" => Forms {
            good: |n| format!("https://{}", "a".repeat(n - 8)),
            bad: &[
                "example.com",
                "ftp://example.com",
                "https://example.com/api",
                "https://a@example.com",
                "https://example.com?q",
                "https://example.com#f",
            ],
        },
        "^[-._a-zA-Z0-9]+$" => {
            Forms { good: |n| "a.-_".chars().cycle().take(n).collect(), bad: &["a key", "a/b", "ä"] }
        }
        "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$" => Forms {
            good: |n| "a".repeat(n),
            bad: &["../theirs", "theirs/jumpcloud", "Jumpcloud", "a b", "-a", "a-", "a?b"],
        },
        "^[A-Za-z0-9-]+$" => {
            Forms { good: |n| "a1-B".chars().cycle().take(n).collect(), bad: &["a_b", "a b", "a\nb"] }
        }
        "^[A-Za-z0-9]+$" => Forms {
            good: |n| "a1B".chars().cycle().take(n).collect(),
            bad: &["a-b", "a b", "ada@example.com"],
        },
        ZONE => {
            Forms { good: |_| "Europe/Berlin".to_owned(), bad: &["+01:00", "a b", "/UTC", "a//b", "a/", "7"] }
        }
        "^([0-9]+(h|m|s))+$" => Forms {
            good: |n| format!("{}1s", "0".repeat(n - 2)),
            bad: &["10", "1d", "-1s", "1.5h", "1h 30m", "soon"],
        },
        "^[!-~]+$" => Forms { good: |n| "a".repeat(n), bad: &["a b", "ada\u{a0}", "\u{430}da", "a\tb"] },
        r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$" => Forms {
            good: |n| format!("{}@example.com", "a".repeat(n - 12)),
            bad: &[
                "ada",
                "ada@",
                "@example.com",
                "ada@example",
                "a b@example.com",
                "a@b@example.com",
                "a@x..com",
            ],
        },
        fields if fields.contains(r"|attributes\.") => Forms {
            good: |n| format!("attributes.{}", "a".repeat(n - 11)),
            bad: &["sudo", "username", "unheardOf", "attributes.", "attributes.a b", "location "],
        },
        other => panic!("give samples for the pattern {other}"),
    }
}

/// A spec in which the place that `path` leads to may be filled.
fn base(kind: Kind, path: &[Step]) -> Value {
    let mut spec = kind.base();
    if let [Step::Field(auth), Step::Field(member), ..] = path
        && (auth.as_str(), member.as_str()) == ("auth", "serviceAccount")
    {
        spec["auth"] = json!({"serviceAccount": service_account()});
    }
    if let (Kind::Schedule, [Step::Field(field), rest @ ..]) = (kind, path) {
        match (field.as_str(), rest) {
            // Somebody must be there, and be named in one way.
            ("users", []) => spec["usersFromBatch"] = json!({"name": "sales"}),
            ("users", [Step::Item, Step::Field(_)]) => spec["users"] = json!([{}]),
            ("timeZone", _) => spec["startTime"] = json!("2027-01-04T09:00:00"),
            ("activationEmails", [Step::Field(_)]) => spec["activationEmails"] = json!({"send": true}),
            _ => {}
        }
    }
    spec
}

/// Credentials exclude each other, and there must be one, as there must be users: what a case leaves out is
/// taken from the base.
fn only_one(kind: Kind, spec: &mut Value) {
    if let Some(auth) = spec.get_mut("auth").and_then(Value::as_object_mut)
        && !auth.contains_key("apiKey")
        && !auth.contains_key("serviceAccount")
    {
        auth.insert("apiKey".to_owned(), kind.base()["auth"]["apiKey"].clone());
    }
    if let Some(spec) = spec.as_object_mut().filter(|_| kind == Kind::Schedule)
        && !spec.contains_key("users")
    {
        spec.insert("users".to_owned(), kind.base()["users"].clone());
    }
}

/// Puts a value where `path` leads, making what is not there.
fn put(into: &mut Value, path: &[Step], value: Value) {
    let Some((step, rest)) = path.split_first() else {
        *into = value;
        return;
    };
    let inner = match step {
        Step::Field(name) => &mut into[name.as_str()],
        Step::Key => &mut into["name0"],
        Step::Item => {
            if into.get(0).is_none() {
                *into = json!([null]);
            }
            &mut into[0]
        }
    };
    put(inner, rest, value);
}

/// As the API server names a place.
fn shown(path: &[Step]) -> String {
    path.iter().fold("spec".to_owned(), |shown, step| match step {
        Step::Field(name) => format!("{shown}.{name}"),
        Step::Item => format!("{shown}[0]"),
        Step::Key => format!("{shown}.name0"),
    })
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    let start: String = text.chars().take(60).collect();
    if start == text { text } else { format!("{start}.. ({} bytes)", text.len()) }
}
