//! Each kind of fault on a real socket.

use std::collections::BTreeMap;
use std::time::Duration;

use jumpcloud_sim::clock::instant;
use jumpcloud_sim::settings::RetryAfter;
use jumpcloud_sim::{Act, FaultRule, Pattern, Reply, Route, What};
use reqwest::Method;
use serde_json::json;

use super::support::{Api, BULK, USERS, row, rows, until};

async fn with(rule: FaultRule) -> Api {
    let api = Api::default().await;
    api.sim.set_faults(vec![rule]);
    api
}

/// Posts a row under a rule that loses the reply, and says whether a job came to be.
async fn lost(rule: FaultRule) -> bool {
    let api = with(rule.on(Route::BulkCreate).times(1)).await;
    let result = api.request(Method::POST, BULK).json(&rows(1)).send().await;
    let error = result.expect_err("the reply is lost");
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    let request = api.sim.requests(Route::BulkCreate).remove(0);
    assert!(request.reply_dropped && request.status.is_none() && request.fault.is_some());
    assert_eq!(api.post(BULK, &rows(1)).await.status, 200, "the rule is used up");
    request.accepted_job().is_some()
}

#[tokio::test]
async fn connections_are_closed_or_reset_before_or_after_acting() {
    assert!(!lost(FaultRule::refuse()).await);
    assert!(!lost(FaultRule::new(Act::Refuses, Reply::Dropped)).await);
    assert!(!lost(FaultRule::new(Act::Refuses, Reply::AsIs)).await);
    assert!(lost(FaultRule::drop_reply()).await);
    assert!(lost(FaultRule::reset_reply()).await);
}

#[tokio::test]
async fn a_reset_is_seen_as_one() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for (reply, is_reset) in [(Reply::Reset, true), (Reply::Dropped, false)] {
        let api = with(FaultRule::new(Act::Refuses, reply)).await;
        let mut stream = tokio::net::TcpStream::connect(api.sim.address()).await.unwrap();
        stream.write_all(b"GET /api/systemusers HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let read = stream.read(&mut [0; 16]).await;
        match read {
            Ok(bytes) => assert!(!is_reset && bytes == 0),
            Err(error) => assert!(is_reset && error.kind() == std::io::ErrorKind::ConnectionReset, "{error}"),
        }
    }
}

#[tokio::test]
async fn a_host_that_is_down_answers_nothing() {
    let api = Api::default().await;
    assert_eq!(api.get(USERS).await.status, 200);
    api.sim.update_settings(|settings| settings.api.down = true);
    assert!(api.request(Method::GET, USERS).send().await.is_err(), "also on an open connection");
    assert!(api.request(Method::GET, USERS).send().await.is_err());
    api.sim.update_settings(|settings| settings.api.down = false);
    assert_eq!(api.get(USERS).await.status, 200);
}

/// The request that a rule names is answered; the one after it finds nobody, on an open connection or a new one.
#[tokio::test]
async fn connections_are_refused_for_a_while() {
    let time = Duration::from_millis(400);
    let api = with(FaultRule::then_refuse(time).on(Route::UserSearch).times(1)).await;
    let search = "/api/search/systemusers";
    for by_rule in [true, false] {
        assert_eq!(api.get(USERS).await.status, 200);
        if by_rule {
            assert_eq!(api.post(search, &json!({})).await.status, 200);
        } else {
            api.sim.refuse_connections(time);
        }
        let start = instant();
        until(|| std::net::TcpStream::connect(api.sim.address()).is_err()).await;
        // An open connection may be closed a moment later than nobody listens: a request that comes between is told
        // so by a reset, and not carried out.
        let before = api.sim.requests(Route::UserList).len();
        let error = api.request(Method::GET, USERS).send().await.expect_err("nobody listens");
        assert!(error.is_connect() || error.is_request(), "{error:?}");
        assert_eq!(api.sim.requests(Route::UserList).len(), before);
        until(|| std::net::TcpStream::connect(api.sim.address()).is_ok()).await;
        assert!(start.elapsed() + Duration::from_millis(100) >= time, "{:?}", start.elapsed());
        assert_eq!(api.get(USERS).await.status, 200);
    }
}

#[tokio::test]
async fn a_status_comes_with_or_without_acting() {
    for (rule, acted) in [(FaultRule::status(503), false), (FaultRule::status(503).acting(), true)] {
        let api = with(rule.on(Route::BulkCreate)).await;
        let got = api.post(BULK, &rows(1)).await;
        assert_eq!((got.status, &got.json()["code"]), (503, &json!(503)));
        let request = api.sim.requests(Route::BulkCreate).remove(0);
        assert_eq!((request.acted, request.accepted_job().is_some()), (acted, acted));
        assert_eq!(request.own_status, acted.then_some(200));
        assert_eq!(api.sim.jobs().len(), usize::from(acted));
    }
}

