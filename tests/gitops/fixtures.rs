//! Objects in `testdata` are what the operator can write: read by its own types, with known fields alone, and conditions of
//! the table. That it writes them is checked by the integration tests that they were taken from
//! (`tests/it/harness/invariants/captured.rs`).

use std::path::Path;

use jumpcloud_operator::api::condition::Reason;
use jumpcloud_operator::api::connection::JumpCloudConnection;
use jumpcloud_operator::api::crd::crds;
use jumpcloud_operator::api::scheduled_user_state::ScheduledUserState;
use jumpcloud_operator::api::user_batch::JumpCloudUserBatch;
use serde_json::Value;

use crate::rig::{KINDS, document, listed, place, scripts, text};

fn read(kind: &str, object: Value) -> Result<(), serde_json::Error> {
    match kind {
        "JumpCloudConnection" => serde_json::from_value::<JumpCloudConnection>(object).map(drop),
        "JumpCloudUserBatch" => serde_json::from_value::<JumpCloudUserBatch>(object).map(drop),
        _ => serde_json::from_value::<ScheduledUserState>(object).map(drop),
    }
}

/// The fields that the schema does not know.
fn unknown(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) if schema["x-kubernetes-preserve-unknown-fields"] != true => {
            for (name, member) in members {
                let inner = &schema["properties"][name];
                let inner = if inner.is_null() { &schema["additionalProperties"] } else { inner };
                let path = format!("{path}.{name}");
                if inner.is_null() { found.push(path) } else { unknown(inner, member, &path, found) }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| unknown(&schema["items"], item, path, found)),
        _ => {}
    }
}

#[test]
fn testdata_is_what_the_operator_can_write() {
    let definitions = crds().expect("definitions");
    for kind in KINDS {
        let definition = definitions.iter().find(|crd| crd.spec.names.kind == kind).expect("a kind");
        let definition = serde_json::to_value(definition).expect("JSON");
        let schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema").expect("a schema");
        for name in listed(&scripts(kind).join("testdata")) {
            let object = document(&scripts(kind).join("testdata").join(&name));
            for part in ["spec", "status"] {
                let mut found = Vec::new();
                unknown(&schema["properties"][part], &object[part], part, &mut found);
                assert_eq!(found, Vec::<String>::new(), "{kind} {name}");
            }
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let of = |kind: &str| conditions.iter().find(|condition| condition["type"] == kind);
            if let Some(ready) = of("Ready") {
                let reason = Reason::ALL.iter().find(|reason| ready["reason"] == reason.as_str());
                let reason = reason.unwrap_or_else(|| panic!("{kind} {name}: no such reason"));
                let others = ["Reconciling", "Stalled"].into_iter().filter(|kind| of(kind).is_some());
                let shown = (ready["status"].as_str().expect("a status"), others.collect::<Vec<_>>());
                let right = reason.standings().iter().any(|standing| {
                    let (status, second) = standing.shown();
                    shown == (status, second.into_iter().collect())
                });
                assert!(right, "{kind} {name}: {reason:?} does not go with {shown:?}");
            }
            read(kind, object).unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
        }
    }
}

/// The text of every file below a folder.
fn texts(folder: &Path, found: &mut String) {
    for name in listed(folder) {
        let path = folder.join(name);
        if path.is_dir() { texts(&path, found) } else { found.push_str(&text(&path)) }
    }
}

/// An object of a namespace that no test has is one that nothing checks.
#[test]
fn testdata_was_taken_from_tests() {
    let mut tests = String::new();
    texts(&place("tests/it"), &mut tests);
    for kind in KINDS {
        for name in listed(&scripts(kind).join("testdata")) {
            let object = document(&scripts(kind).join("testdata").join(&name));
            let namespace = object["metadata"]["namespace"].as_str().expect("a namespace");
            assert!(
                tests.contains(&format!("{namespace:?}")),
                "{kind} {name}: no test has namespace {namespace}"
            );
        }
    }
}
