//! What somebody may bring about who can write `status`. Job ids and records of schedules: `schedules/forged.rs`.

use std::time::Duration;

use jumpcloud_operator::api::submission::Recorded;
use jumpcloud_sim::ledger::{Entry, What};
use jumpcloud_sim::{DEFAULT_ORGANISATION, FaultRule, Route, Settings, Sim};
use serde_json::{Value, json};

use crate::failures::annotate;
use crate::harness::manifests::{plain_users, users};
use crate::harness::operator::QUICK;
use crate::harness::schedules::{Calendar, ahead, by_username, dates_of};
use crate::harness::wait::eventually;
use crate::harness::world::{PATIENCE, World};

const OTHER: &str = "5f0c1d2e3a4b5c6d7e8f9a02";

/// Writes over parts of a status.
fn forge(world: &World, kind: &str, name: &str, status: &Value) {
    let patch = json!({"status": status}).to_string();
    world.kubectl(&["patch", kind, name, "--subresource=status", "--type=merge", "-p", &patch]);
}

fn stranger(world: &World, username: &str) -> String {
    let email = format!("{username}@theirs.example.com");
    let user = json!({"username": username, "email": email, "state": "ACTIVATED", "company": "Theirs"});
    world.sim.add_user(DEFAULT_ORGANISATION, &user).expect("a user")
}

/// Writes that name a user by id.
fn writes_naming(sim: &Sim, id: &str) -> Vec<Entry> {
    let names = |entry: &Entry| match &entry.what {
        What::Request(request) => request.method != "GET" && request.ids.iter().any(|named| named == id),
        What::ScheduleAdded { event, .. } => event.user_id == id,
        _ => false,
    };
    sim.ledger().into_iter().filter(names).collect()
}

/// Records with made-up nonces, jobs, members and phases: of users that are ours, of one that is not declared, and of
/// one that is not ours. All are settled by looking, and none by sending.
#[tokio::test(flavor = "multi_thread")]
async fn case_07_forged_requests_of_a_batch_cause_no_post() {
    let world = World::new("abuse-records", Settings::default()).await;
    let _operator = world.operator(QUICK);
    let eve = stranger(&world, "eve");
    world.apply_batch("sales", &json!({"users": plain_users("u", 2)}));
    let status = world.reason("sales", "Succeeded").await;
    let before = world.sim.users();
    let (row, ours) = (status.inventory[0].hash.clone(), status.inventory[0].id.clone());
    let record = |nonce: &str, operation: &str, phase: &str, members: &[&str], names: &[&str]| {
        let each = |text: &str| vec![text.to_owned(); members.len()];
        let mut record = json!({
            "nonce": nonce, "recordVersion": 1, "operation": operation, "phase": phase, "members": members,
            "rowHashes": each(&row), "identities": each("0123456789abcdef"), "payloadHash": "0",
            "organizationID": DEFAULT_ORGANISATION, "intentTime": ahead(-30).to_string(),
            "submitBy": ahead(-10).to_string(),
        });
        if operation == "Update" {
            record["usernames"] = json!(names);
        }
        if phase == "Accepted" {
            record["jobID"] = json!("5f0c1d2e3a4b5c6d7e8f9b99");
            record["acceptTime"] = json!(ahead(-9).to_string());
        }
        record
    };
    let records = json!([
        record("f1", "Create", "Intended", &["mallory"], &[]),
        record("f2", "Create", "Unknown", &["u0000"], &[]),
        record("f3", "Create", "Rejected", &["eve"], &[]),
        record("f4", "Create", "Rejected", &["u0001"], &[]),
        record("f5", "Create", "Accepted", &["eve"], &[]),
        record("f6", "Update", "Intended", &[&eve], &["u0000"]),
        record("f7", "Update", "Rejected", &[&eve], &["u0001"]),
        record("f8", "Update", "Accepted", &[&ours, &eve], &["u0000", "u0001"]),
    ]);
    forge(&world, "jcub", "sales", &json!({"submissions": records}));
    eventually("the records to be settled", PATIENCE, async || {
        let status = world.status("sales").await;
        if status.submissions.is_empty() { Ok(()) } else { Err(status.submissions) }
    })
    .await;
    world.sim.quiet_for(Duration::from_secs(2), PATIENCE).await.expect("quiet");
    let count = |route| world.sim.requests(route).len();
    assert_eq!((count(Route::BulkCreate), count(Route::BulkUpdate), count(Route::UserUpdate)), (1, 0, 0));
    assert_eq!(world.sim.users(), before);

    // Of another organisation: nothing is asked that concerns its users.
    let asked = world.sim.ledger().iter().filter_map(Entry::request).count();
    let records = json!([record("f9", "Create", "Unknown", &["u0000"], &[])]);
    forge(&world, "jcub", "sales", &json!({"organizationID": OTHER, "submissions": records}));
    let status = world.reason("sales", "OrgMismatch").await;
    assert!(status.submissions.iter().filter_map(Recorded::known).count() <= 1);
    let now = world.sim.ledger();
    let since: Vec<Route> = now.iter().filter_map(Entry::request).skip(asked).map(|r| r.route).collect();
    assert!(since.iter().all(|route| *route == Route::OrganizationList), "{since:?}");
}

