//! Schedules whose status somebody else has written.
//!
//! As with batches: statuses of honest passes are mutated as JSON and planned from again. One part of a status is
//! believed, because only looking at JumpCloud could tell better: of `events` those that a listing has shown to be exactly
//! what the record says. In every test nobody is sent while another request has it (`world.rs`).

mod world;

use std::collections::BTreeSet;

use jumpcloud_operator::api::schedule_status::ScheduledUserStateStatus as Status;
use jumpcloud_operator::api::submission::Recorded;
use jumpcloud_operator::users::clean;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};

use self::world::{Deed, Live, World};
use crate::documents::{Mutation, mutated, mutations, text};
use crate::forbids::Forbids;
use crate::{check, unfit};

/// A schedule: soon, far away, or of the past.
fn spec() -> BoxedStrategy<Value> {
    let times =
        vec!["2027-01-01T00:05:00Z", "2027-01-02T08:00:30Z", "2027-02-01T08:00:00Z", "2026-12-31T23:50:00Z"];
    let policies = select(vec!["Fail", "ApplyNow", "Skip"]);
    let deletions = select(vec!["Cancel", "CancelAll", "Retain"]);
    (1..5_usize, select(times), policies, deletions, any::<[bool; 4]>())
        .prop_map(|(users, time, missed, deletion, [activate, mail, paused, batch])| {
            let user = |i: usize| match i % 3 {
                0 => json!({"username": format!("u{i}")}),
                1 => json!({"id": format!("idu{i}")}),
                _ => json!({"email": format!("u{i}@example.com")}),
            };
            let users: Vec<Value> = (0..users).map(user).collect();
            let mut spec = json!({"users": users, "startTime": time, "missedPolicy": missed, "deletionPolicy": deletion,
                "paused": paused && mail, "state": if activate { "Activated" } else { "Suspended" }});
            if batch {
                spec["usersFromBatch"] = json!({"name": "sales"});
            }
            if activate && mail {
                spec["activationEmails"] = json!({"send": false});
            }
            spec
        })
        .boxed()
}

/// What a status is made from: so many honest passes, what befell them, and what somebody did to it then.
fn history() -> BoxedStrategy<(usize, Vec<u8>, Vec<Mutation>)> {
    (0..6_usize, vec(any::<u8>(), 0..12), mutations(8)).boxed()
}

