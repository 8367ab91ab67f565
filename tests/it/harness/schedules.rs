//! What tests of `ScheduledUserState` need: objects, users, events, counts.
//!
//! What was listed when is told from the simulator's ledger, which misses no moment.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::time::Duration;

use devenv::audit::Mark as AuditMark;
use jiff::{SignedDuration, Timestamp};
use jumpcloud_operator::api::schedule_status::ScheduledUser;
use jumpcloud_operator::api::scheduled_user_state::{ScheduledUserState, ScheduledUserStateStatus};
use jumpcloud_sim::ledger::{Entry, What};
use jumpcloud_sim::{DEFAULT_ORGANISATION, Route, Settings, Sim};
use kube::api::Api;
use serde_json::{Value, json};

use super::declare::apply;
use super::wait::eventually;
use super::weather;
use super::world::{PATIENCE, World};

/// A [`World`] with schedules.
pub struct Calendar {
    world: World,
}

impl Deref for Calendar {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Calendar {
    /// A world called `name` with a Secret and a connection `default`.
    pub async fn new(name: &str, settings: Settings) -> Self {
        Self::of(World::new(name, settings).await)
    }

    /// Schedules of that world.
    pub fn of(world: World) -> Self {
        Self { world }
    }

    /// The world and a running operator for it, its connection Ready.
    pub async fn running(
        name: &str,
        settings: Settings,
        flags: &[(&str, &str)],
    ) -> (Self, super::operator::Operator) {
        let calendar = Self::new(name, settings).await;
        let operator = calendar.operator(flags);
        calendar.connection_reason("default", "Succeeded").await;
        (calendar, operator)
    }

    /// Adds users in that state to JumpCloud, `{prefix}0000` and so on; gives their ids.
    pub fn add_users(&self, prefix: &str, count: usize, state: &str) -> Vec<String> {
        (0..count).map(|i| self.add_user(&format!("{prefix}{i:04}"), state)).collect()
    }

    /// Adds one.
    pub fn add_user(&self, username: &str, state: &str) -> String {
        let email = format!("{username}@canary.example.com");
        let user = json!({"username": username, "email": email, "state": state});
        self.sim.add_user(DEFAULT_ORGANISATION, &user).expect("a user")
    }

    /// JumpCloud's state of a user.
    pub fn state_of(&self, username: &str) -> String {
        let user = self.sim.user(username).expect("the user is there");
        user["state"].as_str().unwrap_or_default().to_owned()
    }

    /// Sets `paused` of the connection, and waits until the operator has seen it.
    pub async fn pause_connection(&self, paused: bool) {
        let patch = json!({"spec": {"paused": paused}}).to_string();
        self.kubectl(&["patch", "jcconn", "default", "--type=merge", "-p", &patch]);
        eventually("the connection's switch to be seen", PATIENCE, async || {
            let path = "jsonpath={.metadata.generation} {.status.observedGeneration}";
            let generations = self.kubectl(&["get", "jcconn", "default", "--output", path]);
            match generations.split_once(' ') {
                Some((now, seen)) if now == seen => Ok(()),
                _ => Err(generations),
            }
        })
        .await;
    }

    /// Applies a schedule: one that exists is edited to be so.
    pub fn apply_schedule(&self, name: &str, spec: &Value) {
        apply(&schedule(&self.namespace, name, spec).to_string());
    }

    /// Changes some fields of a spec.
    pub fn edit(&self, name: &str, spec: &Value) {
        let patch = json!({"spec": spec}).to_string();
        self.kubectl(&["patch", "scheduleduserstate", name, "--type=merge", "-p", &patch]);
    }

    /// Deletes a schedule; it may take a while until it is gone.
    pub fn delete(&self, name: &str) {
        self.kubectl(&["delete", "scheduleduserstate", name, "--wait=false"]);
    }

    /// Sets an annotation of ours.
    pub fn annotate(&self, name: &str, annotation: &str, value: &str) {
        let pair = format!("jumpcloud-operator.dev/{annotation}={value}");
        self.kubectl(&["annotate", "--overwrite", "scheduleduserstate", name, &pair]);
    }

    /// The schedules of this namespace.
    pub fn schedules(&self) -> Api<ScheduledUserState> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// A schedule, if it is there.
    pub async fn schedule(&self, name: &str) -> Option<ScheduledUserState> {
        self.schedules().get_opt(name).await.expect("the API server answers")
    }

    /// The status of a schedule.
    pub async fn schedule_status(&self, name: &str) -> ScheduledUserStateStatus {
        self.schedule(name).await.expect("the schedule is there").status.unwrap_or_default()
    }

    /// Waits until Ready has this reason for the current generation; returns the status.
    pub async fn comes_to(&self, name: &str, reason: &str) -> ScheduledUserStateStatus {
        self.comes_to_within(name, reason, PATIENCE).await
    }

