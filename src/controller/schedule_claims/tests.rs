use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::*;
use crate::plan::claims::Holder;
use crate::runtime::clock;

const T: &str = "2027-01-04T08:00:00Z";
const LATER: &str = "2027-01-05T08:00:00Z";

/// What a test says of a schedule.
#[derive(Clone)]
struct Said {
    name: &'static str,
    created: i64,
    version: u64,
    time: &'static str,
    /// Users, with the job id of the event of each.
    users: Vec<(String, Option<&'static str>)>,
    more: Value,
}

fn says(name: &'static str, created: i64, users: &[(&str, Option<&'static str>)]) -> Said {
    let users = users.iter().map(|(id, job)| ((*id).to_owned(), *job)).collect();
    Said { name, created, version: 1, time: T, users, more: json!({}) }
}

impl Said {
    fn version(self, version: u64) -> Self {
        Self { version, ..self }
    }

    fn at(self, time: &'static str) -> Self {
        Self { time, ..self }
    }

    /// With these fields of spec, status or metadata besides.
    fn with(self, more: Value) -> Self {
        Self { more, ..self }
    }

    fn value(&self) -> Value {
        let (namespace, name) = self.name.split_once('/').unwrap();
        let users: Vec<Value> = self
            .users
            .iter()
            .map(|(id, job)| json!({"id": id, "result": if job.is_some() { "Scheduled" } else { "Pending" }}))
            .collect();
        let events: Vec<Value> = self
            .users
            .iter()
            .filter_map(|(id, job)| {
                job.map(|job| json!({"id": id, "scheduledJobID": job, "origin": "Created"}))
            })
            .collect();
        let mut object = json!({
            "apiVersion": "jumpcloud-operator.dev/v1alpha1", "kind": "ScheduledUserState",
            "metadata": {"namespace": namespace, "name": name, "uid": format!("uid-{name}"),
                "resourceVersion": self.version.to_string(),
                "creationTimestamp": Timestamp::from_second(self.created).unwrap().to_string()},
            "spec": {"state": "Suspended", "startTime": self.time},
            "status": {"scheduledState": "Suspended", "scheduledTime": self.time, "users": users, "events": events},
        });
        for (part, fields) in self.more.as_object().unwrap() {
            for (field, value) in fields.as_object().unwrap() {
                object[part][field] = value.clone();
            }
        }
        object
    }

    fn head(&self) -> ScheduleHead {
        serde_json::from_value(self.value()).unwrap()
    }

    fn whole(&self) -> ScheduledUserState {
        serde_json::from_value(self.value()).unwrap()
    }
}

struct Place {
    claims: Arc<ScheduleClaims>,
    changes: Arc<Changes>,
    woken: Receiver<String>,
}

impl Place {
    fn new() -> Self {
        let (sender, woken) = channel();
        let changes = Arc::new(Changes::default());
        let wake = move |namespace: &str, name: &str| sender.send(format!("{namespace}/{name}")).unwrap();
        Self { claims: Arc::new(ScheduleClaims::new(wake, Arc::clone(&changes))), changes, woken }
    }

    fn put(&self, said: &Said) {
        let mut head = said.head();
        self.claims.observe(&mut head);
        assert_eq!(head.users, Default::default(), "the store would keep them");
    }

    /// What others say about suspending these users at that time.
    fn about_at(&self, said: &Said, time: &str, users: &[&str], listed: &[Listed]) -> Planned {
        let (namespace, name) = said.name.split_once('/').unwrap();
        let asking = Asking {
            namespace,
            name,
            connection: "default",
            created: Timestamp::from_second(said.created).unwrap(),
            organization: Some("o"),
        };
        let change = (ScheduledState::Suspended, time.parse().unwrap());
        self.claims.about(asking, change, users.iter().copied(), listed, |namespace, _| {
            (namespace != "elsewhere").then(|| "o".to_owned())
        })
    }

    fn about(&self, said: &Said, users: &[&str]) -> Planned {
        self.about_at(said, T, users, &[])
    }

    fn woken(&self) -> BTreeSet<String> {
        self.woken.try_iter().collect()
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn listed(job: &str, user: &str, time: &str) -> Listed {
    Listed {
        job_id: job.to_owned(),
        user_id: user.to_owned(),
        state: Some(ScheduledState::Suspended),
        time: Some(time.parse().unwrap()),
    }
}

fn neighbour(name: &str) -> Holder {
    Holder::Neighbour(name.to_owned())
}

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
    let about = |row| place.about_at(&b, T, &["1"], &[row]).recorded.len();
    assert_eq!(about(listed("j", "1", "2027-01-04T08:00:00Z")), 1, "seconds may be cut off");
    assert_eq!(about(listed("j", "1", LATER)), 0);
    assert_eq!(about(listed("j", "2", T)), 0);
    assert_eq!(about(Listed { state: Some(ScheduledState::Activated), ..listed("j", "1", T) }), 0);
    assert_eq!(about(Listed { state: None, ..listed("j", "1", T) }), 0);
    assert_eq!(about(listed("j", "1", T)), 1);
    place.put(&sending("Rejected").version(2));
    assert_eq!(place.woken(), names(&["people/b"]));
    assert_eq!(place.about_at(&b, T, &["1"], &[listed("j", "1", T)]).recorded.len(), 0);
}

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
    let place = Place::new();
    let mut intake = intake::ScheduleIntake::new(Arc::clone(&place.claims));
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
    let place = Place::new();
    let ids: Vec<String> = (0..USERS).map(|user| format!("{user:024}")).collect();
    let many: Vec<(&str, Option<&'static str>)> = ids.iter().map(|id| (id.as_str(), Some("j"))).collect();
    let honest = says("people/honest", 10, &[(ids[7].as_str(), None)]);
    place.put(&honest);
    let started = clock::monotonic();
    // The same 5,000 users in twenty objects of a guest, each told of again and again.
    for version in 1..=3 {
        for name in 0..20 {
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
    let bytes = place.claims.lock().bytes() / (20 * USERS);
    assert!(bytes <= 48, "{bytes} bytes a user");
    assert!(took < std::time::Duration::from_secs(30), "{took:?}");
    for name in 0..20 {
        place.claims.forget("guests", &format!("forged-{name}"));
    }
    place.claims.forget("people", "honest");
    assert_eq!(place.claims.lock().entries(), 0);
    let odd = json!({"status": {"users": "x", "events": [[], 7, {"id": {}}], "scheduledTime": 7}});
    place.put(&says("guests/odd", 10, &[]).with(odd));
    assert_eq!(place.claims.lock().entries(), 2, "its name and its connection");
}
