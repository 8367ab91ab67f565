//! Events that vanish (bar 8): removed in the console they come back; paused, none is listed.

use jumpcloud_sim::{Route, Settings};
use serde_json::json;

use super::standing::{look, message, result, told};
use crate::harness::operator::QUICK;
use crate::harness::schedules::{
    Calendar, Calls, ahead, all_at, assert_scheduled_true, dates_of, events_of, rows, seq,
};
use crate::harness::wait::eventually;
use crate::harness::weather::without_faults;
use crate::harness::world::PATIENCE;

/// Seen when somebody asks: who lost an event has one again, the others keep theirs.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_removed_in_the_console_is_back_after_a_look() {
    let (calendar, _operator) = Calendar::running("sus-console", Settings::default(), QUICK).await;
    let ids = calendar.add_users("u", 4, "ACTIVATED");
    let date = ahead(7200);
    calendar.apply_schedule(
        "sales",
        &json!({"users": rows("u", 4), "state": "Suspended", "startTime": date.to_string()}),
    );
    calendar.comes_to("sales", "Scheduled").await;
    let since = seq(&calendar.sim);
    let job = events_of(&calendar.sim)[0].job.clone();
    assert_eq!(calendar.sim.remove_schedules(&job, Some(&ids[2])), 1);
    look(&calendar, "sales", "1").await;
    let status = calendar.comes_to("sales", "Scheduled").await;
    assert_eq!(dates_of(&calendar.sim), all_at(&ids, date));
    assert_scheduled_true(&calendar.sim, &status);
    let posts = calendar.sim.ledger_since(since);
    let posts: Vec<_> =
        posts.iter().filter_map(|e| e.request()).filter(|r| r.accepted_job().is_some()).collect();
    without_faults(|| {
        assert_eq!(posts.iter().map(|request| &request.ids).collect::<Vec<_>>(), [&vec![ids[2].clone()]]);
    });

    // All of them, whatever job they are of.
    for event in events_of(&calendar.sim) {
        calendar.sim.remove_schedules(&event.job, None);
    }
    assert_eq!(dates_of(&calendar.sim), []);
    look(&calendar, "sales", "2").await;
    let status = calendar.comes_to("sales", "Scheduled").await;
    assert_eq!(dates_of(&calendar.sim), all_at(&ids, date));
    assert_scheduled_true(&calendar.sim, &status);
}

/// Seen by itself five minutes before the date. The look an hour before, and the daily one, are of the same
/// kind; the planner's tests make them in virtual time.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_removed_in_the_console_is_back_five_minutes_before() {
    let (calendar, _operator) = Calendar::running("sus-last", Settings::default(), QUICK).await;
    let ids = calendar.add_users("u", 2, "ACTIVATED");
    let date = ahead(308);
    calendar.apply_schedule(
        "sales",
        &json!({"users": rows("u", 2), "state": "Suspended", "startTime": date.to_string()}),
    );
    calendar.comes_to("sales", "Scheduled").await;
    let since = seq(&calendar.sim);
    for event in events_of(&calendar.sim) {
        calendar.sim.remove_schedules(&event.job, None);
    }
    assert_eq!(dates_of(&calendar.sim), []);
    eventually("the events", PATIENCE, async || {
        let dates = dates_of(&calendar.sim);
        if dates == all_at(&ids, date) { Ok(()) } else { Err(dates) }
    })
    .await;
    without_faults(|| assert_eq!(Calls::since(&calendar.sim, since).posts, 1));
    let post = calendar.sim.requests(Route::ScheduleCreate).remove(1);
    let before = date.duration_since(post.arrived).as_secs();
    assert!((285..=300).contains(&before), "sent {before} s before the date");
    let status = calendar.comes_to("sales", "Scheduled").await;
    assert_scheduled_true(&calendar.sim, &status);
}

/// Paused before the date: none of its events is listed, and it is not done. Resumed: exactly the declared ones.
#[tokio::test(flavor = "multi_thread")]
async fn paused_nothing_is_listed_and_resumed_what_is_declared() {
    let (calendar, _operator) = Calendar::running("sus-paused", Settings::default(), QUICK).await;
    let ids = calendar.add_users("u", 3, "ACTIVATED");
    let date = ahead(7200);
    calendar.apply_schedule(
        "sales",
        &json!({"users": rows("u", 3), "state": "Suspended", "startTime": date.to_string()}),
    );
    calendar.comes_to("sales", "Scheduled").await;
    calendar.edit("sales", &json!({"paused": true}));
    let status = calendar.comes_to("sales", "Paused").await;
    assert_eq!(dates_of(&calendar.sim), []);
    assert_eq!(status.events, Vec::new());
    assert_eq!(result(&status, "u0001"), ("Held", Some("Paused")));
    assert!(told(&status, "Reconciling").is_some() && told(&status, "Ready").is_none(), "{status:?}");
    assert!(message(&status).contains("spec.paused"), "{}", message(&status));
    // Nothing is left to undo.
    eventually("the end of the finalizer", PATIENCE, async || {
        let metadata = calendar.schedule("sales").await.expect("it is there").metadata;
        if metadata.finalizers.is_none() { Ok(()) } else { Err(metadata.finalizers) }
    })
    .await;

    // Edited while paused: the newest is what counts.
    let later = ahead(9000);
    calendar.edit("sales", &json!({"paused": false, "users": rows("u", 2), "startTime": later.to_string()}));
    let status = calendar.comes_to("sales", "Scheduled").await;
    assert_eq!(dates_of(&calendar.sim), all_at(&ids[..2], later));
    assert_scheduled_true(&calendar.sim, &status);
}
