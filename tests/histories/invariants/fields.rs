//! When faults have stopped, every user that is reported as declared has its declared values; and whose
//! value was not taken, does not have it. What others change afterwards is theirs.

use jumpcloud_operator::api::condition::find;
use jumpcloud_operator::api::user_status::{InventoryEntry, UserStatus, reason, result};

use crate::api_server::Object;
use crate::clock::Ms;
use crate::declared;
use crate::history::History;
use crate::jumpcloud::{Author, User};

/// All values that are not as they are said to be: in the end, and whenever all users are reported as
/// declared.
pub fn check(history: &History) -> Vec<String> {
    let Some(object) = history.object() else { return Vec::new() };
    let mut found = at_the_end(history, &object);
    for (kept, object) in history.versions(object.uid).filter(|(_, object)| is_ready(object)) {
        let Object { spec, status, .. } = object;
        for row in &spec.desired.rows {
            let entry = status.inventory.iter().find(|entry| entry.username == row.username);
            let users = &history.world.jumpcloud.users;
            let user = entry.and_then(|entry| users.iter().find(|user| user.id == entry.id));
            let (Some(entry), Some(user)) = (entry, user) else {
                found.push(format!("{} is not ours at version {}", row.username, object.version));
                continue;
            };
            if !user.is_there(kept.at) {
                continue;
            }
            let mut missing = declared::missing(row, &user.fields_at(kept.at), &history.world);
            missing.retain(|name| !by_others(history, object, entry, user, name));
            if !missing.is_empty() {
                found.push(format!(
                    "{} is said to be as declared at {} without {missing:?}",
                    row.username, kept.at
                ));
            }
        }
    }
    found.truncate(5);
    found
}

/// Whether everything is said to be as the spec of that very version declares it.
fn is_ready(object: &Object) -> bool {
    let ready = find(&object.status.conditions, "Ready").is_some_and(|ready| ready.status == "True");
    ready && object.status.observed_generation == Some(object.generation)
}

fn at_the_end(history: &History, object: &Object) -> Vec<String> {
    let mut found = Vec::new();
    for line in &object.status.users {
        let Some(entry) = object.status.inventory.iter().find(|entry| entry.username == line.username) else {
            continue;
        };
        let Some(row) = object.spec.desired.rows.iter().find(|row| row.username == line.username) else {
            continue;
        };
        let jumpcloud = &history.world.jumpcloud;
        let Some(user) = jumpcloud.users.iter().find(|user| user.id == entry.id) else { continue };
        if user.deleted.is_some() {
            continue;
        }
        let missing = declared::missing(row, &user.fields, &history.world);
        if is_success(line) {
            let wrong = missing.iter().filter(|name| !by_others(history, object, entry, user, name));
            let wrong: Vec<_> = wrong.collect();
            if !wrong.is_empty() {
                found.push(format!("{} is {} without {wrong:?}", line.username, line.result));
            }
        } else if line.reason.as_deref() == Some(reason::FIELD_NOT_TAKEN)
            && missing.is_empty()
            && !user.changes.iter().any(|change| change.by == Author::Others)
        {
            found.push(format!("{} is said to lack a field and has them all", line.username));
        }
    }
    found
}

/// Whether a line says that the user is as declared.
pub fn is_success(line: &UserStatus) -> bool {
    [result::CREATED, result::UPDATED, result::UNCHANGED, result::ADOPTED].contains(&line.result.as_str())
}

/// Whether others changed the field after the look that found the row applied, or the state.
fn by_others(history: &History, object: &Object, entry: &InventoryEntry, user: &User, name: &str) -> bool {
    let field = name.split('.').next().unwrap();
    let applied = |other: &InventoryEntry| {
        other.id == entry.id
            && if field == "state" { other.state == entry.state } else { other.hash == entry.hash }
    };
    let mut since: Option<Ms> = None;
    let until = object.version;
    for (kept, object) in history.versions(object.uid).take_while(|(_, object)| object.version <= until) {
        let same = object.status.inventory.iter().any(applied);
        since = if same { since.or(Some(kept.at)) } else { None };
    }
    let Some(since) = since else { return false };
    let looks = &history.world.ledger.looks;
    let look = looks.iter().rev().find(|look| look.at <= since && look.asked.contains(&entry.username));
    let seen = look.map_or(0, |look| look.at);
    user.changes_of(field).any(|change| change.by == Author::Others && change.at >= seen)
}
