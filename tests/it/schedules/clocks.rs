//! Dates near and far, and clocks that differ (bar 4): each ends in a status that says how it stands.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jumpcloud_sim::Settings;
use serde_json::{Value, json};

use super::standing::{is_one_of, line, look, message, result, told, until};
use crate::harness::operator::QUICK;
use crate::harness::schedules::{Calendar, Calls, ahead, all_at, by_username, dates_of, seq};
use crate::harness::wait::eventually;
use crate::harness::weather::{clean_only, without_faults};
use crate::harness::world::PATIENCE;

/// How much two clocks differ.
const SKEW: Duration = Duration::from_secs(600);

fn spec(user: &str, date: Timestamp, more: &Value) -> Value {
    let mut spec = json!({
        "users": by_username([user]), "state": "Suspended", "startTime": date.to_string(),
        "verification": {"gracePeriod": "3s"},
    });
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    spec
}

/// Moves the simulator's clock, also backwards.
async fn set_clock(calendar: &Calendar, to: Timestamp) {
    let request = reqwest::Client::new().post(format!("{}/_sim/clock", calendar.sim.url()));
    let answer = request.body(json!({"set": to.to_string()}).to_string()).send().await;
    assert!(answer.expect("the simulator answers").status().is_success());
}

/// JumpCloud's clock is ten minutes ahead: a date that has passed there is refused in its words. A change that it
/// makes before the date has come here is not scheduled a second time.
#[tokio::test(flavor = "multi_thread")]
async fn jumpclouds_clock_is_ahead() {
    if clean_only("its dates are seconds away") {
        return;
    }
    let (calendar, _operator) = Calendar::running("sus-ahead", Settings::default(), QUICK).await;
    calendar.add_user("ada", "ACTIVATED");
    calendar.add_user("bob", "ACTIVATED");
    calendar.sim.advance(SKEW);
    let since = seq(&calendar.sim);
    calendar.apply_schedule("soon", &spec("ada", ahead(870), &json!({})));
    calendar.comes_to("soon", "Scheduled").await;
    calendar.apply_schedule("late", &spec("bob", ahead(300), &json!({})));
    let refused = calendar.comes_to("late", "Failed").await;
    assert_eq!(result(&refused, "bob"), ("Failed", Some("Rejected")));
    let words = line(&refused, "bob").message.clone().unwrap_or_default();
    assert!(words.contains("start_date must be in the future"), "{words}");

    calendar.sim.advance(Duration::from_secs(300));
    assert_eq!(calendar.state_of("ada"), "SUSPENDED");
    let status = look(&calendar, "soon", "early").await;
    assert!(["Scheduled", "Executed"].contains(&result(&status, "ada").0), "{status:?}");
    let ready = status.conditions.iter().find(|c| c.type_ == "Ready").expect("Ready");
    assert_eq!(ready.status, "True", "{status:?}");
    without_faults(|| assert_eq!(Calls::since(&calendar.sim, since).posts, 2, "one each"));
    assert_eq!(dates_of(&calendar.sim), []);
}

/// JumpCloud's clock is ten minutes behind: when the grace period is over before it makes the change, that is
/// told, and seen when it has.
#[tokio::test(flavor = "multi_thread")]
async fn jumpclouds_clock_is_behind() {
    if clean_only("its dates are seconds away") {
        return;
    }
    let (calendar, _operator) = Calendar::running("sus-behind", Settings::default(), QUICK).await;
    let behind = SignedDuration::try_from(SKEW).expect("a duration");
    set_clock(&calendar, Timestamp::now() - behind).await;
    let id = calendar.add_user("ada", "ACTIVATED");
    let (since, date) = (seq(&calendar.sim), ahead(5));
    calendar.apply_schedule("sales", &spec("ada", date, &json!({})));
    calendar.comes_to("sales", "Scheduled").await;
    let status = calendar.comes_to("sales", "NotReached").await;
    assert_eq!(result(&status, "ada"), ("NotReached", None));
    let words = line(&status, "ada").message.clone().unwrap_or_default();
    assert!(words.contains("ACTIVATED") && words.contains("requested-at"), "{words}");
    assert!(told(&status, "Stalled").is_some(), "{status:?}");
    assert_eq!(dates_of(&calendar.sim), all_at(&[id], date), "JumpCloud is still to make it");

    calendar.sim.advance(SKEW + Duration::from_secs(10));
    assert_eq!(calendar.state_of("ada"), "SUSPENDED");
    let status = look(&calendar, "sales", "caught-up").await;
    assert_eq!(result(&status, "ada"), ("Executed", None));
    let status = calendar.comes_to("sales", "Executed").await;
    assert!(told(&status, "Executed").is_some());
    let calls = Calls::since(&calendar.sim, since);
    without_faults(|| assert_eq!((calls.posts, calls.updates, calls.states), (1, 0, 0), "{calls:?}"));
}

