//! The simulated organisations: all state, behind one lock, driven by the clock.
//!
//! Nothing runs in the background. Before anything is read or changed, [`World::settle`] carries
//! out the rows and schedules that fell due, each at its own time; so a run is a function of the settings, the
//! requests and the clock.

mod access;
mod accounts;
mod execute;
mod job;
mod schedule;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

pub(crate) use access::Access;
use accounts::Accounts;
pub(crate) use job::{Job, NewRow};

use crate::clock::{self, Clock};
use crate::fault::{Falling, FaultBook};
use crate::fingerprint::sha256_hex;
use crate::hold::Holds;
use crate::http::refusal::Refusal;
use crate::ledger::{Cause, Ledger, UserChange, What};
use crate::schedules::Schedules;
use crate::settings::{NewUserState, Settings};
use crate::users::shape::{self, Origin, Writing};
use crate::users::store::{User, UserStore};
use crate::users::validate::{self, Form};
use crate::users::{Fields, answer};

/// An organisation.
#[derive(Debug)]
pub(crate) struct Organisation {
    pub(crate) id: String,
    pub(crate) display_name: String,
    pub(crate) new_user_state: NewUserState,
    pub(crate) users: UserStore,
}

/// What a key opens.
#[derive(Clone, Debug)]
enum Holder {
    One(String),
    Several(Vec<String>),
}

