//! The figures of all runs, as a table for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use fault_proxy::{Entry as ApiEntry, Proxy};
use jumpcloud_sim::ledger::Entry;

use super::crew::Crew;
use super::load::Load;
use super::verdict::Verdict;
use super::{PERCENT, USERS};
use crate::harness::weather::{base_seed, tell};

/// Sums over the runs.
pub struct Figures {
    begun: Instant,
    rows: Vec<(&'static str, usize)>,
    jumpcloud: BTreeMap<String, usize>,
    api_server: BTreeMap<String, usize>,
}

impl Default for Figures {
    fn default() -> Self {
        let (jumpcloud, api_server) = (BTreeMap::new(), BTreeMap::new());
        Self { begun: Instant::now(), rows: Vec::new(), jumpcloud, api_server }
    }
}

impl Figures {
    fn count(&mut self, what: &'static str, number: usize) {
        match self.rows.iter_mut().find(|(row, _)| *row == what) {
            Some((_, sum)) => *sum += number,
            None => self.rows.push((what, number)),
        }
    }

    /// Adds a run.
    pub fn add(&mut self, load: &Load<'_>, entries: &[Entry], found: &Verdict) {
        self.count("submissions declared", load.creates + load.updates + load.schedules);
        self.count("of them creations", load.creates);
        self.count("of them updates (edits)", load.updates);
        self.count("of them schedules", load.schedules);
        self.count("POST and PATCH requests for them", found.posts);
        self.count("of them with an unknown outcome", found.unknown);
        self.count("jobs accepted by JumpCloud", found.accepted);
        self.count(
            "of them with a lost id, settled by looking or sending again",
            found.unrecorded_but_settled,
        );
        self.count("users adopted after an unknown outcome", found.adopted);
        self.count("users in a second job with the protocol's leave", found.excused);
        self.count("objects at SubmissionUnknown", found.objects_unknown);
        self.count("users at SubmissionUnknown", found.users_unknown);
        let by_crash = "of them with a request that was intended and, after a crash, never sent";
        self.count(by_crash, found.users_unknown_by_crash);
        self.count("duplicate submissions, unrecorded jobs, untrue statuses", found.wrong.len());
        let requests = || entries.iter().filter_map(Entry::request);
        self.count("requests to JumpCloud", requests().count());
        for fault in requests().filter_map(|request| request.fault.clone()) {
            *self.jumpcloud.entry(fault).or_default() += 1;
        }
    }

    /// Adds what only the end shows.
    pub fn close(&mut self, crew: &Crew) {
        let faults = self.jumpcloud.values().sum();
        self.count("of them with a fault", faults);
        let log: Vec<ApiEntry> = crew.proxies().flat_map(Proxy::log).collect();
        self.count("requests to the API server", log.iter().filter(|entry| entry.event.is_none()).count());
        for fault in log.iter().filter_map(|entry| entry.fault.clone()) {
            *self.api_server.entry(fault).or_default() += 1;
        }
        let faults = self.api_server.values().sum();
        self.count("faults there and at events of watches", faults);
        self.count("processes started again", crew.restarts());
    }

    /// Prints the table, and writes it to the file that `THOUSAND_FIGURES` names.
    pub fn publish(&self) {
        let mut text = format!(
            "Submissions of {USERS} users, {PERCENT} % faults, seed {}, {} s\n\n| what | number |\n|---|---|\n",
            base_seed(),
            self.begun.elapsed().as_secs(),
        );
        for (what, number) in &self.rows {
            writeln!(text, "| {what} | {number} |").expect("text");
        }
        for (side, faults) in [("JumpCloud", &self.jumpcloud), ("the API server", &self.api_server)] {
            write!(text, "\n| fault at {side} | times |\n|---|---|\n").expect("text");
            for (fault, times) in faults {
                writeln!(text, "| {fault} | {times} |").expect("text");
            }
        }
        tell(&text);
        if let Ok(path) = std::env::var("THOUSAND_FIGURES") {
            std::fs::write(path, text).expect("the file of THOUSAND_FIGURES");
        }
    }
}
