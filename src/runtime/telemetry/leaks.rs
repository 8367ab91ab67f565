//! Real clients of ours talk over a socket while everything they can log is asked for: none of what
//! they carry may come out.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, Client, Config};
use tokio::net::TcpListener;
use tracing::debug;

use super::LogFormat;
use super::capture::Capture;

/// Every dependency that handles requests, opened as far as a filter can.
const EVERYTHING: &str = "trace,kube_client=trace,kube_runtime=trace,kube_core=trace,hyper=trace,\
    hyper_util=trace,hyper_rustls=trace,reqwest=trace,h2=trace,rustls=trace,tower=trace,tower_http=trace,\
    tokio_util=trace,mio=trace,want=trace,log=trace";

/// A server whose every answer holds a canary: one that does not parse, one refusal, one error page.
async fn server() -> String {
    let refused = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid",
        "message":"Invalid value: \"canary-refused\"","code":422}"#;
    let app = Router::new()
        .route("/api/v1/namespaces/n/secrets/unreadable", get(|| async { r#"{"data":"canary-body"}"# }))
        .route(
            "/api/v1/namespaces/n/secrets",
            axum::routing::post(move || async move { (StatusCode::UNPROCESSABLE_ENTITY, refused) }),
        )
        .route("/api/bulk/users", axum::routing::post(|| async { "canary-answer" }))
        .fallback(|| async { (StatusCode::BAD_GATEWAY, "<p>canary-page</p>") });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    base
}

async fn as_kubernetes_client(base: &str) {
    let mut config = Config::new(base.parse().unwrap());
    config.default_retry = false;
    config.read_timeout = Some(Duration::from_secs(10));
    config.auth_info.token = Some("canary-token".to_owned().into());
    let api: Api<Secret> = Api::namespaced(Client::try_from(config).unwrap(), "n");
    api.get("unreadable").await.expect_err("not a Secret");
    api.get("page").await.expect_err("an error page");
    let content = [("key".to_owned(), "canary-sent".to_owned())].into();
    let sent = Secret { string_data: Some(content), ..Secret::default() };
    api.create(&PostParams::default(), &sent).await.expect_err("refused");
}

async fn as_jumpcloud_client(base: &str) {
    let client = reqwest::Client::builder().no_proxy().connection_verbose(true).build().unwrap();
    let answer = client
        .post(format!("{base}/api/bulk/users"))
        .header("x-api-key", "canary-key")
        .header("authorization", "Bearer canary-bearer")
        .json(&serde_json::json!([{ "email": "canary@example.com" }]))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.text().await.unwrap(), "canary-answer");
}

#[tokio::test]
async fn no_filter_makes_our_clients_print_what_they_carry() {
    let log = Capture::start(EVERYTHING, LogFormat::Json);
    let base = server().await;
    as_kubernetes_client(&base).await;
    as_jumpcloud_client(&base).await;
    debug!(target: "jumpcloud_operator", "the end");
    let text = log.text();
    assert!(text.contains("hyper_util") && text.contains("the end"), "the capture saw nothing:\n{text}");
    assert!(!text.contains("canary"), "{text}");
}
