//! A model of JumpCloud's scheduled events: made in requests, listed until they are executed, deleted by
//! ids that users may share. It knows what really happened.

use std::collections::BTreeSet;

use jumpcloud_operator::api::scheduled_user_state::ScheduledState;
use jumpcloud_operator::plan::facts::{Row, Word};
use jumpcloud_operator::plan::schedule::facts::{EventsWanted, Key, Listed, Person};
use jumpcloud_operator::users::row::fold;

use super::manifest::{Change, id, username};
use super::network::Order;
use crate::clock::{MINUTE, Ms, SECOND, moment, stamp};
use crate::dice::Dice;

/// What JumpCloud does about a date that is past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// 400
    Refused,
    /// It makes the change at once.
    AtOnce,
    /// It takes the request, lists it perhaps, and does nothing.
    Never {
        /// Whether it is listed.
        listed: bool,
    },
}

/// What it does about users that do not exist (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// 400 for the whole request.
    Refused,
    /// No event for them, which makes the answer one that says too little.
    LeftOut,
    /// Events like any other's.
    Taken,
}

/// What nobody knows about JumpCloud.
#[derive(Debug, Clone)]
pub struct Setting {
    /// All users of a request share one id.
    pub shared: bool,
    /// Seconds are cut off.
    pub cuts: bool,
    /// Dates that are past.
    pub past: Past,
    /// Users that do not exist.
    pub strangers: Strangers,
    /// Events of a user vanish with it.
    pub vanish: bool,
    /// A listing that is not asked to be whole holds only the users asked about.
    pub covers: bool,
    /// Of a thousand listings, so many are read while others cancel events, so that the pages move each time: their
    /// users are asked about one by one.
    pub moving: u64,
    /// Users whom every request is refused for.
    pub poison: BTreeSet<usize>,
    /// Users whose events are not executed, though they vanish.
    pub lost: BTreeSet<usize>,
    /// How late events are executed.
    pub delay: Ms,
    /// Users whose state a bulk job leaves alone.
    pub ignored: BTreeSet<usize>,
}

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// Its number; its index, and one.
    pub number: usize,
    /// Since when it is there.
    pub created: Ms,
    /// Until when.
    pub deleted: Option<Ms>,
    /// Its states, with the time from which it had each.
    pub states: Vec<(Ms, &'static str)>,
}

/// Who made an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// A request of the operator's with that nonce, for the object with that uid.
    Post(String, u32),
    /// A person in the console.
    Person,
}

/// How an event went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// It was executed, or given up by JumpCloud when its time had come.
    Due,
    /// By that call of the operator's.
    Cancelled(usize),
    /// A person deleted it.
    Deleted,
    /// It vanished with its user.
    WithUser,
}

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    /// The id it is deleted by.
    pub job_id: String,
    /// The user's number.
    pub user: usize,
    /// What was asked for.
    pub change: Change,
    /// The date that is kept.
    pub kept: Ms,
    /// Who made it.
    pub author: Author,
    /// When.
    pub made: Ms,
    /// When it is executed; `None` for one that never is.
    pub runs: Option<Ms>,
    /// Whether it is listed at all.
    pub listed: bool,
    /// When and how it went.
    pub gone: Option<(Ms, Gone)>,
}

/// A bulk job that sets states.
#[derive(Debug, Clone)]
pub struct Job {
    id: String,
    rows: Vec<(usize, Ms, bool)>,
    state: ScheduledState,
}

/// JumpCloud.
#[derive(Debug)]
pub struct JumpCloud {
    /// What it is like.
    pub setting: Setting,
    /// All users that ever were.
    pub users: Vec<User>,
    /// All events that ever were.
    pub events: Vec<Event>,
    jobs: Vec<Job>,
    ids: u64,
}

impl User {
    /// Whether it is there.
    pub fn is_there(&self, now: Ms) -> bool {
        self.created <= now && self.deleted.is_none_or(|gone| gone > now)
    }

    /// Its state at that time.
    pub fn state(&self, at: Ms) -> &'static str {
        self.states.iter().rev().find(|(since, _)| *since <= at).map_or("STAGED", |(_, state)| state)
    }

    /// Whether it was in a state at any time from `from` to `to`.
    pub fn was(&self, state: ScheduledState, from: Ms, to: Ms) -> bool {
        self.state(from) == state.word()
            || self.states.iter().any(|(at, now)| (from..=to).contains(at) && *now == state.word())
    }
}

