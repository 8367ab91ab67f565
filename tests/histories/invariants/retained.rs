//! Users that are ours stay so: an entry of the inventory goes only with its status, or when its user
//! is another one by now; whoever is off the list has a time of removal, and nobody else has one.

use std::collections::BTreeMap;

use crate::api_server::{Cause, Object};
use crate::history::History;

/// All entries that got lost or lie.
pub fn check(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    let mut before: Option<&Object> = None;
    for kept in &history.world.api.versions {
        let Some(object) = kept.object.as_deref() else {
            before = None;
            continue;
        };
        if kept.cause == Cause::Loss {
            before = None;
        }
        let now: BTreeMap<&str, &str> =
            object.status.inventory.iter().map(|e| (e.username.as_str(), e.id.as_str())).collect();
        let old = before.filter(|before| before.uid == object.uid);
        for entry in old.iter().flat_map(|before| &before.status.inventory) {
            let users = &history.world.jumpcloud.users;
            let gone = users.iter().any(|user| user.id == entry.id && user.deleted.is_some());
            match now.get(entry.username.as_str()) {
                None => found.push(format!("{} is not ours any more", entry.username)),
                Some(id) if *id != entry.id && !gone => {
                    found.push(format!("{} was {} and is {id}", entry.username, entry.id));
                }
                Some(_) => {}
            }
        }
        before = Some(object);
    }
    if let Some(object) = history.object() {
        for entry in &object.status.inventory {
            let listed = object.spec.desired.rows.iter().any(|row| row.username == entry.username);
            if listed == entry.removal_time.is_some() {
                found.push(format!("{} is {:?} and listed {listed}", entry.username, entry.removal_time));
            }
        }
    }
    found
}
