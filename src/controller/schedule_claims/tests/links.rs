//! From batches and connections to schedules.

use super::*;

#[test]
fn a_batch_wakes_who_takes_its_users_once_a_version() {
    let place = Place::new();
    let of =
        |name, batch: &str| says(name, 10, &[]).with(json!({"spec": {"usersFromBatch": {"name": batch}}}));
    let (a, b) = (of("people/a", "sales"), of("people/b", "sales"));
    for said in [&a, &b, &of("people/c", "it"), &of("guests/d", "sales"), &says("people/e", 10, &[])] {
        place.put(said);
    }
    let batch = |version: u64| -> BatchHead {
        serde_json::from_value(json!({
            "metadata": {"namespace": "people", "name": "sales", "resourceVersion": version.to_string()}}))
        .unwrap()
    };
    place.claims.batch_changed(&batch(1));
    assert_eq!(place.woken(), names(&["people/a", "people/b"]));
    place.claims.batch_changed(&batch(1));
    assert!(place.woken().is_empty(), "a relist is no news");
    place.put(&says("people/b", 10, &[]).version(2));
    place.claims.batch_changed(&batch(2));
    assert_eq!(place.woken(), names(&["people/a"]));
    place.claims.batch_gone("people", "sales");
    assert_eq!(place.woken(), names(&["people/a"]));
    place.claims.forget("people", "a");
    place.claims.batch_changed(&batch(3));
    assert!(place.woken().is_empty());
}

#[test]
fn connections_know_their_schedules_and_the_events_to_come() {
    let place = Place::new();
    let at = |time: &str| time.parse().unwrap();
    let sum = |now: &str| {
        let sum = place.claims.scheduled_events("people", "default", at(now))?;
        Some((sum.count, sum.next_time.unwrap()))
    };
    let noted = || place.changes.noted();
    let (soon, now) = ("2027-01-01T00:00:00Z", "2026-12-01T00:00:00Z");
    assert_eq!(sum(now), None);
    place.put(&says("people/idle", 10, &[("9", None)]));
    assert_eq!(noted(), names(&[]), "nothing is scheduled yet");
    place.put(&says("people/a", 10, &[("1", Some("j")), ("2", Some("j")), ("3", None)]));
    place.put(&says("people/b", 10, &[("4", Some("k"))]).at(soon));
    place.put(
        &says("people/eu", 10, &[("5", Some("l"))]).with(json!({"spec": {"connectionRef": {"name": "eu"}}})),
    );
    place.put(&says("guests/a", 10, &[("6", Some("m"))]));
    assert_eq!(noted(), names(&["people/default", "people/eu", "guests/default"]));
    assert_eq!(sum(now), Some((3, soon.to_owned())));
    assert_eq!(sum("2027-01-02T00:00:00Z"), Some((2, T.to_owned())));
    assert_eq!(sum(T), None, "its time has come");
    // News without a change of events are none for the connection.
    place.put(&says("people/b", 10, &[("4", Some("k")), ("7", None)]).at(soon).version(2));
    assert_eq!(noted(), names(&[]));
    let replaced = json!({"status": {"events": [
        {"id": "4", "scheduledJobID": "k", "origin": "Created", "superseded": {"state": "Suspended", "time": soon}}]}});
    place.put(&says("people/b", 10, &[("4", Some("k"))]).at(soon).version(3).with(replaced));
    assert_eq!((noted(), sum(now)), (names(&["people/default"]), Some((2, T.to_owned()))));
    place.claims.forget("people", "a");
    assert_eq!((noted(), sum(now)), (names(&["people/default"]), None));
    let users: BTreeSet<_> = place.claims.of_connection("people", "default").into_iter().collect();
    assert_eq!(users, ["b", "idle"].map(|name| ("people".to_owned(), name.to_owned())).into());
}
