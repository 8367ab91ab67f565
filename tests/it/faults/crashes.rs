//! Fault plan, point 1: the process killed before and after every effect of a workload, and killed again around each
//! request. Users, events and status are in the end what they are without a crash.
//!
//! Where effects are is found by running the workload without faults; a kill hits exactly there, because the request
//! stands still meanwhile. The lease of the killed process is freed, as if it had run out: nothing may rest on the time
//! that this takes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use fault_proxy::Proxy;
use futures::StreamExt;
use jumpcloud_sim::Route;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::task::JoinError;

use super::effect::{Boundary, Effect, Effects, Kind, Mark, Moment, Stopped, assert_few_missed};
use super::workload::{End, LIMIT, Stage, Workload, flags};
use crate::harness::extent::{is_full, part_of};
use crate::harness::operator::Operator;
use crate::harness::world::World;

/// Runs that go on side by side: they mostly wait.
pub const SIDE_BY_SIDE: usize = 4;

/// How many effects after a restart are tried for a second crash, beside the next request.
const NEXT: usize = 3;

/// One workload, and a process that is killed.
struct Run {
    stage: Stage,
    proxy: Proxy,
    operator: Option<Operator>,
    /// The boundaries still to come.
    boundaries: Vec<Boundary>,
    stopped: Option<Stopped>,
    kills: u32,
    mark: Mark,
}

/// What came of a run.
#[derive(Debug)]
struct Ran {
    outcome: Value,
    /// What the last process did.
    effects: Effects,
    kills: u32,
    traces: Traces,
}

/// What a crash left behind in an outcome that is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Traces {
    /// Nothing.
    None,
    /// Users were taken over after an unknown outcome, or a request was found to have been carried out.
    Found,
    /// A request was sent again.
    SentAgain,
    /// Users are left to a person.
    GivenUp,
}

impl Run {
    /// Runs a workload, and kills the operator at each of these boundaries; those after the first are counted from the
    /// start of the process.
    async fn through(name: String, workload: Workload, boundaries: Vec<Boundary>) -> Ran {
        let stage = Stage::new(&name, workload).await;
        let proxy = stage.calendar.proxy(Vec::new());
        let mark = Mark::now(&proxy, &stage.calendar.sim);
        let mut run = Self {
            stage,
            proxy,
            operator: None,
            boundaries: boundaries.clone(),
            stopped: None,
            kills: 0,
            mark,
        };
        if workload.begins_at_rest() {
            run.start();
            run.stage.prepare().await;
            run.mark = Mark::now(&run.proxy, &run.stage.calendar.sim);
        }
        let posts = run.posts();
        let lost =
            boundaries.iter().filter(|one| one.moment == Moment::Lost && is_request(&one.effect)).count();
        run.arm();
        if run.operator.is_none() {
            run.start();
        }
        let mut given_up = false;
        for step in 0..workload.steps() {
            run.stage.declare(step);
            given_up |= run.ended(step).await == End::GivenUp;
        }
        run.stage.silent(&[&run.proxy]).await;
        run.stage.assert_sound(|_| false, 0).await;
        // Who is left to a person loses the event of the date that is not declared any more.
        if !given_up {
            run.stage.assert_no_gap();
        }
        run.stage.assert_given_up_with_reason().await;
        let traces = match (run.posts() - posts, run.stage.has_adopted().await) {
            _ if given_up => Traces::GivenUp,
            (posts, _) if posts + lost > requests(workload) => Traces::SentAgain,
            (_, true) => Traces::Found,
            _ => Traces::None,
        };
        let effects =
            Effects::since(run.mark, &run.proxy, &run.stage.calendar.sim, !workload.begins_at_rest());
        Ran { outcome: run.stage.outcome().await, effects, kills: run.kills, traces }
    }

    /// Requests that change something, as JumpCloud carried them out.
    fn posts(&self) -> usize {
        REQUESTS.into_iter().map(|route| self.stage.calendar.sim.requests(route).len()).sum()
    }

