//! Point 6 of the fault plan, beside `strange.rs`: pages of results that go wrong one by one.

use std::time::Duration;

use jumpcloud_operator::api::user_status::UserStatus;
use jumpcloud_sim::{Act, FaultRule, Pattern, Reply, Route, Settings};
use serde_json::json;

use crate::harness::extent::part_of;
use crate::harness::manifests::plain_users;
use crate::harness::operator::{QUICK, but};
use crate::harness::truth::{assert_single_create, assert_true};
use crate::harness::world::World;

fn flags() -> Vec<(&'static str, &'static str)> {
    let flags = [("--submit-timeout", "8s"), ("--unknown-quarantine", "8s")];
    flags.into_iter().fold(QUICK.to_vec(), |flags, (flag, value)| but(&flags, flag, value))
}

/// The pages of results that were asked for, by what they skip.
fn pages(world: &World) -> Vec<String> {
    let skips = world.sim.requests(Route::BulkResults).into_iter().map(|request| {
        let query = request.path.split_once('?').map_or("", |(_, query)| query).to_owned();
        query.split('&').find_map(|pair| pair.strip_prefix("skip=")).unwrap_or_default().to_owned()
    });
    skips.collect()
}

/// A hundred rows fill one page: no second one is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_page_of_all_rows_is_the_last() {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 0;
    let world = World::new("pages-full", settings).await;
    let _operator = world.operator(&flags());
    world.apply_batch("sales", &json!({"users": plain_users("p", 100)}));
    assert_true(&world.sim, &world.reason("sales", "Succeeded").await);
    let pages = pages(&world);
    assert!(!pages.is_empty() && pages.iter().all(|skip| skip == "0"), "{pages:?}");
}

/// The first page comes and the second does not. The job is followed on, and nobody is sent again.
async fn second(word: &str, rule: FaultRule) {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 300;
    let world = World::new(&format!("pages-{word}"), settings).await;
    let second = Pattern::new("skip=100").expect("a pattern");
    world.sim.set_faults(vec![rule.on(Route::BulkResults).path(second).times(2)]);
    let _operator = world.operator(&flags());
    world.apply_batch("sales", &json!({"users": plain_users("p", 150), "batchSize": 150}));
    let status = world.reason("sales", "Succeeded").await;
    assert_true(&world.sim, &status);
    assert_single_create(&world.sim, |_| false);
    assert_eq!(world.sim.requests(Route::BulkCreate).len(), 1, "{word}: sent again");
    let fired = world.sim.requests(Route::BulkResults).iter().filter(|r| r.fault.is_some()).count();
    assert!(fired > 0, "{word}: no second page went wrong");
    // A job that is not known any more is settled by looking; else its rows tell.
    let by_rows = |user: &&UserStatus| user.reason.is_none() || word == "404";
    let created = status.users.iter().filter(|user| user.result == "Created").filter(by_rows).count();
    assert_eq!(created, 150, "{word}: {:?}", status.users.first());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_page_that_goes_wrong() {
    let acted = |reply| FaultRule::new(Act::Acts, reply);
    let all = vec![
        // The job is not known any more: its users are looked up, never sent again.
        ("404", FaultRule::status(404)),
        ("500", FaultRule::status(500)),
        ("429", FaultRule::status(429)),
        ("reset", FaultRule::reset_reply()),
        ("truncated", acted(Reply::Truncated { bytes: 900 })),
        ("html", acted(Reply::Html)),
        ("empty", acted(Reply::Body { text: "[]".to_owned() })),
        ("object", acted(Reply::Body { text: "{}".to_owned() })),
        ("late", FaultRule::new(Act::Acts, Reply::AsIs).after(Duration::from_secs(17))),
    ];
    let all = part_of(all, 5);
    futures::future::join_all(all.into_iter().map(|(word, rule)| second(word, rule))).await;
}
