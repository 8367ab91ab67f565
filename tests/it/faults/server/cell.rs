//! One cell: a workload of one request to JumpCloud, a fault on one request to the API server, and what came of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fault_proxy::Proxy;
use jumpcloud_operator::api::scheduled_user_state::ScheduledUserStateStatus;
use jumpcloud_operator::api::user_batch::JumpCloudUserBatchStatus;
use jumpcloud_sim::settings::OrganisationSettings;
use jumpcloud_sim::{DEFAULT_KEY, Route, Settings, Sim};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};

use super::fault::Fault;
use super::request::{Ask, Needs};
use crate::faults::matrix::cell::reason;
use crate::faults::matrix::stage::{apply_object, objects};
use crate::harness::manifests::{self, plain_users};
use crate::harness::operator::Operator;
use crate::harness::schedules::{ahead, assert_scheduled_true, by_username, events_of, schedule};
use crate::harness::truth::{assert_single_create, assert_true};
use crate::harness::wait::eventually;
use crate::harness::world::World;

/// How long a cell may take: a silent list is noticed after 75 s.
const LIMIT: Duration = Duration::from_secs(200);

/// Between two looks at an object: many cells look at once.
pub const PAUSE: Duration = Duration::from_millis(400);

const USERS: usize = 3;

/// What came of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The pass, or the watch, went on: asked again, or read back, in place.
    WentOn,
    /// The pass failed and was made again.
    PassAgain,
    /// The record of what JumpCloud accepted was tried again.
    RecordedLater,
    /// The time of the intent was over: settled as a request of unknown outcome, and sent then, once.
    Settled,
    /// The event is lost; a log line says so.
    EventLost,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WentOn => "went on",
            Self::PassAgain => "pass made again",
            Self::RecordedLater => "recorded later",
            Self::Settled => "intent settled, sent once",
            Self::EventLost => "event lost",
        })
    }
}

/// A cell of the table.
pub struct Cell {
    /// The request.
    pub ask: Ask,
    /// What goes wrong with it, once.
    pub fault: Fault,
    /// Its objects, and the beginning of its users' names.
    pub name: String,
    /// The organisation of its JumpCloud.
    organisation: String,
    /// Its JumpCloud.
    pub sim: Arc<Sim>,
}

impl Cell {
    /// A cell whose simulator runs.
    pub async fn new(ask: Ask, fault: Fault, number: u64) -> Self {
        let mut settings = Settings { seed: number, ..Settings::default() };
        settings.jobs.service_time_ms = 300;
        // Whose users they are is told apart by organisation: no two cells have one in common.
        let organisation = format!("5f0c1d2e3a4b5c6e{number:08x}");
        settings.organisations =
            vec![OrganisationSettings { id: organisation.clone(), ..OrganisationSettings::default() }];
        let sim = Arc::new(Sim::start(settings).await.expect("the simulator starts"));
        Self { ask, fault, name: format!("{ask:?}-{}", fault.word()).to_lowercase(), organisation, sim }
    }

    /// Breaks the request, once.
    pub fn break_things(&self, proxy: &Proxy) {
        // The first update is to be a renewal.
        let skip = u32::from(self.ask == Ask::LeaseUpdate);
        proxy.add_rule(self.fault.rule().of(self.ask.which(&self.name)).skip(skip).times(1));
    }

    /// Applies what is needed, and waits for its end. Whatever is wrong then is a panic.
    pub async fn run(&self, world: &World, proxy: &Proxy, operator: &Operator) -> Outcome {
        if self.ask.needs() == Needs::Object {
            self.break_things(proxy);
        }
        let labels = json!({"cell": self.name});
        let mut secret = manifests::secret(&world.namespace, DEFAULT_KEY);
        secret["metadata"]["name"] = json!(self.name);
        crate::harness::declare::apply(&secret.to_string());
        let mut connection = manifests::connection(&world.namespace, &self.name, self.sim.url());
        connection["spec"]["auth"]["apiKey"]["secretKeyRef"]["name"] = json!(self.name);
        apply_object(world, &connection).await;
        let mut object = if self.ask.is_schedule() { self.schedule(world) } else { self.batch(world) };
        object["metadata"]["labels"] = labels;
        apply_object(world, &object).await;
        let done = eventually(&format!("{}: the end", self.name), LIMIT, async || {
            let object = self.object(world, &object).await;
            let done = matches!(reason(&object), Some("Succeeded" | "Scheduled"));
            let fired = self.has_fired(proxy);
            if done && fired {
                return Ok(object);
            }
            tokio::time::sleep(PAUSE).await;
            Err((fired, object["status"].clone(), operator_tail(operator)))
        })
        .await;
        self.check(&done["status"]);
        self.aftermath(world, operator).await;
        let quiet = self.sim.quiet_for(Duration::from_secs(2), Duration::from_secs(20)).await;
        quiet.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let now = self.object(world, &object).await;
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        assert_eq!(version(&now), version(&done), "{}: written at rest", self.name);
        self.outcome(world, operator, &done["status"]).await
    }

