//! The control routes and their equals in the library.

use std::time::Duration;

use jumpcloud_sim::{DEFAULT_ORGANISATION, Entry, Route, Settings, Sim, What};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Api, BULK, USERS, row, rows, until};

#[tokio::test]
async fn the_ledger_is_read_in_parts() {
    let api = Api::default().await;
    api.run(Method::POST, &rows(2)).await;
    let entries: Vec<Entry> = serde_json::from_str(&api.get("/_sim/ledger").await.text).unwrap();
    let kinds: Vec<String> = serde_json::to_value(&entries)
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap().to_owned())
        .collect();
    let row = ["user_created", "row_executed"];
    assert_eq!(kinds, [&["request"][..], &row, &row, &["job_finished", "request"]].concat());
    assert!(entries.iter().zip(1..).all(|(entry, seq)| entry.seq == seq));
    let later: Vec<Entry> = serde_json::from_str(&api.get("/_sim/ledger?since=5").await.text).unwrap();
    assert_eq!(later.len(), 2);
    assert_eq!(api.sim.ledger().len(), 7, "control requests are not recorded");
    let What::JobFinished { finished, failed, .. } = &later[0].what else { panic!("{later:?}") };
    assert_eq!((*finished, *failed), (2, 0));
    let request = entries[0].request().unwrap();
    assert_eq!((request.rows, request.usernames.len(), request.status), (2, 2, Some(200)));
    assert!(
        request.organisation.as_deref() == Some(DEFAULT_ORGANISATION) && request.content_length > Some(0)
    );
}

#[tokio::test]
async fn the_clock_is_moved_set_and_scaled() {
    let api = Api::default().await;
    let set = async |body: Value| api.post("/_sim/clock", &body).await;
    let got = set(json!({"set": "2030-01-01T00:00:00Z", "rate": 0})).await.json();
    assert_eq!(got, json!({"time": "2030-01-01T00:00:00.000Z", "rate": 0.0}));
    let got = set(json!({"advance_ms": 1500})).await.json();
    assert_eq!(got["time"], "2030-01-01T00:00:01.500Z");
    assert_eq!(api.get("/_sim/clock").await.json()["time"], "2030-01-01T00:00:01.500Z");
    assert_eq!(set(json!({})).await.status, 400);
    assert_eq!(set(json!({"set": "soon"})).await.status, 400);
    set(json!({"rate": 1000})).await;
    api.job(Method::POST, &rows(1)).await;
    until(|| !api.sim.users().is_empty()).await;
}

#[tokio::test]
async fn users_are_added_changed_and_deleted_by_hand() {
    let api = Api::default().await;
    let got = api.post("/_sim/users", &json!({"users": [row("ada"), row("bob")]})).await.json();
    let id = got["ids"][0].as_str().unwrap().to_owned();
    assert_eq!(api.post("/_sim/users", &row("ada")).await.status, 400, "taken");
    let path = format!("/_sim/users/{id}");
    assert_eq!(api.send(Method::PATCH, &path, &json!({"company": "A"})).await.status, 200);
    assert_eq!(api.sim.user("ada").unwrap()["company"], "A");
    api.sim.change_user(&id, &json!({"state": "SUSPENDED"})).unwrap();
    assert_eq!(api.get("/_sim/state").await.json()["organisations"][0]["users"][0]["state"], "SUSPENDED");
    assert_eq!(api.send(Method::DELETE, &path, &json!({})).await.status, 200);
    assert_eq!(api.send(Method::DELETE, &path, &json!({})).await.status, 400);
    assert!(!api.sim.delete_user(&id));
    assert_eq!(api.sim.users().len(), 1);
}

#[tokio::test]
async fn faults_keys_and_settings_are_changed_by_hand() {
    let api = Api::default().await;
    let rule =
        json!({"route": "user_list", "reply": {"status": {"status": 500}}, "act": "refuses", "times": 1});
    assert_eq!(api.post("/_sim/faults", &rule).await.status, 200);
    assert_eq!((api.get(USERS).await.status, api.get(USERS).await.status), (500, 200));
    assert_eq!(api.post("/_sim/faults", &json!([{"reply": "reset"}])).await.status, 200);
    assert!(api.request(Method::GET, USERS).send().await.is_err());
    assert_eq!(api.post("/_sim/faults", &json!([])).await.status, 200);
    assert_eq!(api.post("/_sim/faults", &json!({"replies": 1})).await.status, 400);
    assert_eq!(api.post("/_sim/keys", &json!({"revoke": "simulator-key"})).await.status, 200);
    assert_eq!(api.get(USERS).await.status, 401);
    assert_eq!(api.post("/_sim/keys", &json!({"add": "simulator-key"})).await.status, 200);
    assert_eq!(api.get(USERS).await.status, 200);
    assert_eq!(api.post("/_sim/settings", &json!({"jobs": {"no_such": 1}})).await.status, 400);
    assert_eq!(api.get("/_sim/none").await.status, 400);
}

#[tokio::test]
async fn quiet_is_waited_for() {
    let api = Api::default().await;
    assert_eq!(api.sim.quiet_for(Duration::from_millis(20), Duration::from_secs(5)).await.unwrap(), None);
    api.get(USERS).await;
    let last = api.sim.quiet_for(Duration::from_millis(20), Duration::from_secs(5)).await.unwrap();
    assert!(last.is_some() && last == api.sim.last_request());
    assert!(api.sim.quiet_for(Duration::from_secs(60), Duration::from_millis(20)).await.is_err());
}

#[test]
fn one_simulator_serves_several_runtimes() {
    let run = |work: &mut dyn FnMut(&tokio::runtime::Runtime)| {
        work(&tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
    };
    let mut sim = None;
    run(&mut |runtime| sim = Some(runtime.block_on(Sim::start(Settings::default())).unwrap()));
    let url = format!("{}/_sim/clock", sim.as_ref().unwrap().url());
    for _ in 0..2 {
        run(&mut |runtime| assert!(runtime.block_on(reqwest::get(&url)).unwrap().status().is_success()));
    }
}

#[tokio::test]
async fn large_batches_are_quick() {
    let api = Api::default().await;
    let start = jumpcloud_sim::clock::instant();
    assert_eq!(api.run(Method::POST, &rows(800)).await.len(), 100);
    assert_eq!(api.sim.requests(Route::BulkCreate)[0].rows, 800);
    assert_eq!(api.post(BULK, &rows(801)).await.status, 400);
    assert!(start.elapsed() < Duration::from_secs(5));
}