impl Event {
    /// Whether a listing holds it.
    pub fn is_listed(&self) -> bool {
        self.listed && self.gone.is_none()
    }

    /// Whether it makes this change.
    pub fn makes(&self, change: Change) -> bool {
        self.change == change
    }
}

impl JumpCloud {
    /// JumpCloud without users and events.
    pub fn new(setting: Setting) -> Self {
        Self { setting, users: Vec::new(), events: Vec::new(), jobs: Vec::new(), ids: 0 }
    }

    /// The user of that number.
    pub fn user(&self, number: usize) -> Option<&User> {
        self.users.iter().find(|user| user.number == number)
    }

    fn new_id(&mut self) -> String {
        self.ids += 1;
        format!("job{}", self.ids)
    }

    /// Makes everything happen that is due.
    pub fn advance(&mut self, now: Ms) {
        let mut due: Vec<(Ms, usize)> = self
            .events
            .iter()
            .enumerate()
            .filter(|(_, event)| event.gone.is_none())
            .filter_map(|(index, event)| Some((event.runs.filter(|at| *at <= now)?, index)))
            .collect();
        due.sort_unstable();
        for (at, index) in due {
            let event = &mut self.events[index];
            event.gone = Some((at, Gone::Due));
            let (number, state) = (event.user, event.change.0);
            if !self.setting.lost.contains(&number) {
                self.set(number, state, at);
            }
        }
        for job in 0..self.jobs.len() {
            let Job { rows, state, .. } = self.jobs[job].clone();
            for (row, (number, at, done)) in rows.into_iter().enumerate() {
                if at <= now && !done {
                    self.jobs[job].rows[row].2 = true;
                    if !self.setting.ignored.contains(&number) {
                        self.set(number, state, at);
                    }
                }
            }
        }
    }

    /// The user has that state from now on.
    pub fn set(&mut self, number: usize, state: ScheduledState, at: Ms) -> bool {
        let user = self.users.iter_mut().find(|user| user.number == number && user.is_there(at));
        if let Some(user) = user {
            user.states.push((at, state.word()));
            return true;
        }
        false
    }

    /// Takes `POST /bulk/userstates`: the events of the answer, or the text of a 400.
    pub fn take(&mut self, order: &Order, now: Ms) -> Result<Vec<Listed>, String> {
        let past = order.change.1 <= now;
        if past && self.setting.past == Past::Refused {
            return Err("start_date is in the past".to_owned());
        }
        let numbers: Vec<usize> = order.members.iter().map(|id| number(id)).collect();
        if let Some(bad) = numbers.iter().find(|number| self.setting.poison.contains(number)) {
            return Err(format!("user {bad} cannot be scheduled"));
        }
        let gone = |number: usize| self.user(number).is_none_or(|user| !user.is_there(now));
        let strangers: Vec<usize> = numbers.iter().copied().filter(|number| gone(*number)).collect();
        if self.setting.strangers == Strangers::Refused && !strangers.is_empty() {
            return Err(format!("there is no user {}", strangers[0]));
        }
        let left_out = self.setting.strangers == Strangers::LeftOut;
        let author = Author::Post(order.nonce.clone(), order.uid);
        let shared = self.new_id();
        let mut rows = Vec::new();
        for number in numbers.into_iter().filter(|number| !left_out || !strangers.contains(number)) {
            let job_id = if self.setting.shared { shared.clone() } else { self.new_id() };
            rows.push(self.add(number, order.change, author.clone(), job_id, now));
        }
        self.advance(now);
        Ok(rows)
    }

    /// Somebody makes an event by hand.
    pub fn by_hand(&mut self, number: usize, change: Change, now: Ms) {
        let job_id = self.new_id();
        self.add(number, change, Author::Person, job_id, now);
    }

    /// Somebody makes an event under an id that others have.
    pub fn by_hand_under(&mut self, job_id: String, number: usize, change: Change, now: Ms) {
        self.add(number, change, Author::Person, job_id, now);
    }

