//! Bulk jobs and their results.

use std::collections::BTreeSet;

use jumpcloud_operator::jumpcloud::delivery::{Delivery, Refusal};
use jumpcloud_operator::jumpcloud::wire::RowStatus;
use jumpcloud_sim::settings::{MetaShape, PersistedShape, RowFailure};
use jumpcloud_sim::{DEFAULT_ORGANISATION, Pattern, Route, Settings};
use serde_json::json;

use crate::rig::{LONG, Rig, after, job_id, people, request};

#[tokio::test]
async fn a_create_job_makes_users_and_reports_each() {
    let mut settings = Settings::default();
    let fails = Pattern::exactly("user-1").unwrap();
    settings.jobs.row_failures = vec![RowFailure::new(fails, "the department is not known")];
    let rig = Rig::with(settings).await;
    let job = job_id(rig.create(&people(3)).await);

    let rows = rig.settled(&job, 3).await;
    for row in &rows {
        let name = row.user.username.clone().unwrap();
        let failed = name == "user-1";
        assert_eq!(row.status == RowStatus::Finished, !failed, "{name}");
        assert_eq!(row.message.as_deref(), failed.then_some("the department is not known"), "{name}");
        assert_eq!(row.persisted.username, row.user.username);
    }
    assert!(rig.sim.user("user-0").is_some() && rig.sim.user("user-1").is_none());
    assert!(rig.seen.outcomes().iter().all(|outcome| *outcome == "ok"));
}

#[tokio::test]
async fn the_request_says_what_was_asked() {
    let rig = Rig::new().await;
    let mut asked = request(&people(1));
    asked.creation_source = Some("jumpcloud:workday");
    let permit = rig.client.reserve().await.unwrap();
    job_id(rig.client.bulk_create(permit, &asked, after(LONG)).await);
    asked.suppress_email = false;
    asked.creation_source = None;
    let permit = rig.client.reserve().await.unwrap();
    job_id(rig.client.bulk_create(permit, &asked, after(LONG)).await);

    let seen = rig.sim.requests(Route::BulkCreate);
    assert_eq!(seen[0].path, "/api/v2/bulk/users?suppressEmail=true");
    assert_eq!(seen[0].creation_source.as_deref(), Some("jumpcloud:workday"));
    assert_eq!(seen[0].content_length, Some(asked.body.len() as u64));
    assert!(seen[0].user_agent.as_ref().unwrap().starts_with("jumpcloud-operator/"));
    assert_eq!(seen[0].org_id, None);
    assert_eq!(seen[1].path, "/api/v2/bulk/users");
    assert_eq!(seen[1].creation_source, None);
}

#[tokio::test]
async fn an_update_job_changes_users_by_id() {
    let rig = Rig::new().await;
    let ada = json!({"username": "ada", "email": "ada@example.com", "department": "Sales"});
    let id = rig.sim.add_user(DEFAULT_ORGANISATION, &ada).unwrap();
    let mut asked = request(&[json!({"id": id, "department": "Engines"})]);
    asked.creation_source = Some("jumpcloud:gapps");
    let permit = rig.client.reserve().await.unwrap();
    let job = job_id(rig.client.bulk_update(permit, &asked, after(LONG)).await);
    assert_eq!(rig.settled(&job, 1).await[0].status, RowStatus::Finished);
    assert_eq!(rig.sim.user("ada").unwrap()["department"], "Engines");
    assert_eq!(rig.sim.requests(Route::BulkUpdate)[0].creation_source, None, "an update has no source");
}

#[tokio::test]
async fn any_2xx_with_a_job_id_is_acceptance() {
    for accepted_status in [200, 201, 202] {
        let mut settings = Settings::default();
        settings.api.accepted_status = accepted_status;
        let rig = Rig::with(settings).await;
        job_id(rig.create(&people(1)).await);
    }
}

#[tokio::test]
async fn results_cost_one_request_per_hundred_rows() {
    let rig = Rig::new().await;
    for (users, pages) in [(1, 1), (99, 1), (100, 1), (101, 2), (250, 3), (800, 8)] {
        let rows: Vec<_> = (0..users)
            .map(|n| json!({"username": format!("u{users}-{n}"), "email": format!("u{users}-{n}@x.example")}))
            .collect();
        let job = job_id(rig.create(&rows).await);
        let before = rig.count(Route::BulkResults);
        let found = rig.client.job_results(&job, users).await.unwrap();
        assert_eq!((found.len(), rig.count(Route::BulkResults) - before), (users, pages), "{users} users");
    }
    // Who does not know how many to expect pays for the empty page that says so.
    let job = job_id(rig.create(&people(100)).await);
    let before = rig.count(Route::BulkResults);
    assert_eq!(rig.client.job_results(&job, usize::MAX).await.unwrap().len(), 100);
    assert_eq!(rig.count(Route::BulkResults) - before, 2);
}

