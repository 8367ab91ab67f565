//! The ordinary course: from a manifest to its outcome, edits, what is missed.

use serde_json::json;

use super::world::{TIME, World, spec};
use crate::plan::policy::after;
use crate::plan::schedule::facts::Notes;

#[test]
fn from_the_manifest_to_the_outcome() {
    let mut world = World::new(spec(&["ada", "bob", "nobody"]), &["ada", "bob"]);
    let wake = world.pass().unwrap();
    assert_eq!(world.took(), "search 3, list, Add, intent, post, commit");
    assert_eq!(world.reason(), "PartiallyFailed", "nobody does not exist");
    world.edit(|spec| drop(spec.users.pop()));
    world.pass();
    assert_eq!((world.took().as_str(), world.reason()), ("commit", "Scheduled"));
    assert!(wake.duration_since(world.now).as_secs() <= 24 * 3600);
    assert_eq!(world.pass(), Some(wake));
    assert_eq!(world.took(), "", "at rest");
    // The looks before the instant.
    let mut looks = Vec::new();
    let mut next = Some(wake);
    while let Some(at) = next.filter(|at| at.to_string().as_str() < TIME) {
        world.until(&at.to_string());
        next = world.pass();
        looks.push(world.took());
    }
    assert_eq!(looks, ["list"; 5]);
    world.until("2027-01-04T08:01:00Z");
    world.pass();
    assert_eq!(world.took(), "search 2, commit, Remove");
    assert_eq!(world.reason(), "Executed");
    assert!(world.status.conditions.iter().any(|c| c.type_ == "Executed" && c.status == "True"));
    assert!(world.status.events.is_empty());
    assert_eq!(world.pass(), None, "nothing is left to look at");
}

#[test]
fn leaders_whose_clocks_differ_do_not_fight_over_the_finalizer() {
    let mut world = World::new(spec(&["ada"]), &["ada"]);
    world.pass();
    world.took();
    for time in ["2027-01-04T08:02:00Z", "2027-01-04T07:57:00Z", "2027-01-04T08:03:00Z"] {
        // JumpCloud, by its own clock, is before the instant.
        world.now = time.parse().unwrap();
        world.pass();
        let log = world.took();
        assert!(!log.contains("Add") && !log.contains("Remove"), "{time}: {log}");
    }
    world.until("2027-01-04T08:21:00Z");
    world.pass();
    assert!(world.took().ends_with("commit, Remove"));
    world.now = "2027-01-04T07:59:00Z".parse().unwrap();
    world.pass();
    assert_eq!(world.took(), "");
}

