//! `usersFromBatch`: the users of a batch, waited for, followed while they come and go, and counted by the guard.

use jumpcloud_sim::settings::RowFailure;
use jumpcloud_sim::{Pattern, Route, Settings};
use serde_json::{Value, json};

use super::standing::{line, look, message, result, told};
use crate::harness::manifests::{plain_users, users};
use crate::harness::operator::QUICK;
use crate::harness::schedules::{
    Calendar, Calls, ahead, all_at, assert_scheduled_true, by_username, dates_of, rows, seq,
};
use crate::harness::wait::eventually;
use crate::harness::weather::{clean_only, without_faults};
use crate::harness::world::PATIENCE;

fn of_batch(date: &str, more: &Value) -> Value {
    let mut spec = json!({"usersFromBatch": {"name": "sales"}, "state": "Suspended", "startTime": date});
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    spec
}

/// Ids of those users that exist, by name.
fn ids(calendar: &Calendar, names: &[&str]) -> Vec<String> {
    let id = |name: &&str| calendar.sim.user(name)?["_id"].as_str().map(str::to_owned);
    names.iter().filter_map(id).collect()
}

/// Waits until exactly these users have an event at the date.
async fn listed(calendar: &Calendar, names: &[&str], date: jiff::Timestamp) {
    eventually("the declared events", PATIENCE, async || {
        let (ids, dates) = (ids(calendar, names), dates_of(&calendar.sim));
        if ids.len() == names.len() && dates == all_at(&ids, date) { Ok(()) } else { Err(dates) }
    })
    .await;
}

/// Nobody is scheduled before every user of the batch has a result. Who failed is named; who joins or leaves
/// before the date is scheduled or taken off.
#[tokio::test(flavor = "multi_thread")]
async fn the_users_of_a_batch_are_waited_for_and_followed() {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 2500;
    let failing = Pattern::exactly("b0002").expect("a pattern");
    settings.jobs.row_failures = vec![RowFailure::new(failing, "the email is invalid")];
    let (calendar, _operator) = Calendar::running("sus-batch", settings, QUICK).await;
    let date = ahead(7200);
    calendar.apply_schedule("team", &of_batch(&date.to_string(), &json!({})));
    let status = calendar.comes_to("team", "AwaitingUsers").await;
    assert!(message(&status).contains("sales does not exist"), "{}", message(&status));
    let mut list = plain_users("b", 3);
    calendar.apply_batch("sales", &json!({"users": list}));
    eventually("the batch to be waited for", PATIENCE, async || {
        let status = calendar.stands("team", "AwaitingUsers").await?;
        let told = message(&status).contains("have no result yet");
        if told { Ok(()) } else { Err(message(&status).to_owned()) }
    })
    .await;
    assert_eq!(Calls::since(&calendar.sim, 0).posts, 0, "nobody before all");
    let status = calendar.comes_to("team", "PartiallyFailed").await;
    assert_eq!((result(&status, "b0000").0, result(&status, "b0001").0), ("Scheduled", "Scheduled"));
    assert_eq!(result(&status, "b0002"), ("NotFound", None));
    assert!(line(&status, "b0002").message.is_some(), "{status:?}");
    assert_eq!(status.counts.expect("counts").not_found, 1);
    assert_scheduled_true(&calendar.sim, &status);
    listed(&calendar, &["b0000", "b0001"], date).await;
    let posts = Calls::since(&calendar.sim, 0).posts;
    without_faults(|| assert_eq!(posts, 1, "one request for all"));

    // One joins, one leaves, and who failed is there after all.
    calendar.sim.update_settings(|settings| settings.jobs.row_failures.clear());
    list[2]["company"] = json!("Example");
    list.remove(0);
    list.extend(plain_users("joiner", 1));
    calendar.apply_batch("sales", &json!({"users": list}));
    listed(&calendar, &["b0001", "b0002", "joiner0000"], date).await;
    let status = calendar.comes_to("team", "Scheduled").await;
    assert_scheduled_true(&calendar.sim, &status);
    let mut names: Vec<&str> = status.users.iter().filter_map(|user| user.username.as_deref()).collect();
    names.sort_unstable();
    assert_eq!(names, ["b0001", "b0002", "joiner0000"]);
}

