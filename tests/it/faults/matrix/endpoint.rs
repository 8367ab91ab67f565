//! The routes that the operator calls, and a small workload for each that has to call it.

use std::time::Duration;

use jumpcloud_sim::{Route, Settings};
use serde_json::{Value, json};

use super::cell::Cell;
use super::fault::SUBMIT_TIMEOUT;
use crate::harness::manifests::{self, users};
use crate::harness::schedules::{by_username, schedule};

/// Users of a workload.
pub const USERS: usize = 4;

/// A route that the operator calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// `POST /bulk/users`
    Create,
    /// `PATCH /bulk/users`
    Update,
    /// `POST /bulk/userstates`
    Schedule,
    /// `GET /workqueue..results` of a bulk job
    Results,
    /// `POST /search/systemusers`
    Search,
    /// `GET /systemusers/{id}`
    UserGet,
    /// `GET /bulk/userstates`
    List,
    /// `GET /bulk/userstates/eventlist/next`
    Next,
    /// `PUT /systemusers/{id}`
    UserPut,
    /// `POST /systemusers/{id}/state/activate`
    Activate,
    /// `DELETE /bulk/userstates/{id}`
    Delete,
    /// `GET /organizations`
    Organisations,
    /// `POST /oauth2/token`
    Token,
}

/// All of them, in the order of the table.
pub const ENDPOINTS: [Endpoint; 13] = [
    Endpoint::Create,
    Endpoint::Update,
    Endpoint::Schedule,
    Endpoint::Results,
    Endpoint::Search,
    Endpoint::UserGet,
    Endpoint::List,
    Endpoint::Next,
    Endpoint::UserPut,
    Endpoint::Activate,
    Endpoint::Delete,
    Endpoint::Organisations,
    Endpoint::Token,
];

/// What a request to a route does, which decides what may follow from a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Makes something new each time.
    Once,
    /// Sets or removes something named.
    Set,
    /// Nothing.
    Read,
    /// Tells about the connection.
    Connection,
}

