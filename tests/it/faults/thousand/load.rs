//! What people declare in one run, and waiting until all of it has settled.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jumpcloud_operator::api::scheduled_user_state::ScheduledUserStateStatus;
use jumpcloud_operator::api::user_batch::JumpCloudUserBatchStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, ListParams};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::crew::Crew;
use super::{SIDE_BY_SIDE, USERS};
use crate::harness::declare::apply;
use crate::harness::manifests::users;
use crate::harness::plane::kubectl;
use crate::harness::schedules::{Calendar, ahead, rows, schedule};
use crate::harness::wait::eventually;

/// The department that a batch declares at first, and after its edit.
const DEPARTMENTS: [&str; 2] = ["hired", "moved"];

/// An object of the run.
#[derive(Debug)]
struct Piece {
    /// A batch; else a schedule.
    is_batch: bool,
    /// Still to be edited.
    to_edit: bool,
    edited: bool,
    settled: bool,
}

/// What was declared, by name.
pub struct Load<'a> {
    calendar: &'a Calendar,
    run: usize,
    pieces: BTreeMap<String, Piece>,
    dice: StdRng,
    to_declare: usize,
    date: Timestamp,
    /// Objects that create users.
    pub creates: usize,
    /// Edits, each of which is an update.
    pub updates: usize,
    /// Objects that schedule.
    pub schedules: usize,
}

/// A batch, with what it declares.
#[derive(Debug)]
pub struct BatchNow {
    /// Its name.
    pub name: String,
    /// What its users' department is to be.
    pub department: &'static str,
    /// What it says.
    pub status: JumpCloudUserBatchStatus,
}

/// A schedule, with what it declares.
#[derive(Debug)]
pub struct ScheduleNow {
    /// Its name.
    pub name: String,
    /// When its users are to be suspended.
    pub date: Timestamp,
    /// What it says.
    pub status: ScheduledUserStateStatus,
}

/// Everything that was declared in a run, as it stands now.
#[derive(Debug, Default)]
pub struct Objects {
    /// The batches.
    pub batches: Vec<BatchNow>,
    /// The schedules.
    pub schedules: Vec<ScheduleNow>,
}

impl<'a> Load<'a> {
    /// A run of so many submissions, of which none is declared yet.
    pub fn new(calendar: &'a Calendar, seed: u64, run: usize, submissions: usize) -> Self {
        Self {
            calendar,
            run,
            pieces: BTreeMap::new(),
            dice: StdRng::seed_from_u64(seed.wrapping_add(run as u64)),
            to_declare: submissions,
            date: ahead(5 * 3600),
            creates: 0,
            updates: 0,
            schedules: 0,
        }
    }

