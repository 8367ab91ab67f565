//! What the operator is stopped in the middle of, and what must be so in the end whatever happened meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use fault_proxy::Proxy;
use jiff::{SignedDuration, Timestamp};
use jumpcloud_operator::api::user_status::reason::ADOPTED_AFTER_UNKNOWN;
use jumpcloud_sim::invariants::Double;
use jumpcloud_sim::{Settings, Sim};
use serde_json::{Map, Value, json};

use crate::harness::manifests::users;
use crate::harness::operator::{QUICK, but};
use crate::harness::schedules::{
    Calendar, ahead, assert_always_listed, assert_scheduled_true, events_of, rows, seq,
};
use crate::harness::truth::{assert_single_create, assert_true};
use crate::harness::wait::eventually;

/// How long a step may take: two quarantines, look-ups, and a machine that has other things to do.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Users of a batch, and how many of them a request takes.
const USERS: usize = 6;
const BATCH_SIZE: usize = 3;

/// Users of a schedule.
pub const LEAVERS: usize = 3;

const BATCH: &str = "hires";
const SCHEDULE: &str = "leavers";

/// [`QUICK`], but what became of a request is soon known, and a slow machine is not taken for a lost reply or for a leader
/// that is gone. Tests take the lease from whoever is to lose it.
pub fn flags() -> Vec<(&'static str, &'static str)> {
    let hasty = [
        ("--submit-timeout", "2s"),
        ("--unknown-quarantine", "2s"),
        ("--lease-duration", "120s"),
        ("--lease-renew-deadline", "100s"),
    ];
    hasty.into_iter().fold(QUICK.to_vec(), |flags, (flag, value)| but(&flags, flag, value))
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A connection comes to be Ready, and six users are created by two jobs.
    Create,
    /// Five of them are edited: two jobs, and a request for the user whose new state jobs leave alone.
    Update,
    /// Three users are scheduled, and the date is moved.
    Schedule,
}

/// How a step has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As declared.
    Done,
    /// Users are left to a person, because two requests for them had an unknown outcome.
    GivenUp,
}

/// A namespace and an organisation with a workload.
pub struct Stage {
    /// Both.
    pub calendar: Calendar,
    /// Which workload.
    pub workload: Workload,
    dates: [Timestamp; 2],
    /// The ledger's last entry when the last step was declared.
    declared_at: u64,
}

impl Workload {
    /// Whether the operator has come to rest before the workload begins.
    pub fn begins_at_rest(self) -> bool {
        self != Self::Create
    }

    /// How many steps it has: each is declared when the one before has ended.
    pub fn steps(self) -> usize {
        match self {
            Self::Create | Self::Schedule => 2,
            Self::Update => 1,
        }
    }
}

impl Stage {
    /// A stage in a namespace of that name.
    pub async fn new(name: &str, workload: Workload) -> Self {
        let mut settings = Settings::default();
        settings.jobs.service_time_ms = 300;
        settings.jobs.ignored_fields = vec!["state".to_owned()];
        let calendar = Calendar::new(name, settings).await;
        let dates = [ahead(5 * 3600), ahead(6 * 3600)];
        Self { calendar, workload, dates, declared_at: 0 }
    }

    /// Does what must have been done before the workload begins; an operator runs.
    pub async fn prepare(&self) {
        self.calendar.connection_reason("default", "Succeeded").await;
        match self.workload {
            Workload::Create => {}
            Workload::Update => {
                self.hire(|_| json!({"department": "Sales"}));
                self.calendar.reason(BATCH, "Succeeded").await;
            }
            Workload::Schedule => drop(self.calendar.add_users("leaver", LEAVERS, "ACTIVATED")),
        }
        self.calendar.sim.quiet_for(Duration::from_secs(1), LIMIT).await.expect("rest");
    }

