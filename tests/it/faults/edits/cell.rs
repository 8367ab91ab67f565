//! One cell: a request that is held, an edit meanwhile, and the end.

use std::sync::Arc;
use std::time::Duration;

use fault_proxy::{FaultRule as ServerFault, Proxy, Which};
use jiff::Timestamp;
use jumpcloud_operator::api::scheduled_user_state::ScheduledUserStateStatus;
use jumpcloud_operator::api::user_batch::JumpCloudUserBatchStatus;
use jumpcloud_sim::settings::OrganisationSettings;
use jumpcloud_sim::{Act, FaultRule, Reply, Route, Settings, Sim, invariants};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::faults::matrix::cell::{PAUSE, reason};
use crate::faults::matrix::stage::{apply_object, connection, objects};
use crate::harness::manifests::{self, plain_users};
use crate::harness::schedules::{ahead, all_at, assert_scheduled_true, by_username, dates_of, schedule};
use crate::harness::truth::{assert_single_create, assert_true, existing};
use crate::harness::wait::eventually;
use crate::harness::world::World;

const LIMIT: Duration = Duration::from_secs(150);

const USERS: usize = 3;

/// A kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A batch that creates users.
    Batch,
    /// A schedule that suspends others.
    Schedule,
}

/// How the request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// JumpCloud has it: the job runs; the reply of a schedule is on its way.
    Accepted,
    /// JumpCloud has it, and nobody knows.
    Unknown,
    /// Its intent is in etcd, and it was never sent.
    Intended,
}

/// What happens meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// One user more.
    Added,
    /// One user less.
    Removed,
    /// One user has another name; of a schedule, the date is another.
    Renamed,
    /// `kubectl replace --force`: deleted, and made again.
    Replaced,
    /// The status is removed.
    Wiped,
}

impl Held {
    /// Arranges that the next such request is held.
    pub fn hold(self, sim: &Sim, proxy: &Proxy, route: Route, resource: &str, name: &str) {
        match self {
            Self::Accepted if route == Route::BulkCreate => {}
            Self::Accepted => {
                let late = FaultRule::new(Act::Acts, Reply::AsIs).after(Duration::from_secs(3));
                sim.add_fault(late.on(route).times(1));
            }
            Self::Unknown => sim.add_fault(FaultRule::drop_reply().on(route).times(1)),
            // The pass waits for an answer until the time of its intent is over.
            Self::Intended => proxy.add_rule(
                ServerFault::silence()
                    .acting()
                    .of(Which::writes().on(resource).named(name).containing("submitBy"))
                    .times(1),
            ),
        }
    }

    /// Whether it is held now; `resource` without subresource.
    pub fn holds(self, sim: &Sim, proxy: &Proxy, route: Route, resource: &str) -> bool {
        match self {
            Self::Accepted | Self::Unknown => !sim.requests(route).is_empty(),
            Self::Intended => proxy.log().iter().any(|entry| {
                entry.fault.is_some() && entry.target.resource == resource && entry.upstream == Some(200)
            }),
        }
    }
}

/// A cell.
pub struct Cell {
    kind: Kind,
    held: Held,
    edit: Edit,
    /// Its objects, and the beginning of its users' names.
    pub name: String,
    /// Its JumpCloud.
    pub sim: Arc<Sim>,
    first: Timestamp,
    second: Timestamp,
}

impl Cell {
    /// A cell whose simulator runs, with the users that a schedule is about.
    pub async fn new(kind: Kind, held: Held, edit: Edit, number: u64) -> Self {
        let mut settings = Settings { seed: number, ..Settings::default() };
        settings.jobs.service_time_ms = if held == Held::Accepted { 4000 } else { 300 };
        let organisation = format!("5f0c1d2e3a4b5c6f{number:08x}");
        settings.organisations =
            vec![OrganisationSettings { id: organisation.clone(), ..OrganisationSettings::default() }];
        let sim = Arc::new(Sim::start(settings).await.expect("the simulator starts"));
        let name = format!("{kind:?}-{held:?}-{edit:?}").to_lowercase();
        if kind == Kind::Schedule {
            for user in 0..=USERS {
                let username = format!("{name}{user:04}");
                let email = format!("{username}@canary.example.com");
                let user = json!({"username": username, "email": email, "state": "ACTIVATED"});
                sim.add_user(&organisation, &user).expect("a user");
            }
        }
        Self { kind, held, edit, name, sim, first: ahead(5 * 3600), second: ahead(6 * 3600) }
    }

    /// Lives it. Whatever is wrong is a panic.
    pub async fn run(&self, world: &World, proxy: &Proxy) {
        apply_object(world, &connection(&world.namespace, &self.name, self.sim.url(), false)).await;
        let (route, resource) = match self.kind {
            Kind::Batch => (Route::BulkCreate, "jumpclouduserbatches"),
            Kind::Schedule => (Route::ScheduleCreate, "scheduleduserstates"),
        };
        self.held.hold(&self.sim, proxy, route, &format!("{resource}/status"), &self.name);
        apply_object(world, &self.object(world, false)).await;
        eventually(&format!("{}: a request that is held", self.name), LIMIT, async || {
            let held = match self.held {
                // Of other cells of the same kind the proxy's log has such entries as well.
                Held::Intended => proxy.log().iter().any(|entry| {
                    entry.fault.is_some() && entry.target.name == self.name && entry.upstream == Some(200)
                }),
                Held::Accepted if self.kind == Kind::Batch => {
                    let status = self.live(world).await;
                    status["status"]["submissions"][0]["jobID"].is_string()
                }
                held => held.holds(&self.sim, proxy, route, resource),
            };
            if held { Ok(()) } else { Err(self.live(world).await["status"].clone()) }
        })
        .await;
        self.meddle(world).await;
        let ended = eventually(&format!("{}: the end", self.name), LIMIT, async || {
            let object = self.live(world).await;
            let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            let open = object["status"]["submissions"].as_array().is_some_and(|open| !open.is_empty());
            if current && !open && reason(&object) == Some(self.reason()) {
                return Ok(object);
            }
            tokio::time::sleep(PAUSE).await;
            Err((self.reason(), object["status"].clone()))
        })
        .await;
        let quiet = self.sim.quiet_for(Duration::from_secs(2), Duration::from_secs(30)).await;
        quiet.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        self.check(&ended["status"]);
    }

