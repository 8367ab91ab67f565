//! The statuses in `deploy/argocd` were taken from tests, and stay what these show.
//!
//! Each object of `testdata` has the name and the namespace that it has in the test it was taken from. Whenever that test
//! runs, one of its versions has to say the same. To take one anew: run the test alone, and copy the object of its shape
//! from `statuses.jsonl` ([`super::readers`]).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jumpcloud_operator::api::GROUP;
use serde_json::Value;

use super::evidence::Evidence;
use super::shape::Shape;
use super::version::Kind;
use crate::harness::weather;

/// An object of `testdata`.
struct Captured {
    path: PathBuf,
    kind: Kind,
    namespace: String,
    name: String,
    shape: Shape,
    says: Says,
}

/// What a status says, without what is another in each run.
#[derive(Debug, PartialEq, Eq)]
struct Says {
    /// The texts of conditions, with # for numbers.
    messages: Vec<String>,
    /// The fields of the status.
    fields: BTreeSet<String>,
}

impl Says {
    fn of(status: &Value) -> Self {
        let conditions = status["conditions"].as_array().map_or(&[][..], Vec::as_slice);
        let message = |condition: &Value| without_numbers(condition["message"].as_str().unwrap_or_default());
        // Nobody shows requests to readers.
        let fields = status.as_object().into_iter().flat_map(|fields| fields.keys());
        Self {
            messages: conditions.iter().map(message).collect(),
            fields: fields.filter(|name| *name != "submissions").cloned().collect(),
        }
    }
}

fn without_numbers(text: &str) -> String {
    let mut kept = String::new();
    for letter in text.chars() {
        match letter {
            '0'..='9' if kept.ends_with('#') => {}
            '0'..='9' => kept.push('#'),
            other => kept.push(other),
        }
    }
    kept
}

fn captured() -> &'static [Captured] {
    static CAPTURED: OnceLock<Vec<Captured>> = OnceLock::new();
    CAPTURED.get_or_init(|| {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd/resource_customizations").join(GROUP);
        let kinds = [Kind::Connection, Kind::Batch, Kind::Schedule];
        kinds.into_iter().flat_map(|kind| of_folder(kind, &root.join(kind.name()).join("testdata"))).collect()
    })
}

fn of_folder(kind: Kind, folder: &Path) -> Vec<Captured> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = entries.map(|entry| {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("an object");
        let object: Value = serde_saphyr::from_str(&text).expect("YAML");
        let word = |name: &str| object["metadata"][name].as_str().expect("a word").to_owned();
        Captured {
            kind,
            namespace: word("namespace"),
            name: word("name"),
            shape: Shape::of_parts(kind, &object["metadata"], &object["spec"], &object["status"]),
            says: Says::of(&object["status"]),
            path,
        }
    });
    read.collect()
}

/// Every captured status that the test it was taken from shows otherwise by now.
pub fn check(evidence: &Evidence) -> Vec<String> {
    // What goes wrong in bad weather is told in other words.
    if weather::is_on() {
        return Vec::new();
    }
    let outdated = captured().iter().filter_map(|captured| {
        let versions = evidence.history.versions.iter().filter(|version| {
            !version.gone
                && !version.meddled
                && (version.kind, &version.namespace, &version.name)
                    == (captured.kind, &captured.namespace, &captured.name)
                && Shape::of(version) == captured.shape
        });
        let said: Vec<Says> = versions.map(|version| Says::of(&version.status)).collect();
        let last = said.last()?;
        let is_current = said.contains(&captured.says);
        (!is_current).then(|| {
            format!(
                "{} says {:?}, this test shows {last:?}; take it anew",
                captured.path.display(),
                captured.says
            )
        })
    });
    outdated.collect()
}
