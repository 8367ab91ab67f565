//! Charts, and older ones.

use std::path::{Path, PathBuf};

use crate::harness::plane::run;

/// The version of the older charts.
pub const OLDER: &str = "0.0.1";

/// Definitions of `packaging/older`, by file.
const DEFINITIONS: [&str; 2] =
    ["jumpcloud-operator.dev_jumpcloudconnections.yaml", "jumpcloud-operator.dev_jumpclouduserbatches.yaml"];

/// The folder of a chart as it is.
pub fn present(name: &str) -> String {
    format!("{}/charts/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The version of the present charts, which is that of the program.
pub const PRESENT: &str = env!("CARGO_PKG_VERSION");

/// The same chart with the definitions of `packaging/older` and nothing of later ones, below `folder`.
pub fn older(name: &str, folder: &Path) -> String {
    let chart = folder.join(name);
    run(std::process::Command::new("cp").arg("-r").arg(present(name)).arg(&chart));
    let about = chart.join("Chart.yaml");
    let text = read(&about).replace(&format!("ersion: {PRESENT}\n"), &format!("ersion: {OLDER}\n"));
    assert_eq!(text.matches(OLDER).count(), 2, "version and appVersion of {name}");
    write(&about, &text);

    let templates = chart.join("templates");
    let folder = Some(templates.join("crds")).filter(|folder| folder.is_dir()).unwrap_or(templates);
    for entry in std::fs::read_dir(folder).expect("templates").map(|entry| entry.expect("a template")) {
        let file = entry.file_name().to_string_lossy().into_owned();
        if DEFINITIONS.contains(&file.as_str()) {
            let text = with_spec_of(&read(&entry.path()), &read(&fixture(&file)));
            write(&entry.path(), &text);
        } else if file.starts_with("jumpcloud-operator.dev_") {
            std::fs::remove_file(entry.path()).expect("it is there");
        }
    }
    chart.to_str().expect("a path").to_owned()
}

/// The template of a definition, with labels, annotations and conditions, around another definition's spec.
fn with_spec_of(template: &str, definition: &str) -> String {
    let (head, _) = template.split_once("\nspec:\n").expect("the template has a spec");
    let (_, spec) = definition.split_once("\nspec:\n").expect("the definition has a spec");
    assert!(!spec.contains("{{"), "a template expression");
    let end = if template.trim_end().ends_with("{{- end }}") { "{{- end }}\n" } else { "" };
    format!("{head}\nspec:\n{spec}{end}")
}

fn fixture(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/packaging/older").join(file)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
