//! The API server commits an intent and nobody hears of it, while the watch is silent: the process reads its own write
//! back, by itself.
//!
//! When the connection is closed there is time left, and the request is sent as if nothing had been. When no answer ever
//! comes, the call ends long after submitBy: the request is not sent, and settled as one of unknown outcome.

use std::time::Instant;

use fault_proxy::{FaultRule, Which};
use jumpcloud_sim::Route;

use super::crashes::on_a_thread;
use super::workload::{End, LIMIT, Stage, Workload, flags};
use crate::harness::wait::eventually;

/// Runs the first step that sends something, with the reply to its first intent lost in that way.
async fn run(name: String, workload: Workload, lost: FaultRule) {
    let mut stage = Stage::new(&name, workload).await;
    let proxy = stage.calendar.proxy(Vec::new());
    let operator = stage.calendar.replica_behind(&proxy, "a", &flags());
    stage.prepare().await;
    let routes = [Route::BulkCreate, Route::BulkUpdate, Route::UserUpdate, Route::ScheduleCreate];
    let posts = |stage: &Stage| {
        routes.into_iter().map(|route| stage.calendar.sim.requests(route).len()).sum::<usize>()
    };
    let before = posts(&stage);
    let intents = Which::writes().containing("\"Intended\"");
    proxy.set_rules(vec![lost.of(intents).held_after().times(1)]);
    let step = usize::from(workload == Workload::Create);
    stage.declare(step);
    eventually("the intent", LIMIT, async || {
        let is_held = proxy.log().iter().any(|entry| entry.fault.is_some() && entry.upstream == Some(200));
        if is_held { Ok(()) } else { Err("not written") }
    })
    .await;
    proxy.freeze_watches(&Which::all());
    proxy.release();
    let begun = Instant::now();
    let end = eventually("the end", LIMIT, async || stage.ended(step).await).await;
    println!("{name}: {end:?} after {:?}", begun.elapsed());
    assert_eq!(end, End::Done);
    stage.silent(&[&proxy]).await;
    stage.assert_sound(|_| false, 0).await;
    let wanted = match workload {
        Workload::Create => 2,
        Workload::Update => 3,
        Workload::Schedule => 1,
    };
    assert_eq!(posts(&stage) - before, wanted, "requests");
    assert!(!stage.has_adopted().await, "nobody was found by looking");
    let frozen = proxy.log().iter().filter(|entry| entry.fault.as_deref() == Some("watch frozen")).count();
    assert!(frozen >= 3, "{frozen} watches were silent");
    assert_eq!(operator.log().matches("this replica leads lease").count(), 1, "it was the one process");
}

/// All three side by side.
async fn all(name: &'static str, lost: impl Fn() -> FaultRule) {
    let runs = [("create", Workload::Create), ("update", Workload::Update), ("schedule", Workload::Schedule)]
        .map(|(word, workload)| {
            let (name, lost) = (format!("{name}-{word}"), lost());
            on_a_thread(move || run(name, workload, lost))
        });
    let failed: Vec<_> = futures::future::join_all(runs).await.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_whose_reply_is_lost_is_read_back() {
    all("unheard", FaultRule::drop_reply).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_is_never_answered_is_not_sent_late() {
    all("unanswered", || FaultRule::silence().acting()).await;
}