    fn start(&mut self) {
        let replica = format!("r{}", self.kills);
        self.operator = Some(self.stage.calendar.replica_behind(&self.proxy, &replica, &flags()));
    }

    /// Arms the next boundary.
    fn arm(&mut self) {
        if !self.boundaries.is_empty() {
            let boundary = self.boundaries.remove(0);
            self.stopped = Some(Stopped::arm(boundary, &self.proxy, &self.stage.calendar.sim));
        }
    }

    /// Waits for the end of a step, and kills the operator when it stands at a boundary.
    async fn ended(&mut self, step: usize) -> End {
        let deadline = Instant::now() + LIMIT;
        let mut next = Instant::now();
        loop {
            if self.stopped.as_ref().is_some_and(|stopped| stopped.is_reached(&self.proxy)) {
                self.kill().await;
            }
            if Instant::now() >= next {
                match self.stage.ended(step).await {
                    Ok(end) => return end,
                    Err(last) => assert!(Instant::now() < deadline, "step {step} did not end; last: {last}"),
                }
                self.operator = self.operator.take().map(Operator::keep);
                next = Instant::now() + Duration::from_millis(150);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Kills the operator, lets what it stood at go on, and starts it again.
    async fn kill(&mut self) {
        let operator = self.operator.take().expect("it runs");
        operator.kill();
        drop(operator);
        self.kills += 1;
        if let Some(stopped) = self.stopped.take() {
            stopped.release(&self.proxy);
        }
        free_lease(&self.stage.calendar).await;
        self.mark = Mark::now(&self.proxy, &self.stage.calendar.sim);
        self.arm();
        self.start();
    }
}

/// Requests that change something in JumpCloud, but for deletions.
const REQUESTS: [Route; 4] = [Route::BulkCreate, Route::BulkUpdate, Route::UserUpdate, Route::ScheduleCreate];

/// Whether it is one of them.
pub fn is_request(effect: &Effect) -> bool {
    matches!(effect.kind, Kind::Call(route) if REQUESTS.contains(&route))
}

/// Requests of a workload that change something in JumpCloud, without faults; deletions apart.
fn requests(workload: Workload) -> usize {
    match workload {
        Workload::Create | Workload::Schedule => 2,
        Workload::Update => 3,
    }
}

/// Takes the lease from whoever holds it, as if it had run out.
pub async fn free_lease(world: &World) {
    let api: Api<Lease> = Api::namespaced(world.client.clone(), &world.namespace);
    let nobody = json!({"spec": {"holderIdentity": ""}});
    match api.patch("jumpcloud-operator", &PatchParams::default(), &Patch::Merge(nobody)).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => panic!("the lease: {error}"),
    }
}

/// Runs without a crash, prints what was done, and gives it with the outcome.
async fn undisturbed(name: &str, workload: Workload) -> Ran {
    let ran = Run::through(format!("{name}-undisturbed"), workload, Vec::new()).await;
    assert_eq!((ran.kills, ran.traces), (0, Traces::None));
    let list: Vec<String> = ran.effects.all.iter().map(Effect::to_string).collect();
    println!("{workload:?}: {} effects, {} apart: {}", list.len(), ran.effects.apart, list.join(", "));
    ran
}

/// Runs them side by side; gives what came of each that did not fail, and what is wrong.
async fn side_by_side(
    name: &str,
    workload: Workload,
    expected: &Value,
    all: Vec<Vec<Boundary>>,
) -> (Vec<(Vec<Boundary>, Ran)>, Vec<String>) {
    let runs = all.into_iter().enumerate().map(|(index, boundaries)| {
        let name = format!("{name}-{index}");
        let listed = boundaries.clone();
        async move { (listed, on_a_thread(move || Run::through(name, workload, boundaries)).await) }
    });
    let mut done = Vec::new();
    let mut wrong = Vec::new();
    let mut runs = std::pin::pin!(futures::stream::iter(runs).buffer_unordered(SIDE_BY_SIDE));
    while let Some((boundaries, ran)) = runs.next().await {
        let list: Vec<String> = boundaries.iter().map(Boundary::to_string).collect();
        match ran {
            Err(failure) => wrong.push(format!("killed {}: {failure}", list.join(", then "))),
            Ok(ran) => {
                if ran.outcome != *expected && ran.traces != Traces::GivenUp {
                    let differences = differences("", expected, &ran.outcome);
                    wrong.push(format!("killed {}: {differences:#?}", list.join(", then ")));
                }
                done.push((boundaries, ran));
            }
        }
    }
    (done, wrong)
}

/// Runs it on a thread of its own: runs wait for kubectl and for processes. An error if it panicked.
pub async fn on_a_thread<F: Future>(run: impl FnOnce() -> F + Send + 'static) -> Result<F::Output, JoinError>
where
    F::Output: Send + 'static,
{
    let alone = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(run())
    };
    tokio::task::spawn_blocking(alone).await
}

/// Where two values differ.
pub fn differences(at: &str, expected: &Value, found: &Value) -> Vec<String> {
    match (expected, found) {
        _ if expected == found => Vec::new(),
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let of =
                |map: &serde_json::Map<String, Value>, key: &str| map.get(key).cloned().unwrap_or_default();
            keys.into_iter()
                .flat_map(|key| differences(&format!("{at}/{key}"), &of(a, key), &of(b, key)))
                .collect()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.flat_map(|(index, (a, b))| differences(&format!("{at}/{index}"), a, b)).collect()
        }
        _ => vec![format!("{at} is {found}, not {expected}")],
    }
}

/// A line for each kind of effect, with the outcomes of its boundaries.
fn table(title: &str, done: &[(Vec<Boundary>, Ran)]) -> String {
    let mut lines: BTreeMap<String, BTreeMap<Traces, usize>> = BTreeMap::new();
    let mut missed = 0;
    for (boundaries, ran) in done {
        if (ran.kills as usize) < boundaries.len() {
            missed += 1;
            continue;
        }
        let Some(first) = boundaries.first() else { continue };
        let kind = match &first.effect.kind {
            Kind::Write { resource, .. } => resource.clone(),
            Kind::Call(route) => format!("{route:?}"),
        };
        *lines.entry(format!("{kind} {:?}", first.moment)).or_default().entry(ran.traces).or_default() += 1;
    }
    let mut text = format!("{title}: {} runs, {missed} in which a boundary did not come\n", done.len());
    for (line, outcomes) in lines {
        let outcomes: Vec<String> =
            outcomes.iter().map(|(traces, count)| format!("{traces:?} {count}")).collect();
        writeln!(text, "  {line:<44} {}", outcomes.join(", ")).expect("text");
    }
    text
}

/// One crash at every boundary; when the run is bounded, at every `step`-th of those around requests.
async fn every_boundary(name: &str, workload: Workload, step: usize) {
    let calm = undisturbed(name, workload).await;
    let boundaries: Vec<Boundary> = if is_full() {
        let all = calm.effects.all.iter();
        all.flat_map(|effect| {
            let moments = Moment::of(effect).iter();
            moments.map(|moment| Boundary { effect: effect.clone(), moment: *moment })
        })
        .collect()
    } else {
        part_of(around(&calm.effects.all, is_request), step)
    };
    let boundaries: Vec<_> = boundaries.into_iter().map(|boundary| vec![boundary]).collect();
    let count = boundaries.len();
    let (done, wrong) = side_by_side(name, workload, &calm.outcome, boundaries).await;
    println!("{}", table(&format!("{workload:?}, one crash"), &done));
    assert!(wrong.is_empty(), "{} of {count}: {wrong:#?}", wrong.len());
    // Whatever changes JumpCloud comes in every run.
    for (boundaries, ran) in &done {
        let comes = boundaries.iter().all(|boundary| is_request(&boundary.effect));
        assert!(!comes || ran.kills == 1, "{boundaries:?} did not come");
        assert!(ran.traces != Traces::GivenUp, "{boundaries:?}: one crash needs no person");
    }
    let missed = done.iter().filter(|(_, ran)| ran.kills == 0);
    let missed: Vec<Boundary> = missed.flat_map(|(boundaries, _)| boundaries.clone()).collect();
    assert_few_missed(&missed, done.len());
}

/// Boundaries around these requests: the intent, the request itself, its record and what settles it.
fn around(effects: &[Effect], which: impl Fn(&Effect) -> bool) -> Vec<Boundary> {
    let is_write = |effect: &&Effect| matches!(effect.kind, Kind::Write { .. });
    let mut found = BTreeSet::new();
    for (index, request) in effects.iter().enumerate().filter(|(_, effect)| which(effect)) {
        let intent = effects.iter().take(index).rev().find(is_write);
        let mut writes = effects.iter().skip(index).filter(is_write);
        let (record, settled) = (writes.next(), writes.next());
        let places = [
            (intent, &[Moment::After][..]),
            (Some(request), &[Moment::Lost, Moment::Late, Moment::After]),
            (record, &[Moment::Lost, Moment::After]),
            (settled, &[Moment::Lost]),
        ];
        for (effect, moments) in places {
            let effect = effect.into_iter().cloned();
            found.extend(effect.flat_map(|effect| {
                moments.iter().map(move |moment| Boundary { effect: effect.clone(), moment: *moment })
            }));
        }
    }
    found.into_iter().collect()
}

/// A crash around each kind of request, and another at each of the next effects of the process that was started again.
async fn pairs(name: &str, workload: Workload) {
    let calm = undisturbed(name, workload).await;
    // The second job of a workload is like the first. The last first: a bounded run takes what follows a request.
    let is_wanted =
        |effect: &Effect| is_request(effect) && (effect.count == 1 || workload == Workload::Schedule);
    let firsts = around(&calm.effects.all, is_wanted).into_iter().rev().map(|first| vec![first]).collect();
    let firsts = part_of(firsts, 50);
    let (firsts, mut wrong) = side_by_side(&format!("{name}-first"), workload, &calm.outcome, firsts).await;
    let mut all = Vec::new();
    for (boundaries, ran) in firsts.into_iter().filter(|(_, ran)| ran.kills == 1) {
        let all_next = ran.effects.all.into_iter().filter(is_interesting);
        let (next, later): (Vec<_>, Vec<_>) = all_next.enumerate().partition(|(index, _)| *index < NEXT);
        // And the next request, if it comes later: two of unknown outcome are as many as there may be.
        let request = later.into_iter().find(|(_, effect)| is_request(effect));
        for (_, effect) in next.into_iter().chain(request) {
            for moment in [Moment::Lost, Moment::After] {
                let second = Boundary { effect: effect.clone(), moment };
                all.push([boundaries.clone(), vec![second]].concat());
            }
        }
    }
    let all = part_of(all, 4);
    let (done, more) = side_by_side(&format!("{name}-pair"), workload, &calm.outcome, all).await;
    wrong.extend(more);
    println!("{}", table(&format!("{workload:?}, two crashes, by the first"), &done));
    assert!(wrong.is_empty(), "{wrong:#?}");
    let given_up = done.iter().filter(|(_, ran)| ran.traces == Traces::GivenUp);
    for (boundaries, _) in given_up {
        println!("  {workload:?}: left to a person after {} and {}", boundaries[0], boundaries[1]);
    }
}

/// The check of a connection after a start is the same each time.
fn is_interesting(effect: &Effect) -> bool {
    !matches!(effect.kind, Kind::Call(Route::OrganizationList | Route::OrganizationGet))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_twice_around_the_requests_of_a_creation() {
    pairs("crashes-create", Workload::Create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_twice_around_the_requests_of_an_update() {
    pairs("crashes-update", Workload::Update).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_twice_around_the_requests_of_a_schedule() {
    pairs("crashes-schedule", Workload::Schedule).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_boundary_of_a_creation() {
    every_boundary("crash-create", Workload::Create, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_boundary_of_an_update() {
    every_boundary("crash-update", Workload::Update, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_boundary_of_a_schedule_and_its_edit() {
    every_boundary("crash-schedule", Workload::Schedule, 3).await;
}