/// The world that honest passes have made.
fn honest(spec: &Value, passes: usize, luck: &[u8]) -> Result<World, TestCaseError> {
    let mut world = World::new(spec, Live::Users, luck);
    world.era = "before";
    for _ in 0..passes {
        world.pass()?;
        world.wait();
    }
    Ok(world)
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

fn sends(deeds: &BTreeSet<Deed>) -> BTreeSet<&str> {
    deeds.iter().filter(|deed| deed.what == "send").map(|deed| deed.to.as_str()).collect()
}

const LIVES: [Live; 3] = [Live::Nothing, Live::Users, Live::Everything];

#[test]
fn honest_passes_end_and_say_nothing_private() {
    check(file!(), 150, &(spec(), 1..8_usize, vec(any::<u8>(), 0..20)), |(spec, passes, luck)| {
        let status = honest(&spec, passes, &luck)?.status;
        for message in status.users.iter().filter_map(|user| user.message.as_ref()) {
            prop_assert_eq!(unfit(message, clean::MAX_MESSAGE), None);
            prop_assert!(!message.contains('@'), "{}", message);
        }
        for condition in &status.conditions {
            prop_assert_eq!(unfit(&condition.message, 16 * 1024), None);
            prop_assert!(!condition.message.contains('@'), "{}", condition.message);
        }
        let stored = serde_json::to_value(&status).unwrap();
        prop_assert_eq!(serde_json::from_value::<Status>(stored).unwrap(), status);
        Ok(())
    });
}

#[test]
fn a_forged_status_does_nothing_that_an_empty_one_would_not() {
    let case = (spec(), history(), select(LIVES.as_slice()), vec(any::<u8>(), 0..8));
    check(file!(), 250, &case, |(spec, (passes, luck, changes), live, later)| {
        let before = honest(&spec, passes, &luck)?;
        let Some(status) = forged(&before.status, &changes) else { return Ok(()) };
        let mut empty = World::new(&spec, live, &[]);
        let mut may = deeds(&mut empty)?;
        // Who comes too late after one status may still be in time after the other, and the other way round.
        let mut late = World::new(&spec, live, &[]);
        late.now = "2027-01-01T00:06:00Z".parse().unwrap();
        may.extend(deeds(&mut late)?);
        let mut world = World::new(&spec, live, &later);
        world.status = status.clone();
        let done = deeds(&mut world)?;
        prop_assert!(sends(&done).is_subset(&sends(&may)), "{:?} of {:?} from {:#?}", done, may, status);
        Ok(())
    });
}

#[test]
fn what_forbids_to_send_forbids_it_whatever_status_says() {
    let case = (
        spec(),
        history(),
        select(LIVES.as_slice()),
        select(Forbids::ALL.as_slice()),
        vec(any::<u8>(), 0..8),
    );
    check(file!(), 250, &case, |(spec, (passes, luck, changes), live, forbids, later)| {
        let Some(mut status) = forged(&honest(&spec, passes, &luck)?.status, &changes) else { return Ok(()) };
        if forbids == Forbids::Organisation {
            status.organization_id = Some("org".to_owned());
        }
        let mut world = World::new(&spec, live, &later);
        (world.status, world.forbids, world.finalizer) = (status, Some(forbids), true);
        let done = deeds(&mut world)?;
        let cancels = matches!(forbids, Forbids::Deleting | Forbids::Pause);
        prop_assert!(done.iter().all(|deed| cancels && deed.what == "cancel"), "{:?}", done);
        Ok(())
    });
}

/// What somebody who knows everything would write: events of others, as this object's. Where JumpCloud shows the
/// events of some users alone, an id that the record calls `Created` is taken for one of this object's requests.
#[test]
fn what_a_forged_event_names_is_compared_with_what_is_listed() {
    let name = |names: &'static [&'static str]| select(names).prop_map(str::to_owned);
    let event = (
        name(&["idroot", "idu0", "idu5"]),
        name(&["job-a", "job-b", "job-c", "theirs-0", "theirs-1", "nowhere"]),
        name(&["Created", "Adopted"]),
        prop::option::of((
            name(&["Activated", "Suspended", "?"]),
            name(&["2027-02-01T08:00:00Z", "2027-02-01T08:00:20Z", "?"]),
        )),
    );
    let event = event.prop_map(|(id, job, origin, replaced)| {
        let mut event = json!({"id": id, "scheduledJobID": job, "origin": origin});
        if let Some((state, time)) = replaced {
            event["superseded"] = json!({"state": state, "time": time});
        }
        event
    });
    let case = (spec(), vec(event, 1..6), any::<bool>(), select(LIVES.as_slice()), vec(any::<u8>(), 0..8));
    check(file!(), 200, &case, |(mut spec, events, deleting, live, luck)| {
        spec["startTime"] = json!("2027-02-01T08:00:00Z");
        let status = json!({"events": events, "organizationID": "org", "scheduledTime": "2027-02-01T08:00:00Z",
            "scheduledState": spec["state"]});
        let mut world = World::new(&spec, live, &luck);
        (world.status, world.finalizer) = (serde_json::from_value(status).unwrap(), true);
        world.forbids = deleting.then_some(Forbids::Deleting);
        let done = deeds(&mut world)?;
        prop_assert!(!sends(&done).contains("idroot"), "{:?}", done);
        // Both are of another user of the same scheduled job, or of the other state.
        let named: BTreeSet<&str> = events.iter().filter_map(|event| event["id"].as_str()).collect();
        let cancelled = done.iter().filter(|deed| deed.what == "cancel");
        for deed in cancelled {
            let ours = deed.to.strip_prefix("idu").is_some_and(|user| user < "5");
            prop_assert!(ours || named.contains(deed.to.as_str()), "{:?}", done);
        }
        Ok(())
    });
}

