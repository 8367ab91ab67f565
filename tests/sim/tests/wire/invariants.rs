//! The checks on the ledger, each against a run that breaks it and one that does not.

use std::time::Duration;

use jumpcloud_sim::invariants::{
    EarlierRow, Excuse, check_single_create, created_by_jobs, double_creates, users_made_twice,
};
use jumpcloud_sim::{Act, FaultRule, Reply, Route};
use reqwest::Method;
use serde_json::json;

use super::support::{Api, BULK, SEARCH, USERS, row, rows, until};

#[tokio::test]
async fn single_creates_pass() {
    let api = Api::default().await;
    api.run(Method::POST, &rows(3)).await;
    api.run(Method::POST, &json!([row("other")])).await;
    assert_eq!(double_creates(&api.sim.ledger()), []);
    assert_eq!(created_by_jobs(&api.sim.ledger()).len(), 4);
}

#[tokio::test]
async fn a_second_send_after_a_lost_reply_is_found() {
    let api = Api::default().await;
    api.sim.set_faults(vec![FaultRule::drop_reply().on(Route::BulkCreate).times(1)]);
    assert!(api.request(Method::POST, BULK).json(&json!([row("Ada")])).send().await.is_err());
    let filter = json!({"filter": {"or": [{"username": "ada"}]}});
    api.post(SEARCH, &filter).await;
    api.job(Method::POST, &json!([row("ada"), row("bob")])).await;
    let doubles = check_single_create(&api.sim.ledger());
    assert_eq!(doubles.len(), 1);
    let double = &doubles[0];
    assert_eq!((double.username.as_str(), &double.earlier_row), ("ada", &EarlierRow::Waiting));
    assert!(double.earlier.reply_lost && !double.later.reply_lost && !double.deleted_between);
    assert_eq!(double.searches.len(), 1);
    assert!(double.was_looked_up(1) && !double.was_looked_up(2));
    api.sim.advance(Duration::from_secs(1));
    assert_eq!(users_made_twice(&api.sim.ledger()), [] as [&str; 0], "the API refuses the second");
}

#[tokio::test]
async fn spoiled_replies_and_clients_that_left_count_as_lost() {
    let late = FaultRule::new(Act::Acts, Reply::AsIs).after(Duration::from_secs(3));
    let (patient, impatient) = (Duration::from_secs(10), Duration::from_millis(60));
    for (rule, patience, lost) in [
        (FaultRule::new(Act::Acts, Reply::Truncated { bytes: 3 }), patient, true),
        (FaultRule::new(Act::Acts, Reply::Drip { bytes: 20, every_ms: 1 }), patient, false),
        (late, impatient, true),
    ] {
        let api = Api::default().await;
        api.sim.set_faults(vec![rule.times(1)]);
        let request = api.request(Method::POST, BULK).json(&rows(1)).timeout(patience);
        if let Ok(response) = request.send().await {
            assert_eq!(response.text().await.is_err(), lost);
        }
        api.job(Method::POST, &rows(1)).await;
        until(|| check_single_create(&api.sim.ledger())[0].earlier.reply_lost == lost).await;
    }
}

#[tokio::test]
async fn a_send_that_was_not_accepted_does_not_count() {
    let api = Api::default().await;
    api.sim.set_faults(vec![FaultRule::refuse().times(1), FaultRule::status(500).times(1)]);
    assert!(api.request(Method::POST, BULK).json(&rows(1)).send().await.is_err());
    assert_eq!(api.post(BULK, &rows(1)).await.status, 500);
    assert_eq!(api.post(BULK, &json!([{"username": "user0000", "sudo": 1}])).await.status, 400);
    api.run(Method::POST, &rows(1)).await;
    assert_eq!(double_creates(&api.sim.ledger()), []);
}

#[tokio::test]
async fn failed_rows_and_deleted_users_excuse() {
    let api =
        Api::with(json!({"jobs": {"row_failures": [{"username": "ada", "message": "no", "times": 1}]}}))
            .await;
    for _ in 0..2 {
        api.run(Method::POST, &json!([row("ada")])).await;
    }
    let id = api.sim.user("ada").unwrap()["id"].as_str().unwrap().to_owned();
    api.send(Method::DELETE, &format!("{USERS}/{id}"), &json!({})).await;
    api.run(Method::POST, &json!([row("ada")])).await;
    let excuses: Vec<_> =
        double_creates(&api.sim.ledger()).iter().map(jumpcloud_sim::invariants::Double::excuse).collect();
    assert_eq!(excuses, [Some(Excuse::EarlierRowFailed), Some(Excuse::UserDeleted)]);
    assert_eq!(check_single_create(&api.sim.ledger()), []);
}

#[tokio::test]
async fn one_request_that_names_a_user_twice_is_found() {
    let api = Api::default().await;
    api.run(Method::POST, &json!([row("ada"), row("ADA")])).await;
    let doubles = check_single_create(&api.sim.ledger());
    assert_eq!(doubles.len(), 1);
    assert_eq!(doubles[0].earlier, doubles[0].later);
}
