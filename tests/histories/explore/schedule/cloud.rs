//! JumpCloud's side of schedules, and what has to be remembered to judge it.

use std::collections::BTreeSet;

use jumpcloud_operator::api::scheduled_user_state::ScheduledState;
use jumpcloud_operator::api::submission::{AcceptedEvent, Operation};
use jumpcloud_operator::plan::facts::{Row as JobRow, Word};
use jumpcloud_operator::plan::schedule::facts::{EventsWanted, Key, Listed, Person, Read};
use jumpcloud_operator::users::row::fold;

use crate::clock::{MINUTE, Ms, moment, stamp};
use crate::explore::canon::Canon;
use crate::explore::kind::{Hidden, Receipt};
use crate::explore::request::Order;
use crate::explore::timing::SERVICE;
use crate::explore::unknown::Unknown;
use crate::schedules::manifest::{Change, id, username};

/// JumpCloud.
#[derive(Debug, Clone, Default)]
pub struct Cloud {
    /// States of users; of the first one first.
    pub states: Vec<&'static str>,
    /// Events.
    pub events: Vec<Event>,
    /// Jobs that set states.
    jobs: Vec<Job>,
    /// For each user id the intents whose outcome is not known.
    pub unknown: Unknown,
    ids: usize,
}

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    /// What it is deleted by. All users of a request have the same.
    pub job_id: String,
    /// The user's number.
    pub user: usize,
    /// What it leads to.
    pub change: Change,
    /// The object that it was made for; `None`: a person made it.
    pub uid: Option<u32>,
    /// Whether it was deleted.
    pub gone: bool,
}

#[derive(Debug, Clone)]
struct Job {
    id: String,
    users: Vec<usize>,
    state: &'static str,
    due: Ms,
    done: bool,
}

/// The number in a user's id.
fn number(id: &str) -> usize {
    id.trim_start_matches('u').parse().unwrap()
}

impl Cloud {
    /// JumpCloud with so many users.
    pub fn with(users: usize) -> Self {
        Self { states: vec!["ACTIVATED"; users], ..Self::default() }
    }

    fn new_id(&mut self) -> String {
        self.ids += 1;
        format!("job{}", self.ids)
    }

    /// Events that have been there for long.
    pub fn made_before(&mut self, users: &[usize], change: Change, uid: Option<u32>) -> String {
        let job_id = self.new_id();
        for user in users {
            let (job_id, user) = (job_id.clone(), *user);
            self.events.push(Event { job_id, user, change, uid, gone: false });
        }
        job_id
    }

    /// Takes a request.
    pub fn take(&mut self, order: &Order, now: Ms) -> Receipt {
        let job_id = self.new_id();
        let record = &order.record;
        let state = record.state.unwrap();
        let users: Vec<usize> = record.members.iter().map(|id| number(id)).collect();
        if order.operation != Operation::Schedule {
            let job = Job { id: job_id.clone(), users, state: state.word(), due: now + SERVICE, done: false };
            self.jobs.push(job);
            return Receipt { job_id: Some(job_id), events: Vec::new() };
        }
        let change = (state, moment(record.time.unwrap()));
        let events = users.iter().map(|user| AcceptedEvent {
            id: id(*user),
            scheduled_job_id: job_id.clone(),
            time: None,
        });
        let receipt = Receipt { job_id: None, events: events.collect() };
        for user in users {
            let (job_id, uid) = (job_id.clone(), Some(order.uid));
            self.events.push(Event { job_id, user, change, uid, gone: false });
        }
        receipt
    }

    /// Sets the state of a user.
    pub fn set(&mut self, id: &str, state: ScheduledState) -> bool {
        match self.states.get_mut(number(id) - 1) {
            Some(known) => {
                *known = state.word();
                true
            }
            None => false,
        }
    }

    /// Deletes the events of an id: which.
    pub fn cancel(&mut self, job_id: &str) -> Vec<Event> {
        let of_it = self.events.iter_mut().filter(|event| event.job_id == job_id && !event.gone);
        of_it
            .map(|event| {
                event.gone = true;
                event.clone()
            })
            .collect()
    }

    /// Works on a job; unless it goes well, its first user is left as it is.
    pub fn run(&mut self, index: usize, well: bool) {
        self.jobs[index].done = true;
        let Job { users, state, .. } = self.jobs[index].clone();
        for user in users.iter().skip(usize::from(!well)) {
            self.states[*user - 1] = state;
        }
    }

    /// Users, by what they are looked for.
    pub fn search(&self, keys: &[Key]) -> Vec<(Key, Option<Person>)> {
        let find = |key: &Key| {
            let number = (1..=self.states.len()).find(|number| match key {
                Key::Id(wanted) => *wanted == id(*number),
                Key::Username(name) => fold(name) == username(*number),
                Key::Email(email) => email.to_lowercase() == format!("{}@example.com", username(*number)),
            })?;
            let state = Some(self.states[number - 1].to_owned());
            Some(Person { id: id(number), username: username(number), state })
        };
        keys.iter().map(|key| (key.clone(), find(key))).collect()
    }

    /// Every event around an instant: a listing shows at once what was accepted.
    pub fn list(&self, wanted: &EventsWanted) -> Vec<Listed> {
        let around = moment(wanted.time);
        self.events
            .iter()
            .filter(|event| !event.gone && (event.change.1 - around).abs() <= MINUTE)
            .map(|event| Listed {
                job_id: event.job_id.clone(),
                user_id: id(event.user),
                state: Some(event.change.0),
                time: Some(stamp(event.change.1)),
            })
            .collect()
    }

    /// Results of a job.
    pub fn results(&self, job_id: &str) -> Option<Vec<JobRow>> {
        let job = self.jobs.iter().find(|job| job.id == job_id)?;
        let word = if job.done { Word::Finished } else { Word::Pending };
        let rows = job.users.iter().map(|number| JobRow {
            word,
            ids: BTreeSet::from([id(*number)]),
            ..JobRow::default()
        });
        Some(rows.collect())
    }

    /// What JumpCloud may do at any moment.
    pub fn hidden(&self, reading: Option<&Read>) -> Vec<Hidden> {
        let mut all = Vec::new();
        if matches!(reading, None | Some(Read::Users(_) | Read::Job { .. })) {
            let open = self.jobs.iter().enumerate().filter(|(_, job)| !job.done).map(|(index, _)| index);
            all.extend(open.flat_map(|job| [Hidden::Run(job), Hidden::RunBadly(job)]));
        }
        all
    }

    /// When everything is done at the latest.
    pub fn due(&self) -> Option<Ms> {
        self.jobs.iter().filter(|job| !job.done).map(|job| job.due).min()
    }

    /// The fingerprint. Ids are taken as they are: they are given in turn.
    pub fn put_into(&self, canon: &mut Canon) {
        self.states.iter().for_each(|state| canon.text(state));
        canon.count(self.ids);
        for event in self.events.iter().filter(|event| !event.gone) {
            canon.text(&event.job_id);
            canon.count(event.user);
            canon.time(event.change.1);
            canon.word(event.uid.unwrap_or_default().into());
        }
        for job in &self.jobs {
            canon.text(&job.id);
            canon.word(u64::from(job.done));
            canon.maybe_time((!job.done).then_some(job.due));
        }
        self.unknown.put_into(canon);
    }
}
