//! Definitions that are a release of their own.

use jumpcloud_sim::Settings;
use serde_json::json;

use super::chart::{older, present};
use super::cluster::{CRDS, Cluster, RELEASE};
use super::kubelet::Pod;
use super::objects::{joiners, kept, leaver, managed, unwritten};
use super::{assert_older, assert_present};
use crate::harness::manifests::plain_users;
use crate::harness::truth::{assert_single_create, existing};

/// The definitions are taken out of the operator's release, upgraded first, and not rolled back with it.
#[tokio::test(flavor = "multi_thread")]
async fn definitions_of_another_release_stay_when_the_operator_is_rolled_back() {
    let cluster = Cluster::start("separate", Settings::default()).await;
    cluster.site.may_have_gaps("a changed definition ends the watches of its kind");
    let folder = cluster.plane.scratch().path();
    let (chart, definitions) = (older(RELEASE, folder), older(CRDS, folder));
    // What is not kept is safe, too, once the other release has it.
    let values = cluster.values();
    cluster.helm(&["install", RELEASE, &chart, "--values", &values, "--set", "crds.keep=false"]);
    cluster.established();
    let pod = Pod::start(&cluster, "older");
    cluster.connect().await;
    cluster.apply_batch("movers", &json!({"users": plain_users("m", 2)}));
    cluster.comes_to("jcub", "movers", "Succeeded").await;
    cluster.hold_jobs();
    cluster.apply_batch("joiners", &joiners());
    let joiners = cluster.in_flight("joiners").await;

    let refused = cluster.fails_helm(&["install", CRDS, &definitions]);
    assert!(refused.contains("invalid ownership metadata"), "{refused}");
    cluster.helm(&["install", CRDS, &definitions, "--take-ownership"]);
    cluster.helm(&["upgrade", RELEASE, &chart, "--reuse-values", "--set", "crds.enabled=false"]);
    assert_older(&cluster);
    assert_eq!(unwritten(&cluster.object("jcub", "joiners")), unwritten(&joiners));

    cluster.helm(&["upgrade", CRDS, &present(CRDS)]);
    assert_present(&cluster);
    assert_eq!(unwritten(&cluster.object("jcub", "joiners")), unwritten(&joiners));
    // Its watches have ended with the older definitions.
    cluster.is_heeded("movers").await;
    cluster.helm(&["upgrade", RELEASE, &present(RELEASE), "--reset-then-reuse-values"]);
    let pod = pod.replaced(&cluster, "present").await;
    cluster.follows().await;
    assert_eq!(kept(&cluster.object("jcub", "joiners")), kept(&joiners));
    cluster.apply_batch("movers", &managed());
    let movers = cluster.in_flight("movers").await;
    let leavers = leaver(&cluster).await;

    cluster.helm(&["rollback", RELEASE, "2"]);
    assert_present(&cluster);
    let pod = pod.replaced(&cluster, "rolled-back").await;
    cluster.follows().await;
    assert_eq!(unwritten(&cluster.object("jcub", "movers")), unwritten(&movers));
    assert_eq!(kept(&cluster.object("jcub", "joiners")), kept(&joiners));
    cluster.let_jobs_go();
    cluster.comes_to("jcub", "joiners", "Succeeded").await;
    let movers = cluster.comes_to("jcub", "movers", "Succeeded").await;
    assert_eq!(movers["spec"]["users"], managed()["users"]);
    cluster.quiet().await;
    assert_eq!(cluster.jobs(), (2, 1));
    assert_single_create(&cluster.sim, |_| false);
    assert_eq!(existing(&cluster.sim).len(), 6);
    assert_eq!(kept(&cluster.object("jcsus", "leavers")), kept(&leavers));

    // Helm asks nobody when it rolls back to a revision that had definitions of its own.
    drop(pod);
    cluster.site.end();
    cluster.helm(&["rollback", RELEASE, "1"]);
    assert_older(&cluster);
}
