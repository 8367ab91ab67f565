//! Upgrade, rollback and removal of a release while jobs run: definitions come, change and go, and no second job follows.
//!
//! One program plays the operator of every release: what older programs wrote, and records of newer ones, are tested
//! elsewhere. Here the API server's schemas, Helm and the change of Pods are what is new and old.

mod chart;
mod cluster;
mod kubelet;

use jumpcloud_sim::DEFAULT_ORGANISATION;
use serde_json::{Value, json};

use crate::harness::manifests::plain_users;
use crate::harness::schedules::{ahead, by_username, events_of, schedule};
use crate::harness::truth::{assert_single_create, existing};
use chart::{OLDER, PRESENT, older, present};
use cluster::{CRDS, Cluster, RELEASE, kept};
use kubelet::Pod;

const BATCHES: &str = "jumpclouduserbatches";
const SCHEDULES: &str = "scheduleduserstates";

/// Whether the definition of batches has the field of rows that the older one does not have.
fn knows_managers(cluster: &Cluster) -> bool {
    let definition = cluster.definition(BATCHES).expect("the definition is there");
    let at = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/users/items/properties/manager";
    definition.pointer(at).is_some()
}

/// The version that the definition of batches says of itself.
fn version(cluster: &Cluster) -> Value {
    cluster.definition(BATCHES).expect("the definition is there")["metadata"]["labels"]
        ["app.kubernetes.io/version"]
        .take()
}

/// Two rows, the second with a field that the older definitions do not have.
fn managed() -> Value {
    let mut users = plain_users("m", 2);
    users[1]["manager"] = json!({"username": "m0000"});
    json!({"users": users})
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_go_on_through_upgrade_and_rollback() {
    let cluster = Cluster::start("upgrade").await;
    cluster.site.may_have_gaps("a changed definition ends the watches of its kind");
    let chart = older(RELEASE, cluster.plane.scratch().path());
    let values = cluster.values(&json!({}));
    cluster.helm(&["install", RELEASE, chart.to_str().expect("a path"), "--values", &values]);
    cluster.established();
    assert!(!knows_managers(&cluster) && cluster.definition(SCHEDULES).is_none());
    let pod = Pod::start(&cluster, "older");
    cluster.connect().await;
    cluster.apply_batch("movers", &json!({"users": plain_users("m", 2)}));
    cluster.comes_to("jcub", "movers", "Succeeded").await;
    cluster.hold_jobs();
    cluster.apply_batch("joiners", &json!({"users": plain_users("j", 3)}));
    let joiners = cluster.in_flight("joiners").await;
    let movers = cluster.object("jcub", "movers");

    let upgrade = || {
        let chart = present(RELEASE);
        let chart = chart.to_str().expect("a path");
        cluster.helm(&["upgrade", RELEASE, chart, "--reset-then-reuse-values"]);
        cluster.established();
        assert_eq!(version(&cluster), PRESENT);
        assert!(knows_managers(&cluster) && cluster.definition(SCHEDULES).is_some());
    };
    upgrade();
    assert_eq!(cluster.object("jcub", "movers"), movers);
    assert_eq!(cluster.object("jcub", "joiners"), joiners);
    let pod = pod.replaced(&cluster, "present").await;
    cluster.follows().await;
    assert_eq!(kept(&cluster.object("jcub", "movers")), kept(&movers));
    assert_eq!(kept(&cluster.object("jcub", "joiners")), kept(&joiners));

    // What only the newer definitions have: an operation of jobs, a field of rows, a kind.
    cluster.apply_batch("movers", &managed());
    let movers = cluster.in_flight("movers").await;
    assert_eq!(movers["status"]["submissions"][0]["operation"], "Update");
    let leaver = json!({"username": "l0000", "email": "l0000@canary.example.com", "state": "ACTIVATED"});
    cluster.sim.add_user(DEFAULT_ORGANISATION, &leaver).expect("a user");
    let date = ahead(7200);
    let leaving = json!({"users": by_username(["l0000"]), "state": "Suspended", "startTime": date.to_string()});
    cluster.apply(&schedule(&cluster.people, "leavers", &leaving));
    let leavers = cluster.comes_to("jcsus", "leavers", "Scheduled").await;
    assert_eq!(leavers["metadata"]["finalizers"], json!(["jumpcloud-operator.dev/cleanup"]));

    cluster.helm(&["rollback", RELEASE, "1"]);
    cluster.established();
    assert_eq!(version(&cluster), OLDER);
    assert!(!knows_managers(&cluster));
    assert!(cluster.definition(SCHEDULES).is_some(), "a kind that the older release does not have is kept");
    assert_eq!(cluster.object("jcsus", "leavers"), leavers);
    assert_eq!(cluster.object("jcub", "joiners"), joiners);
    let rolled_back = cluster.object("jcub", "movers");
    assert_eq!(kept(&rolled_back), kept(&movers));
    assert_eq!(rolled_back["spec"]["users"][1], plain_users("m", 2)[1]);
    let pod = pod.replaced(&cluster, "rolled-back").await;
    cluster.follows().await;
    assert_eq!(kept(&cluster.object("jcub", "movers")), kept(&movers));
    assert_eq!(kept(&cluster.object("jcub", "joiners")), kept(&joiners));

    cluster.let_jobs_go();
    cluster.comes_to("jcub", "joiners", "Succeeded").await;
    cluster.comes_to("jcub", "movers", "Succeeded").await;
    cluster.quiet().await;
    eprintln!("{}", cluster.object("jcub", "movers"));
    eprintln!("{}", pod.operator.log());
    assert_eq!(cluster.jobs(), (2, 1));

    upgrade();
    let pod = pod.replaced(&cluster, "again").await;
    eprintln!("AGAIN {}", cluster.object("jcub", "movers"));
    cluster.apply_batch("movers", &managed());
    cluster.comes_to("jcub", "movers", "Succeeded").await;
    cluster.quiet().await;
    eprintln!("{}", pod.operator.log());
    assert_eq!(cluster.jobs(), (2, 1));
    assert_single_create(&cluster.sim, |_| false);
    assert_eq!(existing(&cluster.sim).len(), 6);
    assert_eq!(events_of(&cluster.sim).len(), 1);
    assert_eq!(kept(&cluster.object("jcsus", "leavers")), kept(&leavers));
    drop(pod);
}
