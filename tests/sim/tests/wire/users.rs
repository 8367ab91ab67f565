//! The V1 routes of single users.

use jumpcloud_sim::{DEFAULT_ORGANISATION, Route};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Api, SEARCH, USERS, row};

#[tokio::test]
async fn a_user_is_made_read_changed_and_deleted() {
    let api = Api::default().await;
    let mut user = row("ada");
    user["password"] = json!("s3cret");
    let made = api.post(USERS, &user).await;
    assert_eq!(made.status, 200);
    assert!(!made.text.contains("s3cret"));
    let made = made.json();
    assert_eq!(made["_id"], made["id"]);
    assert_eq!(made["state"], "ACTIVATED");
    let path = format!("{USERS}/{}", made["id"].as_str().unwrap());
    assert_eq!(api.get(&path).await.json(), made);
    let changed = api.send(Method::PUT, &path, &json!({"state": "SUSPENDED", "company": "A"})).await.json();
    assert_eq!((&changed["state"], &changed["company"]), (&json!("SUSPENDED"), &json!("A")));
    assert_eq!(changed["username"], "ada");
    let deleted = api.send(Method::DELETE, &path, &json!({})).await;
    assert_eq!((deleted.status, &deleted.json()["username"]), (200, &json!("ada")));
    assert_eq!(api.get(&path).await.status, 404);
    assert_eq!(api.send(Method::DELETE, &path, &json!({})).await.status, 404);
    assert_eq!(api.send(Method::PUT, &path, &json!({})).await.status, 404);
    assert_eq!(api.sim.requests(Route::UserDelete).len(), 2);
}

#[tokio::test]
async fn bad_writes_are_400() {
    let api = Api::default().await;
    let id = api.sim.add_user(DEFAULT_ORGANISATION, &row("ada")).unwrap();
    for bad in [row("ADA"), json!({"username": "x"}), json!({"username": "x", "email": "y"}), json!([])] {
        assert_eq!(api.post(USERS, &bad).await.status, 400, "{bad}");
    }
    let path = format!("{USERS}/{id}");
    for bad in [
        json!({"username": "other"}),
        json!({"state": "STAGED"}),
        json!({"sudo": 1}),
        json!({"manager": "x"}),
    ] {
        assert_eq!(api.send(Method::PUT, &path, &bad).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn reports_go_to_the_heir_of_a_deleted_manager() {
    let api = Api::default().await;
    let add = |user: &Value| api.sim.add_user(DEFAULT_ORGANISATION, user).unwrap();
    let (old, new) = (add(&row("old")), add(&row("new")));
    let mut report = row("report");
    report["manager"] = json!(old);
    add(&report);
    let manager = || api.sim.user("report").unwrap()["manager"].clone();
    api.send(Method::DELETE, &format!("{USERS}/{old}?cascade_manager={new}"), &json!({})).await;
    assert_eq!(manager(), json!(new));
    api.send(Method::DELETE, &format!("{USERS}/{new}?cascade_manager=null"), &json!({})).await;
    assert_eq!(manager(), Value::Null);
}

#[tokio::test]
async fn empty_texts_follow_their_setting() {
    let api = Api::default().await;
    let mut user = row("ada");
    user["company"] = json!("");
    let id = api.sim.add_user(DEFAULT_ORGANISATION, &user).unwrap();
    let shown = async || {
        let user = api.get(&format!("{USERS}/{id}")).await.json();
        (user.get("company").cloned(), user.get("location").cloned())
    };
    let both = |value: Option<Value>| (value.clone(), value);
    for (setting, expected) in
        [("empty_string", Some(json!(""))), ("null", Some(Value::Null)), ("absent", None)]
    {
        api.post("/_sim/settings", &json!({"users": {"empty_text": setting}})).await;
        assert_eq!(shown().await, both(expected), "{setting}");
    }
}

#[tokio::test]
async fn search_answers_differ_by_two_fields() {
    let api = Api::default().await;
    let mut user = row("ada");
    user["delegatedAuthority"] = json!({"id": "1", "name": "ActiveDirectory"});
    api.sim.add_user(DEFAULT_ORGANISATION, &user).unwrap();
    let listed = api.get(USERS).await.json()["results"][0].clone();
    let found = api.post(SEARCH, &json!({})).await.json()["results"][0].clone();
    assert!(listed.get("delegatedAuthority").is_some() && listed.get("memberof").is_none());
    assert!(found.get("delegatedAuthority").is_none() && found.get("memberof").is_some());
}

#[tokio::test]
async fn other_organisations_users_are_out_of_reach() {
    let other = "5f0c1d2e3a4b5c6d7e8f9a02";
    let organisations = json!([
        {"id": DEFAULT_ORGANISATION},
        {"id": other, "keys": ["other-key"], "users": [row("ada")]},
    ]);
    let api = Api::with(json!({"organisations": organisations})).await;
    let id = api.sim.user("ada").unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(api.get(&format!("{USERS}/{id}")).await.status, 404);
    assert_eq!(api.post(USERS, &row("ada")).await.status, 200, "names are unique per organisation");
}
