//! Too much of everything: objects as large as they may be, by the hundred; edits by the dozen a second.

use std::time::{Duration, Instant};

use devenv::supervised::Signal;
use jumpcloud_operator::api::user_batch::JumpCloudUserBatch;
use jumpcloud_sim::{Route, Settings};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::harness::declare::apply;
use crate::harness::extent::is_full;
use crate::harness::manifests::{batch, connection, plain_users, users};
use crate::harness::operator::{QUICK, but};
use crate::harness::schedules::{Calendar, Calls, ahead, dates_of, rows, seq};
use crate::harness::wait::eventually;
use crate::harness::world::{PATIENCE, World};

/// Most memory that the operator of a namespace has had.
pub fn peak_memory(namespace: &str) -> u64 {
    let entries = std::fs::read_dir("/proc").expect("/proc is there").flatten();
    let peaks = entries.filter_map(|entry| {
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        let mut words = command.split(|byte| *byte == 0);
        let ours = words.any(|word| word == b"run") && words.any(|word| word == namespace.as_bytes());
        let status = std::fs::read_to_string(entry.path().join("status")).ok().filter(|_| ours)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
    });
    peaks.max().expect("the operator runs")
}

/// Bytes of an object as large as is taken.
const MAXIMAL: usize = 880 * 1024;

fn maximal(namespace: &str, index: usize) -> Value {
    let mut rows = plain_users(&format!("big{index:05}u"), 500);
    let plain = rows.iter().map(|row| row.to_string().len() + 1).sum::<usize>();
    let each = (MAXIMAL - plain) / rows.len() - r#","description":"","company":"""#.len();
    for row in &mut rows {
        row["description"] = "d".repeat(each.min(1000)).into();
        row["company"] = "c".repeat(each.saturating_sub(1000).max(1)).into();
    }
    batch(namespace, &format!("big{index:05}"), &json!({"batchSize": 500, "users": rows}))
}

/// One tenant's lists of 500 users and 880 KiB each, on a key that lets through two requests a second; another tenant's
/// small list is served meanwhile, and memory is bounded by what is worked at, not by what there is.
///
/// 10,000 of them are 8.6 GiB, more than etcd takes: whole, it is as many as it bears.
#[tokio::test(flavor = "multi_thread")]
async fn case_11_maximal_objects_of_one_tenant_leave_room_for_others() {
    let count = if is_full() { 1000 } else { 12 };
    let world = World::new("abuse-small", Settings::default()).await;
    let big = world.beside("abuse-big");
    world.sim.add_key(jumpcloud_sim::DEFAULT_ORGANISATION, "the-key-of-the-big").expect("a key");
    apply(&crate::harness::manifests::secret(&big.namespace, "the-key-of-the-big").to_string());
    let mut slow = connection(&big.namespace, "default", world.sim.url());
    slow["spec"]["limits"] = json!({"requestsPerSecond": 2, "burst": 10});
    apply(&slow.to_string());
    // An API server that is busy with objects of this size must not cost the operator its lease.
    let patient = but(&but(QUICK, "--lease-duration", "120s"), "--lease-renew-deadline", "100s");
    let first = world.operator_with(&[&big], &patient);
    world.connection_reason("default", "Succeeded").await;
    big.connection_reason("default", "Succeeded").await;
    world.apply_batch("first", &json!({"users": plain_users("f", 2)}));
    world.reason("first", "Succeeded").await;
    let before = peak_memory(&world.namespace);

    let batches: Api<JumpCloudUserBatch> = Api::namespaced(world.client.clone(), &big.namespace);
    let begun = Instant::now();
    let mut made = 0_u64;
    for index in 0..count {
        // Eight minutes are for all of it.
        if begun.elapsed() > Duration::from_secs(300) {
            break;
        }
        let object = serde_json::from_value(maximal(&big.namespace, index)).expect("a batch");
        batches.create(&PostParams::default(), &object).await.expect("the largest object is taken");
        made += 1;
    }
    eventually("the big ones to be worked at", PATIENCE, async || {
        let status = big.status("big00000").await;
        let ready = status.conditions.iter().find(|c| c.type_ == "Ready");
        match ready.map(|ready| ready.reason.as_str()) {
            Some("Progressing" | "RateLimited" | "Succeeded") => Ok(()),
            _ => Err(status.conditions),
        }
    })
    .await;
    // What is kept of an object is some dozen bytes of fingerprints a user; what is worked at is a page of objects.
    let bound = before + (160 << 20) + made * (48 << 10);
    let served = async |name: &str, when: &str| {
        let begun = Instant::now();
        world.apply_batch(name, &json!({"users": plain_users(name, 2)}));
        world.reason(name, "Succeeded").await;
        let (took, peak) = (begun.elapsed(), peak_memory(&world.namespace));
        eprintln!(
            "{made} objects of 880 KiB, {when}: the other tenant took {took:?}; {peak} bytes at most, {before} before"
        );
        assert!(took < Duration::from_secs(90), "{when}: {took:?}");
        assert!(peak < bound, "{when}: {peak} bytes with {made} objects, {before} before");
    };
    served("second", "while they come").await;
    // In order, so that the next one need not wait for the lease: a second signal would end it at once.
    first.signal(Signal::Term);
    assert!(first.ended(PATIENCE).is_some(), "it does not end");
    drop(first);
    let flags = [&[("--watch-namespace", big.namespace.as_str())][..], &patient].concat();
    let _second = world.replica("b", &flags);
    served("third", "after a restart").await;
    assert!(made == count as u64 || made >= 100, "{made}");
}