/// The guard counts users of a batch: one that grows past it stops new events, and those there are stay. Raised,
/// all are scheduled.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_grows_trips_the_guard() {
    let (calendar, _operator) = Calendar::running("sus-grows", Settings::default(), QUICK).await;
    let date = ahead(7200);
    calendar.apply_batch("sales", &json!({"users": plain_users("g", 2)}));
    calendar.reason("sales", "Succeeded").await;
    let guard = |most: usize| of_batch(&date.to_string(), &json!({"guards": {"maxUsers": most}}));
    calendar.apply_schedule("team", &guard(2));
    calendar.comes_to("team", "Scheduled").await;
    let since = seq(&calendar.sim);
    calendar.apply_batch("sales", &json!({"users": plain_users("g", 4)}));
    let status = calendar.comes_to("team", "GuardTripped").await;
    assert!(
        message(&status).contains("guards.maxUsers is 2, the object names 4 users"),
        "{}",
        message(&status)
    );
    assert!(told(&status, "Stalled").is_some());
    assert_eq!(result(&status, "g0003"), ("Held", Some("GuardTripped")));
    assert_eq!(result(&status, "g0000"), ("Scheduled", None));
    assert_eq!(Calls::since(&calendar.sim, since).posts, 0);
    listed(&calendar, &["g0000", "g0001"], date).await;
    calendar.apply_schedule("team", &guard(4));
    calendar.comes_to("team", "Scheduled").await;
    listed(&calendar, &["g0000", "g0001", "g0002", "g0003"], date).await;
}

/// The default guard: 50 suspensions, any number of activations.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_are_suspended_without_being_asked() {
    let (calendar, _operator) = Calendar::running("sus-fifty", Settings::default(), QUICK).await;
    let ids = calendar.add_users("u", 51, "STAGED");
    let date = ahead(7200);
    let spec = |users: Vec<Value>, state: &str| json!({"users": users, "state": state, "startTime": date.to_string()});
    calendar.apply_schedule("leavers", &spec(rows("u", 51), "Suspended"));
    let status = calendar.comes_to("leavers", "GuardTripped").await;
    assert!(message(&status).contains("guards.maxUsers is 50"), "{}", message(&status));
    assert!(status.users.iter().all(|user| user.result == "Held"), "{status:?}");
    assert_eq!(Calls::since(&calendar.sim, 0).posts, 0);
    calendar.apply_schedule("leavers", &spec(rows("u", 50), "Suspended"));
    calendar.comes_to("leavers", "Scheduled").await;
    assert_eq!(dates_of(&calendar.sim), all_at(&ids[..50], date));
    calendar.delete("leavers");
    calendar.gone("leavers").await;
    calendar.apply_schedule("joiners", &spec(rows("u", 51), "Activated"));
    calendar.comes_to("joiners", "Scheduled").await;
    assert_eq!(dates_of(&calendar.sim), all_at(&ids, date));
}

/// A user that is named in the list and is in the batch is one user.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_named_and_in_the_batch_is_scheduled_once() {
    let (calendar, _operator) = Calendar::running("sus-both", Settings::default(), QUICK).await;
    let date = ahead(7200);
    calendar.apply_batch("sales", &json!({"users": plain_users("n", 2)}));
    calendar.reason("sales", "Succeeded").await;
    calendar.apply_schedule("team", &of_batch(&date.to_string(), &json!({"users": by_username(["N0000"])})));
    let status = calendar.comes_to("team", "Scheduled").await;
    assert_eq!(status.users.len(), 2, "{:?}", status.users);
    listed(&calendar, &["n0000", "n0001"], date).await;
}

