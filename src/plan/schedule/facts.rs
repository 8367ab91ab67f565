//! What one pass over a schedule has learned. Lives for the pass only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::roster::Members;
use crate::api::scheduled_user_state::ScheduledState;
use crate::plan::claims::Holder;
use crate::plan::facts::{
    ConnectionFact, FailedRead, JobAnswer, Notes as Common, Outcome, Repaired, Row, Slot,
};
use crate::users::row::fold;

/// Answers of this pass, and notes of this process.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The connection, once it was asked for.
    pub connection: Option<ConnectionFact>,
    /// Whether a job may be started, once it was asked for.
    pub slot: Option<Slot>,
    /// The batch that the users come from, once it was asked for.
    pub batch: Option<BatchFact>,
    /// Users looked up.
    pub users: BTreeMap<Key, Look>,
    /// Events around an instant.
    pub events: BTreeMap<Timestamp, EventsLook>,
    /// Results read, by job id.
    pub jobs: BTreeMap<String, JobAnswer>,
    /// Reads that failed in this pass are not tried again in it.
    pub failed: BTreeMap<Read, FailedRead>,
    /// The submission whose intent this pass has committed and not yet sent.
    pub armed: Option<String>,
    /// Outcomes of requests sent in this pass, by nonce.
    pub deliveries: BTreeMap<String, Outcome>,
    /// What came of calls in this pass.
    pub called: BTreeMap<Call, Repaired>,
    /// What other objects say about users and events of this one.
    pub claims: Claims,
    /// Globs of usernames that the connection protects.
    pub protected: Vec<String>,
    /// Who this pass has found under each key. A write of ours changes nothing about that, so it outlives looks.
    people: BTreeMap<Key, Option<Person>>,
    /// A nonce that no submission has yet.
    pub fresh_nonce: String,
    /// Advisory memory of this process.
    pub notes: Notes,
    /// When events and states were read before the looks that are known now: whether a look is due is not
    /// changed by making it.
    before: Before,
    answers: u64,
}

/// When events were listed, states read, and users looked for.
type Before = (Option<Timestamp>, Option<Timestamp>, Option<Timestamp>);

/// Something to be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// The connection: is it Ready, with the credential as it is now. While the object is being deleted, the
    /// credential that was last known good serves as well.
    Connection,
    /// A slot for one job.
    Slot,
    /// The `JumpCloudUserBatch` of this name, from the API server.
    Batch(String),
    /// Users, as many as one search holds.
    Users(Vec<Key>),
    /// Events around an instant.
    Events(EventsWanted),
    /// Results of a job.
    Job {
        /// JumpCloud's id.
        job_id: String,
        /// Rows sent: reading stops when as many were seen.
        rows: usize,
    },
}

/// Which events are asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventsWanted {
    /// The instant. Events within a minute of it are wanted: JumpCloud may cut seconds off.
    pub time: Timestamp,
    /// The state that is asked about.
    pub state: ScheduledState,
    /// The users that are asked about, by id.
    pub users: Vec<String>,
    /// Every event around the instant is wanted, whoever's it is: it tells who shares a job id. Many pages
    /// are read for it.
    pub whole: bool,
}

/// A user as it is looked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// By JumpCloud's id.
    Id(String),
    /// By username, as declared.
    Username(String),
    /// By e-mail address, as declared.
    Email(String),
}

impl Key {
    /// Whether two keys look for the same user by the same thing.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Id(one), Self::Id(two)) => one == two,
            (Self::Username(one), Self::Username(two)) => fold(one) == fold(two),
            (Self::Email(one), Self::Email(two)) => one.to_lowercase() == two.to_lowercase(),
            _ => false,
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => f.debug_tuple("Id").field(id).finish(),
            Self::Username(name) => f.debug_tuple("Username").field(name).finish(),
            Self::Email(_) => f.debug_tuple("Email").finish_non_exhaustive(),
        }
    }
}

/// What a search said about one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// When the answer came.
    pub at: Timestamp,
    /// Order among the answers of this pass.
    pub order: u64,
    /// The user, if there is one.
    pub found: Option<Person>,
}

