//! `devenv chart`: the files of `charts/` that are made from others.
//!
//! Guarantees: what is generated depends on `crds/` and on each chart's `values.yaml` alone, so that a test can compare it
//! with what is checked in. A value without a comment is an error, not a row without a meaning.
//!
//! | file | made from |
//! |---|---|
//! | `values.schema.json` | the comments and defaults of `values.yaml` |
//! | the table of `README.md` | the same; the rest of the page is written by hand |
//! | the templates of the definitions | `crds/` |

mod definitions;
mod page;
mod schema;
mod values;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A chart, and how its definitions are written.
struct Chart {
    name: &'static str,
    /// Where its definitions are, in the chart.
    definitions: &'static str,
    /// The template expression that must hold for them to be rendered, if any.
    condition: Option<&'static str>,
}

const CHARTS: &[Chart] = &[
    Chart {
        name: "jumpcloud-operator",
        definitions: "templates/crds",
        condition: Some(".Values.crds.enabled"),
    },
    Chart { name: "jumpcloud-operator-crds", definitions: "templates", condition: None },
];

/// One generated file.
#[derive(Debug)]
struct Generated {
    path: PathBuf,
    content: String,
}

/// Writes every generated file.
pub fn write() -> anyhow::Result<()> {
    for file in generate(&repository())? {
        fs::write(&file.path, file.content)
            .with_context(|| format!("cannot write {}", file.path.display()))?;
    }
    Ok(())
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn generate(repository: &Path) -> anyhow::Result<Vec<Generated>> {
    let crds = repository.join("crds");
    let mut files = Vec::new();
    for chart in CHARTS {
        let folder = repository.join("charts").join(chart.name);
        let path = folder.join("values.yaml");
        let keys = values::parse(&read(&path)?).with_context(|| path.display().to_string())?;
        let content = schema::of(chart.name, &keys)?;
        files.push(Generated { path: folder.join("values.schema.json"), content });
        let path = folder.join("README.md");
        let content = page::with_table(&read(&path)?, &keys).with_context(|| path.display().to_string())?;
        files.push(Generated { path, content });
        for name in definition_files(&crds)? {
            let content = definitions::template(chart.name, chart.condition, &read(&crds.join(&name))?)
                .with_context(|| name.clone())?;
            files.push(Generated { path: folder.join(chart.definitions).join(name), content });
        }
    }
    Ok(files)
}

/// The definitions of `crds/`, in the order of their names.
fn definition_files(crds: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(crds).with_context(|| format!("cannot list {}", crds.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".yaml") && name != "kustomization.yaml" {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_checked_in_is_what_is_generated() {
        for file in generate(&repository()).unwrap() {
            let stored = read(&file.path).unwrap_or_default();
            assert!(stored == file.content, "{} is not up to date: run `make generate`", file.path.display());
        }
    }

    #[test]
    fn no_definition_is_left_over_that_crds_does_not_have() {
        let wanted: BTreeSet<_> = definition_files(&repository().join("crds")).unwrap().into_iter().collect();
        assert_eq!(wanted.len(), 3);
        for chart in CHARTS {
            let folder = repository().join("charts").join(chart.name).join(chart.definitions);
            assert_eq!(
                definition_files(&folder).unwrap().into_iter().collect::<BTreeSet<_>>(),
                wanted,
                "{}",
                chart.name
            );
        }
    }
}
