use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{self, store::Writer};
use kube::runtime::watcher::Event;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::controller::connections::Due;
use crate::controller::credentials::{Outbound, Versions};
use crate::jumpcloud::auth::Credential;
use crate::jumpcloud::observe::NoObserver;
use crate::plan::connection::Finding;

const NAME: (&str, &str) = ("ns", "default");

/// Connections over an API server that holds one Secret, or none.
struct World {
    connections: Connections,
    writer: Writer<DeserializeGuard<JumpCloudConnection>>,
    /// Version and key, unless there is no Secret.
    secret: Arc<Mutex<Option<(u32, &'static str)>>>,
    generation: i64,
}

impl World {
    /// A connection that was checked with the first version of its Secret.
    fn checked() -> Self {
        let secret = Arc::new(Mutex::new(Some((1, "first"))));
        let served = Arc::clone(&secret);
        let answer = move || {
            let held = *served.lock().unwrap();
            std::future::ready(held.map_or_else(missing, found))
        };
        let client = kube::Client::new(Router::new().fallback(answer), "ns");
        let outbound = Outbound {
            allowed_origins: Vec::new(),
            extra_roots: Vec::new(),
            proxy: None,
            observer: Arc::new(NoObserver),
        };
        let (store, writer) = reflector::store();
        let connections = Connections::new(client, outbound, vec![store], mpsc::channel(1).0);
        let mut world = Self { connections, writer, secret, generation: 0 };
        world.edit(&json!({}));
        world.check();
        world
    }

    /// The watch shows the connection with this spec.
    fn edit(&mut self, spec: &Value) {
        self.generation += 1;
        let connection = self.connection(spec);
        self.writer.apply_watcher_event(&Event::Apply(DeserializeGuard(Ok(connection))));
    }

    fn connection(&self, spec: &Value) -> JumpCloudConnection {
        let mut whole =
            json!({"auth": {"apiKey": {"secretKeyRef": {"name": "jumpcloud", "key": "api-key"}}}});
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let metadata = json!({"namespace": NAME.0, "name": NAME.1, "generation": self.generation});
        serde_json::from_value(json!({
            "apiVersion": "jumpcloud-operator.dev/v1alpha1", "kind": "JumpCloudConnection",
            "metadata": metadata, "spec": whole,
        }))
        .unwrap()
    }

    fn stored(&self) -> Arc<JumpCloudConnection> {
        self.connections.stored(NAME.0, NAME.1).unwrap()
    }

    /// JumpCloud takes what the Secret holds.
    fn check(&self) {
        let (version, key) = self.secret.lock().unwrap().unwrap();
        let connection = self.stored();
        let endpoint = self.connections.outbound().endpoint(&connection.spec).unwrap();
        let credential = Credential::ApiKey(SecretString::from(key));
        let client = self.connections.client(&connection, endpoint, credential).unwrap();
        let versions = Versions::default().with("jumpcloud", Some(format!("uid/{version}")));
        self.connections.usable(&connection, client, key.to_owned(), versions);
    }

    /// A check fails.
    fn fails(&self, finding: &Finding) {
        self.connections.unusable(&self.stored(), finding, "not ready".to_owned(), Versions::default());
    }

    fn set_secret(&self, secret: Option<(u32, &'static str)>) {
        *self.secret.lock().unwrap() = secret;
    }

    /// The watch shows that the connection has gone.
    fn delete(&mut self) {
        let connection = self.connection(&json!({}));
        self.writer.apply_watcher_event(&Event::Delete(DeserializeGuard(Ok(connection))));
    }

    /// What a pass that cleans up gets: the organisation, which is named like the key here, and whether it
    /// is paused.
    async fn cleanup(&self) -> Result<(String, bool), ConnectionFact> {
        match self.connections.resolve_for_cleanup(NAME.0, NAME.1).await.unwrap() {
            (ConnectionFact::Ready(fact), Some(_)) => Ok((fact.organization, fact.paused)),
            (fact, access) => {
                assert!(access.is_none(), "no client without a connection that is Ready");
                Err(fact)
            }
        }
    }

    async fn ordinary(&self) -> ConnectionFact {
        let (fact, access) = self.connections.resolve(NAME.0, NAME.1).await.unwrap();
        assert_eq!(access.is_some(), matches!(fact, ConnectionFact::Ready(_)));
        fact
    }
}

fn missing() -> (StatusCode, String) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                        "message": "not found", "reason": "NotFound", "code": 404});
    (StatusCode::NOT_FOUND, status.to_string())
}

fn found((version, key): (u32, &str)) -> (StatusCode, String) {
    let key = k8s_openapi::ByteString(key.as_bytes().to_vec());
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "data": {"api-key": key},
        "metadata": {"name": "jumpcloud", "uid": "uid", "resourceVersion": version.to_string()}});
    (StatusCode::OK, secret.to_string())
}

fn first() -> Result<(String, bool), ConnectionFact> {
    Ok(("first".to_owned(), false))
}

