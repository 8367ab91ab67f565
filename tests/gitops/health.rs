//! The health of each object in `testdata` is the one that `health_test.yaml` says.

use std::collections::BTreeSet;

use crate::customization;
use crate::rig::{KINDS, document, kstatus, listed, lua, scripts};

#[test]
fn health_is_as_the_list_beside_it_says() {
    for kind in KINDS {
        let (folder, script) = (scripts(kind), customization::of(kind).health);
        let list = document(&folder.join("health_test.yaml"));
        let mut seen = BTreeSet::new();
        for case in list["tests"].as_array().expect("a list") {
            let path = case["inputPath"].as_str().expect("a path");
            let object = document(&folder.join(path));
            assert_eq!(lua(&script, &object), case["healthStatus"], "{kind} {path}");
            seen.insert(case["healthStatus"]["status"].as_str().expect("a status").to_owned());
        }
        let all = ["Degraded", "Healthy", "Progressing", "Suspended"].map(str::to_owned);
        assert_eq!(seen, BTreeSet::from(all), "{kind}");
        let cases = list["tests"].as_array().expect("a list");
        let mut named: Vec<&str> = cases.iter().filter_map(|case| case["inputPath"].as_str()).collect();
        named.sort_unstable();
        let stored: Vec<String> =
            listed(&folder.join("testdata")).into_iter().map(|name| format!("testdata/{name}")).collect();
        assert_eq!(named, stored, "{kind}: each object is named once");
    }
}

/// Where both have a word for it, they say the same; what Argo CD calls Suspended kstatus has no word for.
#[test]
fn argo_cd_and_kstatus_agree_on_testdata() {
    for kind in KINDS {
        let (folder, script) = (scripts(kind), customization::of(kind).health);
        for name in listed(&folder.join("testdata")) {
            let object = document(&folder.join("testdata").join(&name));
            let health = lua(&script, &object)["status"].as_str().expect("a status").to_owned();
            let wanted: &[&str] = match health.as_str() {
                "Progressing" => &["InProgress"],
                "Healthy" => &["Current"],
                "Degraded" => &["Failed"],
                _ => &["Current", "InProgress"],
            };
            let said = kstatus(&object);
            assert!(wanted.contains(&said.as_str()), "{kind} {name}: Argo CD says {health}, kstatus {said}");
        }
    }
}

#[test]
fn an_object_without_a_status_is_progressing() {
    for kind in KINDS {
        let mut object = document(&scripts(kind).join("testdata/new.yaml"));
        for status in [serde_json::json!({}), serde_json::Value::Null] {
            object["status"] = status;
            let health = lua(&customization::of(kind).health, &object);
            assert_eq!(health["status"], "Progressing", "{kind}");
        }
    }
}