/// All state.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) rng: StdRng,
    pub(crate) organisations: BTreeMap<String, Organisation>,
    pub(crate) jobs: BTreeMap<String, Job>,
    pub(crate) schedules: Schedules,
    pub(crate) ledger: Ledger,
    pub(crate) faults: FaultBook,
    pub(crate) holds: Holds,
    pub(crate) weather: Option<Falling>,
    /// Decides which fault rules fire: a generator of its own, so that what jobs draw does not matter.
    pub(crate) chance: StdRng,
    /// The instant of the last request to the API.
    pub(crate) last_request: Option<(std::time::Instant, Timestamp)>,
    /// Whether anybody listens.
    pub(crate) refusal: Refusal,
    /// By the hash of the key.
    keys: HashMap<String, Holder>,
    accounts: Accounts,
    /// Rows still to be executed: when, in which order, of which job.
    due: BTreeSet<(Timestamp, u64, String, usize)>,
    /// How often each rule of `jobs.row_failures` has been applied.
    row_failures: HashMap<String, u32>,
    /// Times of the requests of each key within the rate limit's window.
    recent: HashMap<String, VecDeque<Timestamp>>,
    counter: u64,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Result<Self, Refused> {
        let mut world = Self {
            clock: Clock::real(),
            rng: StdRng::seed_from_u64(settings.seed),
            organisations: BTreeMap::new(),
            jobs: BTreeMap::new(),
            schedules: Schedules::default(),
            ledger: Ledger::default(),
            faults: FaultBook::new(settings.faults.clone()),
            holds: Holds::default(),
            weather: None,
            chance: StdRng::seed_from_u64(settings.seed.wrapping_add(1)),
            last_request: None,
            refusal: Refusal::default(),
            keys: HashMap::new(),
            accounts: Accounts::default(),
            due: BTreeSet::new(),
            row_failures: HashMap::new(),
            recent: HashMap::new(),
            counter: 0,
            settings: Settings { organisations: Vec::new(), ..settings.clone() },
        };
        for key in &settings.multi_tenant_keys {
            let hash = sha256_hex(key.key.expose().as_bytes());
            world.keys.insert(hash, Holder::Several(key.organisations.clone()));
        }
        world.set_settings(settings.clone());
        for organisation in settings.organisations {
            for key in &organisation.keys {
                world.add_key(&organisation.id, key.expose())?;
            }
            for account in &organisation.service_accounts {
                for secret in &account.secrets {
                    world.add_client_secret(&organisation.id, account.client_id.expose(), secret.expose())?;
                }
            }
            for user in &organisation.users {
                world.add_user(&organisation.id, user)?;
            }
        }
        Ok(world)
    }

    /// Replaces the settings. New organisations are added; known ones take the name and defaults.
    pub(crate) fn set_settings(&mut self, settings: Settings) {
        for new in &settings.organisations {
            let organisation = self.organisations.entry(new.id.clone()).or_insert_with(|| Organisation {
                id: new.id.clone(),
                display_name: String::new(),
                new_user_state: NewUserState::default(),
                users: UserStore::default(),
            });
            organisation.display_name.clone_from(&new.display_name);
            organisation.new_user_state = new.new_user_state.clone();
        }
        self.settings = settings;
    }

    /// The time, after all that fell due by then has been carried out.
    pub(crate) fn settle(&mut self) -> Timestamp {
        let now = self.clock.now();
        loop {
            let row = self.due.first().map(|(at, _, _, _)| *at);
            let schedule = self.schedules.next_due();
            let is_row = row.is_some_and(|row| schedule.is_none_or(|schedule| row <= schedule));
            let Some(at) = if is_row { row } else { schedule }.filter(|at| *at <= now) else { return now };
            if !is_row {
                if let Some(schedule) = self.schedules.pop_due(self.settings.schedules.equal_times) {
                    self.execute_schedule(schedule, at);
                }
            } else if let Some((at, _, job, row)) = self.due.pop_first() {
                self.execute(&job, row, at);
            }
        }
    }

    /// Carries out all rows that wait for their time, in its order, at the present one.
    pub(crate) fn finish_jobs(&mut self) {
        let now = self.settle();
        while let Some((_, _, job, row)) = self.due.pop_first() {
            self.execute(&job, row, now);
        }
    }

    /// An id in the vendor's form, 24 hexadecimal digits, ascending.
    pub(crate) fn new_id(&mut self) -> String {
        let now = self.clock.now().as_second();
        new_id(now, &mut self.counter, &mut self.rng)
    }

    pub(crate) fn add_key(&mut self, organisation: &str, key: &str) -> Result<(), Refused> {
        self.organisation(organisation)?;
        match self
            .keys
            .entry(sha256_hex(key.as_bytes()))
            .or_insert_with(|| Holder::One(organisation.to_owned()))
        {
            Holder::One(owner) if owner == organisation => Ok(()),
            _ => Err(Refused(
                "the key is in use elsewhere: revoke it first, or list it in multi_tenant_keys".to_owned(),
            )),
        }
    }

    /// Whether there was such a key.
    pub(crate) fn revoke_key(&mut self, key: &str) -> bool {
        self.keys.remove(&sha256_hex(key.as_bytes())).is_some()
    }

    fn organisation(&mut self, id: &str) -> Result<&mut Organisation, Refused> {
        self.organisations.get_mut(id).ok_or_else(|| Refused(format!("no organisation has the id {id}")))
    }

    /// Adds a user by hand, in the form of `POST /systemusers`.
    pub(crate) fn add_user(&mut self, organisation: &str, user: &Value) -> Result<String, Refused> {
        self.settle();
        let fields = user.as_object().ok_or_else(|| Refused("a user must be an object".to_owned()))?;
        if let Some(finding) = validate::check(fields, Form::V1Create, &self.settings.validation).any() {
            return Err(Refused(finding));
        }
        if let Some(field) = self.organisation(organisation)?.users.taken(fields, None) {
            return Err(Refused(format!("a user with this {field} already exists")));
        }
        let default = self.organisation(organisation)?.new_user_state.manual_entry.clone();
        let at = self.clock.now();
        self.insert_user(organisation, fields, "jumpcloud:manual", &default, at, Cause::Control)
            .ok_or_else(|| Refused("the organisation is gone".to_owned()))
    }

    /// Makes a user that was checked before.
    pub(crate) fn insert_user(
        &mut self,
        organisation: &str,
        row: &Fields,
        creation_source: &str,
        default_state: &str,
        at: Timestamp,
        by: Cause,
    ) -> Option<String> {
        let id = self.new_id();
        let mut writing = Writing {
            settings: &self.settings.users,
            now: at,
            new_id: &mut || new_id(at.as_second(), &mut self.counter, &mut self.rng),
        };
        let origin = Origin { organisation, creation_source, default_state };
        let user = shape::create(id.clone(), row, &origin, &mut writing);
        let change = change(organisation, &user, row, by);
        self.organisations.get_mut(organisation)?.users.put(user);
        self.ledger.push(at, What::UserCreated(change));
        Some(id)
    }

    /// Changes a user by fields that were checked before.
    pub(crate) fn change_user(
        &mut self,
        organisation: &str,
        id: &str,
        changes: &Fields,
        at: Timestamp,
        by: Cause,
    ) -> Option<()> {
        let mut user = self.organisations.get(organisation)?.users.get(id)?.clone();
        let mut writing = Writing {
            settings: &self.settings.users,
            now: at,
            new_id: &mut || new_id(at.as_second(), &mut self.counter, &mut self.rng),
        };
        shape::apply(&mut user, changes, &mut writing);
        let change = change(organisation, &user, changes, by);
        self.organisations.get_mut(organisation)?.users.put(user);
        self.ledger.push(at, What::UserUpdated(change));
        Some(())
    }

    pub(crate) fn delete_user(
        &mut self,
        organisation: &str,
        id: &str,
        at: Timestamp,
        by: Cause,
    ) -> Option<User> {
        let user = self.organisations.get_mut(organisation)?.users.remove(id)?;
        self.forget_schedules(organisation, id, at, &by);
        self.ledger.push(at, What::UserDeleted(change(organisation, &user, &Fields::new(), by)));
        Some(user)
    }

    /// The organisation that has the user.
    pub(crate) fn home_of(&self, id: &str) -> Option<String> {
        self.organisations
            .values()
            .find(|organisation| organisation.users.get(id).is_some())
            .map(|home| home.id.clone())
    }

    /// Why these fields cannot be written, beyond what the facts table says.
    pub(crate) fn conflict(
        &self,
        organisation: &str,
        fields: &Fields,
        except: Option<&str>,
    ) -> Option<String> {
        let users = &self.organisations.get(organisation)?.users;
        if let Some(field) = users.taken(fields, except) {
            return Some(self.settings.jobs.taken_message.replace("{field}", field));
        }
        let manager = crate::users::text(fields, "manager")?;
        (self.settings.users.manager_must_exist && users.get(manager).is_none())
            .then(|| "manager is invalid: no such user".to_owned())
    }

    /// Everything, for `/_sim/state`.
    pub(crate) fn state(&mut self) -> Value {
        let now = self.settle();
        let organisations: Vec<_> = self
            .organisations
            .values()
            .map(|organisation| {
                json!({
                    "id": organisation.id,
                    "displayName": organisation.display_name,
                    "newUserState": organisation.new_user_state,
                    "users": organisation.users.iter().map(answer::whole).collect::<Vec<_>>(),
                })
            })
            .collect();
        let jobs: Vec<_> = self.jobs.values().map(Job::view).collect();
        let schedules = self.schedules_view();
        json!({"time": clock::iso(now), "organisations": organisations, "jobs": jobs, "schedules": schedules})
    }
}

/// A change by hand that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub(crate) String);

pub(crate) fn milliseconds(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn change(organisation: &str, user: &User, fields: &Fields, by: Cause) -> UserChange {
    UserChange {
        organisation: organisation.to_owned(),
        user_id: user.id.clone(),
        username: user.username().to_owned(),
        fields: fields.keys().cloned().collect(),
        by,
    }
}

fn new_id(seconds: i64, counter: &mut u64, rng: &mut StdRng) -> String {
    *counter += 1;
    let low = rng.random::<u32>() & 0x00ff_ffff;
    format!("{:08x}{:010x}{low:06x}", seconds.clamp(0, 0xffff_ffff), *counter & 0x00ff_ffff_ffff)
}
