//! Candidates against each other in virtual time, on a register with compare-and-swap.
//!
//! The register is no stand-in for the API server: it knows one record and resourceVersions, nothing
//! else. The real one is asked by the integration tests.

use std::future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::campaign::Campaign;
use super::config::LeaseConfig;
use super::leadership::{Leadership, Standing};
use super::store::{LeaseStore, StoreError};
use crate::runtime::clock;

const DURATION: Duration = Duration::from_secs(30);
const RENEW_DEADLINE: Duration = Duration::from_secs(20);
const RETRY_PERIOD: Duration = Duration::from_secs(4);

/// The one record.
#[derive(Default)]
struct Register {
    lease: Option<Lease>,
    version: u64,
}

impl Register {
    fn store(&mut self, mut lease: Lease) -> Lease {
        self.version += 1;
        lease.metadata.resource_version = Some(self.version.to_string());
        self.lease = Some(lease.clone());
        lease
    }

    fn write(&mut self, lease: &Lease, expected: Option<&str>) -> Result<Lease, StoreError> {
        let found = self.lease.as_ref().and_then(|lease| lease.metadata.resource_version.as_deref());
        if found == expected { Ok(self.store(lease.clone())) } else { Err(StoreError::Conflict) }
    }
}

/// What happens to a candidate's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Good,
    /// Nothing arrives, nothing comes back.
    Silent,
    /// Everything is answered with an error.
    Broken,
    /// Writes take effect; their answers are lost.
    LosesAnswers,
}

/// One candidate's way to the record.
#[derive(Clone)]
struct Wire {
    register: Arc<Mutex<Register>>,
    link: Arc<Mutex<Link>>,
    writes: Arc<AtomicUsize>,
}

impl Wire {
    async fn call<T>(
        &self,
        write: bool,
        act: impl FnOnce(&mut Register) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        sleep(Duration::from_millis(5)).await;
        let link = *self.link.lock().unwrap();
        match link {
            Link::Silent => future::pending().await,
            Link::Broken => Err(StoreError::Failed("refused".into())),
            Link::LosesAnswers if write => {
                drop(act(&mut self.register.lock().unwrap()));
                future::pending().await
            }
            Link::Good | Link::LosesAnswers => {
                self.writes.fetch_add(usize::from(write), Ordering::Relaxed);
                act(&mut self.register.lock().unwrap())
            }
        }
    }
}

impl LeaseStore for Wire {
    async fn get(&self) -> Result<Option<Lease>, StoreError> {
        self.call(false, |register| Ok(register.lease.clone())).await
    }

