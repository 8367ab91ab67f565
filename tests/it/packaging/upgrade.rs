//! Upgrade, rollback and removal of a release while jobs run: definitions come, change and go, and no second job follows.
//!
//! One program plays the operator of every release, since there is no older one yet; records of a newer one are tested in
//! `faults::newer`. What is old and new here is what the API server keeps, and what Helm does.

mod chart;
mod cluster;
mod kubelet;
mod objects;
mod removal;
mod separate;
mod takeover;

use jumpcloud_sim::Settings;
use serde_json::json;

use crate::harness::invariants::Rule;
use crate::harness::manifests::plain_users;
use crate::harness::schedules::events_of;
use crate::harness::truth::{assert_single_create, existing};
use chart::{OLDER, PRESENT, older, present};
use cluster::{Cluster, RELEASE};
use kubelet::Pod;
use objects::{joiners, kept, leaver, managed, unwritten};

/// The definitions are those of the present chart.
fn assert_present(cluster: &Cluster) {
    cluster.established();
    assert_eq!(cluster.version(), PRESENT);
    assert!(cluster.knows_managers() && cluster.definition("scheduleduserstates").is_some());
}

/// The definitions of connections and batches are those of the older chart.
fn assert_older(cluster: &Cluster) {
    cluster.established();
    assert_eq!(cluster.version(), OLDER);
    assert!(!cluster.knows_managers());
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_go_on_through_upgrade_and_rollback() {
    let cluster = Cluster::start("upgrade", Settings::default()).await;
    cluster.site.may_have_gaps("a changed definition ends the watches of its kind");
    cluster.site.may_break(Rule::Table, "the older definitions have not all of `counts`");
    let chart = older(RELEASE, cluster.plane.scratch().path());
    cluster.helm(&["install", RELEASE, &chart, "--values", &cluster.values()]);
    assert_older(&cluster);
    assert!(cluster.definition("scheduleduserstates").is_none());
    let pod = Pod::start(&cluster, "older");
    cluster.connect().await;
    cluster.apply_batch("movers", &json!({"users": plain_users("m", 2)}));
    let movers = cluster.comes_to("jcub", "movers", "Succeeded").await;
    cluster.hold_jobs();
    cluster.apply_batch("joiners", &joiners());
    let joiners = cluster.in_flight("joiners").await;

    let upgrade = ["upgrade", RELEASE, &present(RELEASE), "--reset-then-reuse-values"];
    cluster.helm(&upgrade);
    assert_present(&cluster);
    assert_eq!(unwritten(&cluster.object("jcub", "movers")), unwritten(&movers));
    assert_eq!(unwritten(&cluster.object("jcub", "joiners")), unwritten(&joiners));
    let pod = pod.replaced(&cluster, "present").await;
    cluster.follows().await;
    assert_eq!(kept(&cluster.object("jcub", "movers")), kept(&movers));
    assert_eq!(kept(&cluster.object("jcub", "joiners")), kept(&joiners));

    // What only the newer definitions have: an operation of jobs, a field of rows, a kind.
    cluster.apply_batch("movers", &managed());
    let movers = cluster.in_flight("movers").await;
    assert_eq!(movers["status"]["submissions"][0]["operation"], "Update");
    let leavers = leaver(&cluster).await;
    let joiners = cluster.object("jcub", "joiners");

    cluster.helm(&["rollback", RELEASE, "1"]);
    assert_older(&cluster);
    assert_eq!(unwritten(&cluster.object("jcsus", "leavers")), unwritten(&leavers));
    assert_eq!(unwritten(&cluster.object("jcub", "joiners")), unwritten(&joiners));
    let rolled_back = cluster.object("jcub", "movers");
    assert_eq!(kept(&rolled_back), kept(&movers));
    assert_eq!(rolled_back["spec"]["users"], json!(plain_users("m", 2)));
    let pod = pod.replaced(&cluster, "rolled-back").await;
    cluster.follows().await;
    // The older definitions would refuse the record of the update, but for its being there already.
    cluster.is_heeded("movers").await;
    assert_eq!(kept(&cluster.object("jcub", "movers")), kept(&movers));
    assert_eq!(kept(&cluster.object("jcub", "joiners")), kept(&joiners));

    cluster.let_jobs_go();
    cluster.comes_to("jcub", "joiners", "Succeeded").await;
    cluster.comes_to("jcub", "movers", "Succeeded").await;
    cluster.quiet().await;
    assert_eq!(cluster.jobs(), (2, 1));
    let pruned = r#"reconciles_total{kind="JumpCloudUserBatch",outcome="pruned"}"#;
    let metrics = pod.operator.metrics().await;
    assert!(metrics.contains(pruned), "{metrics}");

    cluster.helm(&upgrade);
    assert_present(&cluster);
    let _pod = pod.replaced(&cluster, "again").await;
    // The operator has written the object meanwhile: what the older definitions did not have is gone.
    assert_eq!(cluster.object("jcub", "movers")["spec"]["users"], json!(plain_users("m", 2)));
    cluster.apply_batch("movers", &managed());
    let movers = cluster.comes_to("jcub", "movers", "Succeeded").await;
    cluster.quiet().await;
    assert_eq!(movers["status"]["users"][1]["result"], "Unchanged", "the manager was set before");
    assert_eq!(cluster.jobs(), (2, 1));
    assert_single_create(&cluster.sim, |_| false);
    assert_eq!(existing(&cluster.sim).len(), 6);
    assert_eq!(events_of(&cluster.sim).len(), 1);
    assert_eq!(kept(&cluster.object("jcsus", "leavers")), kept(&leavers));
}
