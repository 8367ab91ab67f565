//! Everything that happens around the operator: edits, annotations, switches, people in the console,
//! disasters.

use std::collections::BTreeSet;

use jumpcloud_operator::api::scheduled_user_state::{DeletionPolicy, MissedPolicy, ScheduledState};
use jumpcloud_operator::plan::policy::Writes;
use jumpcloud_operator::plan::schedule::roster::{Member, Members};

use super::jumpcloud::Gone;
use super::manifest::{By, Change, Manifest, id, username};
use super::world::World;
use crate::clock::{MINUTE, Ms};
use crate::dice::Dice;

/// What a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It can be used.
    Ready,
    /// Nothing may be written through it.
    Paused,
    /// There is none.
    Missing,
    /// It cannot be used.
    NotReady,
    /// A process has not checked it yet.
    Checking,
    /// Another organisation's key is behind it.
    Other,
}

/// An edit of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// A user joins.
    Add,
    /// A user is taken off.
    Drop,
    /// A user is named by something else.
    Rename,
    /// Another instant.
    Start(Ms),
    /// The other state.
    State,
    /// Another policy of deletion.
    Deletion,
    /// Another policy of what is missed.
    Missed,
    /// Suspensions are limited to so many.
    Guard(usize),
    /// `spec.paused`
    Pause(bool),
    /// It cannot be acted on, or can again.
    Spoil(bool),
    /// The rows in another order.
    Reorder,
}

/// Something that somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The author of an object edits its manifest.
    Edit(usize, Edit),
    /// Metadata changes that concern nobody.
    Touch(usize),
    /// Annotation requested-at.
    RequestedAt(usize),
    /// Annotation retry-failed.
    RetryFailed(usize),
    /// The connection changes.
    Link(Link),
    /// The connection protects a user, or nobody.
    Protect(Option<usize>),
    /// The batch has one more user, or one less.
    Batch(usize),
    /// A person deletes an event.
    DeleteEvent,
    /// A person makes an event: that of an object, equal or contradicting.
    MakeEvent {
        /// The same state.
        equal: bool,
    },
    /// A person makes an event under an id that is there already.
    ShareEvent,
    /// Annotation resolve.
    Resolve(usize, Option<&'static str>),
    /// The operator runs with --read-only, or does not: it starts again.
    ReadOnly(bool),
    /// A newer operator adds a record to the object's status, or takes it out.
    Newer(usize, bool),
    /// So many users of the batch are not there yet; so many as there can be: there is no batch.
    Await(Option<usize>),
    /// A process's clock is set: so far ahead is it from now on.
    Clock(usize, Ms),
    /// A user is deleted.
    DeleteUser,
    /// A user that was declared before it was there appears.
    MakeUser,
    /// A person changes the state of a user.
    SetState,
    /// The status gets lost.
    LoseStatus(usize),
    /// The object is deleted.
    Delete(usize),
    /// The object is created, or created again.
    Create(usize),
    /// Every process looks at every object.
    Resync,
}

/// The world around.
#[derive(Debug)]
pub struct Environment {
    /// The connection.
    pub link: Link,
    /// Of the batch, so many users are not there yet; as many as there can be: there is none.
    pub awaited: Option<usize>,
    /// When somebody gave up requests of unknown outcome.
    pub abandoned: Vec<Ms>,
    /// Most jobs at a time.
    pub max_jobs: usize,
    /// Globs of protected usernames.
    pub protected: Vec<String>,
    /// What authors have in their files.
    pub manifests: [Manifest; 2],
    /// Users of the batch.
    pub batch: BTreeSet<usize>,
    /// Users that were ever protected, deleted, or whose events or states others have changed, with when.
    pub touched: Vec<(Ms, usize)>,
    /// Users that everything is about: their numbers are from 1 to this.
    pub users: usize,
    /// What others do depends on nothing else.
    pub dice: Dice,
    counter: u64,
}

