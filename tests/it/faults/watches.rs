//! What the operator is told by watches and lists is late, old, twice, in pieces, or nothing at all.

use std::time::{Duration, Instant};

use fault_proxy::{Entry, EventFault, FaultRule, Verb, Which};
use serde_json::json;

use super::pair::{Pair, USERS, flags};
use crate::harness::extent::is_full;
use crate::harness::manifests::plain_users;
use crate::harness::operator::{QUICK, but};
use crate::harness::schedules::{ahead, all_at, assert_scheduled_true, dates_of};
use crate::harness::truth::{assert_single_create, assert_true, existing};
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

/// The kinds that are watched.
const KINDS: [&str; 3] = ["jumpclouduserbatches", "scheduleduserstates", "jumpcloudconnections"];

fn events() -> Which {
    Which::verb(Verb::Watch)
}

/// Every event of a watch comes only when the watch was cut before it, and all are cut while JumpCloud is asked.
#[tokio::test(flavor = "multi_thread")]
async fn watches_that_are_cut() {
    let rule = FaultRule::event(EventFault::Cut).of(Which::verb(Verb::Watch)).each().in_a_row(1);
    let pair = Pair::begin("api-cut", vec![rule]).await;
    pair.under_way(Duration::from_secs(1)).await;
    pair.proxy.cut_watches(&Which::all());
    pair.settled().await;
    for kind in ["jumpclouduserbatches", "scheduleduserstates"] {
        assert!(pair.faults(kind) > 0, "no watch of {kind} was cut");
    }
}

/// The first list of connections, the first event of either object, and the list that is made because of it say 410.
///
/// Three errors for each kind, and not more: the pause after each is twice the one before.
#[tokio::test(flavor = "multi_thread")]
async fn lists_and_watches_that_have_expired() {
    let list = |kind: &str| FaultRule::status(410).of(Which::verb(Verb::List).on(kind)).times(1);
    let event =
        |name: &str| FaultRule::event(EventFault::Gone).of(Which::verb(Verb::Watch).named(name)).times(1);
    let pair = Pair::begin("api-410", vec![list("jumpcloudconnections")]).await;
    for (kind, name) in [("jumpclouduserbatches", "hires"), ("scheduleduserstates", "leavers")] {
        pair.proxy.add_rule(event(name));
        pair.proxy.add_rule(list(kind));
    }
    pair.declare();
    pair.settled().await;
    let faults: Vec<_> = pair.proxy.log().into_iter().filter(|entry| entry.fault.is_some()).collect();
    for kind in ["jumpclouduserbatches", "scheduleduserstates", "jumpcloudconnections"] {
        let is_it = |entry: &Entry| entry.target.resource == kind && entry.sent == Some(410);
        assert!(faults.iter().any(is_it), "no list of {kind} was refused");
    }
    for object in ["hires", "leavers"] {
        let is_it = |entry: &Entry| entry.target.name == object && entry.event.is_some();
        assert!(faults.iter().any(is_it), "the watch of {object} did not expire");
    }
}

/// Each event comes a second and a half late, and then several at once, of each object the last or all of them.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_late_and_together() {
    let time = Duration::from_millis(1500);
    let runs = [EventFault::Merge(time), EventFault::Delay(time)].map(|fault| async move {
        let name = if matches!(fault, EventFault::Merge(_)) { "api-merged" } else { "api-delayed" };
        let pair = Pair::begin(name, vec![FaultRule::event(fault).of(events())]).await;
        pair.declare();
        pair.settled().await;
        for kind in KINDS {
            assert!(pair.faults(kind) > 0, "{name}: no event of {kind} was late");
        }
    });
    futures::future::join_all(runs).await;
}

/// Each event comes twice.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_twice() {
    let pair = Pair::begin("api-twice", vec![FaultRule::event(EventFault::Repeat).of(events())]).await;
    pair.declare();
    pair.settled().await;
    assert!(KINDS.iter().all(|kind| pair.faults(kind) > 0));
}

/// Of either object the first event comes and no other, so that nothing is ever told of its own writes. An edit
/// that is made while a request is under way is seen all the same: a pass reads the object itself.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_never_come() {
    let never = |name: &str| FaultRule::event(EventFault::Drop).of(events().named(name)).skip(1);
    let pair = Pair::begin("api-never", vec![never("hires"), never("leavers")]).await;
    pair.under_way(Duration::from_secs(4)).await;
    let later = ahead(6 * 3600);
    pair.calendar.apply_batch("hires", &json!({"users": plain_users("hire", USERS + 2)}));
    pair.calendar.edit("leavers", &json!({"startTime": later.to_string()}));
    let status = pair.calendar.reason("hires", "Succeeded").await;
    assert_true(&pair.calendar.sim, &status);
    assert_eq!(status.users.len(), USERS + 2);
    assert_single_create(&pair.calendar.sim, |_| false);
    let status = pair.calendar.comes_to("leavers", "Scheduled").await;
    assert_scheduled_true(&pair.calendar.sim, &status);
    assert_eq!(dates_of(&pair.calendar.sim), all_at(&pair.leavers, later));
    pair.silent().await;
    assert!(pair.faults("jumpclouduserbatches") > 0 && pair.faults("scheduleduserstates") > 0);
}

