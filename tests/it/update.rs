//! Edits of a list whose users exist: the smallest update that brings JumpCloud to it, and nothing else.

use std::time::Duration;

use jumpcloud_operator::api::user_batch::JumpCloudUserBatchStatus;
use jumpcloud_sim::ledger::Request;
use jumpcloud_sim::settings::{Operation, RowFailure};
use jumpcloud_sim::{FaultRule, Pattern, Route, Settings, Sim};
use serde_json::{Value, json};

use crate::harness::manifests::users;
use crate::harness::operator::{DEFAULTS, QUICK};
use crate::harness::plane::plane;
use crate::harness::truth::{assert_single_create, assert_true, calls};
use crate::harness::weather::{clean_only, without_faults};
use crate::harness::world::World;

/// Users with values that JumpCloud keeps in a form of its own.
fn people(count: usize) -> Vec<Value> {
    users("p", count, |i| {
        json!({
            "email": format!("P{i:04}@Canary.Example.com"),
            "department": "Sales",
            "phoneNumbers": [{"type": "work", "number": format!("+1 (555) {i:04}")}],
            "attributes": {"team": "engines"},
        })
    })
}

fn last(sim: &Sim) -> u64 {
    sim.ledger().last().map_or(0, |entry| entry.seq)
}

/// Update requests that were accepted.
fn updates(sim: &Sim) -> Vec<Request> {
    let requests = sim.requests(Route::BulkUpdate).into_iter();
    requests.filter(|request| request.accepted_job().is_some()).collect()
}

/// Bar 1: one changed field of 3 of 100 users, job time 2 s.
#[tokio::test(flavor = "multi_thread")]
async fn three_changed_users_cost_one_search_one_job_and_one_look() {
    if clean_only("counts calls and writes") {
        return;
    }
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 2000;
    let world = World::new("update-cost", settings).await;
    let _operator = world.operator(DEFAULTS);
    let mut list = people(100);
    world.apply_batch("sales", &json!({"users": list}));
    assert_true(&world.sim, &world.reason("sales", "Succeeded").await);
    let kept = world.sim.user("p0000").expect("the user is there");
    assert_eq!(kept["email"], "p0000@canary.example.com", "the simulator normalises");
    assert_eq!(kept["phoneNumbers"][0]["number"], "+15550000", "the simulator normalises");

    let (mark, seq) = (plane().audit().mark().unwrap(), last(&world.sim));
    for i in [7, 42, 99] {
        list[i]["department"] = json!("Engineering");
    }
    world.apply_batch("sales", &json!({"users": list}));
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    let calls = calls(&world.sim, seq);
    assert_eq!((calls["UserSearch"], calls["BulkUpdate"]), (2, 1), "{calls:?}");
    assert!(calls["BulkResults"] <= 2, "{calls:?}");
    assert_eq!(calls.values().sum::<usize>(), 3 + calls["BulkResults"], "{calls:?}");
    assert_eq!(updates(&world.sim)[0].fields, vec![vec!["department".to_owned()]; 3]);
    let writes = world.writes(mark);
    let events = writes.iter().filter(|entry| entry.resource == "events").count();
    assert_eq!(writes.len() - events, 3, "{writes:#?}");
    let counts = status.counts.expect("counts");
    assert_eq!((counts.created, counts.updated, counts.desired), (97, 3, 100));
    for i in [7, 42, 99] {
        assert_eq!(world.sim.user(&format!("p{i:04}")).unwrap()["department"], "Engineering");
    }

    // What does not concern a user costs one write.
    let (mark, seq) = (plane().audit().mark().unwrap(), last(&world.sim));
    list.reverse();
    world.apply_batch("sales", &json!({"users": list, "batchSize": 7, "retry": {"limit": 1}}));
    world.reason("sales", "Succeeded").await;
    world.sim.quiet_for(Duration::from_secs(2), Duration::from_secs(30)).await.unwrap();
    assert_eq!(self::calls(&world.sim, seq).len(), 0, "calls after reordering");
    let writes = world.writes(mark);
    assert_eq!(writes.len(), 1, "{writes:#?}");
}

/// Users taken off stay in JumpCloud, are counted, and come back without a request.
#[tokio::test(flavor = "multi_thread")]
async fn users_that_leave_the_list_are_retained_and_come_back() {
    let world = World::new("update-leave", Settings::default()).await;
    let _operator = world.operator(QUICK);
    let list = people(3);
    world.apply_batch("sales", &json!({"users": list}));
    world.reason("sales", "Succeeded").await;
    let (before, seq) = (world.sim.users(), last(&world.sim));
    world.apply_batch("sales", &json!({"users": list[..2]}));
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    let counts = status.counts.expect("counts");
    assert_eq!((counts.desired, counts.retained), (2, 1));
    assert!(status.inventory.iter().any(|e| e.username == "p0002" && e.removal_time.is_some()));
    world.apply_batch("sales", &json!({"users": list}));
    let status = world.reason("sales", "Succeeded").await;
    assert_eq!(status.counts.expect("counts").retained, 0);
    assert_eq!(calls(&world.sim, seq).len(), 0, "leaving and coming back needs no call");
    assert_eq!(world.sim.users(), before);
}

