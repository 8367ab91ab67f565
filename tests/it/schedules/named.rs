//! Users by id, username and e-mail address; those that do not exist, and those that the connection protects.

use jumpcloud_sim::Settings;
use serde_json::{Value, json};

use super::standing::{line, message, result, told, until};
use crate::harness::operator::QUICK;
use crate::harness::schedules::{Calendar, Calls, ahead, all_at, by_username, dates_of, rows, seq};
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

/// Three ways to name a user, in other letters, and three users that do not exist: those are named, by row where
/// nothing else may be said, and the others are scheduled. Who comes to be is scheduled at the next look.
#[tokio::test(flavor = "multi_thread")]
async fn users_are_found_and_those_that_are_not_are_named() {
    let (calendar, _operator) = Calendar::running("sus-named", Settings::default(), QUICK).await;
    let ids = ["ada", "bob", "cleo"].map(|name| calendar.add_user(name, "ACTIVATED"));
    let date = ahead(7200);
    let gone = "5f0c1d2e3a4b5c6d7e8f9aaa";
    let users = json!([
        {"username": "ADA"}, {"email": "Bob@Canary.Example.Com"}, {"id": ids[2]},
        {"username": "nobody"}, {"email": "no.one@canary.example.com"}, {"id": gone},
    ]);
    let spec = json!({"users": users, "state": "Suspended", "startTime": date.to_string()});
    calendar.apply_schedule("mixed", &spec);
    let status = calendar.comes_to("mixed", "PartiallyFailed").await;
    assert_eq!(dates_of(&calendar.sim), all_at(&ids, date));
    assert_eq!(status.users.len(), 6);
    let of = |row: usize| &status.users[row];
    for (row, id) in ids.iter().enumerate() {
        assert_eq!((of(row).result.as_str(), of(row).id.as_ref()), ("Scheduled", Some(id)), "row {row}");
        assert_eq!(of(row).row, u32::try_from(row).ok());
    }
    assert_eq!(of(1).username.as_deref(), Some("bob"), "found by its address, shown by its name");
    for row in 3..6 {
        assert_eq!(of(row).result, "NotFound", "row {row}");
        assert!(of(row).message.is_some());
    }
    assert_eq!(of(3).username.as_deref(), Some("nobody"));
    assert_eq!((of(4).username.as_ref(), of(4).row), (None, Some(4)), "known by its row alone");
    assert_eq!(of(5).id.as_deref(), Some(gone));
    assert!(message(&status).contains("3 of 6"), "{}", message(&status));
    let counts = status.counts.expect("counts");
    assert_eq!((counts.users, counts.scheduled, counts.not_found), (6, 3, 3));
    assert!(!serde_json::to_string(&status).expect("JSON").contains('@'));

    // They come to be, but for the id.
    let late = ["nobody", "no.one"].map(|name| calendar.add_user(name, "ACTIVATED"));
    calendar.annotate("mixed", "requested-at", "1");
    eventually("those who came late", PATIENCE, async || {
        let want: Vec<String> = ids.iter().chain(&late).cloned().collect();
        let dates = dates_of(&calendar.sim);
        if dates == all_at(&want, date) { Ok(()) } else { Err(dates) }
    })
    .await;
    let status = until(&calendar, "mixed", "no.one", "Scheduled").await;
    assert_eq!(line(&status, "no.one").row, Some(4));
}

