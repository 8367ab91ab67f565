//! Rate and concurrency, as the simulator sees them.

use std::time::Duration;

use futures::future::join_all;
use jumpcloud_operator::jumpcloud::bucket::Limits;
use jumpcloud_operator::jumpcloud::client::JumpCloud;
use jumpcloud_operator::jumpcloud::throttle::{MAX_CONCURRENT, Throttle};
use jumpcloud_operator::runtime::clock;
use jumpcloud_sim::settings::RateLimit;
use jumpcloud_sim::{Act, FaultRule, Reply, Settings};

use crate::rig::{Rig, config};

#[tokio::test]
async fn the_server_never_sees_more_than_the_limit() {
    let mut settings = Settings::default();
    // In any window of a second at most burst + rate requests; twice that is allowed for late arrivals.
    settings.api.rate_limit = Some(RateLimit { requests: 14, window_ms: 1000, retry_after: None });
    let rig = Rig::with(settings).await;
    let mut config = config(rig.sim.url());
    config.throttle = Throttle::new(Limits::new(5, 2));
    let client = JumpCloud::new(config).unwrap();
    let begin = clock::monotonic();
    let answers = join_all((0..15).map(|_| client.organizations())).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let took = clock::monotonic() - begin;
    assert!(took >= Duration::from_millis(2590), "15 requests, 2 at once, 5 a second: {took:?}");
}

#[tokio::test]
async fn only_some_requests_run_at_the_same_time() {
    let rig = Rig::new().await;
    rig.sim.set_faults(vec![FaultRule::new(Act::Acts, Reply::AsIs).after(Duration::from_millis(300))]);
    let begin = clock::monotonic();
    join_all((0..3 * MAX_CONCURRENT).map(|_| rig.client.organizations())).await;
    let took = clock::monotonic() - begin;
    assert!(took >= Duration::from_millis(900), "{took:?}");
}
