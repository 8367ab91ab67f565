//! The table in `docs/security.md` is what `deploy/rbac` allows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::rig::{all_documents, place, text};

/// Verbs by group and resource.
type Permissions = BTreeMap<(String, String), BTreeSet<String>>;

fn words(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
}

fn allowed() -> Permissions {
    let mut allowed = Permissions::new();
    for role in all_documents("deploy/rbac") {
        if role["kind"] != "Role" && role["kind"] != "ClusterRole" {
            continue;
        }
        for rule in role["rules"].as_array().expect("rules") {
            for group in words(&rule["apiGroups"]) {
                let group = if group.is_empty() { "core".to_owned() } else { group };
                for resource in words(&rule["resources"]) {
                    allowed.entry((group.clone(), resource)).or_default().extend(words(&rule["verbs"]));
                }
            }
        }
    }
    allowed
}

fn written() -> Permissions {
    let page = text(&place("docs/security.md"));
    let (_, section) = page.split_once("## What the operator may do\n").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("another section");
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, group, resource, verbs, ..] = cells[..] else { panic!("{line}") };
        let plain = |cell: &str| cell.trim_matches('`').to_owned();
        ((plain(group), plain(resource)), verbs.split(", ").map(str::to_owned).collect())
    };
    rows.map(row).collect()
}

#[test]
fn the_table_of_permissions_is_current() {
    assert_eq!(written(), allowed());
}
