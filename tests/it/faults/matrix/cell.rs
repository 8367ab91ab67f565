//! One cell: a workload, a fault at one route, and what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jumpcloud_operator::api::scheduled_user_state::ScheduledUserStateStatus;
use jumpcloud_operator::api::user_batch::JumpCloudUserBatchStatus;
use jumpcloud_sim::ledger::Entry;
use jumpcloud_sim::settings::OrganisationSettings;
use jumpcloud_sim::{Route, Sim};
use serde_json::{Value, json};

use super::endpoint::{Effect, Endpoint, USERS};
use super::expected;
use super::fault::{ABSENCE, Fault};
use super::outcome::{Outcome, Seen};
use super::stage::{Stage, apply_object, connection, objects};
use crate::harness::schedules::{assert_scheduled_true, events_of};
use crate::harness::truth::{assert_single_create, assert_true};
use crate::harness::wait::eventually;

/// How long a cell may take: two requests of unknown outcome, each with its quarantines, on a slow machine.
const LIMIT: Duration = Duration::from_secs(240);

/// Between two looks at an object: many cells look at once.
pub const PAUSE: Duration = Duration::from_millis(400);

/// What Ready says when nothing more is to come without a person.
const ENDED: [&str; 8] = [
    "Succeeded",
    "PartiallyFailed",
    "Failed",
    "SubmissionUnknown",
    "UserConflict",
    "Scheduled",
    "Executed",
    "NotReached",
];

/// A cell of the table.
pub struct Cell {
    /// The route.
    pub endpoint: Endpoint,
    /// What goes wrong with requests to it.
    pub fault: Fault,
    /// How often.
    pub times: u32,
    /// Its objects, and the beginning of its users' names.
    pub name: String,
    /// Where they are.
    pub namespace: String,
    /// The organisation of its JumpCloud.
    pub organisation: String,
    /// Its JumpCloud.
    pub sim: Arc<Sim>,
    begun: Timestamp,
}

impl Cell {
    /// A cell whose simulator runs.
    pub async fn new(namespace: &str, endpoint: Endpoint, fault: Fault, times: u32) -> Self {
        // Whose users they are is told apart by organisation and id: no two cells have one in common.
        static CELLS: AtomicU64 = AtomicU64::new(1);
        let number = CELLS.fetch_add(1, Ordering::Relaxed);
        let organisation = format!("5f0c1d2e3a4b5c6d{number:08x}");
        let mut settings = endpoint.settings();
        settings.seed = number;
        settings.organisations =
            vec![OrganisationSettings { id: organisation.clone(), ..Default::default() }];
        let sim = Arc::new(Sim::start(settings).await.expect("the simulator starts"));
        if endpoint == Endpoint::Token {
            sim.add_client_secret(&organisation, "the-client", "the-secret").expect("an account");
        }
        let name = format!("{endpoint:?}-{}-{times}", fault.word()).to_lowercase();
        let begun = Timestamp::from_second(Timestamp::now().as_second()).expect("a time");
        Self { endpoint, fault, times, name, namespace: namespace.to_owned(), organisation, sim, begun }
    }

    /// Names of the users that a schedule is about.
    pub fn usernames(&self) -> Vec<String> {
        (0..USERS).map(|i| format!("{}{i:04}", self.name)).collect()
    }

    /// Adds a user to JumpCloud.
    pub fn add_user(&self, name: &str, state: &str) -> String {
        let user = json!({"username": name, "email": format!("{name}@canary.example.com"), "state": state});
        self.sim.add_user(&self.organisation, &user).expect("a user")
    }

    /// So many seconds after the cell began.
    pub fn time(&self, seconds: i64) -> Timestamp {
        self.begun + SignedDuration::from_secs(seconds)
    }

