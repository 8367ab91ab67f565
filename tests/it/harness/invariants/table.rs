//! The conditions table of the design, held against every status that any object of ours ever has, and against what others
//! read from it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::evidence::Evidence;
use super::readers;
use super::version::{Kind, Version};

/// The conditions that each object has its standing by.
const BASIC: &[&str] = &["Ready", "Reconciling", "Stalled"];

const DONE: &[&str] = &["Succeeded", "Scheduled", "Executed"];
const WORKING: &[&str] = &["Progressing"];
/// Reasons of what comes without an edit.
pub const WAITING: &[&str] = &[
    "Retrying",
    "RateLimited",
    "ConnectionNotReady",
    "SourceNotFound",
    "AwaitingApproval",
    "AwaitingUsers",
    "Paused",
    "Deleting",
];
/// Reasons of what needs a person.
pub const STALLED: &[&str] = &[
    "InvalidSpec",
    "SourceNotFound",
    "GuardTripped",
    "UserConflict",
    "PartiallyFailed",
    "Failed",
    "CredentialsRejected",
    "OrgMismatch",
    "SubmissionUnknown",
    "Missed",
    "NotReached",
    "NewerVersion",
];

/// Every status that breaks the table. What somebody else wrote is not looked at.
pub fn check(evidence: &Evidence) -> Vec<String> {
    let versions = evidence.history.versions.iter().filter(|version| !version.gone && !version.meddled);
    versions
        .filter_map(|version| {
            let why = holds(version).and_then(|()| readers::agree(version)).err()?;
            Some(format!("{}: {why}: {}", version.title(), version.status))
        })
        .collect()
}

fn holds(version: &Version) -> Result<(), String> {
    let (status, generation) = (&version.status, version.metadata["generation"].as_i64());
    // A username may be an address; a schedule's status has no use for one.
    if version.kind == Kind::Schedule && status.to_string().contains('@') {
        return Err("an e-mail address".to_owned());
    }
    let observed = status["observedGeneration"].as_i64();
    let list = version.list("conditions");
    if list.is_empty() {
        // Before the first pass.
        return if observed == Some(-1) { Ok(()) } else { Err("no conditions".to_owned()) };
    }
    if observed > generation {
        return Err("observedGeneration is ahead".to_owned());
    }
    let word = |condition: &Value, name: &str| condition[name].as_str().unwrap_or_default().to_owned();
    let mut by_type: BTreeMap<String, (String, String)> = BTreeMap::new();
    for condition in list {
        let (kind, value) = (word(condition, "type"), word(condition, "status"));
        if kind != "Ready" && value != "True" {
            return Err(format!("{kind} is there and not True"));
        }
        // Beside a record of a newer operator the others are left to it.
        let is_left = version.reason() == "NewerVersion" && !BASIC.contains(&kind.as_str());
        if condition["observedGeneration"].as_i64() != observed && !is_left {
            return Err(format!("{kind} is of another generation"));
        }
        if word(condition, "message").is_empty() {
            return Err(format!("{kind} says nothing"));
        }
        if by_type.insert(kind.clone(), (value, word(condition, "reason"))).is_some() {
            return Err(format!("{kind} is there twice"));
        }
    }
    let Some((ready, reason)) = by_type.get("Ready") else { return Err("no Ready".to_owned()) };
    let (moving, stalled) = (by_type.get("Reconciling"), by_type.get("Stalled"));
    for (_, other) in [moving, stalled].into_iter().flatten() {
        if other != reason {
            return Err(format!("Ready says {reason} and another one {other}"));
        }
    }
    let row = match (ready.as_str(), moving.is_some(), stalled.is_some()) {
        ("True", false, false) => DONE,
        ("Unknown", true, false) => WORKING,
        ("False", true, false) => WAITING,
        ("False", false, true) => STALLED,
        _ => return Err("no row of the table".to_owned()),
    };
    if !row.contains(&reason.as_str()) {
        return Err(format!("{reason} does not belong to this row"));
    }
    if row == DONE {
        nothing_is_left(version)?;
    }
    let known: &[&str] = match version.kind {
        Kind::Connection => BASIC,
        Kind::Batch => &["Ready", "Reconciling", "Stalled", "Drifted"],
        Kind::Schedule => &["Ready", "Reconciling", "Stalled", "Executed", "Conflicting"],
    };
    if let Some(other) = by_type.keys().find(|kind| !known.contains(&kind.as_str())) {
        return Err(format!("nobody knows {other}"));
    }
    speaks_of_its_rows(version)?;
    match version.kind {
        Kind::Connection => Ok(()),
        Kind::Batch => counts_of_batch(version),
        Kind::Schedule => counts(version, by_type.contains_key("Executed")),
    }
}

/// A status that names this generation counts the users that it declares.
fn speaks_of_its_rows(version: &Version) -> Result<(), String> {
    let (status, spec) = (&version.status, &version.spec);
    let count = match version.kind {
        Kind::Connection => return Ok(()),
        Kind::Batch => &status["counts"]["desired"],
        Kind::Schedule => &status["counts"]["users"],
    };
    let is_current = status["observedGeneration"] == version.metadata["generation"] && !version.is_leaving();
    // Nothing is counted anew from a spec that is refused, nor beside a record of a newer operator, nor while users of
    // elsewhere are not known.
    let is_known = spec["usersFrom"].is_null()
        && spec["usersFromBatch"].is_null()
        && !["InvalidSpec", "NewerVersion"].contains(&version.reason());
    match count.as_u64() {
        Some(count) if is_current && is_known && usize::try_from(count) != Ok(version.rows().len()) => {
            Err(format!("it names its generation, which declares {} users", version.rows().len()))
        }
        _ => Ok(()),
    }
}