    /// Declares a step.
    pub fn declare(&mut self, step: usize) {
        self.declared_at = seq(&self.calendar.sim);
        match (self.workload, step) {
            (Workload::Create, 0) => {}
            (Workload::Create, _) => self.hire(|_| json!({"department": "Sales"})),
            (Workload::Update, _) => self.hire(|i| match i {
                0 => json!({"department": "Sales"}),
                1 => json!({"department": "Engines", "state": "Suspended"}),
                _ => json!({"department": "Engines"}),
            }),
            (Workload::Schedule, step) => {
                let date = self.dates[step].to_string();
                let spec = json!({"users": rows("leaver", LEAVERS), "state": "Suspended", "startTime": date});
                self.calendar.apply_schedule(SCHEDULE, &spec);
            }
        }
    }

    fn hire(&self, extra: impl Fn(usize) -> Value) {
        let spec = json!({"users": users("hire", USERS, extra), "batchSize": BATCH_SIZE});
        self.calendar.apply_batch(BATCH, &spec);
    }

    /// How a step has ended, else what is said of it.
    pub async fn ended(&self, step: usize) -> Result<End, String> {
        let (object, done) = match (self.workload, step) {
            (Workload::Create, 0) => ("jumpcloudconnections/default", "Succeeded"),
            (Workload::Create | Workload::Update, _) => (self.declared(), "Succeeded"),
            (Workload::Schedule, _) => (self.declared(), "Scheduled"),
        };
        let object = self.object(object).await?;
        let status = &object["status"];
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let Some(ready) = conditions.iter().find(|condition| condition["type"] == "Ready") else {
            return Err("no condition".to_owned());
        };
        let is_current = status["observedGeneration"] == object["metadata"]["generation"];
        match ready["reason"].as_str() {
            Some(reason) if is_current && reason == done => Ok(End::Done),
            Some("SubmissionUnknown") if is_current => Ok(End::GivenUp),
            _ => Err(ready.to_string()),
        }
    }

    /// An object as it is in etcd.
    async fn object(&self, which: &str) -> Result<Value, String> {
        let namespace = &self.calendar.namespace;
        let path = format!("/apis/jumpcloud-operator.dev/v1alpha1/namespaces/{namespace}/{which}");
        let request = http::Request::get(path).body(Vec::new()).expect("a request");
        self.calendar.client.request(request).await.map_err(|error| error.to_string())
    }

    /// Waits until for two seconds nothing was written by way of these proxies, and JumpCloud was not called.
    pub async fn silent(&self, proxies: &[&Proxy]) {
        eventually("silence", Duration::from_secs(30), async || {
            let writes = proxies.iter().flat_map(|proxy| proxy.log()).filter(|entry| {
                let aside = ["leases", "events", "jumpcloudconnections"];
                entry.target.verb.is_write() && !aside.contains(&entry.target.resource.as_str())
            });
            let last = writes.map(|entry| entry.time).max().max(self.calendar.sim.last_request());
            let quiet = last.map(|last| Timestamp::now().duration_since(last));
            if quiet.is_some_and(|quiet| quiet >= SignedDuration::from_secs(2)) { Ok(()) } else { Err(quiet) }
        })
        .await;
    }

    /// Asserts what must hold whatever was interrupted: status tells the truth, nobody was sent twice or scheduled twice,
    /// and no request is left open. `strays`: so many events are nobody's.
    pub async fn assert_sound(&self, excused: impl Fn(&Double) -> bool, strays: usize) {
        let sim = &self.calendar.sim;
        match self.workload {
            Workload::Create | Workload::Update => {
                let status = self.calendar.status(BATCH).await;
                assert_true(sim, &status);
                assert_single_create(sim, excused);
                assert_eq!(status.submissions, []);
            }
            Workload::Schedule => {
                let status = self.calendar.schedule_status(SCHEDULE).await;
                assert_scheduled_true(sim, &status);
                let events = events_of(sim);
                assert_eq!(
                    events.len(),
                    status.events.len() + strays,
                    "{status:?}, and there are {events:?}"
                );
                assert_eq!(status.submissions, []);
            }
        }
    }

