//! Fault plan, point 7: two live replicas. The leader is stopped by SIGSTOP exactly at an effect, the other takes the lease
//! and goes on, and the first is let go on by SIGCONT: no second job, a true status, and the first ends by itself.
//!
//! The lease is taken from the first as soon as it stands, so that it believes to lead when it goes on; in the last
//! variant it runs out by itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use devenv::supervised::{Exit, Signal};
use fault_proxy::Proxy;
use jumpcloud_sim::invariants::{Double, EarlierRow};
use jumpcloud_sim::ledger::Outcome;
use jumpcloud_sim::{Route, Sim};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::Api;
use serde_json::Value;

use super::crashes::{SIDE_BY_SIDE, differences, free_lease, is_request, on_a_thread};
use super::effect::{Boundary, Effect, Effects, Kind, Mark, Moment, Stopped, assert_few_missed};
use super::workload::{LEAVERS, LIMIT, Stage, Workload, flags};
use crate::harness::extent::{is_full, part_of};
use crate::harness::invariants::Rule;
use crate::harness::operator::{Operator, but};
use crate::harness::world::World;

/// When the first replica goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thaw {
    /// As soon as the other leads. What it stood at has gone on before.
    AtOnce,
    /// When the other has come to its end. What it stood at has gone on before.
    AtTheEnd,
    /// The same, and what it stood at goes on only then.
    WithItsRequest,
    /// As [`Thaw::AtTheEnd`], after a lease that ran out by itself.
    Expired,
}

impl Thaw {
    const ALL: [Self; 4] = [Self::AtOnce, Self::AtTheEnd, Self::WithItsRequest, Self::Expired];

    /// The moments of an effect at which this tells something new.
    fn moments(self, effect: &Effect) -> &'static [Moment] {
        match self {
            // A read that is lost is made again.
            Self::AtOnce | Self::AtTheEnd if effect.is_mutating() => &[Moment::Lost, Moment::After],
            Self::AtOnce | Self::AtTheEnd => &[Moment::After],
            Self::WithItsRequest if effect.is_mutating() => &[Moment::Late],
            Self::Expired if is_request(effect) => &[Moment::After],
            Self::WithItsRequest | Self::Expired => &[],
        }
    }

    fn flags(self) -> Vec<(&'static str, &'static str)> {
        let short = [("--lease-duration", "10s"), ("--lease-renew-deadline", "8s")];
        match self {
            Self::Expired => short.into_iter().fold(flags(), |flags, (flag, value)| but(&flags, flag, value)),
            _ => flags(),
        }
    }
}

/// Two replicas with a workload.
struct Pair {
    stage: Stage,
    proxies: [Proxy; 2],
    first: Operator,
    second: Option<Operator>,
    stopped: Option<Stopped>,
    thaw: Thaw,
    is_frozen: bool,
}

/// What came of a run.
struct Ran {
    outcome: Value,
    effects: Effects,
    frozen: bool,
}

impl Pair {
    async fn through(name: String, workload: Workload, at: Option<(Boundary, Thaw)>) -> Ran {
        let stage = Stage::new(&name, workload).await;
        let proxies = [stage.calendar.proxy(Vec::new()), stage.calendar.proxy(Vec::new())];
        let thaw = at.as_ref().map_or(Thaw::AtTheEnd, |(_, thaw)| *thaw);
        if thaw == Thaw::WithItsRequest {
            let why = "JumpCloud begins the request when quarantine, looks and a second one are over";
            stage.calendar.may_break(Rule::Once, why);
        }
        let first = stage.calendar.replica_behind(&proxies[0], "a", &thaw.flags());
        stage.prepare().await;
        let second = Some(stage.calendar.replica_behind(&proxies[1], "b", &thaw.flags()));
        let mark = Mark::now(&proxies[0], &stage.calendar.sim);
        let boundary = at.map(|(boundary, _)| boundary);
        let stopped = boundary.map(|boundary| Stopped::arm(boundary, &proxies[0], &stage.calendar.sim));
        let mut pair = Self { stage, proxies, first, second, stopped, thaw, is_frozen: false };
        for step in 0..workload.steps() {
            pair.stage.declare(step);
            pair.ended(step).await;
        }
        let late = pair.end_of_the_first().await;
        let proxies = [&pair.proxies[0], &pair.proxies[1]];
        pair.stage.silent(&proxies).await;
        let strays = if late == Some(Route::ScheduleCreate) { LEAVERS } else { 0 };
        let is_late =
            |double: &Double| late == Some(Route::BulkCreate) && came_when_the_user_was_there(double);
        pair.stage.assert_sound(is_late, strays).await;
        let mut outcome = pair.stage.outcome().await;
        if strays > 0 {
            let events = outcome["events"].as_array_mut().expect("a list");
            assert_eq!(events.len(), LEAVERS + strays);
            take_strays(events);
        } else {
            pair.stage.assert_no_gap();
        }
        let effects = Effects::since(mark, &pair.proxies[0], &pair.stage.calendar.sim, false);
        Ran { outcome, effects, frozen: pair.is_frozen }
    }

    fn sim(&self) -> &Sim {
        &self.stage.calendar.sim
    }

