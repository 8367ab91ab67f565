//! `jumpcloud-operator validate FILE...`: the operator's own checks and the API server's, offline.
//!
//! Every problem of every document is printed, one a line, with file, object, row and field: those of a batch
//! in the words of its condition InvalidSpec. Exit code 0 without problems, 1 with some.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::claims::{Claimant, doubles};
use super::schema::{self, Refused};
use super::yaml;
use crate::api::GROUP;
use crate::api::connection::JumpCloudConnectionSpec;
use crate::api::user_batch::JumpCloudUserBatchSpec;
use crate::jumpcloud::endpoint::Endpoint;
use crate::plan::desired::{Desired, desired};
use crate::users::check::Problem;
use crate::users::clean;

/// Flags of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Manifests: YAML or JSON, also several documents or a List. `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
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
    let mut checked = Checked::default();
    for path in &args.files {
        let file = path.display().to_string();
        match read(path) {
            Ok(text) => checked.file(&file, &text),
            Err(error) => checked.line(&file, "file", format!("cannot be read: {error}")),
        }
    }
    let (objects, lines) = checked.end();
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

/// What was found so far.
#[derive(Debug, Default)]
struct Checked {
    objects: usize,
    lines: Vec<Line>,
    claimants: Vec<Claimant>,
}

impl Checked {
    fn line(&mut self, file: &str, object: &str, problem: String) {
        self.lines.push(Line { file: file.to_owned(), object: object.to_owned(), problem });
    }

    /// Checks the documents of one file.
    fn file(&mut self, file: &str, text: &str) {
        match yaml::documents(text) {
            Ok(documents) => {
                for document in documents.into_iter().flat_map(items) {
                    self.document(file, document);
                }
            }
            Err(why) => self.line(file, "file", why),
        }
    }

    fn document(&mut self, file: &str, mut document: Value) {
        schema::without_nulls(&mut document);
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (kind, namespace) = (text("/kind"), text("/metadata/namespace"));
        let Some(version) = text("/apiVersion").strip_prefix(GROUP).and_then(|v| v.strip_prefix('/')) else {
            return;
        };
        let name = match namespace {
            "" => text("/metadata/name").to_owned(),
            _ => format!("{namespace}/{}", text("/metadata/name")),
        };
        let object = format!("{kind} {name}");
        let problems = match (version, kind) {
            ("v1alpha1", "JumpCloudUserBatch") => {
                let (problems, desired) = batch(&document);
                self.claimants.extend(desired.map(|desired| Claimant {
                    file: file.to_owned(),
                    object: object.clone(),
                    place: (namespace.to_owned(), desired.connection),
                    rows: desired.rows,
                }));
                problems
            }
            ("v1alpha1", "JumpCloudConnection") => connection(&document),
            ("v1alpha1", _) => vec![format!("{kind} is not a kind of this release")],
            _ => vec![format!("apiVersion {GROUP}/{version} is not of this release, which has v1alpha1")],
        };
        self.objects += 1;
        for problem in problems {
            self.line(file, &object, problem);
        }
    }

    /// The number of objects and every problem, those between objects last.
    fn end(mut self) -> (usize, Vec<Line>) {
        let doubles = doubles(&self.claimants);
        for (i, problem) in doubles {
            if let Some(Claimant { file, object, .. }) = self.claimants.get(i) {
                let (file, object) = (file.clone(), object.clone());
                self.line(&file, &object, problem.to_string());
            }
        }
        (self.objects, self.lines)
    }
}

fn items(mut document: Value) -> Vec<Value> {
    let is_list = document.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match document.get_mut("items") {
        Some(Value::Array(items)) if is_list => {
            std::mem::take(items).into_iter().flat_map(self::items).collect()
        }
        _ => vec![document],
    }
}

fn batch(document: &Value) -> (Vec<String>, Option<Desired>) {
    const KIND: &str = "JumpCloudUserBatch";
    let refused = schema::problems(KIND, document);
    let mut problems: Vec<String> = refused.iter().map(ToString::to_string).collect();
    let spec = match sound_part::<JumpCloudUserBatchSpec>(document, &refused) {
        Ok(spec) => spec,
        Err(unknown) => {
            problems.extend(unknown);
            return (problems, None);
        }
    };
    // What kubectl sends is JSON of about this size; managedFields do not count.
    let desired = desired(&spec, document.to_string().len());
    let broken: BTreeSet<&str> =
        refused.iter().filter_map(|refused| refused.path.strip_prefix("spec.")).collect();
    // Something else stands where the row should be, which was said already.
    let of_rows = desired.problems.iter().filter(|problem| !broken.contains(problem.place.as_str()));
    problems.extend(of_rows.map(ToString::to_string));
    let said = |rule: &Refused| {
        let place = rule.path.strip_prefix("spec.").unwrap_or_default();
        broken.contains(place)
            || desired.problems.iter().any(|problem| is_about(problem, place, &rule.message))
    };
    let rules = schema::rules(KIND, &json!({"spec": spec}));
    problems.extend(rules.iter().filter(|rule| !said(rule)).map(ruled));
    (problems, Some(desired))
}