/// A user as JumpCloud has it, as far as schedules need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// JumpCloud's id.
    pub id: String,
    /// Username.
    pub username: String,
    /// State, in JumpCloud's word.
    pub state: Option<String>,
}

/// Events around an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsLook {
    /// When the answer came.
    pub at: Timestamp,
    /// Order among the answers of this pass.
    pub order: u64,
    /// Whether every event around the instant is here, whoever's it is.
    pub whole: bool,
    /// Whether every event was asked for: when not all are here, they could not be had.
    pub thorough: bool,
    /// Users of whom every event that was asked about is here, when not all are.
    pub covered: BTreeSet<String>,
    /// The events.
    pub rows: Vec<Listed>,
}

impl EventsLook {
    /// Whether what is not here of this user does not exist.
    #[must_use]
    pub fn knows(&self, user: &str) -> bool {
        self.whole || self.covered.contains(user)
    }
}

/// An event that JumpCloud lists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// JumpCloud's id of the scheduled job.
    pub job_id: String,
    /// JumpCloud's id of the user.
    pub user_id: String,
    /// The state that it leads to; `None` for a word that is not known.
    pub state: Option<ScheduledState>,
    /// When, as JumpCloud keeps it.
    pub time: Option<Timestamp>,
}

/// The batch that users come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchFact {
    /// There is none of that name.
    Missing,
    /// Its users.
    Found(Members),
}

/// One request that may be repeated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Deletes the events with this id; that there are none is no failure.
    Cancel {
        /// JumpCloud's id of the scheduled job.
        job_id: String,
    },
    /// Sets the state of a user at once.
    SetState {
        /// JumpCloud's id.
        id: String,
        /// The state.
        state: ScheduledState,
    },
    /// Activates a user at once, and says what is to be mailed: [`super::desired::Desired::mail`].
    Activate {
        /// JumpCloud's id.
        id: String,
    },
}

/// What other objects of the same organisation say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// By JumpCloud's id of a user: another object that schedules the same state at the same instant.
    pub rivals: BTreeMap<String, Rival>,
    /// Events, as job id and user id, that other objects have recorded as theirs.
    pub recorded: BTreeSet<(String, String)>,
    /// Listed events that another object may be making right now, because its request for the user is open; and
    /// whether that object is older.
    pub sending: BTreeMap<(String, String), bool>,
}

impl Claims {
    /// Whether another object has recorded an event as its own.
    #[must_use]
    pub fn has_recorded(&self, event: &Listed) -> bool {
        self.recorded.contains(&(event.job_id.clone(), event.user_id.clone()))
    }

    /// Whether another object has recorded an event as its own, or may just be making it.
    #[must_use]
    pub fn is_anothers(&self, event: &Listed) -> bool {
        self.has_recorded(event) || self.sending.contains_key(&(event.job_id.clone(), event.user_id.clone()))
    }

    /// Whether an older object may have made an event: its request for the user has no answer yet.
    #[must_use]
    pub fn is_of_older(&self, event: &Listed) -> bool {
        self.sending.get(&(event.job_id.clone(), event.user_id.clone())).copied().unwrap_or_default()
    }

    /// Whether an older object schedules the same change of the user.
    #[must_use]
    pub fn gives_way(&self, user: &str) -> bool {
        self.rivals.get(user).is_some_and(|rival| rival.older)
    }

    /// Whether an older object has an event for the same change of the user.
    #[must_use]
    pub fn is_served(&self, user: &str) -> bool {
        self.rivals.get(user).is_some_and(|rival| rival.older && rival.holds)
    }
}

/// Another object that schedules the same change of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// Whose it is, as far as this object may know.
    pub holder: Holder,
    /// Whether it is older: by creationTimestamp, then namespace/name.
    pub older: bool,
    /// Whether it has an event recorded for the user.
    pub holds: bool,
}

