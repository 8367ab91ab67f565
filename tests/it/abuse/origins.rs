//! Where a key may go, and whose key may be named.

use jumpcloud_sim::{Act, DEFAULT_KEY, FaultRule, Reply, Route, Settings};
use serde_json::json;

use super::listener::Listener;
use crate::harness::declare::apply;
use crate::harness::manifests::{connection, plain_users, secret};
use crate::harness::operator::QUICK;
use crate::harness::plane::{kubectl, plane};
use crate::harness::wait::eventually;
use crate::harness::world::{PATIENCE, World};

/// A connection has no way to say another namespace: the API server refuses the field, drops it where it is not asked
/// to be strict, and the operator asks for the Secret of that name in the connection's own namespace alone.
#[tokio::test(flavor = "multi_thread")]
async fn case_01_a_secret_of_another_namespace_cannot_be_named() {
    let world = World::bare("abuse-secret", Settings::default()).await;
    let theirs = world.beside("abuse-secret-theirs");
    let mut object = connection(&world.namespace, "default", world.sim.url());
    let reference = json!({"name": "jumpcloud", "key": "api-key", "namespace": theirs.namespace});
    object["spec"]["auth"]["apiKey"]["secretKeyRef"] = reference;
    let strict = kubectl(&["apply", "--server-side", "-f", "-"], &object.to_string());
    assert!(!strict.success && strict.text.contains("namespace"), "{}", strict.text);
    let lax = kubectl(&["apply", "--validate=false", "-f", "-"], &object.to_string());
    assert!(lax.success, "{}", lax.text);
    for name in [
        "abuse-secret-theirs/jumpcloud",
        "../../abuse-secret-theirs/secrets/jumpcloud",
        "jumpcloud?a=b",
        "..",
    ] {
        let mut object = connection(&world.namespace, "other", world.sim.url());
        object["spec"]["auth"]["apiKey"]["secretKeyRef"]["name"] = json!(name);
        let refused = kubectl(&["apply", "--server-side", "-f", "-"], &object.to_string());
        assert!(!refused.success, "{name}: {}", refused.text);
    }

    let mark = plane().audit().mark().expect("the audit log");
    let _operator = world.operator(QUICK);
    world.apply_batch("sales", &json!({"users": plain_users("u", 2)}));
    let told = world.connection_reason("default", "SourceNotFound").await;
    assert!(told.contains("Secret jumpcloud not found"), "{told}");
    world.reason("sales", "ConnectionNotReady").await;
    let asked: Vec<_> =
        world.requests(mark).into_iter().filter(|entry| entry.resource == "secrets").collect();
    assert!(!asked.is_empty());
    assert!(
        asked.iter().all(|entry| entry.namespace == world.namespace && entry.verb == "get"),
        "{asked:#?}"
    );
    assert_eq!(world.sim.last_request(), None, "a key was used");
}

/// An address that is not allowed gets no connection at all.
#[tokio::test(flavor = "multi_thread")]
async fn case_02_no_key_goes_to_an_address_that_is_not_allowed() {
    let world = World::bare("abuse-origin", Settings::default()).await;
    apply(&secret(&world.namespace, DEFAULT_KEY).to_string());
    let listener = Listener::start().await;
    let port = listener.port();
    let _operator = world.operator(QUICK);
    let sim = world.sim.url().to_owned();
    for (index, url) in [
        format!("http://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        // The allowed one, as the name of somebody who is to be let in.
        format!("{sim}@127.0.0.1:{port}"),
        format!("http://user:{}@127.0.0.1:{port}", sim.trim_start_matches("http://")),
        format!("{sim}/../../127.0.0.1:{port}"),
        format!("{sim}?to=http://127.0.0.1:{port}"),
        "http://169.254.169.254".to_owned(),
        "https://169.254.169.254".to_owned(),
        "https://[fe80::1]".to_owned(),
        "https://[::ffff:169.254.169.254]".to_owned(),
        "https://2852039166".to_owned(),
        "https://console.jumpcloud.com.example.org".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("c{index}");
        let object = connection(&world.namespace, &name, &url).to_string();
        let applied = kubectl(&["apply", "--server-side", "-f", "-"], &object);
        if applied.success {
            let told = world.connection_reason(&name, "InvalidSpec").await;
            assert!(told.contains("apiURL"), "{url}: {told}");
        } else {
            assert!(applied.text.contains("apiURL"), "{url}: {}", applied.text);
        }
    }
    listener.heard_nothing("an address that is not allowed");
    assert_eq!(world.sim.last_request(), None);
}

/// A redirect of any route is refused, wherever it leads.
#[tokio::test(flavor = "multi_thread")]
async fn case_02_no_key_follows_a_redirect() {
    let world = World::new("abuse-redirect", Settings::default()).await;
    let listener = Listener::start().await;
    let to = |status, route| {
        let location = format!("http://127.0.0.1:{}/api/{status}", listener.port());
        FaultRule::new(Act::Refuses, Reply::Redirect { status, location }).on(route).times(1)
    };
    world.sim.set_faults(vec![
        to(307, Route::OrganizationList),
        to(302, Route::UserSearch),
        to(308, Route::BulkCreate),
        to(301, Route::BulkResults),
    ]);
    let _operator = world.operator(QUICK);
    world.apply_batch("sales", &json!({"users": plain_users("u", 2)}));
    eventually("the batch to come through", PATIENCE, async || world.succeeded("sales").await).await;
    listener.heard_nothing("a redirect");
    assert_eq!(world.sim.users().len(), 2);
}

/// Neither a proxy of the environment nor a certificate of nobody's is trusted: every operator here has HTTP_PROXY
/// and HTTPS_PROXY set to where nobody listens, and this one an allowed address whose certificate is foreign.
#[tokio::test(flavor = "multi_thread")]
async fn case_18_a_foreign_certificate_gets_no_key() {
    let world = World::bare("abuse-tls", Settings::default()).await;
    apply(&secret(&world.namespace, DEFAULT_KEY).to_string());
    let listener = Listener::start().await;
    let url = format!("https://127.0.0.1:{}", listener.port());
    apply(&connection(&world.namespace, "default", &url).to_string());
    let flags = [QUICK, &[("--allowed-api-url", url.as_str())]].concat();
    let _operator = world.operator(&flags);
    world.apply_batch("sales", &json!({"users": plain_users("u", 1)}));
    world.connection_reason("default", "Retrying").await;
    world.reason("sales", "ConnectionNotReady").await;
    let heard = listener.heard();
    assert!(!heard.is_empty(), "nobody came");
    for said in heard {
        // A ClientHello: the beginning of a handshake, which this listener cannot answer.
        assert_eq!(said.first(), Some(&0x16), "not TLS");
        assert!(!String::from_utf8_lossy(&said).contains(DEFAULT_KEY));
    }
}