#[tokio::test]
async fn a_status_has_headers_and_a_body() {
    for (value, is_date) in [(RetryAfter::Seconds(30), false), (RetryAfter::DateIn(30), true)] {
        let api = with(FaultRule::status(429).retry_after(value)).await;
        let response = api.request(Method::GET, USERS).send().await.unwrap();
        let value = response.headers()["retry-after"].to_str().unwrap();
        assert!(if is_date { value.ends_with(" GMT") } else { value == "30" }, "{value}");
    }
    let api = with(FaultRule::status(429).header("retry-after", "soon")).await;
    assert_eq!(api.request(Method::GET, USERS).send().await.unwrap().headers()["retry-after"], "soon");
    let headers = BTreeMap::from([("x-trace".to_owned(), "7".to_owned())]);
    let reply =
        Reply::Status { status: 500, headers, retry_after: None, body: Some(json!("\u{1b}[31mboom")) };
    let api = with(FaultRule::new(Act::Refuses, reply)).await;
    let response = api.request(Method::GET, USERS).send().await.unwrap();
    assert_eq!(response.headers()["x-trace"], "7");
    assert_eq!(response.text().await.unwrap(), "\u{1b}[31mboom");
}

#[tokio::test]
async fn bodies_are_spoiled() {
    let acting = |reply| FaultRule::new(Act::Acts, reply).on(Route::BulkCreate);

    let api = with(acting(Reply::Truncated { bytes: 5 })).await;
    let response = api.request(Method::POST, BULK).json(&rows(1)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.text().await.is_err(), "the connection is closed within the body");
    assert_eq!(api.sim.jobs().len(), 1);

    let api = with(acting(Reply::Html)).await;
    let got = api.post(BULK, &rows(1)).await;
    assert!(got.status == 200 && got.content_type.starts_with("text/html") && got.text.contains("<html>"));

    let api = with(acting(Reply::ContentType { value: "application/xml".to_owned() })).await;
    let got = api.post(BULK, &rows(1)).await;
    assert!(got.content_type == "application/xml" && got.json()["jobId"].is_string());

    let api = with(acting(Reply::Body { text: "{\"jobId\": ".to_owned() })).await;
    assert_eq!(api.post(BULK, &rows(1)).await.text, "{\"jobId\": ");

    let api = with(acting(Reply::Large { bytes: 3_000_000 })).await;
    let got = api.post(BULK, &rows(1)).await;
    assert_eq!(got.json().as_str().unwrap().len(), 2_999_998);

    let api = with(acting(Reply::Redirect { status: 307, location: "http://127.0.0.1:1/".to_owned() })).await;
    let response = api.request(Method::POST, BULK).json(&rows(1)).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (307, &"http://127.0.0.1:1/".parse().unwrap())
    );
}

#[tokio::test]
async fn a_drip_is_whole_but_slow() {
    let api = with(FaultRule::new(Act::Acts, Reply::Drip { bytes: 8, every_ms: 20 })).await;
    let start = instant();
    let got = api.get(USERS).await;
    assert_eq!(got.json()["totalCount"], 0);
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn delays_lie_before_or_after_acting() {
    let wait = Duration::from_millis(150);
    let api = with(FaultRule::new(Act::Acts, Reply::AsIs).after(wait).on(Route::BulkCreate)).await;
    let start = instant();
    assert_eq!(api.post(BULK, &rows(1)).await.status, 200);
    assert!(start.elapsed() >= wait);
}

#[tokio::test]
async fn a_client_that_leaves_does_not_undo_its_request() {
    let wait = Duration::from_millis(600);
    for rule in [
        FaultRule::new(Act::Acts, Reply::AsIs).before(wait),
        FaultRule::new(Act::Acts, Reply::AsIs).after(wait),
    ] {
        let api = with(rule).await;
        let request = api.request(Method::POST, BULK).json(&rows(1)).timeout(Duration::from_millis(30));
        assert!(request.send().await.expect_err("it is given up").is_timeout());
        let left =
            || api.sim.ledger().iter().any(|entry| matches!(entry.what, What::ClientLeft { request: 1 }));
        until(|| api.sim.jobs().len() == 1 && left()).await;
    }
}

#[tokio::test]
async fn rules_choose_by_path_body_and_count() {
    let rules = vec![
        FaultRule::status(500).on(Route::BulkCreate).body(Pattern::new("\"bob\"").unwrap()),
        FaultRule::status(502).path(Pattern::new("skip=1").unwrap()).skip(1).times(1),
    ];
    let api = Api::default().await;
    api.sim.set_faults(rules);
    assert_eq!(api.post(BULK, &json!([row("ada")])).await.status, 200);
    assert_eq!(api.post(BULK, &json!([row("bob")])).await.status, 500);
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(api.get(&format!("{USERS}?skip=1")).await.status);
    }
    assert_eq!(codes, [200, 502, 200]);
    api.sim.set_faults(Vec::new());
    assert_eq!(api.post(BULK, &json!([row("bob")])).await.status, 200);
}

#[tokio::test]
async fn chance_repeats_with_the_seed() {
    let codes = async |seed: u64| {
        let api = Api::with(json!({"seed": seed})).await;
        api.sim.set_faults(vec![FaultRule::status(500).by_chance(0.5, 3)]);
        let mut codes = Vec::new();
        for _ in 0..40 {
            codes.push(api.get(USERS).await.status);
        }
        codes
    };
    let one = codes(11).await;
    assert_eq!(one, codes(11).await);
    assert_ne!(one, codes(12).await);
    assert!(one.contains(&500) && one.contains(&200));
}