    /// The same with a limit.
    pub async fn comes_to_within(
        &self,
        name: &str,
        reason: &str,
        limit: Duration,
    ) -> ScheduledUserStateStatus {
        eventually(&format!("reason {reason} of {name}"), limit, async || self.stands(name, reason).await)
            .await
    }

    /// The status when Ready has this reason for the current generation, else what it says.
    pub async fn stands(&self, name: &str, reason: &str) -> Result<ScheduledUserStateStatus, String> {
        let Some(schedule) = self.schedule(name).await else { return Err("there is no object".to_owned()) };
        let status = schedule.status.unwrap_or_default();
        let current = status.observed_generation == schedule.metadata.generation;
        let waits = |user: &ScheduledUser| {
            user.result == "Failed" && user.reason.as_deref() == Some("SubmissionUnknown")
        };
        if weather::is_on() && current && reason != "SubmissionUnknown" && status.users.iter().any(waits) {
            let handled = status.last_handled.as_ref();
            weather::rescue(weather::Kind::Schedule, &self.namespace, name, handled);
            return Err("users stand at SubmissionUnknown".to_owned());
        }
        match status.conditions.iter().find(|c| c.type_ == "Ready") {
            Some(ready) if current && ready.reason == reason => Ok(status),
            Some(ready) => Err(format!("{} {} {} {status:?}", ready.status, ready.reason, ready.message)),
            None => Err("no condition".to_owned()),
        }
    }

    /// Waits until the object is gone.
    pub async fn gone(&self, name: &str) {
        eventually(&format!("the end of {name}"), PATIENCE, async || match self.schedule(name).await {
            None => Ok(()),
            Some(schedule) => Err(schedule.status.map(|status| status.conditions)),
        })
        .await;
    }

    /// The number of the ledger's last entry, and the end of the audit log: where counting begins.
    pub fn mark(&self) -> (u64, AuditMark) {
        let audit = super::plane::plane().audit().mark().expect("the audit log");
        (seq(&self.sim), audit)
    }

    /// What the operator has written to an object since `mark`.
    pub fn writes_to(&self, name: &str, mark: AuditMark) -> Writes {
        let mut writes = Writes::default();
        let entries = self.writes(mark);
        let ours = entries.iter().filter(|e| e.resource == "scheduleduserstates" && e.name == name);
        for entry in ours.filter(|entry| entry.code < 300) {
            match entry.subresource.as_str() {
                "status" => writes.status += 1,
                _ => writes.metadata += 1,
            }
        }
        writes
    }
}

/// A schedule.
pub fn schedule(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "jumpcloud-operator.dev/v1alpha1",
        "kind": "ScheduledUserState",
        "metadata": {"namespace": namespace, "name": name},
        "spec": spec,
    })
}

/// Rows of a spec, by username.
pub fn by_username(names: impl IntoIterator<Item = impl Into<String>>) -> Vec<Value> {
    names.into_iter().map(|name| json!({"username": name.into()})).collect()
}

/// Rows of a spec: the users that [`Calendar::add_users`] makes.
pub fn rows(prefix: &str, count: usize) -> Vec<Value> {
    by_username((0..count).map(|i| format!("{prefix}{i:04}")))
}

/// So many seconds from now, in whole seconds.
pub fn ahead(seconds: i64) -> Timestamp {
    let later = Timestamp::now() + SignedDuration::from_secs(seconds);
    Timestamp::from_second(later.as_second()).expect("a time")
}

/// The same of a date that a test waits for, and that is not to pass before anything was sent: under weather a minute
/// later.
pub fn soon(seconds: i64) -> Timestamp {
    ahead(if weather::is_on() { seconds + 60 } else { seconds })
}

/// The number of the ledger's last entry.
pub fn seq(sim: &Sim) -> u64 {
    sim.ledger().last().map_or(0, |entry| entry.seq)
}

/// Writes to one object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Writes {
    /// Of the object itself: finalizers.
    pub metadata: usize,
    /// Of its status.
    pub status: usize,
}

/// Requests to JumpCloud by what schedules use them for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// Searches of users.
    pub searches: usize,
    /// Pages of the listing of events.
    pub listings: usize,
    /// Look-ups of next events.
    pub nexts: usize,
    /// `POST /bulk/userstates`.
    pub posts: usize,
    /// `DELETE /bulk/userstates/{id}`.
    pub deletes: usize,
    /// Changes of one user at once: V1 PUT and state/activate.
    pub states: usize,
    /// Bulk updates.
    pub updates: usize,
    /// Reads of a job's results.
    pub results: usize,
    /// Anything else but the check of the connection.
    pub others: usize,
}

