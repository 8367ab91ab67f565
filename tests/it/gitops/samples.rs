//! The objects of `deploy/samples`, each as it is in Git.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::plane::kubectl;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/samples").join(name)
}

/// The objects in the files of a folder and in those below, but for folders of these names.
fn objects(folder: &Path, except: &[&str], found: &mut Vec<Value>) {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if !except.iter().any(|name| path.ends_with(name)) {
                objects(&path, except, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path).expect("a sample");
            let documents: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
            found.extend(documents.into_iter().filter(|document| document["metadata"]["name"].is_string()));
        }
    }
}

/// Those that stand in a namespace. What kustomize is to make of its folder is taken as it makes it.
pub fn of_a_namespace() -> Vec<Value> {
    let mut found = Vec::new();
    objects(&folder(""), &["admission", "kustomize"], &mut found);
    let built = kubectl(&["kustomize", folder("kustomize").to_str().expect("text")], "");
    assert!(built.success, "{}", built.text);
    found.extend(serde_saphyr::from_multiple::<Value>(&built.text).expect("YAML"));
    assert!(found.len() > 15, "{} samples", found.len());
    found
}

/// Those that hold for the whole cluster.
pub fn admission() -> Vec<Value> {
    let mut found = Vec::new();
    objects(&folder("admission"), &[], &mut found);
    assert!(found.len() > 3, "{} policies", found.len());
    found
}