/// What this process remembers between passes. Advice only.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// What passes of every kind remember.
    pub common: Common,
    /// When events were last read for this object by this process.
    pub listed: Option<Timestamp>,
    /// When states of users were last read for this object by this process.
    pub seen: Option<Timestamp>,
    /// When users were last looked for for this object by this process, by whatever.
    pub searched: Option<Timestamp>,
    /// When this process first made a pass over this object.
    pub since: Timestamp,
    /// How long ago, on the monotonic clock, this process first saw that the object is being deleted. Time
    /// in which its connection is paused does not count.
    pub deleting_for: Duration,
}

impl Notes {
    /// When events were listed, states read, and users looked for.
    fn before(&self) -> Before {
        (self.listed, self.seen, self.searched)
    }
}

impl Facts {
    /// Nothing is known yet but what the process remembers.
    #[must_use]
    pub fn begin(notes: Notes, fresh_nonce: String) -> Self {
        let before = notes.before();
        Self { notes, fresh_nonce, before, ..Self::default() }
    }

    /// When events were read last, apart from what is known now.
    #[must_use]
    pub fn listed_before(&self) -> Option<Timestamp> {
        self.before.0
    }

    /// When users were looked for last, apart from what is known now.
    #[must_use]
    pub fn searched_before(&self) -> Option<Timestamp> {
        self.before.2
    }

    /// Who this pass has found under a key, or that there is nobody; `None` when it has not looked. The state may
    /// have changed since.
    #[must_use]
    pub fn found(&self, key: &Key) -> Option<Option<&Person>> {
        self.people.get(key).map(Option::as_ref)
    }

    /// When states were read last, apart from what is known now.
    #[must_use]
    pub fn seen_before(&self) -> Option<Timestamp> {
        self.before.1
    }

    /// Takes in the answer to a search for `keys`: who was not found does not exist.
    pub fn looked_up(&mut self, found: Vec<(Key, Option<Person>)>, at: Timestamp) {
        let order = self.next();
        self.notes.searched = Some(at);
        if found.iter().any(|(key, _)| matches!(key, Key::Id(_))) {
            self.notes.seen = Some(at);
        }
        for (key, found) in found {
            self.people.insert(key.clone(), found.clone());
            self.users.insert(key, Look { at, order, found });
        }
    }

    /// Takes in the events that were `wanted`. An answer about some users is added to what is known of others.
    pub fn listed(
        &mut self,
        wanted: &EventsWanted,
        rows: Vec<Listed>,
        whole: bool,
        covered: BTreeSet<String>,
        at: Timestamp,
    ) {
        let order = self.next();
        let look = EventsLook { at, order, whole, thorough: wanted.whole, covered, rows };
        self.notes.listed = Some(at);
        match self.events.get_mut(&wanted.time) {
            Some(known) if !whole && !known.whole => {
                known.thorough |= look.thorough;
                known.covered.extend(look.covered);
                for row in look.rows {
                    if !known.rows.contains(&row) {
                        known.rows.push(row);
                    }
                }
                // The older of the two counts.
            }
            _ => drop(self.events.insert(wanted.time, look)),
        }
    }

    /// Takes in the results of a job of so many members; `None` when JumpCloud does not know it (any more).
    pub fn polled(&mut self, job_id: &str, rows: Option<Vec<Row>>, members: usize, at: Timestamp) {
        let order = self.next();
        let answer = JobAnswer { at, order, rows };
        self.notes.common.polled(job_id, &answer, members);
        self.jobs.insert(job_id.to_owned(), answer);
    }

    /// Takes in what came of a call. What was known of its user is outdated.
    pub fn called(&mut self, call: Call, outcome: Repaired) {
        match &call {
            Call::Cancel { .. } => {}
            Call::SetState { id, .. } | Call::Activate { id } => {
                self.users.remove(&Key::Id(id.clone()));
            }
        }
        self.called.insert(call, outcome);
    }

    /// Takes in that a status was written, with or without an intent of that nonce. Looks from before are
    /// used up.
    pub fn committed(&mut self, armed: Option<String>, fresh_nonce: String) {
        self.events.clear();
        self.users.clear();
        self.called.clear();
        self.before = self.notes.before();
        self.armed = armed;
        self.fresh_nonce = fresh_nonce;
    }

    fn next(&mut self) -> u64 {
        self.answers += 1;
        self.answers
    }
}
