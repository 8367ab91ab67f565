//! `helm uninstall`, and what comes after it.

use jumpcloud_sim::Settings;
use serde_json::json;

use super::assert_present;
use super::chart::{older, present};
use super::cluster::{Cluster, RELEASE};
use super::kubelet::Pod;
use super::objects::{joiners, kept, leaver, unwritten};
use crate::harness::schedules::{events_of, schedule};
use crate::harness::truth::{assert_single_create, existing};
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

const PLURALS: [&str; 3] = ["jumpcloudconnections", "jumpclouduserbatches", "scheduleduserstates"];

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_release_leaves_objects_that_the_next_one_goes_on_with() {
    let cluster = Cluster::start("removal", Settings::default()).await;
    let install = ["install", RELEASE, &present(RELEASE), "--values", &cluster.values()];
    cluster.helm(&install);
    assert_present(&cluster);
    let pod = Pod::start(&cluster, "first");
    cluster.connect().await;
    cluster.hold_jobs();
    cluster.apply_batch("joiners", &joiners());
    let leavers = leaver(&cluster).await;
    let joiners = cluster.in_flight("joiners").await;

    pod.end();
    let told = cluster.helm(&["uninstall", RELEASE]);
    for plural in PLURALS {
        assert!(told.contains(&format!("{plural}.jumpcloud-operator.dev")), "{told}");
    }
    assert!(cluster.find("clusterrole", RELEASE).is_none(), "the release is gone");
    assert_present(&cluster);
    assert_eq!(unwritten(&cluster.object("jcub", "joiners")), unwritten(&joiners));
    assert_eq!(unwritten(&cluster.object("jcsus", "leavers")), unwritten(&leavers));

    let refused = cluster.fails_helm(&[&install[..1], &["another"], &install[2..]].concat());
    assert!(refused.contains("invalid ownership metadata"), "{refused}");
    cluster.helm(&install);
    let pod = Pod::start(&cluster, "second");
    cluster.follows().await;
    assert_eq!(kept(&cluster.object("jcub", "joiners")), kept(&joiners));
    cluster.let_jobs_go();
    cluster.comes_to("jcub", "joiners", "Succeeded").await;
    cluster.quiet().await;
    assert_eq!(cluster.jobs(), (1, 0));
    assert_single_create(&cluster.sim, |_| false);
    assert_eq!(kept(&cluster.object("jcsus", "leavers")), kept(&leavers));
    drop(pod);
    cluster.site.end();

    // Without `crds.keep` a release that has not all kinds takes the others with it, as a rollback does.
    cluster.helm(&[
        "upgrade",
        RELEASE,
        &present(RELEASE),
        "--reset-then-reuse-values",
        "--set",
        "crds.keep=false",
    ]);
    let [connections, batches, schedules] = PLURALS;
    let chart = older(RELEASE, cluster.plane.scratch().path());
    cluster.helm(&["upgrade", RELEASE, &chart, "--reuse-values"]);
    let leaving = cluster.definition(schedules).expect("it waits for its objects");
    assert!(leaving["metadata"]["deletionTimestamp"].is_string(), "{leaving}");
    assert!(cluster.find("jcub", "joiners").is_some());
    cluster.helm(&["uninstall", RELEASE]);
    for plural in [connections, batches] {
        gone(&cluster, plural).await;
    }
    let left = cluster.object("jcsus", "leavers");
    assert!(left["metadata"]["deletionTimestamp"].is_string(), "{left}");
    let spec = json!({"users": [], "state": "Suspended", "startTime": "2099-01-01T00:00:00Z"});
    let refused = cluster.tries_to_apply(&schedule(&cluster.people, "others", &spec)).expect_err("it goes");
    assert!(refused.contains("terminating"), "{refused}");
    let free = json!({"metadata": {"finalizers": null}}).to_string();
    cluster.kubectl(&["patch", "jcsus", "leavers", "--type=merge", "-p", &free]);
    gone(&cluster, schedules).await;
    assert_eq!(existing(&cluster.sim).len(), 4);
    assert_eq!(events_of(&cluster.sim).len(), 1, "what nobody undid stays in JumpCloud");
}

/// Waits until there is no such definition.
async fn gone(cluster: &Cluster, plural: &str) {
    eventually(&format!("the end of {plural}"), PATIENCE, async || {
        cluster.definition(plural).map_or(Ok(()), |left| Err(left["status"]["conditions"].clone()))
    })
    .await;
}
