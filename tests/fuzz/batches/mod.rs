//! Batches whose status somebody else has written.
//!
//! Statuses come from honest passes, are mutated as JSON, and are planned from again, in a world that has none
//! of the users, and in one that has all of them. `inventory` says which users are the object's: a forged one is
//! believed of users that have the declared username or address, and of nobody else. In every test nobody is sent
//! whom the rows do not name, nobody twice, and nobody while another request has it (`world.rs`).

mod world;

use std::collections::BTreeSet;

use jumpcloud_operator::api::submission::Recorded;
use jumpcloud_operator::api::user_status::JumpCloudUserBatchStatus as Status;
use jumpcloud_operator::plan::identity::identity;
use jumpcloud_operator::users::clean;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use serde_json::{Value, json};

use self::world::{Deed, Live, World};
use crate::documents::{Mutation, mutated, mutations, text};
use crate::forbids::Forbids;
use crate::{check, unfit};

/// A list of users.
fn spec() -> BoxedStrategy<Value> {
    (1..6_usize, 1..4_u32, any::<bool>(), 0..3_u32)
        .prop_map(|(users, size, state, retries)| {
            let user = |i: usize| {
                let mut user = json!({"username": format!("u{i}"), "email": format!("u{i}@example.com"),
                    "department": format!("secret{i}")});
                if state {
                    user["state"] = json!("Activated");
                }
                user
            };
            let users: Vec<Value> = (0..users).map(user).collect();
            json!({"users": users, "batchSize": size, "retry": {"limit": retries}})
        })
        .boxed()
}

/// What a status is made from: so many honest passes, what befell them, and what somebody did to it then.
fn history() -> BoxedStrategy<(usize, Vec<u8>, Vec<Mutation>)> {
    (0..6_usize, vec(any::<u8>(), 0..12), mutations(8)).boxed()
}

/// A status that honest passes have written.
fn honest(spec: &Value, passes: usize, luck: &[u8]) -> Result<Status, TestCaseError> {
    let mut world = World::new(spec, Live::Growing, luck);
    world.era = "before";
    for _ in 0..passes {
        world.pass()?;
        world.wait();
    }
    Ok(world.status)
}

/// As the API server stores it, or nothing when it cannot be read any more: then there is no pass.
fn forged(honest: &Status, mutations: &[Mutation]) -> Option<Status> {
    serde_json::from_value(mutated(serde_json::to_value(honest).unwrap(), mutations)).ok()
}

/// What passes over a status do.
fn deeds(world: &mut World) -> Result<BTreeSet<Deed>, TestCaseError> {
    let mut deeds = BTreeSet::new();
    for _ in 0..4 {
        deeds.extend(world.pass()?);
        world.wait();
    }
    Ok(deeds)
}

#[test]
fn honest_passes_end_and_say_nothing_private() {
    check(file!(), 150, &(spec(), 1..8_usize, vec(any::<u8>(), 0..20)), |(spec, passes, luck)| {
        let status = honest(&spec, passes, &luck)?;
        let messages = status.users.iter().filter_map(|user| user.message.as_ref());
        for message in messages {
            prop_assert_eq!(unfit(message, clean::MAX_MESSAGE), None);
            prop_assert!(!message.contains('@') && !message.contains("secret"), "{}", message);
        }
        for condition in &status.conditions {
            prop_assert_eq!(unfit(&condition.message, 16 * 1024), None);
            prop_assert!(!condition.message.contains('@'), "{}", condition.message);
        }
        // What is written is read again as it is.
        let stored = serde_json::to_value(&status).unwrap();
        prop_assert_eq!(serde_json::from_value::<Status>(stored).unwrap(), status);
        Ok(())
    });
}

#[test]
fn a_forged_status_sends_nothing_that_an_empty_one_would_not() {
    let case = (spec(), history(), any::<bool>(), vec(any::<u8>(), 0..8));
    check(file!(), 250, &case, |(spec, (passes, luck, changes), all_there, later)| {
        let Some(status) = forged(&honest(&spec, passes, &luck)?, &changes) else { return Ok(()) };
        let live = if all_there { Live::Equal } else { Live::Nobody };
        let may = deeds(&mut World::new(&spec, live, &[]))?;
        prop_assert_eq!(may.is_empty(), all_there, "users that exist are conflicts");
        let mut world = World::new(&spec, live, &later);
        world.status = status;
        let done = deeds(&mut world)?;
        prop_assert!(done.is_subset(&may), "{:?} of {:?}", done, may);
        Ok(())
    });
}

