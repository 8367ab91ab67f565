use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::plan::claims::Holder;
use crate::plan::desired::desired;

/// A batch of `people` or another namespace, created in that second.
fn head(name: &str, created: i64, users: &[&str], status: &Value) -> BatchHead {
    let (namespace, name) = name.split_once('/').unwrap();
    let created = Timestamp::from_second(created).unwrap().to_string();
    serde_json::from_value(json!({
        "metadata": {"namespace": namespace, "name": name, "creationTimestamp": created},
        "spec": {"users": rows(users)},
        "status": status,
    }))
    .unwrap()
}

fn rows(users: &[&str]) -> Vec<Value> {
    users.iter().map(|user| json!({"username": user, "email": format!("{user}@example.com")})).collect()
}

struct Place {
    claims: Claims,
    woken: Vec<tokio::sync::mpsc::UnboundedReceiver<crate::controller::wakes::Woken>>,
}

impl Place {
    fn new() -> Self {
        let mut wakes = Wakes::default();
        let woken = ["people", "guests"]
            .map(|namespace| wakes.way(Kind::UserBatch, Some(namespace.to_owned())))
            .into();
        Self { claims: Claims::new(Arc::new(wakes)), woken }
    }

    fn put(&self, mut head: BatchHead) {
        self.claims.observe(&mut head);
        assert_eq!(head.users, Default::default(), "the store would keep them");
    }

    /// What others claim of these users, of whom `id-USER` were found, as `name` sees it.
    fn about(&self, name: &str, created: i64, users: &[&str]) -> Planned {
        let (namespace, name) = name.split_once('/').unwrap();
        let spec = serde_json::from_value(json!({"users": rows(users)})).unwrap();
        let ids: Vec<String> = users.iter().map(|user| format!("id-{user}")).collect();
        let asking = Asking {
            namespace,
            name,
            connection: "default",
            created: Timestamp::from_second(created).unwrap(),
            organization: Some("o"),
        };
        self.claims.about(asking, &desired(&spec, 10).rows, ids.iter().map(String::as_str), |namespace, _| {
            (namespace != "elsewhere").then(|| "o".to_owned())
        })
    }

