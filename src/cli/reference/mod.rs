//! `jumpcloud-operator reference --dir DIR`: the reference, made from what the code knows.
//!
//! Guarantee: nothing here repeats a fact that stands elsewhere. Kinds come from their definitions, user fields
//! from the table, flags from clap, metrics from a registry, words from their lists; a test compares the
//! pages with `docs/reference`.

mod commands;
mod kind;
mod meaning;
mod table;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::api::crd::crds;
use table::Table;

/// Flags of `reference`.
#[derive(Debug, Args)]
pub struct ReferenceArgs {
    /// The folder to write the pages into.
    #[arg(long)]
    dir: PathBuf,
}

/// One file.
struct Page {
    file: String,
    title: String,
    about: String,
    body: String,
}

impl Page {
    fn text(&self) -> String {
        format!(
            "<!-- Made by `make generate`; edit the code instead. -->\n\n# {}\n\n{}\n\n{}",
            self.title, self.about, self.body
        )
    }
}

/// Writes the pages.
///
/// # Errors
/// When they cannot be made or written.
pub fn write(args: &ReferenceArgs) -> anyhow::Result<ExitCode> {
    for page in pages()? {
        let path = args.dir.join(&page.file);
        std::fs::write(&path, page.text())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn pages() -> anyhow::Result<Vec<Page>> {
    let mut pages = Vec::new();
    for crd in crds()? {
        pages.push(kind::page(&crd)?);
        if crd.spec.names.kind == "JumpCloudUserBatch" {
            pages.push(users::page(&crd)?);
        }
    }
    pages.extend([meaning::conditions(), meaning::events(), commands::page(), meaning::metrics()]);
    pages.insert(0, contents(&pages));
    Ok(pages)
}

fn contents(pages: &[Page]) -> Page {
    let mut table = Table::new(&["page", "about"]);
    for page in pages {
        table.row([format!("[{}]({})", page.title, page.file), page.about.clone()]);
    }
    Page {
        file: "README.md".to_owned(),
        title: "Reference".to_owned(),
        about: "Every field, word, flag and metric. How to use them is in the [README](../../README.md)."
            .to_owned(),
        body: table.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_files_in_docs_reference_are_current() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference");
        let pages = pages().unwrap();
        for page in &pages {
            let stored = std::fs::read_to_string(dir.join(&page.file)).unwrap_or_default();
            assert!(stored == page.text(), "docs/reference/{} is not current: run make generate", page.file);
        }
        let made: BTreeSet<String> = pages.into_iter().map(|page| page.file).collect();
        let entries = std::fs::read_dir(&dir).unwrap();
        let stored: BTreeSet<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(stored, made, "docs/reference holds nothing else");
    }

    /// Each row of a table has as many cells as its head, whatever a description holds.
    #[test]
    fn tables_hold_together() {
        for page in pages().unwrap() {
            let mut columns = None;
            for line in page.text().lines() {
                let cells = line.replace("\\|", "").matches('|').count();
                if !line.starts_with('|') {
                    columns = None;
                    continue;
                }
                assert_eq!(*columns.get_or_insert(cells), cells, "{}: {line}", page.file);
            }
        }
    }
}
