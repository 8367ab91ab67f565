//! What a recorded request needs next: the rules of "settle unknown" and "results".
//!
//! Guarantees: nothing here sends anything. A request whose outcome is unknown is settled by looking
//! its members up, never by sending it again; it counts as unknown until evidence says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::applied::{Applied, How};
use super::facts::{By, Facts, Live, Outcome, Read, UserKey};
use super::identity::identity;
use super::job;
use super::messages;
use super::policy::{Policy, before};
use crate::api::submission::{Operation, Phase, Submission};
use crate::api::user_status::reason;
use crate::users::row::{DesiredRow, fold};

/// How much earlier than its intent a user may seem to be created: clocks differ.
pub const CLOCK_SKEW: Duration = Duration::from_secs(15 * 60);

/// What a submission needs next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Something must be read.
    Read(Read),
    /// Nothing before this time.
    Wait(Timestamp),
    /// The record changes.
    Replace(Box<Submission>),
    /// Every member has a result: the record dissolves.
    Settle(Vec<Settled>),
    /// JumpCloud refuses something in it: two halves take its place.
    Split(Box<[Submission; 2]>),
}

/// The result of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The username as sent.
    pub username: String,
    /// Hash of the row as sent.
    pub hash: String,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a user that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Exists and is ours.
    Created {
        /// The user as found.
        id: String,
        /// JumpCloud's state.
        live_state: Option<String>,
        /// Found after an unknown outcome, not by a job's result.
        after_unknown: bool,
        /// How much of the row the user has.
        applied: Applied,
    },
    /// Was ours before, and the update is over.
    Updated {
        /// JumpCloud's id.
        id: String,
        /// JumpCloud's state.
        live_state: Option<String>,
        /// How much of the row the user has.
        applied: Applied,
    },
    /// Was ours and is gone.
    Vanished,
    /// Exists and is not ours.
    Conflict,
    /// Exists, and another object has it or has a request with it under way.
    Elsewhere {
        /// Which one, as far as that may be said.
        message: String,
        /// Whether this request may have made it all the same.
        may_be_ours: bool,
    },
    /// Does not exist.
    Failed {
        /// One of the reasons of a user.
        reason: &'static str,
        /// In JumpCloud's words where it has any; not yet cleaned.
        message: String,
        /// Whether it may pass by itself.
        may_pass: bool,
        /// Whether the user may still appear because of this request.
        may_appear: bool,
    },
    /// Two looks missed it after an unknown outcome.
    Lost,
    /// Was ours before, and does not have the values of an update of unknown outcome.
    Unanswered,
    /// The request was refused before anything happened; no attempt is used up.
    Released,
}

/// What is known besides the record itself.
pub struct Context<'a> {
    /// Answers of this pass.
    pub facts: &'a Facts,
    /// Settings of the process.
    pub policy: &'a Policy,
    /// How long a job may take.
    pub job_timeout: Duration,
    /// What is declared now, by folded username.
    pub declared: &'a BTreeMap<String, Declared<'a>>,
    /// Since when users may be ours from earlier requests, by folded username.
    pub evidence: &'a BTreeMap<String, Timestamp>,
    /// Somebody asked to look now.
    pub urgent: bool,
    /// Now.
    pub now: Timestamp,
}

/// A row as it is declared now, with what comparing it to a user needs.
#[derive(Debug, Clone)]
pub struct Declared<'a> {
    /// The row.
    pub row: &'a DesiredRow,
    /// The manager's id, where it is known without asking.
    pub manager: Option<String>,
    /// The declared state that was applied last.
    pub applied_state: Option<&'a str>,
}

impl Fate {
    /// Whether the user is as it was sent.
    #[must_use]
    pub fn is_success(&self) -> bool {
        match self {
            Self::Created { applied, .. } | Self::Updated { applied, .. } => {
                !matches!(applied.how, How::NotTaken(_))
            }
            Self::Vanished
            | Self::Conflict
            | Self::Elsewhere { .. }
            | Self::Failed { .. }
            | Self::Lost
            | Self::Unanswered
            | Self::Released => false,
        }
    }
}

impl Submission {
    /// Decides. Pure.
    #[must_use]
    pub fn next(&self, context: &Context<'_>) -> Next {
        if let Some(next) = self.delivered(context.facts) {
            return next;
        }
        match (self.phase, &self.job_id, self.accept_time) {
            (Phase::Accepted, Some(job_id), Some(accepted)) => job::next(self, job_id, accepted, context),
            _ => match self.operation {
                Operation::Create => self.next_unknown(context),
                Operation::Update | Operation::Schedule => self.next_unknown_update(context),
            },
        }
    }

