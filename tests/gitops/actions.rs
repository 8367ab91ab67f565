//! Each action changes exactly what it says, whatever the object looks like.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::customization;
use crate::rig::{KINDS, document, listed, lua, scripts};

/// What an action has to change; a point in time stands for any.
fn wanted(action: &str) -> Value {
    const ANY: &str = "a point in time";
    match action {
        "pause" => json!({"spec": {"paused": true}}),
        "resume" => json!({"spec": {"paused": false}}),
        "resync" => json!({"metadata": {"annotations": {"jumpcloud-operator.dev/requested-at": ANY}}}),
        "retry-failed" => json!({"metadata": {"annotations": {"jumpcloud-operator.dev/retry-failed": ANY}}}),
        other => panic!("what does {other} do?"),
    }
}

/// The merge patch (RFC 7386) from one object to the other: what Argo CD sends.
fn patch(before: &Value, after: &Value) -> Map<String, Value> {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else {
        panic!("no objects: {before}, {after}");
    };
    let gone = before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let changed = after.iter().filter_map(|(key, value)| match before.get(key) {
        Some(old) if old == value => None,
        Some(old) if old.is_object() && value.is_object() => {
            Some((key.clone(), Value::Object(patch(old, value))))
        }
        _ => Some((key.clone(), value.clone())),
    });
    gone.chain(changed).collect()
}

/// Puts [`wanted`]'s word for a point in time in the place of every text that is one.
fn without_times(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(without_times),
        Value::String(text) if text.parse::<Timestamp>().is_ok() => "a point in time".clone_into(text),
        _ => {}
    }
}

#[test]
fn an_action_changes_what_it_says_and_nothing_else() {
    for kind in KINDS {
        let customization = customization::of(kind);
        for name in listed(&scripts(kind).join("testdata")) {
            let mut object = document(&scripts(kind).join("testdata").join(&name));
            // Empty maps and lists are where Lua cannot tell one from the other.
            object["spec"]["template"] = json!({});
            object["metadata"]["finalizers"] = json!([]);
            object["metadata"]["labels"] = json!({});
            for (action, script) in &customization.actions {
                let mut before = object.clone();
                let is_switch = ["pause", "resume"].contains(&action.as_str());
                if is_switch {
                    before["spec"]["paused"] = json!(action == "resume");
                }
                let mut changed = Value::Object(patch(&before, &lua(script, &before)));
                without_times(&mut changed);
                assert_eq!(changed, wanted(action), "{kind} {name} {action}");
            }
        }
    }
}

/// The second time an annotation is there already, beside others.
#[test]
fn an_action_keeps_other_annotations() {
    for kind in KINDS.into_iter().filter(|kind| *kind != "JumpCloudConnection") {
        for (action, key) in [("resync", "requested-at"), ("retry-failed", "retry-failed")] {
            let key = format!("jumpcloud-operator.dev/{key}");
            let mut object = document(&scripts(kind).join("testdata/degraded.yaml"));
            object["metadata"]["annotations"] = json!({"example.com/team": "people"});
            object["metadata"]["annotations"][&key] = json!("1");
            let after = lua(&customization::of(kind).actions[action], &object);
            let annotations = &after["metadata"]["annotations"];
            assert_eq!(annotations["example.com/team"], "people", "{kind} {action}");
            assert_ne!(annotations[&key], "1", "{kind} {action}");
        }
    }
}

#[test]
fn actions_are_offered_as_the_list_beside_them_says() {
    for kind in KINDS {
        let (folder, customization) = (scripts(kind), customization::of(kind));
        let list = document(&folder.join("actions/action_test.yaml"));
        for case in list["discoveryTests"].as_array().expect("a list") {
            let path = case["inputPath"].as_str().expect("a path");
            let offered = lua(&customization.discovery, &document(&folder.join(path)));
            let offered = offered.as_object().expect("a map");
            let names: Vec<&String> = offered.keys().collect();
            assert_eq!(names, customization.actions.keys().collect::<Vec<_>>(), "{kind} {path}");
            for wanted in case["result"].as_array().expect("a list") {
                let name = wanted["name"].as_str().expect("a name");
                let disabled = offered[name]["disabled"].as_bool().unwrap_or_default();
                assert_eq!(disabled, wanted["disabled"], "{kind} {path} {name}");
                assert!(offered[name]["displayName"].is_string(), "{kind} {name} has no words");
            }
        }
    }
}
