//! Search, listing, and one user at a time.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use jumpcloud_operator::jumpcloud::users::{Deletion, UserKey, UserSearch};
use jumpcloud_operator::jumpcloud::wire::LiveUser;
use jumpcloud_sim::settings::IdForm;
use jumpcloud_sim::{DEFAULT_ORGANISATION, Route};
use serde_json::{Map, Value, json};

use crate::rig::{Rig, people, status_of};

fn fill(rig: &Rig, count: usize) -> Vec<String> {
    people(count).iter().map(|user| rig.sim.add_user(DEFAULT_ORGANISATION, user).unwrap()).collect()
}

fn names(users: &[LiveUser]) -> BTreeSet<&str> {
    users.iter().map(|user| user.username.as_str()).collect()
}

#[tokio::test]
async fn fifty_users_by_username_and_email_cost_one_request() {
    let rig = Rig::new().await;
    fill(&rig, 60);
    let keys = (20..70).flat_map(|n| {
        [UserKey::Username(format!("user-{n}")), UserKey::Email(format!("USER-{n}@Example.com"))]
    });
    let found = rig.client.search_users(&UserSearch::new(keys.collect())).await.unwrap();
    assert_eq!(found.len(), 40, "each user once, though two keys match it");
    assert!(names(&found).contains("user-59") && !names(&found).contains("user-19"));
    assert_eq!(rig.count(Route::UserSearch), 1);
    assert_eq!(rig.sim.requests(Route::UserSearch)[0].path, "/api/search/systemusers?sort=_id");
}

#[tokio::test]
async fn users_are_found_by_every_key_in_every_form_of_id() {
    for id_form in [IdForm::Both, IdForm::Underscore, IdForm::Plain] {
        let rig = Rig::new().await;
        rig.sim.update_settings(|settings| settings.api.id_form = id_form);
        let ada = json!({"username": "ada", "email": "ada@x.example", "employeeIdentifier": "1815"});
        let id = rig.sim.add_user(DEFAULT_ORGANISATION, &ada).unwrap();
        for key in [
            UserKey::Username("ada".to_owned()),
            UserKey::Email("ADA@x.example".to_owned()),
            UserKey::Id(id.clone()),
            UserKey::EmployeeIdentifier("1815".to_owned()),
        ] {
            let found = rig.client.search_users(&UserSearch::new(vec![key.clone()])).await.unwrap();
            assert_eq!(found.len(), 1, "{key:?}");
            assert_eq!((found[0].id.as_str(), found[0].email.as_str()), (id.as_str(), "ada@x.example"));
            assert!(found[0].created.is_some() && found[0].state.is_some());
            assert_eq!(found[0].fields["employeeIdentifier"], "1815");
        }
    }
}

#[tokio::test]
async fn a_search_may_ask_for_some_fields() {
    let rig = Rig::new().await;
    let ada = json!({"username": "ada", "email": "ada@x.example", "department": "Engines", "company": "X"});
    rig.sim.add_user(DEFAULT_ORGANISATION, &ada).unwrap();
    let keys = vec![UserKey::Username("ada".to_owned())];
    let found = rig.client.search_users(&UserSearch { keys, fields: vec!["department"] }).await.unwrap();
    assert_eq!(found[0].fields["department"], "Engines");
    assert_eq!(found[0].fields.get("company"), None);
    assert!(found[0].created.is_some() && found[0].state.is_some(), "the identity comes along");
}

#[tokio::test]
async fn a_search_without_keys_asks_nobody_and_a_large_one_asks_in_parts() {
    let rig = Rig::new().await;
    fill(&rig, 230);
    assert!(rig.client.search_users(&UserSearch::new(Vec::new())).await.unwrap().is_empty());
    let hostile = UserSearch::new(vec![UserKey::Id("x:$ne:y".to_owned())]);
    assert!(rig.client.search_users(&hostile).await.unwrap().is_empty());
    assert_eq!(rig.count(Route::UserSearch), 0);
    let keys = (0..230).map(|n| UserKey::Username(format!("user-{n}"))).collect();
    assert_eq!(rig.client.search_users(&UserSearch::new(keys)).await.unwrap().len(), 230);
    assert_eq!(rig.count(Route::UserSearch), 3);
}

#[tokio::test]
async fn a_listing_reads_every_page_and_no_more() {
    for (users, pages) in [(0, 1), (100, 1), (101, 2), (250, 3)] {
        let rig = Rig::new().await;
        let ids: BTreeSet<_> = fill(&rig, users).into_iter().collect();
        let found: Vec<_> = rig.client.list_users().try_collect().await.unwrap();
        assert_eq!(found.into_iter().map(|user| user.id).collect::<BTreeSet<_>>(), ids);
        assert_eq!(rig.count(Route::UserList), pages, "{users} users");
    }
}

#[tokio::test]
async fn a_listing_ends_with_its_error() {
    let rig = Rig::new().await;
    fill(&rig, 150);
    rig.sim.set_faults(vec![jumpcloud_sim::FaultRule::status(403).skip(1)]);
    let mut stream = std::pin::pin!(rig.client.list_users());
    let mut read = 0;
    let error = loop {
        match stream.try_next().await {
            Ok(Some(_)) => read += 1,
            Ok(None) => panic!("the error was lost"),
            Err(error) => break error,
        }
    };
    assert_eq!((read, error.is_credentials()), (100, true));
    assert!(stream.try_next().await.unwrap().is_none());
}

#[tokio::test]
async fn one_user_from_beginning_to_end() {
    let rig = Rig::new().await;
    let fields = |value: Value| -> Map<String, Value> { value.as_object().unwrap().clone() };
    let new = fields(json!({"username": "ada", "email": "Ada@x.example", "state": "STAGED"}));
    let made = rig.client.create_user(&new).await.unwrap();
    assert_eq!((made.username.as_str(), made.email.as_str()), ("ada", "ada@x.example"));
    assert_eq!(made.state.as_deref(), Some("STAGED"));
    let twice = rig.client.create_user(&new).await;
    assert!(matches!(status_of(&twice), Some(400 | 409)), "{twice:?}");

    let changed = rig.client.update_user(&made.id, &fields(json!({"state": "ACTIVATED"}))).await.unwrap();
    assert_eq!(changed.state.as_deref(), Some("ACTIVATED"));
    let read = rig.client.get_user(&made.id).await.unwrap().unwrap();
    assert_eq!((read.id, read.state), (made.id.clone(), changed.state));

    assert_eq!(rig.client.delete_user(&made.id).await.unwrap(), Deletion::Deleted);
    assert_eq!(rig.client.delete_user(&made.id).await.unwrap(), Deletion::AlreadyGone);
    assert!(rig.client.get_user(&made.id).await.unwrap().is_none());
    let gone = rig.client.update_user(&made.id, &Map::new()).await.unwrap_err();
    assert!(gone.is_not_found());
}

#[tokio::test]
async fn an_identifier_cannot_delete_something_else() {
    let rig = Rig::new().await;
    let id = fill(&rig, 1).remove(0);
    for hostile in ["..", ".", "", "\u{9}..", "..\\systemusers"] {
        let error = rig.client.delete_user(hostile).await.unwrap_err();
        assert!(error.is_not_sent(), "{hostile:?}");
    }
    let climbing = format!("x/../{id}");
    assert_eq!(rig.client.delete_user(&climbing).await.unwrap(), Deletion::AlreadyGone);
    assert_eq!(rig.sim.users().len(), 1);
}