    async fn live(&self, world: &World) -> Value {
        let found = objects(world, self.kind_name()).get_opt(&self.name).await.expect("an answer");
        found.map_or(Value::Null, |found| serde_json::to_value(found).expect("JSON"))
    }

    fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Batch => "JumpCloudUserBatch",
            Kind::Schedule => "ScheduledUserState",
        }
    }

    /// Usernames that are declared, before or after the edit.
    fn declared(&self, edited: bool) -> Vec<String> {
        let mut names: Vec<String> = (0..USERS).map(|i| format!("{}{i:04}", self.name)).collect();
        match self.edit {
            Edit::Added if edited => names.push(format!("{}{USERS:04}", self.name)),
            Edit::Removed if edited => drop(names.remove(1)),
            Edit::Renamed if edited && self.kind == Kind::Batch => names[1] = format!("{}new", self.name),
            _ => {}
        }
        names
    }

    fn object(&self, world: &World, edited: bool) -> Value {
        let names = self.declared(edited);
        let connection = json!({"name": self.name});
        match self.kind {
            Kind::Batch => {
                let mut rows = plain_users(&self.name, USERS + 1);
                rows.truncate(names.len().max(USERS));
                if self.edit == Edit::Removed && edited {
                    rows.remove(1);
                }
                for (row, name) in rows.iter_mut().zip(&names) {
                    row["username"] = json!(name);
                }
                let spec = json!({"users": rows, "connectionRef": connection});
                manifests::batch(&world.namespace, &self.name, &spec)
            }
            Kind::Schedule => {
                let moved = edited && self.edit == Edit::Renamed;
                let time = if moved { self.second } else { self.first };
                let spec = json!({
                    "users": by_username(names), "state": "Suspended", "startTime": time.to_string(),
                    "connectionRef": connection,
                });
                schedule(&world.namespace, &self.name, &spec)
            }
        }
    }

    async fn meddle(&self, world: &World) {
        match self.edit {
            Edit::Added | Edit::Removed | Edit::Renamed => {
                apply_object(world, &self.object(world, true)).await;
            }
            Edit::Wiped => {
                let none = Patch::Merge(json!({"status": null}));
                let objects = objects(world, self.kind_name());
                objects
                    .patch_status(&self.name, &PatchParams::default(), &none)
                    .await
                    .expect("it is removed");
            }
            Edit::Replaced => {
                let (namespace, object) = (world.namespace.clone(), self.object(world, true).to_string());
                let replaced = tokio::task::spawn_blocking(move || {
                    let arguments = ["replace", "--force", "-n", &namespace, "-f", "-"];
                    crate::harness::plane::kubectl(&arguments, &object)
                });
                let replaced = replaced.await.expect("kubectl ends");
                assert!(replaced.success, "{}: {}", self.name, replaced.text);
            }
        }
    }

    /// Whether what was recorded is gone.
    fn forgets(&self) -> bool {
        matches!(self.edit, Edit::Replaced | Edit::Wiped)
    }

    /// What Ready says in the end.
    fn reason(&self) -> &'static str {
        let was_sent = self.held != Held::Intended;
        match (self.kind, self.edit) {
            (Kind::Schedule, _) => "Scheduled",
            // The address of a user of ours under its old name; or users that nothing shows to be ours.
            (Kind::Batch, Edit::Renamed | Edit::Replaced | Edit::Wiped) if was_sent => "UserConflict",
            (Kind::Batch, _) => "Succeeded",
        }
    }

    fn check(&self, status: &Value) {
        match self.kind {
            Kind::Batch => {
                let typed: JumpCloudUserBatchStatus =
                    serde_json::from_value(status.clone()).expect("a status");
                // Whoever knew of the first job is gone: JumpCloud refuses the names of a second one.
                assert_single_create(&self.sim, |_| self.forgets());
                assert!(invariants::users_made_twice(&self.sim.ledger()).is_empty(), "{}", self.name);
                if !self.forgets() {
                    assert_true(&self.sim, &typed);
                }
                let live = existing(&self.sim);
                for user in &typed.users {
                    let there = live.contains(&user.username);
                    let conflict = user.result == "Conflict";
                    assert!(there || conflict, "{}: {user:?} is not there", self.name);
                }
                if self.held == Held::Intended && self.edit != Edit::Added {
                    assert_eq!(live.len(), typed.users.len(), "{}: {live:?}", self.name);
                }
            }
            Kind::Schedule => {
                let typed: ScheduledUserStateStatus =
                    serde_json::from_value(status.clone()).expect("a status");
                assert_scheduled_true(&self.sim, &typed);
                let time = if self.edit == Edit::Renamed { self.second } else { self.first };
                let user = |name: &String| self.sim.user(name).expect("the user is there");
                let id = |name: &String| user(name)["_id"].as_str().unwrap_or_default().to_owned();
                let ids: Vec<String> = self.declared(true).iter().map(id).collect();
                assert_eq!(dates_of(&self.sim), all_at(&ids, time), "{}", self.name);
            }
        }
    }
}
