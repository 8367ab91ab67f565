//! `jumpcloud-operator validate FILE...`: the operator's own checks and the API server's, offline.
//!
//! Every problem of every document is printed, one a line, with file, object, row and field: those of a batch
//! in the words of its condition InvalidSpec. Exit code 0 without problems, 1 with some.

mod schedule;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::claims::{Claimant, doubles, named};
use super::clashes::{Scheduled, clashes};
use super::schema::{self, Effect, Refused};
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
    schedules: Vec<Scheduled>,
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
        let object = named(kind, namespace, text("/metadata/name"));
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
            ("v1alpha1", "ScheduledUserState") => {
                let (problems, desired) = schedule::schedule(&document);
                self.schedules.extend(desired.map(|desired| Scheduled {
                    file: file.to_owned(),
                    object: object.clone(),
                    place: (namespace.to_owned(), desired.connection.clone()),
                    desired,
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
        let clashes = clashes(&self.schedules, &self.claimants);
        let claimants = doubles.into_iter().filter_map(|(i, problem)| {
            self.claimants.get(i).map(|of| (of.file.clone(), of.object.clone(), problem))
        });
        let schedules = clashes.into_iter().filter_map(|(i, problem)| {
            self.schedules.get(i).map(|of| (of.file.clone(), of.object.clone(), problem))
        });
        let between: Vec<_> = claimants.chain(schedules).collect();
        for (file, object, problem) in between {
            self.line(&file, &object, problem.to_string());
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

/// The spec, if need be without the fields that cannot be read: what is left is checked further, so that one
/// mistake hides no other. Without a field that must be there nothing more can be said.
fn sound_part<T: DeserializeOwned>(document: &Value, refused: &[Refused]) -> Result<T, Option<String>> {
    let mut spec = document.get("spec").cloned().unwrap_or_default();
    if let Ok(whole) = T::deserialize(&spec) {
        return Ok(whole);
    }
    for Refused { path, .. } in refused.iter().filter(|refused| refused.effect == Effect::Unreadable) {
        let field = path.strip_prefix("spec.").unwrap_or_default();
        if let Some((index, _)) = field.strip_prefix("users[").and_then(|rest| rest.split_once(']')) {
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