/// Whether a problem says what a rule about `place` says. Rows are named with their users, and fields inside
/// rows and the template at the beginning of the message.
fn is_about(problem: &Problem, place: &str, message: &str) -> bool {
    let (outer, inner) = place.split_once('.').unwrap_or((place, ""));
    let same_place =
        problem.place.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    let of_row = outer.starts_with("users[") || outer == "template";
    // A rule about a field that has another mistake says nothing new, and may be wrong: it was made for sound ones.
    let of_field = || problem.message.strip_prefix(inner).is_some_and(|rest| rest.starts_with(' '));
    same_place && (!of_row || problem.message == message || (!inner.is_empty() && of_field()))
}

fn connection(document: &Value) -> Vec<String> {
    const KIND: &str = "JumpCloudConnection";
    let refused = schema::problems(KIND, document);
    let mut problems: Vec<String> = refused.iter().map(ToString::to_string).collect();
    match sound_part::<JumpCloudConnectionSpec>(document, &refused) {
        Ok(spec) => {
            let rules = schema::rules(KIND, &json!({"spec": spec}));
            problems.extend(rules.iter().map(ruled));
            if let Some(Err(error)) = spec.api_url.as_deref().map(Endpoint::origin)
                && !rules.iter().any(|rule| rule.path == "spec.apiURL")
            {
                problems.push(format!("spec.apiURL: {error}"));
            }
        }
        Err(unknown) => problems.extend(unknown),
    }
    problems
}

fn ruled(rule: &Refused) -> String {
    format!("{}: {}", rule.path, rule.message)
}