/// Who is done has no request under way, and no event of its own that is still to be cancelled.
fn nothing_is_left(version: &Version) -> Result<(), String> {
    if !version.submissions.is_empty() {
        return Err("done while a request is under way".to_owned());
    }
    let mut events = version.list("events").iter();
    let is_left = |event: &Value| {
        event["origin"] == "Created" && !event["superseded"].is_null() && event["shared"] != true
    };
    if events.any(is_left) { Err("done while events are to be cancelled".to_owned()) } else { Ok(()) }
}

/// Every declared user is counted once, and as its line says.
fn counts_of_batch(version: &Version) -> Result<(), String> {
    let counts = &version.status["counts"];
    if counts.is_null() || version.status["usersTruncated"] == true {
        return Ok(());
    }
    let users = version.list("users");
    let of = |result: &str| users.iter().filter(|user| user["result"] == result).count();
    for (name, wanted) in [
        ("desired", users.len()),
        ("created", of("Created")),
        ("updated", of("Updated")),
        ("adopted", of("Adopted")),
        ("unchanged", of("Unchanged")),
        ("pending", of("Pending")),
        ("failed", of("Failed")),
        ("conflicts", of("Conflict")),
    ] {
        let said = counts[name].as_u64().unwrap_or_default();
        if usize::try_from(said) != Ok(wanted) {
            return Err(format!("counts.{name} is {said}, users say {wanted}"));
        }
    }
    Ok(())
}

/// Counts are those of the users, and Executed is said when all are.
fn counts(version: &Version, executed: bool) -> Result<(), String> {
    let (status, users) = (&version.status, version.list("users"));
    let of = |results: &[&str]| {
        users.iter().filter(|user| results.contains(&user["result"].as_str().unwrap_or_default())).count()
    };
    for (name, wanted) in [
        ("users", users.len()),
        ("executed", of(&["Executed"])),
        ("failed", of(&["Failed", "Missed", "NotReached"])),
        ("notFound", of(&["NotFound"])),
    ] {
        let said = status["counts"][name].as_u64().unwrap_or_default();
        if usize::try_from(said) != Ok(wanted) {
            return Err(format!("counts.{name} is {said}, users say {wanted}"));
        }
    }
    let all = !users.is_empty() && of(&["Executed"]) == users.len();
    if executed != all {
        return Err(format!("Executed is {executed}, of {} users {}", users.len(), of(&["Executed"])));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn holds(object: &Value) -> Result<(), String> {
        let mut object = object.clone();
        object["metadata"]["resourceVersion"] = json!("1");
        let object = serde_json::from_value(object).expect("an object");
        super::holds(&Version::of(Kind::Schedule, object, false, Timestamp::UNIX_EPOCH, None))
    }

    fn object(ready: (&str, &str), others: &[(&str, &str, &str)]) -> Value {
        let condition = |kind: &str, status: &str, reason: &str| {
            json!({
                "type": kind, "status": status, "reason": reason, "message": "m", "observedGeneration": 1,
            })
        };
        let mut conditions = vec![condition("Ready", ready.0, ready.1)];
        conditions.extend(others.iter().map(|(kind, status, reason)| condition(kind, status, reason)));
        json!({"metadata": {"generation": 1}, "status": {"observedGeneration": 1, "conditions": conditions}})
    }

    #[test]
    fn the_table_tells_right_from_wrong() {
        for right in [
            object(("True", "Scheduled"), &[]),
            object(("Unknown", "Progressing"), &[("Reconciling", "True", "Progressing")]),
            object(("False", "Paused"), &[("Reconciling", "True", "Paused")]),
            object(
                ("False", "Missed"),
                &[("Stalled", "True", "Missed"), ("Conflicting", "True", "SharedJob")],
            ),
            json!({"status": {"observedGeneration": -1}}),
        ] {
            holds(&right).unwrap();
        }
        let mut left = object(("True", "Scheduled"), &[]);
        left["status"]["events"] = json!([{"origin": "Created", "superseded": {"state": "Suspended"}}]);
        let mut mail = object(("True", "Scheduled"), &[]);
        mail["status"]["users"] = json!([{"result": "Scheduled", "message": "a@b.example"}]);
        for wrong in [
            left,
            mail,
            object(("True", "Missed"), &[]),
            object(("True", "Scheduled"), &[("Reconciling", "True", "Scheduled")]),
            object(("False", "Paused"), &[("Reconciling", "True", "Retrying")]),
            object(("False", "Missed"), &[("Stalled", "True", "Missed"), ("Reconciling", "True", "Missed")]),
            object(("False", "Missed"), &[("Stalled", "False", "Missed")]),
            object(("False", "Missed"), &[]),
            object(("True", "Executed"), &[("Executed", "True", "Executed")]),
            json!({"status": {"observedGeneration": 1}}),
        ] {
            holds(&wrong).unwrap_err();
        }
    }
}
