//! Bars 5 and 6: a thousand submissions of thirty users while a quarter of all requests goes wrong, on both sides.
//!
//! Batches that create, batches that are edited once they stand, and schedules, up to fifty side by side, all of
//! one connection; two replicas with a lease of three seconds, each behind weather of its own and started again when it
//! ends. Nobody helps: an object that stands at `SubmissionUnknown` stays there.
//!
//! When a run has settled: nothing is written or asked any more, no user was sent twice without the protocol's leave,
//! every job that JumpCloud accepted is accounted for, and every status is true. All of it is told from the simulator's
//! ledger and the API server's audit log.
//!
//! `THOUSAND_FIGURES` names a file for the table that is printed in the end.

mod crew;
mod figures;
mod load;
mod silence;
mod verdict;

use std::time::Duration;

use jumpcloud_sim::{DEFAULT_KEY, Settings};
use serde_json::json;

use crate::harness::declare::apply;
use crate::harness::extent::is_full;
use crate::harness::manifests;
use crate::harness::schedules::{Calendar, seq};
use crate::harness::weather::{Weather, base_seed, replay, tell};
use crate::harness::world::World;

use crew::Crew;
use figures::Figures;
use load::Load;

/// Which part of the requests goes wrong.
const PERCENT: u32 = 25;

/// Users of each submission.
const USERS: usize = 30;

/// Objects that are under way at the same time, at most.
const SIDE_BY_SIDE: usize = 50;

/// `--unknown-quarantine`.
const QUARANTINE: Duration = Duration::from_secs(1);

/// The longest that one run may take, on a machine that has other things to do as well.
const LIMIT: Duration = Duration::from_secs(1800);

/// Runs, and submissions of each.
fn extent() -> (usize, usize) {
    if is_full() { (5, 200) } else { (1, 40) }
}

async fn begin() -> Calendar {
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 400;
    let world = World::bare("thousand", settings).await;
    apply(&manifests::secret(&world.namespace, DEFAULT_KEY).to_string());
    let mut connection = manifests::connection(&world.namespace, "default", world.sim.url());
    let limits = json!({"requestsPerSecond": 100, "burst": 1000, "maxConcurrentJobs": 100});
    connection["spec"]["limits"] = limits;
    apply(&connection.to_string());
    Calendar::of(world)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_submissions_under_weather() {
    eprintln!("{}", replay(if is_full() { "FAULT_RUNS=full" } else { "" }));
    let calendar = begin().await;
    Weather::of("thousand", PERCENT).over_jumpcloud(&calendar.sim);
    let mut crew = Crew::start(&calendar, PERCENT);
    let (runs, submissions) = extent();
    let mut figures = Figures::default();
    for run in 0..runs {
        let since = seq(&calendar.sim);
        let mut load = Load::new(&calendar, base_seed(), run, submissions);
        load.settle(&mut crew, LIMIT).await;
        let last = run + 1 == runs;
        let quiet = Duration::from_secs(if last && is_full() { 30 } else { 2 });
        silence::wait_for(&calendar, &mut crew, quiet).await;
        let entries = calendar.sim.ledger_since(since);
        let found = verdict::of(&calendar.sim, &load.objects().await, &entries);
        figures.add(&load, &entries, &found);
        let wrong = found.wrong.len();
        assert!(wrong == 0, "{wrong} things are wrong, such as\n{}", found.wrong[..wrong.min(20)].join("\n"));
        tell(&format!("run {} of {runs}: {found:?}", run + 1));
        load.clear(&mut crew).await;
    }
    figures.close(&crew);
    figures.publish();
}
