//! Who is meant. Status remembers the ids of users, so that an object at rest costs nothing; but whoever may write
//! status may put a stranger's id there.
//!
//! Guarantees: nothing is scheduled, taken over or changed at once for an id that this very pass has not found
//! under what the spec, or the batch that it names, declares. That costs a search of a hundred users in a pass that
//! acts, and nothing in any other.

use std::collections::BTreeMap;

use super::draft;
use super::facts::{BatchFact, Key, Read};
use super::lines::Line;
use super::need::Need;
use super::pass::{Pass, Work};
use crate::api::schedule_status::ScheduledUser;
use crate::users::row::fold;

/// What users need, as far as it is sure who they are.
pub(super) struct Meant {
    /// By id. Who is still to be looked up is among them: to be scheduled, or changed at once.
    pub(super) needs: Vec<(String, Need)>,
    /// Who is to be looked up first, by id, and under what.
    pub(super) unseen: BTreeMap<String, Key>,
    /// The same, of users who need a call.
    pub(super) calls: Vec<Key>,
}

/// What this pass knows of a user that something is to be done for.
enum Who {
    /// Declared, and found under that id.
    Declared,
    /// To be looked up by this first.
    Unseen(Key),
    /// Of the batch, which is to be read first.
    UnseenBatch(String),
    /// Of a batch, which does not say now that it has the user.
    Unsaid,
    /// Not there any more.
    Gone,
    /// Another user than the batch declares.
    Stranger,
}

impl Pass<'_> {
    /// Sorts needs by who is meant; `None` when the batch has to be read before.
    pub(super) fn meant(&mut self, needs: Vec<(String, Need)>, work: &mut Work) -> Option<Meant> {
        let mut meant = Meant { needs: Vec::new(), unseen: BTreeMap::new(), calls: Vec::new() };
        for (id, need) in needs {
            let who = if need.acts() { self.who(&id) } else { Who::Declared };
            match (who, need) {
                (Who::Declared, need) => meant.needs.push((id, need)),
                (Who::Unseen(key), Need::Call(_)) => {
                    work.ready += 1;
                    meant.calls.push(key);
                }
                (Who::Unseen(key), need) => {
                    meant.unseen.insert(id.clone(), key);
                    meant.needs.push((id, if need == Need::Apply { need } else { Need::Post }));
                }
                (Who::UnseenBatch(name), _) => {
                    work.unseen = true;
                    work.read = self.possible(Read::Batch(name));
                    if work.read.is_some() {
                        return None;
                    }
                }
                (Who::Unsaid, _) => {}
                (Who::Gone, _) => draft::not_there(&mut self.status, &id),
                (Who::Stranger, _) => draft::not_meant(&mut self.status, &id),
            }
        }
        Some(meant)
    }

    /// Who is behind an id of status.
    fn who(&self, id: &str) -> Who {
        let mut answer = Who::Unsaid;
        for user in self.status.users.iter().filter(|user| user.id.as_deref() == Some(id)) {
            match (self.who_is(user, id), &answer) {
                (Who::Declared, _) => return Who::Declared,
                // Who may still turn out to be declared is looked up.
                (_, Who::Unseen(_) | Who::UnseenBatch(_)) => {}
                (other, _) => answer = other,
            }
        }
        answer
    }

    fn who_is(&self, user: &ScheduledUser, id: &str) -> Who {
        let Some(row) = user.row else { return self.member(user, id) };
        let row = usize::try_from(row).ok().and_then(|row| self.schedule.desired.rows.get(row));
        let Some(Some(key)) = row else { return Who::Unsaid };
        if matches!(key, Key::Username(name) if self.has_name(id, name)) {
            return Who::Declared;
        }
        match self.facts.found(key) {
            None => Who::Unseen(key.clone()),
            Some(Some(person)) if person.id == id => Who::Declared,
            Some(Some(_)) => Who::Stranger,
            Some(None) => Who::Gone,
        }
    }

    /// A user of the batch: the batch has to have it under this id, and JumpCloud under the batch's name for it.
    fn member(&self, user: &ScheduledUser, id: &str) -> Who {
        let Some(batch) = &self.schedule.desired.batch else { return Who::Unsaid };
        let Some(fact) = &self.facts.batch else { return Who::UnseenBatch(batch.clone()) };
        let (BatchFact::Found(members), Some(name)) = (fact, &user.username) else { return Who::Unsaid };
        let has = members
            .users
            .iter()
            .any(|member| member.id.as_deref() == Some(id) && fold(&member.username) == fold(name));
        if self.is_elsewhere(members) || !has {
            return Who::Unsaid;
        }
        let by_id = Key::Id(id.to_owned());
        match self.facts.found(&by_id) {
            None => Who::Unseen(by_id),
            Some(None) => Who::Gone,
            Some(Some(_)) if self.has_name(id, name) => Who::Declared,
            Some(Some(_)) => Who::Stranger,
        }
    }

    /// Whether this pass has found the user of an id under that name.
    fn has_name(&self, id: &str, name: &str) -> bool {
        let found = self.facts.found(&Key::Id(id.to_owned())).flatten();
        found.is_some_and(|person| fold(&person.username) == fold(name))
    }

    /// Takes in what this pass has found of rows that status knows otherwise.
    pub(super) fn correct(&self, lines: &mut [Line]) {
        for line in lines {
            let found = line.key.as_ref().and_then(|key| self.facts.found(key));
            if let Some(found) = found {
                line.correct(found);
            }
        }
    }
}
