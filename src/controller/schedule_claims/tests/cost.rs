//! Bytes and time.

use super::*;
use crate::runtime::clock;

/// design.md: 10,000 watched schedules take at most 64 MiB; a head takes at most the half of that.
#[test]
fn ten_thousand_schedules_of_one_user_are_small_and_quick() {
    const OBJECTS: usize = 10_000;
    let place = Place::new();
    let namespace = "n".repeat(63);
    let name = |object: usize| format!("{namespace}/{object:063}");
    let said = |object: usize, version: u64| {
        let name: &'static str = name(object).leak();
        let user = format!("{object:024}");
        says(name, 10, &[(user.as_str(), Some("5f1b5f1b5f1b5f1b5f1b5f1b"))]).version(version).with(
            json!({"spec": {"usersFromBatch": {"name": "b".repeat(63)}}, "status": {"organizationID": "o"}}),
        )
    };
    let mut heads: Vec<ScheduleHead> = (0..OBJECTS).map(|object| said(object, 1).head()).collect();
    let mut again: Vec<ScheduleHead> = (0..OBJECTS).map(|object| said(object, 2).head()).collect();
    let started = clock::monotonic();
    heads.iter_mut().for_each(|head| place.claims.observe(head));
    // News of each, in which nothing has changed, and what each pass asks.
    again.iter_mut().for_each(|head| place.claims.observe(head));
    let asking = says("people/z", 20, &[]);
    for object in 0..OBJECTS {
        let user = format!("{object:024}");
        let row = listed("5f1b5f1b5f1b5f1b5f1b5f1b", &user, T);
        let claims = place.about_at(&asking, T, &[&user], &[row]);
        assert_eq!((claims.rivals.len(), claims.recorded.len()), (1, 1));
    }
    let took = started.elapsed();
    assert!(place.woken().is_empty());
    let bytes = place.claims.lock().bytes() / OBJECTS;
    assert!(bytes <= 64 * 1024 * 1024 / 10_000 / 2, "{bytes} bytes an object");
    // Unoptimised, on a busy machine: about a fiftieth of this. One that looks through all takes minutes.
    assert!(took < std::time::Duration::from_secs(10), "{took:?}");
    for object in 0..OBJECTS {
        place.claims.forget(&namespace, name(object).split_once('/').unwrap().1);
    }
    assert_eq!(place.claims.lock().entries(), 0);
}

#[test]
fn forged_statuses_cost_no_more_than_they_are_long() {
    const USERS: usize = 5000;
    const OBJECTS: usize = 6;
    let place = Place::new();
    let ids: Vec<String> = (0..USERS).map(|user| format!("{user:024}")).collect();
    let many: Vec<(&str, Option<&'static str>)> = ids.iter().map(|id| (id.as_str(), Some("j"))).collect();
    let honest = says("people/honest", 10, &[(ids[7].as_str(), None)]);
    place.put(&honest);
    let started = clock::monotonic();
    // The same 5,000 users in some objects of a guest, each told of again.
    for version in 1..=2 {
        for name in 0..OBJECTS {
            let name: &'static str = format!("guests/forged-{name}").leak();
            place.put(&says(name, 20 + i64::try_from(version).unwrap(), &many).version(version));
        }
    }
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let rows: Vec<Listed> = ids.iter().map(|id| listed("j", id, T)).collect();
    let claims = place.about_at(&says("people/z", 99, &[]), T, &all, &rows);
    let took = started.elapsed();
    assert_eq!((claims.rivals.len(), claims.recorded.len()), (USERS, USERS));
    assert_eq!(claims.rivals[&ids[7]].holder, neighbour("people/honest"), "the oldest goes first");
    assert!(!place.about(&honest, &[&ids[7]]).rivals[&ids[7]].older);
    let bytes = place.claims.lock().bytes() / (OBJECTS * USERS);
    assert!(bytes <= 48, "{bytes} bytes a user");
    assert!(took < std::time::Duration::from_secs(30), "{took:?}");
    for name in 0..OBJECTS {
        place.claims.forget("guests", &format!("forged-{name}"));
    }
    place.claims.forget("people", "honest");
    assert_eq!(place.claims.lock().entries(), 0);
    let odd = json!({"status": {"users": "x", "events": [[], 7, {"id": {}}], "scheduledTime": 7}});
    place.put(&says("guests/odd", 10, &[]).with(odd));
    assert_eq!(place.claims.lock().entries(), 2, "its name and its connection");
}