#[tokio::test]
async fn repeated_and_foreign_rows_are_each_there_once() {
    let mut settings = Settings::default();
    settings.jobs.repeated_rows = 150;
    settings.jobs.foreign_rows = 2;
    let rig = Rig::with(settings).await;
    let job = job_id(rig.create(&people(250)).await);
    let rows = rig.client.job_results(&job, usize::MAX).await.unwrap();
    let names: BTreeSet<_> = rows.iter().filter_map(|row| row.user.username.as_deref()).collect();
    assert_eq!((rows.len(), names.len()), (252, 252));
    assert!(names.contains("user-249") && names.contains("stranger-1"));
}

#[tokio::test]
async fn rows_that_move_between_pages_are_never_doubled_and_never_asked_for_without_end() {
    let mut settings = Settings::default();
    settings.jobs.shuffle_pages = true;
    let rig = Rig::with(settings).await;
    let job = job_id(rig.create(&people(250)).await);
    for _ in 0..10 {
        let before = rig.count(Route::BulkResults);
        let rows = rig.client.job_results(&job, 250).await.unwrap();
        let ids: BTreeSet<_> = rows.iter().filter_map(|row| row.id.as_deref()).collect();
        assert_eq!(ids.len(), rows.len());
        assert!(rows.len() >= 100, "a page has no doubles");
        assert_eq!(rig.count(Route::BulkResults) - before, 3);
    }
}

#[tokio::test]
async fn every_shape_of_a_row_is_read() {
    for (meta, named) in [
        (MetaShape::SystemUser, true),
        (MetaShape::CamelCase, true),
        (MetaShape::LowerCase, true),
        (MetaShape::Flat, true),
        (MetaShape::Empty, false),
        (MetaShape::Absent, false),
        (MetaShape::Null, false),
    ] {
        for (persisted_fields, kept) in [
            (PersistedShape::Submitted, true),
            (PersistedShape::WithoutPassword, true),
            (PersistedShape::Empty, false),
            (PersistedShape::Absent, false),
        ] {
            let mut settings = Settings::default();
            settings.jobs.meta = meta;
            settings.jobs.persisted_fields = persisted_fields;
            settings.jobs.service_time_ms = 0;
            settings.jobs.finished_word = "FINISHED".to_owned();
            let rig = Rig::with(settings).await;
            let job = job_id(rig.create(&people(1)).await);
            let rows = rig.client.job_results(&job, 1).await.unwrap();
            assert_eq!(rows[0].status, RowStatus::Finished, "{meta:?} {persisted_fields:?}");
            assert_eq!(rows[0].user.username.is_some(), named, "{meta:?}");
            assert_eq!(rows[0].persisted.email.is_some(), kept, "{persisted_fields:?}");
        }
    }
}

#[tokio::test]
async fn a_job_that_is_not_known_is_not_found() {
    let rig = Rig::new().await;
    for job in ["0123456789abcdef01234567", "a/../../systemusers", "%2e%2e"] {
        let error = rig.client.job_results(job, 1).await.unwrap_err();
        assert!(error.is_not_found(), "{job}: {error}");
    }
    let before = rig.sim.ledger().len();
    for job in ["", "..", "a b", "a\\b"] {
        assert_eq!(rig.client.job_results(job, 1).await.unwrap_err().category(), "invalid_id", "{job:?}");
    }
    assert_eq!(rig.sim.ledger().len(), before, "nothing was sent");
    assert_eq!(rig.count(Route::UserList), 0);
}

#[tokio::test]
async fn bad_rows_reject_and_bad_keys_refuse() {
    let rig = Rig::new().await;
    match rig.create(&[json!({"username": 7})]).await {
        Delivery::Rejected { status: 400, message } => assert!(message.contains("username"), "{message}"),
        other => panic!("{other:?}"),
    }
    rig.sim.revoke_key(jumpcloud_sim::DEFAULT_KEY);
    match rig.update(&[json!({"id": "x"})]).await {
        Delivery::Refused(Refusal::Credentials { status: 401, message }) => {
            assert_eq!(message, "the api key belongs to no user");
        }
        other => panic!("{other:?}"),
    }
}
