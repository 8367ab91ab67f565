//! Two replicas, each behind weather of its own, that a kubelet would start again when they end.

use std::sync::Arc;

use fault_proxy::Proxy;

use super::QUARANTINE;
use crate::harness::operator::{FRAGILE, Operator, but};
use crate::harness::weather::Weather;
use crate::harness::world::World;

/// The replicas of a run.
pub struct Crew {
    replicas: Vec<Replica>,
}

struct Replica {
    operator: Option<Operator>,
    proxy: Arc<Proxy>,
    starts: usize,
}

impl Crew {
    /// Starts both.
    pub fn start(world: &World, percent: u32) -> Self {
        let quarantine = format!("{}s", QUARANTINE.as_secs());
        let flags = but(FRAGILE, "--unknown-quarantine", &quarantine);
        let replica = |name: &str| {
            let proxy = Arc::new(world.proxy(Vec::new()));
            Weather::of(&format!("thousand-{name}"), percent).over_api_server(&proxy);
            let operator = Some(world.replica_behind(&proxy, name, &flags));
            Replica { operator, proxy, starts: 1 }
        };
        Self { replicas: ["a", "b"].map(replica).into() }
    }

    /// Starts whoever has ended.
    pub fn keep(&mut self) {
        for replica in &mut self.replicas {
            if replica.operator.as_ref().is_some_and(Operator::has_ended) {
                replica.operator = replica.operator.take().map(Operator::keep);
                replica.starts += 1;
            }
        }
    }

    /// How often a process was started again.
    pub fn restarts(&self) -> usize {
        self.replicas.iter().map(|replica| replica.starts - 1).sum()
    }

    /// What stands between the operators and the API server.
    pub fn proxies(&self) -> impl Iterator<Item = &Proxy> {
        self.replicas.iter().map(|replica| replica.proxy.as_ref())
    }
}