async fn pass_seconds(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

fn secret_missing() -> Finding {
    Finding::SecretMissing("jumpcloud".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_went_serves_cleaning_up_for_ten_minutes() {
    let mut world = World::checked();
    assert_eq!(world.cleanup().await, first());
    pass_seconds(3600).await;
    world.delete();
    world.set_secret(None);
    world.connections.keep_stored();
    assert_eq!(world.ordinary().await, ConnectionFact::Missing, "ordinary passes get nothing of it");
    for _ in 0..2 {
        assert_eq!(world.cleanup().await, first());
        pass_seconds(299).await;
        world.connections.keep_stored();
    }
    assert_eq!(world.cleanup().await, first());
    pass_seconds(2).await;
    assert_eq!(world.cleanup().await, Err(ConnectionFact::Missing));
}

#[tokio::test(start_paused = true)]
async fn what_is_over_leaves_memory_with_its_throttle() {
    let mut world = World::checked();
    world.delete();
    world.connections.keep_stored();
    pass_seconds(599).await;
    world.connections.keep_stored();
    assert!(world.connections.departed.knows("ns/default"));
    assert_eq!(world.connections.throttles.all().len(), 1, "its limits hold while it may be used");
    pass_seconds(1).await;
    world.connections.keep_stored();
    assert!(!world.connections.departed.knows("ns/default"));
    assert!(world.connections.throttles.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_went_serves_cleaning_up_whoever_noticed_it() {
    // The pass that cleans up, another pass, the connection controller.
    for by in 0..3 {
        let world = World::checked();
        pass_seconds(60).await;
        world.set_secret(None);
        match by {
            0 => {}
            1 => assert_eq!(world.ordinary().await, ConnectionFact::Checking),
            _ => world.fails(&secret_missing()),
        }
        assert_eq!(world.cleanup().await, first(), "{by}");
        world.fails(&secret_missing());
        pass_seconds(599).await;
        world.connections.keep_stored();
        assert_eq!(world.cleanup().await, first(), "{by}");
        assert!(matches!(world.ordinary().await, ConnectionFact::NotReady(_)));
        pass_seconds(1).await;
        assert!(matches!(world.cleanup().await, Err(ConnectionFact::NotReady(_))), "{by}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_connection_may_go_after_its_secret() {
    let mut world = World::checked();
    world.fails(&secret_missing());
    pass_seconds(300).await;
    world.delete();
    world.connections.keep_stored();
    assert_eq!(world.cleanup().await, first());
    pass_seconds(300).await;
    assert_eq!(world.cleanup().await, Err(ConnectionFact::Missing), "it counts from the first loss");
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_not_kept() {
    let refused = Finding::CredentialRefused("401".to_owned());
    let mut world = World::checked();
    world.fails(&refused);
    world.set_secret(None);
    assert!(matches!(world.cleanup().await, Err(ConnectionFact::NotReady(_))));
    world.delete();
    assert_eq!(world.cleanup().await, Err(ConnectionFact::Missing));

    let mut world = World::checked();
    world.delete();
    assert_eq!(world.cleanup().await, first());
    world.connections.refused_in_cleanup(NAME.0, NAME.1);
    assert_eq!(world.cleanup().await, Err(ConnectionFact::Missing), "nor one refused while cleaning up");

    let mut world = World::checked();
    world.fails(&Finding::Unreachable("no route".to_owned()));
    assert!(matches!(world.cleanup().await, Err(ConnectionFact::NotReady(_))), "the Secret is there");
    world.delete();
    assert_eq!(world.cleanup().await, first(), "no answer is no refusal");
}

#[tokio::test(start_paused = true)]
async fn a_paused_connection_stays_paused() {
    let mut world = World::checked();
    world.fails(&secret_missing());
    world.edit(&json!({"paused": true, "limits": {"maxBatchSize": 7, "maxConcurrentJobs": 2}}));
    world.set_secret(None);
    world.connections.seen(&world.stored());
    world.delete();
    world.connections.keep_stored();
    let (fact, access) = world.connections.resolve_for_cleanup(NAME.0, NAME.1).await.unwrap();
    let ConnectionFact::Ready(fact) = fact else { panic!("{fact:?}") };
    assert_eq!((fact.paused, fact.max_batch_size), (true, 7));
    let shared = access.unwrap().shared;
    assert_eq!((shared.most, shared.connections.len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_new_credential_counts_after_its_check_and_replaces_the_old_one() {
    let mut world = World::checked();
    pass_seconds(60).await;
    world.set_secret(Some((2, "second")));
    assert_eq!(world.cleanup().await, Err(ConnectionFact::Checking), "another one is there");
    world.check();
    let second = Ok(("second".to_owned(), false));
    assert_eq!(world.cleanup().await, second);
    world.set_secret(None);
    pass_seconds(60).await;
    assert_eq!(world.cleanup().await, second);
    world.delete();
    assert_eq!(world.cleanup().await, second);
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_begins_anew() {
    let mut world = World::checked();
    world.delete();
    assert_eq!(world.cleanup().await, first());
    pass_seconds(500).await;
    // It was gone for a moment only, and needs no check.
    world.generation -= 1;
    world.edit(&json!({}));
    assert_eq!(world.connections.due(&world.stored(), Duration::ZERO), Due::Nothing);
    world.connections.keep_stored();
    world.delete();
    world.connections.keep_stored();
    pass_seconds(500).await;
    assert_eq!(world.cleanup().await, first());
}

#[tokio::test(start_paused = true)]
async fn a_credential_is_not_sent_to_another_place() {
    let mut world = World::checked();
    world.edit(&json!({"region": "EU"}));
    world.set_secret(None);
    assert_eq!(world.cleanup().await, Err(ConnectionFact::Checking));
    world.delete();
    assert_eq!(world.cleanup().await, Err(ConnectionFact::Missing));
}
