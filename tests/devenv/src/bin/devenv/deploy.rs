//! `devenv deploy`: the manifests of `deploy/` that are rendered from the chart, for those who do not use Helm.
//!
//! Guarantees: what is rendered depends on `charts/`, `crds/` and the `values.yaml` beside each file alone, so that a test can
//! compare it with what is checked in, and what `kubectl apply` installs cannot differ from what Helm installs.
//!
//! | file | made from |
//! |---|---|
//! | `base/*/operator.yaml` | the chart, with the `values.yaml` of the folder |
//! | `rbac/permissions.yaml` | the ServiceAccount of `base/cluster-wide/operator.yaml`, and what it may do |
//! | `install.yaml` | `overlays/cluster-wide/namespace.yaml`, `crds/`, `base/cluster-wide/operator.yaml` |

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use devenv::packaging::Helm;

/// What Helm calls the release.
const RELEASE: &str = "jumpcloud-operator";

/// The namespace before somebody renames it.
const NAMESPACE: &str = "jumpcloud-operator-system";

const BASES: [&str; 2] = ["cluster-wide", "one-namespace"];

/// Arguments that name the namespace. Their values come from a variable, since kustomize does not look into arguments.
const ARGUMENTS: [&str; 2] = ["--lease-namespace=", "--watch-namespace="];

const HEADER: &str =
    "# Made by `make generate` from charts/; edit the chart, or the values.yaml beside this file.\n";

const INSTALL: &str = "# Made by `make generate` from charts/ and crds/: the operator for all namespaces.\n\
                       #   kubectl apply --server-side -f install.yaml\n";

const PERMISSIONS: &str = "# Made by `make generate` from charts/: whom the operator runs as and everything it may do, which a test compares\n\
                           # with the list in docs/security.md.\n";

/// One rendered file.
#[derive(Debug)]
struct Rendered {
    path: PathBuf,
    content: String,
}

/// Writes every rendered file.
pub fn write() -> anyhow::Result<()> {
    for file in render(&repository())? {
        fs::write(&file.path, file.content)
            .with_context(|| format!("cannot write {}", file.path.display()))?;
    }
    Ok(())
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn render(repository: &Path) -> anyhow::Result<Vec<Rendered>> {
    let helm = Helm::locate_or_build()?;
    let deploy = repository.join("deploy");
    let mut files = Vec::new();
    for base in BASES {
        let folder = deploy.join("base").join(base);
        let documents = template(&helm, repository, &folder.join("values.yaml"))?;
        if base == "cluster-wide" {
            let content = install(repository, &documents)?;
            files.push(Rendered { path: deploy.join("install.yaml"), content });
            let permissions: Vec<String> =
                documents.iter().filter(|document| is_permission(document)).cloned().collect();
            let content = format!("{PERMISSIONS}{}", permissions.join("---\n"));
            files.push(Rendered { path: deploy.join("rbac/permissions.yaml"), content });
        }
        let content = format!("{HEADER}{}", documents.join("---\n"));
        files.push(Rendered { path: folder.join("operator.yaml"), content });
    }
    Ok(files)
}

/// Namespace and definitions stand before what needs them.
fn install(repository: &Path, operator: &[String]) -> anyhow::Result<String> {
    let mut documents = vec![read(&repository.join("deploy/overlays/cluster-wide/namespace.yaml"))?];
    let crds = repository.join("crds");
    let mut names: Vec<PathBuf> = fs::read_dir(&crds)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .with_context(|| format!("cannot list {}", crds.display()))?;
    names.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(RELEASE)));
    names.sort();
    for path in names {
        documents.push(read(&path)?);
    }
    documents.extend_from_slice(operator);
    Ok(format!("{INSTALL}{}", documents.join("---\n")))
}