impl Endpoint {
    /// Its name in the table.
    pub fn label(self) -> &'static str {
        match self {
            Self::Create => "bulk create",
            Self::Update => "bulk update",
            Self::Schedule => "schedule create",
            Self::Results => "job results",
            Self::Search => "search users",
            Self::UserGet => "user get",
            Self::List => "schedule list",
            Self::Next => "next events",
            Self::UserPut => "user put",
            Self::Activate => "user activate",
            Self::Delete => "schedule delete",
            Self::Organisations => "organisations",
            Self::Token => "token",
        }
    }

    /// The simulator's name of it.
    pub fn route(self) -> Route {
        match self {
            Self::Create => Route::BulkCreate,
            Self::Update => Route::BulkUpdate,
            Self::Schedule => Route::ScheduleCreate,
            Self::Results => Route::BulkResults,
            Self::Search => Route::UserSearch,
            Self::UserGet => Route::UserGet,
            Self::List => Route::ScheduleList,
            Self::Next => Route::ScheduleNext,
            Self::UserPut => Route::UserUpdate,
            Self::Activate => Route::UserActivate,
            Self::Delete => Route::ScheduleDelete,
            Self::Organisations => Route::OrganizationList,
            Self::Token => Route::Token,
        }
    }

    /// What is called right before it, and how often before that: once that is answered, it meets nobody who
    /// listens. Nothing where it is called first.
    pub fn before(self) -> Option<(Route, u32)> {
        match self {
            Self::Create | Self::Update | Self::UserGet | Self::List => Some((Route::UserSearch, 0)),
            // Whom a row means, and then in which state the user is.
            Self::Activate => Some((Route::UserSearch, 1)),
            // The second look-up sees what the job has ignored; another comes before the request itself.
            Self::UserPut => Some((Route::UserSearch, 2)),
            Self::Results => Some((Route::BulkCreate, 0)),
            Self::Schedule => Some((Route::ScheduleList, 0)),
            // A listing is followed for so many pages.
            Self::Next => Some((Route::ScheduleList, 4)),
            // The second listing shows whose events would go.
            Self::Delete => Some((Route::ScheduleList, 1)),
            Self::Search | Self::Organisations | Self::Token => None,
        }
    }

    /// What a request to it does.
    pub fn effect(self) -> Effect {
        match self {
            Self::Create | Self::Update | Self::Schedule => Effect::Once,
            Self::Results | Self::Search | Self::UserGet | Self::List | Self::Next => Effect::Read,
            Self::UserPut | Self::Activate | Self::Delete => Effect::Set,
            Self::Organisations | Self::Token => Effect::Connection,
        }
    }

    /// How long the client waits for an answer.
    pub fn patience(self) -> Duration {
        match self.effect() {
            Effect::Once => SUBMIT_TIMEOUT,
            // Half of the 30 s that a page of a read may take.
            Effect::Read | Effect::Set | Effect::Connection => Duration::from_secs(15),
        }
    }

    /// Whether its workload is a schedule.
    pub fn is_schedule(self) -> bool {
        matches!(self, Self::Schedule | Self::List | Self::Next | Self::Activate | Self::Delete)
    }

    /// The simulator's settings.
    pub fn settings(self) -> Settings {
        let mut settings = Settings::default();
        settings.jobs.service_time_ms = 300;
        if self == Self::UserPut {
            settings.jobs.ignored_fields = vec!["state".to_owned()];
        }
        settings
    }

    /// What is there before the fault: JumpCloud's users, and the object that is edited then, if it is.
    pub fn earlier(self, cell: &Cell) -> Option<Value> {
        let state = if self == Self::Activate { "STAGED" } else { "ACTIVATED" };
        if self.is_schedule() {
            for name in cell.usernames() {
                cell.add_user(&name, state);
            }
        }
        match self {
            Self::Update | Self::UserGet => Some(self.batch(cell, "before")),
            Self::Delete => Some(self.schedule(cell, 5 * 3600)),
            Self::Next => {
                // More events around the instant than a listing is followed for.
                let ids: Vec<String> = (0..510).map(|i| cell.add_user(&format!("crowd{i}"), state)).collect();
                let time = cell.time(5 * 3600).to_string();
                let body = json!({"user_ids": ids, "state": "SUSPENDED", "start_date": time});
                cell.sim.add_schedule(&cell.organisation, &body).expect("events");
                None
            }
            _ => None,
        }
    }

    /// The object whose application has the route called.
    pub fn object(self, cell: &Cell) -> Value {
        match self {
            Self::Update | Self::UserGet => self.batch(cell, "after"),
            Self::Schedule | Self::List | Self::Next => self.schedule(cell, 5 * 3600),
            Self::Delete => self.schedule(cell, 6 * 3600),
            Self::Activate => {
                let mut object = self.schedule(cell, -60);
                object["spec"]["state"] = json!("Activated");
                object["spec"]["missedPolicy"] = json!("ApplyNow");
                object["spec"]["activationEmails"] = json!({"send": false});
                object
            }
            _ => self.batch(cell, "before"),
        }
    }

    fn batch(self, cell: &Cell, department: &str) -> Value {
        let list = users(&cell.name, USERS, |i| match self {
            // One user needs a request of its own.
            Self::UserPut if i == 0 => json!({"state": "Activated"}),
            _ => json!({"department": department}),
        });
        let spec = json!({"users": list, "connectionRef": {"name": cell.name}});
        manifests::batch(&cell.namespace, &cell.name, &spec)
    }

    fn schedule(self, cell: &Cell, seconds: i64) -> Value {
        let spec = json!({
            "users": by_username(cell.usernames()),
            "state": "Suspended",
            "startTime": cell.time(seconds).to_string(),
            "connectionRef": {"name": cell.name},
        });
        schedule(&cell.namespace, &cell.name, &spec)
    }
}
