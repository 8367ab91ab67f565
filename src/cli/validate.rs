//! `jumpcloud-operator validate FILE...`: the operator's own checks and the API server's, offline.
//!
//! Every problem of every document is printed, one a line, with file, object, row and field. Exit code
//! 0 without problems, 1 with some.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::schema;
use crate::api::connection::JumpCloudConnectionSpec;
use crate::api::user_batch::JumpCloudUserBatchSpec;
use crate::jumpcloud::endpoint::Endpoint;
use crate::plan::desired::desired;
use crate::users::clean;

/// Flags of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Manifests: YAML, also of several documents. `-` reads standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    file: String,
    object: String,
    problem: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.file, self.object, self.problem)
    }
}

/// Checks the files.
///
/// # Errors
/// Never: what cannot be read is a problem like others.
pub fn validate(args: &ValidateArgs) -> anyhow::Result<ExitCode> {
    let (mut objects, mut lines) = (0, Vec::new());
    for path in &args.files {
        let file = path.display().to_string();
        match read(path) {
            Ok(text) => objects += check(&file, &text, &mut lines),
            Err(error) => lines.push(Line {
                file,
                object: "file".to_owned(),
                problem: format!("cannot be read: {error}"),
            }),
        }
    }
    for line in &lines {
        println!("{line}");
    }
    let plural = |n: usize, word: &str| if n == 1 { format!("{n} {word}") } else { format!("{n} {word}s") };
    eprintln!("{} checked, {}", plural(objects, "object"), plural(lines.len(), "problem"));
    Ok(if lines.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &Path) -> std::io::Result<String> {
    if path.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    }
}

/// Checks the documents of one file; returns how many objects of ours it holds.
pub fn check(file: &str, text: &str, lines: &mut Vec<Line>) -> usize {
    let mut objects = 0;
    let documents: Vec<Value> = match serde_saphyr::from_multiple(text) {
        Ok(documents) => documents,
        Err(error) => {
            let problem = format!("is not YAML: {}", clean::message(&error.to_string(), None));
            lines.push(Line { file: file.to_owned(), object: "file".to_owned(), problem });
            return 0;
        }
    };
    for document in documents.iter().flat_map(items) {
        if document.get("apiVersion").and_then(Value::as_str) != Some("jumpcloud-operator.dev/v1alpha1") {
            continue;
        }
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let problems = match text("/kind") {
            "JumpCloudUserBatch" => batch(document),
            "JumpCloudConnection" => connection(document),
            kind => vec![format!("{kind} is not a kind of this release")],
        };
        objects += 1;
        let object = format!("{} {}", text("/kind"), text("/metadata/name"));
        lines.extend(problems.into_iter().map(|problem| Line {
            file: file.to_owned(),
            object: object.clone(),
            problem,
        }));
    }
    objects
}

fn items(document: &Value) -> Vec<&Value> {
    match document.get("items").and_then(Value::as_array) {
        Some(items) if document.get("kind").and_then(Value::as_str) == Some("List") => items.iter().collect(),
        _ => vec![document],
    }
}

fn batch(document: &Value) -> Vec<String> {
    let mut problems = schema::problems("JumpCloudUserBatch", document);
    match JumpCloudUserBatchSpec::deserialize(document.get("spec").unwrap_or(&Value::Null)) {
        Ok(spec) => {
            // What kubectl sends is JSON of about this size; managedFields do not count.
            let bytes = document.to_string().len();
            problems.extend(desired(&spec, bytes).problems.iter().map(ToString::to_string));
            problems.extend(schema::rules("JumpCloudUserBatch", &json!({"spec": spec})));
        }
        Err(error) => problems.push(format!("spec: {}", clean::message(&error.to_string(), None))),
    }
    distinct(problems)
}

fn connection(document: &Value) -> Vec<String> {
    let mut problems = schema::problems("JumpCloudConnection", document);
    match JumpCloudConnectionSpec::deserialize(document.get("spec").unwrap_or(&Value::Null)) {
        Ok(spec) => {
            if let Some(Err(error)) = spec.api_url.as_deref().map(Endpoint::origin) {
                problems.push(format!("spec.apiURL: {error}"));
            }
            problems.extend(schema::rules("JumpCloudConnection", &json!({"spec": spec})));
        }
        Err(error) => problems.push(format!("spec: {}", clean::message(&error.to_string(), None))),
    }
    distinct(problems)
}

/// The API server's rules and the operator's own checks find some mistakes twice.
fn distinct(problems: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    problems.into_iter().filter(|problem| seen.insert(problem.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_all(text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        check("f.yaml", text, &mut lines);
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_problem_of_every_document_is_told_at_once() {
        let found = check_all(
            r"
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudUserBatch
metadata: {name: sales}
spec:
  batchSize: 900
  jobTimeout: 9000h
  userz: []
  users:
    - {username: ada, email: ada@example.com}
    - {username: Ada, email: nonsense}
---
apiVersion: v1
kind: Secret
metadata: {name: other}
---
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudConnection
metadata: {name: default}
spec:
  region: EU
  apiURL: http://example.com
  auth: {apiKey: {secretKeyRef: {name: jumpcloud, key: a key}}}
",
        );
        let text = found.join("\n");
        for expected in [
            "f.yaml: JumpCloudUserBatch sales: spec.batchSize is 900, at most 800",
            "f.yaml: JumpCloudUserBatch sales: spec.userz is not a field; did you mean users",
            "f.yaml: JumpCloudUserBatch sales: users[1] 'Ada': username is used twice (also users[0])",
            "f.yaml: JumpCloudUserBatch sales: users[1] 'Ada': email is not an e-mail address",
            "f.yaml: JumpCloudUserBatch sales: jobTimeout: is not between 1s and 8760h",
            "f.yaml: JumpCloudConnection default: region and apiURL exclude each other; leave one out",
            "f.yaml: JumpCloudConnection default: spec.auth.apiKey.secretKeyRef.key is not of the form",
            "apiURL is https; plain http is taken for loopback addresses only",
        ] {
            assert!(text.contains(expected), "{expected}\n--\n{text}");
        }
        assert!(!text.contains("Secret other"), "{text}");
    }

    #[test]
    fn a_sound_manifest_has_no_problem() {
        let sound = r"
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudUserBatch
metadata: {name: sales}
spec:
  template: {state: Staged}
  users: [{username: ada, email: ada@example.com}]
---
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudConnection
metadata: {name: default}
spec: {auth: {apiKey: {secretKeyRef: {name: jumpcloud, key: api-key}}}}
";
        assert_eq!(check_all(sound), Vec::<String>::new());
    }

    #[test]
    fn broken_yaml_is_a_problem_of_the_file() {
        assert!(check_all("a: [").first().unwrap().starts_with("f.yaml: file: is not YAML"));
    }
}