    /// Lives it, and says what came of the fault. Whatever is wrong in the end is a panic.
    pub async fn run(&self, stage: &Stage) -> Outcome {
        let account = self.endpoint == Endpoint::Token;
        let connection = connection(&self.namespace, &self.name, self.sim.url(), account);
        let is_early = self.endpoint.effect() == Effect::Connection;
        if is_early {
            self.break_things();
            apply_object(&stage.world, &connection).await;
        } else {
            apply_object(&stage.world, &connection).await;
            if let Some(earlier) = self.endpoint.earlier(self) {
                apply_object(&stage.world, &earlier).await;
                self.ended(stage).await;
            }
            self.connected(stage).await;
            if self.endpoint == Endpoint::UserGet {
                // Nobody is found any more: each user is asked for by itself.
                self.sim.update_settings(|settings| settings.search.lag_ms = 3_600_000);
            }
        }
        let since = self.sim.ledger().last().map_or(0, |entry| entry.seq);
        let lines = stage.operator.log().lines().count();
        if !is_early {
            self.break_things();
        }
        apply_object(&stage.world, &self.endpoint.object(self)).await;
        // The host of tokens has no part in the limits of the API.
        if self.fault == Fault::RetryAfterHuge && self.endpoint != Endpoint::Token {
            return self.waits(stage, since).await;
        }
        let object = self.ended(stage).await;
        self.quiet(stage, &object).await;
        self.check(&object);
        let log = stage.operator.log();
        let log: Vec<&str> = log.lines().skip(if is_early { 0 } else { lines }).collect();
        let since = if is_early { 0 } else { since };
        let ledger = self.sim.ledger_since(since);
        if self.fault == Fault::Refused {
            self.was_refused(&ledger);
        }
        let was_not_ready = stage.was_not_ready(&self.name);
        let outcome =
            Seen { cell: self, status: &object["status"], ledger: &ledger, was_not_ready, log: &log }
                .outcome();
        if !expected::of(self.endpoint, self.fault, self.times).contains(&outcome) {
            let mine = log.iter().filter(|line| line.contains(&self.name));
            eprintln!("{}\n{ledger:#?}", mine.copied().collect::<Vec<_>>().join("\n"));
        }
        outcome
    }

    /// The request after the one that was answered last came when somebody listened again, and was the one that
    /// is meant, or the check of the connection that follows from its refusal.
    fn was_refused(&self, ledger: &[Entry]) {
        let requests: Vec<&Entry> = ledger.iter().filter(|entry| entry.request().is_some()).collect();
        let is_last = |entry: &&Entry| entry.request().is_some_and(|request| request.fault.is_some());
        let Some(at) = requests.iter().position(is_last) else { return };
        let next = requests.get(at + 1).expect("something follows");
        let route = next.request().map(|request| request.route);
        assert!(
            route == Some(self.endpoint.route()) || route == Some(Route::OrganizationList),
            "{}: {route:?} was refused",
            self.name
        );
        let gap = next.wall.duration_since(requests[at].wall);
        assert!(
            gap.as_millis() + 1000 >= ABSENCE.as_millis() as i128,
            "{}: nothing was refused: {gap}",
            self.name
        );
    }

    /// From here on requests to the route go wrong.
    fn break_things(&self) {
        let rule = self.fault.rule(self.endpoint);
        if self.fault != Fault::Refused {
            self.sim.set_faults(vec![rule.on(self.endpoint.route()).times(self.times)]);
        } else if let Some((before, skip)) = self.endpoint.before() {
            self.sim.set_faults(vec![rule.on(before).skip(skip).times(1)]);
        } else {
            self.sim.refuse_connections(ABSENCE);
        }
    }

