//! The API server's side of the fault matrix: every kind of request that the operator makes of it, with everything
//! that can go wrong.
//!
//! A cell's workload needs one request to JumpCloud. Whatever happens to one request to the API server: JumpCloud
//! gets that request once, what it gave is recorded, and status is true. What came of the fault is compared with a
//! table; `FAULT_MATRIX=file` appends the observed one to that file as Markdown.

mod cell;
mod expected;
mod fault;
mod request;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use fault_proxy::Proxy;
use futures::{FutureExt, StreamExt};
use jumpcloud_sim::Settings;
use tokio::sync::Semaphore;

use self::cell::{Cell, Outcome};
use self::fault::{FAULTS, Fault};
use self::request::{ASKS, Ask, Needs};
use super::matrix::told;
use crate::harness::extent::is_full;
use crate::harness::operator::{Operator, QUICK, but};
use crate::harness::plane::plane;
use crate::harness::world::World;

type Observed = BTreeMap<(Ask, Fault), Result<Outcome, String>>;

/// Cells that are alive at once, and operators.
const SIDE_BY_SIDE: (usize, usize) = (16, 4);

/// Times that a slow machine keeps; a call of the API server may take 15 s, which an intent outlasts.
fn flags() -> Vec<(&'static str, &'static str)> {
    let longer = [
        ("--submit-timeout", "20s"),
        ("--unknown-quarantine", "20s"),
        ("--lease-duration", "60s"),
        ("--lease-renew-deadline", "50s"),
        ("--lease-retry-period", "3s"),
        ("--concurrency", "64"),
    ];
    longer.into_iter().fold(QUICK.to_vec(), |flags, (flag, value)| but(&flags, flag, value))
}

fn account(namespace: &str) -> PathBuf {
    plane().service_account_kubeconfig(namespace, "jumpcloud-operator").expect("a token")
}

fn started(proxy: &Proxy, namespace: &str, name: &str, more: &[(&str, &str)], sims: &[&str]) -> Operator {
    let allowed = sims.iter().map(|url| ("--allowed-api-url", *url));
    let flags: Vec<_> = flags().into_iter().chain(more.iter().copied()).chain(allowed).collect();
    // The origin that is named besides the flags is one of them, once more.
    Operator::start_as(proxy.kubeconfig().to_owned(), namespace, name, sims[0], &flags)
}

/// Cells whose faults are about their own objects: one operator for all of them.
async fn of_objects(cells: Vec<Arc<Cell>>) -> Observed {
    let world = World::bare("server-objects", Settings::default()).await;
    cells.iter().for_each(|cell| world.leads_to(&cell.sim));
    let proxy = Proxy::start(&account(&world.namespace), vec![]).expect("the proxy starts");
    let urls: Vec<&str> = cells.iter().map(|cell| cell.sim.url()).collect();
    let operator = started(&proxy, &world.namespace, "a", &[("--leader-elect", "false")], &urls);
    let room = Semaphore::new(SIDE_BY_SIDE.0);
    let runs = cells.iter().map(|cell| {
        let (world, proxy, operator, room) = (&world, &proxy, &operator, &room);
        async move {
            let _room = room.acquire().await.expect("it is never closed");
            lived(cell, world, proxy, operator).await
        }
    });
    futures::stream::iter(runs).buffer_unordered(usize::MAX).collect().await
}

/// A cell whose fault is about an operator: one of its own, which sees its own objects only.
async fn of_operators(cell: Arc<Cell>, world: &World) -> ((Ask, Fault), Result<Outcome, String>) {
    let proxy = Proxy::start(&account(&world.namespace), vec![]).expect("the proxy starts");
    cell.break_things(&proxy);
    let selector = format!("cell={}", cell.name);
    let alone = [("--leader-elect", "false"), ("--watch-selector", selector.as_str())];
    let operator = started(&proxy, &world.namespace, &cell.name, &alone, &[cell.sim.url()]);
    lived(&cell, world, &proxy, &operator).await
}

/// A cell whose fault is about the lease.
async fn of_leases(cell: Arc<Cell>) -> ((Ask, Fault), Result<Outcome, String>) {
    let world = World::bare(&format!("server-{}", cell.name), Settings::default()).await;
    world.leads_to(&cell.sim);
    let proxy = Proxy::start(&account(&world.namespace), vec![]).expect("the proxy starts");
    cell.break_things(&proxy);
    let operator = started(&proxy, &world.namespace, "a", &[], &[cell.sim.url()]);
    lived(&cell, &world, &proxy, &operator).await
}

