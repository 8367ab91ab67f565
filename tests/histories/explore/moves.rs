//! What may happen next, in any state; and letting it happen.
//!
//! While an operator is about to plan nothing else happens: planning reads nothing but what the pass has, and
//! the time, so that only a pause makes a difference there. Time passes while every operator that is not
//! paused or dead rests; a pause, or being dead, lasts as long as one likes. JumpCloud works on a job, or shows
//! a user, before a request that could tell, or when it is due.

use jumpcloud_operator::api::recording::Records;
use jumpcloud_operator::api::submission::Recorded;

use super::drive::{Book, Driver};
use super::kind::{Hidden, Kind};
use super::replica::{Doing, Memory, Replica, deadlines};
use super::setting::Setting;
use super::state::State;
use super::timing::QUARANTINE;
use super::wire::Fault;
use crate::clock::Ms;

/// Something that may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move<E> {
    /// An operator plans.
    Plan(usize),
    /// An operator begins a pass, from a version that is so many behind.
    Begin(usize, usize),
    /// An operator sends what it is about to send.
    Send(usize, Fault),
    /// An operator dies.
    Crash(usize),
    /// An operator stops.
    Pause(usize),
    /// An operator goes on, or begins anew.
    Resume(usize),
    /// A request arrives at last.
    Arrive(usize),
    /// JumpCloud does something by itself.
    Happen(Hidden),
    /// Others do something.
    Edit(E),
    /// It becomes that time.
    Tick(Ms),
}

impl<K: Kind> State<K> {
    /// Everything that may happen. What happens when nothing goes wrong is the first, if there is anything.
    pub fn moves(&self, setting: &Setting<K>) -> Vec<Move<K::Edit>> {
        let mut calm = Vec::new();
        let mut odd = Vec::new();
        if let Some(r) = self.replicas.iter().position(Replica::is_planning) {
            calm.push(Move::Plan(r));
            if self.left.allows(|left| &mut left.pauses) {
                odd.push(Move::Pause(r));
            }
            calm.extend(odd);
            return calm;
        }
        let now = self.now;
        let overdue = K::due(&self.cloud).is_some_and(|due| due <= now);
        if overdue {
            // What is due is done before anything else.
            let all = K::hidden(&self.cloud, None, now).into_iter();
            return all.filter(|what| self.affords(*what)).map(Move::Happen).collect();
        }
        if let Some(late) = self.late.iter().position(|late| late.until <= now) {
            return vec![Move::Arrive(late)];
        }
        let mut reading = Vec::new();
        for (r, replica) in self.replicas.iter().enumerate() {
            if replica.stopped {
                calm.push(Move::Resume(r));
                continue;
            }
            match &replica.pass {
                Some(pass) => {
                    calm.push(Move::Send(r, Fault::None));
                    if let Doing::Read(read) = &pass.doing {
                        reading.push(read);
                    }
                    if self.left.allows(|left| &mut left.faults) {
                        odd.extend(Fault::of(&pass.doing).iter().map(|fault| Move::Send(r, *fault)));
                    }
                    if self.left.allows(|left| &mut left.pauses) {
                        odd.push(Move::Pause(r));
                    }
                }
                None if replica.woken && self.api.there => calm.push(Move::Begin(r, 0)),
                None => {}
            }
            if self.left.allows(|left| &mut left.crashes) {
                odd.push(Move::Crash(r));
            }
            let behind = self.api.versions.len() - usize::from(self.api.there);
            if replica.pass.is_none() && self.left.allows(|left| &mut left.stale) {
                odd.extend((1..=behind).map(|behind| Move::Begin(r, behind)));
            }
        }
        let edits = self.left.allows(|left| &mut left.edits);
        if edits && self.api.live().is_some() {
            odd.extend(setting.edits.iter().map(|edit| Move::Edit(*edit)));
        }
        odd.extend((0..self.late.len()).map(Move::Arrive));
        let mut hidden: Vec<Hidden> =
            reading.iter().flat_map(|read| K::hidden(&self.cloud, Some(read), now)).collect();
        if edits || !self.late.is_empty() {
            hidden.extend(K::hidden(&self.cloud, None, now));
        }
        let mut seen: Vec<Hidden> = Vec::new();
        for what in hidden {
            if !seen.contains(&what) && self.affords(what) {
                seen.push(what);
                odd.push(Move::Happen(what));
            }
        }
        if !self.replicas.iter().any(Replica::is_busy)
            && let Some(at) = self.next_time(setting)
        {
            calm.push(Move::Tick(at));
        }
        calm.extend(odd);
        calm
    }

    fn affords(&self, what: Hidden) -> bool {
        !matches!(what, Hidden::RunBadly(_)) || self.left.allows(|left| &mut left.faults)
    }

    /// When something is due next.
    fn next_time(&self, setting: &Setting<K>) -> Option<Ms> {
        let now = self.now;
        let mut times: Vec<Ms> = self.late.iter().map(|late| late.until).collect();
        times.extend(K::due(&self.cloud));
        for replica in &self.replicas {
            if !replica.stopped {
                times.extend(replica.wake);
                continue;
            }
            // Whoever goes on later does so after each of the times that it could tell apart.
            let live = self.api.live().map(|live| live.status.status.submissions()).unwrap_or_default();
            let orders =
                replica.pass.iter().flat_map(|pass| pass.orders.values()).map(|order| &*order.record);
            for record in live.iter().filter_map(Recorded::known).chain(orders) {
                times.extend(deadlines(record, replica.skew, QUARANTINE));
            }
        }
        times.into_iter().filter(|at| *at > now && *at <= setting.horizon).min()
    }

    /// Lets something happen; what broke a rule goes into the book.
    pub fn happen(&mut self, setting: &Setting<K>, next: Move<K::Edit>, book: &mut Book<K>) {
        let now = self.now;
        match next {
            Move::Plan(r) => Driver { setting, state: self, book }.think(r),
            Move::Begin(r, behind) => {
                if behind > 0 {
                    self.left.spend(|left| &mut left.stale);
                }
                let place = self.api.versions.len() - behind - usize::from(self.api.there);
                let object = self.api.versions[place].clone();
                Driver { setting, state: self, book }.begin(r, object, behind > 0);
            }
            Move::Send(r, fault) => {
                if fault != Fault::None {
                    self.left.spend(|left| &mut left.faults);
                }
                Driver { setting, state: self, book }.send(r, fault);
            }
            Move::Crash(r) => {
                self.left.spend(|left| &mut left.crashes);
                let replica = &mut self.replicas[r];
                (replica.pass, replica.memory) = (None, Memory::default());
                (replica.stopped, replica.woken, replica.wake) = (true, true, None);
                self.ledger.receipts[r] = None;
            }
            Move::Pause(r) => {
                self.left.spend(|left| &mut left.pauses);
                self.replicas[r].stopped = true;
            }
            Move::Resume(r) => self.replicas[r].stopped = false,
            Move::Arrive(index) => {
                let late = self.late.remove(index);
                let _ = Driver { setting, state: self, book }.serve(&late.request);
            }
            Move::Happen(what) => {
                if let Hidden::RunBadly(_) = what {
                    self.left.spend(|left| &mut left.faults);
                }
                K::happen(&mut self.cloud, what, now, &mut book.broken);
            }
            Move::Edit(edit) => {
                self.left.spend(|left| &mut left.edits);
                K::edit(self, edit);
            }
            Move::Tick(at) => {
                self.now = at;
                for replica in &mut self.replicas {
                    if !replica.stopped && replica.wake.is_some_and(|wake| wake <= at) {
                        replica.woken = true;
                    }
                }
            }
        }
    }
}