/// A request as somebody would write it who knows the list: of these users, with this row and this identity, by a
/// request of that kind in that phase.
type Forged = (Vec<usize>, bool, bool, &'static str, &'static str);

fn requests() -> BoxedStrategy<Vec<Forged>> {
    let phase = select(vec!["Intended", "Accepted", "Unknown", "Rejected", "Rejected"]);
    let operation = select(vec!["Create", "Create", "Update", "Schedule"]);
    vec((vec(0..6_usize, 1..4), any::<bool>(), any::<bool>(), operation, phase), 1..5).boxed()
}

#[test]
fn forged_requests_send_nobody_twice() {
    let case = (spec(), requests(), any::<bool>(), vec(any::<u8>(), 0..8));
    check(file!(), 200, &case, |(spec, requests, all_there, luck)| {
        let live = if all_there { Live::Equal } else { Live::Nobody };
        let may = deeds(&mut World::new(&spec, live, &[]))?;
        let mut world = World::new(&spec, live, &luck);
        let rows = &world.desired.rows;
        let records = requests.iter().enumerate().map(|(index, (users, same_row, same_user, operation, phase))| {
            let nonce = format!("forged{index}");
            let users: Vec<_> = users.iter().map(|user| &rows[user % rows.len()]).collect();
            let names: Vec<&str> = users.iter().map(|row| row.username.as_str()).collect();
            let ids: Vec<String> = names.iter().map(|name| format!("id{name}")).collect();
            let hash = |hash: &str| if *same_row { hash.to_owned() } else { "another".to_owned() };
            let email = |email: &str| if *same_user { email.to_owned() } else { "another".to_owned() };
            json!({"nonce": nonce, "recordVersion": 1, "operation": operation, "phase": phase, "jobID": "job",
                "members": if *operation == "Create" { json!(names) } else { json!(ids) }, "usernames": names,
                "rowHashes": users.iter().map(|row| hash(&row.hash)).collect::<Vec<_>>(),
                "identities": users.iter().map(|row| identity(&nonce, &row.username, &email(&row.email))).collect::<Vec<_>>(),
                "payloadHash": "p", "organizationID": "org", "intentTime": "2010-01-01T00:00:00Z",
                "submitBy": "2010-01-01T00:00:20Z", "acceptTime": "2026-12-31T23:59:59Z"})
        });
        let records: Vec<Value> = records.collect();
        world.status =
            serde_json::from_value(json!({"organizationID": "org", "submissions": records})).unwrap();
        let done = deeds(&mut world)?;
        prop_assert!(done.is_subset(&may), "{:?} of {:?}", done, may);
        Ok(())
    });
}

#[test]
fn who_is_protected_is_safe_from_a_forged_inventory() {
    let case = (spec(), history(), vec(any::<u8>(), 0..8));
    check(file!(), 200, &case, |(spec, (passes, luck, changes), later)| {
        let Some(mut status) = forged(&honest(&spec, passes, &luck)?, &changes) else { return Ok(()) };
        for entry in &mut status.inventory {
            "idroot".clone_into(&mut entry.id);
            // So that it is compared with its row.
            entry.hash.clear();
        }
        let mut world = World::new(&spec, Live::Equal, &later);
        world.status = status;
        let touched = deeds(&mut world)?.into_iter().find(|deed| deed.user == "idroot");
        prop_assert_eq!(touched, None);
        Ok(())
    });
}

#[test]
fn what_forbids_to_send_forbids_it_whatever_status_says() {
    let case = (spec(), history(), any::<bool>(), select(Forbids::ALL.as_slice()));
    check(file!(), 150, &case, |(spec, (passes, luck, changes), all_there, forbids)| {
        let Some(mut status) = forged(&honest(&spec, passes, &luck)?, &changes) else { return Ok(()) };
        if forbids == Forbids::Organisation {
            status.organization_id = Some("org".to_owned());
        }
        let mut world = World::new(&spec, if all_there { Live::Equal } else { Live::Nobody }, &luck);
        (world.status, world.forbids) = (status, Some(forbids));
        prop_assert_eq!(deeds(&mut world)?, BTreeSet::new());
        Ok(())
    });
}

