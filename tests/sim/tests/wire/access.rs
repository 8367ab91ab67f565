//! Keys, organisations and the forms of errors.

use jumpcloud_sim::{DEFAULT_KEY, DEFAULT_ORGANISATION, key_fingerprint};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Api, BULK, Got, USERS, row};

const OTHER: &str = "5f0c1d2e3a4b5c6d7e8f9a02";

async fn with_header(api: &Api, path: &str, name: &str, value: &str) -> Got {
    Got::of(api.request(Method::GET, path).header(name, value).send().await.unwrap()).await
}

#[tokio::test]
async fn a_missing_key_is_sent_to_the_login_page() {
    let api = Api::default().await;
    let response = api.http.get(format!("{}{USERS}", api.sim.url())).send().await.unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], "/login");
    assert!(Got::of(response).await.content_type.starts_with("text/html"));

    api.sim.update_settings(|settings| {
        settings.api.missing_key = jumpcloud_sim::settings::MissingKey::Unauthorized;
    });
    let response = api.http.get(format!("{}{USERS}", api.sim.url())).send().await.unwrap();
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn a_wrong_key_is_refused_with_json() {
    let api = Api::default().await;
    let got =
        api.http.get(format!("{}{USERS}", api.sim.url())).header("x-api-key", "wrong").send().await.unwrap();
    let got = Got::of(got).await;
    assert_eq!(got.status, 401);
    assert!(got.json()["message"].is_string() && got.json()["error"].is_string());
}

#[tokio::test]
async fn keys_come_and_go() {
    let api = Api::default().await;
    assert_eq!(api.get(USERS).await.status, 200);
    assert!(api.sim.revoke_key(DEFAULT_KEY));
    assert!(!api.sim.revoke_key(DEFAULT_KEY));
    assert_eq!(api.get(USERS).await.status, 401);
    api.sim.add_key(DEFAULT_ORGANISATION, DEFAULT_KEY).unwrap();
    assert_eq!(api.get(USERS).await.status, 200);
    assert!(api.sim.add_key("nowhere", "k").is_err());

    let twice = json!([{"id": DEFAULT_ORGANISATION}, {"id": OTHER}]);
    let settings = jumpcloud_sim::Settings::default().merged(&json!({"organisations": twice})).unwrap();
    assert!(jumpcloud_sim::Sim::start(settings).await.is_err(), "one key, two organisations");
}

#[tokio::test]
async fn the_organisation_header_follows_its_setting() {
    let api = Api::default().await;
    for (setting, own, other, malformed, absent) in [
        ("optional", 200, 404, 400, 200),
        ("required", 200, 404, 400, 401),
        ("ignored", 200, 200, 200, 200),
        ("refused", 403, 403, 403, 200),
    ] {
        let settings = json!({"api": {"org_header": setting}});
        assert_eq!(api.post("/_sim/settings", &settings).await.status, 200);
        let sent = async |id: &str| with_header(&api, USERS, "x-org-id", id).await.status;
        assert_eq!(sent(DEFAULT_ORGANISATION).await, own, "{setting}");
        assert_eq!(sent(OTHER).await, other, "{setting}");
        assert_eq!(sent("not-an-id").await, malformed, "{setting}");
        assert_eq!(api.get(USERS).await.status, absent, "{setting}");
    }
}

#[tokio::test]
async fn a_key_of_several_organisations_must_choose() {
    let organisations = json!([
        {"id": DEFAULT_ORGANISATION, "display_name": "One", "keys": [], "users": [row("ada")]},
        {"id": OTHER, "display_name": "Two", "keys": [], "users": [row("ada"), row("bob")]},
    ]);
    let keys = json!([{"key": DEFAULT_KEY, "organisations": [DEFAULT_ORGANISATION, OTHER]}]);
    let api = Api::with(json!({"organisations": organisations, "multi_tenant_keys": keys})).await;
    assert_eq!(api.get(USERS).await.status, 401);
    let total = async |id: &str| with_header(&api, USERS, "x-org-id", id).await.json()["totalCount"].clone();
    assert_eq!(total(DEFAULT_ORGANISATION).await, 1);
    assert_eq!(total(OTHER).await, 2);
    assert_eq!(with_header(&api, USERS, "x-org-id", "5f0c1d2e3a4b5c6d7e8f9aff").await.status, 404);

    let listed = with_header(&api, "/api/organizations", "x-org-id", OTHER).await.json();
    assert_eq!(listed["totalCount"], 2);
    let path = format!("/api/organizations/{OTHER}");
    assert_eq!(with_header(&api, &path, "x-org-id", OTHER).await.json()["displayName"], "Two");
    assert_eq!(with_header(&api, &path, "x-org-id", DEFAULT_ORGANISATION).await.status, 400);
}

