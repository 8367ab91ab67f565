//! Other people's events, other objects, and requests without an answer.

use serde_json::json;

use super::world::{TIME, World, spec};
use crate::api::schedule_status::{EventEntry, Superseded};
use crate::api::submission::Recorded;
use crate::plan::claims::Holder;
use crate::plan::schedule::change::Change;
use crate::plan::schedule::facts::{Claims, Listed, Rival};

#[test]
fn an_event_that_vanished_is_back_and_others_stay() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob"]);
    let foreign = |user: &str, state, time: &str| Listed {
        job_id: format!("foreign-{user}"),
        user_id: user.to_owned(),
        state: Some(state),
        time: Some(time.parse().unwrap()),
    };
    use crate::api::scheduled_user_state::ScheduledState::{Activated, Suspended};
    world.events.push(foreign("idada", Suspended, TIME));
    world.events.push(foreign("idbob", Activated, TIME));
    world.pass();
    let origins: Vec<_> = world.status.events.iter().map(|e| e.origin.as_str()).collect();
    assert_eq!(origins, ["Adopted", "Created"]);
    let told = |world: &World| world.status.conditions.iter().find(|c| c.type_ == "Conflicting").cloned();
    assert!(told(&world).unwrap().message.contains("bob"), "told by the look before the request");
    assert_eq!(world.reason(), "Scheduled");
    world.until("2027-01-04T07:00:00Z");
    world.events.retain(|event| event.user_id != "idbob" || event.state == Some(Activated));
    world.took();
    world.pass();
    assert_eq!(world.events.len(), 3, "{} {:#?}", world.took(), world.status);
    world.until("2027-01-04T07:55:00Z");
    world.pass();
    assert!(told(&world).unwrap().message.contains("bob"));
    assert_eq!(world.reason(), "Scheduled");
    world.deleting = true;
    world.pass();
    let left: Vec<_> = world.events.iter().map(|event| event.job_id.as_str()).collect();
    assert_eq!(left, ["foreign-idada", "foreign-idbob"]);
}

#[test]
fn who_gives_way_takes_nobody_along() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob"]);
    world.pass();
    world.took();
    // An older object has an event for one of two users under one id.
    let rival = Rival { holder: Holder::Stranger, older: true, holds: true };
    world.claims.rivals.insert("idada".to_owned(), rival);
    world.pass();
    let log = world.took();
    assert!(log.find("post").unwrap() < log.find("Cancel").unwrap(), "{log}");
    let users: Vec<_> = world.listed().into_iter().map(|(user, _)| user).collect();
    assert_eq!(users, ["idbob"], "{log}");
    let results: Vec<_> = world.status.users.iter().map(|user| user.result.as_str()).collect();
    assert_eq!(results, ["Conflict", "Scheduled"]);
    world.pass();
    assert_eq!(world.took(), "", "at rest");
}

#[test]
fn an_event_without_its_seconds_is_taken_over() {
    let mut value = spec(&["ada"]);
    value["startTime"] = json!("2027-01-04T08:00:30Z");
    let mut world = World::new(value, &["ada"]);
    let state = Some(crate::api::scheduled_user_state::ScheduledState::Suspended);
    let event = |job: &str, time: &str| Listed {
        job_id: job.to_owned(),
        user_id: "idada".to_owned(),
        state,
        time: Some(time.parse().unwrap()),
    };
    world.events.push(event("other", "2027-01-04T08:00:10Z"));
    world.events.push(event("cut", TIME));
    world.pass();
    assert!(!world.took().contains("post"));
    let taken = &world.status.events[0];
    assert_eq!((taken.scheduled_job_id.as_str(), taken.origin.as_str()), ("cut", "Adopted"));
    assert_eq!(taken.time.as_deref(), Some(TIME));
}

#[test]
fn an_event_that_vanished_with_its_user_is_not_sent_again() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob"]);
    world.pass();
    world.took();
    world.events.retain(|event| event.user_id != "idbob");
    world.users.remove("bob");
    world.until("2027-01-04T07:00:00Z");
    world.pass();
    let log = world.took();
    assert!(!log.contains("post"), "{log}");
    let results: Vec<_> = world.status.users.iter().map(|user| user.result.as_str()).collect();
    assert_eq!(results, ["Scheduled", "NotFound"], "{log}");
    assert_eq!(world.status.events.len(), 1);
    world.pass();
    assert_eq!(world.took(), "", "at rest");
}

#[test]
fn who_gets_no_other_event_keeps_the_one_that_does_the_same() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob"]);
    world.pass();
    world.took();
    world.refuses = true;
    world.edit(|spec| drop(spec.users.remove(0)));
    world.pass();
    let log = world.took();
    assert!(!log.contains("Cancel"), "{log}");
    assert_eq!(world.listed().len(), 2, "{log}");
    assert_eq!(world.reason(), "Failed", "{log}");
    world.pass();
    assert_eq!(world.took(), "", "at rest");
    // Another date: the old one is not wanted any more.
    world.edit(|spec| spec.start_time = "2027-01-05T08:00:00Z".to_owned());
    world.pass();
    assert_eq!(world.listed(), [], "{}", world.took());
}

#[test]
fn in_place_of_an_event_that_vanished_an_equal_one_is_taken_over() {
    let mut world = World::new(spec(&["ada"]), &["ada"]);
    world.pass();
    world.took();
    world.events[0].job_id = "by-hand".to_owned();
    world.until("2027-01-04T07:00:00Z");
    world.pass();
    let log = world.took();
    assert!(!log.contains("post"), "{log}");
    let taken = &world.status.events[0];
    assert_eq!((taken.scheduled_job_id.as_str(), taken.origin.as_str()), ("by-hand", "Adopted"));
    assert_eq!(world.reason(), "Scheduled");
}

