use std::sync::Arc;
use std::time::Duration;

use kube::runtime::reflector;
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::mpsc::{self, Receiver};

use super::*;
use crate::api::connection::JumpCloudConnection;
use crate::controller::connections::Due;
use crate::controller::credentials::Outbound;
use crate::jumpcloud::auth::Credential;
use crate::jumpcloud::observe::NoObserver;
use crate::plan::connection::Finding;

const RECHECK: Duration = Duration::from_secs(600);

/// One connection of namespace `people`, with a client id and a client secret in two Secrets.
struct World {
    connections: Connections,
    woken: Receiver<()>,
    connection: JumpCloudConnection,
}

impl World {
    fn new() -> Self {
        let outbound = Outbound {
            allowed_origins: Vec::new(),
            extra_roots: Vec::new(),
            proxy: None,
            observer: Arc::new(NoObserver),
        };
        let client =
            kube::Client::try_from(kube::Config::new("http://127.0.0.1:9".parse().unwrap())).unwrap();
        let (wake, woken) = mpsc::channel(1);
        let connections = Connections::new(client, outbound, vec![reflector::store().0], wake);
        let connection = serde_json::from_value(json!({
            "metadata": {"namespace": "people", "name": "default", "generation": 1},
            "spec": {"auth": {"serviceAccount": {
                "clientIDSecretKeyRef": {"name": "id", "key": "a"},
                "clientSecretSecretKeyRef": {"name": "secret", "key": "b"}}}},
        }))
        .unwrap();
        Self { connections, woken, connection }
    }

    /// A check succeeds with these Secrets.
    fn works(&self, versions: &Versions) {
        let endpoint = self.connections.outbound().endpoint(&self.connection.spec).unwrap();
        let credential = Credential::ApiKey(SecretString::from("key"));
        let client = self.connections.client(&self.connection, endpoint, credential).unwrap();
        self.connections.usable(&self.connection, client, "o".to_owned(), versions.clone());
    }

    /// A check fails with these Secrets.
    fn fails(&self, finding: &Finding, versions: &Versions) {
        self.connections.unusable(&self.connection, finding, "no".to_owned(), versions.clone());
    }

    fn tells(&self, secret: &str, version: Option<&str>) {
        self.connections.notice("people", secret, version.map(str::to_owned));
    }

    /// Whether the connection controller was woken since this was asked last.
    fn was_woken(&mut self) -> bool {
        self.woken.try_recv().is_ok()
    }

    fn due(&self) -> Due {
        self.connections.due(&self.connection, RECHECK)
    }
}

fn read(id: Option<&str>, secret: Option<&str>) -> Versions {
    let owned = |version: Option<&str>| version.map(str::to_owned);
    Versions::default().with("id", owned(id)).with("secret", owned(secret))
}

fn refused() -> Finding {
    Finding::CredentialRefused("401".to_owned())
}

#[tokio::test]
async fn what_was_read_already_costs_nothing() {
    let mut world = World::new();
    world.tells("id", Some("a/1"));
    assert!(!world.was_woken(), "who was not checked yet will be");
    let versions = read(Some("a/1"), Some("b/1"));
    world.works(&versions);
    world.tells("id", Some("a/1"));
    world.tells("secret", Some("b/1"));
    world.tells("another", Some("c/1"));
    world.connections.notice("guests", "secret", Some("d/1".to_owned()));
    assert_eq!((world.due(), world.was_woken()), (Due::Nothing, false));

    world.fails(&Finding::SecretMissing("secret".to_owned()), &read(Some("a/1"), None));
    assert!(world.was_woken(), "it is told to be there");
    world.tells("secret", None);
    assert!(!world.was_woken());
}

#[tokio::test]
async fn another_version_is_read_and_checked_if_it_is_there() {
    let mut world = World::new();
    let first = read(Some("a/1"), Some("b/1"));
    world.works(&first);
    for told in [Some("b/2"), Some("c/1"), None] {
        world.tells("secret", told);
        assert!(world.was_woken(), "{told:?}");
        assert_eq!(world.due(), Due::CheckIfChanged(first.clone()), "{told:?}");
    }
    // The Secret that was told is the one of the check that follows.
    world.works(&read(Some("a/1"), None));
    assert_eq!((world.due(), world.was_woken()), (Due::Nothing, false));
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_compared_and_any_other_trouble_is_looked_into() {
    let mut world = World::new();
    let first = read(Some("a/1"), Some("b/1"));
    world.fails(&refused(), &first);
    world.tells("secret", Some("b/2"));
    assert!(world.was_woken());
    assert_eq!(world.due(), Due::CheckIfChanged(first.clone()));

    world.tells("secret", Some("b/1"));
    world.fails(&Finding::Unreachable("no".to_owned()), &first);
    assert_eq!(world.due(), Due::Check, "as without a watch");
    world.tells("secret", Some("b/2"));
    assert!(world.was_woken());
    assert_eq!(world.due(), Due::CheckIfChanged(first), "it was asked just now");
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(world.due(), Due::Check, "a watch that is behind stops no check");
}

#[tokio::test]
async fn what_is_told_during_a_check_is_not_lost() {
    let mut world = World::new();
    world.tells("secret", Some("b/2"));
    assert!(!world.was_woken());
    // The Secret was read before it was told of.
    let first = read(Some("a/1"), Some("b/1"));
    world.fails(&refused(), &first);
    assert!(world.was_woken());
    assert_eq!(world.due(), Due::CheckIfChanged(first));
}

/// Otherwise a watch that ended would have every pass read the Secret for ever.
#[tokio::test]
async fn what_nobody_watches_any_more_is_not_compared() {
    let world = World::new();
    world.works(&read(Some("a/2"), Some("b/2")));
    world.tells("secret", Some("b/1"));
    assert_ne!(world.due(), Due::Nothing);
    world.connections.overlook("people", "secret");
    assert_eq!(world.due(), Due::Nothing);
}