/// The set of users is fixed at startTime: who joins the batch afterwards is not changed, whatever missedPolicy
/// says.
#[tokio::test(flavor = "multi_thread")]
async fn who_joins_after_the_date_is_left_alone() {
    let (calendar, _operator) = Calendar::running("sus-fixed", Settings::default(), QUICK).await;
    let users = |count: usize| users("f", count, |_| json!({"state": "Activated"}));
    calendar.apply_batch("sales", &json!({"users": users(2)}));
    calendar.reason("sales", "Succeeded").await;
    let more = json!({"missedPolicy": "ApplyNow", "verification": {"gracePeriod": "15s"}});
    calendar.apply_schedule("team", &of_batch(&ahead(5).to_string(), &more));
    calendar.comes_to("team", "Executed").await;
    let since = seq(&calendar.sim);
    calendar.apply_batch("sales", &json!({"users": users(4)}));
    calendar.reason("sales", "Succeeded").await;
    let status = look(&calendar, "team", "1").await;
    assert_eq!(status.users.len(), 2, "{:?}", status.users);
    assert!(told(&status, "Executed").is_some());
    assert_eq!(
        (calendar.state_of("f0002"), calendar.state_of("f0003")),
        ("ACTIVATED".into(), "ACTIVATED".into())
    );
    let calls = Calls::since(&calendar.sim, since);
    assert_eq!((calls.posts, calls.updates, calls.states), (0, 0, 0), "{calls:?}");
}

/// Ten minutes before the date nobody is waited for any more: who has a result is scheduled, and that others have
/// none stays said.
#[tokio::test(flavor = "multi_thread")]
async fn ten_minutes_before_the_date_who_is_there_is_scheduled() {
    if clean_only("measures time") {
        return;
    }
    let mut settings = Settings::default();
    settings.jobs.stuck_rows = vec![Pattern::exactly("b0001").expect("a pattern")];
    let (calendar, _operator) = Calendar::running("sus-latest", settings, QUICK).await;
    calendar.apply_batch("sales", &json!({"users": plain_users("b", 2), "batchSize": 1}));
    eventually("the first user", PATIENCE, async || {
        let inventory = calendar.status("sales").await.inventory;
        if inventory.len() == 1 { Ok(()) } else { Err(inventory) }
    })
    .await;
    let date = ahead(609);
    calendar.apply_schedule("team", &of_batch(&date.to_string(), &json!({})));
    let status = calendar.comes_to("team", "AwaitingUsers").await;
    assert!(
        message(&status).contains("1 user of JumpCloudUserBatch sales has no result yet"),
        "{}",
        message(&status)
    );
    assert_eq!(Calls::since(&calendar.sim, 0).posts, 0);
    listed(&calendar, &["b0000"], date).await;
    let post = calendar.sim.requests(Route::ScheduleCreate).remove(0);
    let before = date.duration_since(post.arrived).as_secs();
    assert!((585..=600).contains(&before), "sent {before} s before the date");
    let status = calendar.comes_to("team", "AwaitingUsers").await;
    assert_eq!(result(&status, "b0000"), ("Scheduled", None));
}

/// The batch goes before the date: what is scheduled stays, it is told, and the schedule can still be deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_goes_takes_no_event_along() {
    let (calendar, _operator) = Calendar::running("sus-gone", Settings::default(), QUICK).await;
    let date = ahead(7200);
    calendar.apply_batch("sales", &json!({"users": plain_users("g", 2)}));
    calendar.reason("sales", "Succeeded").await;
    calendar.apply_schedule("team", &of_batch(&date.to_string(), &json!({})));
    calendar.comes_to("team", "Scheduled").await;
    calendar.kubectl(&["delete", "jcub", "sales"]);
    let status = calendar.comes_to("team", "AwaitingUsers").await;
    assert!(message(&status).contains("sales does not exist"), "{}", message(&status));
    assert_eq!(result(&status, "g0001"), ("Scheduled", None));
    listed(&calendar, &["g0000", "g0001"], date).await;
    calendar.delete("team");
    calendar.gone("team").await;
    listed(&calendar, &[], date).await;
}
