//! What the results of a job look like, setting by setting.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Api, BULK, row, rows};

async fn first(jobs: Value) -> Value {
    let api = Api::with(json!({"jobs": jobs})).await;
    let mut user = row("ada");
    user["password"] = json!("s3cret");
    api.run(Method::POST, &json!([user])).await[0].clone()
}

#[tokio::test]
async fn a_row_has_the_documented_fields() {
    let row = first(json!({})).await;
    for name in ["id", "status", "createdAt", "updatedAt"] {
        assert!(row[name].is_string(), "{row}");
    }
    assert!(row["createdAt"].as_str() < row["updatedAt"].as_str());
    assert!(row.get("statusMsg").is_none());
    assert_eq!(row["meta"], json!({"SystemUser": {"username": "ada", "email": "ada@example.com"}}));
    assert_eq!(row["persistedFields"]["password"], "s3cret");
}

#[tokio::test]
async fn meta_and_persisted_fields_are_settings() {
    for (shape, path) in [
        ("system_user", "/meta/SystemUser/username"),
        ("camel_case", "/meta/systemUser/username"),
        ("lower_case", "/meta/systemuser/username"),
        ("flat", "/meta/username"),
    ] {
        assert_eq!(first(json!({"meta": shape})).await.pointer(path).unwrap(), "ada", "{shape}");
    }
    assert_eq!(first(json!({"meta": "empty"})).await["meta"], json!({}));
    assert_eq!(first(json!({"meta": "null"})).await.get("meta"), Some(&Value::Null));
    assert!(first(json!({"meta": "absent"})).await.get("meta").is_none());
    let id = first(json!({"meta_fields": ["id"]})).await["meta"]["SystemUser"]["id"].clone();
    assert!(id.is_string());
    let persisted = first(json!({"persisted_fields": "without_password"})).await["persistedFields"].clone();
    assert_eq!(persisted, row("ada"));
    assert_eq!(first(json!({"persisted_fields": "empty"})).await["persistedFields"], json!({}));
    assert!(first(json!({"persisted_fields": "absent"})).await.get("persistedFields").is_none());
}

#[tokio::test]
async fn words_and_messages_are_settings() {
    let row = first(json!({"finished_word": "FINISHED", "finished_message": "welcome"})).await;
    assert_eq!((&row["status"], &row["statusMsg"]), (&json!("FINISHED"), &json!("welcome")));
    let api = Api::with(json!({"jobs": {"pending_word": "queued", "failed_word": "error"}})).await;
    let job = api.job(Method::POST, &json!([{"username": "x"}])).await;
    assert_eq!(api.results(&job).await[0]["status"], "queued");
    api.sim.advance(Duration::from_secs(1));
    assert_eq!(api.results(&job).await[0]["status"], "error");
    let failures = json!([{"username": "ada", "word": ""}]);
    let row = first(json!({"row_failures": failures})).await;
    assert!(row.get("status").is_none() && row.get("statusMsg").is_none());
}

#[tokio::test]
async fn pages_have_a_default_and_a_most() {
    let api = Api::default().await;
    let job = api.job(Method::POST, &rows(120)).await;
    let page = async |query: &str| api.get(&format!("{BULK}/{job}/results{query}")).await;
    let count = async |query: &str| page(query).await.json().as_array().unwrap().len();
    assert_eq!(count("").await, 10);
    assert_eq!(count("?limit=100").await, 100);
    assert_eq!(count("?limit=100&skip=100").await, 20);
    assert_eq!(count("?limit=100&skip=200").await, 0);
    assert_eq!(page("?limit=101").await.status, 400);
    assert_eq!(page("?limit=0").await.status, 400);
    assert_eq!(page("?skip=x").await.status, 400);
}

#[tokio::test]
async fn pages_can_be_shuffled() {
    let api = Api::with(json!({"jobs": {"shuffle_pages": true}})).await;
    let job = api.job(Method::POST, &rows(100)).await;
    let ids = async || -> Vec<String> {
        api.results(&job).await.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let (one, two) = (ids().await, ids().await);
    assert_ne!(one, two);
    assert_eq!(one.iter().collect::<BTreeSet<_>>(), two.iter().collect());
}

#[tokio::test]
async fn rows_can_appear_late() {
    let api =
        Api::with(json!({"jobs": {"rows_appear": "when_executed", "pace": "gradual", "row_time_ms": 100,
        "service_time_ms": 0, "empty_at_first_ms": 150}}))
        .await;
    let job = api.job(Method::POST, &rows(3)).await;
    let mut counts = Vec::new();
    for _ in 0..4 {
        counts.push(api.results(&job).await.len());
        api.sim.advance(Duration::from_millis(100));
    }
    assert_eq!(counts, [0, 0, 2, 3]);

    let api = Api::with(json!({"jobs": {"rows_appear": "at_end", "unknown_at_first_ms": 50}})).await;
    let job = api.job(Method::POST, &rows(3)).await;
    assert_eq!(api.get(&format!("{BULK}/{job}/results")).await.status, 404);
    api.sim.advance(Duration::from_millis(50));
    assert_eq!(api.results(&job).await.len(), 0);
    api.sim.advance(Duration::from_millis(150));
    assert_eq!(api.results(&job).await.len(), 3);
}

#[tokio::test]
async fn rows_can_be_hidden_repeated_or_foreign() {
    let api =
        Api::with(json!({"jobs": {"hidden_rows": ["^user0000$"], "repeated_rows": 1, "foreign_rows": 2}}))
            .await;
    let results = api.run(Method::POST, &rows(3)).await;
    let names: Vec<_> = results.iter().map(|row| row["meta"]["SystemUser"]["username"].clone()).collect();
    assert_eq!(names, ["stranger-0", "stranger-1", "user0001", "user0002", "user0001"]);
    assert_eq!(api.sim.users().len(), 3, "a hidden row is executed all the same");
}

#[tokio::test]
async fn an_unknown_or_forgotten_job_follows_its_setting() {
    let api = Api::with(json!({"jobs": {"retention_ms": 1000}})).await;
    let job = api.job(Method::POST, &rows(1)).await;
    api.sim.advance(Duration::from_millis(1199));
    assert_eq!(api.results(&job).await.len(), 1);
    api.sim.advance(Duration::from_millis(1));
    let running = Api::with(json!({"jobs": {"unknown_after_ms": 100, "stuck_rows": ["."]}})).await;
    let stuck = running.job(Method::POST, &rows(1)).await;
    assert_eq!(running.results(&stuck).await.len(), 1);
    running.sim.advance(Duration::from_millis(100));
    assert_eq!(running.get(&format!("{BULK}/{stuck}/results")).await.status, 404);

    for (setting, status) in [("not_found", 404), ("bad_request", 400), ("empty_list", 200)] {
        api.post("/_sim/settings", &json!({"jobs": {"unknown_job": setting}})).await;
        for id in [job.as_str(), "none"] {
            let got = api.get(&format!("{BULK}/{id}/results")).await;
            assert_eq!(got.status, status);
            assert!(status != 200 || got.json() == json!([]));
        }
    }
}
