//! Links in documents lead to files and headings that exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::rig::{place, text};

/// Folders without documents of ours.
const SKIPPED: [&str; 3] = ["target", ".git", "node_modules"];

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !SKIPPED.contains(&name) {
            pages(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// The lines of a page that are no code.
fn prose(page: &str) -> Vec<&str> {
    let mut is_code = false;
    let lines = page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.filter(|line| !line.starts_with("    ")).collect()
}

/// What a line links to: `[text](target)`, outside of `code`.
fn targets(line: &str) -> Vec<String> {
    // Backticks come in pairs: what is at odd places is code.
    let plain: Vec<&str> = line.split('`').step_by(2).collect();
    let plain = plain.join("");
    plain.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned).collect()
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn anchors(page: &str) -> BTreeSet<String> {
    let headings = prose(page).into_iter().filter_map(|line| {
        let rest = line.trim_start_matches('#');
        (rest.len() < line.len() && rest.starts_with(' ')).then(|| anchor(rest))
    });
    let mut all = BTreeSet::new();
    for heading in headings {
        let mut name = heading.clone();
        let mut number = 0;
        while !all.insert(name.clone()) {
            number += 1;
            name = format!("{heading}-{number}");
        }
    }
    all
}

#[test]
fn links_lead_somewhere() {
    let mut found = Vec::new();
    pages(&place("."), &mut found);
    let (mut wrong, mut followed) = (Vec::new(), 0);
    for path in found {
        let page = text(&path);
        for target in prose(&page).into_iter().flat_map(targets) {
            if target.starts_with("https://") || target.starts_with("mailto:") {
                continue;
            }
            followed += 1;
            let (file, heading) = target.split_once('#').unwrap_or((target.as_str(), ""));
            let there = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
            let is_right = there.exists()
                && (heading.is_empty() || anchors(&text(&there)).contains(heading))
                // Plain HTTP, or an absolute path, is no link within the repository.
                && !file.starts_with('/');
            if !is_right {
                wrong.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
    assert!(followed > 50, "only {followed} links were found");
}

#[test]
fn anchors_are_those_of_github() {
    for (heading, wanted) in [
        (" What it is", "what-it-is"),
        (" A first batch", "a-first-batch"),
        (" `spec.paused`, and who sets it?", "specpaused-and-who-sets-it"),
        (" Argo CD", "argo-cd"),
    ] {
        assert_eq!(anchor(heading), wanted);
    }
    let page = "# Twice\n```sh\n# a comment\n```\n## Twice\n";
    assert_eq!(anchors(page), BTreeSet::from(["twice", "twice-1"].map(str::to_owned)));
}
