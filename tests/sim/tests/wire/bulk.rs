//! `POST` and `PATCH /bulk/users`: what is accepted, and what its job does.

use std::time::Duration;

use jumpcloud_sim::settings::{Doubles, RowFailure, UsernameChange};
use jumpcloud_sim::{DEFAULT_ORGANISATION, Pattern, Route};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Api, BULK, Got, row, rows};

fn outcomes(results: &[Value]) -> Vec<(String, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    results.iter().map(|row| (text(row, "status"), text(row, "statusMsg"))).collect()
}

fn fine(results: &[Value]) -> bool {
    results.iter().all(|row| row["status"] == "finished")
}

#[tokio::test]
async fn users_come_to_be_when_their_row_is_executed() {
    let api = Api::default().await;
    let job = api.job(Method::POST, &rows(3)).await;
    assert_eq!(api.sim.users().len(), 0);
    assert!(api.results(&job).await.iter().all(|row| row["status"] == "pending"));
    api.sim.advance(Duration::from_millis(199));
    assert_eq!(api.sim.users().len(), 0);
    api.sim.advance(Duration::from_millis(1));
    assert_eq!(api.sim.users().len(), 3);
    let results = api.results(&job).await;
    assert!(fine(&results) && results.len() == 3);
    let user = api.sim.user("user0000").unwrap();
    assert_ne!(results[0]["id"], user["id"], "a row's id is not a user's");
}

#[tokio::test]
async fn rows_can_be_executed_one_by_one() {
    let api = Api::with(json!({"jobs": {"pace": "gradual", "service_time_ms": 0, "row_time_ms": 10}})).await;
    let job = api.job(Method::POST, &rows(4)).await;
    api.sim.advance(Duration::from_millis(20));
    assert_eq!(api.sim.users().len(), 2);
    let waiting = api.results(&job).await.iter().filter(|row| row["status"] == "pending").count();
    assert_eq!(waiting, 2);
    api.sim.advance(Duration::from_millis(20));
    assert!(fine(&api.results(&job).await));
    assert!(api.sim.jobs()[0]["ended"].is_string());
}

#[tokio::test]
async fn any_success_code_can_be_set() {
    let api = Api::with(json!({"api": {"accepted_status": 201}})).await;
    let got = api.post(BULK, &rows(1)).await;
    assert_eq!(got.status, 201);
    assert!(got.json()["jobId"].is_string());
}

#[tokio::test]
async fn bad_requests_are_refused_as_a_whole() {
    let api = Api::with(json!({"api": {"max_rows": 2}})).await;
    for (body, why) in [
        (json!({"users": []}), "not a list"),
        (json!([]), "no rows"),
        (json!(["x"]), "no object"),
        (rows(3), "too many rows"),
        (json!([row("ada"), {"username": "bob", "email": "b@x.test", "sudo": 1}]), "wrong type"),
        (json!([{"username": "bob", "email": "b@x.test", "state": "GONE"}]), "wrong value"),
    ] {
        assert_eq!(api.post(BULK, &body).await.status, 400, "{why}");
    }
    let text = api.request(Method::POST, BULK).body("{").send().await.unwrap();
    assert_eq!(text.status(), 400);
    assert_eq!(api.send(Method::PATCH, BULK, &json!([{"department": "IT"}])).await.status, 400, "no id");
    assert_eq!(api.post(&format!("{BULK}?suppressEmail=maybe"), &rows(1)).await.status, 400);
    assert_eq!(api.post(&format!("{BULK}?suppressEmail=true"), &rows(1)).await.status, 200);
    assert_eq!(
        api.sim.requests(Route::BulkCreate).iter().filter(|one| one.accepted_job().is_some()).count(),
        1
    );
}

#[tokio::test]
async fn the_creation_source_decides_the_state() {
    let api = Api::default().await;
    let send = async |source: &str, username: &str| {
        let request =
            api.request(Method::POST, BULK).header("creation-source", source).json(&json!([row(username)]));
        Got::of(request.send().await.unwrap()).await.status
    };
    assert_eq!(send("jumpcloud:magic", "x").await, 400);
    for source in ["gapps", "o365", "workday", "scim", "bulk", "custom_integration"] {
        assert_eq!(send(&format!("jumpcloud:{source}"), source).await, 200);
    }
    api.job(
        Method::POST,
        &json!([row("default"), {"username": "own", "email": "o@x.test", "state": "SUSPENDED"}]),
    )
    .await;
    api.sim.advance(Duration::from_secs(1));
    let state = |username: &str| api.sim.user(username).unwrap()["state"].clone();
    assert_eq!(
        (state("bulk"), state("default"), state("scim")),
        (json!("STAGED"), json!("STAGED"), json!("ACTIVATED"))
    );
    assert_eq!(state("own"), "SUSPENDED");
    assert_eq!(api.sim.user("scim").unwrap()["creationSource"], "jumpcloud:scim");
}