    fn kind(&self) -> &'static str {
        if self.endpoint.is_schedule() { "ScheduledUserState" } else { "JumpCloudUserBatch" }
    }

    async fn connected(&self, stage: &Stage) {
        let what = format!("{}: the connection", self.name);
        eventually(&what, LIMIT, async || {
            let found = self.connection(stage).await;
            if reason(&found) == Some("Succeeded") { Ok(()) } else { Err(found["status"].clone()) }
        })
        .await;
    }

    /// Waits until nothing more is to come.
    async fn ended(&self, stage: &Stage) -> Value {
        eventually(&format!("{}: the end", self.name), LIMIT, async || {
            let object = self.object(stage).await;
            let done = reason(&object).is_some_and(|reason| ENDED.contains(&reason));
            let open = object["status"]["submissions"].as_array().is_some_and(|open| !open.is_empty());
            let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            if done && current && !open {
                return Ok(object);
            }
            tokio::time::sleep(PAUSE).await;
            Err(object["status"].clone())
        })
        .await
    }

    async fn connection(&self, stage: &Stage) -> Value {
        let found = objects(&stage.world, "JumpCloudConnection").get(&self.name).await;
        serde_json::to_value(found.expect("the connection is there")).expect("JSON")
    }

    async fn object(&self, stage: &Stage) -> Value {
        let found = objects(&stage.world, self.kind()).get(&self.name).await.expect("the object is there");
        serde_json::to_value(found).expect("JSON")
    }

    /// Zero calls and zero writes for two seconds.
    async fn quiet(&self, stage: &Stage, object: &Value) {
        let quiet = self.sim.quiet_for(Duration::from_secs(2), Duration::from_secs(20)).await;
        quiet.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let now = self.object(stage).await;
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        // The finalizer goes right after the write that says that nothing is to be undone.
        let let_go = object["metadata"]["finalizers"].is_array() && now["metadata"]["finalizers"].is_null();
        if let_go {
            assert_eq!(now["status"], object["status"], "{}: written at rest", self.name);
        } else {
            assert_eq!(version(&now), version(object), "{}: written at rest", self.name);
        }
    }

    /// JumpCloud wants to be left alone for an hour at least: one request, and nothing after it.
    async fn waits(&self, stage: &Stage, since: u64) -> Outcome {
        let route = self.endpoint.route();
        let what = format!("{}: one refused request", self.name);
        eventually(&what, LIMIT, async || {
            let sent = self.sim.requests(route).into_iter().filter(|request| request.status == Some(429));
            if sent.count() > 0 { Ok(()) } else { Err(self.sim.requests(route)) }
        })
        .await;
        let quiet = self.sim.quiet_for(Duration::from_secs(6), Duration::from_secs(20)).await;
        quiet.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let ledger = self.sim.ledger_since(since);
        let after = ledger.iter().filter_map(Entry::request).skip_while(|r| r.status != Some(429)).skip(1);
        let after: Vec<Route> = after.map(|request| request.route).collect();
        assert!(after.is_empty() || self.endpoint.effect() == Effect::Connection, "{}: {after:?}", self.name);
        let told = match self.endpoint.effect() {
            Effect::Connection => ["ConnectionNotReady", "ConnectionNotReady", "ConnectionNotReady"],
            _ => ["RateLimited", "Retrying", "Progressing"],
        };
        let object = self.object(stage).await;
        assert!(
            reason(&object).is_some_and(|reason| told.contains(&reason)),
            "{}: {}",
            self.name,
            object["status"]
        );
        Outcome::Waits
    }

    /// What must hold in the end, whatever the fault was.
    fn check(&self, object: &Value) {
        let status = &object["status"];
        // Of a user of ours whom no search shows JumpCloud says by itself, too, that it is not there: it counts as
        // deleted since, and is sent once more (need.rs). That JumpCloud then refuses the name is in status.
        let denied = (self.endpoint, self.fault) == (Endpoint::UserGet, Fault::Status(404));
        assert_single_create(&self.sim, |_| denied);
        if self.endpoint.is_schedule() {
            let typed: ScheduledUserStateStatus = serde_json::from_value(status.clone()).expect("a status");
            assert_scheduled_true(&self.sim, &typed);
            let ours = self.usernames();
            let user = |name: &String| self.sim.user(name).expect("the user is there");
            let ids: Vec<_> = ours.iter().map(|name| user(name)["_id"].clone()).collect();
            for (name, line) in ours.iter().zip(&typed.users) {
                let state = user(name)["state"].clone();
                let executed = line.result == "Executed";
                assert!(!executed || state == "ACTIVATED", "{}: {line:?} is {state}", self.name);
            }
            if (self.endpoint, self.fault) == (Endpoint::Delete, Fault::Status(404)) {
                // By design 404 means that the event is gone. It was listed a moment before, so no answer of
                // JumpCloud's own says that while it is there.
                return;
            }
            let of_ours = events_of(&self.sim).into_iter().filter(|event| ids.contains(&json!(event.user)));
            let made = of_ours.count();
            let recorded = typed.events.len();
            assert_eq!(made, recorded, "{}: events that nobody recorded, or that are twice", self.name);
        } else {
            let typed: JumpCloudUserBatchStatus = serde_json::from_value(status.clone()).expect("a status");
            let failed = typed.users.iter().filter(|user| user.result == "Failed");
            let is_late = matches!(self.endpoint, Endpoint::Update | Endpoint::UserPut);
            if is_late && failed.clone().count() > 0 {
                // An earlier job made the user; what should have been set then was refused, or is not known.
                for user in failed {
                    let live = self.sim.user(&user.username).expect("the user is there");
                    assert_eq!(user.id.as_deref(), live["_id"].as_str(), "{}: {user:?}", self.name);
                    assert_ne!(live["department"], "after", "{}: {user:?} is as declared", self.name);
                }
                return self.every_job_is_told(&typed);
            }
            if !denied {
                assert_true(&self.sim, &typed);
            }
            self.every_job_is_told(&typed);
        }
    }

    /// Every accepted job is recorded, or its request was settled by looking.
    fn every_job_is_told(&self, status: &JumpCloudUserBatchStatus) {
        let recorded: Vec<_> = status.jobs.iter().filter_map(|job| job.job_id.clone()).collect();
        let looked_up = status.jobs.iter().filter(|job| job.job_id.is_none()).count();
        let accepted: Vec<String> = self
            .sim
            .ledger()
            .iter()
            .filter_map(Entry::request)
            .filter_map(|request| request.accepted_job().map(str::to_owned))
            .filter(|job| !recorded.contains(job))
            .collect();
        assert!(accepted.len() <= looked_up, "{}: nobody told of {accepted:?}: {:?}", self.name, status.jobs);
    }
}

/// The reason of Ready.
pub fn reason(object: &Value) -> Option<&str> {
    let conditions = object["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == "Ready")?["reason"].as_str()
}