#[test]
fn what_an_unknown_request_made_is_cancelled_before_anybody_is_told_done() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob"]);
    world.loses = true;
    world.pass();
    world.edit(|spec| spec.start_time = "2027-01-05T08:00:00Z".to_owned());
    world.pass();
    assert_eq!(world.events.len(), 4, "the lost one, and the one of the new date");
    assert_eq!(world.reason(), "Progressing");
    let sights: Vec<_> = world.status.submissions.iter().flat_map(Recorded::sights).collect();
    let long = std::time::Duration::from_secs(3600);
    world.notes.common.first_seen.extend(sights.into_iter().map(|sight| (sight, long)));
    world.until("2027-01-01T01:00:00Z");
    world.pass();
    assert_eq!(world.listed().len(), 2, "{}", world.took());
    assert!(world.listed().iter().all(|(_, time)| time == "2027-01-05T08:00:00Z"));
    assert_eq!(world.reason(), "Scheduled");
}

#[test]
fn what_was_there_before_a_request_is_not_its_own() {
    let mut world = World::new(spec(&["ada"]), &["ada"]);
    // Another object has it, and lets go of it while the outcome of a request for the same user is unknown.
    world.events.push(Listed {
        job_id: "another".to_owned(),
        user_id: "idada".to_owned(),
        state: Some(crate::api::scheduled_user_state::ScheduledState::Suspended),
        time: Some(TIME.parse().unwrap()),
    });
    world.claims.recorded.insert(("another".to_owned(), "idada".to_owned()));
    world.loses = true;
    world.pass();
    world.claims = Claims::default();
    assert_eq!(world.events.len(), 2);
    let sights: Vec<_> = world.status.submissions.iter().flat_map(Recorded::sights).collect();
    let long = std::time::Duration::from_secs(3600);
    world.notes.common.first_seen.extend(sights.into_iter().map(|sight| (sight, long)));
    world.until("2027-01-01T01:00:00Z");
    world.pass();
    let entry = &world.status.events[0];
    assert_eq!((entry.scheduled_job_id == "another", entry.origin.as_str()), (false, "Created"));
}

#[test]
fn an_event_whose_deletion_may_come_late_is_not_taken_back() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob"]);
    world.shared = false;
    world.pass();
    world.took();
    // Off the list: that is written before anything is deleted, and the DELETE gets no answer.
    world.edit(|spec| drop(spec.users.pop()));
    world.loses_calls = true;
    world.pass();
    let log = world.took();
    assert!(log.starts_with("commit, list, Cancel"), "{log}");
    assert_eq!(world.listed().len(), 2);
    // On it again: the event that may still be deleted is replaced.
    world.edit(|spec| spec.users.push(serde_json::from_value(json!({"username": "bob"})).unwrap()));
    world.loses_calls = false;
    world.pass();
    let log = world.took();
    assert!(log.find("post").unwrap() < log.find("Cancel").unwrap(), "{log}");
    assert_eq!(world.listed().len(), 2, "{log}");
    assert_eq!(world.reason(), "Scheduled");
}

/// Whoever may write status puts another user's id there; the pass that acts looks who it is.
#[test]
fn an_id_that_somebody_wrote_into_status_is_not_scheduled() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob", "eve"]);
    world.pass();
    world.took();
    // An edit has all of them scheduled anew.
    world.edit(|spec| spec.start_time = "2027-01-05T08:00:00Z".to_owned());
    for user in &mut world.status.users {
        if user.username.as_deref() == Some("ada") {
            user.id = Some("ideve".to_owned());
        }
    }
    world.pass();
    let log = world.took();
    assert_eq!(log.matches("search").count(), 1, "{log}");
    let mut scheduled: Vec<_> = world.listed().into_iter().map(|(user, _)| user).collect();
    scheduled.dedup();
    assert_eq!(scheduled, ["idada", "idbob"], "{log}");
    let ids: Vec<_> = world.status.users.iter().map(|user| user.id.as_deref()).collect();
    assert_eq!(ids, [Some("idada"), Some("idbob")]);
}

#[test]
fn a_username_that_somebody_wrote_into_status_takes_no_protection_away() {
    let mut users = spec(&[]);
    users["users"] = json!([{"id": "idrootadmin"}]);
    let mut world = World::new(users, &["rootadmin"]);
    world.protected = vec!["root*".to_owned()];
    world.status.users.push(crate::api::schedule_status::ScheduledUser {
        row: Some(0),
        username: Some("harmless".to_owned()),
        id: Some("idrootadmin".to_owned()),
        result: "Pending".to_owned(),
        ..Default::default()
    });
    world.pass();
    assert_eq!(world.listed(), [], "{}", world.took());
    assert_eq!(world.status.users[0].reason.as_deref(), Some("UserProtected"));
}

#[test]
fn who_keeps_an_event_that_does_the_same_keeps_none_of_another_date() {
    let mut world = World::new(spec(&["ada"]), &["ada"]);
    world.pass();
    let other = "2027-01-03T08:00:00Z";
    let replaced = Change::scheduled(&world.status).unwrap().superseded();
    world.status.events[0].superseded = Some(replaced.clone());
    let kept = world.status.events[0].clone();
    world.status.events.push(EventEntry {
        scheduled_job_id: "of another date".to_owned(),
        superseded: Some(Superseded { time: other.to_owned(), ..replaced }),
        ..kept
    });
    let listed = Listed { time: other.parse().ok(), ..world.events[0].clone() };
    world.events.push(Listed { job_id: "of another date".to_owned(), ..listed });
    "Failed".clone_into(&mut world.status.users[0].result);
    world.pass();
    assert_eq!(world.listed(), [("idada".to_owned(), TIME.to_owned())]);
}