/// The connection's `protectedUsers`: nobody schedules them, and what is scheduled already is cancelled when they
/// come to be protected. Taken off, they are scheduled by themselves.
#[tokio::test(flavor = "multi_thread")]
async fn protected_users_are_not_scheduled() {
    let (calendar, _operator) = Calendar::running("sus-protect", Settings::default(), QUICK).await;
    let protect = |globs: Value| {
        let patch = json!({"spec": {"protectedUsers": globs}}).to_string();
        calendar.kubectl(&["patch", "jcconn", "default", "--type=merge", "-p", &patch]);
    };
    protect(json!(["SVC-*"]));
    calendar.connection_reason("default", "Succeeded").await;
    let ids = ["svc-backup", "ada", "root.admin"].map(|name| calendar.add_user(name, "ACTIVATED"));
    let date = ahead(7200);
    let users = by_username(["svc-backup", "ada", "root.admin"]);
    let spec = json!({"users": users, "state": "Suspended", "startTime": date.to_string()});
    calendar.apply_schedule("sales", &spec);
    let status = calendar.comes_to("sales", "PartiallyFailed").await;
    assert_eq!(result(&status, "svc-backup"), ("Held", Some("UserProtected")));
    let advice = line(&status, "svc-backup").message.clone().unwrap_or_default();
    assert!(advice.contains("protectedUsers"), "{advice}");
    assert_eq!(dates_of(&calendar.sim), all_at(&ids[1..], date));

    protect(json!(["svc-*", "root.*"]));
    let status = until(&calendar, "sales", "root.admin", "Held").await;
    assert_eq!(result(&status, "root.admin"), ("Held", Some("UserProtected")));
    eventually("the event of the protected user to go", PATIENCE, async || {
        let dates = dates_of(&calendar.sim);
        if dates == all_at(&ids[1..2], date) { Ok(()) } else { Err(dates) }
    })
    .await;

    protect(json!([]));
    let status = calendar.comes_to("sales", "Scheduled").await;
    assert_eq!(dates_of(&calendar.sim), all_at(&ids, date));
    assert!(told(&status, "Ready").is_some());

    // Nor are they changed at once.
    protect(json!(["svc-*"]));
    calendar.connection_reason("default", "Succeeded").await;
    calendar.delete("sales");
    calendar.gone("sales").await;
    let since = seq(&calendar.sim);
    let mut late = spec.clone();
    late["startTime"] = json!(ahead(-10).to_string());
    late["missedPolicy"] = json!("ApplyNow");
    calendar.apply_schedule("now", &late);
    let status = calendar.comes_to("now", "PartiallyFailed").await;
    assert_eq!(result(&status, "svc-backup"), ("Held", Some("UserProtected")));
    assert_eq!(
        (calendar.state_of("ada"), calendar.state_of("svc-backup")),
        ("SUSPENDED".into(), "ACTIVATED".into())
    );
    assert_eq!(Calls::since(&calendar.sim, since).posts, 0);
}

/// `--read-only`: nothing is scheduled and nothing cancelled, and it is said why.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_operator_schedules_nobody() {
    let (calendar, operator) = Calendar::running("sus-readonly", Settings::default(), QUICK).await;
    let ids = calendar.add_users("u", 2, "ACTIVATED");
    let date = ahead(7200);
    let spec = |count: usize| json!({"users": rows("u", count), "state": "Suspended", "startTime": date.to_string()});
    calendar.apply_schedule("sales", &spec(1));
    calendar.comes_to("sales", "Scheduled").await;
    drop(operator);
    let operator = calendar.replica("b", &[QUICK, &[("--read-only", "true")]].concat());
    calendar.apply_schedule("sales", &spec(2));
    let status = calendar.comes_to("sales", "Paused").await;
    assert!(message(&status).contains("--read-only"), "{}", message(&status));
    assert_eq!(dates_of(&calendar.sim), all_at(&ids[..1], date));
    calendar.edit("sales", &json!({"paused": true}));
    calendar.comes_to("sales", "Paused").await;
    assert_eq!(dates_of(&calendar.sim), all_at(&ids[..1], date));
    drop(operator);
    let _operator = calendar.replica("c", QUICK);
    eventually("the pause", PATIENCE, async || {
        let dates = dates_of(&calendar.sim);
        if dates.is_empty() { Ok(()) } else { Err(dates) }
    })
    .await;
    calendar.edit("sales", &json!({"paused": false}));
    calendar.comes_to("sales", "Scheduled").await;
    assert_eq!(dates_of(&calendar.sim), all_at(&ids, date));
}
