//! A state that was changed by hand is never put back: we set a state only when the row did not declare
//! it at the time when the user was last found as declared.

use serde_json::Value;

use crate::clock::Ms;
use crate::history::History;
use crate::jumpcloud::{Author, User};

/// All states that were corrected.
pub fn check(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for user in &history.world.jumpcloud.users {
        for change in user.changes_of("state") {
            let (intended, uid) = match change.by {
                Author::Others => continue,
                Author::Job(job) => {
                    let job = &history.world.jumpcloud.jobs[job];
                    (history.intended(job), job.uid)
                }
                Author::Repair(place) => {
                    let put = &history.world.ledger.puts[place];
                    let version = history.versions(put.fix.uid).find(|(_, o)| o.version == put.fix.version);
                    (version.map_or(put.at, |(kept, _)| kept.at), put.fix.uid)
                }
            };
            let state = change.set["state"].as_str().unwrap();
            if applied_all_along(history, user, state, uid, intended) {
                found.push(format!("{} was set to {state} again", user.username));
            }
        }
    }
    found
}

/// Whether the row was once applied with that state, and declared nothing else up to that time.
fn applied_all_along(history: &History, user: &User, state: &str, uid: u32, until: Ms) -> bool {
    let mut applied = false;
    for (kept, object) in history.versions(uid) {
        if kept.at >= until {
            break;
        }
        let row = object.spec.desired.rows.iter().find(|row| row.username == user.username);
        let declared =
            row.and_then(|row| row.fields.get("state")).and_then(Value::as_str).map(str::to_uppercase);
        if declared.as_deref() != Some(state) {
            applied = false;
            continue;
        }
        let hash = row.map(|row| &row.hash);
        applied |=
            object.status.inventory.iter().any(|entry| entry.id == user.id && Some(&entry.hash) == hash);
        applied &= object.status.inventory.iter().any(|entry| entry.id == user.id);
    }
    applied
}
