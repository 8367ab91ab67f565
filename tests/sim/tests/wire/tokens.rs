//! Service accounts: tokens, their end, and where they are taken.

use std::time::Duration;

use jumpcloud_sim::{DEFAULT_ORGANISATION, FaultRule, Route, key_fingerprint};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Api, BULK, Got, USERS, row};

const TOKEN: &str = "/oauth2/token";
const FORM: &str = "grant_type=client_credentials&scope=api";
const ID: &str = "canary-client";
const SECRET: &str = "canary-secret";

async fn with(tokens: Value) -> Api {
    let api = Api::with(json!({"tokens": tokens})).await;
    api.sim.add_client_secret(DEFAULT_ORGANISATION, ID, SECRET).unwrap();
    api
}

async fn ask(api: &Api, id: &str, secret: &str, form: &'static str) -> Got {
    let request = api.http.post(format!("{}{TOKEN}", api.sim.url())).basic_auth(id, Some(secret));
    Got::of(
        request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await.unwrap(),
    )
    .await
}

async fn token(api: &Api) -> String {
    let got = ask(api, ID, SECRET, FORM).await;
    assert_eq!(got.status, 200, "{got:?}");
    got.json()["access_token"].as_str().unwrap().to_owned()
}

async fn by_token(api: &Api, method: Method, path: &str, token: &str) -> u16 {
    let request = api.http.request(method, format!("{}{path}", api.sim.url())).bearer_auth(token);
    request.json(&json!([row("ada")])).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_token_opens_both_versions_until_it_ends() {
    let api = with(json!({"lifetime_s": 100})).await;
    let got = ask(&api, ID, SECRET, FORM).await.json();
    assert_eq!((&got["token_type"], &got["expires_in"]), (&json!("bearer"), &json!(100)));
    let token = got["access_token"].as_str().unwrap();
    assert_eq!(by_token(&api, Method::GET, USERS, token).await, 200);
    assert_eq!(by_token(&api, Method::POST, BULK, token).await, 200);
    assert_eq!(by_token(&api, Method::GET, USERS, "another").await, 401);
    api.sim.advance(Duration::from_secs(99));
    assert_eq!(by_token(&api, Method::GET, USERS, token).await, 200);
    api.sim.advance(Duration::from_secs(1));
    assert_eq!(by_token(&api, Method::GET, USERS, token).await, 401);
    let request = api.sim.requests(Route::UserList).remove(0);
    assert_eq!(request.organisation.as_deref(), Some(DEFAULT_ORGANISATION));
}

#[tokio::test]
async fn what_is_not_a_right_request_gets_no_token() {
    let api = with(json!({})).await;
    for (id, secret, form, status, error) in [
        (ID, "wrong", FORM, 401, "invalid_client"),
        ("wrong", SECRET, FORM, 401, "invalid_client"),
        (ID, SECRET, "grant_type=password&scope=api", 400, "unsupported_grant_type"),
        (ID, SECRET, "grant_type=client_credentials", 400, "invalid_scope"),
    ] {
        let got = ask(&api, id, secret, form).await;
        assert_eq!((got.status, &got.json()["error"]), (status, &json!(error)), "{form}");
    }
    let bare = api.http.post(format!("{}{TOKEN}", api.sim.url())).body(FORM).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    let request = api.http.post(format!("{}{TOKEN}", api.sim.url())).basic_auth(ID, Some(SECRET));
    assert_eq!(request.json(&json!({})).send().await.unwrap().status(), 400);
    api.post("/_sim/settings", &json!({"tokens": {"refuse": 403}})).await;
    assert_eq!(ask(&api, ID, SECRET, FORM).await.status, 403);
}

#[tokio::test]
async fn the_lifetime_is_told_as_it_is_set() {
    for (setting, told) in
        [(json!("lifetime"), json!(3600)), (json!("absent"), Value::Null), (json!({"value": -1}), json!(-1))]
    {
        let api = with(json!({"expires_in": setting})).await;
        assert_eq!(ask(&api, ID, SECRET, FORM).await.json()["expires_in"], told);
    }
}

#[tokio::test]
async fn bulk_routes_may_refuse_tokens() {
    let api = with(json!({"bulk_refuses": true})).await;
    let token = token(&api).await;
    assert_eq!(by_token(&api, Method::GET, USERS, &token).await, 200);
    assert_eq!(by_token(&api, Method::POST, BULK, &token).await, 401);
    assert!(api.sim.jobs().is_empty());
}

#[tokio::test]
async fn secrets_and_tokens_come_and_go() {
    let api = with(json!({})).await;
    let secrets = async |body: Value| api.post("/_sim/client_secrets", &body).await.status;
    let first = token(&api).await;
    assert_eq!(secrets(json!({"client_id": ID, "add": "second"})).await, 200);
    assert_eq!(secrets(json!({"client_id": ID, "revoke": SECRET})).await, 200);
    assert_eq!(secrets(json!({"client_id": ID, "revoke": SECRET})).await, 400);
    assert_eq!(secrets(json!({"client_id": ID})).await, 400);
    assert_eq!(ask(&api, ID, SECRET, FORM).await.status, 401);
    assert_eq!(ask(&api, ID, "second", FORM).await.status, 200);
    assert_eq!(by_token(&api, Method::GET, USERS, &first).await, 200, "a token outlives its secret");
    assert_eq!(api.send(Method::DELETE, "/_sim/tokens", &json!({})).await.json()["revoked"], 2);
    assert_eq!(by_token(&api, Method::GET, USERS, &first).await, 401);
    assert!(api.sim.add_client_secret("nowhere", ID, "third").is_err());

    let account = json!({"client_id": "c", "secrets": ["s"]});
    let organisation = json!([{"id": DEFAULT_ORGANISATION, "service_accounts": [account]}]);
    let api = Api::with(json!({"organisations": organisation})).await;
    assert_eq!(ask(&api, "c", "s", FORM).await.status, 200);
    assert!(!format!("{:?}", api.sim).contains("\"s\""));
}

#[tokio::test]
async fn the_ledger_has_no_secret_and_no_token() {
    let api = with(json!({})).await;
    let token = token(&api).await;
    by_token(&api, Method::GET, USERS, &token).await;
    let text = api.get("/_sim/ledger").await.text + &api.get("/_sim/state").await.text;
    for hidden in [ID, SECRET, &token] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    let asked = api.sim.requests(Route::Token).remove(0);
    assert_eq!((asked.key, asked.status), (Some(key_fingerprint(SECRET)), Some(200)));
    assert_eq!(api.sim.requests(Route::UserList).remove(0).key, Some(key_fingerprint(&token)));
}

#[tokio::test]
async fn faults_know_the_route() {
    let api = with(json!({})).await;
    api.sim.set_faults(vec![FaultRule::status(503).on(Route::Token).times(1)]);
    assert_eq!(ask(&api, ID, SECRET, FORM).await.status, 503);
    assert_eq!(ask(&api, ID, SECRET, FORM).await.status, 200);
}
