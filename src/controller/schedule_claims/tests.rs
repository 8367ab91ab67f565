mod cost;
mod freshness;
mod links;
mod rivals;
mod wakes;

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::*;
use crate::plan::claims::Holder;

const T: &str = "2027-01-04T08:00:00Z";
const LATER: &str = "2027-01-05T08:00:00Z";

/// What a test says of a schedule.
#[derive(Clone)]
struct Said {
    name: &'static str,
    created: i64,
    version: u64,
    time: &'static str,
    /// Users, with the job id of the event of each.
    users: Vec<(String, Option<&'static str>)>,
    more: Value,
}

fn says(name: &'static str, created: i64, users: &[(&str, Option<&'static str>)]) -> Said {
    let users = users.iter().map(|(id, job)| ((*id).to_owned(), *job)).collect();
    Said { name, created, version: 1, time: T, users, more: json!({}) }
}

impl Said {
    fn version(self, version: u64) -> Self {
        Self { version, ..self }
    }

    fn at(self, time: &'static str) -> Self {
        Self { time, ..self }
    }

    /// With these fields of spec, status or metadata besides.
    fn with(self, more: Value) -> Self {
        Self { more, ..self }
    }

    fn value(&self) -> Value {
        let (namespace, name) = self.name.split_once('/').unwrap();
        let users: Vec<Value> = self
            .users
            .iter()
            .map(|(id, job)| json!({"id": id, "result": if job.is_some() { "Scheduled" } else { "Pending" }}))
            .collect();
        let events: Vec<Value> = self
            .users
            .iter()
            .filter_map(|(id, job)| {
                job.map(|job| json!({"id": id, "scheduledJobID": job, "origin": "Created"}))
            })
            .collect();
        let mut object = json!({
            "apiVersion": "jumpcloud-operator.dev/v1alpha1", "kind": "ScheduledUserState",
            "metadata": {"namespace": namespace, "name": name, "uid": format!("uid-{name}"),
                "resourceVersion": self.version.to_string(),
                "creationTimestamp": Timestamp::from_second(self.created).unwrap().to_string()},
            "spec": {"state": "Suspended", "startTime": self.time},
            "status": {"scheduledState": "Suspended", "scheduledTime": self.time, "users": users, "events": events},
        });
        for (part, fields) in self.more.as_object().unwrap() {
            for (field, value) in fields.as_object().unwrap() {
                object[part][field] = value.clone();
            }
        }
        object
    }

    fn head(&self) -> ScheduleHead {
        serde_json::from_value(self.value()).unwrap()
    }

    fn whole(&self) -> ScheduledUserState {
        serde_json::from_value(self.value()).unwrap()
    }
}

struct Place {
    claims: Arc<ScheduleClaims>,
    changes: Arc<Changes>,
    woken: Receiver<String>,
}

impl Place {
    fn new() -> Self {
        let (sender, woken) = channel();
        let changes = Arc::new(Changes::default());
        let wake = move |namespace: &str, name: &str| sender.send(format!("{namespace}/{name}")).unwrap();
        Self { claims: Arc::new(ScheduleClaims::new(wake, Arc::clone(&changes))), changes, woken }
    }

    fn put(&self, said: &Said) {
        let mut head = said.head();
        self.claims.observe(&mut head);
        assert_eq!(head.users, Default::default(), "the store would keep them");
    }

    /// What others say about suspending these users at that time.
    fn about_at(&self, said: &Said, time: &str, users: &[&str], listed: &[Listed]) -> Planned {
        let (namespace, name) = said.name.split_once('/').unwrap();
        let asking = Asking {
            namespace,
            name,
            connection: "default",
            created: Timestamp::from_second(said.created).unwrap(),
            organization: Some("o"),
        };
        let change = (ScheduledState::Suspended, time.parse().unwrap());
        self.claims.about(asking, change, users.iter().copied(), listed, |namespace, _| {
            (namespace != "elsewhere").then(|| "o".to_owned())
        })
    }

    fn about(&self, said: &Said, users: &[&str]) -> Planned {
        self.about_at(said, T, users, &[])
    }

    fn woken(&self) -> BTreeSet<String> {
        self.woken.try_iter().collect()
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn listed(job: &str, user: &str, time: &str) -> Listed {
    Listed {
        job_id: job.to_owned(),
        user_id: user.to_owned(),
        state: Some(ScheduledState::Suspended),
        time: Some(time.parse().unwrap()),
    }
}

fn neighbour(name: &str) -> Holder {
    Holder::Neighbour(name.to_owned())
}
