//! JumpCloud's side of user batches, and what has to be remembered to judge it.

use jumpcloud_operator::api::submission::{Operation, Recorded, Submission};
use jumpcloud_operator::api::user_status::JumpCloudUserBatchStatus;
use jumpcloud_operator::plan::facts::{By, Live, Read, Row as JobRow, UserKey, Word};
use serde_json::{Map, Value, json};

use super::Batches;
use crate::clock::{MINUTE, Ms, stamp};
use crate::explore::canon::Canon;
use crate::explore::kind::Hidden;
use crate::explore::state::{Object, Order, QUARANTINE, SERVICE};
use crate::invariants::Violation;
use crate::manifest::Row;

/// JumpCloud.
#[derive(Debug, Clone, Default)]
pub struct Cloud {
    /// Users.
    pub users: Vec<User>,
    /// Accepted jobs.
    pub jobs: Vec<Job>,
    /// Until when requests may be sent, by nonce.
    sending: Vec<(String, Ms)>,
    /// The members of earlier jobs that the intent of a nonce may send again.
    cleared: Vec<(String, Vec<(usize, usize)>)>,
    /// For each username the intents whose outcome is not known: not refused, and without a recorded job.
    pub unknown: Vec<(String, u8)>,
    /// The update sent last for each user id, with what it sets.
    last: Vec<(String, String, String)>,
}

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// JumpCloud's id.
    pub id: String,
    /// Username.
    pub username: String,
    /// E-mail address, in lower case.
    pub email: String,
    /// The one field that differs.
    pub department: String,
    /// The job that made it.
    pub job: Option<usize>,
    /// When it was created.
    pub created: Ms,
    /// Whether searches show it.
    pub visible: bool,
}

/// A job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// The nonce of its request.
    pub nonce: String,
    /// The object.
    pub uid: u32,
    /// What it does.
    pub operation: Operation,
    /// Its users.
    pub members: Vec<Member>,
    /// When it is done at the latest.
    due: Ms,
    /// Whether it is done.
    pub done: bool,
    /// When the last byte of its request may have been sent.
    sent_by: Ms,
    /// Whether its id was ever recorded.
    pub recorded: bool,
}

/// A user of a job.
#[derive(Debug, Clone)]
pub struct Member {
    /// Username, or id of an update.
    pub name: String,
    email: String,
    department: String,
    /// Why it failed.
    pub failed: Option<String>,
    /// The first look that missed the user, of those that count.
    missed: Option<Ms>,
    /// Whether another one a quarantine later missed it, too.
    missed_again: bool,
}

impl Cloud {
    /// JumpCloud with one user, as that row has it.
    pub fn with(row: &Row) -> Self {
        let mut cloud = Self::default();
        let department = format!("fine-{}", row.revision);
        cloud.add(&row.username, &row.email, &department, None, -90 * MINUTE);
        cloud.users[0].visible = true;
        cloud
    }

    fn add(&mut self, username: &str, email: &str, department: &str, job: Option<usize>, now: Ms) {
        self.users.push(User {
            id: format!("id{}", self.users.len() + 1),
            username: username.to_owned(),
            email: email.to_lowercase(),
            department: department.to_owned(),
            job,
            created: now,
            visible: false,
        });
    }

    /// Somebody else creates the user of a row, unless it is there.
    pub fn by_others(&mut self, row: &Row, now: Ms) {
        if !self.users.iter().any(|user| user.username == row.username) {
            self.add(&row.username, &row.email, "theirs", None, now);
        }
    }

    /// The first byte of a request is sent.
    pub fn sent(&mut self, order: &Order, by: Ms) {
        self.sending.push((order.nonce().to_owned(), by));
        if order.operation == Operation::Update {
            for row in rows(order) {
                let (id, department) = (text(&row, "id"), text(&row, "department"));
                self.last.retain(|(other, ..)| *other != id);
                self.last.push((id, order.nonce().to_owned(), department));
            }
        }
    }

    /// Takes a request. I1: no user is in two accepted creates of an object, unless the intent of the later
    /// one knew that the earlier one had not made it.
    pub fn take(&mut self, order: &Order, now: Ms, found: &mut Vec<Violation>) -> String {
        let id = format!("job{}", self.jobs.len() + 1);
        let members: Vec<Member> = rows(order)
            .iter()
            .map(|row| Member {
                name: text(row, if order.operation == Operation::Update { "id" } else { "username" }),
                email: text(row, "email"),
                department: text(row, "department"),
                failed: None,
                missed: None,
                missed_again: false,
            })
            .collect();
        let creates = |job: &Job| job.operation == Operation::Create && job.uid == order.uid;
        if order.operation == Operation::Create {
            let cleared = self.cleared.iter().find(|(nonce, _)| nonce == order.nonce());
            for (index, job) in self.jobs.iter().enumerate().filter(|(_, job)| creates(job)) {
                for (place, earlier) in job.members.iter().enumerate() {
                    let twice = members.iter().any(|member| member.name == earlier.name);
                    let excused = cleared.is_some_and(|(_, all)| all.contains(&(index, place)));
                    if twice && !excused {
                        let text = format!("{} is in {} and in {id}", earlier.name, job.id);
                        found.push(Violation { rule: "I1", text });
                    }
                }
            }
        }
        let sent_by =
            self.sending.iter().find(|(nonce, _)| nonce == order.nonce()).map_or(now, |(_, by)| *by);
        self.jobs.push(Job {
            id: id.clone(),
            nonce: order.nonce().to_owned(),
            uid: order.uid,
            operation: order.operation,
            members,
            due: now + SERVICE,
            done: false,
            sent_by,
            recorded: false,
        });
        id
    }