    /// Declares everything, never more than [`SIDE_BY_SIDE`] at a time, and waits until all has settled.
    pub async fn settle(&mut self, crew: &mut Crew, limit: Duration) {
        let begun = Instant::now();
        for round in 0_usize.. {
            crew.keep();
            let standing = self.standing().await;
            let waiting = self.advance(&standing);
            if waiting == 0 && self.to_declare == 0 {
                return;
            }
            let left: Vec<_> = self.pieces.iter().filter(|(_, piece)| !piece.settled).collect();
            assert!(
                begun.elapsed() < limit,
                "not settled within {limit:?}: {left:#?}\nall stand so: {standing:#?}"
            );
            if round % 30 == 0 {
                let (restarts, seconds) = (crew.restarts(), begun.elapsed().as_secs());
                let left = left.len();
                eprintln!(
                    "{seconds} s: {left} under way, {} to declare, {restarts} restarts",
                    self.to_declare
                );
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Notes what has settled, edits and declares what is next; how many are under way then.
    fn advance(&mut self, standing: &BTreeMap<String, String>) -> usize {
        let mut manifests = Vec::new();
        for (name, piece) in self.pieces.iter_mut().filter(|(_, piece)| !piece.settled) {
            match standing.get(name).map(String::as_str) {
                Some("Succeeded") if piece.to_edit => {
                    piece.to_edit = false;
                    piece.edited = true;
                    self.updates += 1;
                    manifests.push(hires(&self.calendar.namespace, name, DEPARTMENTS[1]));
                }
                Some(_) => {
                    piece.settled = true;
                    // Who never came to be edited leaves room for another object.
                    self.to_declare += usize::from(piece.to_edit);
                }
                None => {}
            }
        }
        let mut under_way = self.pieces.values().filter(|piece| !piece.settled).count();
        while under_way < SIDE_BY_SIDE && self.to_declare > 0 {
            under_way += 1;
            manifests.push(self.next());
        }
        if !manifests.is_empty() {
            apply(&json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string());
        }
        under_way
    }

    /// One object more.
    fn next(&mut self) -> Value {
        let is_batch = self.dice.random::<f64>() < 0.75;
        let to_edit = is_batch && self.to_declare > 1 && self.dice.random::<f64>() < 0.4;
        self.to_declare -= 1 + usize::from(to_edit);
        let name = format!("r{}n{:03}", self.run, self.pieces.len());
        self.pieces.insert(name.clone(), Piece { is_batch, to_edit, edited: false, settled: false });
        if is_batch {
            self.creates += 1;
            return hires(&self.calendar.namespace, &name, DEPARTMENTS[0]);
        }
        self.schedules += 1;
        let prefix = format!("{name}u");
        self.calendar.add_users(&prefix, USERS, "ACTIVATED");
        let spec = json!({
            "users": rows(&prefix, USERS),
            "state": "Suspended",
            "startTime": self.date.to_string(),
        });
        schedule(&self.calendar.namespace, &name, &spec)
    }

    /// The reason at which each object stands that has come to an end for its present generation.
    async fn standing(&self) -> BTreeMap<String, String> {
        let mut standing = BTreeMap::new();
        let all = ListParams::default();
        for batch in self.calendar.batches().list(&all).await.expect("the batches") {
            let status = batch.status.unwrap_or_default();
            let current = status.observed_generation == batch.metadata.generation;
            let end = end(&status.conditions).filter(|_| current);
            standing.extend(batch.metadata.name.zip(end));
        }
        for schedule in self.calendar.schedules().list(&all).await.expect("the schedules") {
            let status = schedule.status.unwrap_or_default();
            let current = status.observed_generation == schedule.metadata.generation;
            let end = end(&status.conditions).filter(|_| current);
            standing.extend(schedule.metadata.name.zip(end));
        }
        standing
    }

    /// Everything as it stands now.
    pub async fn objects(&self) -> Objects {
        let mut objects = Objects::default();
        for (name, piece) in &self.pieces {
            let name = name.clone();
            if piece.is_batch {
                let status = self.calendar.status(&name).await;
                let department = DEPARTMENTS[usize::from(piece.edited)];
                objects.batches.push(BatchNow { name, department, status });
            } else {
                let status = self.calendar.schedule_status(&name).await;
                objects.schedules.push(ScheduleNow { name, date: self.date, status });
            }
        }
        objects
    }

    /// Deletes all objects, and the users of the run, so that the next one has room; nothing stays scheduled.
    pub async fn clear(self, crew: &mut Crew) {
        let Self { calendar, .. } = self;
        let kinds = "jumpclouduserbatches,scheduleduserstates";
        let done = kubectl(&["delete", kinds, "--all", "--wait=false", "-n", &calendar.namespace], "");
        assert!(done.success, "{}", done.text);
        let schedules: &Api<_> = &calendar.schedules();
        eventually("the end of the objects", Duration::from_secs(180), async || {
            crew.keep();
            let left = schedules.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
            let left: Vec<_> = left.into_iter().map(|one| (one.metadata.name, one.status)).collect();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}")) }
        })
        .await;
        let left = calendar.sim.schedules();
        assert!(left.is_empty(), "what was deleted is still scheduled:\n{}", story(calendar, &left));
        for user in calendar.sim.users() {
            calendar.sim.delete_user(user["_id"].as_str().expect("an id"));
        }
    }
}

/// What is to be known of events that nobody has cancelled: who asked for them, and what their objects said.
fn story(calendar: &Calendar, left: &[Value]) -> String {
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let jobs: BTreeSet<(String, String)> = left
        .iter()
        .map(|event| {
            let user = text(event, "username");
            (text(event, "scheduledJobId"), user.split('u').next().unwrap_or_default().to_owned())
        })
        .collect();
    let mut told = String::new();
    for (job, object) in jobs {
        let _ = writeln!(told, "{job} of {object}:");
        for entry in calendar.sim.ledger() {
            let Some(request) = entry
                .request()
                .filter(|request| request.job_id.as_ref() == Some(&job) || request.path.contains(&job))
            else {
                continue;
            };
            let (method, path, fault, status) =
                (&request.method, &request.path, &request.fault, request.status);
            let _ = writeln!(told, "  {} {method} {path}: {fault:?}, {status:?}", entry.time);
        }
        for version in calendar.history().versions.iter().filter(|version| version.name == object) {
            let events = version.list("events").iter();
            let of_job = events
                .filter(|event| event["scheduledJobID"] == job.as_str())
                .map(|event| (event["origin"].to_string(), event["superseded"].to_string()));
            let of_job: BTreeSet<_> = of_job.collect();
            let records: Vec<_> = version.records().map(|r| (&r.nonce, r.phase, r.events.len())).collect();
            let finalizers = version.metadata["finalizers"].to_string();
            let _ = writeln!(
                told,
                "  {} {}: {} gone {} finalizers {finalizers} events {} of the job {of_job:?} records {records:?}",
                version.seen,
                version.revision,
                version.reason(),
                version.gone,
                version.list("events").len()
            );
        }
    }
    told
}

/// Why an object has come to an end; `None` while it goes on.
fn end(conditions: &[Condition]) -> Option<String> {
    let is_true = |condition: &&Condition, kind: &str| condition.type_ == kind && condition.status == "True";
    let ended = |condition: &&Condition| is_true(condition, "Ready") || is_true(condition, "Stalled");
    conditions.iter().find(ended).map(|condition| condition.reason.clone())
}

/// A batch of new users.
fn hires(namespace: &str, name: &str, department: &str) -> Value {
    let rows = users(&format!("{name}u"), USERS, |_| json!({"department": department}));
    crate::harness::manifests::batch(namespace, name, &json!({"users": rows}))
}