/// A process that begins is told of objects as they were before anything happened to them. It sends nothing and
/// writes nothing: what decides is read by itself.
#[tokio::test(flavor = "multi_thread")]
async fn lists_that_are_old() {
    let pair = Pair::begin("api-stale", vec![]).await;
    pair.operator.kill();
    pair.declare();
    let first = pair.calendar.replica_behind(&pair.proxy, "b", &flags());
    pair.is_true().await;
    first.kill();
    let mark = pair.proxy.log().len() as u64;
    pair.proxy
        .set_rules(KINDS.map(|kind| FaultRule::stale().of(Which::verb(Verb::List).on(kind)).times(2)).into());
    let _second = pair.calendar.replica_behind(&pair.proxy, "c", &flags());
    eventually("passes after the old lists", PATIENCE, async || {
        let log = pair.proxy.log_since(mark);
        let got = |kind: &str| log.iter().any(|e| e.target.verb == Verb::Get && e.target.resource == kind);
        let stale = log.iter().filter(|e| e.fault.as_deref() == Some("acts, stale")).count();
        if got(KINDS[0]) && got(KINDS[1]) && stale >= 3 { Ok(()) } else { Err(stale) }
    })
    .await;
    pair.silent().await;
    let log = pair.proxy.log_since(mark);
    // A connection's status may be tried, on the old version: that is refused.
    let is_write =
        |e: &&Entry| e.target.verb.is_write() && e.target.resource != "leases" && e.upstream == Some(200);
    let writes: Vec<_> = log.iter().filter(is_write).map(|e| &e.target).collect();
    assert!(writes.is_empty(), "written because of an old list: {writes:?}");
    assert_eq!(pair.posts(), (1, 1));
}

/// Watches that are open and say nothing: they are given up, and what was edited meanwhile is done.
#[tokio::test(flavor = "multi_thread")]
async fn watches_that_fall_silent() {
    if !is_full() {
        return;
    }
    let pair = Pair::begin("api-frozen", vec![]).await;
    pair.declare();
    pair.settled().await;
    let mark = pair.proxy.log().len() as u64;
    pair.proxy.freeze_watches(&Which::all());
    eventually("all watches to be frozen", PATIENCE, async || {
        let frozen = |kind: &str| {
            let log = pair.proxy.log_since(mark);
            log.iter().any(|e| e.target.resource == kind && e.fault.as_deref() == Some("watch frozen"))
        };
        if KINDS.iter().all(|kind| frozen(kind)) { Ok(()) } else { Err(()) }
    })
    .await;
    let begun = Instant::now();
    let later = ahead(6 * 3600);
    pair.calendar.apply_batch("hires", &json!({"users": plain_users("hire", USERS + 2)}));
    pair.calendar.edit("leavers", &json!({"startTime": later.to_string()}));
    // 65 s until a watch is given up, and a pause before the next.
    let bound = Duration::from_secs(65) + Duration::from_secs(25);
    let status = pair.calendar.reason_within("hires", "Succeeded", bound).await;
    assert_true(&pair.calendar.sim, &status);
    assert_eq!(existing(&pair.calendar.sim).len(), 2 * USERS + 2);
    assert_single_create(&pair.calendar.sim, |_| false);
    let left = bound.saturating_sub(begun.elapsed()).max(Duration::from_secs(10));
    let status = pair.calendar.comes_to_within("leavers", "Scheduled", left).await;
    assert_scheduled_true(&pair.calendar.sim, &status);
    assert_eq!(dates_of(&pair.calendar.sim), all_at(&pair.leavers, later));
    pair.silent().await;
}

/// Nothing at all is answered for a while, in the middle: shorter than the lease, so that the process lives
/// through it, or longer, so that it ends and is started again.
async fn silence(name: &str, time: Duration, flags: &[(&'static str, &'static str)]) {
    let pair = Pair::with(name, vec![], flags).await;
    pair.under_way(Duration::from_secs(3)).await;
    pair.proxy.freeze_watches(&Which::all());
    pair.proxy.set_rules(vec![FaultRule::silence().lasting(time)]);
    let mark = pair.proxy.log().len() as u64;
    let begun = Instant::now();
    let Pair { calendar, proxy, operator, leavers, time: at } = pair;
    let mut operator = Some(operator);
    eventually("the end of the silence", PATIENCE, async || {
        operator = operator.take().map(crate::harness::operator::Operator::keep);
        let answered =
            proxy.log_since(mark).iter().any(|entry| entry.fault.is_none() && entry.sent.is_some());
        if answered { Ok(()) } else { Err(begun.elapsed()) }
    })
    .await;
    assert!(begun.elapsed() + Duration::from_secs(1) >= time, "it was answered after {:?}", begun.elapsed());
    let (status, scheduled) = eventually("both to be done", PATIENCE, async || {
        operator = operator.take().map(crate::harness::operator::Operator::keep);
        let batch = calendar.succeeded("hires").await?;
        Ok::<_, String>((batch, calendar.stands("leavers", "Scheduled").await?))
    })
    .await;
    let sim = &calendar.sim;
    assert_true(sim, &status);
    assert_single_create(sim, |_| false);
    assert_eq!(existing(sim).len(), 2 * USERS);
    assert_scheduled_true(sim, &scheduled);
    assert_eq!(dates_of(sim), all_at(&leavers, at));
    let ended = operator.expect("it is there").log().matches("lease lost").count();
    assert_eq!(ended > 0, name.ends_with("long"), "lease lost {ended} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_silent_for_a_while() {
    silence("api-silent", Duration::from_secs(8), &flags()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_silent_for_longer_than_the_lease() {
    if is_full() {
        let short = [
            ("--lease-duration", "12s"),
            ("--lease-renew-deadline", "10s"),
            ("--submit-timeout", "8s"),
            ("--unknown-quarantine", "8s"),
        ];
        let flags = short.into_iter().fold(QUICK.to_vec(), |flags, (flag, value)| but(&flags, flag, value));
        silence("api-silent-long", Duration::from_secs(25), &flags).await;
    }
}