    /// Works on a job; unless it goes well, its first row fails in a way that may pass.
    pub fn run(&mut self, index: usize, well: bool, now: Ms, found: &mut Vec<Violation>) {
        let mut job = self.jobs[index].clone();
        job.done = true;
        for (place, member) in job.members.iter_mut().enumerate() {
            if place == 0 && !well {
                member.failed = Some("internal error, try again".to_owned());
                // It may have been made before that: as far as anybody can tell the outcome is not known.
                self.is_unknown(&member.name);
            } else if job.operation == Operation::Update {
                self.update(&job.nonce, member, found);
            } else if self.users.iter().any(|user| user.username == member.name) {
                member.failed = Some(format!("User {} already EXISTS", member.name));
            } else {
                let (name, email, department) = (&member.name, &member.email, &member.department);
                self.add(name, email, department, Some(index), now);
            }
        }
        self.jobs[index] = job;
    }

    /// Sets values of a user. None may be set that differ from those that were sent later.
    fn update(&mut self, nonce: &str, member: &Member, found: &mut Vec<Violation>) {
        let Some(user) = self.users.iter_mut().find(|user| user.id == member.name) else { return };
        user.department.clone_from(&member.department);
        let last = self.last.iter().find(|(id, ..)| *id == member.name);
        if let Some((id, last, _)) =
            last.filter(|(_, last, value)| last != nonce && *value != member.department)
        {
            let text = format!("{nonce} comes to pass for {id} after {last} was sent");
            found.push(Violation { rule: "order", text });
        }
    }