/// A second or two ahead: scheduled in time, or missed; either way it ends, and nothing is left or doubled.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_ahead() {
    if clean_only("its date is a second away") {
        return;
    }
    let (calendar, _operator) = Calendar::running("sus-second", Settings::default(), QUICK).await;
    for user in ["ada", "bob"] {
        calendar.add_user(user, "ACTIVATED");
    }
    let date = ahead(2);
    calendar.apply_schedule("fail", &spec("ada", date, &json!({})));
    let date = ahead(2);
    calendar.apply_schedule("now", &spec("bob", date, &json!({"missedPolicy": "ApplyNow"})));
    let ended = eventually("the end of it", PATIENCE, async || {
        let status = calendar.schedule_status("fail").await;
        let ended = is_one_of(&status, "ada", &["Executed", "Missed", "Failed"]);
        if ended { Ok(status) } else { Err(status) }
    })
    .await;
    match result(&ended, "ada") {
        ("Executed", None) => assert_eq!(calendar.state_of("ada"), "SUSPENDED"),
        ("Missed", None) => assert_eq!(calendar.state_of("ada"), "ACTIVATED"),
        // Sent in time, and there too late.
        ("Failed", Some("Rejected")) => assert!(message(&ended).contains("could not be scheduled")),
        other => panic!("{other:?}"),
    }
    let ended = eventually("the end of the other", PATIENCE, async || {
        let status = calendar.schedule_status("now").await;
        let ended = is_one_of(&status, "bob", &["Executed", "Failed"]);
        if ended { Ok(status) } else { Err(status) }
    })
    .await;
    match result(&ended, "bob") {
        ("Executed", None) => assert_eq!(calendar.state_of("bob"), "SUSPENDED"),
        ("Failed", Some("Rejected")) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(dates_of(&calendar.sim), []);
}

/// In the past: missed, and said so; under Skip nothing is wrong. Nothing is sent.
#[tokio::test(flavor = "multi_thread")]
async fn in_the_past() {
    let (calendar, _operator) = Calendar::running("sus-past", Settings::default(), QUICK).await;
    calendar.add_user("ada", "ACTIVATED");
    calendar.add_user("bob", "ACTIVATED");
    let since = seq(&calendar.sim);
    let date = ahead(-3600);
    calendar.apply_schedule("fail", &spec("ada", date, &json!({})));
    calendar.apply_schedule("skip", &spec("bob", date, &json!({"missedPolicy": "Skip"})));
    let status = calendar.comes_to("fail", "Missed").await;
    assert_eq!(result(&status, "ada"), ("Missed", None));
    assert!(told(&status, "Stalled").is_some(), "{status:?}");
    assert!(message(&status).contains("set a later startTime"), "{}", message(&status));
    let status = calendar.comes_to("skip", "Succeeded").await;
    assert_eq!(result(&status, "bob"), ("Missed", None));
    assert!(told(&status, "Ready").is_some(), "{status:?}");
    assert_eq!(told(&status, "Executed"), None);
    let calls = Calls::since(&calendar.sim, since);
    assert_eq!((calls.posts, calls.updates, calls.states), (0, 0, 0), "{calls:?}");

    // A later date, and it is scheduled.
    let date = ahead(3600);
    calendar.edit("fail", &json!({"startTime": date.to_string()}));
    calendar.comes_to("fail", "Scheduled").await;
}

/// Beyond 32 bits of seconds, and beyond this century: scheduled to the second, and quiet afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn far_away() {
    let (calendar, _operator) = Calendar::running("sus-far", Settings::default(), QUICK).await;
    let mut want = Vec::new();
    for (name, date) in [("y2038", "2038-01-19T03:14:08Z"), ("y2100", "2100-01-01T00:00:00Z")] {
        let id = calendar.add_user(name, "ACTIVATED");
        let date: Timestamp = date.parse().expect("a time");
        calendar.apply_schedule(name, &spec(name, date, &json!({})));
        want.push((id, date));
    }
    for (name, (_, date)) in ["y2038", "y2100"].iter().zip(&want) {
        let status = calendar.comes_to(name, "Scheduled").await;
        assert_eq!(status.scheduled_time, Some(date.to_string()));
        assert!(told(&status, "Ready").is_some());
    }
    want.sort();
    assert_eq!(dates_of(&calendar.sim), want);
    calendar.sim.quiet_for(Duration::from_secs(3), Duration::from_secs(10)).await.expect("quiet");
}

/// Already in the state: before the date it is scheduled all the same, because it may change until then; after
/// it, it counts as executed.
#[tokio::test(flavor = "multi_thread")]
async fn already_in_the_state() {
    if clean_only("its date is seconds away") {
        return;
    }
    let (calendar, _operator) = Calendar::running("sus-already", Settings::default(), QUICK).await;
    for user in ["ada", "bob"] {
        calendar.add_user(user, "SUSPENDED");
    }
    calendar.apply_schedule("past", &spec("bob", ahead(-30), &json!({})));
    let date = ahead(5);
    calendar.apply_schedule("ahead", &spec("ada", date, &json!({})));
    let status = calendar.comes_to("ahead", "Scheduled").await;
    assert_eq!(result(&status, "ada"), ("Scheduled", None));
    assert_eq!(told(&status, "Executed"), None);
    let status = calendar.comes_to("past", "Executed").await;
    assert_eq!(result(&status, "bob"), ("Executed", None));
    assert!(told(&status, "Executed").is_some() && told(&status, "Ready").is_some(), "{status:?}");
    until(&calendar, "ahead", "ada", "Executed").await;
    let status = calendar.comes_to("ahead", "Executed").await;
    assert!(told(&status, "Executed").is_some());
    without_faults(|| assert_eq!(Calls::since(&calendar.sim, 0).posts, 1));
}
