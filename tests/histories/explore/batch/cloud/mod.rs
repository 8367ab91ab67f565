//! JumpCloud's side of user batches, and what has to be remembered to judge it.

mod job;
mod user;
mod work;
mod written;

use jumpcloud_operator::api::submission::Operation;
use jumpcloud_operator::plan::facts::{Live, Read, Row as JobRow, UserKey};

pub use self::job::Job;
pub use self::user::User;
use crate::clock::{MINUTE, Ms};
use crate::explore::canon::Canon;
use crate::explore::kind::Hidden;
use crate::explore::timing::SERVICE;
use crate::explore::unknown::Unknown;
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
    pub unknown: Unknown,
    /// The update sent last for each user id, with what it sets.
    last: Vec<(String, String, String)>,
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

    /// Users that a search finds; what it misses is remembered.
    pub fn search(&mut self, keys: &[UserKey], now: Ms) -> Vec<Live> {
        let shown = |user: &&User| user.visible && keys.iter().any(|key| user.is(key));
        let found: Vec<User> = self.users.iter().filter(shown).cloned().collect();
        for key in keys.iter().filter(|key| !found.iter().any(|user| user.is(key))) {
            for job in self.jobs.iter_mut().filter(|job| job.operation == Operation::Create) {
                job.misses(&key.username, now);
            }
        }
        found.iter().map(User::live).collect()
    }

    /// Results of a job.
    pub fn results(&self, id: &str) -> Option<Vec<JobRow>> {
        self.jobs.iter().find(|job| job.id == id).map(Job::results)
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
        self.users.iter().for_each(|user| user.put_into(canon));
        canon.count(self.jobs.len());
        self.jobs.iter().for_each(|job| job.put_into(canon));
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
        self.unknown.put_into(canon);
        for (id, nonce, department) in &self.last {
            canon.text(id);
            canon.text(department);
            if canon.knows(nonce) {
                canon.nonce(nonce);
            }
        }
    }
}