#[tokio::test]
async fn a_second_creation_is_no_upsert() {
    let api = Api::default().await;
    let existing =
        json!({"username": "Ada", "email": "ada@x.test", "employeeIdentifier": "1", "company": "Old"});
    api.sim.add_user(DEFAULT_ORGANISATION, &existing).unwrap();
    let results = api
        .run(
            Method::POST,
            &json!([
                {"username": "ada", "email": "new@x.test", "company": "New"},
                {"username": "bob", "email": "ADA@x.test"},
                {"username": "cyd", "email": "c@x.test", "employeeIdentifier": "1"},
                {"username": "dan", "email": "d@x.test"},
                {"username": "DAN", "email": "d2@x.test"},
            ]),
        )
        .await;
    let results = outcomes(&results);
    let failed = |field: &str| ("failed".to_owned(), format!("a user with this {field} already exists"));
    assert_eq!(results[0], failed("username"));
    assert_eq!(results[1], failed("email"));
    assert_eq!(results[2], failed("employeeIdentifier"));
    assert_eq!(results[3].0, "finished");
    assert_eq!(results[4], failed("username"), "twice in one request");
    assert_eq!(api.sim.user("ada").unwrap()["company"], "Old");
    assert_eq!(api.sim.users().len(), 2);
}

#[tokio::test]
async fn bad_rows_fail_alone() {
    let api = Api::default().await;
    let long = "x".repeat(1025);
    let results = api
        .run(
            Method::POST,
            &json!([
                row("ada"),
                {"username": "bob"},
                {"username": "cyd", "email": "no address"},
                {"username": "dan", "email": "d@x.test", "description": long},
                {"username": "eve", "email": "e@x.test", "manager": "5f0c1d2e3a4b5c6d7e8f9aff"},
            ]),
        )
        .await;
    let results = outcomes(&results);
    assert_eq!(results[0].0, "finished");
    assert!(
        results[1..].iter().all(|(status, message)| status == "failed" && !message.is_empty()),
        "{results:?}"
    );
    assert_eq!(results[1].1, "email is required");
}

#[tokio::test]
async fn an_update_keeps_what_it_does_not_name() {
    let api = Api::default().await;
    let user = json!({
        "username": "ada", "email": "ada@x.test", "company": "A", "department": "D",
        "attributes": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]
    });
    let id = api.sim.add_user(DEFAULT_ORGANISATION, &user).unwrap();
    let changes = json!([{
        "id": id, "company": "B", "email": "Ada.New@X.test", "attributes": [{"name": "b", "value": "3"}],
        "ssh_keys": [{"name": "k", "public_key": "ssh-ed25519 AAAA"}], "state": "SUSPENDED"
    }]);
    assert!(fine(&api.run(Method::PATCH, &changes).await));
    let user = api.sim.user("ada").unwrap();
    assert_eq!((&user["company"], &user["department"]), (&json!("B"), &json!("D")));
    assert_eq!(user["email"], "ada.new@x.test");
    assert_eq!(user["attributes"], json!([{"name": "b", "value": "3"}]));
    assert_eq!((&user["state"], &user["suspended"]), (&json!("SUSPENDED"), &json!(true)));
    assert!(user["ssh_keys"][0]["_id"].is_string());
    let got = api.send(Method::PATCH, BULK, &json!([{"id": user["id"], "state": "STAGED"}])).await;
    assert_eq!(got.status, 400, "there is no way back to STAGED");
}

#[tokio::test]
async fn updates_fail_for_missing_users_and_taken_values() {
    let api = Api::default().await;
    let ada = api.sim.add_user(DEFAULT_ORGANISATION, &row("ada")).unwrap();
    let bob = api.sim.add_user(DEFAULT_ORGANISATION, &row("bob")).unwrap();
    let results = api
        .run(
            Method::PATCH,
            &json!([
                {"id": "5f0c1d2e3a4b5c6d7e8f9aff", "company": "A"},
                {"id": ada, "email": "bob@example.com"},
                {"id": bob, "username": "robert"},
                {"id": bob, "username": "bob", "email": "bob@example.com"},
            ]),
        )
        .await;
    let words: Vec<_> = outcomes(&results).into_iter().map(|(status, _)| status).collect();
    assert_eq!(words, ["failed", "failed", "failed", "finished"]);
}

