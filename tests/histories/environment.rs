//! Everything that happens around the operator: edits, annotations, switches, other people's users,
//! disasters.

use jumpcloud_operator::plan::policy::Writes;
use serde_json::{Value, json};

use crate::api_server::NAME;
use crate::clock::{Ms, SECOND};
use crate::dice::Dice;
use crate::manifest::{Manifest, Row};
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

/// An edit of the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// A new user.
    AddRow,
    /// Another department.
    ChangeRow,
    /// Another value of a field, or a first one.
    DeclareField,
    /// A field is left to others.
    LeaveField,
    /// A field is emptied.
    ClearField,
    /// Another e-mail address.
    ChangeEmail,
    /// A row as it was at some earlier time.
    Revert,
    /// A row is taken off.
    DropRow,
    /// A row that was taken off is back.
    ReturnRow,
    /// A user is given another username and keeps its e-mail address.
    Rename,
    /// The rows in another order.
    Reorder,
    /// Another batch size.
    Resize,
    /// A row that is there is there twice, or no longer.
    Spoil(bool),
    /// What JumpCloud has against rows is put right.
    Mend,
}

/// Something that somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The author edits the manifest.
    Edit(Edit),
    /// Metadata changes that concern nobody.
    Touch,
    /// Annotation requested-at.
    RequestedAt,
    /// Annotation retry-failed.
    RetryFailed,
    /// Annotation resolve.
    Resolve(Option<&'static str>),
    /// `spec.paused`
    Pause(bool),
    /// The connection changes.
    Link(Link),
    /// The connection protects users, or does not.
    Protect(bool),
    /// The operator runs with --read-only, or does not: it starts again.
    ReadOnly(bool),
    /// Others create a user with the username of a row, its e-mail address, or both.
    OthersCreate {
        /// The username is a row's.
        username: bool,
        /// The e-mail address is a row's.
        email: bool,
    },
    /// Others delete a user.
    OthersDelete,
    /// Others change a field of a user.
    OthersEdit,
    /// Others change the state of a user.
    OthersState,
    /// The status gets lost.
    LoseStatus,
    /// The object is deleted.
    Delete,
    /// The object is created again.
    Recreate,
    /// A newer operator adds a record to the status, or takes it out.
    Newer(bool),
    /// A process's clock is set: so far ahead is it from now on.
    Clock(usize, Ms),
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
    /// Globs of protected usernames.
    pub protected: Vec<String>,
    /// What the author has in the file.
    pub manifest: Manifest,
    /// Every row that ever was in it.
    pub rows: Vec<Row>,
    /// When the connection became what.
    pub switches: Vec<(Ms, Link)>,
    /// When the operator was started with --read-only, or without.
    pub restricted: Vec<(Ms, bool)>,
    /// When annotation resolve was set to what.
    pub resolved: Vec<(Ms, &'static str)>,
    /// What authors do depends on nothing else.
    dice: Dice,
    counter: u64,
}

impl Environment {
    /// The world around an object of this manifest.
    pub fn of(manifest: Manifest, max_jobs: u32, dice: Dice) -> Self {
        Self {
            link: Link::Ready,
            max_jobs,
            protected: Vec::new(),
            rows: manifest.rows.clone(),
            manifest,
            switches: Vec::new(),
            restricted: Vec::new(),
            resolved: Vec::new(),
            dice,
            counter: 0,
        }
    }

    /// The number of users that were ever declared, and one.
    pub fn next_number(&self) -> usize {
        self.rows
            .iter()
            .filter_map(|row| row.username.strip_prefix("user")?.parse::<usize>().ok())
            .max()
            .unwrap_or(0)
            + 1
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
            Action::Edit(edit) => self.author(edit),
            Action::Touch => self.api.by_author(now, |object| object.other += 1),
            Action::RequestedAt => self.api.by_author(now, |object| object.requested_at = Some(value)),
            Action::RetryFailed => self.api.by_author(now, |object| object.retry_failed = Some(value)),
            Action::Resolve(how) => {
                self.environment.resolved.extend(how.map(|how| (now, how)));
                self.api.by_author(now, |object| object.resolve = how.map(str::to_owned));
            }
            Action::Pause(paused) => {
                self.environment.manifest.paused = paused;
                self.api.edit(&self.environment.manifest, now);
            }
            Action::Link(link) => {
                self.environment.link = link;
                self.environment.switches.push((now, link));
            }
            Action::Protect(yes) => {
                let globs = if yes { vec!["user1*".to_owned(), "*2".to_owned()] } else { Vec::new() };
                self.environment.protected = globs;
            }
            Action::ReadOnly(yes) => {
                let writes = if yes { Writes::Forbidden } else { Writes::Allowed };
                if writes != self.policy.writes {
                    self.policy.writes = writes;
                    self.environment.restricted.push((now, yes));
                    self.restart_all();
                }
            }
            Action::OthersCreate { username, email } => self.others_create(username, email),
            Action::OthersDelete => {
                if let Some(index) = self.anybody() {
                    self.jumpcloud.delete(index, now);
                }
            }
            Action::OthersEdit => self.others_edit(),
            Action::OthersState => {
                if let Some(index) = self.anybody() {
                    let set = json!({"state": self.dice.pick(&["ACTIVATED", "SUSPENDED"])});
                    self.jumpcloud.edit(index, set.as_object().unwrap(), now);
                }
            }
            Action::LoseStatus => self.api.lose_status(now),
            Action::Delete => self.api.delete(now),
            Action::Recreate => self.api.create(&self.environment.manifest, now),
            Action::Newer(there) => self.api.by_newer(there, now),
            Action::Clock(process, ahead) => self.processes[process].skew = ahead,
            Action::RestartAll => self.restart_all(),
            Action::Resync => {}
        }
        self.notify();
    }

    fn restart_all(&mut self) {
        for process in 0..self.processes.len() {
            if self.processes[process].up {
                self.crash(process);
            }
        }
    }

    fn author(&mut self, edit: Edit) {
        let mut rows = self.environment.manifest.rows.clone();
        let known = self.environment.rows.clone();
        let number = self.environment.next_number();
        let environment = &mut self.environment;
        environment.counter += 1;
        let revision = u32::try_from(environment.counter).unwrap();
        let dice = &mut environment.dice;
        let at = dice.index(rows.len().max(1));
        match edit {
            Edit::AddRow => {
                let row = Row::new(number, dice.flaw()).with_fields(dice, &rows);
                rows.push(row);
            }
            Edit::ChangeRow => {
                rows[at].revision = revision;
                rows[at].flaw = dice.flaw();
            }
            Edit::DeclareField | Edit::LeaveField | Edit::ClearField => {
                let name = dice.field();
                let others = rows.clone();
                match edit {
                    Edit::DeclareField => rows[at].declare(&name, dice, &others),
                    Edit::ClearField if name != "state" => rows[at].clear(&name),
                    _ => rows[at].leave(&name),
                }
            }
            Edit::ChangeEmail => rows[at].email = format!("new{}", rows[at].email),
            Edit::Revert => {
                let earlier: Vec<_> = known.iter().filter(|row| row.username == rows[at].username).collect();
                let email = |row: &Row| row.email.to_lowercase();
                let row = earlier[dice.index(earlier.len())];
                let free = rows.iter().enumerate().all(|(i, other)| i == at || email(other) != email(row));
                if free {
                    rows[at] = row.clone();
                }
            }
            Edit::DropRow => {
                if rows.len() > 1 {
                    rows.remove(at);
                }
            }
            Edit::ReturnRow => {
                let is_off = |row: &&Row| {
                    !rows.iter().any(|other| {
                        other.username == row.username || other.email.eq_ignore_ascii_case(&row.email)
                    })
                };
                let off: Vec<Row> = known.iter().filter(is_off).cloned().collect();
                if !off.is_empty() {
                    rows.push(off[dice.index(off.len())].clone());
                }
            }
            Edit::Rename => rows[at].username = format!("renamed{revision}"),
            Edit::Reorder => rows.rotate_left(at),
            Edit::Resize => environment.manifest.batch_size = dice.pick(&[1, 2, 3, 5]),
            Edit::Spoil(true) => {
                let double = Row { more: serde_json::Map::new(), ..rows[at].clone() };
                if rows
                    .iter()
                    .all(|row| rows.iter().filter(|other| other.username == row.username).count() < 2)
                {
                    rows.push(double);
                }
            }
            Edit::Spoil(false) => without_doubles(&mut rows),
            Edit::Mend => {
                for row in rows.iter_mut().filter(|row| row.flaw != crate::manifest::Flaw::None) {
                    row.flaw = crate::manifest::Flaw::None;
                    row.revision = revision;
                }
            }
        }
        let new = rows.iter().filter(|row| !known.contains(row)).cloned().collect::<Vec<_>>();
        self.environment.rows.extend(new);
        self.environment.manifest.rows = rows;
        self.api.edit(&self.environment.manifest, self.now);
    }

    fn others_create(&mut self, username: bool, email: bool) {
        let row =
            self.environment.manifest.rows[self.dice.index(self.environment.manifest.rows.len())].clone();
        let name = if username { row.username } else { format!("other{}", self.environment.counter) };
        let address =
            if email { row.email } else { format!("other{}@example.com", self.environment.counter) };
        self.jumpcloud.advance(self.oddity(), &mut self.dice, self.now);
        let visible = self.now + self.dice.between(0, 3 * SECOND);
        self.jumpcloud.by_others(&name, &address, visible, self.now);
    }

    /// Others change what is declared, what is not, and attributes of both kinds.
    fn others_edit(&mut self) {
        let Some(index) = self.anybody() else { return };
        let number = self.dice.between(1, 9);
        let attribute = self.dice.pick(&["team", "hand"]);
        let mut attributes: Vec<Value> = self.jumpcloud.users[index]
            .fields
            .get("attributes")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        attributes.retain(|item| item["name"] != attribute);
        attributes.push(json!({"name": attribute, "value": format!("by hand {number}")}));
        let set = self.dice.pick(&["location", "company", "attributes"]);
        let set = match set {
            "attributes" => json!({"attributes": attributes}),
            name => json!({name: format!("By hand {number}")}),
        };
        self.jumpcloud.edit(index, set.as_object().unwrap(), self.now);
    }

    /// Any user that is there.
    fn anybody(&mut self) -> Option<usize> {
        self.jumpcloud.advance(self.oddity(), &mut self.dice, self.now);
        let users = &self.jumpcloud.users;
        let present: Vec<usize> = (0..users.len()).filter(|index| users[*index].deleted.is_none()).collect();
        (!present.is_empty()).then(|| self.dice.pick(&present))
    }

    /// Something is going to happen at that time.
    pub fn plan_action(&mut self, at: Ms, action: Action) {
        self.schedule(at - self.now, Event::Act(action));
    }
}

fn without_doubles(rows: &mut Vec<Row>) {
    let mut seen = Vec::new();
    rows.retain(|row| {
        let names = [row.username.clone(), row.email.to_lowercase()];
        let new = !names.iter().any(|name| seen.contains(name));
        seen.extend(names);
        new
    });
}
