//! `deploy/samples`: taken by `validate` and by the API server to the letter, and complete.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use jumpcloud_operator::api::GROUP;
use jumpcloud_sim::Settings;
use serde_json::Value;

use crate::harness::plane::kubectl;
use crate::harness::world::World;

/// A sample and its objects of this operator.
struct Sample {
    path: PathBuf,
    objects: Vec<Value>,
}

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Every file that has an object of this operator.
fn samples() -> Vec<Sample> {
    let mut files = Vec::new();
    yaml_files(&folder("deploy/samples"), &mut files);
    files.sort();
    let mut found = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a sample");
        let mut objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
        objects.retain(|object| {
            object["apiVersion"].as_str().is_some_and(|version| version.starts_with(&format!("{GROUP}/")))
        });
        if !objects.is_empty() {
            found.push(Sample { path, objects });
        }
    }
    assert!(found.len() > 10, "{} samples", found.len());
    found
}

/// The schema of a kind's spec.
fn schema(kind: &str) -> Value {
    let mut files = Vec::new();
    yaml_files(&folder("crds"), &mut files);
    for path in files {
        let text = std::fs::read_to_string(path).expect("a definition");
        let definition: Value = serde_saphyr::from_str(&text).expect("YAML");
        if definition["spec"]["names"]["kind"] == kind {
            return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
                .clone();
        }
    }
    panic!("there is no kind {kind}")
}

/// The paths of all fields of a schema; items of lists are `[]`.
fn declared(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, inner) in properties {
            let path = format!("{path}.{name}");
            found.insert(path.clone());
            declared(inner, &path, found);
        }
    }
    if schema["items"].is_object() {
        declared(&schema["items"], &format!("{path}[]"), found);
    }
}

/// The paths of all fields of a value, with the values that the schema would have set by itself.
fn used(
    value: &Value,
    schema: &Value,
    path: &str,
    found: &mut BTreeSet<String>,
    superfluous: &mut Vec<String>,
) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let path = format!("{path}.{name}");
                let schema = &schema["properties"][name];
                if schema.get("default").is_some_and(|default| default == inner) {
                    superfluous.push(path.clone());
                }
                used(inner, schema, &path, found, superfluous);
                found.insert(path);
            }
        }
        Value::Array(items) => {
            for item in items {
                used(item, &schema["items"], &format!("{path}[]"), found, superfluous);
            }
        }
        _ => {}
    }
}

/// Whether a field can have its default alone.
fn is_fixed(schema: &Value, path: &str) -> bool {
    let field = path.split('.').skip(1).try_fold(schema, |schema, name| schema["properties"].get(name));
    field.is_some_and(|field| {
        field["enum"].as_array().is_some_and(|words| *words == [field["default"].clone()])
    })
}

#[test]
fn validate_takes_every_sample() {
    let output = Command::new(env!("CARGO_BIN_EXE_jumpcloud-operator"))
        .arg("validate")
        .args(samples().iter().map(|sample| &sample.path))
        .output()
        .expect("validate starts");
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_takes_the_samples() {
    let world = World::bare("samples", Settings::default()).await;
    for sample in samples() {
        let path = sample.path.to_str().expect("text");
        let arguments =
            ["--namespace", &world.namespace, "create", "--dry-run=server", "--validate=strict", "-f", path];
        let printed = kubectl(&arguments, "");
        assert!(printed.success, "{path}: {}", printed.text);
    }
}

/// A new field needs a sample: people copy before they read.
#[test]
fn the_samples_show_every_field_and_none_at_its_default() {
    let samples = samples();
    for kind in ["JumpCloudConnection", "JumpCloudUserBatch", "ScheduledUserState"] {
        let schema = schema(kind);
        let mut wanted = BTreeSet::new();
        declared(&schema, "spec", &mut wanted);
        assert!(wanted.len() > 10, "{kind}: {wanted:?}");
        // What the template shows need not be shown by a row, too, nor the other way round.
        let shared = |path: &String| path.replacen("spec.template.", "spec.users[].", 1);
        let wanted: BTreeSet<String> =
            wanted.iter().filter(|path| !is_fixed(&schema, path)).map(shared).collect();
        let mut shown = BTreeSet::new();
        for sample in &samples {
            for object in sample.objects.iter().filter(|object| object["kind"] == kind) {
                let mut superfluous = Vec::new();
                used(&object["spec"], &schema, "spec", &mut shown, &mut superfluous);
                assert!(superfluous.is_empty(), "{}: at its default: {superfluous:?}", sample.path.display());
            }
        }
        let shown: BTreeSet<String> = shown.iter().map(shared).collect();
        let missing: Vec<&String> = wanted.difference(&shown).collect();
        assert!(missing.is_empty(), "{kind}: no sample has {missing:?}");
    }
}

/// What kustomize renames is renamed where it is named.
#[test]
fn kustomize_renames_what_its_sample_names() {
    let built = kubectl(&["kustomize", folder("deploy/samples/kustomize").to_str().expect("text")], "");
    assert!(built.success, "{}", built.text);
    let objects: Vec<Value> = serde_saphyr::from_multiple(&built.text).expect("YAML");
    let of = |kind: &str| {
        let object = objects.iter().find(|object| object["kind"] == kind);
        object.unwrap_or_else(|| panic!("{kind} is missing in {}", built.text))
    };
    let name = |kind: &str| of(kind)["metadata"]["name"].as_str().expect("a name").to_owned();
    let secret = name("Secret");
    assert!(secret.starts_with("sales-jumpcloud-") && secret.len() > "sales-jumpcloud-".len(), "{secret}");
    assert_eq!(of("JumpCloudConnection")["spec"]["auth"]["apiKey"]["secretKeyRef"]["name"], *secret);
    for kind in ["JumpCloudUserBatch", "ScheduledUserState"] {
        assert_eq!(of(kind)["spec"]["connectionRef"]["name"], *name("JumpCloudConnection"), "{kind}");
    }
    assert_eq!(of("ScheduledUserState")["spec"]["usersFromBatch"]["name"], *name("JumpCloudUserBatch"));
}

/// Every reference of every kind is in kustomizeconfig.yaml: a `name` beside a `key`, or in a reference.
#[test]
fn kustomize_is_told_of_every_reference() {
    let text =
        std::fs::read_to_string(folder("deploy/samples/kustomize/kustomizeconfig.yaml")).expect("a file");
    let config: Value = serde_saphyr::from_str(&text).expect("YAML");
    let mut told = BTreeSet::new();
    for reference in config["nameReference"].as_array().expect("a list") {
        for field in reference["fieldSpecs"].as_array().expect("a list") {
            let word = |name: &str| field[name].as_str().expect("text").to_owned();
            told.insert(format!("{} {}", word("kind"), word("path").replace('/', ".")));
        }
    }
    let mut wanted = BTreeSet::new();
    for kind in ["JumpCloudConnection", "JumpCloudUserBatch", "ScheduledUserState"] {
        let mut fields = BTreeSet::new();
        declared(&schema(kind), "spec", &mut fields);
        for path in fields.iter().filter(|path| path.ends_with(".name")) {
            let owner = path.trim_end_matches(".name");
            let last = owner.rsplit('.').next().unwrap_or_default();
            if last.ends_with("Ref") || last == "usersFromBatch" {
                wanted.insert(format!("{kind} {}", path.replace("[]", "")));
            }
        }
    }
    assert_eq!(told, wanted);
}
