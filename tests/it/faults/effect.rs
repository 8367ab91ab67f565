//! Effects of the operator, and how a request is stopped exactly at one of them.
//!
//! An effect is a write to the API server or a call of JumpCloud. Which of them come, and how many, is found by running a
//! workload without faults; their order may differ from run to run, so one is known by its kind and how many of the kind
//! came before.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use fault_proxy::{FaultRule, Proxy, Which};
use jiff::Timestamp;
use jumpcloud_sim::ledger::Entry;
use jumpcloud_sim::{Held, Hold, Route, Sim};

use crate::harness::wait::eventually;

/// A kind of effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A write to the API server.
    Write {
        /// As RBAC names it.
        resource: String,
        /// The object.
        name: String,
    },
    /// A call of JumpCloud.
    Call(Route),
}

/// An effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effect {
    /// Its kind.
    pub kind: Kind,
    /// Which of its kind, from 1.
    pub count: u32,
}

impl Effect {
    /// Whether it changes something, if it is a call of JumpCloud.
    pub fn is_mutating(&self) -> bool {
        match &self.kind {
            Kind::Write { .. } => true,
            Kind::Call(route) => route.is_mutating(),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Write { resource, name } => write!(f, "{resource} of {name} #{}", self.count),
            Kind::Call(route) => write!(f, "{route:?} #{}", self.count),
        }
    }
}

/// Where a request is stopped, and what becomes of it when it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Before it is carried out, and it never is.
    Lost,
    /// Before it is carried out, and it is when it goes on: it was on its way.
    Late,
    /// When it was carried out, before its reply is seen.
    After,
}

impl Moment {
    /// Those that tell something about that effect: a read that comes late is as one that is lost.
    pub fn of(effect: &Effect) -> &'static [Self] {
        if effect.is_mutating() { &[Self::Lost, Self::Late, Self::After] } else { &[Self::Lost, Self::After] }
    }
}

/// An effect, and a moment of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Boundary {
    /// The effect.
    pub effect: Effect,
    /// The moment.
    pub moment: Moment,
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = match self.moment {
            Moment::Lost => "before",
            Moment::Late => "on the way to",
            Moment::After => "after",
        };
        write!(f, "{moment} {}", self.effect)
    }
}

/// Fails when more boundaries did not come than runs differ by: two jobs may be polled, and told of, in one pass or in two.
/// A bounded run has so few boundaries that an eighth of them would be none.
pub fn assert_few_missed(missed: &[Boundary], of: usize) {
    let missed: Vec<String> = missed.iter().map(ToString::to_string).collect();
    assert!(missed.len() <= of.div_ceil(8), "of {of} boundaries these did not come: {missed:#?}");
}

/// Where counting begins: a time, an entry of the proxy's log and one of the simulator's ledger.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    time: Timestamp,
    write: u64,
    call: u64,
}

impl Mark {
    /// Now.
    pub fn now(proxy: &Proxy, sim: &Sim) -> Self {
        let last = |seq: Option<u64>| seq.unwrap_or_default();
        Self {
            time: Timestamp::now(),
            write: last(proxy.log().last().map(|entry| entry.seq)),
            call: last(sim.ledger().last().map(|entry| entry.seq)),
        }
    }
}

/// What was done since a mark.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// The effects, in the order in which they came.
    pub all: Vec<Effect>,
    /// Writes that nothing depends on: events and the lease.
    pub apart: usize,
}

impl Effects {
    /// What was done by way of that proxy, and to that simulator.
    ///
    /// Writes of a connection count only `with_connections`: its count of scheduled events is written when there is time.
    pub fn since(mark: Mark, proxy: &Proxy, sim: &Sim, with_connections: bool) -> Self {
        let mut apart = 0;
        let mut came = Vec::new();
        for entry in proxy.log_since(mark.write).into_iter().filter(|entry| entry.target.verb.is_write()) {
            let target = entry.target;
            match target.resource.as_str() {
                "leases" | "events" => apart += 1,
                "jumpcloudconnections" if !with_connections => {}
                _ => {
                    let slash = if target.subresource.is_empty() { "" } else { "/" };
                    let resource = format!("{}{slash}{}", target.resource, target.subresource);
                    came.push((entry.time, Kind::Write { resource, name: target.name }));
                }
            }
        }
        let ledger = sim.ledger_since(mark.call);
        // What was on its way before may be carried out after.
        let calls = ledger.iter().filter_map(Entry::request).filter(|request| request.arrived >= mark.time);
        came.extend(calls.map(|request| (request.arrived, Kind::Call(request.route))));
        came.sort_by_key(|(time, _)| *time);
        let mut counts: BTreeMap<Kind, u32> = BTreeMap::new();
        let mut counted = |kind: Kind| {
            let count = counts.entry(kind.clone()).or_default();
            *count += 1;
            Effect { kind, count: *count }
        };
        Self { all: came.into_iter().map(|(_, kind)| counted(kind)).collect(), apart }
    }
}

