//! Every permission of the operator is one that it uses.

use std::collections::BTreeSet;
use std::process::Command;

use jumpcloud_sim::Settings;
use serde_json::{Value, json};

use super::wanted_at_home;
use crate::harness::grants::ACCOUNT;
use crate::harness::invariants::permitted;
use crate::harness::manifests::plain_users;
use crate::harness::operator::QUICK;
use crate::harness::plane::{plane, run};
use crate::harness::schedules::Calendar;
use crate::harness::wait::eventually;
use crate::harness::weather::clean_only;
use crate::harness::world::PATIENCE;

/// `verb group/resource` of every permission.
fn granted() -> BTreeSet<String> {
    let permissions = wanted_at_home().into_iter();
    permissions
        .flat_map(|(resource, verbs)| verbs.into_iter().map(move |verb| format!("{verb} {resource}")))
        .collect()
}

/// A batch that is right, wrong and right again, twice over, so that an event is repeated; and a schedule from its
/// request to its end.
#[tokio::test(flavor = "multi_thread")]
async fn every_permission_is_used() {
    if clean_only("under weather the events that are repeated are not always the same") {
        return;
    }
    let calendar = Calendar::new("permissions-used", Settings::default()).await;
    let _operator = calendar.operator(QUICK);
    calendar.connection_reason("default", "Succeeded").await;
    let right = plain_users("u", 1);
    let wrong = [right.clone(), right.clone()].concat();
    for _ in 0..2 {
        for (users, reason) in [(&right, "Succeeded"), (&wrong, "InvalidSpec")] {
            calendar.apply_batch("staff", &json!({"users": users}));
            calendar.reason("staff", reason).await;
        }
    }
    calendar.add_user("ada", "ACTIVATED");
    let leave: Value =
        json!({"users": [{"username": "ada"}], "state": "Suspended", "startTime": "2100-01-04T09:00:00Z"});
    calendar.apply_schedule("leave", &leave);
    calendar.comes_to("leave", "Scheduled").await;
    calendar.delete("leave");
    calendar.gone("leave").await;

    // What the Pod of `helm test` asks, under the same account.
    let kubeconfig = plane().service_account_kubeconfig(&calendar.namespace, ACCOUNT).expect("a token");
    let connection = format!("{}/default", calendar.namespace);
    let url = calendar.sim.url();
    run(Command::new(env!("CARGO_BIN_EXE_jumpcloud-operator"))
        .args(["api", "schedules", "--connection", &connection, "--allowed-api-url", url])
        .env("KUBECONFIG", kubeconfig));

    let namespaces = [calendar.namespace.clone()];
    eventually("that every permission is used", PATIENCE, async || {
        let unused: Vec<String> = granted().difference(&permitted::used(&namespaces)).cloned().collect();
        if unused.is_empty() { Ok(()) } else { Err(unused) }
    })
    .await;
}
