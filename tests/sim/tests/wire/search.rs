//! V1 lists and searches.

use std::time::Duration;

use jumpcloud_sim::DEFAULT_ORGANISATION;
use jumpcloud_sim::settings::Letters;
use serde_json::{Value, json};

use super::support::{Api, SEARCH, USERS, row};

async fn api(count: usize) -> Api {
    let api = Api::default().await;
    for index in 0..count {
        let mut user = row(&format!("user{index:04}"));
        user["department"] = json!(if index % 2 == 0 { "IT" } else { "HR" });
        api.sim.add_user(DEFAULT_ORGANISATION, &user).unwrap();
    }
    api
}

fn names(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|user| user["username"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The names of the first user's fields, sorted.
fn keys(answer: &Value) -> Vec<String> {
    let fields = answer["results"][0].as_object().unwrap();
    fields.keys().cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

#[tokio::test]
async fn lists_have_pages_filters_and_sorts() {
    let api = api(105).await;
    let list = async |query: &str| api.get(&format!("{USERS}{query}")).await;
    assert_eq!(names(&list("").await.json()).len(), 10);
    let page = list("?limit=100&skip=100&sort=_id").await.json();
    assert_eq!((names(&page).len(), &page["totalCount"]), (5, &json!(105)));
    assert_eq!(list("?limit=101").await.status, 400);
    assert_eq!(names(&list("?filter=username:$eq:user0003").await.json()), ["user0003"]);
    let both = list("?filter=department:$eq:HR&filter=username:$lt:user0004").await.json();
    assert_eq!(names(&both), ["user0001", "user0003"]);
    assert_eq!(names(&list("?sort=-username&limit=1").await.json()), ["user0104"]);
    assert_eq!(names(&list("?search=USER0007").await.json()), ["user0007"]);
    assert_eq!(list("?filter=nonsense").await.status, 400);
}

#[tokio::test]
async fn searches_take_every_form() {
    let api = api(4).await;
    let id = api.sim.user("user0002").unwrap()["id"].as_str().unwrap().to_owned();
    let search = async |body: Value| api.post(&format!("{SEARCH}?sort=_id"), &body).await;
    let by_id = format!("_id:$eq:{id}");
    let filter = json!({"or": [{"username": "user0001"}, {"email": "user0001@example.com"}, by_id]});
    let found = search(json!({"filter": filter})).await.json();
    assert_eq!(
        (names(&found), &found["totalCount"]),
        (vec!["user0001".to_owned(), "user0002".to_owned()], &json!(2))
    );
    let found =
        search(json!({"filter": [{"department": "IT"}, {"username": {"$regex": "(?i)^USER000"}}]})).await;
    assert_eq!(names(&found.json()), ["user0000", "user0002"]);
    let partial = json!({"searchFilter": {"searchTerm": ["0003"], "fields": ["username", "email"]}});
    assert_eq!(names(&search(partial).await.json()), ["user0003"]);
    assert_eq!(names(&search(json!({"limit": 1, "skip": 2})).await.json()), ["user0002"]);
    assert_eq!(search(json!({"limit": 1000})).await.status, 200);
    for bad in
        [json!({"limit": 1001}), json!({"filter": {"nor": []}}), json!([]), json!({"searchFilter": {}})]
    {
        assert_eq!(search(bad.clone()).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_projection_keeps_the_id() {
    let api = api(1).await;
    let found = api.post(SEARCH, &json!({"fields": "username email"})).await.json();
    assert_eq!(keys(&found), ["_id", "email", "id", "username"]);
    for (form, expected) in [("underscore", "_id"), ("plain", "id")] {
        api.post("/_sim/settings", &json!({"api": {"id_form": form}})).await;
        let found = api.post(SEARCH, &json!({"fields": "username"})).await.json();
        assert_eq!(keys(&found), [expected, "username"]);
    }
}

#[tokio::test]
async fn letter_case_of_the_object_form_is_a_setting() {
    let api = api(1).await;
    let filter = json!({"filter": {"or": [{"username": "USER0000"}]}});
    assert_eq!(api.post(SEARCH, &filter).await.json()["totalCount"], 0);
    api.sim.update_settings(|settings| settings.search.object_form = Letters::Insensitive);
    assert_eq!(api.post(SEARCH, &filter).await.json()["totalCount"], 1);
}

#[tokio::test]
async fn new_users_can_be_late_in_searches() {
    let api = Api::with(json!({"search": {"lag_ms": 1000}})).await;
    let id = api.sim.add_user(DEFAULT_ORGANISATION, &row("ada")).unwrap();
    let total = async || {
        api.post(SEARCH, &json!({"filter": [{"username": "ada"}]})).await.json()["totalCount"].clone()
    };
    assert_eq!(total().await, 0);
    assert_eq!(api.get(USERS).await.json()["totalCount"], 0);
    assert_eq!(api.get(&format!("{USERS}/{id}")).await.status, 200);
    api.sim.advance(Duration::from_secs(1));
    assert_eq!(total().await, 1);
}

#[tokio::test]
async fn order_and_size_are_settings() {
    let api = api(60).await;
    api.post("/_sim/settings", &json!({"search": {"shuffle_unsorted": true, "max_conditions": 2}})).await;
    let search =
        async |query: &str| names(&api.post(&format!("{SEARCH}{query}"), &json!({"limit": 60})).await.json());
    assert_ne!(search("").await, search("").await);
    assert_eq!(search("?sort=_id").await, search("?sort=_id").await);
    api.post("/_sim/settings", &json!({"search": {"sort_is_honoured": false}})).await;
    assert_ne!(search("?sort=_id").await, search("?sort=_id").await);
    let three = json!({"filter": {"or": [{"username": "a"}, {"username": "b"}, {"username": "c"}]}});
    assert_eq!(api.post(SEARCH, &three).await.status, 400);
}
