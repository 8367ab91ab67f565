//! Secrets that are watched, opt-in: a key that is rotated is used at once, though nothing else would look at it for minutes.
//!
//! The operator gets the Role of the chart's value `secrets.watch` besides what it has by default. That it lists and watches
//! no Secret without the flag is tested in `failures/rotated.rs`.

use std::time::Duration;

use devenv::audit::{Entry, Mark};
use jumpcloud_sim::{DEFAULT_KEY, DEFAULT_ORGANISATION, Route, Settings};
use serde_json::json;

use crate::harness::declare::apply;
use crate::harness::grants::ACCOUNT;
use crate::harness::invariants::Rule;
use crate::harness::manifests::{connection, secret};
use crate::harness::operator::{QUICK, but};
use crate::harness::plane::plane;
use crate::harness::wait::eventually;
use crate::harness::weather::without_faults;
use crate::harness::world::{PATIENCE, World};

/// Far below the time after which a Secret is looked at anyhow.
const SOON: Duration = Duration::from_secs(20);

/// The Secret of [`secret`].
const NAME: &str = "jumpcloud";

/// Nothing looks at a Secret by itself while a test lasts.
fn patient() -> Vec<(&'static str, &'static str)> {
    but(QUICK, "--secret-poll-interval", "10m")
}

/// What the chart gives for `secrets.watch`.
fn allow_watching(namespace: &str) {
    let metadata = json!({"name": "jumpcloud-operator-secrets", "namespace": namespace});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [NAME], "verbs": ["list", "watch"]}]});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "jumpcloud-operator-secrets"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}]});
    apply(&json!({"apiVersion": "v1", "kind": "List", "items": [role, binding]}).to_string());
}

/// Lists and watches of Secrets by the operator since `mark`.
fn looks(world: &World, mark: Mark) -> Vec<Entry> {
    let all = world.requests(mark).into_iter();
    all.filter(|entry| entry.resource == "secrets" && entry.verb != "get").collect()
}

/// Waits until the operator watches its Secret.
async fn watches(world: &World, mark: Mark) {
    eventually("the watch of the Secret", PATIENCE, async || {
        let looks = looks(world, mark);
        if looks.iter().any(|entry| entry.verb == "watch" && entry.code == 200) { Ok(()) } else { Err(looks) }
    })
    .await;
}

/// Waits until the connection was checked with the Secret as it is now.
async fn checked(world: &World) {
    let version =
        |kind: &str, path: &str| world.kubectl(&["get", kind, "-o", &format!("jsonpath={{{path}}}")]);
    let wanted = version("secret/jumpcloud", ".metadata.uid")
        + "/"
        + &version("secret/jumpcloud", ".metadata.resourceVersion");
    eventually("the check of the new key", SOON, async || {
        let found = version("jumpcloudconnection/default", ".status.credentialVersion");
        if found == wanted { Ok(()) } else { Err((found, wanted.clone())) }
    })
    .await;
    world.connection_reason("default", "Succeeded").await;
}

/// How often a check has asked JumpCloud.
fn asked(world: &World) -> usize {
    world.sim.requests(Route::OrganizationList).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_secret_is_used_at_once_and_listed_by_its_name_only() {
    let world = World::bare("rotation-watched", Settings::default()).await;
    let put = |key: &str| apply(&secret(&world.namespace, key).to_string());
    allow_watching(&world.namespace);
    put("not-the-key");
    apply(&connection(&world.namespace, "default", world.sim.url()).to_string());
    let mark = plane().audit().mark().expect("a mark");
    let watched = format!("{}/{NAME}", world.namespace);
    let operator = world.operator(&[patient(), vec![("--watch-secret", &watched)]].concat());
    world.connection_reason("default", "Retrying").await;
    watches(&world, mark).await;
    without_faults(|| assert_eq!(asked(&world), 1, "the first list is no reason for a check"));

    // One that is not Ready.
    put(DEFAULT_KEY);
    checked(&world).await;
    without_faults(|| assert_eq!(asked(&world), 2));

    // One that is Ready, and that nobody uses.
    world.sim.add_key(DEFAULT_ORGANISATION, "the-second-key").expect("a new key");
    put("the-second-key");
    checked(&world).await;
    without_faults(|| assert_eq!(asked(&world), 3));

    world.kubectl(&["delete", "secret", NAME]);
    let told = world.connection_reason("default", "SourceNotFound").await;
    assert!(told.contains("Secret jumpcloud not found"), "{told}");
    put("the-second-key");
    checked(&world).await;
    without_faults(|| assert_eq!(asked(&world), 4));

    let field = format!("fieldSelector=metadata.name%3D{NAME}");
    for look in looks(&world, mark) {
        assert_eq!(
            (look.name.as_str(), look.namespace.as_str()),
            (NAME, world.namespace.as_str()),
            "{look:?}"
        );
        assert!(look.request_uri.contains(&field), "{look:?}");
    }
    let refused: Vec<Entry> = world.requests(mark).into_iter().filter(|entry| entry.code == 403).collect();
    assert!(refused.is_empty(), "{refused:?}");
    assert!(!operator.log().contains("may not watch"), "{}", operator.log());
}

/// Whoever has forgotten the Role is told once, and everything goes on as without the flag; when the Role comes the Secret is
/// watched.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_refused_is_told_once_and_tried_again() {
    let world = World::new("rotation-refused", Settings::default()).await;
    world.may_break(Rule::Permitted, "the Role of the watched Secret comes late");
    let mark = plane().audit().mark().expect("a mark");
    let watched = format!("{}/{NAME}", world.namespace);
    let operator = world.operator(&[patient(), vec![("--watch-secret", &watched)]].concat());
    world.connection_reason("default", "Succeeded").await;
    eventually("three refusals", PATIENCE, async || {
        let looks = looks(&world, mark);
        let refused = looks.iter().filter(|entry| entry.verb == "list" && entry.code == 403).count();
        if refused >= 3 { Ok(()) } else { Err(looks) }
    })
    .await;
    let told: Vec<String> =
        operator.log().lines().filter(|line| line.contains("may not watch")).map(str::to_owned).collect();
    assert_eq!(told.len(), 1, "{}", operator.log());
    for words in ["list and watch Secrets named jumpcloud", "value secrets.watch of the chart", &watched] {
        assert!(told[0].contains(words), "{words}: {}", told[0]);
    }
    assert!(!operator.log().contains("watch list error"), "kube says it, too: {}", operator.log());

    allow_watching(&world.namespace);
    watches(&world, mark).await;
    world.sim.add_key(DEFAULT_ORGANISATION, "the-second-key").expect("a new key");
    apply(&secret(&world.namespace, "the-second-key").to_string());
    checked(&world).await;
}