    /// Asserts that a date that was moved left no moment at which nothing was scheduled.
    pub fn assert_no_gap(&self) {
        if self.workload == Workload::Schedule {
            let ids: Vec<String> = self.names().into_keys().collect();
            assert_always_listed(&self.calendar.sim, self.declared_at, &ids, "SUSPENDED", &self.dates);
        }
    }

    /// Asserts that whoever is left to a person was in two requests of unknown outcome.
    pub async fn assert_given_up_with_reason(&self) {
        let status = self.object(self.declared()).await.expect("the object is there")["status"].clone();
        let list = |key: &str| status[key].as_array().cloned().unwrap_or_default();
        let known = [list("failures"), list("users")].concat();
        for user in list("users").iter().filter(|user| user["reason"] == "SubmissionUnknown") {
            let of_user = known.iter().filter(|entry| entry["username"] == user["username"]);
            let sends = of_user.filter_map(|entry| entry["unknownSends"].as_u64()).max();
            assert_eq!(sends, Some(2), "{user}");
        }
    }

    /// The object that the workload declares.
    fn declared(&self) -> &'static str {
        match self.workload {
            Workload::Create | Workload::Update => "jumpclouduserbatches/hires",
            Workload::Schedule => "scheduleduserstates/leavers",
        }
    }

    /// Whether somebody was taken over after an unknown outcome.
    pub async fn has_adopted(&self) -> bool {
        if self.workload == Workload::Schedule {
            return false;
        }
        let status = self.calendar.status(BATCH).await;
        status.users.iter().any(|user| user.reason.as_deref() == Some(ADOPTED_AFTER_UNKNOWN))
    }

    /// Users, events and status, but for what may differ between two runs: ids of users, jobs and events, how often
    /// something was tried, times, and that somebody was taken over after an unknown outcome.
    pub async fn outcome(&self) -> Value {
        let words = self.words();
        let sim: &Sim = &self.calendar.sim;
        let users: Vec<Value> = sim.users().into_iter().map(|user| plain(user, &words)).collect();
        let events: Vec<Value> = events_of(sim)
            .into_iter()
            .map(|event| plain(json!([event.user, event.state, event.date.to_string()]), &words))
            .collect();
        let object = self.object(self.declared()).await.expect("the object is there");
        sorted(json!({
            "users": users,
            "events": events,
            "finalizers": object["metadata"]["finalizers"],
            "status": plain(object["status"].clone(), &words),
        }))
    }

    /// Usernames by id.
    fn names(&self) -> BTreeMap<String, String> {
        let word = |user: &Value, key: &str| user[key].as_str().unwrap_or_default().to_owned();
        self.calendar.sim.users().iter().map(|user| (word(user, "_id"), word(user, "username"))).collect()
    }

    /// What stands for ids and dates, which differ from run to run.
    fn words(&self) -> BTreeMap<String, String> {
        let mut words = self.names();
        let dates = self.dates.iter().zip(["the first date", "the second date"]);
        words.extend(dates.map(|(date, word)| (date.to_string(), word.to_owned())));
        words
    }
}

/// What may differ between two runs.
const MAY_DIFFER: [&str; 10] = [
    "_id",
    "jobID",
    "jobs",
    "scheduledJobID",
    "attempts",
    "unknownSends",
    "created",
    "lastTransitionTime",
    "retryTime",
    "unknownTime",
];

/// The same without what may differ, and with words for ids and dates.
fn plain(value: Value, words: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => words.iter().fold(text, |text, (from, to)| text.replace(from, to)).into(),
        Value::Array(items) => items.into_iter().map(|item| plain(item, words)).collect(),
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(key, value)| {
                !MAY_DIFFER.contains(&key.as_str()) && value.as_str() != Some(ADOPTED_AFTER_UNKNOWN)
            });
            Value::Object(kept.map(|(key, value)| (key, plain(value, words))).collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// The same with every list in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(sorted).collect();
            items.sort_by_key(Value::to_string);
            items.into()
        }
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        other => other,
    }
}
