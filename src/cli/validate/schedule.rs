//! One `ScheduledUserState`: the schema, the operator's own checks and the rules, each mistake told once.
//!
//! Where several of them see the same mistake, the words are those of condition InvalidSpec.

use serde_json::{Value, json};

use super::{ruled, sound_part};
use crate::api::scheduled_user_state::{NOBODY, ONE_USER, ScheduledUserStateSpec};
use crate::cli::schema::{self, Effect, Refused};
use crate::plan::schedule::desired::{Desired, desired};
use crate::plan::start_time::StartTimeError;
use crate::users::check::Problem;
use crate::users::schema::EXACTLY_ONE;

const KIND: &str = "ScheduledUserState";

/// Fields without which there is no spec.
const FILLED: [&str; 2] = ["spec.startTime", "spec.state"];

/// Every problem, and what the schedule wants if that can be told.
pub(super) fn schedule(document: &Value) -> (Vec<String>, Option<Desired>) {
    let refused = schema::problems(KIND, document);
    let others: Vec<Refused> =
        refused.iter().filter(|refused| !FILLED.contains(&refused.path.as_str())).cloned().collect();
    let spec = match sound_part::<ScheduledUserStateSpec>(&with_what_must_be(document), &others) {
        Ok(spec) => spec,
        Err(unknown) => {
            let told = refused.iter().map(ToString::to_string);
            return (told.chain(unknown).collect(), None);
        }
    };
    // What kubectl sends is JSON of about this size; managedFields do not count.
    let mut desired = desired(&spec, document.to_string().len());
    let found = std::mem::take(&mut desired.problems);
    let lost: Vec<&str> = refused
        .iter()
        .filter(|refused| refused.effect != Effect::Bad)
        .map(|refused| refused.path.as_str())
        .collect();
    let (follow_up, own): (Vec<Problem>, Vec<Problem>) =
        found.into_iter().partition(|problem| follows(problem, &lost));
    let told_by = |problems: &[Problem], path: &str| problems.iter().any(|problem| is_about(problem, path));
    let mut problems: Vec<String> =
        refused.iter().filter(|refused| !told_by(&own, &refused.path)).map(ToString::to_string).collect();
    problems.extend(own.iter().map(ToString::to_string));
    let known = |rule: &Refused| {
        refused.iter().any(|refused| refused.path == rule.path)
            || told_by(&own, &rule.path)
            || told_by(&follow_up, &rule.path)
    };
    let rules = schema::rules(KIND, &json!({"spec": spec}));
    problems.extend(rules.iter().filter(|rule| !known(rule)).map(ruled));
    if FILLED.iter().any(|filled| lost.contains(filled)) {
        desired.start = None;
    }
    (problems, Some(desired))
}

/// The document, with something in the place of fields that must be there and are not, or are of the wrong
/// type: what is left is checked all the same.
fn with_what_must_be(document: &Value) -> Value {
    let mut document = document.clone();
    let Some(spec) = document.get_mut("spec").and_then(Value::as_object_mut) else { return document };
    let start = if spec.get("timeZone").is_some_and(Value::is_string) {
        "2027-01-04T09:00:00"
    } else {
        "2027-01-04T09:00:00Z"
    };
    if !spec.get("startTime").is_some_and(Value::is_string) {
        spec.insert("startTime".to_owned(), json!(start));
    }
    if !spec.get("state").is_some_and(|state| *state == "Activated" || *state == "Suspended") {
        spec.insert("state".to_owned(), json!("Activated"));
    }
    document
}

/// Whether a problem is only there because of a value that is lost: left out of the spec, or filled in.
fn follows(problem: &Problem, lost: &[&str]) -> bool {
    let is_lost = |path: &str| lost.contains(&path);
    let within = |path: &str| lost.iter().any(|lost| lost.starts_with(path));
    let place = field_of(problem);
    match problem.message.as_str() {
        EXACTLY_ONE => within(&format!("spec.{place}")),
        NOBODY | ONE_USER => is_lost("spec.users") || within("spec.usersFromBatch"),
        _ => match place {
            "activationEmails" => is_lost("spec.state"),
            "startTime" => {
                is_lost("spec.startTime")
                    || (is_lost("spec.timeZone") && problem.message == StartTimeError::NoZone.to_string())
            }
            _ => false,
        },
    }
}

/// Where a problem is, without the name of the user.
fn field_of(problem: &Problem) -> &str {
    problem.place.split(' ').next().unwrap_or_default()
}

/// Whether a problem is about the field of that path. Fields of users stand at the beginning of the message.
fn is_about(problem: &Problem, path: &str) -> bool {
    let Some(path) = path.strip_prefix("spec.") else { return false };
    let Some(inner) = path.strip_prefix(field_of(problem)) else { return false };
    match inner.strip_prefix('.') {
        None => inner.is_empty(),
        Some(field) => {
            path.starts_with("users[")
                && problem.message.strip_prefix(field).is_some_and(|rest| rest.starts_with(' '))
        }
    }
}