    /// What this pass learned by sending it, if that decides. Needs nothing of the connection: a
    /// refusal is recorded also when the credential was refused with it.
    #[must_use]
    pub fn delivered(&self, facts: &Facts) -> Option<Next> {
        match facts.deliveries.get(&self.nonce)? {
            Outcome::Refused { .. } => Some(Next::Settle(self.all(|_, _| Fate::Released))),
            Outcome::Rejected { .. } if self.members.len() > 1 => {
                let (half, all) = (self.members.len().div_ceil(2), self.members.len());
                Some(Next::Split(Box::new([self.part(0, half, 'a'), self.part(half, all, 'b')])))
            }
            Outcome::Rejected { message, .. } => Some(Next::Settle(self.all(|_, _| Fate::Failed {
                reason: reason::REJECTED,
                message: message.clone(),
                may_pass: false,
                may_appear: false,
            }))),
            Outcome::Unknown if self.phase == Phase::Intended => {
                Some(Next::Replace(Box::new(Self { phase: Phase::Unknown, ..self.clone() })))
            }
            Outcome::Unknown | Outcome::Accepted => None,
        }
    }

    fn next_unknown(&self, context: &Context<'_>) -> Next {
        let due = self.look_due(&context.facts.notes, context.policy, context.now);
        if context.now < due {
            return Next::Wait(due);
        }
        if let Some(next) = self.look(context, |look_at, _| look_at >= due) {
            return next;
        }
        let sights = self.sights(context);
        let absent: BTreeSet<&String> =
            sights.iter().filter(|(_, s)| matches!(s, Sight::Absent)).map(|(name, _)| *name).collect();
        let agreed = self.look_time.is_some() && self.missing.iter().collect::<BTreeSet<_>>() == absent;
        if !absent.is_empty() && !agreed {
            return Next::Replace(Box::new(Self {
                phase: Phase::Unknown,
                look_time: Some(context.now),
                missing: absent.into_iter().cloned().collect(),
                ..self.clone()
            }));
        }
        Next::Settle(self.all(|index, name| match sights.get(name) {
            Some(Sight::Sent(user)) => match self.elsewhere(name, user, context) {
                Some(message) => {
                    Fate::Elsewhere { message, may_be_ours: created_since(user, self.intent_time) }
                }
                None if created_since(user, self.intent_time) => Fate::Created {
                    id: user.id.clone(),
                    live_state: user.state.clone(),
                    after_unknown: true,
                    applied: self.applied(index, user, context),
                },
                None => Fate::Conflict,
            },
            Some(Sight::Another) => Fate::Conflict,
            Some(Sight::Absent) | None => Fate::Lost,
        }))
    }

    /// An update sets values, and one that comes late sets them again. Once no byte of it can be sent any
    /// more its users are looked at: who has the values needs nothing else. The rest waits until it cannot
    /// come to pass any more, also for the same values: these could be edited and sent before it does.
    fn next_unknown_update(&self, context: &Context<'_>) -> Next {
        let same = self.usernames().iter().zip(&self.row_hashes).all(|(name, hash)| {
            context.declared.get(&fold(name)).is_some_and(|declared| declared.row.hash == *hash)
        });
        let early = same && self.look_time.is_none();
        let due = if early {
            self.expiry(&context.facts.notes, context.policy, context.now)
        } else {
            self.look_due(&context.facts.notes, context.policy, context.now)
        };
        if context.now < due {
            return Next::Wait(due);
        }
        if let Some(next) = self.look(context, |look_at, _| look_at >= due) {
            return next;
        }
        if early
            && context.now < self.look_due(&context.facts.notes, context.policy, context.now)
            && !self.is_done(context)
        {
            return Next::Replace(Box::new(Self {
                phase: Phase::Unknown,
                look_time: Some(context.now),
                ..self.clone()
            }));
        }
        Next::Settle(self.all(|index, name| {
            let Some(user) = self.owned(name, context) else { return Fate::Vanished };
            let applied = self.applied(index, user, context);
            match &applied.how {
                How::Whole => Fate::Updated { id: user.id.clone(), live_state: user.state.clone(), applied },
                _ if !same => Fate::Released,
                How::Part | How::AllButSingle | How::NotTaken(_) => Fate::Unanswered,
            }
        }))
    }

    /// Whether every user of an update has its values, or is gone. A create tells by who is there.
    pub(super) fn is_done(&self, context: &Context<'_>) -> bool {
        self.operation == Operation::Create
            || self.usernames().iter().enumerate().all(|(index, name)| {
                let user = self.owned(name, context);
                user.is_none_or(|user| self.applied(index, user, context).how == How::Whole)
            })
    }