/// 50 edits a second of one list, each with another value: what is sent is bounded by time, not by edits, and the last
/// value is the one that stays.
#[tokio::test(flavor = "multi_thread")]
async fn case_12_fifty_edits_a_second_of_a_list_cost_calls_by_time() {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 500;
    let world = World::new("abuse-edits", settings).await;
    let _operator = world.operator(QUICK);
    world.apply_batch("sales", &json!({"users": plain_users("e", 5)}));
    world.reason("sales", "Succeeded").await;
    let since = seq(&world.sim);
    let (edits, took) = edit(&world, |index| {
        let list = users("e", 5, |_| json!({"company": format!("Company {index}")}));
        ("jumpclouduserbatches", "sales", json!({"spec": {"users": list}}))
    })
    .await;
    let last = format!("Company {}", edits - 1);
    eventually("the last value", PATIENCE, async || {
        let company = world.sim.user("e0000").expect("a user")["company"].clone();
        if company == last { Ok(()) } else { Err(company) }
    })
    .await;
    world.reason("sales", "Succeeded").await;
    let seconds = took.as_secs_f64();
    let calls = world.sim.ledger_since(since).iter().filter(|entry| entry.request().is_some()).count();
    let updates = world.sim.requests(Route::BulkUpdate).len();
    eprintln!("{edits} edits in {seconds:.1} s: {updates} updates, {calls} calls");
    // A job takes half a second and a poll a second: one update a second, with a look before and after, and the polls.
    assert!((updates as f64) <= seconds + 5.0, "{updates} updates in {seconds} s");
    assert!((calls as f64) <= 6.0 * seconds + 20.0, "{calls} calls in {seconds} s");
}

/// The same of a date: what is listed in the end is the last one, once.
#[tokio::test(flavor = "multi_thread")]
async fn case_12_fifty_edits_a_second_of_a_date_end_in_one_event() {
    let (calendar, _operator) = Calendar::running("abuse-moves", Settings::default(), QUICK).await;
    let id = calendar.add_user("m0000", "ACTIVATED");
    let spec = json!({"users": rows("m", 1), "state": "Suspended", "startTime": ahead(7200).to_string()});
    calendar.apply_schedule("moves", &spec);
    calendar.comes_to("moves", "Scheduled").await;
    let since = seq(&calendar.sim);
    let first = ahead(9000);
    let date = |index: usize| first + jiff::SignedDuration::from_mins(i64::try_from(index).expect("few"));
    let (edits, took) = edit(&calendar, |index| {
        ("scheduleduserstates", "moves", json!({"spec": {"startTime": date(index).to_string()}}))
    })
    .await;
    eventually("the last date alone", PATIENCE, async || {
        let dates = dates_of(&calendar.sim);
        if dates == [(id.clone(), date(edits - 1))] { Ok(()) } else { Err(dates) }
    })
    .await;
    calendar.comes_to("moves", "Scheduled").await;
    let calls = Calls::since(&calendar.sim, since);
    let (all, seconds) = (calls.posts + calls.deletes + calls.looks() + calls.searches, took.as_secs_f64());
    eprintln!("{edits} edits in {seconds:.1} s: {calls:?}");
    assert!(calls.posts < edits, "{calls:?}");
    assert!((all as f64) <= 100.0 * seconds + 20.0, "more than the connection allows: {all} in {seconds} s");
}

/// Edits an object 50 times a second for some seconds, several edits at a time where the API server is slow, and once
/// more in the end; how often, and how long it took.
async fn edit(
    world: &World,
    patch: impl Fn(usize) -> (&'static str, &'static str, Value),
) -> (usize, Duration) {
    const AT_A_TIME: usize = 10;
    let seconds = if is_full() { 30 } else { 5 };
    let send = |index: usize| {
        let (plural, name, change) = patch(index);
        let resource = kube::api::ApiResource {
            group: "jumpcloud-operator.dev".to_owned(),
            version: "v1alpha1".to_owned(),
            api_version: "jumpcloud-operator.dev/v1alpha1".to_owned(),
            kind: String::new(),
            plural: plural.to_owned(),
        };
        let api: Api<kube::api::DynamicObject> =
            Api::namespaced_with(world.client.clone(), &world.namespace, &resource);
        async move {
            api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(&change)).await.expect("an edit");
        }
    };
    let begun = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let mut running = tokio::task::JoinSet::new();
    let mut index = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        tick.tick().await;
        if running.len() >= AT_A_TIME {
            running.join_next().await.expect("one of them").expect("it does not panic");
        }
        running.spawn(send(index));
        index += 1;
    }
    running.join_all().await;
    send(index).await;
    (index + 1, begun.elapsed())
}
