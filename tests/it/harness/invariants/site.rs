//! Where the evidence of one test is collected: its namespaces, its simulator, its operators.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use devenv::control_plane::ControlPlane;
use jumpcloud_sim::Sim;

use super::evidence::{Evidence, Flags};
use super::permitted;
use super::quiet::{self, Sight};
use super::recorder::{Recorder, recorder};
use super::version::History;
use super::{Rule, check_part, check_whole};
use crate::harness::plane::plane;

/// So many violations tell enough.
const SHOWN: usize = 20;

/// The place of one test.
pub struct Site {
    sim: Arc<Sim>,
    own: Option<Own>,
    known: Mutex<Known>,
}

/// What a test with a control plane of its own has.
struct Own {
    recorder: Recorder,
    audit: PathBuf,
}

/// What is known of it by now.
#[derive(Default)]
struct Known {
    namespaces: Vec<String>,
    others: Vec<Arc<Sim>>,
    logs: BTreeSet<PathBuf>,
    metrics: Vec<String>,
    flags: Option<Flags>,
    excused: BTreeMap<Rule, &'static str>,
    gaps_excused: Option<&'static str>,
    unrest: Vec<String>,
    starts: usize,
    is_held: bool,
}

impl Site {
    /// Begins to record a namespace, which should not exist yet, beside that simulator.
    pub fn begin(namespace: &str, sim: Arc<Sim>) -> Arc<Self> {
        let site = Arc::new(Self { sim, own: None, known: Mutex::default() });
        site.add(namespace);
        site
    }

    /// The same on a control plane of the test's own. No other test of this binary has a namespace of that name.
    pub fn begin_on(plane: &ControlPlane, namespace: &str, sim: Arc<Sim>) -> Arc<Self> {
        let recorder = Recorder::start(plane.admin_kubeconfig().to_owned());
        let own = Some(Own { recorder, audit: audit_log(plane) });
        let site = Arc::new(Self { sim, own, known: Mutex::default() });
        site.add(namespace);
        site
    }

    /// Records another namespace, too.
    pub fn add(self: &Arc<Self>, namespace: &str) {
        self.recorder().record(namespace);
        self.known().namespaces.push(namespace.to_owned());
        lock(sites()).insert(namespace.to_owned(), Arc::downgrade(self));
    }

    /// Another simulator, which connections of the test lead to by its address.
    pub fn add_sim(&self, sim: Arc<Sim>) {
        self.known().others.push(sim);
    }

    /// Excuses this test from one rule.
    pub fn may_break(&self, rule: Rule, why: &'static str) {
        self.known().excused.insert(rule, why);
    }

    /// Says why the history of this test may miss versions. Rules that need one of them fail all the same.
    pub fn may_have_gaps(&self, why: &'static str) {
        self.known().gaps_excused = Some(why);
    }

    /// An operator was started with these arguments.
    pub fn started(&self, arguments: &[String], log: PathBuf) {
        let flags = Flags::of(arguments);
        let mut known = self.known();
        known.flags = Some(known.flags.map_or(flags, |others| others.and(flags)));
        known.logs.insert(log);
        known.starts += 1;
    }

    /// An operator that may still be alive is about to end.
    pub fn ending(&self, admin: u16) {
        let Some(metrics) = scrape(admin) else { return };
        self.known().metrics.push(metrics);
        let unrest = self.unrest();
        self.known().unrest.extend(unrest);
    }

    /// What goes on although everything is settled.
    fn unrest(&self) -> Option<String> {
        if self.known().excused.contains_key(&Rule::Quiet) {
            return None;
        }
        let namespaces = self.known().namespaces.clone();
        let others = self.known().others.clone();
        let audit = self.audit();
        quiet::unrest(|| Sight {
            history: self.recorder().catch_up(&namespaces).history,
            last_call: others.iter().chain([&self.sim]).filter_map(|sim| sim.last_request()).max(),
            last_write: quiet::last_write(&audit, &namespaces),
        })
    }

    /// The versions of the objects so far.
    pub fn history(&self) -> History {
        let namespaces = self.known().namespaces.clone();
        self.recorder().catch_up(&namespaces).history
    }

