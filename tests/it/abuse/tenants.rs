//! What one tenant's key does to the others.

use std::time::{Duration, Instant};

use jumpcloud_sim::{DEFAULT_KEY, FaultRule, Pattern, Route, Settings};
use serde_json::json;

use crate::harness::declare::apply;
use crate::harness::manifests::{batch, plain_users, secret};
use crate::harness::operator::QUICK;
use crate::harness::wait::eventually;
use crate::harness::world::{PATIENCE, World};

const TWENTY: usize = 20;

/// A namespace whose key is refused, and one whose key is told to wait for an hour, each with twenty lists, beside a
/// third on the same host and organisation: that one is served as if it were alone, and no call of its waits.
#[tokio::test(flavor = "multi_thread")]
async fn case_13_a_bad_key_holds_up_nobody_else() {
    let settings = Settings::default();
    let world = World::new("abuse-good", settings).await;
    let (bad, slow) = (world.beside("abuse-bad"), world.beside("abuse-slow"));
    apply(&secret(&bad.namespace, "a-key-of-nobody").to_string());
    world.sim.add_key(jumpcloud_sim::DEFAULT_ORGANISATION, "a-key-that-waits").expect("a key");
    apply(&secret(&slow.namespace, "a-key-that-waits").to_string());
    let hour = jumpcloud_sim::settings::RetryAfter::Seconds(3600);
    let of_slow = Pattern::new("slow").expect("a pattern");
    world.sim.set_faults(vec![FaultRule::status(429).retry_after(hour).on(Route::UserSearch).body(of_slow)]);
    let _operator = world.operator_with(&[&bad, &slow], QUICK);
    bad.connection_reason("default", "Retrying").await;
    world.connection_reason("default", "Succeeded").await;
    slow.connection_reason("default", "Succeeded").await;
    for (of, prefix) in [(&bad, "bad"), (&slow, "slow")] {
        let items: Vec<_> = (0..TWENTY)
            .map(|i| {
                let users = plain_users(&format!("{prefix}{i}u"), 20);
                batch(&of.namespace, &format!("{prefix}{i}"), &json!({"users": users}))
            })
            .collect();
        apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
    }
    let asked_to_wait = || world.sim.requests(Route::UserSearch).iter().any(|r| r.status == Some(429));
    eventually("the slow key to be told to wait", PATIENCE, async || {
        if asked_to_wait() { Ok(()) } else { Err("not yet") }
    })
    .await;
    bad.reason("bad0", "ConnectionNotReady").await;

    let begun = Instant::now();
    world.apply_batch("sales", &json!({"users": plain_users("u", 10)}));
    world.reason("sales", "Succeeded").await;
    // Far below the hour, and the lists of the others.
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert_eq!(world.sim.users().len(), 10);
    // The refused key is not tried for every list.
    let refused =
        world.sim.ledger().iter().filter_map(|e| e.request()).filter(|r| r.status == Some(401)).count();
    assert!(refused < TWENTY, "{refused} requests with a refused key");
    // Mended, it is served, too.
    apply(&secret(&bad.namespace, DEFAULT_KEY).to_string());
    bad.reason("bad0", "Succeeded").await;
}