    /// What keeps a user that was found from being taken for one that this request made, where only its
    /// being there speaks for that: another object has it, or an older one has sent it, too.
    pub(super) fn elsewhere(&self, name: &str, user: &Live, context: &Context<'_>) -> Option<String> {
        self.owned_elsewhere(name, user, context).or_else(|| {
            let rival = context.facts.claims.rivals.get(&fold(name))?;
            let sent_too = rival.older && rival.under_way;
            sent_too.then(|| messages::managed_elsewhere(name, &rival.holder))
        })
    }

    /// What says that a user that was found is another object's.
    pub(super) fn owned_elsewhere(&self, name: &str, user: &Live, context: &Context<'_>) -> Option<String> {
        let claim = context.facts.claims.owners.get(&user.id)?;
        Some(messages::managed_elsewhere(name, &claim.holder))
    }

    /// The user that is a member of this update, if a look found it.
    pub(super) fn owned<'a>(&self, name: &str, context: &Context<'a>) -> Option<&'a Live> {
        context.facts.users.get(&fold(name))?.found.first()
    }

    /// The look-up that is missing, if any: every member needs a look that `counts`.
    pub(super) fn look(
        &self,
        context: &Context<'_>,
        counts: impl Fn(Timestamp, u64) -> bool,
    ) -> Option<Next> {
        let by_id = self.operation == Operation::Update;
        let unseen = self.usernames().iter().zip(&self.row_hashes).enumerate().filter(|(_, (name, _))| {
            let look = context.facts.users.get(&fold(name));
            !look.is_some_and(|look| look.by_id == by_id && counts(look.at, look.order))
        });
        let keys = UserKey::of_one_search(unseen.map(|(index, (name, hash))| {
            let declared = context.declared.get(&fold(name)).filter(|declared| declared.row.hash == *hash);
            let by = self.id(index).map_or_else(
                || By::Names {
                    email: declared.map(|declared| declared.row.email.clone()),
                    employee_identifier: None,
                },
                |id| By::Id(id.to_owned()),
            );
            UserKey { username: name.clone(), by }
        }));
        if keys.is_empty() {
            return None;
        }
        let read = Read::Users(keys);
        Some(match context.facts.failed.get(&read) {
            Some(failed) => Next::Wait(failed.retry_at),
            None => Next::Read(read),
        })
    }

    /// What the looks of this pass show of each member.
    pub(super) fn sights<'a>(&'a self, context: &Context<'a>) -> BTreeMap<&'a String, Sight<'a>> {
        self.members
            .iter()
            .zip(&self.identities)
            .map(|(name, expected)| {
                let found = context
                    .facts
                    .users
                    .get(&fold(name))
                    .map(|look| look.found.as_slice())
                    .unwrap_or_default();
                let sent = found.iter().find(|u| identity(&self.nonce, &u.username, &u.email) == *expected);
                let sight = match (sent, found) {
                    (Some(user), _) => Sight::Sent(user),
                    (None, []) => Sight::Absent,
                    (None, _) => Sight::Another,
                };
                (name, sight)
            })
            .collect()
    }

    /// The member that was sent with this e-mail address, as a folded username.
    pub(super) fn member_with(&self, email: &str) -> Option<String> {
        self.usernames()
            .iter()
            .zip(&self.identities)
            .find(|(name, expected)| identity(&self.nonce, name, email) == **expected)
            .map(|(name, _)| fold(name))
    }

    /// A result for every member.
    pub(super) fn all(&self, fate: impl Fn(usize, &String) -> Fate) -> Vec<Settled> {
        self.usernames()
            .iter()
            .zip(&self.row_hashes)
            .enumerate()
            .map(|(index, (username, hash))| Settled {
                username: username.clone(),
                hash: hash.clone(),
                fate: fate(index, username),
            })
            .collect()
    }
}

/// What a look-up shows of a member.
#[derive(Debug, Clone, Copy)]
pub enum Sight<'a> {
    /// A user with the username and e-mail address that were sent.
    Sent(&'a Live),
    /// Only users with one of the two.
    Another,
    /// Nobody.
    Absent,
}

/// Whether a user was created after that intent, as far as clocks can tell. A user without a time of
/// creation is not ours: nothing says so.
#[must_use]
pub fn created_since(user: &Live, intended: Timestamp) -> bool {
    user.created.is_some_and(|created| created >= before(intended, CLOCK_SKEW))
}

#[cfg(test)]
mod tests;
