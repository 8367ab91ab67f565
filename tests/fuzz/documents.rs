//! Texts and values that break programs, and mutations of sound documents.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

/// The key of the clients of these tests: no text that is shown may hold it.
pub const KEY: &str = "canary-key-0815";

/// Texts that have broken programs before, and words that mean something to this one.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\u{0}",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]0;title\u{7}",
    "\u{9b}2J",
    "a\r\nb: c",
    "<script>alert(1)</script>",
    "<html><title>login</title>",
    "<b",
    "{{7*7}}",
    "ada@example.com",
    "ADA@Example.COM",
    "ada%40example.com",
    "ada\u{200b}@example.com",
    "ada\u{1b}[0m@example.com",
    "\u{202e}gpj.exe",
    "a\u{200b}da",
    "\u{430}d\u{430}",
    "\u{feff}ada",
    "a\u{301}",
    "\u{1F468}\u{200D}\u{1F469}",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(1)",
    "null",
    "true",
    "0",
    "1",
    "-0.0",
    "1e999",
    "NaN",
    "9999-12-31T23:59:59Z",
    "-009999-01-01T00:00:00Z",
    "2027-01-04T08:00:60Z",
    "2027-02-30T08:00:00Z",
    "2027-01-04T08:00:00Z",
    "2027-01-04T08:00:30.5Z",
    "2027-01-04T09:00:00+01:00",
    "2020-01-01T00:00:00Z",
    "9998-12-31T00:00:00Z",
    "../../etc/passwd",
    "%2e%2e",
    "id?x=1#y",
    "pending",
    "finished",
    "FAILED",
    "Intended",
    "Accepted",
    "Unknown",
    "Rejected",
    "Create",
    "Update",
    "Schedule",
    "Created",
    "Adopted",
    "Activated",
    "Suspended",
    "Staged",
    "ACTIVATED",
    "SUSPENDED",
    "Pending",
    "Scheduled",
    "Executed",
    "NotFound",
    "Missed",
    "Failed",
    "Conflict",
    "Held",
    "RemovedElsewhere",
    "StateNotTaken",
    "NotCreated",
    "FieldNotTaken",
    "SubmissionUnknown",
    "AlreadyExists",
    "adopt",
    "abandon",
    "org",
    "other-org",
    "u0",
    "u1",
    "U0",
    "idu0",
    "idu1",
    "idu7",
    "job-a",
    "job-b",
    "root.admin",
    KEY,
];

/// Texts.
pub fn text() -> BoxedStrategy<String> {
    let piece = select(vec!["<", ">", "a", "\u{1b}[", "\u{1b}[1", "@", "\u{fc}", "\"", "%40", " ", "a@b "]);
    prop_oneof![
        3 => ".{0,40}",
        8 => select(TEXTS).prop_map(str::to_owned),
        1 => (select(TEXTS), ".{0,5}", select(TEXTS)).prop_map(|(a, b, c)| format!("{a}{b}{c}")),
        1 => (piece, 1..3000_usize).prop_map(|(piece, times)| piece.repeat(times)),
    ]
    .boxed()
}

/// Numbers, of which many do not fit.
fn number() -> BoxedStrategy<Value> {
    let odd = vec![
        json!(i64::MIN),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(-1),
        json!(0),
        json!(1),
        json!(2),
        json!(4_294_967_296_u64),
        json!(1e308),
        json!(-0.0),
        json!(0.5),
        json!(253_402_300_800_u64),
    ];
    prop_oneof![select(odd), any::<i64>().prop_map(Value::from)].boxed()
}

/// Values of every type, some of them deep.
pub fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => number(),
        4 => text().prop_map(Value::from),
        1 => (1..200_usize).prop_map(|depth| (0..depth).fold(json!([]), |inner, _| json!([inner]))),
        1 => (1..200_usize).prop_map(|depth| (0..depth).fold(json!({}), |inner, _| json!({"systemUser": inner}))),
    ];
    leaf.prop_recursive(3, 16, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec((text(), inner), 0..5).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
    .boxed()
}