async fn lived(
    cell: &Cell,
    world: &World,
    proxy: &Proxy,
    operator: &Operator,
) -> ((Ask, Fault), Result<Outcome, String>) {
    let begun = std::time::Instant::now();
    let outcome = AssertUnwindSafe(cell.run(world, proxy, operator)).catch_unwind().await;
    let outcome = outcome.map_err(|panic| told(&*panic));
    eprintln!("{}: {outcome:?} ({:.1} s)", cell.name, begun.elapsed().as_secs_f64());
    if outcome.as_ref().ok() != expected::of(cell.ask, cell.fault).as_ref() {
        let log = operator.log();
        let mine: Vec<&str> = log.lines().filter(|line| line.contains(&cell.name)).collect();
        eprintln!("{}", mine.join("\n"));
    }
    ((cell.ask, cell.fault), outcome)
}

async fn live(cells: Vec<(Ask, Fault)>) -> Observed {
    let mut made = Vec::new();
    for (number, (ask, fault)) in cells.into_iter().enumerate() {
        made.push(Arc::new(Cell::new(ask, fault, number as u64 + 1).await));
    }
    let of = |needs: Needs| -> Vec<Arc<Cell>> {
        made.iter().filter(|cell| cell.ask.needs() == needs).cloned().collect()
    };
    let operators = async {
        let cells = of(Needs::Operator);
        if cells.is_empty() {
            return Observed::new();
        }
        let world = World::bare("server-operators", Settings::default()).await;
        cells.iter().for_each(|cell| world.leads_to(&cell.sim));
        let runs = cells.into_iter().map(|cell| of_operators(cell, &world));
        futures::stream::iter(runs).buffer_unordered(SIDE_BY_SIDE.1).collect().await
    };
    let leases = async {
        let runs = of(Needs::Lease).into_iter().map(of_leases);
        futures::stream::iter(runs).buffer_unordered(SIDE_BY_SIDE.1).collect::<Observed>().await
    };
    let (objects, operators, leases) = tokio::join!(of_objects(of(Needs::Object)), operators, leases);
    objects.into_iter().chain(operators).chain(leases).collect()
}

fn table(observed: &Observed) -> String {
    let columns: Vec<Ask> =
        ASKS.into_iter().filter(|ask| observed.keys().any(|(known, _)| known == ask)).collect();
    let mut text = String::from("| fault |");
    for column in &columns {
        let _ = write!(text, " {} |", column.label());
    }
    let _ = write!(text, " why |\n|---|{}---|\n", "---|".repeat(columns.len()));
    for fault in FAULTS.into_iter().filter(|fault| observed.keys().any(|(_, known)| known == fault)) {
        let _ = write!(text, "| {} |", fault.label());
        for column in &columns {
            let cell = match observed.get(&(*column, fault)) {
                None => String::new(),
                Some(Ok(outcome)) => outcome.to_string(),
                Some(Err(_)) => "**wrong**".to_owned(),
            };
            let _ = write!(text, " {cell} |");
        }
        let _ = writeln!(text, " {} |", expected::why(fault));
    }
    text
}

fn judge(observed: &Observed) {
    let text = table(observed);
    println!("{text}");
    if let Ok(path) = std::env::var("FAULT_MATRIX") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| writeln!(file, "{text}")).expect("the table is written");
    }
    let mut wrong = String::new();
    for ((ask, fault), outcome) in observed {
        let expected = expected::of(*ask, *fault);
        if outcome.as_ref().ok() != expected.as_ref() {
            let _ =
                writeln!(wrong, "{} with {}: {outcome:?}, expected {expected:?}", ask.label(), fault.label());
        }
    }
    assert!(wrong.is_empty(), "{} cells; wrong are:\n{wrong}", observed.len());
}

/// Cells that have found a mistake: a connection that never said anything, and a pass that waited for ever.
const FOUND: [(Ask, Fault); 2] = [(Ask::Connection, Fault::Status(500)), (Ask::Event, Fault::Silence)];

/// All cells; in `make test` some of the objects that are quick, a different fault for each request, and those that
/// have found something.
#[tokio::test(flavor = "multi_thread")]
async fn every_request_with_every_fault() {
    let all: Vec<(Ask, Fault)> =
        ASKS.into_iter().flat_map(|ask| FAULTS.into_iter().map(move |fault| (ask, fault))).collect();
    let bounded = |(index, (ask, fault)): (usize, (Ask, Fault))| {
        let is_silent = matches!(fault, Fault::Silence | Fault::SilenceActed);
        let is_quick = ask.needs() == Needs::Object && !is_silent;
        ((is_quick && index % 11 == 3) || FOUND.contains(&(ask, fault))).then_some((ask, fault))
    };
    let cells = if is_full() { all } else { all.into_iter().enumerate().filter_map(bounded).collect() };
    judge(&live(cells).await);
}
