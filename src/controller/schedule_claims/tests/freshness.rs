//! Watch and passes together: what counts when the two differ.

use super::*;

#[test]
fn what_a_pass_has_committed_counts_before_the_watch_tells_and_is_not_undone_by_it() {
    let place = Place::new();
    let b = says("people/b", 20, &[]);
    let new = says("people/a", 10, &[]).version(5);
    place.put(&new);
    place.claims.observe_status(&says("people/a", 10, &[("1", None)]).version(100).whole());
    assert!(place.about(&b, &["1"]).rivals["1"].older);
    // Late news of before.
    place.put(&new.clone().version(99));
    assert!(!place.about(&b, &["1"]).rivals.is_empty());
    assert!(place.woken().is_empty());
    // A late report of a pass, after the watch has told of something newer.
    place.put(&says("people/a", 10, &[("1", Some("j"))]).version(102));
    place.woken();
    place.claims.observe_status(&new.clone().version(101).whole());
    assert!(place.about(&b, &["1"]).rivals["1"].holds);
    assert!(place.woken().is_empty());
}

#[test]
fn a_pass_does_not_bring_back_what_is_gone() {
    let place = Place::new();
    let (a, b) = (says("people/a", 10, &[("1", None)]), says("people/b", 20, &[]));
    place.put(&a);
    place.claims.forget("people", "a");
    place.claims.observe_status(&a.clone().version(7).whole());
    assert!(place.about(&b, &["1"]).rivals.is_empty());
    // A new object has the name; a pass over the old one reports late.
    let uid = json!({"metadata": {"uid": "another"}});
    place.put(&says("people/a", 30, &[]).version(9).with(uid.clone()));
    place.claims.observe_status(&a.clone().version(8).whole());
    assert!(place.about(&b, &["1"]).rivals.is_empty());
    // A watch is believed, whatever the version: it is another object.
    place.put(&says("people/a", 30, &[("1", None)]).version(3));
    assert!(!place.about(&b, &["1"]).rivals["1"].older);
}

#[test]
fn a_relist_tells_by_omission_what_is_gone() {
    use kube::runtime::watcher::Event;

    use crate::controller::intake::Intake;
    use crate::controller::schedule::Listeners;
    use crate::controller::turns::Turns;
    let place = Place::new();
    let (turns, claims) = (Arc::new(Turns::new(Arc::default())), Arc::clone(&place.claims));
    let mut intake = Intake::new(Listeners { turns, claims });
    let (a, b) = (says("people/a", 10, &[("1", None)]), says("people/b", 10, &[("2", None)]));
    let asking = says("people/z", 20, &[]);
    for event in [Event::Init, Event::InitApply(a.head()), Event::InitDone, Event::Apply(b.head())] {
        match intake.take_in(event) {
            Event::Apply(head) | Event::InitApply(head) => assert_eq!(head.users, Default::default()),
            Event::Init | Event::InitDone | Event::Delete(_) => {}
        }
    }
    assert_eq!(place.about(&asking, &["1", "2"]).rivals.len(), 2);
    for event in [Event::Init, Event::InitApply(b.head()), Event::InitDone] {
        drop(intake.take_in(event));
    }
    assert_eq!(place.woken(), names(&["people/z"]));
    assert_eq!(place.about(&asking, &["1", "2"]).rivals.keys().collect::<Vec<_>>(), ["2"]);
    drop(intake.take_in(Event::Delete(b.head())));
    assert_eq!(place.claims.lock().entries(), 0);
}
