//! Bar 4: the list is edited while nobody knows what became of a request.

use jumpcloud_sim::ledger::What;
use jumpcloud_sim::{FaultRule, Route, Settings};
use serde_json::json;

use crate::harness::manifests::{plain_users, users};
use crate::harness::operator::{QUICK, but};
use crate::harness::truth::{assert_single_create, assert_true, existing};
use crate::harness::wait::eventually;
use crate::harness::weather::without_faults;
use crate::harness::world::{PATIENCE, World};

/// A row inserted on top, one removed, one renamed while the outcome of their request is unknown.
#[tokio::test(flavor = "multi_thread")]
async fn edits_while_a_reply_is_lost_neither_double_nor_lose_anybody() {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 1000;
    let world = World::new("unknown-edit", settings).await;
    world.sim.set_faults(vec![FaultRule::drop_reply().on(Route::BulkCreate).times(1)]);
    let _operator = world.operator(&but(QUICK, "--unknown-quarantine", "6s"));
    world.connection_reason("default", "Succeeded").await;
    let mut list = plain_users("e", 6);
    world.apply_batch("sales", &json!({"users": list}));
    eventually("the job whose reply is lost", PATIENCE, async || {
        if world.sim.jobs().len() == 1 { Ok(()) } else { Err(world.sim.jobs().len()) }
    })
    .await;
    list.insert(0, plain_users("top", 1).remove(0));
    list.remove(2);
    list[3]["username"] = json!("renamed");
    world.apply_batch("sales", &json!({"users": list}));
    // e0001 is retained; "renamed" has the e-mail of e0003, which is ours under that name.
    let status = world.reason("sales", "UserConflict").await;
    assert_single_create(&world.sim, |_| false);
    assert_true(&world.sim, &status);
    let names: Vec<String> = existing(&world.sim).into_iter().collect();
    assert_eq!(names, ["e0000", "e0001", "e0002", "e0003", "e0004", "e0005", "top0000"]);
    let line = status.users.iter().find(|user| user.username == "renamed").expect("a line");
    assert_eq!((line.result.as_str(), line.reason.as_deref()), ("Conflict", Some("AlreadyExists")));
    let message = line.message.as_deref().unwrap_or_default();
    assert!(message.contains("e0003") && message.contains("usernames cannot change"), "{message}");
    assert!(!serde_json::to_string(&status).unwrap().contains("@canary"), "an address is in status");
    let retained: Vec<_> = status.inventory.iter().filter(|e| e.removal_time.is_some()).collect();
    assert_eq!(retained.iter().map(|e| e.username.as_str()).collect::<Vec<_>>(), ["e0001", "e0003"]);

    // The row as it was takes its user back; nobody else is touched.
    list[3]["username"] = json!("e0003");
    world.apply_batch("sales", &json!({"users": list}));
    assert_true(&world.sim, &world.reason("sales", "Succeeded").await);
    without_faults(|| assert_eq!(world.sim.jobs().len(), 2, "one lost job, one for the row on top"));
}

/// An update whose reply is lost, and an edit of the same users before anybody knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_update_and_an_edit_end_in_the_newest_values() {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 1000;
    let world = World::new("unknown-update", settings).await;
    let _operator = world.operator(&but(QUICK, "--unknown-quarantine", "4s"));
    let mut list = users("v", 4, |_| json!({"department": "one"}));
    world.apply_batch("sales", &json!({"users": list}));
    world.reason("sales", "Succeeded").await;
    let begun = world.sim.ledger().last().map_or(0, |entry| entry.seq);
    world.sim.set_faults(vec![FaultRule::drop_reply().on(Route::BulkUpdate).times(1)]);
    list.iter_mut().for_each(|row| row["department"] = json!("two"));
    world.apply_batch("sales", &json!({"users": list}));
    eventually("the job whose reply is lost", PATIENCE, async || {
        if world.sim.jobs().len() == 2 { Ok(()) } else { Err(world.sim.jobs().len()) }
    })
    .await;
    list[0]["department"] = json!("three");
    world.apply_batch("sales", &json!({"users": list}));
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    let department = |name: &str| world.sim.user(name).expect("the user is there")["department"].clone();
    assert_eq!((department("v0000"), department("v0001")), (json!("three"), json!("two")));
    let ledger = world.sim.ledger_since(begun);
    let sent: Vec<_> = ledger
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Request(request) if request.route == Route::BulkUpdate => Some((entry.wall, request.rows)),
            _ => None,
        })
        .collect();
    assert_eq!(
        sent.iter().map(|(_, rows)| *rows).collect::<Vec<_>>(),
        [4, 1],
        "only the edited user is sent again"
    );
    let waited = sent[1].0.duration_since(sent[0].0).as_secs();
    assert!(waited >= 4, "other values were sent after {waited} s, within the quarantine");
}
