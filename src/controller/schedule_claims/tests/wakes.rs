//! Who is woken.

use super::*;

#[test]
fn a_pause_and_its_end_wake_who_lost() {
    let place = Place::new();
    let (a, b) = (says("people/a", 10, &[("1", Some("j"))]), says("guests/b", 20, &[("1", None)]));
    place.put(&a);
    place.about(&b, &["1"]);
    place.put(&b);
    place.woken();
    let paused = a.clone().version(2).with(json!({"spec": {"paused": true}}));
    place.put(&paused);
    assert_eq!(place.woken(), names(&["guests/b"]));
    assert!(place.about(&b, &["1"]).rivals.is_empty());
    assert_eq!(
        place.about_at(&b, T, &["1"], &[listed("j", "1", T)]).recorded.len(),
        1,
        "its event is still its own, until it is cancelled"
    );
    // It has cancelled: nothing is left that b could take for somebody else's.
    let mut cancelled = paused.version(3);
    cancelled.users = vec![("1".to_owned(), None)];
    place.put(&cancelled);
    assert_eq!(place.woken(), names(&["guests/b"]), "b was told of the event");
    assert_eq!(place.about_at(&b, T, &["1"], &[listed("j", "1", T)]), Planned::default());
    // b knows nothing of a now, but claims what a claims again.
    place.put(&a.clone().version(4));
    assert_eq!(place.woken(), names(&["guests/b", "people/a"]));
    assert!(place.about(&b, &["1"]).rivals["1"].holds);
}

#[test]
fn who_is_deleted_or_stalled_claims_nothing() {
    for more in [
        json!({"metadata": {"deletionTimestamp": T}}),
        json!({"status": {"conditions": [{"type": "Stalled", "status": "True", "reason": "GuardTripped"}]}}),
    ] {
        let place = Place::new();
        let (a, b) = (says("people/a", 10, &[("1", None)]), says("people/b", 20, &[]));
        place.put(&a);
        place.about(&b, &["1"]);
        place.put(&a.clone().version(2).with(more));
        assert_eq!(place.woken(), names(&["people/b"]));
        assert!(place.about(&b, &["1"]).rivals.is_empty());
    }
}

#[test]
fn who_lost_is_woken_when_the_other_goes_and_nothing_is_left() {
    let place = Place::new();
    let a = says("people/a", 10, &[("1", Some("j")), ("2", None)]).with(json!({
        "spec": {"usersFromBatch": {"name": "sales"}},
        "status": {"submissions": [{"nonce": "n", "operation": "Schedule", "phase": "Intended",
            "members": ["2"], "state": "Suspended", "time": T}]}}));
    let b = says("people/b", 20, &[]);
    place.put(&a);
    place.about(&b, &["1"]);
    assert!(place.woken().is_empty());
    place.claims.forget("people", "a");
    assert_eq!(place.woken(), names(&["people/b"]));
    assert_eq!(
        place.about_at(&b, T, &["1", "2"], &[listed("j", "1", T), listed("k", "2", T)]),
        Planned::default()
    );
    assert_eq!(place.claims.lock().entries(), 0);
    place.claims.forget("people", "a");
    assert!(place.woken().is_empty(), "b does not wait any more");
}

#[test]
fn an_edit_of_the_instant_frees_one_change_and_claims_another() {
    let place = Place::new();
    let (a, b) = (says("people/a", 10, &[("1", None)]), says("people/b", 20, &[("1", None)]));
    let c = says("people/c", 30, &[("1", None)]).at(LATER);
    for said in [&a, &b, &c] {
        place.put(said);
    }
    place.about(&b, &["1"]);
    place.about_at(&c, LATER, &["1"], &[]);
    place.woken();
    let moved = a.clone().at(LATER).version(2);
    place.put(&moved);
    assert_eq!(place.woken(), names(&["people/a", "people/b", "people/c"]), "a was not told of c");
    assert!(place.about(&b, &["1"]).rivals.is_empty());
    assert!(place.about_at(&c, LATER, &["1"], &[]).rivals["1"].older);
}

#[test]
fn whoever_comes_to_hold_what_another_claims_wakes_it_and_other_news_wake_nobody() {
    let place = Place::new();
    let (a, b) = (says("people/a", 10, &[("1", None)]), says("people/b", 20, &[("1", Some("j"))]));
    place.put(&b);
    place.about(&a, &["1"]);
    place.put(&a);
    assert_eq!(place.woken(), names(&["people/b"]), "a was told of b, b was not of a");
    assert!(!place.about(&b, &["1"]).rivals["1"].holds);
    place.put(&says("people/a", 10, &[("1", Some("k"))]).version(2));
    assert_eq!(place.woken(), names(&["people/b"]));
    assert!(place.about(&b, &["1"]).rivals["1"].holds);
    let counts = json!({"status": {"counts": {"users": 1}}, "metadata": {"generation": 2}});
    place.put(&says("people/a", 10, &[("1", Some("k"))]).version(3).with(counts));
    assert!(place.woken().is_empty());
}

#[test]
fn two_that_were_told_nothing_of_each_other_are_both_woken() {
    let place = Place::new();
    let (a, b) = (says("people/a", 10, &[("1", None)]), says("people/b", 20, &[("1", None)]));
    assert!(place.about(&a, &["1"]).rivals.is_empty());
    assert!(place.about(&b, &["1"]).rivals.is_empty());
    place.put(&a);
    assert!(place.woken().is_empty());
    place.put(&b);
    assert_eq!(place.woken(), names(&["people/a", "people/b"]));
}