    fn add(&mut self, user: usize, change: Change, author: Author, job_id: String, now: Ms) -> Listed {
        let past = change.1 <= now;
        let kept = if self.setting.cuts { change.1 - change.1.rem_euclid(MINUTE) } else { change.1 };
        let never = past && matches!(self.setting.past, Past::Never { .. });
        let event = Event {
            job_id,
            user,
            change,
            kept,
            author,
            made: now,
            runs: (!never).then_some((kept + self.setting.delay).max(now)),
            listed: !never || self.setting.past == Past::Never { listed: true },
            gone: None,
        };
        let row = event.shown();
        self.events.push(event);
        row
    }

    /// `DELETE /bulk/userstates/ID`, by that call of the operator's: the events that it removed.
    pub fn cancel(&mut self, job_id: &str, call: usize, now: Ms) -> Vec<usize> {
        let mut removed = Vec::new();
        for (index, event) in self.events.iter_mut().enumerate() {
            if event.job_id == job_id && event.gone.is_none() {
                event.gone = Some((now, Gone::Cancelled(call)));
                removed.push(index);
            }
        }
        removed
    }

    /// A user is deleted.
    pub fn delete_user(&mut self, number: usize, now: Ms) {
        for user in self.users.iter_mut().filter(|user| user.number == number) {
            user.deleted.get_or_insert(now);
        }
        if self.setting.vanish {
            for event in self.events.iter_mut().filter(|event| event.user == number && event.gone.is_none()) {
                event.gone = Some((now, Gone::WithUser));
            }
        }
    }

    /// Events around an instant: the rows, and whether these are all, which they cannot be while pages move.
    pub fn list(&self, wanted: &EventsWanted, moves: bool) -> (Vec<Listed>, bool) {
        let all = wanted.whole || !self.setting.covers;
        // Read again and again, together they show every row, and cannot say so.
        let whole = all && !moves;
        let around = moment(wanted.time);
        let rows = self
            .events
            .iter()
            .filter(|event| event.is_listed() && (event.kept - around).abs() <= MINUTE)
            .filter(|event| all || wanted.users.contains(&id(event.user)))
            .map(Event::shown)
            .collect();
        (rows, whole)
    }

    /// Users, by what they are looked for.
    pub fn search(&self, keys: &[Key], now: Ms) -> Vec<(Key, Option<Person>)> {
        let find = |key: &Key| {
            let user = self.users.iter().filter(|user| user.is_there(now)).find(|user| match key {
                Key::Id(wanted) => *wanted == id(user.number),
                Key::Username(name) => fold(name) == username(user.number),
                Key::Email(email) => email.to_lowercase() == format!("{}@example.com", username(user.number)),
            })?;
            let state = Some(user.state(now).to_owned());
            Some(Person { id: id(user.number), username: username(user.number), state })
        };
        keys.iter().map(|key| (key.clone(), find(key))).collect()
    }

    /// Takes `PATCH /bulk/users` with states.
    pub fn update(&mut self, order: &Order, dice: &mut Dice, now: Ms) -> String {
        let id = self.new_id();
        let takes = dice.between(0, 30 * SECOND);
        let rows = order.members.iter().map(|id| (number(id), now + takes, false)).collect();
        self.jobs.push(Job { id: id.clone(), rows, state: order.change.0 });
        id
    }

    /// The results of a job; `None` is a 404.
    pub fn results(&self, job_id: &str, now: Ms) -> Option<Vec<Row>> {
        let job = self.jobs.iter().find(|job| job.id == job_id)?;
        let rows = job.rows.iter().map(|(number, _, done)| {
            let there = self.user(*number).is_some_and(|user| user.is_there(now));
            let word = match (done, there) {
                (false, _) => Word::Pending,
                (true, true) => Word::Finished,
                (true, false) => Word::Other,
            };
            let message = (word == Word::Other).then(|| "not found".to_owned());
            Row { word, message, ids: BTreeSet::from([id(*number)]), ..Row::default() }
        });
        Some(rows.collect())
    }
}

impl Event {
    /// As a listing shows it.
    fn shown(&self) -> Listed {
        Listed {
            job_id: self.job_id.clone(),
            user_id: id(self.user),
            state: Some(self.change.0),
            time: Some(stamp(self.kept)),
        }
    }
}

/// The number in a user's id.
pub fn number(id: &str) -> usize {
    id.trim_start_matches('u').parse().unwrap()
}