    fn woken(&mut self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for way in &mut self.woken {
            while let Ok(object) = way.try_recv() {
                all.insert(format!("{}/{}", object.namespace, object.name));
            }
        }
        all
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn has(user: &str) -> Value {
    json!({"username": user, "id": format!("id-{user}"), "hash": "h", "state": "Suspended"})
}

#[test]
fn the_older_goes_first_and_whoever_has_or_sends_the_user_before_both() {
    let place = Place::new();
    place.put(head("people/a", 10, &["ada"], &Value::Null));
    let lost = place.about("people/b", 20, &["ADA"]);
    assert_eq!(lost.rivals["ada"].holder, Holder::Neighbour("people/a".to_owned()));
    assert!(lost.rivals["ada"].older && lost.rivals["ada"].hands_over && !lost.rivals["ada"].under_way);
    assert!(place.about("people/b", 5, &["ada"]).rivals.is_empty(), "b is older");
    assert!(place.about("people/0", 10, &["ada"]).rivals.is_empty(), "of the same age: by name");
    assert!(place.about("people/a", 10, &["ada"]).rivals.is_empty(), "nobody is a rival of itself");
    assert!(place.about("people/b", 20, &["eva"]).rivals.is_empty());

    let sent = json!({"submissions": [
        {"nonce": "n", "operation": "Create", "phase": "Intended", "members": ["ada"]}]});
    place.put(head("people/a", 10, &["ada"], &sent));
    let lost = place.about("people/b", 5, &["ada"]);
    assert!(lost.rivals["ada"].under_way && !lost.rivals["ada"].older);

    place.put(head("people/a", 10, &["ada"], &json!({"inventory": [has("ada")]})));
    let lost = place.about("people/b", 5, &["ada"]);
    assert!(!lost.rivals["ada"].under_way);
    assert_eq!(
        (lost.owners["id-ada"].hold, lost.owners["id-ada"].state.as_deref()),
        (Hold::Wanted, Some("Suspended"))
    );

    // The row is taken off, its user is retained: nobody's, but handed over in the namespace.
    place.put(head("people/a", 10, &[], &json!({"inventory": [has("ada")]})));
    let free = place.about("people/b", 20, &["ada"]);
    assert!(free.rivals.is_empty());
    assert_eq!((free.owners["id-ada"].hold, free.owners["id-ada"].hands_over), (Hold::LetGo, true));
    assert_eq!(place.about("guests/b", 20, &["ada"]), Planned::default());
}

#[test]
fn an_address_is_claimed_like_a_name() {
    let place = Place::new();
    let mut other = head("people/a", 10, &[], &Value::Null);
    other.users = serde_json::from_value::<BatchHead>(json!({
        "metadata": {"namespace": "people", "name": "a"},
        "spec": {"users": [{"username": "countess", "email": "ADA@example.com"}]}}))
    .unwrap()
    .users;
    place.put(other);
    assert!(place.about("people/b", 20, &["ada"]).rivals.contains_key("ada"));
}

#[test]
fn other_organisations_and_strangers() {
    let place = Place::new();
    place.put(head("guests/a", 10, &["ada"], &Value::Null));
    let lost = place.about("people/b", 20, &["ada"]);
    assert_eq!((&lost.rivals["ada"].holder, lost.rivals["ada"].hands_over), (&Holder::Stranger, false));
    // Settled in another organisation, whatever the connection says by now.
    place.put(head("guests/a", 10, &["ada"], &json!({"organizationID": "x", "inventory": [has("ada")]})));
    assert_eq!(place.about("people/b", 20, &["ada"]), Planned::default());
    // Nobody knows where another namespace's connection leads.
    place.put(head("elsewhere/a", 10, &["ada"], &Value::Null));
    assert_eq!(place.about("people/b", 20, &["ada"]), Planned::default());
}

#[test]
fn who_lost_is_woken_and_nobody_else() {
    let mut place = Place::new();
    place.put(head("people/a", 10, &["ada", "eva"], &Value::Null));
    place.about("people/b", 20, &["ada"]);
    place.about("guests/c", 30, &["ada"]);
    place.about("people/d", 40, &["kim"]);
    assert!(place.woken().is_empty());
    place.put(head("people/a", 10, &["eva"], &Value::Null));
    assert_eq!(place.woken(), names(&["people/b", "guests/c"]));
    place.about("people/b", 20, &["ada"]);
    place.put(head("people/a", 10, &["eva"], &json!({"inventory": [has("eva")]})));
    assert_eq!(place.woken(), names(&["guests/c"]), "b does not wait any more");
    place.claims.forget("people", "a");
    assert_eq!(place.woken(), names(&["guests/c"]));
    assert_eq!(place.about("guests/c", 30, &["eva"]), Planned::default());
}

#[test]
fn whose_user_was_taken_over_is_woken() {
    let mut place = Place::new();
    place.put(head("people/a", 10, &[], &json!({"inventory": [has("ada")]})));
    place.put(head("people/b", 20, &["ada"], &json!({"inventory": [has("ada")]})));
    assert_eq!(place.woken(), names(&["people/a"]));
    // News that change nothing about users wake nobody.
    place.put(head("people/b", 20, &["ada"], &json!({"inventory": [has("ada")], "progress": "1/1"})));
    assert!(place.woken().is_empty());
    assert_eq!(place.about("people/a", 10, &["ada"]).owners["id-ada"].hold, Hold::Wanted);
}

#[test]
fn what_is_gone_leaves_the_index_for_good() {
    let place = Place::new();
    for round in 0..200 {
        for object in 0..20 {
            let users: Vec<String> = (0..20).map(|user| format!("u{object}-{user}-{round}")).collect();
            let users: Vec<&str> = users.iter().map(String::as_str).collect();
            place.put(head(&format!("people/b{object}"), 10, &users, &Value::Null));
        }
    }
    assert!(place.about("people/z", 20, &["u3-7-198"]).rivals.is_empty());
    assert_eq!(place.about("people/z", 20, &["u3-7-199"]).rivals.len(), 1);
    let bytes = place.claims.lock().bytes();
    assert!(bytes < 200_000, "{bytes} bytes for 400 users");
}

/// design.md: 16 to 36 MB for a million users.
#[test]
fn a_user_takes_at_most_thirty_six_bytes() {
    const OBJECTS: usize = 1000;
    const USERS: usize = 100;
    let place = Place::new();
    for object in 0..OBJECTS {
        let users: Vec<String> = (0..USERS).map(|user| format!("user-{object}-{user}")).collect();
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        let inventory: Vec<Value> = users.iter().map(|user| has(user)).collect();
        place.put(head(&format!("people/batch-{object}"), 10, &users, &json!({"inventory": inventory})));
    }
    let bytes = place.claims.lock().bytes() as f64 / (OBJECTS * USERS) as f64;
    assert!(bytes < 36.0, "{bytes} bytes a user");
    assert!(place.about("people/z", 20, &["user-999-99"]).rivals.contains_key("user-999-99"));
}

#[test]
fn a_relist_tells_by_omission_what_is_gone() {
    use kube::runtime::watcher::Event;
    let Place { claims, woken } = Place::new();
    let claims = Arc::new(claims);
    let mut intake = crate::controller::intake::Intake::new(crate::controller::user_batch::Listeners {
        claims: Arc::clone(&claims),
        turns: Arc::new(crate::controller::turns::Turns::new(Arc::default())),
        schedule_claims: Arc::new(crate::controller::schedule_claims::ScheduleClaims::new(
            |_, _| (),
            Arc::default(),
        )),
    });
    let a = || head("people/a", 10, &["ada"], &Value::Null);
    let b = || head("people/b", 10, &["bob"], &Value::Null);
    for event in [Event::Init, Event::InitApply(a()), Event::InitDone, Event::Apply(b())] {
        drop(intake.take_in(event));
    }
    for event in [Event::Init, Event::InitApply(b()), Event::InitDone] {
        drop(intake.take_in(event));
    }
    drop(woken);
    let known = |user| claims.lock().naming(fingerprint::of_username(user), 0).count();
    assert_eq!((known("ada"), known("bob")), (0, 1));
    drop(intake.take_in(Event::Delete(b())));
    assert_eq!(known("bob"), 0);
}