#[tokio::test]
async fn an_organisation_shows_its_state_defaults() {
    let api = Api::default().await;
    let listed = api.get("/api/organizations").await.json();
    assert_eq!(listed["results"][0]["_id"], DEFAULT_ORGANISATION);
    let shown = api.get(&format!("/api/organizations/{DEFAULT_ORGANISATION}")).await.json();
    assert_eq!(
        shown["settings"]["newSystemUserStateDefaults"],
        json!({"applicationImport": "ACTIVATED", "csvImport": "STAGED", "manualEntry": "ACTIVATED"})
    );
    assert_eq!(api.get(&format!("/api/organizations/{OTHER}")).await.status, 404);
}

#[tokio::test]
async fn errors_have_the_form_of_their_version_or_the_one_that_is_set() {
    let api = Api::default().await;
    assert_eq!(api.get(&format!("{USERS}/none")).await.json(), json!({"message": "the user was not found"}));
    let v2 = api.get(&format!("{BULK}/none/results")).await.json();
    assert_eq!((&v2["code"], &v2["status"]), (&json!(404), &json!("NOT_FOUND")));
    for (shape, content_type) in
        [("nested", "application/json"), ("html", "text/html"), ("plain", "text/plain"), ("empty", "")]
    {
        api.post("/_sim/settings", &json!({"api": {"error_shape": shape}})).await;
        let got = api.get(&format!("{USERS}/none")).await;
        assert_eq!(got.status, 404);
        assert!(got.content_type.starts_with(content_type), "{got:?}");
        match shape {
            "nested" => assert!(got.json()["error"]["message"].is_string()),
            "html" => assert!(got.text.contains("<html>")),
            "empty" => assert_eq!(got.text, ""),
            _ => assert!(!got.text.is_empty()),
        }
    }
}

#[tokio::test]
async fn a_rate_above_the_limit_is_429() {
    for (retry_after, is_date) in [(json!({"seconds": 7}), false), (json!({"date_in": 7}), true)] {
        let limit = json!({"requests": 2, "window_ms": 1000, "retry_after": retry_after});
        let api = Api::with(json!({"api": {"rate_limit": limit}})).await;
        assert_eq!((api.get(USERS).await.status, api.get(USERS).await.status), (200, 200));
        let response = api.request(Method::GET, USERS).send().await.unwrap();
        assert_eq!(response.status(), 429);
        let value = response.headers()["retry-after"].to_str().unwrap();
        assert_eq!(value.ends_with("GMT"), is_date, "{value}");
        api.sim.advance(std::time::Duration::from_secs(1));
        assert_eq!(api.get(USERS).await.status, 200);
    }
}

#[tokio::test]
async fn the_ledger_has_no_key_and_no_password() {
    let api = Api::default().await;
    let mut user = row("ada");
    user["password"] = json!("canary-password");
    api.job(Method::POST, &json!([user])).await;
    let ledger: Value = api.get("/_sim/ledger").await.json();
    let text = ledger.to_string() + &api.get("/_sim/state").await.text;
    assert!(!text.contains(DEFAULT_KEY) && !text.contains("canary-password"));
    assert_eq!(ledger[0]["key"], key_fingerprint(DEFAULT_KEY));
}

#[tokio::test]
async fn unknown_routes_and_large_bodies() {
    let api = Api::with(json!({"api": {"max_body_bytes": 100}})).await;
    assert_eq!(api.get("/api/v2/none").await.status, 404);
    assert_eq!(api.post(BULK, &json!(["x".repeat(200)])).await.status, 413);
}
