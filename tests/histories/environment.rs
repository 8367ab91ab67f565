//! Everything that happens around the operator: edits, annotations, switches, other people's users,
//! disasters.

use crate::api_server::NAME;
use crate::clock::{Ms, SECOND};
use crate::manifest::{Flaw, Manifest, Row};
use crate::world::{Event, World};

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

/// Something that somebody else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The author adds a row.
    AddRow,
    /// The author changes a row.
    ChangeRow,
    /// The author takes a row off.
    DropRow,
    /// Metadata changes that concern nobody.
    Touch,
    /// Annotation requested-at.
    RequestedAt,
    /// Annotation retry-failed.
    RetryFailed,
    /// `spec.paused`
    Pause(bool),
    /// The connection changes.
    Link(Link),
    /// Others create a user with the username of a row, its e-mail address, or both.
    OthersCreate {
        /// The username is a row's.
        username: bool,
        /// The e-mail address is a row's.
        email: bool,
    },
    /// Others delete a user.
    OthersDelete,
    /// The status gets lost.
    LoseStatus,
    /// The object is deleted.
    Delete,
    /// The object is created again.
    Recreate,
    /// The author restores the rows of users that are there already.
    Mend,
    /// Every process dies and starts again.
    RestartAll,
    /// Every process looks at the object.
    Resync,
}

/// The world around.
#[derive(Debug)]
pub struct Environment {
    /// The connection.
    pub link: Link,
    /// Most jobs at a time.
    pub max_jobs: u32,
    /// What the author has in the file.
    pub manifest: Manifest,
    /// Every row that ever was in it.
    pub rows: Vec<Row>,
    /// When the connection became what.
    pub switches: Vec<(Ms, Link)>,
    counter: u64,
}

impl Environment {
    /// The world around an object of this manifest.
    pub fn of(manifest: Manifest, max_jobs: u32) -> Self {
        Self {
            link: Link::Ready,
            max_jobs,
            rows: manifest.rows.clone(),
            manifest,
            switches: Vec::new(),
            counter: 0,
        }
    }
}

impl World {
    /// Somebody does something.
    pub fn act(&mut self, action: Action) {
        self.trace(|| format!("{action:?}"));
        self.environment.counter += 1;
        let value = format!("{NAME}-{}", self.environment.counter);
        let now = self.now;
        match action {
            Action::AddRow => self.edit(|world, rows| {
                let flaw = world.flaw();
                rows.push(Row::new(world.environment.rows.len() + 1, flaw));
            }),
            Action::ChangeRow => self.edit(|world, rows| {
                if !rows.is_empty() {
                    let at = world.dice.index(rows.len());
                    rows[at].revision = u32::try_from(world.environment.rows.len()).unwrap();
                    rows[at].flaw = world.flaw();
                    if world.dice.chance(200) {
                        rows[at].email = format!("new{}", rows[at].email);
                    }
                }
            }),
            Action::DropRow => self.edit(|world, rows| {
                if rows.len() > 1 {
                    rows.remove(world.dice.index(rows.len()));
                }
            }),
            Action::Mend => self.mend(),
            Action::Touch => self.api.by_author(now, |object| object.other += 1),
            Action::RequestedAt => self.api.by_author(now, |object| object.requested_at = Some(value)),
            Action::RetryFailed => self.api.by_author(now, |object| object.retry_failed = Some(value)),
            Action::Pause(paused) => {
                self.environment.manifest.paused = paused;
                self.api.edit(&self.environment.manifest, now);
            }
            Action::Link(link) => {
                self.environment.link = link;
                self.environment.switches.push((now, link));
            }
            Action::OthersCreate { username, email } => self.others_create(username, email),
            Action::OthersDelete => {
                let present: Vec<usize> = (0..self.jumpcloud.users.len())
                    .filter(|index| self.jumpcloud.users[*index].deleted.is_none())
                    .collect();
                if !present.is_empty() {
                    let index = self.dice.pick(&present);
                    self.jumpcloud.delete(index, now);
                }
            }
            Action::LoseStatus => self.api.lose_status(now),
            Action::Delete => self.api.delete(now),
            Action::Recreate => self.api.create(&self.environment.manifest, now),
            Action::RestartAll => {
                for process in 0..self.processes.len() {
                    if self.processes[process].up {
                        self.crash(process);
                    }
                }
            }
            Action::Resync => {}
        }
        self.notify();
    }

    fn edit(&mut self, change: impl FnOnce(&mut Self, &mut Vec<Row>)) {
        let mut rows = self.environment.manifest.rows.clone();
        change(self, &mut rows);
        let new = rows.iter().filter(|row| !self.environment.rows.contains(row)).cloned().collect::<Vec<_>>();
        self.environment.rows.extend(new);
        self.environment.manifest.rows = rows;
        self.api.edit(&self.environment.manifest, self.now);
    }

    /// What JumpCloud has against a new row.
    pub fn flaw(&mut self) -> Flaw {
        match self.dice.between(0, 19) {
            0 | 1 => Flaw::Invalid,
            2 => Flaw::Poison,
            _ => Flaw::None,
        }
    }

    fn others_create(&mut self, username: bool, email: bool) {
        if self.environment.manifest.rows.is_empty() {
            return;
        }
        let row =
            self.environment.manifest.rows[self.dice.index(self.environment.manifest.rows.len())].clone();
        let name = if username { row.username } else { format!("other{}", self.environment.counter) };
        let address =
            if email { row.email } else { format!("other{}@example.com", self.environment.counter) };
        self.jumpcloud.advance(self.oddity(), &mut self.dice, self.now);
        let visible = self.now + self.dice.between(0, 3 * SECOND);
        self.jumpcloud.by_others(&name, &address, visible, self.now);
    }

    /// Rows of users that are ours become what they were when these users were created.
    fn mend(&mut self) {
        let Some(live) = self.api.live() else { return };
        let known = self.environment.rows.clone();
        self.edit(|_, rows| {
            for entry in &live.status.inventory {
                let applied = known.iter().find(|row| {
                    row.username == entry.username
                        && Manifest { rows: vec![(*row).clone()], ..live.spec.manifest.clone() }
                            .check()
                            .desired
                            .rows[0]
                            .hash
                            == entry.hash
                });
                let Some(applied) = applied else { continue };
                match rows.iter_mut().find(|row| row.username == entry.username) {
                    Some(row) => row.clone_from(applied),
                    None => rows.push(applied.clone()),
                }
            }
        });
    }

    /// Something is going to happen at that time.
    pub fn plan_action(&mut self, at: Ms, action: Action) {
        self.schedule(at - self.now, Event::Act(action));
    }
}