    async fn create(&self, lease: &Lease) -> Result<Lease, StoreError> {
        let lease = lease.clone();
        self.call(true, move |register| register.write(&lease, None)).await
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, StoreError> {
        let lease = lease.clone();
        self.call(true, move |register| register.write(&lease, lease.metadata.resource_version.as_deref()))
            .await
    }
}

/// A running candidate.
struct Candidate {
    leadership: Leadership,
    wire: Wire,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Candidate {
    fn start(identity: &str, register: &Arc<Mutex<Register>>) -> Self {
        let config = LeaseConfig {
            namespace: "system".into(),
            name: "operator".into(),
            identity: identity.into(),
            duration: DURATION,
            renew_deadline: RENEW_DEADLINE,
            retry_period: RETRY_PERIOD,
        };
        let wire = Wire {
            register: Arc::clone(register),
            link: Arc::new(Mutex::new(Link::Good)),
            writes: Arc::default(),
        };
        let (sender, receiver) = watch::channel(Standing::Candidate);
        let shutdown = CancellationToken::new();
        let campaign = Campaign::new(wire.clone(), config, sender);
        let task = tokio::spawn(campaign.run(shutdown.clone()));
        Self { leadership: Leadership::new(receiver, DURATION, RENEW_DEADLINE), wire, shutdown, task }
    }

    fn link(&self, link: Link) {
        *self.wire.link.lock().unwrap() = link;
    }

    fn leads(&self) -> bool {
        self.leadership.is_leader()
    }

    async fn acquires_within(&self, limit: Duration) {
        timeout(limit, self.leadership.acquired()).await.expect("leads in time");
    }
}

fn register() -> Arc<Mutex<Register>> {
    Arc::default()
}

fn transitions(register: &Arc<Mutex<Register>>) -> Option<i32> {
    register.lock().unwrap().lease.clone()?.spec?.lease_transitions
}

fn holder_of(register: &Arc<Mutex<Register>>) -> Option<String> {
    register.lock().unwrap().lease.clone()?.spec?.holder_identity
}

fn since(start: Instant) -> Duration {
    clock::monotonic() - start
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn one_of_many_leads_and_keeps_leading() {
    let register = register();
    let all: Vec<_> = ["a", "b", "c"].map(|identity| Candidate::start(identity, &register)).into();
    sleep(seconds(2)).await;
    let leader = all.iter().position(Candidate::leads).expect("somebody leads");
    for _ in 0..600 {
        sleep(seconds(1)).await;
        let leaders: Vec<_> = (0..all.len()).filter(|&index| all[index].leads()).collect();
        assert_eq!(leaders, [leader]);
    }
    assert_eq!(transitions(&register), Some(0));
    for (index, candidate) in all.iter().enumerate() {
        let writes = candidate.wire.writes.load(Ordering::Relaxed);
        // At rest only renewals: 600 s by periods of 3.6 to 4 s. A standby may have lost the first race.
        let expected = if index == leader { 140..=175 } else { 0..=1 };
        assert!(expected.contains(&writes), "candidate {index} wrote {writes} times");
    }
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_taken_within_two_seconds() {
    for seed in 0..20 {
        let register = register();
        let first = Candidate::start("a", &register);
        first.acquires_within(seconds(1)).await;
        let second = Candidate::start("b", &register);
        sleep(seconds(10) + Duration::from_millis(137 * seed)).await;

        first.shutdown.cancel();
        second.acquires_within(seconds(2)).await;
        assert!(!first.leads());
        first.task.await.unwrap();
        assert_eq!(transitions(&register), Some(1));
        assert_eq!(holder_of(&register).as_deref(), Some("b"));
        second.task.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_a_killed_holder_is_taken_after_its_duration_plus_two_seconds() {
    let register = register();
    let first = Candidate::start("a", &register);
    first.acquires_within(seconds(1)).await;
    let second = Candidate::start("b", &register);
    sleep(seconds(60)).await;

    let promised = first.leadership.remaining().expect("leads");
    first.task.abort();
    let killed = clock::monotonic();
    second.acquires_within(DURATION + seconds(2)).await;
    assert!(since(killed) >= promised, "taken while it was promised to the first");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_cut_off_steps_down_before_another_leads() {
    for link in [Link::Silent, Link::Broken, Link::LosesAnswers] {
        let register = register();
        let first = Candidate::start("a", &register);
        first.acquires_within(seconds(1)).await;
        let second = Candidate::start("b", &register);
        sleep(seconds(60)).await;

        first.link(link);
        let cut = clock::monotonic();
        first.leadership.lost().await;
        assert!(since(cut) <= RENEW_DEADLINE, "{link:?}: led on for too long");
        assert!(!second.leads(), "{link:?}: two led");

        if link == Link::LosesAnswers {
            // Its writes still arrive, so the record stays its own; nobody leads until answers do.
            sleep(seconds(60)).await;
            assert_eq!(holder_of(&register).as_deref(), Some("a"));
            first.link(Link::Good);
            first.acquires_within(seconds(5)).await;
            assert!(!second.leads());
        } else {
            second.acquires_within(DURATION).await;
            first.link(Link::Good);
            sleep(seconds(60)).await;
            assert!(second.leads() && !first.leads(), "{link:?}: the former holder took it back");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_promised_to_the_holder_is_kept() {
    let register = register();
    let first = Candidate::start("a", &register);
    first.acquires_within(seconds(1)).await;
    let second = Candidate::start("b", &register);
    sleep(seconds(60)).await;

    first.link(Link::Silent);
    let mut until = clock::monotonic();
    while let Some(left) = first.leadership.remaining() {
        assert!(left <= DURATION);
        until = until.max(clock::monotonic() + left);
        sleep(Duration::from_millis(50)).await;
    }
    second.leadership.acquired().await;
    assert!(clock::monotonic() >= until, "taken before the promised time");
}

#[tokio::test(start_paused = true)]
async fn an_edited_record_costs_a_reread_and_not_the_leadership() {
    let register = register();
    let first = Candidate::start("a", &register);
    first.acquires_within(seconds(1)).await;
    for _ in 0..10 {
        {
            let mut register = register.lock().unwrap();
            let mut lease = register.lease.clone().unwrap();
            lease.metadata.labels.get_or_insert_default().insert("edited".into(), "yes".into());
            register.store(lease);
        }
        sleep(seconds(7)).await;
        assert!(first.leads());
    }
    let labels = register.lock().unwrap().lease.clone().unwrap().metadata.labels;
    assert!(labels.is_some_and(|labels| labels.contains_key("edited")), "the edit was written over");
    assert_eq!(transitions(&register), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_record_was_taken_stops_at_its_next_renewal() {
    let register = register();
    let first = Candidate::start("a", &register);
    first.acquires_within(seconds(1)).await;
    {
        let mut register = register.lock().unwrap();
        let mut lease = register.lease.clone().unwrap();
        lease.spec.as_mut().unwrap().holder_identity = Some("somebody".into());
        register.store(lease);
    }
    timeout(RETRY_PERIOD + seconds(2), first.leadership.lost()).await.expect("steps down in time");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_does_not_hold_up_the_shutdown() {
    let register = register();
    let first = Candidate::start("a", &register);
    first.acquires_within(seconds(1)).await;
    first.link(Link::Silent);
    first.shutdown.cancel();
    timeout(seconds(3), first.task).await.expect("ends in time").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_candidate_that_shuts_down_leaves_the_holder_alone() {
    let register = register();
    let first = Candidate::start("a", &register);
    first.acquires_within(seconds(1)).await;
    let second = Candidate::start("b", &register);
    sleep(seconds(5)).await;
    second.shutdown.cancel();
    second.task.await.unwrap();
    sleep(seconds(60)).await;
    assert!(first.leads());
    assert_eq!(transitions(&register), Some(0));
}