/// The spec, if need be without the fields that were refused: what is left is checked further, so that one
/// mistake hides no other. Without a field that must be there nothing more can be said.
fn sound_part<T: DeserializeOwned>(document: &Value, refused: &[Refused]) -> Result<T, Option<String>> {
    let mut spec = document.get("spec").cloned().unwrap_or_default();
    if let Ok(whole) = T::deserialize(&spec) {
        return Ok(whole);
    }
    for Refused { path, .. } in refused {
        let field = path.strip_prefix("spec.").unwrap_or_default();
        if let Some(index) = field.strip_prefix("users[").and_then(|rest| rest.strip_suffix(']')) {
            // An empty row keeps the numbers of the others.
            if let Some(row) = spec.pointer_mut(&format!("/users/{index}")) {
                *row = json!({});
            }
        } else if let Some(fields) = spec.as_object_mut() {
            fields.remove(field.split(['.', '[']).next().unwrap_or_default());
        }
    }
    T::deserialize(spec).map_err(|error| {
        refused.is_empty().then(|| format!("spec: {}", clean::message(&error.to_string(), None)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_all(text: &str) -> Vec<String> {
        check_files(&[("f.yaml", text)])
    }

    fn check_files(files: &[(&str, &str)]) -> Vec<String> {
        let mut checked = Checked::default();
        for (file, text) in files {
            checked.file(file, text);
        }
        checked.end().1.iter().map(ToString::to_string).collect()
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
            "f.yaml: JumpCloudConnection default: spec.apiURL: region and apiURL exclude each other; leave one out",
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

    /// A mistake in one field hides no other, and is not told twice.
    #[test]
    fn what_cannot_be_read_hides_nothing_else() {
        let found = check_all(
            r"
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudUserBatch
metadata: {name: sales, namespace: people}
spec:
  batchSize: many
  jobTimeout: soon
  existingUsers: Steal
  retry: {limit: -1, pause: 3}
  connectionRef: {}
  users:
    - ada
    - {username: grace, email: nonsense, addresses: [{town: x}], state: Staged, suspended: true}
    - {username: alan, email: null}
---
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudUserBatch
metadata: {name: none}
---
apiVersion: jumpcloud-operator.dev/v1
kind: JumpCloudUserBatch
metadata: {name: newer}
---
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudConnection
metadata: {name: default}
spec: {region: XX}
",
        );
        assert_eq!(
            found,
            [
                "f.yaml: JumpCloudUserBatch people/sales: spec.batchSize is not a whole number",
                "f.yaml: JumpCloudUserBatch people/sales: spec.connectionRef.name is missing",
                "f.yaml: JumpCloudUserBatch people/sales: spec.existingUsers is not one of Fail",
                "f.yaml: JumpCloudUserBatch people/sales: spec.jobTimeout is not of the form ^([0-9]+(h|m|s))+$",
                "f.yaml: JumpCloudUserBatch people/sales: spec.retry.limit is -1, at least 0",
                "f.yaml: JumpCloudUserBatch people/sales: spec.retry.pause is not a field",
                "f.yaml: JumpCloudUserBatch people/sales: spec.users[0] is not an object",
                "f.yaml: JumpCloudUserBatch people/sales: users[1] 'grace': addresses[0].town is not a field; it takes type, poBox, extendedAddress, streetAddress, \
                 locality, region, postalCode, country",
                "f.yaml: JumpCloudUserBatch people/sales: users[1] 'grace': email is not an e-mail address",
                "f.yaml: JumpCloudUserBatch people/sales: users[1] 'grace': state and suspended contradict each other; leave suspended out",
                "f.yaml: JumpCloudUserBatch people/sales: users[2] 'alan': email is missing; every user needs one",
                "f.yaml: JumpCloudUserBatch none: spec is missing",
                "f.yaml: JumpCloudUserBatch newer: apiVersion jumpcloud-operator.dev/v1 is not of this release, which has v1alpha1",
                "f.yaml: JumpCloudConnection default: spec.auth is missing",
                "f.yaml: JumpCloudConnection default: spec.region is not one of US, EU, IN",
            ]
        );
    }

    #[test]
    fn a_user_of_two_objects_is_told_with_both() {
        let manifest = |name: &str, place: &str, users: &str| {
            format!(
                "apiVersion: jumpcloud-operator.dev/v1alpha1\nkind: JumpCloudUserBatch\n\
                 metadata: {{name: {name}, namespace: people}}\nspec: {{{place} users: [{users}]}}\n---\n"
            )
        };
        let sales = manifest("sales", "", "{username: ada, email: ada@example.com}");
        let other =
            manifest("hr", "", "{username: x, email: x@example.com}, {username: Ada, email: y@example.com}");
        let address = manifest("it", "", "{username: lovelace, email: ADA@example.com}");
        let elsewhere =
            manifest("eu", "connectionRef: {name: eu},", "{username: ada, email: ada@example.com}");
        let found =
            check_files(&[("a.yaml", &(sales.clone() + &elsewhere)), ("b.yaml", &(other + &address))]);
        let why = "(users[0] in a.yaml); a user has one owner: take the row off one of the two";
        assert_eq!(
            found,
            [
                format!(
                    "b.yaml: JumpCloudUserBatch people/hr: users[1] 'Ada': username is declared by \
                     JumpCloudUserBatch people/sales as well {why}"
                ),
                format!(
                    "b.yaml: JumpCloudUserBatch people/it: users[0] 'lovelace': email is declared by \
                     JumpCloudUserBatch people/sales as well {why}"
                ),
            ]
        );
        assert_eq!(check_files(&[("a.yaml", &sales), ("b.yaml", &sales)]), Vec::<String>::new());
    }

    #[test]
    fn a_rule_that_a_check_has_told_is_not_told_again() {
        let of_row = |message: &str| Problem::of_row(3, "ada", message);
        for (problem, place, message, same) in [
            (of_row("x and y differ"), "users[3]", "x and y differ", true),
            (of_row("x and y differ"), "users[33]", "x and y differ", false),
            (of_row("x takes one"), "users[3].x", "takes one", true),
            (of_row("y takes one"), "users[3].x", "takes one", false),
            (of_row("x is not an object"), "users[3].x", "takes one", true),
            (of_row("xx is not an object"), "users[3].x", "takes one", false),
            (Problem::of("template", "x takes one"), "template.x", "takes one", true),
            (Problem::of("jobTimeout", "is too long"), "jobTimeout", "is at most an hour", true),
            (Problem::of("users", "are too many"), "users", "takes at most 500", true),
        ] {
            assert_eq!(is_about(&problem, place, message), same, "{problem}, {place} {message}");
        }
    }

    #[test]
    fn lists_are_looked_into() {
        let found = check_all(
            r#"{"apiVersion": "v1", "kind": "List", "items": [
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "items": 7},
                {"apiVersion": "jumpcloud-operator.dev/v1alpha1", "kind": "JumpCloudUserBatchList", "items": [
                    {"apiVersion": "jumpcloud-operator.dev/v1alpha1", "kind": "JumpCloudUserBatch",
                     "metadata": {"name": "sales"}, "spec": {"batchSize": 0}}]}]}"#,
        );
        assert_eq!(found, ["f.yaml: JumpCloudUserBatch sales: spec.batchSize is 0, at least 1"]);
    }

    #[test]
    fn broken_yaml_is_a_problem_of_the_file() {
        assert!(check_all("a: [").first().unwrap().starts_with("f.yaml: file: is not YAML"));
    }
}