/// A request that is stopped at a boundary, or will be. Dropping it lets a call go on, and a write only when it is released.
pub struct Stopped {
    /// Where.
    pub boundary: Boundary,
    side: Side,
}

enum Side {
    Write { since: u64 },
    Call(Held),
}

impl Stopped {
    /// Stops the request of that boundary, counted from now. It takes the place of the proxy's other rules.
    pub fn arm(boundary: Boundary, proxy: &Proxy, sim: &Sim) -> Self {
        let skip = boundary.effect.count - 1;
        let side = match &boundary.effect.kind {
            Kind::Write { resource, name } => {
                let since = Mark::now(proxy, sim).write;
                let rule = match boundary.moment {
                    Moment::Lost => FaultRule::refuse().held_before(),
                    Moment::Late => FaultRule::slow().held_before(),
                    Moment::After => FaultRule::slow().held_after(),
                };
                let which = Which::writes().on(resource).named(name);
                proxy.set_rules(vec![rule.of(which).skip(skip).times(1)]);
                Side::Write { since }
            }
            Kind::Call(route) => {
                let hold = match boundary.moment {
                    Moment::Lost => Hold::lost(*route),
                    Moment::Late => Hold::before(*route),
                    Moment::After => Hold::after(*route),
                };
                Side::Call(sim.hold(hold.skip(skip)))
            }
        };
        Self { boundary, side }
    }

    /// Whether it stands still there.
    pub fn is_reached(&self, proxy: &Proxy) -> bool {
        match &self.side {
            Side::Call(held) => held.is_reached(),
            Side::Write { since } => held_write(*since, proxy)
                .is_some_and(|entry| self.boundary.moment != Moment::After || entry.upstream.is_some()),
        }
    }

    /// Lets it go on, and waits until it was carried out.
    pub async fn carried_out(&self, proxy: &Proxy, sim: &Sim) {
        let calls = |route| sim.requests(route).len();
        let before = match &self.boundary.effect.kind {
            Kind::Write { .. } => 0,
            Kind::Call(route) => calls(*route),
        };
        self.release(proxy);
        eventually("the late request", Duration::from_secs(30), async || {
            let done = match (&self.side, &self.boundary.effect.kind) {
                (Side::Write { since }, _) => {
                    held_write(*since, proxy).is_some_and(|entry| entry.upstream.is_some())
                }
                (Side::Call(_), Kind::Call(route)) => calls(*route) > before,
                (Side::Call(_), Kind::Write { .. }) => true,
            };
            if done { Ok(()) } else { Err("not yet") }
        })
        .await;
    }

    /// Lets it go on.
    pub fn release(&self, proxy: &Proxy) {
        match &self.side {
            Side::Call(held) => held.release(),
            Side::Write { .. } => proxy.release(),
        }
    }
}

/// The write that a rule holds, or held.
fn held_write(since: u64, proxy: &Proxy) -> Option<fault_proxy::Entry> {
    let is_held =
        |entry: &fault_proxy::Entry| entry.fault.as_ref().is_some_and(|fault| fault.starts_with("held"));
    proxy.log_since(since).into_iter().find(is_held)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missed(count: u32) -> Vec<Boundary> {
        let effect = Effect { kind: Kind::Call(Route::BulkCreate), count: 1 };
        (0..count).map(|_| Boundary { effect: effect.clone(), moment: Moment::Late }).collect()
    }

    #[test]
    fn an_eighth_may_be_missed_and_of_few_one() {
        for (count, of) in [(0, 0), (0, 1), (1, 4), (1, 8), (2, 9), (2, 16)] {
            assert_few_missed(&missed(count), of);
        }
    }

    #[test]
    #[should_panic(expected = "of 4 boundaries these did not come: [\n    \"on the way to BulkCreate #1\"")]
    fn more_are_named() {
        assert_few_missed(&missed(2), 4);
    }
}
