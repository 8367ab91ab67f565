//! `deploy/argocd/argocd-cm.yaml`: what Argo CD is given, taken apart as Argo CD does.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::rig::{KINDS, document, listed, place, scripts, text};

/// Health and actions of one kind.
#[derive(Debug)]
pub struct Customization {
    /// The script that says the health.
    pub health: String,
    /// The script that lists the actions.
    pub discovery: String,
    /// The script of each action.
    pub actions: BTreeMap<String, String>,
}

/// What the snippet says of that kind.
pub fn of(kind: &str) -> Customization {
    let data = document(&place("deploy/argocd/argocd-cm.yaml"))["data"].take();
    let value = |what: &str| {
        let key = format!("resource.customizations.{what}.jumpcloud-operator.dev_{kind}");
        data[&key].as_str().unwrap_or_else(|| panic!("{key} is missing")).to_owned()
    };
    let actions: Value = serde_saphyr::from_str(&value("actions")).expect("actions are YAML");
    let script = |value: &Value| value.as_str().expect("a script").to_owned();
    let definitions = actions["definitions"].as_array().expect("a list").iter();
    Customization {
        health: value("health"),
        discovery: script(&actions["discovery.lua"]),
        actions: definitions
            .map(|definition| (script(&definition["name"]), script(&definition["action.lua"])))
            .collect(),
    }
}

#[test]
fn the_snippet_is_rendered_from_the_scripts() {
    let output = Command::new(place("deploy/argocd/render")).output().expect("render runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rendered = String::from_utf8(output.stdout).expect("text");
    let stored = text(&place("deploy/argocd/argocd-cm.yaml"));
    assert!(stored == rendered, "deploy/argocd/argocd-cm.yaml is not current: run make generate");
}

#[test]
fn the_snippet_has_every_script_of_every_kind() {
    for kind in KINDS {
        let customization = of(kind);
        let folder = scripts(kind);
        assert_eq!(customization.health, text(&folder.join("health.lua")), "{kind}");
        assert_eq!(customization.discovery, text(&folder.join("actions/discovery.lua")), "{kind}");
        let mut names = listed(&folder.join("actions"));
        names.retain(|name| folder.join("actions").join(name).is_dir());
        assert_eq!(customization.actions.keys().cloned().collect::<Vec<_>>(), names, "{kind}");
        for (name, script) in &customization.actions {
            assert_eq!(*script, text(&folder.join("actions").join(name).join("action.lua")), "{kind} {name}");
        }
    }
}
