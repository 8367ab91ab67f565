//! Point 10 of the fault plan: the object changes, or loses what it has recorded, while a request of it is held in
//! flight: accepted and not ended, of unknown outcome, or intended and never sent.
//!
//! Each cell has a simulator, a connection and an object of its own; all share one operator behind a proxy. Whatever
//! is edited, nobody is made twice and status is true. A record that somebody has destroyed tells nothing any more:
//! then a second job may name the same users, and JumpCloud refuses the names; what is there is told as not ours.

mod cell;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use fault_proxy::Proxy;
use futures::{FutureExt, StreamExt};
use jumpcloud_sim::{Route, Settings};
use serde_json::json;
use tokio::sync::Semaphore;

use self::cell::{Cell, Edit, Held, Kind};
use super::matrix::told;
use crate::harness::extent::part_of;
use crate::harness::grants;
use crate::harness::manifests::plain_users;
use crate::harness::operator::{Operator, QUICK, but};
use crate::harness::plane::{kubectl, plane};
use crate::harness::schedules::{Calendar, ahead, by_username, events_of};
use crate::harness::wait::eventually;
use crate::harness::world::{PATIENCE, World};

fn flags() -> Vec<(&'static str, &'static str)> {
    let longer = [
        ("--submit-timeout", "8s"),
        ("--unknown-quarantine", "10s"),
        ("--lease-duration", "60s"),
        ("--lease-renew-deadline", "50s"),
        ("--concurrency", "64"),
        ("--leader-elect", "false"),
    ];
    longer.into_iter().fold(QUICK.to_vec(), |flags, (flag, value)| but(&flags, flag, value))
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_change_while_a_request_is_held() {
    let mut cells = Vec::new();
    for kind in [Kind::Batch, Kind::Schedule] {
        for held in [Held::Accepted, Held::Unknown, Held::Intended] {
            for edit in [Edit::Added, Edit::Removed, Edit::Renamed, Edit::Replaced, Edit::Wiped] {
                cells.push((kind, held, edit));
            }
        }
    }
    let mut made = Vec::new();
    for (number, (kind, held, edit)) in part_of(cells, 4).into_iter().enumerate() {
        made.push(Cell::new(kind, held, edit, number as u64 + 1).await);
    }
    let world = World::bare("edits", Settings::default()).await;
    made.iter().for_each(|cell| world.leads_to(&cell.sim));
    crate::harness::declare::apply(
        &crate::harness::manifests::secret(&world.namespace, jumpcloud_sim::DEFAULT_KEY).to_string(),
    );
    let account = plane().service_account_kubeconfig("edits", "jumpcloud-operator").expect("a token");
    let proxy = Proxy::start(&account, vec![]).expect("the proxy starts");
    let allowed = made.iter().map(|cell| ("--allowed-api-url", cell.sim.url()));
    let flags: Vec<_> = flags().into_iter().chain(allowed).collect();
    let kubeconfig = proxy.kubeconfig().to_owned();
    let operator = Operator::start_as(kubeconfig, "edits", "a", world.sim.url(), &flags);
    let room = Arc::new(Semaphore::new(12));
    let runs = made.iter().map(|cell| {
        let (world, proxy, room) = (&world, &proxy, Arc::clone(&room));
        async move {
            let _room = room.acquire().await.expect("it is never closed");
            let begun = std::time::Instant::now();
            let ended = AssertUnwindSafe(cell.run(world, proxy)).catch_unwind().await;
            eprintln!("{}: {} ({:.1} s)", cell.name, ended.is_ok(), begun.elapsed().as_secs_f64());
            ended.err().map(|panic| format!("{}: {}", cell.name, told(&*panic)))
        }
    });
    let wrong: Vec<String> = futures::stream::iter(runs)
        .buffer_unordered(usize::MAX)
        .filter_map(std::future::ready)
        .collect()
        .await;
    drop(operator);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A namespace that ends takes everything along: no finalizer keeps it, no event is left in JumpCloud, and nobody is
/// sent any more.
#[tokio::test(flavor = "multi_thread")]
async fn namespaces_that_end_while_a_request_is_held() {
    let all = part_of(vec![Held::Unknown, Held::Accepted, Held::Intended], 3);
    futures::future::join_all(all.into_iter().map(ended)).await;
}

async fn ended(held: Held) {
    let name = format!("edits-end-{held:?}").to_lowercase();
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 3000;
    // The operator's own account is to outlive the namespace.
    let home = World::new(&format!("{name}-home"), settings).await;
    let calendar = Calendar::of(home.beside(&name));
    grants::beyond(&home.namespace);
    let proxy = home.proxy(vec![]);
    let watched = [("--watch-namespace", name.as_str())];
    let _operator = home.operator_behind(&proxy, &[&flags()[..], &watched].concat());
    calendar.connection_reason("default", "Succeeded").await;
    calendar.add_users("leaver", 3, "ACTIVATED");
    held.hold(&calendar.sim, &proxy, Route::BulkCreate, "jumpclouduserbatches/status", "hires");
    held.hold(&calendar.sim, &proxy, Route::ScheduleCreate, "scheduleduserstates/status", "leavers");
    calendar.apply_batch("hires", &json!({"users": plain_users("hire", 3)}));
    let users = by_username((0..3).map(|i| format!("leaver{i:04}")));
    let time = ahead(5 * 3600).to_string();
    calendar.apply_schedule("leavers", &json!({"users": users, "state": "Suspended", "startTime": time}));
    eventually("both to be held", PATIENCE, async || {
        let holds = |route, resource| held.holds(&calendar.sim, &proxy, route, resource);
        let both = holds(Route::BulkCreate, "jumpclouduserbatches")
            && holds(Route::ScheduleCreate, "scheduleduserstates");
        if both { Ok(()) } else { Err(calendar.sim.ledger().len()) }
    })
    .await;
    let posts = || [Route::BulkCreate, Route::BulkUpdate].map(|route| calendar.sim.requests(route).len());
    let before = posts();
    kubectl(&["delete", "namespace", &name, "--wait=false"], "");
    eventually(&format!("{name}: the end of the namespace"), Duration::from_secs(180), async || {
        let found = kubectl(&["get", "namespace", &name, "-o", "name", "--ignore-not-found"], "");
        if found.text.trim().is_empty() { Ok(()) } else { Err(found.text) }
    })
    .await;
    assert_eq!(events_of(&calendar.sim), [], "{name}: events are left in JumpCloud");
    calendar.sim.quiet_for(Duration::from_secs(2), PATIENCE).await.expect("it is quiet");
    // A request whose record was there before the deletion may still go out once, in time: the process that holds
    // it has not heard of the deletion.
    let most = if held == Held::Intended { [1, 0] } else { before };
    assert!(posts() <= most, "{name}: sent after the end: {:?}, {most:?} at most", posts());
}
