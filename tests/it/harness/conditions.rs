//! The conditions table of the design, held against every status that schedules of a namespace ever have.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use jumpcloud_operator::api::scheduled_user_state::ScheduledUserState;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::watcher;
use serde_json::Value;

use super::plane::kubectl;
use super::world::World;

const DONE: &[&str] = &["Succeeded", "Scheduled", "Executed"];
const WORKING: &[&str] = &["Progressing"];
const WAITING: &[&str] = &[
    "Retrying",
    "RateLimited",
    "ConnectionNotReady",
    "SourceNotFound",
    "AwaitingApproval",
    "AwaitingUsers",
    "Paused",
    "Deleting",
];
const STALLED: &[&str] = &[
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

/// Watches the schedules of a namespace. When it goes, it looks at them once more and fails the test if a status
/// was ever wrong.
pub struct Checked {
    namespace: String,
    wrong: Arc<Mutex<Vec<String>>>,
    watch: tokio::task::JoinHandle<()>,
}

impl Checked {
    /// Begins.
    pub fn begin(world: &World) -> Self {
        let kind = ApiResource::erase::<ScheduledUserState>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), &world.namespace, &kind);
        let wrong = Arc::new(Mutex::new(Vec::new()));
        let found = Arc::clone(&wrong);
        let watch = tokio::spawn(async move {
            let mut events = watcher(api, watcher::Config::default()).boxed();
            while let Some(event) = events.next().await {
                if let Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) = event
                    && let Err(why) = holds(&serde_json::to_value(&object).expect("JSON"))
                {
                    found.lock().unwrap_or_else(PoisonError::into_inner).push(why);
                }
            }
        });
        Self { namespace: world.namespace.clone(), wrong, watch }
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        self.watch.abort();
        let mut wrong = std::mem::take(&mut *self.wrong.lock().unwrap_or_else(PoisonError::into_inner));
        let last = kubectl(&["get", "scheduleduserstates", "-n", &self.namespace, "-o", "json"], "");
        let last: Value = serde_json::from_str(&last.text).unwrap_or_default();
        let items = last["items"].as_array().cloned().unwrap_or_default();
        wrong.extend(items.iter().filter_map(|object| holds(object).err()));
        if std::thread::panicking() {
            wrong.iter().for_each(|why| eprintln!("a status was wrong: {why}"));
            return;
        }
        assert!(wrong.is_empty(), "statuses that break the table:\n{}", wrong.join("\n"));
    }
}

/// Whether the status of a schedule keeps to the table.
pub fn holds(object: &Value) -> Result<(), String> {
    let status = &object["status"];
    check(status, object["metadata"]["generation"].as_i64()).map_err(|why| format!("{why}: {status}"))
}

fn check(status: &Value, generation: Option<i64>) -> Result<(), String> {
    let text = status.to_string();
    if text.contains('@') {
        return Err("an e-mail address".to_owned());
    }
    let observed = status["observedGeneration"].as_i64();
    let empty = Vec::new();
    let list = status["conditions"].as_array().unwrap_or(&empty);
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
        // Beside a record of a newer operator nothing but conditions is written, so they alone move on.
        let newer = word(condition, "reason") == "NewerVersion";
        if condition["observedGeneration"].as_i64() != observed && !newer {
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
        nothing_is_left(status)?;
    }
    let known = ["Ready", "Reconciling", "Stalled", "Executed", "Conflicting"];
    if let Some(other) = by_type.keys().find(|kind| !known.contains(&kind.as_str())) {
        return Err(format!("nobody knows {other}"));
    }
    counts(status, by_type.contains_key("Executed"))
}

/// Who is done has no request under way, and no event of its own that is still to be cancelled.
fn nothing_is_left(status: &Value) -> Result<(), String> {
    let empty = Vec::new();
    if status["submissions"].as_array().is_some_and(|records| !records.is_empty()) {
        return Err("done while a request is under way".to_owned());
    }
    let mut events = status["events"].as_array().unwrap_or(&empty).iter();
    let is_left = |event: &Value| {
        event["origin"] == "Created" && !event["superseded"].is_null() && event["shared"] != true
    };
    if events.any(is_left) { Err("done while events are to be cancelled".to_owned()) } else { Ok(()) }
}

/// Counts are those of the users, and Executed is said when all are.
fn counts(status: &Value, executed: bool) -> Result<(), String> {
    let empty = Vec::new();
    let users = status["users"].as_array().unwrap_or(&empty);
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
    use serde_json::json;

    use super::*;

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
