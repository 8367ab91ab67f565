//! `devenv openapi VERSION`: what a version of Kubernetes says of the kinds that charts and `deploy/` hold.
//!
//! The whole description has 4 MB and comes with the sources of Kubernetes. What tests need of it is kept in
//! `tests/packaging/openapi`: the definitions that the kinds below lead to, without their prose.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

/// Group, version and kind of everything that is rendered and is Kubernetes' own.
const KINDS: &[(&str, &str, &str)] = &[
    ("", "v1", "ConfigMap"),
    ("", "v1", "Namespace"),
    ("", "v1", "Pod"),
    ("", "v1", "Secret"),
    ("", "v1", "Service"),
    ("", "v1", "ServiceAccount"),
    ("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding"),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
    ("apps", "v1", "Deployment"),
    ("networking.k8s.io", "v1", "NetworkPolicy"),
    ("policy", "v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io", "v1", "Role"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
];

/// Writes the file of a version, such as `1.33.2`.
pub fn write(version: &str) -> anyhow::Result<()> {
    let path = sources(version)?.join("api/openapi-spec/swagger.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let whole: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let definitions = reached(&whole)?;
    let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
    let target = Path::new(env!("CARGO_MANIFEST_DIR"))
        .with_file_name("packaging")
        .join("openapi")
        .join(format!("kubernetes-{minor}.json"));
    let content = json!({"version": version, "definitions": definitions});
    fs::write(&target, serde_json::to_string(&content)? + "\n")
        .with_context(|| format!("cannot write {}", target.display()))
}

/// The folder of the module k8s.io/kubernetes, which Go downloads and checks against its checksum database.
fn sources(version: &str) -> anyhow::Result<PathBuf> {
    let output = Command::new("go")
        .args(["mod", "download", "-json", &format!("k8s.io/kubernetes@v{version}")])
        .env("GOWORK", "off")
        .env("GOFLAGS", "-mod=mod")
        .current_dir(std::env::temp_dir())
        .output()
        .context("cannot run go; install it from https://go.dev/dl/")?;
    let answer: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    match answer.get("Dir").and_then(Value::as_str) {
        Some(folder) => Ok(folder.into()),
        None => bail!("go cannot download Kubernetes {version}: {}", answer.get("Error").unwrap_or(&answer)),
    }
}

/// The definitions that the kinds lead to, by name.
fn reached(whole: &Value) -> anyhow::Result<BTreeMap<String, Value>> {
    let all =
        whole.get("definitions").and_then(Value::as_object).context("the description has no definitions")?;
    let mut left: Vec<String> = Vec::new();
    for (group, version, kind) in KINDS {
        let (name, _) = all
            .iter()
            .find(|(_, definition)| is_of(definition, group, version, kind))
            .with_context(|| format!("no definition of {group}/{version} {kind}"))?;
        left.push(name.clone());
    }
    let mut reached = BTreeMap::new();
    while let Some(name) = left.pop() {
        if reached.contains_key(&name) {
            continue;
        }
        let mut definition = all.get(&name).with_context(|| format!("no definition {name}"))?.clone();
        without_prose(&mut definition);
        let mut names = BTreeSet::new();
        references(&definition, &mut names);
        left.extend(names);
        reached.insert(name, definition);
    }
    Ok(reached)
}

fn is_of(definition: &Value, group: &str, version: &str, kind: &str) -> bool {
    let kinds = definition.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
    kinds.into_iter().flatten().any(|one| *one == json!({"group": group, "version": version, "kind": kind}))
}

/// Takes out texts, and what only clients of the API need. A property may itself be called `description`.
fn without_prose(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    if schema.get("description").is_some_and(Value::is_string) {
        schema.remove("description");
    }
    for (name, inner) in schema.iter_mut() {
        if name == "properties" {
            inner.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(without_prose);
        } else {
            without_prose(inner);
        }
    }
}

fn references(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            let target = fields.get("$ref").and_then(Value::as_str);
            names.extend(target.and_then(|target| target.strip_prefix("#/definitions/")).map(str::to_owned));
            fields.values().for_each(|inner| references(inner, names));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_goes_and_a_property_called_so_stays() {
        let mut schema = json!({"description": "x", "properties": {"description": {"description": "y", "type": "string"}}});
        without_prose(&mut schema);
        assert_eq!(schema, json!({"properties": {"description": {"type": "string"}}}));
    }

    #[test]
    fn what_is_referred_to_is_found_at_any_depth() {
        let mut names = BTreeSet::new();
        let schema = json!({"properties": {"a": {"items": {"$ref": "#/definitions/b"}}}});
        references(&schema, &mut names);
        assert_eq!(names, BTreeSet::from(["b".to_owned()]));
    }
}