/// The documents that Helm renders, each with a line break at its end, without what speaks of Helm.
fn template(helm: &Helm, repository: &Path, values: &Path) -> anyhow::Result<Vec<String>> {
    let output = helm
        .command()
        .args(["template", RELEASE])
        .arg(repository.join("charts/jumpcloud-operator"))
        .args(["--namespace", NAMESPACE, "--values"])
        .arg(values)
        .output()
        .context("helm cannot be run")?;
    anyhow::ensure!(
        output.status.success(),
        "helm template with {}: {}",
        values.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(documents(&String::from_utf8(output.stdout).context("what helm prints is no text")?))
}

fn documents(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for line in text.lines() {
        if line == "---" {
            found.push(String::new());
        } else if let Some(document) = found.last_mut()
            && let Some(line) = kept(line)
        {
            document.push_str(&line);
            document.push('\n');
        }
    }
    // A hook is run by Helm, and by nobody else.
    found.retain(|document| !document.trim().is_empty() && !document.contains("helm.sh/hook"));
    found
}

/// Whether a document is about what the operator may do; the roles that are added to `view`, `edit` and `admin` are
/// about people.
fn is_permission(document: &str) -> bool {
    let kind = document.lines().find_map(|line| line.strip_prefix("kind: "));
    let kinds = ["ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];
    kind.is_some_and(|kind| kinds.contains(&kind))
        && !document.contains("rbac.authorization.k8s.io/aggregate-to-")
}

/// A line as it is without Helm.
fn kept(line: &str) -> Option<String> {
    let trimmed = line.trim_start();
    if line.starts_with("# Source: ")
        || trimmed.starts_with("helm.sh/chart:")
        || trimmed == "app.kubernetes.io/managed-by: Helm"
    {
        return None;
    }
    let argument = trimmed.strip_prefix("- ").unwrap_or(trimmed);
    match ARGUMENTS.iter().find(|name| argument.strip_prefix(**name) == Some(NAMESPACE)) {
        Some(_) => Some(line.replace(NAMESPACE, "$(POD_NAMESPACE)")),
        None => Some(line.trim_end().to_owned()),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::process::Command;

    use devenv::binaries::Binaries;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_checked_in_is_what_is_rendered() {
        for file in render(&repository()).unwrap() {
            let stored = read(&file.path).unwrap_or_default();
            assert!(stored == file.content, "{} is not up to date: run `make generate`", file.path.display());
        }
    }

    #[test]
    fn lines_of_helm_go_and_the_namespace_comes_from_the_pod() {
        let text = "---\n# Source: chart/templates/a.yaml\nkind: A\nlabels:\n  app.kubernetes.io/managed-by: Helm\n  \
                    helm.sh/chart: a-1\n  app.kubernetes.io/name: a\nargs:\n  - --lease-namespace=jumpcloud-operator-system\n  \
                    - --lease-name=jumpcloud-operator-system\n---\n# Source: b\nkind: Pod\nannotations:\n  helm.sh/hook: test\n";
        assert_eq!(
            documents(text),
            [
                "kind: A\nlabels:\n  app.kubernetes.io/name: a\nargs:\n  - --lease-namespace=$(POD_NAMESPACE)\n  \
              - --lease-name=jumpcloud-operator-system\n"
            ]
        );
    }

    fn kustomize(folder: &str) -> Vec<Value> {
        let kubectl = Binaries::locate_or_build().unwrap().kubectl;
        let output = Command::new(kubectl).arg("kustomize").arg(repository().join(folder)).output().unwrap();
        assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
        parse(&String::from_utf8(output.stdout).unwrap())
    }

    fn parse(text: &str) -> Vec<Value> {
        let mut objects: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
        objects.retain(|object| !object.is_null());
        objects.iter_mut().for_each(even);
        objects
    }

    /// kustomize writes 1.0 as 1.
    fn even(value: &mut Value) {
        match value {
            Value::Number(number) => *value = Value::from(number.as_f64()),
            Value::Array(items) => items.iter_mut().for_each(even),
            Value::Object(fields) => fields.values_mut().for_each(even),
            _ => {}
        }
    }

    /// Objects by kind and name.
    fn by_name(objects: Vec<Value>) -> BTreeMap<String, Value> {
        let name = |object: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
        };
        let count = objects.len();
        let named: BTreeMap<String, Value> =
            objects.into_iter().map(|object| (name(&object), object)).collect();
        assert_eq!(named.len(), count, "two objects have one name");
        named
    }

    #[test]
    fn install_yaml_is_the_cluster_wide_overlay() {
        let text = read(&repository().join("deploy/install.yaml")).unwrap();
        let (file, overlay) = (by_name(parse(&text)), by_name(kustomize("deploy/overlays/cluster-wide")));
        assert_eq!(file.keys().collect::<Vec<_>>(), overlay.keys().collect::<Vec<_>>());
        for (name, object) in file {
            assert_eq!(object, overlay[&name], "{name}");
        }
    }

    #[test]
    fn one_namespace_needs_nothing_outside_it_and_can_be_renamed() {
        for object in kustomize("deploy/overlays/one-namespace") {
            let kind = object["kind"].as_str().unwrap().to_owned();
            assert!(!kind.starts_with("Cluster") && kind != "Namespace", "{kind}");
            assert_eq!(object["metadata"]["namespace"], "people", "{kind}");
            assert!(!object.to_string().contains(NAMESPACE), "{kind} still names {NAMESPACE}");
        }
    }
}
