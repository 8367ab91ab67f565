use secrecy::SecretString;
use tokio::sync::mpsc::UnboundedReceiver;

use super::*;
use crate::api::submission::Submission;
use crate::controller::wakes::Woken;
use crate::jumpcloud::auth::Credential;
use crate::jumpcloud::bucket::Limits;
use crate::jumpcloud::endpoint::Endpoint;
use crate::jumpcloud::throttle::Throttle;
use crate::plan::fixtures::accepted;

/// Everybody of namespaces `many` and `few`, who share one credential.
struct Place {
    turns: Arc<Turns>,
    shared: Shared,
    woken: UnboundedReceiver<Woken>,
}

impl Place {
    fn new(limits: Limits) -> Self {
        let mut wakes = Wakes::default();
        let woken = wakes.way(Kind::UserBatch, None);
        let credential = Credential::ApiKey(SecretString::from("k"));
        let shared = Shared {
            key: ThrottleKey::new(&Endpoint::origin("https://x.example").unwrap(), None, &credential),
            throttle: Throttle::new(limits),
            most: 4,
            connections: ["many/default".to_owned(), "few/default".to_owned()].into(),
        };
        Self { turns: Arc::new(Turns::new(Arc::new(wakes))), shared, woken }
    }

    fn begin(&self, name: &str) -> Turn<'_> {
        let (namespace, name) = name.split_once('/').unwrap();
        let mut turn = self.turns.begin(Kind::UserBatch, namespace, name, "default");
        turn.shares(Some(self.shared.clone()));
        turn
    }

    /// A pass that starts a job if it may.
    fn starts(&self, name: &str) -> bool {
        let mut turn = self.begin(name);
        let may = turn.slot().is_ok();
        if may {
            turn.report(&jobs(1), "1", true);
        }
        may
    }

    /// A pass in which the object's job has ended.
    fn ends(&self, name: &str) {
        self.begin(name).report(&jobs(0), "2", false);
    }

    fn woken(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Ok(object) = self.woken.try_recv() {
            all.push(format!("{}/{}", object.namespace, object.name));
        }
        all
    }
}

fn jobs(count: usize) -> Vec<Recorded> {
    let job: Submission = accepted(&["ada"]);
    vec![Recorded::Known(Box::new(job)); count]
}

fn plenty() -> Limits {
    Limits::new(100, 1000)
}