/// Nothing happens, and nothing but conditions and their generation changes.
fn stands_still(spec: &Value, status: Status, live: Live, luck: &[u8]) -> TestCaseResult {
    let mut world = World::new(spec, live, luck);
    world.status = status.clone();
    prop_assert_eq!(deeds(&mut world)?, BTreeSet::new());
    let said = world.status.conditions.first().map(|condition| condition.reason.clone());
    prop_assert_eq!(said.as_deref(), Some("NewerVersion"));
    let (conditions, observed_generation) = (status.conditions.clone(), status.observed_generation);
    prop_assert_eq!(Status { conditions, observed_generation, ..world.status }, status);
    Ok(())
}

#[test]
fn a_newer_or_unreadable_record_stops_everything_and_stays() {
    let record = json!({"nonce": "n9", "recordVersion": 2, "operation": "Create", "members": ["u0"],
        "phase": "Rejected", "payload": {"new": [1, "a"]}});
    let case = (spec(), history(), mutations(5), any::<bool>());
    check(file!(), 200, &case, |(spec, (passes, luck, changes), odd, all_there)| {
        let Some(mut status) = forged(&honest(&spec, passes, &luck)?, &changes) else { return Ok(()) };
        let Ok(record) = serde_json::from_value::<Recorded>(mutated(record.clone(), &odd)) else {
            return Ok(());
        };
        prop_assert!(record.known().is_none());
        status.submissions.push(record);
        status.conditions.clear();
        stands_still(&spec, status, if all_there { Live::Equal } else { Live::Nobody }, &luck)
    });
}

#[test]
fn annotations_may_say_anything() {
    let annotation = || prop::option::of(text());
    let case = (spec(), history(), annotation(), annotation(), annotation());
    check(file!(), 200, &case, |(spec, (passes, luck, _), requested, retry, resolve)| {
        let status = honest(&spec, passes, &luck)?;
        let mut world = World::new(&spec, Live::Equal, &luck);
        (world.requested_at, world.retry_failed, world.resolve) = (requested, retry, resolve);
        world.status = status;
        prop_assert_eq!(deeds(&mut world)?, BTreeSet::new());
        Ok(())
    });
}

/// Inventories as somebody would write them who knows ids of JumpCloud: any id beside any name, with any hash.
#[test]
fn a_forged_inventory_reaches_nobody_who_is_not_declared() {
    let name = select(vec!["u0", "u1", "u2", "u3", "eve", "root.admin"]);
    let id = select(vec!["idu0", "idu1", "idu2", "idu7", "ideve", "idroot", "nowhere"]);
    let entry =
        (name, id, select(vec!["", "another"]), prop::option::of(select(vec!["Activated", "Suspended"])));
    let case = (
        spec(),
        vec(entry, 1..8),
        select(vec![Live::Equal, Live::Bare, Live::Nobody]),
        vec(any::<u8>(), 0..8),
    );
    check(file!(), 300, &case, |(spec, entries, live, luck)| {
        let entries: Vec<Value> = entries
            .iter()
            .map(|(name, id, hash, state)| json!({"username": name, "id": id, "hash": hash, "state": state}))
            .collect();
        let mut world = World::new(&spec, live, &luck);
        world.status =
            serde_json::from_value(json!({"organizationID": "org", "inventory": entries})).unwrap();
        let done = deeds(&mut world)?;
        // `World::is_declared` has looked at each of them.
        let stranger =
            done.iter().find(|deed| ["idu7", "ideve", "idroot", "nowhere"].contains(&deed.user.as_str()));
        prop_assert_eq!(stranger, None);
        Ok(())
    });
}

/// A status of one object in another one, as after a copy or a restore gone wrong.
#[test]
fn the_status_of_another_object_sends_nothing_that_an_empty_one_would_not() {
    let case = (spec(), spec(), history(), any::<bool>(), vec(any::<u8>(), 0..8));
    check(file!(), 150, &case, |(spec, other, (passes, luck, changes), all_there, later)| {
        let text = other.to_string().replace("\"u", "\"other").replace("secret", "elsewhere");
        // Of other people, and of some of the same.
        let elsewhere = if luck.len() % 2 == 0 { serde_json::from_str(&text).unwrap() } else { other };
        let Some(status) = forged(&honest(&elsewhere, passes, &luck)?, &changes) else { return Ok(()) };
        let live = if all_there { Live::Equal } else { Live::Nobody };
        let may = deeds(&mut World::new(&spec, live, &[]))?;
        let mut world = World::new(&spec, live, &later);
        world.status = status;
        let done = deeds(&mut world)?;
        prop_assert!(done.is_subset(&may), "{:?} of {:?}", done, may);
        Ok(())
    });
}