/// An edit while a job runs: what runs is settled as what it was, then the difference is sent.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_while_a_job_runs_is_carried_out_afterwards() {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 3000;
    let world = World::new("update-running", settings).await;
    let _operator = world.operator(QUICK);
    let mut list = people(3);
    world.apply_batch("sales", &json!({"users": list}));
    super::failures::jobs(&world, 1).await;
    list[0]["department"] = json!("Engineering");
    list[1]["attributes"] = json!({"costCode": "7"});
    list.remove(2);
    list.extend(users("late", 1, |_| Value::Null));
    world.apply_batch("sales", &json!({"users": list}));
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);
    let user = |name: &str| world.sim.user(name).expect("the user is there");
    assert_eq!(user("p0000")["department"], "Engineering");
    let attributes = user("p0001")["attributes"].as_array().expect("a list").clone();
    assert_eq!(attributes.len(), 2, "an attribute that is not declared was lost: {attributes:?}");
    assert!(world.sim.user("p0002").is_some() && world.sim.user("late0000").is_some());
    assert_eq!(status.counts.expect("counts").retained, 1);
}

/// JumpCloud's bulk jobs are known to ignore `state`: one V1 request a user mends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_the_job_ignored_is_repaired_and_other_fields_are_reported() {
    let mut settings = Settings::default();
    settings.jobs.ignored_fields = vec!["state".to_owned(), "alternateEmail".to_owned()];
    let world = World::new("update-ignored", settings).await;
    let _operator = world.operator(QUICK);
    let mut list = users("s", 3, |_| json!({"state": "Staged"}));
    list[0]["state"] = json!("Activated");
    world.apply_batch("sales", &json!({"users": list}));
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    let state = |name: &str| world.sim.user(name).expect("the user is there")["state"].clone();
    assert_eq!((state("s0000"), state("s0001")), (json!("ACTIVATED"), json!("STAGED")));
    list[1]["state"] = json!("Suspended");
    world.apply_batch("sales", &json!({"users": list}));
    world.reason("sales", "Succeeded").await;
    assert_eq!(state("s0001"), "SUSPENDED");
    without_faults(|| assert_eq!(world.sim.requests(Route::UserUpdate).len(), 2, "one repair a user"));

    // By hand, and never corrected: the declared state has not changed.
    let id = world.sim.user("s0001").expect("the user is there")["_id"].as_str().expect("an id").to_owned();
    world.sim.change_user(&id, &json!({"state": "ACTIVATED"})).unwrap();
    list[1]["company"] = json!("Example");
    list[2]["alternateEmail"] = json!("other@canary.example.com");
    world.apply_batch("sales", &json!({"users": list}));
    let status = world.reason("sales", "PartiallyFailed").await;
    assert_eq!(state("s0001"), "ACTIVATED");
    assert_eq!(world.sim.user("s0001").unwrap()["company"], "Example");
    let line = status.users.iter().find(|user| user.username == "s0002").expect("a line");
    assert_eq!((line.result.as_str(), line.reason.as_deref()), ("Failed", Some("FieldNotTaken")));
    assert!(line.message.as_deref().is_some_and(|text| text.contains("alternateEmail")), "{line:?}");
    let sent = updates(&world.sim)
        .iter()
        .filter(|r| r.fields.iter().any(|f| f.contains(&"alternateEmail".to_owned())))
        .count();
    without_faults(|| assert_eq!(sent, 2, "sent twice, then it is a person's turn"));
    world.sim.update_settings(|settings| settings.jobs.ignored_fields.clear());
    super::failures::annotate(&world, "sales", "retry-failed", "1");
    assert_true(&world.sim, &world.reason("sales", "Succeeded").await);
    assert_eq!(world.sim.user("s0002").unwrap()["alternateEmail"], "other@canary.example.com");
}

/// A key with the right to start jobs and without the right to write single users.
#[tokio::test(flavor = "multi_thread")]
async fn repairs_that_are_refused_are_told_and_tried_ever_more_rarely() {
    let mut settings = Settings::default();
    settings.jobs.ignored_fields = vec!["state".to_owned()];
    let world = World::new("update-refused", settings).await;
    world.sim.set_faults(vec![FaultRule::status(403).on(Route::UserUpdate)]);
    let _operator = world.operator(QUICK);
    world.apply_batch("sales", &json!({"users": users("s", 3, |_| json!({"state": "Activated"}))}));
    let status = world.reason("sales", "Retrying").await;
    super::failures::says(super::failures::message(&status), &["403"]);
    let tries = world.sim.requests(Route::UserUpdate).len();
    without_faults(|| assert!(tries <= 4, "{tries} requests before anybody was told"));
    world.sim.set_faults(Vec::new());
    assert_true(&world.sim, &world.reason("sales", "Succeeded").await);
    for name in ["s0000", "s0001", "s0002"] {
        assert_eq!(world.sim.user(name).expect("the user is there")["state"], "ACTIVATED");
    }
}

