//! The tools of tests/packaging: their own tests, and what they say of the files that they look after.

use std::path::Path;
use std::process::{Command, Output};

use devenv::tools::{module, provide};

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs go in the folder of a module, as the build does: without a workspace and a person's own flags.
fn go(folder: &str, arguments: &[&str]) -> std::io::Result<Output> {
    Command::new("go")
        .args(arguments)
        .current_dir(module(folder))
        .env("GOWORK", "off")
        .env("GOFLAGS", "-mod=readonly")
        .output()
}

#[test]
fn the_image_tool_passes_its_tests() {
    for arguments in [&["vet", "./..."][..], &["test", "-count=1", "./..."]] {
        let output = go("image", arguments).expect("go is needed: install it (https://go.dev/dl/)");
        assert!(output.status.success(), "go {}: {}", arguments.join(" "), said(&output));
    }
}

/// The workflows run elsewhere; here is all that can be said of them without that.
#[test]
fn the_workflows_pass_actionlint() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files: Vec<_> = std::fs::read_dir(repository.join(".github/workflows"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 2, "{files:?}");
    // Without the tools that it would call where they happen to be installed: what passes here passes everywhere.
    let output = Command::new(provide("actionlint").unwrap())
        .args(["-shellcheck=", "-pyflakes=", "-no-color"])
        .args(&files)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// An action that is named by a tag is whatever its owner puts there tomorrow, and a job without `permissions` has those
/// of the repository's default.
#[test]
fn the_workflows_pin_actions_and_ask_for_little() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.github/workflows");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().any(|line| line == "permissions: {}"), "{}", path.display());
        for (number, line) in text.lines().enumerate() {
            let line = line.trim().trim_start_matches("- ");
            let Some(action) = line.strip_prefix("uses: ") else { continue };
            let (name, pin) = action.split_once('@').unwrap_or((action, ""));
            let hash = pin.split_whitespace().next().unwrap_or_default();
            let pinned = hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            let ours = name.starts_with("./");
            assert!(pinned || ours, "{}:{}: {action}", path.display(), number + 1);
            assert!(ours || pin.contains("# v"), "{}:{}: say the version", path.display(), number + 1);
        }
    }
}
