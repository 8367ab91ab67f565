//! Objects that schedule the same change of the same user (bar 4): the older one has it, and whoever goes, one
//! event stays for whoever is left.

use jiff::Timestamp;
use jumpcloud_sim::Settings;
use serde_json::{Value, json};

use super::standing::{line, result, told, until};
use crate::harness::operator::{Operator, QUICK};
use crate::harness::schedules::{
    Calendar, Calls, ahead, assert_always_listed, by_username, dates_of, events_of, seq,
};
use crate::harness::wait::eventually;
use crate::harness::weather::without_faults;
use crate::harness::world::PATIENCE;

fn spec(date: Timestamp) -> Value {
    json!({"users": [{"username": "ada"}], "state": "Suspended", "startTime": date.to_string()})
}

/// Two namespaces of one organisation with the user ada, and an operator for both.
async fn two_namespaces(name: &str) -> (Calendar, Calendar, Operator, String) {
    let here = Calendar::new(&format!("{name}-here"), Settings::default()).await;
    let there = Calendar::of(here.beside(&format!("{name}-there")));
    let id = here.add_user("ada", "ACTIVATED");
    let operator = here.operator_with(&[&there], QUICK);
    here.connection_reason("default", "Succeeded").await;
    there.connection_reason("default", "Succeeded").await;
    (here, there, operator, id)
}

/// Waits until an object made now is younger than all that are there: creationTimestamp knows whole seconds.
async fn next_second() {
    let second = Timestamp::now().as_second();
    eventually("the next second", PATIENCE, async || {
        if Timestamp::now().as_second() > second { Ok(()) } else { Err(second) }
    })
    .await;
}

/// The scheduledJobId of the one event that is listed.
fn only_event(calendar: &Calendar) -> String {
    let events = events_of(&calendar.sim);
    assert_eq!(events.len(), 1, "{events:?}");
    events[0].job.clone()
}

