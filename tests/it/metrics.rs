//! What the operator measures, on its admin port.

use std::collections::BTreeSet;

use jumpcloud_operator::runtime::metrics::{PREFIX, described};
use jumpcloud_sim::{DEFAULT_KEY, Settings};
use serde_json::json;

use crate::harness::declare::apply;
use crate::harness::manifests::{connection, plain_users, secret};
use crate::harness::operator::{Operator, QUICK};
use crate::harness::wait::eventually;
use crate::harness::weather::clean_only;
use crate::harness::world::{PATIENCE, World};

/// The value of a metric without labels.
async fn value(operator: &Operator, name: &str) -> Option<f64> {
    let page = operator.try_metrics().await?;
    let value = page.lines().find_map(|line| line.strip_prefix(&format!("{PREFIX}_{name} ")))?;
    Some(value.parse().expect("a number"))
}

async fn becomes(operator: &Operator, name: &str, fits: impl Fn(f64) -> bool) -> f64 {
    eventually(name, PATIENCE, async || match value(operator, name).await {
        Some(value) if fits(value) => Ok(value),
        other => Err(other),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn ages_and_tokens_are_those_of_the_scrape() {
    if clean_only("counts tokens, measures time") {
        return;
    }
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 8000;
    let world = World::bare("metrics", settings).await;
    // A late first poll: nothing but the scrape itself can move the gauges meanwhile.
    let mut flags = QUICK.to_vec();
    flags.retain(|(flag, _)| !flag.starts_with("--poll"));
    flags.extend([("--poll-min", "15s"), ("--poll-max", "60s")]);
    let operator = world.operator(&flags);
    becomes(&operator, "leader", |leader| leader == 1.0).await;
    assert_eq!(value(&operator, "oldest_job_age_seconds").await, Some(0.0));
    assert_eq!(value(&operator, "rate_tokens").await, None, "no credential is in use");

    apply(&secret(&world.namespace, DEFAULT_KEY).to_string());
    let mut slow = connection(&world.namespace, "default", world.sim.url());
    slow["spec"]["limits"] = json!({"requestsPerSecond": 1, "burst": 10});
    apply(&slow.to_string());
    becomes(&operator, "connection_ready", |ready| ready == 1.0).await;
    world.apply_batch("sales", &json!({"batchSize": 250, "users": plain_users("m", 250)}));
    becomes(&operator, "jobs_in_flight", |jobs| jobs == 1.0).await;
    let tokens = value(&operator, "rate_tokens").await.expect("a credential is in use");
    assert!(tokens < 10.0, "five look-ups, a request and a check were free");
    let requests = world.sim.ledger().len();
    let age = becomes(&operator, "oldest_job_age_seconds", |age| age > 0.0).await;
    let later = becomes(&operator, "oldest_job_age_seconds", |later| later > age + 1.0).await;
    assert!(later < 60.0, "{later}");
    becomes(&operator, "rate_tokens", |now| now > tokens).await;
    assert_eq!(world.sim.ledger().len(), requests, "the gauges moved by themselves");

    world.reason("sales", "Succeeded").await;
    becomes(&operator, "oldest_job_age_seconds", |age| age == 0.0).await;
    becomes(&operator, "rate_tokens", |tokens| tokens == 10.0).await;
    the_page_is_as_described(&world, &operator.metrics().await);
}

/// Every metric of the reference with its help, none besides, and labels without names of objects or users.
fn the_page_is_as_described(world: &World, page: &str) {
    let helps: BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("# HELP ")).map(str::to_owned).collect();
    let expected: BTreeSet<String> = described()
        .into_iter()
        .map(|metric| {
            // The format leaves these endings to the samples.
            let family = metric.name.trim_end_matches("_total").trim_end_matches("_info");
            format!("{PREFIX}_{family} {}", metric.help)
        })
        .collect();
    assert_eq!(helps, expected);
    for name in [world.namespace.as_str(), "sales", "m0000", "default"] {
        let named = |line: &&str| line.contains(&format!("\"{name}")) || line.contains(&format!("{name}\""));
        assert_eq!(page.lines().find(named), None);
    }
    let created = format!("{PREFIX}_users{{kind=\"JumpCloudUserBatch\",result=\"Created\"}} 250\n");
    assert!(page.contains(&created), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_has_metrics_too() {
    let world = World::new("metrics-standby", Settings::default()).await;
    let leader = world.operator(QUICK);
    becomes(&leader, "leader", |leader| leader == 1.0).await;
    let standby = world.replica("b", QUICK);
    becomes(&standby, "leader", |leader| leader == 0.0).await;
    assert_eq!(value(&standby, "oldest_job_age_seconds").await, None);
}
