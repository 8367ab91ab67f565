//! Rows that are refused, that fail, and that name somebody who exists.

use std::time::Duration;

use jumpcloud_sim::settings::RowFailure;
use jumpcloud_sim::{DEFAULT_ORGANISATION, Pattern, Route, Settings};
use serde_json::json;

use super::{annotate, message, says, sent};
use crate::harness::manifests::{batch, plain_users};
use crate::harness::operator::QUICK;
use crate::harness::plane::kubectl;
use crate::harness::truth::{assert_single_create, assert_true};
use crate::harness::weather::{clean_only, without_faults};
use crate::harness::world::World;

fn failing(username: &str, message: &str) -> Settings {
    let mut settings = Settings::default();
    settings.jobs.row_failures =
        vec![RowFailure::new(Pattern::exactly(username).expect("a pattern"), message)];
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn doubles_are_told_by_row_also_those_in_other_letters() {
    let world = World::new("fail-doubles", Settings::default()).await;
    let _operator = world.operator(QUICK);
    let mut users = json!([
        {"username": "ada", "email": "ada@example.com"},
        {"username": "Ada", "email": "other@example.com"},
        {"username": "grace", "email": "ADA@example.com"},
    ]);
    world.apply_batch("sales", &json!({"users": users}));
    let status = world.reason("sales", "InvalidSpec").await;
    says(
        message(&status),
        &[
            "users[1] 'Ada': username is used twice (also users[0])",
            "users[2] 'grace': email is used twice (also users[0])",
        ],
    );
    assert!(status.conditions.iter().any(|c| c.type_ == "Stalled"), "{status:?}");
    assert!(sent(&world.sim).is_empty());
    users[1]["username"] = json!("alan");
    users[2]["email"] = json!("grace@example.com");
    world.apply_batch("sales", &json!({"users": users}));
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    without_faults(|| assert_eq!(sent(&world.sim), [["ada", "alan", "grace"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_address_is_refused_with_field_and_row() {
    let world = World::new("fail-email", Settings::default()).await;
    let _operator = world.operator(QUICK);
    let mut users = plain_users("u", 3);
    users[1]["email"] = json!("nobody");
    let object = batch(&world.namespace, "sales", &json!({"users": users})).to_string();
    for arguments in [&["apply", "-f", "-"][..], &["apply", "--server-side", "-f", "-"]] {
        let printed = kubectl(arguments, &object);
        assert!(!printed.success, "{}", printed.text);
        says(&printed.text, &["spec.users[1].email", "should match"]);
    }
    users[1]["email"] = json!("somebody@example.com");
    world.apply_batch("sales", &json!({"users": users}));
    assert_true(&world.sim, &world.reason("sales", "Succeeded").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_who_exist_are_conflicts_and_are_never_touched() {
    let world = World::new("fail-conflict", Settings::default()).await;
    let foreign = |username: &str, email: &str| {
        let user =
            json!({"username": username, "email": email, "firstname": "Original", "department": "Theirs"});
        world.sim.add_user(DEFAULT_ORGANISATION, &user).expect("a user")
    };
    let by_name = foreign("ada", "somebody@example.com");
    let by_email = foreign("somebody.else", "grace@example.com");
    let before = world.sim.users();
    let users = json!([
        {"username": "ada", "email": "ada@example.com", "firstName": "Ours"},
        {"username": "grace", "email": "grace@example.com", "firstName": "Ours"},
        {"username": "alan", "email": "alan@example.com", "firstName": "Ours"},
    ]);
    let _operator = world.operator(QUICK);
    world.apply_batch("sales", &json!({"users": users}));
    let status = world.reason("sales", "UserConflict").await;
    says(message(&status), &["2 of 3 users exist in JumpCloud and are not managed by this object"]);
    for user in status.users.iter().filter(|user| user.result == "Conflict") {
        assert_eq!(user.reason.as_deref(), Some("AlreadyExists"));
        let told = user.message.as_deref().unwrap_or_default();
        says(
            told,
            &[&format!("user {} exists in JumpCloud", user.username), "take the row off", "retry-failed"],
        );
    }
    assert_true(&world.sim, &status);
    assert_eq!(status.counts.map(|counts| (counts.created, counts.conflicts)), Some((1, 2)));
    without_faults(|| assert_eq!(sent(&world.sim), [["alan"]]));

    // One goes away, and somebody asks to look again.
    assert!(world.sim.delete_user(&by_name));
    annotate(&world, "sales", "requested-at", "once");
    let status = crate::harness::wait::eventually("ada", crate::harness::world::PATIENCE, async || {
        let status = world.reason("sales", "UserConflict").await;
        if status.inventory.len() == 2 && status.submissions.is_empty() {
            Ok(status)
        } else {
            Err(status.progress)
        }
    })
    .await;
    says(message(&status), &["user grace exists in JumpCloud", "take the row off"]);
    assert_eq!(status.last_handled.and_then(|handled| handled.requested_at).as_deref(), Some("once"));
    // The other stays, and its row goes.
    world.apply_batch("sales", &json!({"users": [users[0], users[2]]}));
    let status = world.reason("sales", "Succeeded").await;
    assert_eq!(status.progress.as_deref(), Some("2/2"));
    assert!(status.failures.is_empty(), "{:?}", status.failures);
    let theirs =
        |users: Vec<serde_json::Value>| users.into_iter().find(|user| user["_id"] == json!(by_email));
    assert!(theirs(before.clone()).is_some());
    assert_eq!(theirs(world.sim.users()), theirs(before), "a user of somebody else was touched");
    let writes = [Route::BulkUpdate, Route::UserUpdate, Route::UserDelete];
    assert!(writes.into_iter().all(|route| world.sim.requests(route).is_empty()));
    assert_single_create(&world.sim, |_| false);
}

/// A failure that may pass: sent again after ten seconds, alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_fails_once_is_sent_again() {
    if clean_only("counts attempts, measures time") {
        return;
    }
    let mut settings = failing("u0001", "internal error, please try again");
    settings.jobs.row_failures[0].times = Some(1);
    let world = World::new("fail-once", settings).await;
    let _operator = world.operator(QUICK);
    world.apply_batch("sales", &json!({"users": plain_users("u", 3)}));
    let status = world.reason("sales", "Retrying").await;
    says(message(&status), &["failed in a way that may pass; they are sent again"]);
    let [failure] = status.failures.as_slice() else { panic!("{:?}", status.failures) };
    assert_eq!((failure.username.as_str(), failure.attempts), ("u0001", 1));
    assert!(failure.retry_time.is_some());
    assert_eq!(status.progress.as_deref(), Some("2/3"));
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    assert!(status.failures.is_empty());
    without_faults(|| assert_eq!(sent(&world.sim), [vec!["u0000", "u0001", "u0002"], vec!["u0001"]]));
    let times: Vec<_> = world.sim.requests(Route::BulkCreate).iter().map(|request| request.arrived).collect();
    let pause = Duration::try_from(times[1].duration_since(times[0])).expect("in order");
    without_faults(|| assert!((10..=20).contains(&pause.as_secs()), "sent again after {pause:?}"));
    assert_single_create(&world.sim, |_| false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_failed_for_good_is_sent_again_when_it_changes_or_when_asked() {
    if clean_only("counts attempts and jobs") {
        return;
    }
    let world = World::new("fail-good", failing("u0001", "invalid row")).await;
    let _operator = world.operator(QUICK);
    let mut users = plain_users("u", 3);
    world.apply_batch("sales", &json!({"users": users}));
    let status = world.reason("sales", "PartiallyFailed").await;
    says(
        message(&status),
        &["1 of 3 users failed", "mend their rows", "jumpcloud-operator.dev/retry-failed"],
    );
    let [failure] = status.failures.as_slice() else { panic!("{:?}", status.failures) };
    assert_eq!((failure.attempts, failure.retry_time.as_deref()), (1, None));
    assert_eq!(status.users[0].message.as_deref(), Some("invalid row"));
    assert_true(&world.sim, &status);

    // Asked for, it is sent with a fresh count, and fails again.
    annotate(&world, "sales", "retry-failed", "first");
    super::jobs(&world, 2).await;
    let status =
        crate::harness::wait::eventually("the second failure", crate::harness::world::PATIENCE, async || {
            let status = world.reason("sales", "PartiallyFailed").await;
            if status.jobs.len() == 2 { Ok(status) } else { Err(status.jobs) }
        })
        .await;
    assert_eq!(status.failures[0].attempts, 1);
    without_faults(|| {
        assert_eq!(status.last_handled.and_then(|handled| handled.retry_failed).as_deref(), Some("first"));
    });

    // An edit of another field does it as well; JumpCloud takes the row now.
    world.sim.update_settings(|settings| settings.jobs.row_failures.clear());
    users[1]["firstName"] = json!("Ada");
    world.apply_batch("sales", &json!({"users": users}));
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    without_faults(|| {
        assert_eq!(sent(&world.sim), [vec!["u0000", "u0001", "u0002"], vec!["u0001"], vec!["u0001"]]);
    });
}