impl Calls {
    /// Those since entry `since` of the ledger.
    pub fn since(sim: &Sim, since: u64) -> Self {
        let mut calls = Self::default();
        for request in sim.ledger_since(since).iter().filter_map(Entry::request) {
            let count = match request.route {
                Route::UserSearch => &mut calls.searches,
                Route::ScheduleList => &mut calls.listings,
                Route::ScheduleNext => &mut calls.nexts,
                Route::ScheduleCreate => &mut calls.posts,
                Route::ScheduleDelete => &mut calls.deletes,
                Route::UserUpdate | Route::UserActivate => &mut calls.states,
                Route::BulkUpdate => &mut calls.updates,
                Route::BulkResults => &mut calls.results,
                Route::OrganizationList | Route::OrganizationGet | Route::Token => continue,
                _ => &mut calls.others,
            };
            *count += 1;
        }
        calls
    }

    /// Looks for events, by either route.
    pub fn looks(&self) -> usize {
        self.listings + self.nexts
    }
}

/// An event as JumpCloud keeps it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// JumpCloud's id of the user.
    pub user: String,
    /// `ACTIVATED` or `SUSPENDED`.
    pub state: String,
    /// When.
    pub date: Timestamp,
    /// The scheduledJobId.
    pub job: String,
}

/// What is listed, in the order of the ledger.
#[derive(Debug, Clone, Default)]
pub struct Listing(Vec<Event>);

impl Listing {
    /// Goes one entry on; whether that changed anything.
    pub fn follow(&mut self, entry: &Entry) -> bool {
        let of = |event: &jumpcloud_sim::ledger::ScheduledEvent| Event {
            user: event.user_id.clone(),
            state: event.state.clone(),
            date: event.date,
            job: event.job_id.clone(),
        };
        match &entry.what {
            What::ScheduleAdded { event, .. } => self.0.push(of(event)),
            What::ScheduleRemoved { event, .. } | What::ScheduleExecuted { event, .. } => {
                let gone = of(event);
                let at = self.0.iter().position(|event| *event == gone).expect("it was listed");
                self.0.remove(at);
            }
            _ => return false,
        }
        true
    }

    /// Whether a user has an event of that state, and of one of these dates.
    pub fn has(&self, user: &str, state: &str, dates: &[Timestamp]) -> bool {
        self.0.iter().any(|e| e.user == user && e.state == state && dates.contains(&e.date))
    }
}

/// The events that are scheduled now, in order.
pub fn events_of(sim: &Sim) -> Vec<Event> {
    let mut listing = Listing::default();
    for entry in sim.ledger() {
        listing.follow(&entry);
    }
    listing.0.sort();
    listing.0
}

/// Events scheduled now, as user and date; doubles show twice.
pub fn dates_of(sim: &Sim) -> Vec<(String, Timestamp)> {
    events_of(sim).into_iter().map(|event| (event.user, event.date)).collect()
}

/// What [`dates_of`] gives when exactly these users have an event at that date.
pub fn all_at(users: &[String], date: Timestamp) -> Vec<(String, Timestamp)> {
    let mut all: Vec<_> = users.iter().map(|user| (user.clone(), date)).collect();
    all.sort();
    all
}

/// Asserts that at every moment from entry `since` of the ledger to now each of these users had an event of that
/// state at one of these dates.
pub fn assert_always_listed(sim: &Sim, since: u64, users: &[String], state: &str, dates: &[Timestamp]) {
    let mut listing = Listing::default();
    for entry in sim.ledger() {
        let changed = listing.follow(&entry);
        if entry.seq < since || !(changed || entry.seq == since) {
            continue;
        }
        let missing: BTreeSet<&String> =
            users.iter().filter(|user| !listing.has(user, state, dates)).collect();
        assert!(missing.is_empty(), "after entry {entry:?} nothing was scheduled any more for {missing:?}");
    }
}

/// Asserts that nobody but whoever made them took these events off the list.
pub fn assert_untouched(sim: &Sim, foreign: &[String]) {
    let listed = events_of(sim);
    for job in foreign {
        assert!(listed.iter().any(|event| event.job == *job), "the foreign event {job} is gone");
    }
    for entry in sim.ledger() {
        if let What::ScheduleRemoved { event, by } = &entry.what {
            assert!(!foreign.contains(&event.job_id), "a foreign event was removed by {by:?}: {event:?}");
        }
    }
}

/// Asserts that the status tells the truth: exactly its events that are not replaced are listed for it, and every
/// user that is said to be Scheduled has one.
pub fn assert_scheduled_true(sim: &Sim, status: &ScheduledUserStateStatus) {
    let listed = events_of(sim);
    for entry in &status.events {
        let found = listed.iter().any(|e| e.user == entry.id && e.job == entry.scheduled_job_id);
        assert!(found, "{entry:?} is recorded and not listed: {listed:#?}");
    }
    for user in status.users.iter().filter(|user| user.result == "Scheduled") {
        let id = user.id.as_deref().expect("who is scheduled has an id");
        let events: Vec<_> = status.events.iter().filter(|e| e.id == id && e.superseded.is_none()).collect();
        assert_eq!(events.len(), 1, "{user:?} has {events:?}");
    }
}