impl Environment {
    /// The world around these manifests.
    pub fn of(manifests: [Manifest; 2], users: usize, dice: Dice) -> Self {
        Self {
            link: Link::Ready,
            awaited: None,
            abandoned: Vec::new(),
            max_jobs: 3,
            protected: Vec::new(),
            manifests,
            batch: BTreeSet::new(),
            touched: Vec::new(),
            users,
            dice,
            counter: 0,
        }
    }

    /// The users of the batch.
    pub fn members(&self) -> Members {
        let users =
            self.batch.iter().map(|number| Member { username: username(*number), id: Some(id(*number)) });
        Members {
            users: users.collect(),
            awaiting: self.awaited.unwrap_or_default(),
            organization: Some("org".to_owned()),
        }
    }

    /// A row for a user.
    pub fn row(&mut self, number: usize) -> (usize, By) {
        (number, self.dice.pick(&[By::Id, By::Username, By::Username, By::Email]))
    }
}

impl Manifest {
    /// What is edited.
    fn edit(&mut self, edit: Edit, world: &mut Environment) {
        match edit {
            Edit::Add => {
                let free: Vec<usize> = (1..=world.users).filter(|number| !self.names(*number)).collect();
                if !free.is_empty() {
                    let number = world.dice.pick(&free);
                    let row = world.row(number);
                    self.users.push(row);
                }
            }
            Edit::Drop if self.users.len() > 1 => {
                let index = world.dice.index(self.users.len());
                self.users.remove(index);
            }
            Edit::Rename => {
                let index = world.dice.index(self.users.len());
                self.users[index] = world.row(self.users[index].0);
            }
            Edit::Start(start) => self.change.1 = start,
            Edit::State => {
                self.change.0 = match self.change.0 {
                    ScheduledState::Activated => ScheduledState::Suspended,
                    ScheduledState::Suspended => ScheduledState::Activated,
                };
            }
            Edit::Deletion => {
                self.deletion = world.dice.pick(&[
                    DeletionPolicy::Cancel,
                    DeletionPolicy::CancelAll,
                    DeletionPolicy::Retain,
                ]);
            }
            Edit::Missed => {
                self.missed =
                    world.dice.pick(&[MissedPolicy::Fail, MissedPolicy::ApplyNow, MissedPolicy::Skip]);
            }
            Edit::Guard(max_users) => self.max_users = max_users,
            Edit::Pause(paused) => self.paused = paused,
            Edit::Spoil(spoilt) => self.spoilt = spoilt,
            Edit::Reorder => self.users.reverse(),
            Edit::Drop => {}
        }
    }
}

