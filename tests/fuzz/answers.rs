//! What JumpCloud, or whoever sits in its place, may answer.

use jumpcloud_operator::jumpcloud::delivery::Delivery;
use jumpcloud_operator::jumpcloud::error::Error;
use jumpcloud_operator::jumpcloud::schedules::{EventQuery, ScheduleRequest, StateChange};
use jumpcloud_operator::jumpcloud::users::{UserKey, UserSearch};
use jumpcloud_operator::jumpcloud::wire::{RowStatus, WorkResult};
use jumpcloud_operator::runtime::clock;
use jumpcloud_operator::users::clean;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseResult;
use serde_json::{Value, json};

use crate::documents::{KEY, mutated, mutations, text, value};
use crate::rig::{PATIENCE, Rig, answer, create};
use crate::{check, unfit};

/// Most characters of an explanation that the client keeps.
const MAX_EXPLANATION: usize = 512;

/// Sound answers of every route that is read.
fn sound() -> Vec<Value> {
    let user = json!({"_id": "5f1b", "id": "5f1b", "username": "ada", "email": "ada@example.com", "state": "STAGED",
        "created": "2026-01-02T03:04:05.678Z", "attributes": [{"name": "a", "value": "b"}], "manager": null});
    let event = json!({"scheduledJobId": "j1", "systemUserId": "5f1b", "state": "SUSPENDED",
        "scheduledDate": "2027-01-04T08:00:00.000Z"});
    let row = json!({"id": "w1", "status": "failed", "statusMsg": "user already exists",
        "createdAt": "2026-01-02T03:04:05Z",
        "meta": {"systemUser": {"username": "ada", "email": "ada@example.com", "id": "5f1b"}},
        "persistedFields": {"systemUser": {"username": "ada", "password": "x"}}});
    vec![
        json!([row.clone(), {"id": "w2", "status": "pending"}, row]),
        json!({"totalCount": 1, "results": [user]}),
        user,
        json!([event.clone(), event]),
        json!({"events_count": 2, "results": [event]}),
        json!({"totalCount": 1, "results": [{"_id": "o1", "displayName": "Example",
            "settings": {"newSystemUserStateDefaults": {"csvImport": "STAGED"}}}]}),
        json!({"jobId": "j1"}),
        json!({"access_token": "canary-token", "expires_in": 3600, "token_type": "bearer"}),
        json!({"code": 3, "message": "bad", "status": "INVALID_ARGUMENT", "details": [{"fieldViolationsList":
            [{"field": "users[0].email", "description": "ada@example.com is taken"}]}]}),
        json!({"error": {"message": "bad", "details": []}}),
    ]
}

/// Bodies: bytes, values, and sound documents that were mutated.
fn body() -> BoxedStrategy<Vec<u8>> {
    let bytes = |value: Value| serde_json::to_vec(&value).unwrap();
    prop_oneof![
        2 => vec(any::<u8>(), 0..200),
        1 => text().prop_map(String::into_bytes),
        2 => value().prop_map(bytes),
        8 => (select(sound()), mutations(6)).prop_map(move |(sound, changes)| bytes(mutated(sound, &changes))),
        // Cut off, or with a byte that is none of UTF-8.
        2 => (select(sound()), any::<prop::sample::Index>(), any::<bool>()).prop_map(move |(sound, at, cut)| {
            let mut body = bytes(sound);
            let at = at.index(body.len());
            if cut { body.truncate(at) } else { body[at] = 0xff }
            body
        }),
    ]
    .boxed()
}

/// An error says nothing that an answer said, but in its explanation, which is cleaned.
fn error_is_fit(error: &Error) -> TestCaseResult {
    let shown = format!("{error} {error:?}");
    prop_assert_eq!(unfit(&shown, 2000), None);
    prop_assert!(!shown.contains('@') && !shown.contains("canary"), "{}", shown);
    if let Some(message) = error.message() {
        explanation_is_fit(message)?;
        prop_assert_eq!(unfit(&clean::message(message, None), clean::MAX_MESSAGE), None);
    }
    Ok(())
}

fn explanation_is_fit(message: &str) -> TestCaseResult {
    prop_assert_eq!(unfit(message, MAX_EXPLANATION), None);
    prop_assert!(!message.contains(KEY) && !message.contains("<script"), "{}", message);
    Ok(())
}

fn row_is_fit(row: &WorkResult) -> TestCaseResult {
    if let Some(message) = &row.message {
        explanation_is_fit(message)?;
    }
    if let RowStatus::Other(word) = &row.status {
        prop_assert_eq!(unfit(word, 64), None);
    }
    Ok(())
}

fn fit<T>(answer: Result<T, Error>, is_fit: impl Fn(&T) -> TestCaseResult) -> TestCaseResult {
    match answer {
        Ok(said) => is_fit(&said),
        Err(error) => error_is_fit(&error),
    }
}

/// Statuses after which a read is not made again, which would only take time.
const FINAL: [u16; 12] = [200, 200, 200, 200, 200, 201, 302, 400, 401, 403, 404, 422];

/// Any status.
const ANY: [u16; 20] =
    [100, 199, 200, 201, 204, 299, 301, 400, 401, 403, 404, 409, 413, 422, 500, 502, 503, 504, 599, 999];