#[tokio::test]
async fn the_username_rule_is_a_setting() {
    let api = Api::default().await;
    let id = api.sim.add_user(DEFAULT_ORGANISATION, &row("bob")).unwrap();
    let change = json!([{"id": id, "username": "robert", "company": "A"}]);
    api.sim.update_settings(|settings| settings.users.username_change = UsernameChange::Ignore);
    assert!(fine(&api.run(Method::PATCH, &change).await));
    assert_eq!(api.sim.user("bob").unwrap()["company"], "A");
    api.sim.update_settings(|settings| settings.users.username_change = UsernameChange::Allow);
    assert!(fine(&api.run(Method::PATCH, &change).await));
    assert!(api.sim.user("bob").is_none() && api.sim.user("robert").is_some());
}

#[tokio::test]
async fn one_id_twice_follows_its_setting() {
    let api = Api::default().await;
    let id = api.sim.add_user(DEFAULT_ORGANISATION, &row("ada")).unwrap();
    let rows = json!([{"id": id, "company": "A", "location": "L"}, {"id": id, "company": "B"}]);
    assert!(fine(&api.run(Method::PATCH, &rows).await));
    let user = api.sim.user("ada").unwrap();
    assert_eq!((&user["company"], &user["location"]), (&json!("B"), &json!("L")));
    api.sim.update_settings(|settings| settings.jobs.doubles = Doubles::FailLater);
    assert_eq!(api.run(Method::PATCH, &rows).await[1]["status"], "failed");
    api.sim.update_settings(|settings| settings.jobs.doubles = Doubles::RefuseRequest);
    assert_eq!(api.send(Method::PATCH, BULK, &rows).await.status, 400);
}

#[tokio::test]
async fn fields_can_be_ignored_by_jobs() {
    let api = Api::with(json!({"jobs": {"ignored_fields": ["state", "alternateEmail"]}})).await;
    let user =
        json!({"username": "ada", "email": "a@x.test", "state": "SUSPENDED", "alternateEmail": "b@x.test"});
    assert!(fine(&api.run(Method::POST, &json!([user])).await));
    let user = api.sim.user("ada").unwrap();
    assert_eq!(user["state"], "STAGED");
    assert!(user.get("alternateEmail").is_none());
}

#[tokio::test]
async fn rows_fail_by_rule_and_count() {
    let api = Api::default().await;
    let rule = RowFailure::new(Pattern::new("^user000[01]$").unwrap(), "try again").times(1);
    let odd = RowFailure {
        word: Some("Error".to_owned()),
        acts: true,
        ..RowFailure::new(Pattern::exactly("user0002").unwrap(), "half done")
    };
    api.sim.update_settings(|settings| settings.jobs.row_failures = vec![rule, odd]);
    let results = outcomes(&api.run(Method::POST, &rows(4)).await);
    assert_eq!(results[0], ("failed".to_owned(), "try again".to_owned()));
    assert_eq!(results[1].0, "finished", "the rule is used up");
    assert_eq!(results[2], ("Error".to_owned(), "half done".to_owned()));
    assert!(api.sim.user("user0000").is_none() && api.sim.user("user0002").is_some());
    assert!(fine(&api.run(Method::POST, &json!([row("user0000")])).await));
}

#[tokio::test]
async fn poison_refuses_the_whole_request() {
    let poison = json!([
        {"field": "company", "equals": "Bad", "status": 422, "body": {"message": "no"}},
        {"field": "lastname", "equals": "Html", "status": 400, "body": "<html>no</html>"},
    ]);
    let api = Api::with(json!({"api": {"poison": poison}})).await;
    let mut bad = rows(3);
    bad[1]["company"] = json!("Bad");
    let got = api.post(BULK, &bad).await;
    assert_eq!((got.status, got.json()), (422, json!({"message": "no"})));
    bad[1] = json!({"username": "x", "email": "x@x.test", "lastname": "Html"});
    assert!(api.post(BULK, &bad).await.content_type.starts_with("text/html"));
    assert_eq!(api.post(BULK, &rows(3)).await.status, 200);
}

#[tokio::test]
async fn lost_and_stuck_rows() {
    let api = Api::with(json!({"jobs": {"lost_rows": ["^user0000$"], "stuck_rows": ["^user0001$"]}})).await;
    let job = api.job(Method::POST, &rows(3)).await;
    api.sim.advance(Duration::from_secs(86400));
    let words: Vec<_> = api.results(&job).await.iter().map(|row| row["status"].clone()).collect();
    assert_eq!(words, ["finished", "pending", "finished"]);
    let names: Vec<_> = api.sim.users().iter().map(|user| user["username"].clone()).collect();
    assert_eq!(names, ["user0002"]);
    assert!(api.sim.jobs()[0]["ended"].is_null());
}
