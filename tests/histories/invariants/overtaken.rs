//! No update is overtaken: as long as an update of a user may still come to pass, nothing with other
//! values is sent for that user.

use jumpcloud_operator::api::submission::Operation;
use serde_json::{Map, Value, json};

use crate::clock::Ms;
use crate::declared;
use crate::history::History;
use crate::jumpcloud::{Author, kept};

/// A change of one user: when it was sent, and by what.
struct Sent<'a> {
    name: String,
    id: &'a str,
    at: Ms,
    /// When it came to pass.
    ran: Option<Ms>,
    set: &'a Map<String, Value>,
}

/// All updates that came to pass after a later one with other values had been sent.
pub fn check(history: &History) -> Vec<String> {
    let sent = all(history);
    let mut found = Vec::new();
    for early in &sent {
        let Some(ran) = early.ran else { continue };
        for late in sent.iter().filter(|late| late.id == early.id && early.at < late.at && late.at < ran) {
            let other = early.set.iter().any(|(field, value)| {
                let new = late.set.get(field);
                match field.as_str() {
                    "id" => false,
                    "attributes" => {
                        let new = declared::listed(new);
                        new.iter().any(|(name, value)| {
                            let old = declared::listed(early.set.get("attributes"));
                            name != "hand" && old.get(name).is_some_and(|old| old != value)
                        })
                    }
                    name => new.is_some_and(|new| kept(name, new) != kept(name, value)),
                }
            });
            if other {
                found.push(format!("{} ran {} ms after {} was sent", early.name, ran - late.at, late.name));
            }
        }
    }
    found
}

fn all(history: &History) -> Vec<Sent<'_>> {
    let jumpcloud = &history.world.jumpcloud;
    let mut sent = Vec::new();
    for post in history.world.ledger.posts.iter().filter(|post| post.order.operation == Operation::Update) {
        let job = jumpcloud.jobs.iter().find(|job| job.nonce == post.nonce);
        for id in &post.order.members {
            let row = job.and_then(|job| job.rows.iter().find(|row| row.id.as_ref() == Some(id)));
            let set = post.rows.iter().find(|row| row.get("id") == Some(&json!(id)));
            let Some(set) = set else { continue };
            let ran = row.filter(|row| row.done && row.failed.is_none()).and_then(|row| row.runs);
            sent.push(Sent { name: post.nonce.clone(), id, at: post.at, ran, set });
        }
    }
    for (place, put) in history.world.ledger.puts.iter().enumerate() {
        let repair = &put.fix.repair;
        let user = jumpcloud.users.iter().find(|user| user.id == repair.id);
        let ran = user.and_then(|user| {
            let change = user.changes.iter().find(|change| change.by == Author::Repair(place));
            change.map(|change| change.at)
        });
        sent.push(Sent {
            name: format!("repair of {}", repair.username),
            id: &repair.id,
            at: put.at,
            ran,
            set: &repair.set,
        });
    }
    sent
}