    fn has_fired(&self, proxy: &Proxy) -> bool {
        let about = |entry: &fault_proxy::Entry| match self.ask {
            // Its name is in the body, which the log does not keep: whoever waits for its end sees it.
            Ask::Event => true,
            Ask::List | Ask::Watch | Ask::LeaseGet | Ask::LeaseUpdate => entry.fault.is_some(),
            _ => entry.fault.is_some() && entry.target.name == self.name,
        };
        proxy.log().iter().any(about)
    }

    async fn object(&self, world: &World, object: &Value) -> Value {
        let kind = object["kind"].as_str().expect("a kind");
        let found = objects(world, kind).get(&self.name).await.expect("the object is there");
        serde_json::to_value(found).expect("JSON")
    }

    fn batch(&self, world: &World) -> Value {
        let spec = json!({"users": plain_users(&self.name, USERS), "connectionRef": {"name": self.name}});
        manifests::batch(&world.namespace, &self.name, &spec)
    }

    fn schedule(&self, world: &World) -> Value {
        let names: Vec<String> = (0..USERS).map(|i| format!("{}{i}", self.name)).collect();
        for name in &names {
            let user = json!({"username": name, "email": format!("{name}@canary.example.com"), "state": "ACTIVATED"});
            self.sim.add_user(&self.organisation, &user).expect("a user");
        }
        let time = ahead(5 * 3600).to_string();
        let connection = json!({"name": self.name});
        let spec = json!({
            "users": by_username(names), "state": "Suspended", "startTime": time, "connectionRef": connection,
        });
        schedule(&world.namespace, &self.name, &spec)
    }

    /// One request that JumpCloud accepted, and the truth in status.
    fn check(&self, status: &Value) {
        if self.ask.is_schedule() {
            let typed: ScheduledUserStateStatus = serde_json::from_value(status.clone()).expect("a status");
            assert_scheduled_true(&self.sim, &typed);
            assert_eq!(self.sim.requests(Route::ScheduleCreate).len(), 1, "{}", self.name);
            assert_eq!((events_of(&self.sim).len(), typed.events.len()), (USERS, USERS), "{}", self.name);
            assert!(typed.events.iter().all(|event| event.origin == "Created"), "{}: {typed:?}", self.name);
        } else {
            let typed: JumpCloudUserBatchStatus = serde_json::from_value(status.clone()).expect("a status");
            assert_true(&self.sim, &typed);
            assert_single_create(&self.sim, |_| false);
            assert_eq!(self.sim.requests(Route::BulkCreate).len(), 1, "{}", self.name);
            let users: Vec<_> =
                typed.users.iter().map(|u| (u.result.as_str(), u.reason.as_deref())).collect();
            assert_eq!(users, [("Created", None); USERS], "{}: nobody was found by looking", self.name);
        }
    }

    /// Waits for what is written after the end of the object itself.
    async fn aftermath(&self, world: &World, operator: &Operator) {
        let what = format!("{}: what comes afterwards", self.name);
        eventually(&what, LIMIT, async || {
            let done = match self.ask {
                Ask::Event => {
                    self.was_told(world).await || self.logged(world, operator, "event was not published")
                }
                Ask::Connection => {
                    let connection = objects(world, "JumpCloudConnection").get(&self.name).await;
                    let connection = serde_json::to_value(connection.expect("it is there")).expect("JSON");
                    reason(&connection) == Some("Succeeded") && self.is_over(world, operator)
                }
                _ => true,
            };
            if done {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
            Err(operator_tail(operator))
        })
        .await;
    }

    /// Whether a silence that a write met has been given up.
    fn is_over(&self, world: &World, operator: &Operator) -> bool {
        !matches!(self.fault, Fault::Silence | Fault::SilenceActed)
            || self.logged(world, operator, "pass failed")
    }

    /// Whether there is an event about the batch.
    async fn was_told(&self, world: &World) -> bool {
        let events: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
        let events = events.list(&ListParams::default()).await.expect("events");
        let about = |event: &Event| {
            event.regarding.as_ref().is_some_and(|object| {
                object.kind.as_deref() == Some("JumpCloudUserBatch")
                    && object.name.as_deref() == Some(self.name.as_str())
            })
        };
        events.items.iter().any(about)
    }

    fn logged(&self, world: &World, operator: &Operator, text: &str) -> bool {
        let object = format!("object={}/{}}}", world.namespace, self.name);
        operator.log().lines().any(|line| line.contains(&object) && line.contains(text))
    }

    async fn outcome(&self, world: &World, operator: &Operator, status: &Value) -> Outcome {
        assert!(!operator.log().contains("lease lost"), "{}: it does not lead any more", self.name);
        let logged = |text: &str| self.logged(world, operator, text);
        let mut jobs = status["jobs"].as_array().into_iter().flatten();
        if jobs.any(|job| job["jobID"].is_null()) || status["users"][0]["unknownSends"].is_number() {
            return Outcome::Settled;
        }
        // One that is there counts, though its reply was lost.
        if self.ask == Ask::Event && !self.was_told(world).await {
            return Outcome::EventLost;
        }
        if logged("not recorded yet") {
            return Outcome::RecordedLater;
        }
        if logged("pass failed") {
            return Outcome::PassAgain;
        }
        Outcome::WentOn
    }
}

fn operator_tail(operator: &Operator) -> String {
    let log = operator.log();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}