#[test]
fn a_newer_or_unreadable_record_stops_everything_and_stays() {
    let record = json!({"nonce": "n9", "recordVersion": 2, "operation": "Schedule", "members": ["idu0"],
        "phase": "Rejected", "state": "Suspended", "time": "2027-02-01T08:00:00Z", "payload": {"new": [1, "a"]}});
    let case = (spec(), history(), mutations(5), select(LIVES.as_slice()));
    check(file!(), 200, &case, |(spec, (passes, luck, changes), odd, live)| {
        let Some(mut status) = forged(&honest(&spec, passes, &luck)?.status, &changes) else { return Ok(()) };
        let Ok(record) = serde_json::from_value::<Recorded>(mutated(record.clone(), &odd)) else {
            return Ok(());
        };
        prop_assert!(record.known().is_none());
        status.submissions.push(record);
        status.conditions.clear();
        let mut world = World::new(&spec, live, &luck);
        world.status = status.clone();
        prop_assert_eq!(deeds(&mut world)?, BTreeSet::new());
        let said = world.status.conditions.iter().find(|condition| condition.type_ == "Ready");
        prop_assert_eq!(said.map(|condition| condition.reason.as_str()), Some("NewerVersion"));
        let observed_generation = status.observed_generation;
        prop_assert_eq!(Status { conditions: Vec::new(), observed_generation, ..world.status }, status);
        Ok(())
    });
}

#[test]
fn annotations_may_say_anything() {
    let annotation = || prop::option::of(text());
    let case = (spec(), history(), annotation(), annotation(), annotation());
    check(file!(), 200, &case, |(spec, (passes, luck, _), requested, retry, resolve)| {
        let status = honest(&spec, passes, &luck)?.status;
        let mut world = World::new(&spec, Live::Everything, &luck);
        (world.requested_at, world.retry_failed, world.resolve) = (requested, retry, resolve);
        world.status = status;
        deeds(&mut world)?;
        Ok(())
    });
}

/// Users as somebody would write them who knows ids of JumpCloud: any id and any name for any row, or as of the batch.
#[test]
fn forged_users_reach_nobody_who_is_not_declared() {
    let id = prop::option::of(select(vec!["idu0", "idu1", "idu3", "idu5", "idroot", "nowhere"]));
    let name = prop::option::of(select(vec!["u0", "u1", "u3", "u5", "root.admin", "harmless"]));
    let result =
        select(vec!["Pending", "Scheduled", "Missed", "Failed", "NotFound", "Conflict", "Held", "?"]);
    let user = (prop::option::of(0..6_u32), id, name, result);
    let case = (spec(), vec(user, 1..8), select(LIVES.as_slice()), vec(any::<u8>(), 0..8));
    check(file!(), 300, &case, |(spec, users, live, luck)| {
        let users: Vec<Value> = users
            .iter()
            .map(|(row, id, name, result)| {
                let mut user = json!({"row": row, "id": id, "username": name, "result": result});
                user.as_object_mut().unwrap().retain(|_, value| !value.is_null());
                user
            })
            .collect();
        let mut world = World::new(&spec, live, &luck);
        world.status = serde_json::from_value(json!({"organizationID": "org", "users": users,
            "scheduledTime": spec["startTime"], "scheduledState": spec["state"]}))
        .unwrap();
        let done = deeds(&mut world)?;
        let rows = spec["users"].as_array().unwrap().len();
        let declared = |id: &str| {
            let number: usize = id.strip_prefix("idu").and_then(|number| number.parse().ok()).unwrap_or(9);
            number < rows || (spec.get("usersFromBatch").is_some() && (number == 3 || number == 4))
        };
        let stranger = sends(&done).into_iter().find(|id| !declared(id)).map(str::to_owned);
        prop_assert_eq!(stranger, None, "{:?}", done);
        Ok(())
    });
}