    /// Users that a search finds; what it misses is remembered.
    pub fn search(&mut self, keys: &[UserKey], now: Ms) -> Vec<Live> {
        let is = |key: &UserKey, user: &User| match &key.by {
            By::Id(id) => *id == user.id,
            By::Names { email, .. } => {
                key.username.eq_ignore_ascii_case(&user.username)
                    || email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(&user.email))
            }
        };
        let shown = |user: &&User| user.visible && keys.iter().any(|key| is(key, user));
        let found: Vec<User> = self.users.iter().filter(shown).cloned().collect();
        for key in keys.iter().filter(|key| !found.iter().any(|user| is(key, user))) {
            for job in self.jobs.iter_mut().filter(|job| job.operation == Operation::Create) {
                let after = job.sent_by + QUARANTINE;
                for member in job.members.iter_mut().filter(|member| member.name == key.username) {
                    match member.missed {
                        Some(first) => member.missed_again |= now >= first + QUARANTINE,
                        None => member.missed = (now >= after).then_some(now),
                    }
                }
            }
        }
        found.iter().map(User::live).collect()
    }

    /// Results of a job.
    pub fn results(&self, id: &str) -> Option<Vec<JobRow>> {
        let job = self.jobs.iter().find(|job| job.id == id)?;
        let rows = job.members.iter().map(|member| {
            let (word, message) = match (&member.failed, job.done) {
                (_, false) => (Word::Pending, None),
                (None, true) => (Word::Finished, None),
                (Some(message), true) => (Word::Other, Some(message.clone())),
            };
            let mut row = JobRow { word, message, ..JobRow::default() };
            let names = if job.operation == Operation::Update { &mut row.ids } else { &mut row.usernames };
            names.insert(member.name.clone());
            row
        });
        Some(rows.collect())
    }

    /// A status was written.
    pub fn written(
        &mut self,
        before: &JumpCloudUserBatchStatus,
        after: &Object<Batches>,
        found: &mut Vec<Violation>,
    ) {
        let status = &after.status.status;
        // A request that was refused leaves no trace.
        for record in before.submissions.iter().filter_map(Recorded::known) {
            let open = status.submissions.iter().any(|other| other.nonce() == Some(&record.nonce));
            let traced = record.members.iter().any(|name| {
                status.inventory.iter().any(|entry| entry.username == *name)
                    || status.failures.iter().any(|f| f.username == *name && f.unknown_time.is_some())
            });
            if !open && !traced && record.accept_time.is_none() {
                self.is_known(record);
            }
        }
        let known = |nonce: &str| before.submissions.iter().any(|record| record.nonce() == Some(nonce));
        for record in after.status.status.submissions.iter().filter_map(Recorded::known) {
            if let Some(id) = &record.job_id {
                match self.jobs.iter_mut().find(|job| job.id == *id && job.nonce == record.nonce) {
                    Some(job) if job.recorded => {}
                    Some(job) => {
                        job.recorded = true;
                        self.is_known(record);
                    }
                    None => {
                        let text = format!("{id} is recorded as the job of {}", record.nonce);
                        found.push(Violation { rule: "I3", text });
                    }
                }
            }
            if !known(&record.nonce) && record.operation == Operation::Create {
                let mut cleared = Vec::new();
                for (index, job) in self.jobs.iter().enumerate() {
                    for (place, member) in job.members.iter().enumerate() {
                        if member.failed.is_some() || (member.missed_again && !job.recorded) {
                            cleared.push((index, place));
                        }
                    }
                }
                self.cleared.push((record.nonce.clone(), cleared));
                record.members.iter().for_each(|name| self.is_unknown(name));
            }
        }
    }

    fn is_unknown(&mut self, name: &str) {
        match self.unknown.iter_mut().find(|(known, _)| known == name) {
            Some((_, times)) => *times += 1,
            None => self.unknown.push((name.to_owned(), 1)),
        }
    }

    /// The outcome of a request is known.
    pub fn is_known(&mut self, record: &Submission) {
        if record.operation == Operation::Create {
            for (_, times) in self.unknown.iter_mut().filter(|(name, _)| record.members.contains(name)) {
                *times = times.saturating_sub(1);
            }
        }
    }

    /// What JumpCloud may do at any moment.
    pub fn hidden(&self, reading: Option<&Read>) -> Vec<Hidden> {
        let open = self.jobs.iter().enumerate().filter(|(_, job)| !job.done).map(|(index, _)| index);
        let mut all: Vec<Hidden> = open.flat_map(|job| [Hidden::Run(job), Hidden::RunBadly(job)]).collect();
        if matches!(reading, None | Some(Read::Users(_))) {
            let unseen = self.users.iter().enumerate().filter(|(_, user)| !user.visible);
            all.extend(unseen.map(|(index, _)| Hidden::Show(index)));
        }
        all
    }

    /// When everything is done at the latest.
    pub fn due(&self) -> Option<Ms> {
        let jobs = self.jobs.iter().filter(|job| !job.done).map(|job| job.due);
        let users = self.users.iter().filter(|user| !user.visible).map(|user| user.created + SERVICE);
        jobs.chain(users).min()
    }

    /// The fingerprint.
    pub fn put_into(&self, canon: &mut Canon) {
        canon.count(self.users.len());
        for user in &self.users {
            canon.text(&user.username);
            canon.text(&user.department);
            canon.count(user.job.map_or(0, |job| job + 1));
            canon.time(user.created);
            canon.word(u64::from(user.visible));
        }
        canon.count(self.jobs.len());
        for job in &self.jobs {
            if canon.knows(&job.nonce) {
                canon.nonce(&job.nonce);
                canon.maybe_time((!job.done).then_some(job.due));
            }
            canon.word(u64::from(job.uid) * 4 + u64::from(job.done) * 2 + u64::from(job.recorded));
            canon.word(job.operation as u64);
            for member in &job.members {
                canon.text(&member.name);
                canon.text(&member.department);
                canon.text(member.failed.as_deref().unwrap_or_default());
                if member.failed.is_none() && !job.recorded {
                    canon.time(job.sent_by);
                    canon.maybe_time(member.missed);
                    canon.word(u64::from(member.missed_again));
                }
            }
        }
        for (nonce, by) in &self.sending {
            if canon.knows(nonce) && !self.jobs.iter().any(|job| job.nonce == *nonce) {
                canon.nonce(nonce);
                canon.time(*by);
            }
        }
        for (nonce, cleared) in &self.cleared {
            if canon.knows(nonce) {
                canon.nonce(nonce);
                cleared.iter().for_each(|(job, member)| canon.word((job * 16 + member) as u64));
            }
        }
        for (name, times) in &self.unknown {
            canon.text(name);
            canon.word(u64::from(*times));
        }
        for (id, nonce, department) in &self.last {
            canon.text(id);
            canon.text(department);
            if canon.knows(nonce) {
                canon.nonce(nonce);
            }
        }
    }
}

impl User {
    fn live(&self) -> Live {
        let fields = json!({
            "username": self.username, "email": self.email, "department": self.department, "state": "STAGED",
        });
        Live {
            id: self.id.clone(),
            username: self.username.clone(),
            email: self.email.clone(),
            state: Some("STAGED".to_owned()),
            created: Some(stamp(self.created)),
            fields: fields.as_object().unwrap().clone(),
        }
    }
}

fn rows(order: &Order) -> Vec<Map<String, Value>> {
    serde_json::from_slice(&order.payload).unwrap()
}

fn text(row: &Map<String, Value>, name: &str) -> String {
    row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