#[test]
fn reads_take_any_answer() {
    let rig = Rig::new();
    let client = &rig.client;
    check(file!(), 200, &(0..7_usize, select(FINAL.as_slice()), body()), |(route, status, body)| {
        let said = answer(status, &[("content-type", b"application/json")], &body);
        match route {
            0 => fit(rig.ask(said, client.job_results("j1", 3)), |rows| rows.iter().try_for_each(row_is_fit)),
            1 => {
                let query = UserSearch::new(vec![UserKey::Username("ada".to_owned())]);
                fit(rig.ask(said, client.search_users(&query)), |users| {
                    let shown = format!("{users:?}");
                    prop_assert!(!shown.contains("example.com"), "{}", shown);
                    Ok(())
                })
            }
            2 => fit(rig.ask(said, client.get_user("5f1b")), |_| Ok(())),
            3 => fit(rig.ask(said, client.list_schedules(&EventQuery::default(), 5)), |_| Ok(())),
            4 => fit(rig.ask(said, client.next_events(&["5f1b".to_owned()])), |_| Ok(())),
            5 => fit(rig.ask(said, client.organizations()), |_| Ok(())),
            _ => fit(rig.ask(said, client.update_user("5f1b", &serde_json::Map::new())), |_| Ok(())),
        }
    });
}

/// Only an answer that says what came of it counts as acceptance, and nothing but 4xx as a refusal.
fn delivery_is_true<T>(status: u16, delivery: &Delivery<T>) -> TestCaseResult {
    let category = delivery.category();
    match status {
        200..=299 => prop_assert!(matches!(category, "accepted" | "unknown"), "{} {}", status, category),
        400..=499 => prop_assert!(category != "accepted", "{} {}", status, category),
        _ => prop_assert!(!matches!(category, "accepted" | "rejected"), "{} {}", status, category),
    }
    if let Delivery::Rejected { message, .. } = delivery {
        explanation_is_fit(message)?;
    }
    Ok(())
}

/// `Retry-After` as servers send it: seconds, dates, nonsense.
fn retry_after() -> BoxedStrategy<Vec<u8>> {
    let sound = vec![
        "0",
        "7",
        "18446744073709551615",
        "-1",
        "1e9",
        "Tue, 24 Nov 2026 10:01:30 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Tuesday, 24-Nov-26 10:01:30 GMT",
        "soon",
    ];
    prop_oneof![
        2 => select(sound).prop_map(|text| text.as_bytes().to_vec()),
        1 => any::<u64>().prop_map(|seconds| seconds.to_string().into_bytes()),
        1 => vec(any::<u8>().prop_filter("a header line", |b| *b == b'\t' || (*b >= 32 && *b != 127)), 0..40),
    ]
    .boxed()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the client is tested without a cluster, so without intents")]
fn requests_that_must_not_be_repeated_take_any_answer() {
    let rig = Rig::new();
    let case = (any::<bool>(), select(ANY.as_slice()), retry_after(), body());
    check(file!(), 120, &case, |(bulk, status, wish, body)| {
        let said = answer(status, &[("retry-after", &wish)], &body);
        if bulk {
            return delivery_is_true(status, &rig.ask(said, create(&rig.client)));
        }
        let request = ScheduleRequest {
            users: vec!["5f1b".to_owned()],
            change: StateChange::Suspend,
            date: "2027-01-04T08:00:00Z".parse().unwrap(),
        };
        let delivery = rig.ask(said, async {
            let permit = rig.client.reserve().await.unwrap();
            rig.client.schedule_states(permit, &request, clock::monotonic() + PATIENCE).await
        });
        delivery_is_true(status, &delivery)
    });
}

#[test]
fn a_refusal_for_a_while_ends_whatever_the_server_asks_for() {
    let rig = Rig::new();
    check(file!(), 12, &(retry_after(), body()), |(wish, body)| {
        let client = rig.fresh();
        let delivery = rig.ask(answer(429, &[("retry-after", &wish)], &body), create(&client));
        prop_assert_eq!(delivery.category(), "refused");
        let pause = client.throttle().blocked_for();
        prop_assert!(pause <= std::time::Duration::from_secs(24 * 3600), "{:?}", pause);
        Ok(())
    });
}

#[test]
fn what_is_no_http_leaves_the_outcome_unknown() {
    let rig = Rig::new();
    let line = prop_oneof![
        vec(any::<u8>(), 0..300),
        vec(any::<u8>(), 0..100).prop_map(|rest| [b"HTTP/1.1 200 OK\r\n", rest.as_slice()].concat()),
        body()
            .prop_map(|body| [b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n", body.as_slice()].concat()),
        body().prop_map(|body| {
            [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", body.as_slice()].concat()
        }),
        body().prop_map(|body| {
            [b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n", body.as_slice()]
                .concat()
        }),
    ];
    check(file!(), 60, &line, |bytes| {
        let delivery = rig.ask(bytes, create(&rig.client));
        prop_assert_eq!(delivery.category(), "unknown");
        Ok(())
    });
}

#[test]
fn tokens_come_from_sound_answers_alone() {
    let rig = Rig::new();
    check(
        file!(),
        24,
        &(select([200_u16, 200, 200, 302, 400, 401, 404].as_slice()), body()),
        |(status, body)| {
            let client = rig.service_account();
            let said = answer(status, &[], &body);
            let answer = rig.ask(said, client.authenticate(std::time::Duration::ZERO));
            let token = serde_json::from_slice::<Value>(&body).ok();
            let token = token.as_ref().and_then(|body| body.get("access_token")?.as_str().map(str::to_owned));
            if let Some(token) = token.filter(|token| token.len() > 3) {
                let shown = format!("{answer:?} {client:?}");
                prop_assert!(!shown.contains(&token), "{}", shown);
            } else {
                prop_assert!(answer.is_err());
            }
            fit(answer, |()| Ok(()))
        },
    );
}