/// The switches and annotations hold for updates as they do for creations.
#[tokio::test(flavor = "multi_thread")]
async fn updates_are_paused_and_tried_again_as_creations_are() {
    let mut settings = Settings::default();
    settings.jobs.row_failures = vec![
        RowFailure { operation: Some(Operation::Update), ..failing("h0000", "internal error") },
        RowFailure { operation: Some(Operation::Update), ..failing("h0001", "department is invalid") },
    ];
    let world = World::new("update-switches", settings).await;
    let _operator = world.operator(QUICK);
    let spec = |department: &str, paused: bool| json!({"users": users("h", 3, |_| json!({"department": department})), "paused": paused});
    world.apply_batch("sales", &spec("one", false));
    world.reason("sales", "Succeeded").await;
    world.apply_batch("sales", &spec("two", true));
    world.reason("sales", "Paused").await;
    assert!(updates(&world.sim).is_empty(), "an update was sent while paused");

    world.apply_batch("sales", &spec("two", false));
    let status = world.reason("sales", "Retrying").await;
    let line = |status: &JumpCloudUserBatchStatus, name: &str| {
        let line = status.users.iter().find(|user| user.username == name).expect("a line");
        (line.result.clone(), line.reason.clone().unwrap_or_default())
    };
    assert_eq!(line(&status, "h0000"), ("Pending".to_owned(), "Rejected".to_owned()));
    assert_eq!(line(&status, "h0001"), ("Failed".to_owned(), "Rejected".to_owned()));
    assert_eq!(line(&status, "h0002"), ("Updated".to_owned(), String::new()));
    world.sim.update_settings(|settings| settings.jobs.row_failures.clear());
    // Now, not after the back-off: and the one that failed for good only when asked.
    super::failures::annotate(&world, "sales", "requested-at", "now");
    let status = world.reason_within("sales", "PartiallyFailed", Duration::from_secs(8)).await;
    assert_eq!(line(&status, "h0000").0, "Updated");
    // More than status takes of it.
    super::failures::annotate(&world, "sales", "retry-failed", &"now ".repeat(100));
    assert_true(&world.sim, &world.reason("sales", "Succeeded").await);
    assert_eq!(world.sim.user("h0001").expect("the user is there")["department"], "two");
    let rows: Vec<usize> = updates(&world.sim).iter().map(|request| request.rows).collect();
    without_faults(|| assert_eq!(rows, [3, 1, 1], "nobody is sent again who need not be"));
}

fn failing(username: &str, message: &str) -> RowFailure {
    RowFailure::new(Pattern::exactly(username).expect("a pattern"), message)
}

/// Managers of the same list are created first; a circle is closed by a second job.
#[tokio::test(flavor = "multi_thread")]
async fn managers_are_resolved_within_the_list_and_outside() {
    let world = World::new("update-managers", Settings::default()).await;
    let organisation = Settings::default().organisations[0].id.clone();
    let boss = world
        .sim
        .add_user(&organisation, &json!({"username": "boss", "email": "boss@canary.example.com"}))
        .unwrap();
    let _operator = world.operator(QUICK);
    let mut list = users("m", 6, |_| Value::Null);
    list[0]["manager"] = json!({"username": "Boss"});
    list[1]["manager"] = json!({"email": "M0000@canary.example.com"});
    list[2]["manager"] = json!({"username": "m0003"});
    list[3]["manager"] = json!({"username": "m0002"});
    list[4]["manager"] = json!({"username": "nobody"});
    list[5]["manager"] = json!({"id": boss});
    world.apply_batch("sales", &json!({"users": list}));
    let status = world.reason("sales", "PartiallyFailed").await;
    let user = |name: &str| world.sim.user(name).expect("the user is there");
    let id = |name: &str| user(name)["_id"].clone();
    assert_eq!(user("m0000")["manager"], boss);
    assert_eq!(user("m0001")["manager"], id("m0000"));
    assert_eq!((&user("m0002")["manager"], &user("m0003")["manager"]), (&id("m0003"), &id("m0002")));
    assert_eq!(user("m0005")["manager"], boss);
    let line = status.users.iter().find(|user| user.username == "m0004").expect("a line");
    assert_eq!((line.result.as_str(), line.reason.as_deref()), ("Failed", Some("ManagerNotFound")));
    assert_single_create(&world.sim, |_| false);

    list[4]["manager"] = json!({"username": "m0005"});
    list[0].as_object_mut().expect("a row").remove("manager");
    list[0]["clear"] = json!(["manager"]);
    world.apply_batch("sales", &json!({"users": list}));
    assert_true(&world.sim, &world.reason("sales", "Succeeded").await);
    assert_eq!(user("m0004")["manager"], id("m0005"));
    assert!(user("m0000")["manager"].is_null(), "{}", user("m0000")["manager"]);
}