/// The older has the user, in whichever namespace it is. Neither going cancels the event of the other.
async fn the_older_has_it(older: &Calendar, younger: &Calendar, id: &str) {
    let date = ahead(86_400);
    older.apply_schedule("keeper", &spec(date));
    older.comes_to("keeper", "Scheduled").await;
    let job = only_event(older);
    next_second().await;
    younger.apply_schedule("asker", &spec(date));
    until(younger, "asker", "ada", "Conflict").await;
    let lost = younger.comes_to("asker", "Scheduled").await;
    assert_eq!(result(&lost, "ada"), ("Conflict", Some("ManagedElsewhere")));
    let (reason, message) = told(&lost, "Conflicting").expect("Conflicting is True");
    assert_eq!(reason, "ManagedElsewhere");
    assert!(message.contains("ada"), "{message}");
    let whole = serde_json::to_string(&lost).expect("JSON");
    assert!(!whole.contains("keeper") && !whole.contains(&older.namespace), "{whole}");
    let events = younger.kubectl(&["get", "events.events.k8s.io", "--output", "json"]);
    assert!(!events.contains("keeper") && !events.contains(&older.namespace), "{events}");
    let has = older.schedule_status("keeper").await;
    assert_eq!(told(&has, "Conflicting"), None, "the owner has nothing to do");
    assert_eq!(only_event(older), job);

    younger.delete("asker");
    younger.gone("asker").await;
    assert_eq!(only_event(older), job, "the younger one went with the event of the older");

    younger.apply_schedule("asker", &spec(date));
    until(younger, "asker", "ada", "Conflict").await;
    older.delete("keeper");
    older.gone("keeper").await;
    let has = until(younger, "asker", "ada", "Scheduled").await;
    let now = eventually("one event", PATIENCE, async || {
        let events = events_of(&older.sim);
        if events.len() == 1 { Ok(events[0].clone()) } else { Err(events) }
    })
    .await;
    assert_ne!(now.job, job);
    assert_eq!((now.user.as_str(), now.date), (id, date));
    assert_eq!(has.events[0].origin, "Created");
    let has = younger.comes_to("asker", "Scheduled").await;
    assert_eq!(told(&has, "Conflicting"), None);
    assert_eq!(line(&has, "ada").reason, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_namespaces_the_older_schedules() {
    let (here, there, _operator, id) = two_namespaces("sus-older").await;
    the_older_has_it(&here, &there, &id).await;
}

/// The same when the names are in the other order: age comes first.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_namespaces_the_older_schedules_whatever_the_names_are() {
    let (here, there, _operator, id) = two_namespaces("sus-names").await;
    the_older_has_it(&there, &here, &id).await;
}

/// The younger schedules its own at once when the older is paused or edited to another date, and gives way again
/// when the older is back, which has an event before the younger cancels its own.
#[tokio::test(flavor = "multi_thread")]
async fn the_younger_schedules_while_the_older_does_not() {
    let (here, there, _operator, id) = two_namespaces("sus-turns").await;
    let (date, other) = (ahead(86_400), ahead(90_000));
    here.apply_schedule("keeper", &spec(date));
    here.comes_to("keeper", "Scheduled").await;
    next_second().await;
    there.apply_schedule("asker", &spec(date));
    until(&there, "asker", "ada", "Conflict").await;

    here.edit("keeper", &json!({"paused": true}));
    here.comes_to("keeper", "Paused").await;
    let has = until(&there, "asker", "ada", "Scheduled").await;
    assert_eq!(only_event(&here), has.events[0].scheduled_job_id);
    let since = seq(&here.sim);

    here.edit("keeper", &json!({"paused": false}));
    let has = until(&here, "keeper", "ada", "Scheduled").await;
    until(&there, "asker", "ada", "Conflict").await;
    eventually("one event", PATIENCE, async || {
        let events = events_of(&here.sim);
        let theirs = there.schedule_status("asker").await.events;
        if events.len() == 1 && theirs.is_empty() { Ok(()) } else { Err((events, theirs)) }
    })
    .await;
    assert_eq!(only_event(&here), has.events[0].scheduled_job_id);
    assert_always_listed(&here.sim, since, std::slice::from_ref(&id), "SUSPENDED", &[date]);

    here.edit("keeper", &json!({"startTime": other.to_string()}));
    here.comes_to("keeper", "Scheduled").await;
    until(&there, "asker", "ada", "Scheduled").await;
    eventually("an event for each", PATIENCE, async || {
        let dates = dates_of(&here.sim);
        if dates == [(id.clone(), date), (id.clone(), other)] { Ok(()) } else { Err(dates) }
    })
    .await;
}

/// Both are there before anybody looks; whatever is sent first, one event is left in the end.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_are_seen_at_once_one_event_is_left() {
    let here = Calendar::new("sus-once-here", Settings::default()).await;
    let there = Calendar::of(here.beside("sus-once-there"));
    let id = here.add_user("ada", "ACTIVATED");
    let date = ahead(86_400);
    there.apply_schedule("first", &spec(date));
    next_second().await;
    here.apply_schedule("second", &spec(date));
    let _operator = here.operator_with(&[&there], QUICK);
    until(&there, "first", "ada", "Scheduled").await;
    until(&here, "second", "ada", "Conflict").await;
    eventually("one event", PATIENCE, async || {
        let (dates, lost) = (dates_of(&here.sim), here.schedule_status("second").await.events);
        if dates == [(id.clone(), date)] && lost.is_empty() { Ok(()) } else { Err((dates, lost)) }
    })
    .await;
}

/// In one namespace the other one is named. Both are told when the change was made, by whichever event.
#[tokio::test(flavor = "multi_thread")]
async fn two_of_one_namespace_are_both_executed() {
    let (calendar, _operator) = Calendar::running("sus-pair", Settings::default(), QUICK).await;
    calendar.add_user("ada", "ACTIVATED");
    calendar.add_user("bob", "ACTIVATED");
    let date = ahead(9);
    let spec = |users: &[&str]| {
        json!({
            "users": by_username(users.to_vec()), "state": "Suspended", "startTime": date.to_string(),
            "verification": {"gracePeriod": "20s"},
        })
    };
    calendar.apply_schedule("keeper", &spec(&["ada"]));
    calendar.comes_to("keeper", "Scheduled").await;
    next_second().await;
    calendar.apply_schedule("asker", &spec(&["ada", "bob"]));
    let lost = until(&calendar, "asker", "ada", "Conflict").await;
    let message = line(&lost, "ada").message.clone().unwrap_or_default();
    assert!(message.contains("sus-pair/keeper"), "{message}");
    until(&calendar, "asker", "bob", "Scheduled").await;
    without_faults(|| assert_eq!(Calls::since(&calendar.sim, 0).posts, 2, "ada is in one of them"));
    for name in ["keeper", "asker"] {
        let status = calendar.comes_to(name, "Executed").await;
        assert!(told(&status, "Executed").is_some(), "{name}: {status:?}");
        assert_eq!(told(&status, "Conflicting"), None, "{name}");
    }
    without_faults(|| assert_eq!(Calls::since(&calendar.sim, 0).posts, 2));
}