/// A stranger's id in the inventory: an edit of the row updates nobody, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn case_07_a_strangers_id_in_the_inventory_is_not_written_to() {
    let world = World::new("abuse-inventory", Settings::default()).await;
    let _operator = world.operator(QUICK);
    let eve = stranger(&world, "eve");
    world.apply_batch("sales", &json!({"users": plain_users("u", 2)}));
    let status = world.reason("sales", "Succeeded").await;
    let theirs = world.sim.user("eve");
    let mut inventory = serde_json::to_value(&status.inventory).expect("JSON");
    inventory[0]["id"] = json!(eve);
    inventory[0]["hash"] = json!("");
    forge(&world, "jcub", "sales", &json!({ "inventory": inventory }));
    world.apply_batch("sales", &json!({"users": users("u", 2, |_| json!({"company": "Ours"}))}));
    let status = world.reason("sales", "PartiallyFailed").await;
    let line = status.users.iter().find(|user| user.username == "u0000").expect("a line");
    assert_eq!((line.result.as_str(), line.reason.as_deref()), ("Failed", Some("IdentityChanged")));
    assert_eq!(world.sim.user("u0001").expect("a user")["company"], "Ours", "the others are served");
    assert_eq!(world.sim.user("eve"), theirs);
    assert_eq!(writes_naming(&world.sim, &eve).len(), 0);

    // Put right, it goes on.
    let mut inventory = serde_json::to_value(&status.inventory).expect("JSON");
    inventory[0]["id"] = world.sim.user("u0000").expect("a user")["_id"].clone();
    forge(&world, "jcub", "sales", &json!({ "inventory": inventory }));
    annotate(&world, "sales", "retry-failed", "1");
    world.reason("sales", "Succeeded").await;
    assert_eq!(world.sim.user("u0000").expect("a user")["company"], "Ours");
}

/// A stranger's id beside a declared username, of a row and of a batch's user: neither an edit of the date nor a
/// change at once reaches the stranger.
#[tokio::test(flavor = "multi_thread")]
async fn case_07_a_strangers_id_in_a_schedule_is_not_scheduled() {
    let (calendar, _operator) = Calendar::running("abuse-users", Settings::default(), QUICK).await;
    let (ada, eve) = (calendar.add_user("ada", "ACTIVATED"), stranger(&calendar, "eve"));
    calendar.apply_batch("team", &json!({"users": plain_users("t", 1)}));
    calendar.reason("team", "Succeeded").await;
    let bob = calendar.sim.user("t0000").expect("a user")["_id"].as_str().expect("an id").to_owned();
    let (date, later) = (ahead(7200), ahead(9000));
    let spec = json!({"users": by_username(["ada"]), "usersFromBatch": {"name": "team"}, "state": "Suspended",
        "startTime": date.to_string(), "missedPolicy": "ApplyNow"});
    calendar.apply_schedule("leavers", &spec);
    let status = calendar.comes_to("leavers", "Scheduled").await;
    let mut users = serde_json::to_value(&status.users).expect("JSON");
    for user in users.as_array_mut().expect("a list") {
        user["id"] = json!(eve);
    }
    forge(&calendar, "jcsus", "leavers", &json!({ "users": users }));
    calendar.edit("leavers", &json!({"startTime": later.to_string()}));
    eventually("the declared users at the new date", PATIENCE, async || {
        let mut wanted = vec![(ada.clone(), later), (bob.clone(), later)];
        wanted.sort();
        let dates = dates_of(&calendar.sim);
        if dates == wanted { Ok(()) } else { Err(dates) }
    })
    .await;
    assert_eq!(writes_naming(&calendar.sim, &eve).len(), 0);

    // At once: the date has passed, and nobody was scheduled.
    let status = calendar.schedule_status("leavers").await;
    let mut users = serde_json::to_value(&status.users).expect("JSON");
    for user in users.as_array_mut().expect("a list") {
        user["id"] = json!(eve);
        user["result"] = json!("Pending");
    }
    forge(&calendar, "jcsus", "leavers", &json!({ "users": users }));
    calendar.edit("leavers", &json!({"startTime": ahead(-60).to_string()}));
    eventually("ada to be suspended", PATIENCE, async || {
        let state = calendar.state_of("ada");
        if state == "SUSPENDED" { Ok(()) } else { Err(state) }
    })
    .await;
    calendar.sim.quiet_for(Duration::from_secs(2), PATIENCE).await.expect("quiet");
    assert_eq!(calendar.state_of("eve"), "ACTIVATED");
    assert_eq!(writes_naming(&calendar.sim, &eve).len(), 0);
}

/// `resolve: adopt` takes who has the declared username and address, and nobody who has one of the two.
#[tokio::test(flavor = "multi_thread")]
async fn case_08_resolving_takes_nobody_but_whom_the_rows_name() {
    let world = World::new("abuse-resolve", Settings::default()).await;
    world.sim.set_faults(vec![FaultRule::status(502).on(Route::BulkCreate).times(2)]);
    let _operator = world.operator(QUICK);
    let list = users("q", 3, |_| json!({"company": "Ours"}));
    world.apply_batch("sales", &json!({"users": list}));
    world.reason("sales", "SubmissionUnknown").await;
    let add = |user: Value| world.sim.add_user(DEFAULT_ORGANISATION, &user).expect("a user");
    add(json!({"username": "q0000", "email": list[0]["email"]}));
    let others = [
        add(json!({"username": "q0001", "email": "somebody@theirs.example.com"})),
        add(json!({"username": "somebody.else", "email": list[2]["email"]})),
    ];
    annotate(&world, "sales", "resolve", "adopt");
    eventually("the user of the row", PATIENCE, async || {
        let company = world.sim.user("q0000").expect("a user")["company"].clone();
        if company == "Ours" { Ok(()) } else { Err(company) }
    })
    .await;
    let status = world.reason("sales", "UserConflict").await;
    let conflicts = status.users.iter().filter(|user| user.result == "Conflict").count();
    assert_eq!(conflicts, 2, "{:?}", status.users);
    for id in &others {
        assert_eq!(writes_naming(&world.sim, id).len(), 0);
    }
}