#[tokio::test(start_paused = true)]
async fn a_namespace_without_a_job_finds_a_slot_beside_a_hundred_batches() {
    let mut place = Place::new(plenty());
    let started: Vec<bool> = (0..100).map(|i| place.starts(&format!("many/{i:02}"))).collect();
    assert_eq!(started.iter().filter(|started| **started).count(), 3, "one slot is kept");
    assert!(place.starts("few/one"));
    assert!(!place.starts("few/two"), "there are four");
    assert!(place.woken().is_empty(), "who gets its turn at once is not woken");
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_comes_free_wakes_one_and_turns_go_round() {
    let mut place = Place::new(plenty());
    for name in ["many/a", "many/b", "many/c", "few/x"] {
        assert!(place.starts(name));
    }
    for name in ["many/d", "many/e", "many/f", "few/y"] {
        assert!(!place.starts(name));
    }
    place.ends("many/a");
    assert_eq!(place.woken(), ["many/d"], "behind few/x, who had the last turn");
    assert!(!place.starts("many/e"), "the slot is for whoever was woken");
    assert!(place.starts("many/d"));
    place.ends("many/b");
    assert_eq!(place.woken(), ["few/y"]);
    assert!(place.starts("few/y"));
    place.ends("many/c");
    assert_eq!(place.woken(), ["many/e"]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_nobody_takes_goes_to_the_next() {
    let mut place = Place::new(plenty());
    let token = CancellationToken::new();
    let (turns, until) = (Arc::clone(&place.turns), token.clone());
    let running = tokio::spawn(async move { turns.run(until).await });
    for name in ["many/a", "many/b", "many/c", "few/x", "few/y", "many/d", "many/e"] {
        place.starts(name);
    }
    place.ends("many/a");
    assert_eq!(place.woken(), ["many/d"]);
    tokio::time::sleep(UNTAKEN + Duration::from_secs(1)).await;
    assert_eq!(place.woken(), ["few/y"], "many/d is gone");
    place.turns.forget(Kind::UserBatch, "few", "y");
    assert_eq!(place.woken(), ["many/e"], "at once, when it is known");
    assert!(place.starts("many/e"));
    token.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_ends_without_sending_gives_its_slot_back() {
    let mut place = Place::new(plenty());
    for name in ["many/a", "many/b", "few/x"] {
        assert!(place.starts(name));
    }
    let mut turn = place.begin("many/c");
    assert!(turn.slot().is_ok());
    assert!(!place.starts("few/y"));
    drop(turn);
    assert_eq!(place.woken(), ["few/y"]);
}

#[tokio::test(start_paused = true)]
async fn tokens_go_round_the_namespaces() {
    let mut place = Place::new(Limits::new(1, 1));
    let token = CancellationToken::new();
    let (turns, until) = (Arc::clone(&place.turns), token.clone());
    let running = tokio::spawn(async move { turns.run(until).await });
    // Whoever is woken makes one call, and wants to make another at once.
    let call = |place: &Place, name: &str| {
        let mut turn = place.begin(name);
        let may = turn.token().is_ok();
        (may, place.shared.throttle.clone())
    };
    let everybody = ["many/a", "many/b", "many/c", "few/x"];
    let mut calls: Vec<String> = Vec::new();
    for name in everybody {
        let (may, throttle) = call(&place, name);
        if may {
            throttle.reserve().await.unwrap().spend();
            calls.push(name.to_owned());
            assert!(!call(&place, name).0);
        }
    }
    while calls.len() < 9 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for name in place.woken() {
            let (may, throttle) = call(&place, &name);
            assert!(may, "{name} was woken for nothing");
            throttle.reserve().await.unwrap().spend();
            assert!(!call(&place, &name).0, "there is no second token");
            calls.push(name);
        }
    }
    assert_eq!(
        calls,
        ["many/a", "few/x", "many/a", "few/x", "many/b", "few/x", "many/c", "few/x", "many/a"],
        "the first was taken when nobody waited"
    );
    token.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_frees_a_slot_and_goes_on_is_not_woken_for_it() {
    let mut place = Place::new(plenty());
    for name in ["many/a", "many/b", "many/c"] {
        assert!(place.starts(name));
    }
    assert!(!place.starts("many/a"), "a second job of the same object");
    let mut turn = place.begin("many/a");
    turn.report(&jobs(0), "2", false);
    assert!(turn.slot().is_ok());
    drop(turn);
    assert!(place.woken().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_slot_may_still_poll() {
    let place = Place::new(plenty());
    for name in ["many/a", "many/b", "many/c"] {
        assert!(place.starts(name));
    }
    assert!(!place.starts("many/a"), "a second job of the same object");
    let mut turn = place.begin("many/a");
    assert!(turn.token().is_ok());
    assert!(turn.slot().is_err());
}

#[tokio::test(start_paused = true)]
async fn at_rest_nothing_is_remembered_and_late_news_do_not_count() {
    let place = Place::new(plenty());
    assert!(place.starts("many/a"));
    let metadata = serde_json::json!({"namespace": "many", "name": "a", "resourceVersion": "0"});
    place.turns.observe(Kind::UserBatch, &serde_json::from_value(metadata).unwrap(), "default", 0);
    let known = |place: &Place| place.turns.with(|state| state.jobs.of(|_| true).count());
    assert_eq!(known(&place), 1, "older than what the pass wrote");
    place.ends("many/a");
    assert_eq!(known(&place), 0);
    assert!(place.turns.with(|state| state.queues.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn objects_of_two_kinds_with_one_name_have_turns_of_their_own() {
    let mut wakes = Wakes::default();
    let (mut batches, mut schedules) = (wakes.way(Kind::UserBatch, None), wakes.way(Kind::Schedule, None));
    let place = Place { turns: Arc::new(Turns::new(Arc::new(wakes))), ..Place::new(plenty()) };
    let slot = |kind: Kind| {
        let mut turn = place.turns.begin(kind, "many", "a", "default");
        turn.shares(Some(place.shared.clone()));
        let may = turn.slot().is_ok();
        if may {
            turn.report(&jobs(1), "1", true);
        }
        may
    };
    assert!(slot(Kind::UserBatch) && slot(Kind::Schedule), "each has a job");
    for name in ["many/b", "few/x"] {
        assert!(place.starts(name));
    }
    assert!(!slot(Kind::UserBatch) && !slot(Kind::Schedule));
    place.ends("many/b");
    assert!(batches.try_recv().is_ok() && schedules.try_recv().is_err(), "the turn is the batch's");
    assert!(!slot(Kind::Schedule));
    place.turns.forget(Kind::UserBatch, "many", "a");
    assert!(schedules.try_recv().is_ok(), "what is gone takes no turn of another kind with it");
}
