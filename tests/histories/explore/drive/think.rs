//! Planning: the steps of a pass until it needs something of others, or rests.

use std::sync::Arc;

use jiff::Timestamp;
use jumpcloud_operator::api::recording::Records;

use super::Driver;
use crate::clock::{MINUTE, moment};
use crate::explore::canon::Canon;
use crate::explore::kind::{Kind, Step};
use crate::explore::object::Object;
use crate::explore::replica::{Doing, Pass, Writing};
use crate::explore::wrong::Wrong;

/// More steps than any pass takes between two requests.
const MOST_STEPS: u32 = 20;

impl<K: Kind> Driver<'_, K> {
    /// An operator plans until it needs something of others.
    pub fn think(&mut self, r: usize) {
        let now = self.state.now;
        let Some(mut pass) = self.take(r) else { return };
        self.check_recorded(r, &pass);
        for _ in 0..MOST_STEPS {
            let replica = &mut self.state.replicas[r];
            let clock = replica.clock(now);
            replica.memory.see(&pass.object, now);
            match self.plan(r, &mut pass, clock) {
                Step::Read(read) => {
                    if !K::local(&read, &pass.object, &mut pass.facts, clock) {
                        return self.put(r, pass, Doing::Read(read));
                    }
                }
                Step::Commit(status, intent) => {
                    let writing = Arc::new(Writing {
                        status,
                        intent,
                        planned: pass.object.clone(),
                        version: pass.object.version,
                        rewrites: 0,
                    });
                    if self.is(Wrong::SkipSwap) && writing.intent.is_some() {
                        let object = Object { status: writing.status.clone(), ..(*pass.object).clone() };
                        self.committed(&mut pass, &writing, Arc::new(object));
                        continue;
                    }
                    return self.put(r, pass, Doing::Write(writing));
                }
                Step::Send(nonce) => match pass.orders.get(&nonce).cloned() {
                    Some(order) => return self.put(r, pass, Doing::Post(order)),
                    None => {
                        self.broken("I2", format!("{nonce} is to be sent and was not committed here"));
                        return;
                    }
                },
                Step::Call(call) => return self.put(r, pass, Doing::Call(call)),
                Step::Finalizer(add) => return self.put(r, pass, Doing::Finalizer(add)),
                Step::Idle(wake) => return self.rest(r, &pass, wake.map(moment)),
            }
        }
        self.broken("I4", "a pass plans without end".to_owned());
    }

    /// Asks the planner, or remembers what it said to the same question.
    fn plan(&mut self, r: usize, pass: &mut Pass<K>, clock: Timestamp) -> Step<K> {
        let now = self.state.now;
        let memory = &self.state.replicas[r].memory;
        let mut key = Canon::exact();
        key.object(&pass.object);
        K::facts_into(&pass.facts, &mut key);
        memory.put_into(K::looks_count(&pass.object), &mut key);
        key.time(now);
        key.stamp(Some(clock));
        let key = key.finish();
        if matches!(self.setting.wrong, Some(Wrong::NoQuarantine | Wrong::WallClockOnly)) {
            let mut memory = memory.clone();
            memory.first_seen.values_mut().for_each(|seen| *seen = now - 60 * MINUTE);
            K::inform(&memory, &mut pass.facts, &pass.object, now);
        } else {
            K::inform(memory, &mut pass.facts, &pass.object, now);
        }
        let setting = self.setting;
        self.book.step(key, || {
            let seen = setting.wrong.and_then(|wrong| K::sees(wrong, &pass.object, &mut pass.facts));
            let object = seen.as_ref().unwrap_or(&pass.object);
            K::plan(object, &pass.facts, &setting.policy(), clock)
        })
    }

    fn rest(&mut self, r: usize, pass: &Pass<K>, wake: Option<i64>) {
        let now = self.state.now;
        let replica = &mut self.state.replicas[r];
        let jobs: Vec<_> = pass
            .object
            .status
            .status
            .submissions()
            .iter()
            .filter_map(|record| record.known()?.job_id.clone())
            .collect();
        replica.memory.polls.retain(|job, _| jobs.contains(job));
        let wake = wake.map(|at| at - replica.skew);
        replica.woken |= wake.is_some_and(|at| at <= now);
        replica.wake = wake;
        if self.is(Wrong::Restless)
            && let Some(live) = self.state.api.live().cloned()
        {
            self.state.api.keep((*live).clone());
            self.state.notify();
        }
    }

    /// I3: who was told what was accepted, and goes on, has recorded it, unless the record is gone.
    fn check_recorded(&mut self, r: usize, pass: &Pass<K>) {
        let Some(nonce) = self.state.ledger.receipts[r].take() else { return };
        let live = self.state.api.live().filter(|live| live.uid == pass.object.uid);
        let open =
            live.and_then(|live| live.record(&nonce)).is_some_and(|record| record.accept_time.is_none());
        if open {
            self.broken("I3", format!("what {nonce} was answered was seen and is not recorded"));
        }
    }
}
