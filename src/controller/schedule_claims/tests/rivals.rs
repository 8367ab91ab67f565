//! Whose a change is, and whose an event.

use super::*;

#[test]
fn the_older_goes_first_in_whatever_order_they_come() {
    let (a, b) = (says("people/a", 10, &[("1", None)]), says("people/b", 20, &[("1", Some("j"))]));
    for order in [[&a, &b], [&b, &a]] {
        let place = Place::new();
        order.iter().for_each(|said| place.put(said));
        let lost = &place.about(&b, &["1", "2"]).rivals;
        assert_eq!(lost.keys().collect::<Vec<_>>(), ["1"]);
        assert_eq!(lost["1"], Rival { holder: neighbour("people/a"), older: true, holds: false });
        let won = &place.about(&a, &["1"]).rivals;
        assert_eq!(won["1"], Rival { holder: neighbour("people/b"), older: false, holds: true });
    }
    // Of the same age: by namespace and name.
    let place = Place::new();
    place.put(&says("people/b", 10, &[("1", None)]));
    assert!(!place.about(&a, &["1"]).rivals["1"].older);
    assert!(place.about(&says("people/c", 10, &[]), &["1"]).rivals["1"].older);
}

#[test]
fn another_instant_state_or_user_is_no_rival_and_nobody_is_its_own() {
    let place = Place::new();
    let a = says("people/a", 10, &[("1", None)]);
    place.put(&a);
    let b = says("people/b", 20, &[]);
    assert!(place.about_at(&b, LATER, &["1"], &[]).rivals.is_empty());
    assert!(place.about(&b, &["2"]).rivals.is_empty());
    assert!(place.about(&a, &["1"]).rivals.is_empty());
    place.put(&a.clone().version(2).with(json!({"status": {"scheduledState": "Activated"}})));
    assert!(place.about(&b, &["1"]).rivals.is_empty());
}

#[test]
fn of_several_the_oldest_is_the_rival() {
    let place = Place::new();
    for (name, created) in [("people/c", 30), ("people/a", 10), ("people/b", 20)] {
        place.put(&says(name, created, &[("1", None)]));
    }
    assert_eq!(place.about(&says("people/d", 40, &[]), &["1"]).rivals["1"].holder, neighbour("people/a"));
    assert_eq!(place.about(&says("people/a", 10, &[]), &["1"]).rivals["1"].holder, neighbour("people/b"));
}

#[test]
fn strangers_are_not_named_and_other_organisations_are_no_rivals() {
    let place = Place::new();
    let (a, b) = (says("guests/a", 10, &[("1", Some("j"))]), says("people/b", 20, &[("1", None)]));
    place.put(&a);
    place.put(&b);
    assert_eq!(
        place.about(&b, &["1"]).rivals["1"],
        Rival { holder: Holder::Stranger, older: true, holds: true }
    );
    assert!(!place.about(&a, &["1"]).rivals["1"].older);
    // Settled in another organisation, whatever the connection says by now.
    place.put(&a.clone().version(2).with(json!({"status": {"organizationID": "x"}})));
    assert_eq!(place.about_at(&b, T, &["1"], &[listed("j", "1", T)]), Planned::default());
    // Nobody knows where another namespace's connection leads.
    let place = Place::new();
    place.put(&says("elsewhere/a", 10, &[("1", None)]));
    assert_eq!(place.about(&b, &["1"]), Planned::default());
}

#[test]
fn events_of_others_are_told_whatever_became_of_them() {
    let place = Place::new();
    let a = says("people/a", 10, &[("1", Some("j"))]);
    let replaced = json!({"status": {"events": [
        {"id": "1", "scheduledJobID": "j", "origin": "Created", "superseded": {"state": "Activated", "time": T}}]}});
    place.put(&a.with(replaced));
    let b = says("people/b", 20, &[]);
    let rows = [listed("j", "1", T), listed("j", "2", T), listed("k", "1", T)];
    let claims = place.about_at(&b, T, &["1"], &rows);
    assert_eq!(claims.recorded, BTreeSet::from([("j".to_owned(), "1".to_owned())]));
    assert!(!claims.rivals["1"].holds, "a replaced event holds nobody");
    // Only listed rows were asked about, and still: b is woken when a lets go.
    place.about_at(&b, LATER, &[], &rows);
    place.claims.forget("people", "a");
    assert_eq!(place.woken(), names(&["people/b"]));
}

#[test]
fn what_another_object_may_be_sending_is_not_up_for_adoption() {
    let place = Place::new();
    let sending = |phase: &str| {
        says("people/a", 30, &[("1", None)]).with(json!({"status": {"submissions": [
            {"nonce": "n", "operation": "Schedule", "phase": phase, "members": ["1"], "state": "Suspended",
             "time": "2027-01-04T08:00:30Z"}]}}))
    };
    let b = says("people/b", 20, &[]);
    place.put(&sending("Unknown"));
    let about = |row| place.about_at(&b, T, &["1"], &[row]).sending.len();
    assert_eq!(about(listed("j", "1", "2027-01-04T08:00:00Z")), 1, "seconds may be cut off");
    assert_eq!(about(listed("j", "1", LATER)), 0);
    assert_eq!(about(listed("j", "2", T)), 0);
    assert_eq!(about(Listed { state: Some(ScheduledState::Activated), ..listed("j", "1", T) }), 0);
    assert_eq!(about(Listed { state: None, ..listed("j", "1", T) }), 0);
    assert_eq!(about(listed("j", "1", T)), 1);
    place.put(&sending("Rejected").version(2));
    assert_eq!(place.woken(), names(&["people/b"]));
    assert_eq!(place.about_at(&b, T, &["1"], &[listed("j", "1", T)]).sending.len(), 0);
}