    /// Waits for the end of a step; the first replica is frozen when it stands at its boundary.
    async fn ended(&mut self, step: usize) {
        let deadline = Instant::now() + LIMIT;
        let mut next = Instant::now();
        loop {
            let stands = |stopped: &Stopped| stopped.is_reached(&self.proxies[0]);
            if !self.is_frozen && self.stopped.as_ref().is_some_and(stands) {
                self.freeze().await;
            }
            if Instant::now() >= next {
                match self.stage.ended(step).await {
                    Ok(_) => return,
                    Err(last) => assert!(Instant::now() < deadline, "step {step} did not end; last: {last}"),
                }
                self.second = self.second.take().map(Operator::keep);
                next = Instant::now() + Duration::from_millis(150);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn freeze(&mut self) {
        if self.first.ended(Duration::ZERO).is_some() {
            // A machine so busy that the lease was lost: nothing is left to be frozen.
            if let Some(stopped) = self.stopped.take() {
                stopped.release(&self.proxies[0]);
            }
            return;
        }
        self.first.signal(Signal::Stop);
        self.is_frozen = true;
        let stopped = self.stopped.as_ref().expect("it stands there");
        if self.thaw != Thaw::WithItsRequest {
            stopped.release(&self.proxies[0]);
        }
        if self.thaw != Thaw::Expired {
            free_lease(&self.stage.calendar).await;
        }
        if self.thaw == Thaw::AtOnce {
            let begun = Instant::now();
            while !holder(&self.stage.calendar).await.starts_with("b_") {
                assert!(begun.elapsed() < LIMIT, "the other does not take the lease");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            self.first.signal(Signal::Cont);
        }
    }

    /// Lets the first replica go on, and sees it end. Gives the call that JumpCloud carried out after the other had come
    /// to its end.
    async fn end_of_the_first(&self) -> Option<Route> {
        if !self.is_frozen {
            return None;
        }
        let mut late = None;
        if self.thaw == Thaw::WithItsRequest {
            let stopped = self.stopped.as_ref().expect("it stands there");
            stopped.carried_out(&self.proxies[0], self.sim()).await;
            if let Kind::Call(route) = stopped.boundary.effect.kind {
                late = Some(route);
            }
        }
        if self.thaw != Thaw::AtOnce {
            self.first.signal(Signal::Cont);
        }
        let exit = self.first.ended(Duration::from_secs(60));
        assert_eq!(exit, Some(Exit::Code(1)), "who loses the lease ends, to be started again");
        late
    }
}

/// Who holds the lease.
pub async fn holder(world: &World) -> String {
    let api: Api<Lease> = Api::namespaced(world.client.clone(), &world.namespace);
    let lease = api.get_opt("jumpcloud-operator").await.expect("the API server answers");
    lease.and_then(|lease| lease.spec?.holder_identity).unwrap_or_default()
}

/// A request that JumpCloud carries out when two quarantines, two looks and a second job are over is beyond what anybody can
/// promise. Each of its rows fails then, because the user is there: still nobody is made twice.
fn came_when_the_user_was_there(double: &Double) -> bool {
    double.earlier_row == EarlierRow::Ended(Outcome::Finished)
}

/// The same for a schedule: it comes to each user's event a second time. Equal ones do no harm; one of a date that was
/// moved meanwhile is not this object's any more, and stays.
fn take_strays(events: &mut Vec<Value>) {
    let mut seen = std::collections::BTreeSet::new();
    let is_of_the_second = |event: &Value| event[2] == "the second date";
    let strays_are_of_the_first = events.iter().any(|event| !is_of_the_second(event));
    events.retain(|event| {
        let first_of_its_kind = seen.insert(event.to_string());
        first_of_its_kind && (!strays_are_of_the_first || is_of_the_second(event))
    });
}

/// Every boundary of a workload, in every variant.
async fn every_boundary(name: &str, workload: Workload, step: usize) {
    let undisturbed = format!("{name}-undisturbed");
    let calm = on_a_thread(move || Pair::through(undisturbed, workload, None)).await.expect("no fault");
    let mut all = Vec::new();
    for thaw in Thaw::ALL {
        // What changes nothing is read again by whoever comes: only a whole run asks.
        for effect in calm.effects.all.iter().filter(|effect| is_full() || effect.is_mutating()) {
            let moments = thaw.moments(effect).iter();
            all.extend(moments.map(|moment| (Boundary { effect: effect.clone(), moment: *moment }, thaw)));
        }
    }
    let all = part_of(all, step);
    let count = all.len();
    let runs = all.into_iter().enumerate().map(|(index, at)| {
        let name = format!("{name}-{index}");
        let listed = at.clone();
        async move { (listed, on_a_thread(move || Pair::through(name, workload, Some(at))).await) }
    });
    let (mut wrong, mut missed) = (Vec::new(), Vec::new());
    let mut lines: BTreeMap<(Thaw, Moment), usize> = BTreeMap::new();
    let mut runs =
        std::pin::pin!(futures::StreamExt::buffer_unordered(futures::stream::iter(runs), SIDE_BY_SIDE));
    while let Some(((boundary, thaw), ran)) = futures::StreamExt::next(&mut runs).await {
        match ran {
            Err(failure) => wrong.push(format!("frozen {boundary}, {thaw:?}: {failure}")),
            Ok(ran) if ran.outcome != calm.outcome => {
                let differences = differences("", &calm.outcome, &ran.outcome);
                wrong.push(format!("frozen {boundary}, {thaw:?}: {differences:#?}"));
            }
            Ok(ran) if !ran.frozen => missed.push(boundary),
            Ok(_) => *lines.entry((thaw, boundary.moment)).or_default() += 1,
        }
    }
    println!("{workload:?}, frozen: {count} runs, in {} the boundary did not come: {lines:?}", missed.len());
    assert!(wrong.is_empty(), "{} of {count}: {wrong:#?}", wrong.len());
    assert_few_missed(&missed, count);
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_at_every_boundary_of_a_creation() {
    every_boundary("frozen-create", Workload::Create, 13).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_at_every_boundary_of_an_update() {
    every_boundary("frozen-update", Workload::Update, 17).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_at_every_boundary_of_a_schedule_and_its_edit() {
    every_boundary("frozen-schedule", Workload::Schedule, 17).await;
}