impl World {
    /// Somebody does something.
    pub fn act(&mut self, action: Action) {
        self.trace(|| format!("{action:?}"));
        self.environment.counter += 1;
        let value = format!("value-{}", self.environment.counter);
        let now = self.now;
        self.jumpcloud.advance(now);
        match action {
            Action::Edit(place, edit) => {
                let mut manifest = self.environment.manifests[place].clone();
                manifest.edit(edit, &mut self.environment);
                self.trace(|| {
                    let Manifest { users, change, deletion, missed, paused, max_users, .. } = &manifest;
                    format!("    {place} is {users:?} {change:?} {deletion:?} {missed:?} paused {paused} max {max_users}")
                });
                // What is being deleted is not edited.
                if self.api.live(place).is_some_and(|live| live.deleted.is_none()) {
                    self.api.edit(place, &manifest, now);
                }
                self.environment.manifests[place] = manifest;
            }
            Action::Touch(place) => self.api.by_author(place, now, |object| object.other += 1),
            Action::RequestedAt(place) => {
                self.api.by_author(place, now, |object| object.requested_at = Some(value));
            }
            Action::RetryFailed(place) => {
                self.api.by_author(place, now, |object| object.retry_failed = Some(value));
            }
            Action::Link(link) => {
                self.environment.link = link;
            }
            Action::Resolve(place, how) => {
                if how == Some("abandon") {
                    self.environment.abandoned.push(now);
                }
                self.api.by_author(place, now, |object| object.resolve = how.map(str::to_owned));
            }
            Action::ReadOnly(yes) => {
                let writes = if yes { Writes::Forbidden } else { Writes::Allowed };
                if writes != self.policy.writes {
                    self.policy.writes = writes;
                    for process in 0..self.processes.len() {
                        if self.processes[process].up {
                            self.crash(process);
                        }
                    }
                }
            }
            Action::Newer(place, there) => self.api.by_newer(place, there, now),
            Action::Await(awaited) => self.environment.awaited = awaited,
            Action::Clock(process, ahead) => self.processes[process].skew = ahead,
            Action::Protect(number) => {
                self.environment.protected = number.map(username).into_iter().collect();
                self.environment.touched.extend(number.map(|number| (now, number)));
            }
            Action::Batch(number) => {
                if !self.environment.batch.remove(&number) {
                    self.environment.batch.insert(number);
                }
            }
            Action::DeleteEvent => {
                let listed: Vec<usize> = (0..self.jumpcloud.events.len())
                    .filter(|index| self.jumpcloud.events[*index].is_listed())
                    .collect();
                if !listed.is_empty() {
                    let index = self.environment.dice.pick(&listed);
                    let job_id = self.jumpcloud.events[index].job_id.clone();
                    for event in self.jumpcloud.events.iter_mut().filter(|event| event.job_id == job_id) {
                        event.gone.get_or_insert((now, Gone::Deleted));
                        self.environment.touched.push((now, event.user));
                    }
                }
                return;
            }
            Action::MakeEvent { equal } => {
                let place = self.environment.dice.index(self.profile.objects);
                let (state, at): Change = self.environment.manifests[place].change;
                let number = self.environment.dice.index(self.environment.users) + 1;
                let other = match state {
                    ScheduledState::Activated => ScheduledState::Suspended,
                    ScheduledState::Suspended => ScheduledState::Activated,
                };
                if at > now + MINUTE {
                    self.jumpcloud.by_hand(number, (if equal { state } else { other }, at), now);
                    self.environment.touched.push((now, number));
                }
                return;
            }
            Action::ShareEvent => {
                let listed = self.jumpcloud.events.iter().filter(|event| event.is_listed());
                let listed: Vec<_> = listed.map(|event| (event.job_id.clone(), event.change)).collect();
                if !listed.is_empty() {
                    let (job_id, change) = listed[self.environment.dice.index(listed.len())].clone();
                    let number = self.environment.dice.index(self.environment.users) + 1;
                    let mut same = self.jumpcloud.events.iter().filter(|event| event.job_id == job_id);
                    if same.any(|event| event.user == number) {
                        return;
                    }
                    self.jumpcloud.by_hand_under(job_id, number, change, now);
                    self.environment.touched.push((now, number));
                }
                return;
            }
            Action::DeleteUser => {
                let number = self.environment.dice.index(self.environment.users) + 1;
                self.jumpcloud.delete_user(number, now);
                self.environment.touched.push((now, number));
                return;
            }
            Action::MakeUser => {
                for user in &mut self.jumpcloud.users {
                    if user.created > now {
                        user.created = now;
                        self.environment.touched.push((now, user.number));
                    }
                }
                return;
            }
            Action::SetState => {
                let number = self.environment.dice.index(self.environment.users) + 1;
                let state =
                    self.environment.dice.pick(&[ScheduledState::Activated, ScheduledState::Suspended]);
                self.jumpcloud.set(number, state, now);
                self.environment.touched.push((now, number));
                return;
            }
            Action::LoseStatus(place) => self.api.lose_status(place, now),
            Action::Delete(place) => self.api.delete(place, now),
            Action::Create(place) => {
                if self.api.live(place).is_none() {
                    self.api.create(place, &self.environment.manifests[place], now);
                }
            }
            Action::Resync => {}
        }
        self.notify();
    }
}