    /// Everything that is wrong so far, as text.
    pub fn violations(&self) -> Vec<String> {
        let namespaces = self.known().namespaces.clone();
        let kept = self.recorder().catch_up(&namespaces);
        let known = self.known();
        let gaps = if known.gaps_excused.is_some() { Vec::new() } else { kept.gaps.clone() };
        let logs = known.logs.iter().map(|log| {
            let text = std::fs::read(log).unwrap_or_default();
            (log.display().to_string(), String::from_utf8_lossy(&text).into_owned())
        });
        let metrics = known.metrics.iter().map(|text| ("metrics".to_owned(), text.clone()));
        let whole = Evidence {
            history: kept.history,
            ledger: self.sim.ledger(),
            users: self.sim.users(),
            events: kept.events,
            secrets: kept.secrets,
            said: Arc::new(logs.chain(metrics).collect()),
            flags: known.flags.unwrap_or_default(),
            starts: known.starts,
        };
        let mut found = check_whole(&whole);
        if known.others.is_empty() {
            found.extend(check_part(&whole));
        }
        for sim in &known.others {
            found.extend(check_part(&Evidence {
                history: whole.history.at(sim.url()),
                ledger: sim.ledger(),
                users: sim.users(),
                events: Vec::new(),
                secrets: BTreeSet::new(),
                said: Arc::clone(&whole.said),
                flags: whole.flags,
                starts: whole.starts,
            }));
        }
        let unrest = known.unrest.iter().map(|text| (Rule::Quiet, text.clone()));
        let refused =
            permitted::refused(&self.audit(), &namespaces).into_iter().map(|text| (Rule::Permitted, text));
        let found = found.into_iter().chain(unrest).chain(refused);
        let found = found.filter(|(rule, _)| !known.excused.contains_key(rule));
        let mut found: Vec<_> = found.map(|(rule, text)| format!("{rule:?}: {text}")).collect();
        let all = found.len();
        found.truncate(SHOWN);
        let rest = (all > SHOWN).then(|| format!("and {} more", all - SHOWN));
        found.into_iter().chain(rest).chain(gaps.into_iter().map(|gap| format!("history: {gap}"))).collect()
    }

    /// Fails when something is wrong.
    pub fn hold(&self) {
        let wrong = self.violations();
        assert!(wrong.is_empty(), "invariants are broken:\n{}", wrong.join("\n"));
    }

    /// The same when the first of the worlds goes. A test that has failed is told what else is wrong.
    pub fn end(&self) {
        if std::mem::replace(&mut self.known().is_held, true) {
            return;
        }
        if !std::thread::panicking() {
            return self.hold();
        }
        // A second panic would end the whole run.
        match catch_unwind(AssertUnwindSafe(|| self.violations())) {
            Ok(wrong) => wrong.iter().for_each(|text| eprintln!("an invariant was broken: {text}")),
            Err(_) => eprintln!("the invariants could not be checked"),
        }
    }

    fn recorder(&self) -> &Recorder {
        self.own.as_ref().map_or_else(|| recorder(), |own| &own.recorder)
    }

    fn audit(&self) -> PathBuf {
        self.own.as_ref().map_or_else(|| audit_log(plane()), |own| own.audit.clone())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for namespace in &self.known().namespaces {
            lock(sites()).remove(namespace);
            self.recorder().forget(namespace);
        }
    }
}

/// Where the API server writes what it was asked.
pub fn audit_log(plane: &ControlPlane) -> PathBuf {
    plane.scratch().path().join("audit.log")
}

/// The site that has that namespace.
pub fn of(namespace: &str) -> Option<Arc<Site>> {
    lock(sites()).get(namespace).and_then(Weak::upgrade)
}

fn sites() -> &'static Mutex<BTreeMap<String, Weak<Site>>> {
    static SITES: OnceLock<Mutex<BTreeMap<String, Weak<Site>>>> = OnceLock::new();
    SITES.get_or_init(Mutex::default)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The metrics of the operator that listens on that port; nothing when none answers.
fn scrape(admin: u16) -> Option<String> {
    let patience = Some(Duration::from_secs(2));
    let mut stream = TcpStream::connect(("127.0.0.1", admin)).ok()?;
    stream.set_read_timeout(patience).ok()?;
    stream.set_write_timeout(patience).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}