#[test]
fn three_requests_for_many_users() {
    let names: Vec<String> = (0..250).map(|n| format!("u{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = World::new(spec(&names), &names);
    world.pass();
    assert_eq!(
        world.took(),
        "search 100, search 100, search 50, list, Add, intent, post, list, intent, post, list, intent, post, commit"
    );
    assert_eq!(world.reason(), "Scheduled");
    assert_eq!(world.events.len(), 250);
}

#[test]
fn edits_make_before_they_cancel() {
    for shared in [true, false] {
        let mut world = World::new(spec(&["ada", "bob", "cy"]), &["ada", "bob", "cy", "dee"]);
        world.shared = shared;
        world.pass();
        world.took();
        // Another date.
        world.edit(|spec| spec.start_time = "2027-01-05T08:00:00Z".to_owned());
        world.pass();
        let log = world.took();
        assert!(log.find("post").unwrap() < log.find("Cancel").unwrap(), "{log}");
        assert_eq!(world.listed().len(), 3, "{log}");
        assert!(world.listed().iter().all(|(_, time)| time == "2027-01-05T08:00:00Z"));
        assert_eq!(world.status.events.len(), 3);
        // One off, one more.
        world.edit(|spec| {
            spec.users.remove(0);
            spec.users.push(serde_json::from_value(json!({"username": "dee"})).unwrap());
        });
        world.pass();
        let log = world.took();
        let users: Vec<_> = world.listed().into_iter().map(|(user, _)| user).collect();
        assert_eq!(users, ["idbob", "idcy", "iddee"], "{log}");
        assert_eq!(world.reason(), "Scheduled", "{log}");
        assert_eq!(world.status.events.len(), 3);
        // Paused, and not.
        world.edit(|spec| spec.paused = true);
        world.pass();
        let log = world.took();
        assert_eq!(world.listed(), [], "{log}");
        assert_eq!(world.reason(), "Paused");
        assert!(log.ends_with("Remove"), "{log}");
        world.edit(|spec| spec.paused = false);
        world.pass();
        world.took();
        assert_eq!(world.listed().len(), 3);
        // Gone.
        world.deleting = true;
        world.pass();
        let log = world.took();
        assert_eq!(world.listed(), [], "{log}");
        assert!(world.finalizers.is_empty());
    }
}

#[test]
fn what_was_missed_is_said_and_nothing_is_sent() {
    for (policy, reason) in [("Fail", "Missed"), ("ApplyNow", "Missed"), ("Skip", "Succeeded")] {
        let mut value = spec(&["ada", "bob"]);
        value["startTime"] = json!("2026-12-01T00:00:00Z");
        value["missedPolicy"] = json!(policy);
        let mut world = World::new(value, &["ada", "bob"]);
        world.users.get_mut("bob").unwrap().1 = "SUSPENDED".to_owned();
        world.pass();
        let results: Vec<_> = world.status.users.iter().map(|user| user.result.as_str()).collect();
        assert_eq!(results, ["Missed", "Executed"], "{policy}");
        assert_eq!(world.reason(), reason);
        assert!(!world.took().contains("post"));
        assert_eq!(world.pass(), None);
        world.notes =
            Notes { since: after(world.now, std::time::Duration::from_secs(9)), ..Notes::default() };
        world.pass();
        assert_eq!(world.took(), "", "also after a restart");
    }
}

/// A request to change users at once had no answer: it is sent again when its time has come, not when nobody expects
/// an event any more.
#[test]
fn who_is_changed_at_once_is_so_again_without_an_answer() {
    for policy in ["ApplyNow", "Fail"] {
        let mut value = spec(&["ada"]);
        value["startTime"] = json!("2026-12-31T23:59:00Z");
        value["missedPolicy"] = json!(policy);
        let mut world = World::new(value, &["ada"]);
        let user = json!({"row": 0, "username": "ada", "id": "idada", "result": "Pending", "unknownSends": 1,
            "retryTime": "2027-01-01T00:00:10Z"});
        world.status = serde_json::from_value(json!({
            "scheduledTime": "2026-12-31T23:59:00Z", "scheduledState": "Suspended", "users": [user]
        }))
        .unwrap();
        world.refuses = true;
        let wake = world.pass().unwrap();
        assert!(!world.took().contains("intent"), "{policy}: not before its time");
        if policy == "ApplyNow" {
            assert_eq!(wake.to_string(), "2027-01-01T00:00:10Z");
        }
        world.until("2027-01-01T00:00:10Z");
        world.pass();
        assert_eq!(world.took().contains("intent"), policy == "ApplyNow");
    }
}

#[test]
fn who_does_not_exist_is_looked_for_once_a_look() {
    let mut world = World::new(spec(&["nobody"]), &[]);
    let wake = world.pass().unwrap();
    assert_eq!(world.took(), "search 1, commit");
    world.until(&wake.to_string());
    world.pass();
    assert_eq!(world.took(), "search 1");
    world.pass();
    assert_eq!(world.took(), "", "the look was made");
    world.users.insert("nobody".to_owned(), ("idnobody".to_owned(), "STAGED".to_owned()));
    world.until("2027-01-04T07:00:00Z");
    world.pass();
    assert!(world.took().contains("post"));
}

/// A search may not show a new user yet, also one whose id is known.
#[test]
fn who_was_not_found_by_id_is_looked_for_once_a_look() {
    let mut value = spec(&[]);
    value["users"] = json!([{"id": "idada"}]);
    let mut world = World::new(value, &["ada"]);
    let user = json!({"row": 0, "username": "ada", "id": "idada", "result": "NotFound"});
    world.status = serde_json::from_value(json!({
        "observedGeneration": 1, "scheduledTime": TIME, "scheduledState": "Suspended", "users": [user]
    }))
    .unwrap();
    let wake = world.pass().unwrap();
    assert_eq!(world.took(), "commit");
    world.until(&wake.to_string());
    world.pass();
    assert!(world.took().starts_with("search 1, "));
    assert_eq!(world.listed().len(), 1);
}

/// A user that was left to a person is so also after it was held back for another reason.
#[test]
fn who_was_given_up_is_not_sent_again_by_and_by() {
    let mut world = World::new(spec(&["ada"]), &["ada"]);
    let user = json!({"row": 0, "username": "ada", "id": "idada", "result": "Held", "reason": "UserProtected",
        "unknownSends": 2});
    world.status = serde_json::from_value(json!({
        "observedGeneration": 1, "scheduledTime": TIME, "scheduledState": "Suspended", "users": [user]
    }))
    .unwrap();
    world.pass();
    assert!(!world.took().contains("post"));
    let user = &world.status.users[0];
    assert_eq!((user.result.as_str(), user.reason.as_deref()), ("Failed", Some("SubmissionUnknown")));
}

#[test]
fn who_is_named_in_another_way_keeps_the_event_while_nobody_is_found() {
    let mut world = World::new(spec(&["ada", "bob"]), &["ada", "bob"]);
    world.pass();
    world.took();
    world.edit(|spec| spec.users[0] = serde_json::from_value(json!({"id": "idada"})).unwrap());
    world.edit(|spec| spec.users[1] = serde_json::from_value(json!({"username": "robert"})).unwrap());
    world.deaf = true;
    world.pass();
    let log = world.took();
    assert!(log.starts_with("no search") && !log.contains("Cancel"), "{log}");
    assert_eq!(world.listed().len(), 2);
    world.pass();
    let log = world.took();
    assert!(log.contains("Cancel"), "{log}");
    let users: Vec<_> = world.listed().into_iter().map(|(user, _)| user).collect();
    assert_eq!(users, ["idada"], "there is no robert: {log}");
}

#[test]
fn a_pass_that_was_held_up_until_it_was_to_be_repeated_is_repeated() {
    let mut world = World::new(spec(&["ada"]), &["ada"]);
    // The time to search again has come before the pass comes to its end.
    world.deaf = true;
    let wake = world.pass().expect("nothing else would begin another pass");
    assert!(wake > world.now && wake.duration_since(world.now).as_secs() <= 5, "{wake}");
    world.until(&wake.to_string());
    world.pass();
    assert_eq!(world.reason(), "Scheduled");
}
