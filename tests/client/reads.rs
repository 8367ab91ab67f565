//! Reads under faults: what is repeated, what is not, and for how long. Writes of one user are not.

use std::time::Duration;

use jumpcloud_operator::jumpcloud::client::JumpCloud;
use jumpcloud_operator::jumpcloud::error::Error;
use jumpcloud_operator::jumpcloud::users::{UserKey, UserSearch};
use jumpcloud_operator::runtime::clock;
use jumpcloud_sim::settings::RetryAfter;
use jumpcloud_sim::{Act, DEFAULT_ORGANISATION, FaultRule, Reply, Route};
use serde_json::{Map, json};

use crate::rig::{LONG, Rig, config, status_of};

fn ada() -> UserSearch {
    UserSearch::new(vec![UserKey::Username("ada".to_owned())])
}

#[tokio::test]
async fn what_may_pass_is_asked_again() {
    let rig = Rig::new().await;
    rig.sim.add_user(DEFAULT_ORGANISATION, &json!({"username": "ada", "email": "ada@x.example"})).unwrap();
    for rule in [
        FaultRule::status(500),
        FaultRule::status(502),
        FaultRule::status(503),
        FaultRule::status(504),
        FaultRule::status(429).retry_after(RetryAfter::Seconds(1)),
        FaultRule::refuse(),
        FaultRule::drop_reply(),
        FaultRule::new(Act::Acts, Reply::Truncated { bytes: 10 }),
    ] {
        let label = rule.label();
        rig.sim.set_faults(vec![rule.times(2)]);
        let before = rig.count(Route::UserSearch);
        assert_eq!(rig.client.search_users(&ada()).await.unwrap().len(), 1, "{label}");
        assert_eq!(rig.count(Route::UserSearch) - before, 3, "{label}");
    }
}

#[tokio::test]
async fn what_cannot_pass_is_not_asked_again() {
    let rig = Rig::new().await;
    for (rule, category) in [
        (FaultRule::status(400), "client_error"),
        (FaultRule::status(401), "credentials"),
        (FaultRule::status(403), "credentials"),
        (FaultRule::status(404), "not_found"),
        (FaultRule::status(501), "server_error"),
        (FaultRule::new(Act::Acts, Reply::Html), "unreadable"),
        (FaultRule::new(Act::Acts, Reply::Large { bytes: 9 << 20 }), "unreadable"),
        (FaultRule::new(Act::Acts, Reply::Body { text: "[".repeat(5000) }), "unreadable"),
        (
            FaultRule::new(Act::Refuses, Reply::Redirect { status: 302, location: "/login".to_owned() }),
            "redirect",
        ),
        (FaultRule::status(429).retry_after(RetryAfter::Seconds(6)), "throttled"),
    ] {
        let label = rule.label();
        rig.sim.set_faults(vec![rule]);
        let before = rig.count(Route::UserSearch);
        let error = rig.client.search_users(&ada()).await.unwrap_err();
        assert_eq!((error.category(), rig.count(Route::UserSearch) - before), (category, 1), "{label}");
        assert_eq!(rig.seen.outcomes().last(), Some(&category), "{label}");
    }
}

#[tokio::test]
async fn an_answer_to_another_question_is_unreadable() {
    let rig = Rig::new().await;
    for text in ["{}", "7", "null", r#"{"results":{}}"#] {
        rig.sim.set_faults(vec![FaultRule::new(Act::Refuses, Reply::Body { text: text.to_owned() })]);
        for error in [
            rig.client.search_users(&ada()).await.unwrap_err(),
            rig.client.get_user("0123456789abcdef01234567").await.unwrap_err(),
            rig.client.organization(DEFAULT_ORGANISATION).await.unwrap_err(),
            rig.client.job_results("0123456789abcdef01234567", 1).await.unwrap_err(),
        ] {
            assert_eq!(error.category(), "unreadable", "{text}");
        }
    }
}

#[tokio::test]
async fn a_read_ends_in_time() {
    let rig = Rig::new().await;
    let mut config = config(rig.sim.url());
    config.request_timeout = Duration::from_secs(2);
    let client = JumpCloud::new(config).unwrap();
    for rule in [
        FaultRule::new(Act::Acts, Reply::AsIs).after(LONG),
        FaultRule::new(Act::Acts, Reply::Drip { bytes: 1, every_ms: 500 }),
        FaultRule::status(503),
        FaultRule::status(503).after(LONG),
    ] {
        let label = rule.label();
        rig.sim.set_faults(vec![rule]);
        let begin = clock::monotonic();
        let error = client.search_users(&ada()).await.unwrap_err();
        assert!(error.is_transient(), "{label}: {error}");
        assert!(clock::monotonic() - begin < Duration::from_secs(8), "{label}");
    }
}

#[tokio::test]
async fn a_slow_first_answer_leaves_time_for_a_second_try() {
    let rig = Rig::new().await;
    let mut config = config(rig.sim.url());
    config.request_timeout = Duration::from_secs(6);
    let client = JumpCloud::new(config).unwrap();
    rig.sim.set_faults(vec![FaultRule::new(Act::Acts, Reply::AsIs).after(LONG).times(1)]);
    assert!(client.search_users(&ada()).await.unwrap().is_empty());
    assert_eq!(rig.count(Route::UserSearch), 2);
}

#[tokio::test]
async fn single_writes_are_sent_once() {
    let rig = Rig::new().await;
    let ada = json!({"username": "ada", "email": "ada@x.example"});
    let id = rig.sim.add_user(DEFAULT_ORGANISATION, &ada).unwrap();
    let fields = Map::from_iter([("lastname".to_owned(), json!("Lovelace"))]);
    for rule in [FaultRule::status(503), FaultRule::drop_reply(), FaultRule::status(500).acting()] {
        let label = rule.label();
        rig.sim.set_faults(vec![rule]);
        let before = rig.sim.ledger().iter().filter(|entry| entry.request().is_some()).count();
        let errors: [Error; 2] = [
            rig.client.create_user(&fields).await.unwrap_err(),
            rig.client.update_user(&id, &fields).await.unwrap_err(),
        ];
        for error in errors {
            assert!(error.is_transient() && !error.is_not_sent(), "{label}: {error}");
        }
        let after = rig.sim.ledger().iter().filter(|entry| entry.request().is_some()).count();
        assert_eq!(after - before, 2, "{label}");
    }
    rig.sim.set_faults(vec![FaultRule::status(502).acting()]);
    assert_eq!(status_of(&rig.client.delete_user(&id).await), Some(502));
    assert_eq!(rig.count(Route::UserDelete), 1);
}