/// One change somewhere in a document.
#[derive(Debug, Clone)]
pub struct Mutation {
    place: Index,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    Remove,
    Put(Value),
    /// A copy of another place.
    Copy(Index),
    /// Into a list, so many deep.
    Wrap(usize),
    /// Once more, so often, if it is in a list.
    Repeat(usize),
    /// A member more, if it is an object.
    Add(String, Value),
}

/// Changes of a document.
pub fn mutations(most: usize) -> BoxedStrategy<Vec<Mutation>> {
    let change = prop_oneof![
        3 => Just(Change::Remove),
        6 => value().prop_map(Change::Put),
        6 => text().prop_map(|text| Change::Put(Value::from(text))),
        3 => any::<Index>().prop_map(Change::Copy),
        1 => (1..150_usize).prop_map(Change::Wrap),
        1 => (1..120_usize).prop_map(Change::Repeat),
        1 => (text(), value()).prop_map(|(name, value)| Change::Add(name, value)),
    ];
    let one = (any::<Index>(), change).prop_map(|(place, change)| Mutation { place, change });
    vec(one, 0..=most).boxed()
}

/// Applies them in their order.
pub fn mutated(mut document: Value, mutations: &[Mutation]) -> Value {
    for Mutation { place, change } in mutations {
        let mut places = Vec::new();
        collect(&document, &mut String::new(), &mut places);
        let at = places[place.index(places.len())].clone();
        match change {
            Change::Remove => drop(take_out(&mut document, &at)),
            Change::Put(value) => put(&mut document, &at, value.clone()),
            Change::Copy(from) => {
                let from = &places[from.index(places.len())];
                let copy = document.pointer(from).cloned().unwrap_or_default();
                put(&mut document, &at, copy);
            }
            Change::Wrap(depth) => {
                let inner = document.pointer(&at).cloned().unwrap_or_default();
                put(&mut document, &at, (0..*depth).fold(inner, |inner, _| json!([inner])));
            }
            Change::Repeat(times) => {
                let item = document.pointer(&at).cloned().unwrap_or_default();
                if let Some(Value::Array(list)) = parent(&at).and_then(|(list, _)| document.pointer_mut(list))
                {
                    list.extend(std::iter::repeat_n(item, *times));
                }
            }
            Change::Add(name, value) => {
                if let Some(Value::Object(object)) = document.pointer_mut(&at) {
                    object.insert(name.clone(), value.clone());
                }
            }
        }
        // Copies of copies grow without end.
        if places.len() > 20_000 {
            break;
        }
    }
    document
}

fn put(document: &mut Value, at: &str, value: Value) {
    if let Some(place) = document.pointer_mut(at) {
        *place = value;
    }
}

fn parent(at: &str) -> Option<(&str, &str)> {
    at.rsplit_once('/')
}

fn take_out(document: &mut Value, at: &str) -> Option<Value> {
    let (list, last) = parent(at)?;
    match document.pointer_mut(list)? {
        Value::Object(object) => object.remove(&last.replace("~1", "/").replace("~0", "~")),
        Value::Array(list) => {
            last.parse().ok().filter(|at| *at < list.len()).map(|at: usize| list.remove(at))
        }
        _ => None,
    }
}

/// JSON pointers of every value.
fn collect(value: &Value, at: &mut String, out: &mut Vec<String>) {
    out.push(at.clone());
    let length = at.len();
    let mut inside = |name: &str, value: &Value| {
        at.push('/');
        at.push_str(&name.replace('~', "~0").replace('/', "~1"));
        collect(value, at, out);
        at.truncate(length);
    };
    match value {
        Value::Array(list) => list.iter().enumerate().for_each(|(i, value)| inside(&i.to_string(), value)),
        Value::Object(object) => object.iter().for_each(|(name, value)| inside(name, value)),
        _ => {}
    }
}

/// An object with members of these names and any values.
pub fn object_of(names: &'static [&'static str]) -> BoxedStrategy<Value> {
    vec((select(names), value()), 0..8)
        .prop_map(|pairs| {
            Value::Object(
                pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>(),
            )
        })
        .boxed()
}
