//! JumpCloud's side of the fault matrix: every route that the operator calls, with everything that can go wrong.
//!
//! Each cell has a simulator, a connection and an object of its own; cells of a stage share one operator. A cell's
//! fault fires once, or three times in a row where that makes a difference; then everything must come to its end
//! without a person, but where the expected table says otherwise. What came of it is compared with that table.
//! `FAULT_MATRIX=file` appends the observed table to that file as Markdown.

pub mod cell;
mod endpoint;
mod expected;
mod fault;
mod outcome;
pub mod stage;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use tokio::sync::Semaphore;

use self::cell::Cell;
use self::endpoint::{ENDPOINTS, Endpoint};
use self::fault::{FAULTS, Fault};
use self::outcome::Outcome;
use self::stage::{Stage, flags};
use crate::harness::declare::apply;
use crate::harness::extent::is_full;
use crate::harness::plane::plane;

/// A row of the table: the fault, and how often it fires.
type Row = (Fault, u32);

/// What is observed, or what went wrong.
type Observed = BTreeMap<(Row, Endpoint), Result<Outcome, String>>;

/// Cells that are alive at once on a stage: more would make a busy machine look like a slow JumpCloud.
const SIDE_BY_SIDE: usize = 14;

/// Lives these cells on a stage of their own.
async fn live(name: &str, cells: Vec<(Row, Endpoint)>) -> Observed {
    let mut made = Vec::new();
    for ((fault, times), endpoint) in &cells {
        made.push(Arc::new(Cell::new(name, *endpoint, *fault, *times).await));
    }
    let sims: Vec<_> = made.iter().map(|cell| Arc::clone(&cell.sim)).collect();
    let stage = Arc::new(Stage::begin(name, &sims, &flags()).await);
    apply(
        &serde_json::json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": name, "name": "account"},
            "stringData": {"client-id": "the-client", "client-secret": "the-secret"},
        })
        .to_string(),
    );
    let room = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let runs = made.into_iter().zip(cells).map(|(cell, place)| {
        let (stage, room) = (Arc::clone(&stage), Arc::clone(&room));
        let run = async move {
            let _room = room.acquire().await.expect("it is never closed");
            let begun = std::time::Instant::now();
            let outcome = cell.run(&stage).await;
            eprintln!("{}: {outcome} ({:.1} s)", cell.name, begun.elapsed().as_secs_f64());
            outcome
        };
        // A cell that panics fails alone.
        async move { (place, AssertUnwindSafe(run).catch_unwind().await.map_err(|panic| told(&*panic))) }
    });
    futures::stream::iter(runs).buffer_unordered(usize::MAX).collect().await
}

/// What a panic said.
pub fn told(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// The table as Markdown, with all columns that have a cell.
fn table(observed: &Observed) -> String {
    let columns: Vec<Endpoint> =
        ENDPOINTS.into_iter().filter(|e| observed.keys().any(|(_, endpoint)| endpoint == e)).collect();
    let mut rows: Vec<Row> = observed.keys().map(|(row, _)| *row).collect();
    rows.sort_by_key(|(fault, times)| (*times, FAULTS.iter().position(|known| known == fault)));
    rows.dedup();
    let mut text = String::from("| fault |");
    for column in &columns {
        let _ = write!(text, " {} |", column.label());
    }
    let _ = write!(text, " why |\n|---|{}---|\n", "---|".repeat(columns.len()));
    for row in rows {
        let (fault, times) = row;
        let often = if times == 1 { String::new() } else { format!(", {times} in a row") };
        let _ = write!(text, "| {}{often} |", fault.label());
        for column in &columns {
            let cell = match observed.get(&(row, *column)) {
                None => String::new(),
                Some(Ok(outcome)) => outcome.to_string(),
                Some(Err(_)) => "**wrong**".to_owned(),
            };
            let _ = write!(text, " {cell} |");
        }
        let _ = writeln!(text, " {} |", expected::why(fault, times));
    }
    text
}

/// Prints the table, and fails when a cell is not as expected.
fn judge(observed: &Observed) {
    let text = table(observed);
    println!("{text}");
    if let Ok(path) = std::env::var("FAULT_MATRIX") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| writeln!(file, "{text}")).expect("the table is written");
    }
    let mut wrong = String::new();
    for (((fault, times), endpoint), outcome) in observed {
        let expected = expected::of(*endpoint, *fault, *times);
        match outcome {
            Ok(outcome) if expected.contains(outcome) => {}
            Ok(outcome) => {
                let _ = writeln!(
                    wrong,
                    "{} with {} x{times}: {outcome}, expected {expected:?}",
                    endpoint.label(),
                    fault.label()
                );
            }
            Err(text) => {
                let _ = writeln!(wrong, "{} with {} x{times}: {text}", endpoint.label(), fault.label());
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells; wrong are:\n{wrong}", observed.len());
}

/// The whole table has a stage for each route; `make test` has sixteen cells on one, which take every route and a
/// different fault each.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_with_every_fault() {
    plane();
    if !is_full() {
        return judge(&live("matrix", slice()).await);
    }
    let stages = ENDPOINTS.into_iter().map(|endpoint| {
        let name = format!("matrix-{endpoint:?}").to_lowercase();
        let cells = expected::rows().into_iter().map(|row| (row, endpoint)).collect();
        async move { live(&name, cells).await }
    });
    let mut observed = Observed::new();
    let mut stages = futures::stream::iter(stages).buffer_unordered(3);
    while let Some(more) = stages.next().await {
        observed.extend(more);
    }
    judge(&observed);
}

/// A diagonal of the table, without the cells that take long.
fn slice() -> Vec<(Row, Endpoint)> {
    let quick: Vec<Fault> = FAULTS.into_iter().filter(|fault| !fault.is_slow()).collect();
    (0..16).map(|i| ((quick[(i * 11 + 1) % quick.len()], 1), ENDPOINTS[i % ENDPOINTS.len()])).collect()
}
