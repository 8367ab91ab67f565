//! Updates and repairs: only users that are ours, only what their row declared when the request was
//! intended, only what differed when they were looked at last, and nobody who is protected.

use jumpcloud_operator::api::submission::Operation;
use jumpcloud_operator::api::user_status::reason;
use jumpcloud_operator::users::protected::is_protected;
use jumpcloud_operator::users::row::DesiredRow;
use serde_json::{Map, Value, json};

use super::{failure, record};
use crate::api_server::Object;
use crate::clock::Ms;
use crate::declared;
use crate::history::History;
use crate::jumpcloud::{User, kept};

/// A change of one user that was sent.
struct Sent<'a> {
    /// What to call it.
    name: String,
    /// When it was intended, or announced.
    at: Ms,
    /// The object then.
    object: &'a Object,
    username: &'a str,
    id: &'a str,
    set: &'a Map<String, Value>,
    protected: &'a [String],
}

/// All updates that should not be.
pub fn check(history: &History) -> Vec<String> {
    let ledger = &history.world.ledger;
    let mut found = Vec::new();
    for post in ledger.posts.iter().filter(|post| post.order.operation == Operation::Update) {
        let Some((at, object)) = history.intent(post) else { continue };
        let Some(intent) = record(&object.status, &post.nonce) else { continue };
        for (index, (username, id)) in intent.usernames.iter().zip(&intent.members).enumerate() {
            let Some(set) = post.rows.iter().find(|row| row.get("id") == Some(&json!(id))) else {
                found.push(format!("{} does not carry {id}", post.nonce));
                continue;
            };
            let name = format!("{} for {username}", post.nonce);
            let sent = Sent { name, at, object, username, id, set, protected: &post.order.sender.protected };
            found.extend(problems(history, &sent, Some(&intent.row_hashes[index])));
        }
        if post.rows.len() != intent.members.len() {
            found.push(format!("{} carries {} users", post.nonce, post.rows.len()));
        }
    }
    for put in &ledger.puts {
        let fix = &put.fix;
        let username = fix.repair.username.as_str();
        let Some((kept, object)) =
            history.versions(fix.uid).find(|(_, object)| object.version == fix.version)
        else {
            continue;
        };
        let announced = failure(&object.status, username)
            .is_some_and(|failure| failure.reason == reason::FIELD_NOT_TAKEN && failure.retry_time.is_some());
        if !announced {
            found.push(format!("the repair of {username} was not announced"));
        }
        if object.status.organization_id.as_ref() != Some(&fix.organization) {
            found.push(format!("{username} was repaired in {}", fix.organization));
        }
        if fix.sender.forbidden || object.spec.manifest.paused || !object.spec.desired.problems.is_empty() {
            found.push(format!("{username} was repaired although nothing may be written"));
        }
        let sent = Sent {
            name: format!("repair of {username}"),
            at: kept.at,
            object,
            username,
            id: &fix.repair.id,
            set: &fix.repair.set,
            protected: &fix.sender.protected,
        };
        found.extend(problems(history, &sent, None));
    }
    found
}

fn problems(history: &History, sent: &Sent<'_>, hash: Option<&String>) -> Vec<String> {
    let name = &sent.name;
    let rows = &sent.object.spec.desired.rows;
    let Some(row) = rows.iter().find(|row| row.username == sent.username) else {
        return vec![format!("{name}: nobody declares the user")];
    };
    let Some(user) = history.world.jumpcloud.users.iter().find(|user| user.id == sent.id) else {
        return vec![format!("{name}: there is no such user")];
    };
    let mut found = Vec::new();
    if hash.is_some_and(|hash| *hash != row.hash) {
        found.push(format!("{name}: the row is another one"));
    }
    // The intent itself empties the hash: what counts is the version that it was planned from.
    let before =
        history.versions(sent.object.uid).filter(|(_, other)| other.version < sent.object.version).last();
    let applied = before.is_some_and(|(_, before)| {
        let entries = &before.status.inventory;
        failure(&before.status, sent.username).is_none_or(|failure| failure.hash != row.hash)
            && entries.iter().any(|entry| entry.id == sent.id && entry.hash == row.hash)
    });
    if applied {
        found.push(format!("{name}: the row had not changed"));
    }
    let ours = &sent.object.status.inventory;
    if !ours.iter().any(|entry| entry.id == sent.id && entry.username == sent.username) {
        found.push(format!("{name}: the user is not ours"));
    }
    if is_protected(sent.protected, sent.username) {
        found.push(format!("{name}: the user is protected"));
    }
    found.extend(values(history, sent, row, user));
    found
}

fn values(history: &History, sent: &Sent<'_>, row: &DesiredRow, user: &User) -> Vec<String> {
    let name = &sent.name;
    let looks = &history.world.ledger.looks;
    let look = looks.iter().rev().find(|look| look.at <= sent.at && look.ids.iter().any(|id| id == sent.id));
    let Some(seen) = look.map(|look| user.fields_at(look.at)) else {
        return vec![format!("{name}: nobody had looked at the user")];
    };
    let mut found = Vec::new();
    let may = declared::fields(row);
    for (field, value) in sent.set.iter().filter(|(field, _)| *field != "id") {
        let field = field.as_str();
        if !may.contains(&field) {
            found.push(format!("{name}: {field} is not declared"));
        } else if field == "attributes" {
            found.extend(attributes(value, row, &seen).map(|text| format!("{name}: {text}")));
        } else if field == "manager" && row.fields.contains_key("manager") {
            let users = &history.world.jumpcloud.users;
            if !users.iter().any(|user| *value == user.id && declared::is_manager(row, user, &history.world))
            {
                found.push(format!("{name}: {value} is not the declared manager"));
            }
        } else if kept(field, value) != kept(field, &declared::value(row, field)) {
            found.push(format!("{name}: {field} is declared otherwise than {value}"));
        }
        if kept(field, value).as_ref() == seen.get(field) {
            found.push(format!("{name}: the user had {field} already"));
        }
    }
    if sent.set.keys().all(|field| field == "id") {
        found.push(format!("{name}: nothing is set"));
    }
    found
}

/// Attributes are replaced as a whole: what is neither declared nor cleared is sent as it was.
fn attributes<'a>(
    sent: &Value,
    row: &'a DesiredRow,
    seen: &'a Map<String, Value>,
) -> impl Iterator<Item = String> + use<'a> {
    let sent = declared::listed(Some(sent));
    let before = declared::listed(seen.get("attributes"));
    let wanted = declared::attributes(row);
    let mut names: Vec<String> = sent.keys().chain(before.keys()).chain(wanted.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.into_iter().filter_map(move |name| {
        let due = match wanted.get(&name) {
            Some(value) => Some(value),
            None if declared::clears(row, &name) => None,
            None => before.get(&name),
        };
        (sent.get(&name) != due)
            .then(|| format!("attribute {name} is sent as {:?}, due is {due:?}", sent.get(&name)))
    })
}
