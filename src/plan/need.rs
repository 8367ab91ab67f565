//! What one user needs. No batches, no I/O.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::claims::{Claim, Claims, Hold};
use super::facts::{By, Live, Look, Repaired, UserKey};
use super::identity::identity;
use super::managers::{Manager, Managers};
use super::messages;
use super::submission::created_since;
use crate::api::user_status::{Failure, InventoryEntry, reason};
use crate::users::compare::{Difference, Purpose, Wanted, difference};
use crate::users::protected::is_protected;
use crate::users::row::{DesiredRow, ManagerRef, fold};

/// What one user needs next.
#[derive(Clone, PartialEq)]
pub enum Need {
    /// To be looked up: nothing is known of it in this pass.
    Look(UserKey),
    /// Its manager is to be looked up first.
    Manager(ManagerRef),
    /// To be created: a look-up did not find it.
    Create {
        /// The manager's id.
        manager: Option<String>,
        /// Whether an update must follow, because the request cannot carry the whole row.
        incomplete: bool,
    },
    /// To be updated with these fields.
    Update {
        /// JumpCloud's id.
        id: String,
        /// Fields and values in JumpCloud's spelling.
        set: Map<String, Value>,
    },
    /// To be set by a request of its own: what bulk requests do not take, or did not.
    Repair {
        /// JumpCloud's id.
        id: String,
        /// Fields and values in JumpCloud's spelling.
        set: Map<String, Value>,
    },
    /// A repair came to nothing; it does not count.
    RepairAgain {
        /// Whether it may still come to pass.
        may_come: bool,
    },
    /// Ours, with all that the row declares: nothing is to be sent.
    Same {
        /// JumpCloud's id.
        id: String,
        /// JumpCloud's state.
        live_state: Option<String>,
        /// Whether an earlier request brought the values.
        sent: bool,
    },
    /// Found, and ours from now on.
    Take {
        /// JumpCloud's id.
        id: String,
        /// JumpCloud's state.
        live_state: Option<String>,
        /// Why.
        why: Taken,
    },
    /// JumpCloud kept other values of these fields.
    NotTaken(Vec<String>),
    /// Not to be sent before a person acts, or the world changes.
    Refuse {
        /// One of the reasons of a user.
        why: &'static str,
        /// What to do.
        message: String,
    },
    /// To be sent again, later.
    Later(Timestamp),
    /// Another user's request comes first: its manager's, or that of a user whose address it declares.
    AwaitOther,
    /// A repair was announced, and may be on its way until then.
    UnderRepair(Timestamp),
    /// Part of a request under way.
    InFlight,
    /// Ours, as declared.
    Owned,
    /// Failed or in conflict; waits for a person.
    Held,
}

/// Why a user that exists is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// An earlier request of unknown outcome made it.
    AfterUnknown,
    /// A person said so (annotation resolve).
    Resolved,
    /// Another object has let it go to this one; the state that it had applied.
    HandedOver(Option<String>),
}

/// Everything known of one user.
pub struct User<'a> {
    /// The row.
    pub row: &'a DesiredRow,
    /// Its entry, when it is ours.
    pub owned: Option<&'a InventoryEntry>,
    /// Whether a request under way has it.
    pub in_flight: bool,
    /// What went wrong before.
    pub failure: Option<&'a Failure>,
    /// A look of this pass that nothing has outdated.
    pub look: Option<&'a Look>,
    /// What came of a repair in this pass.
    pub repaired: Option<&'a Repaired>,
}

/// What is known beyond one user.
pub struct Around<'a> {
    /// Users that are ours under whichever name, by id.
    pub names: &'a std::collections::BTreeMap<&'a str, &'a str>,
    /// Whether some of them have left the list: a new row may be one of these, renamed.
    pub some_left: bool,
    /// Users that requests under way have, by folded username.
    pub in_flight: &'a BTreeSet<String>,
    /// Other objects.
    pub claims: &'a Claims,
    /// Globs of protected usernames.
    pub protected: &'a [String],
    /// Managers.
    pub managers: &'a Managers<'a>,
    /// Whether somebody asked to look and act now.
    pub urgent: bool,
    /// Whether somebody says that users of unknown origin are ours.
    pub adopt: bool,
    /// Now.
    pub now: Timestamp,
}

impl User<'_> {
    /// Decides. Pure.
    #[must_use]
    pub fn need(&self, around: &Around<'_>) -> Need {
        if self.in_flight {
            return Need::InFlight;
        }
        // A repair that may still come to pass would put its values over those of a later edit.
        if let Some(until) = self.failure.and_then(|failure| failure.repair_may_come(around.now))
            && self.repaired.is_none()
        {
            return Need::UnderRepair(until);
        }
        let failure = self.failure.filter(|f| f.hash == self.row.hash);
        if failure.is_none() && self.owned.is_some_and(|entry| entry.hash == self.row.hash) {
            return Need::Owned;
        }
        if let Some(wait) = failure.and_then(|failure| self.wait(failure, around)) {
            return wait;
        }
        match self.owned {
            Some(entry) => self.need_of_owned(entry, failure, around),
            None => self.need_of_new(around),
        }
    }

    /// What an earlier failure keeps it from.
    fn wait(&self, failure: &Failure, around: &Around<'_>) -> Option<Need> {
        match (failure.retry_at(), failure.reason.as_str()) {
            (Some(_), reason::FIELD_NOT_TAKEN) if self.repaired.is_some() => None,
            (Some(time), _) if time > around.now && !around.urgent => Some(Need::Later(time)),
            (Some(_), _) => None,
            // Conflicts may have gone away; other final failures are the row's own.
            // Of whom another object claims it is told as long as that does.
            (None, reason::ALREADY_EXISTS) if around.urgent || self.rival(around).is_some() => None,
            (None, reason::MANAGED_ELSEWHERE) if around.urgent || self.rival(around).is_none() => None,
            (None, reason::USER_PROTECTED) if !self.is_protected(around) => None,
            (None, reason::MANAGER_NOT_FOUND)
                if around.urgent || matches!(around.managers.of(self.row), Some(Manager::Known(_))) =>
            {
                None
            }
            (None, reason::SUBMISSION_UNKNOWN) if around.adopt => None,
            (None, reason::IDENTITY_CHANGED) if around.urgent => None,
            (None, _) => Some(Need::Held),
        }
    }

    fn need_of_new(&self, around: &Around<'_>) -> Need {
        if let Some(rival) = self.rival(around) {
            return self.elsewhere(rival);
        }
        let Some(look) = self.look.filter(|look| !look.by_id) else { return self.look_by_names(around) };
        if look.found.is_empty() {
            // Looked at only to be adopted: that is no word to send it once more.
            let given_up = |f: &Failure| {
                f.hash == self.row.hash && f.reason == reason::SUBMISSION_UNKNOWN && f.retry_time.is_none()
            };
            if self.failure.is_some_and(given_up) {
                return refuse(reason::SUBMISSION_UNKNOWN, messages::SUBMISSION_UNKNOWN.to_owned());
            }
            return self.creation(around);
        }
        self.found(look, around, messages::user_exists)
    }

    /// A user that is not ours, or not under this name; what is said of one that cannot be taken.
    fn found(&self, look: &Look, around: &Around<'_>, otherwise: fn(&str) -> String) -> Need {
        let before = look.found.iter().find_map(|user| around.names.get(user.id.as_str()));
        if let Some(before) = before {
            return refuse(reason::ALREADY_EXISTS, messages::renamed(&self.row.username, before));
        }
        // Whose it is, and so whether this one is the same user renamed, shows when that request has ended.
        let other = |user: &&Live| fold(&user.username) != self.row.key();
        if look.found.iter().filter(other).any(|user| around.in_flight.contains(&fold(&user.username))) {
            return Need::AwaitOther;
        }
        let owner = |user: &Live| around.claims.owners.get(&user.id);
        if let Some(claim) = look.found.iter().filter_map(owner).find(|claim| claim.hold == Hold::Wanted) {
            return self.elsewhere(claim);
        }
        let take = |user: &Live, why| Need::Take { id: user.id.clone(), live_state: user.state.clone(), why };
        let handed = look.found.iter().find_map(|user| {
            let claim = owner(user).filter(|claim| claim.hands_over)?;
            let same = fold(&user.username) == self.row.key();
            same.then(|| take(user, Taken::HandedOver(claim.state.clone())))
        });
        let declared = identity("", &self.row.username, &self.row.email);
        let exact = look.found.iter().find(|u| identity("", &u.username, &u.email) == declared);
        let since = self.failure.and_then(Failure::unknown_since);
        let ours = || match (exact, since) {
            (Some(user), _) if owner(user).is_some() => None,
            (Some(user), Some(since)) if created_since(user, since) => Some(take(user, Taken::AfterUnknown)),
            (Some(user), Some(_)) if around.adopt => Some(take(user, Taken::Resolved)),
            _ => None,
        };
        handed.or_else(ours).unwrap_or_else(|| refuse(reason::ALREADY_EXISTS, otherwise(&self.row.username)))
    }

    fn creation(&self, around: &Around<'_>) -> Need {
        let second_part = self.row.needs_update_after_create();
        match around.managers.of(self.row) {
            None => Need::Create { manager: None, incomplete: second_part },
            Some(Manager::Known(id)) => Need::Create { manager: Some(id), incomplete: second_part },
            Some(Manager::InCircle) => Need::Create { manager: None, incomplete: true },
            Some(Manager::Awaited) => Need::AwaitOther,
            Some(Manager::Unread(reference)) => Need::Manager(reference),
            Some(Manager::Nobody(kind)) => {
                refuse(reason::MANAGER_NOT_FOUND, messages::manager_not_found(kind))
            }
        }
    }

    fn need_of_owned(&self, entry: &InventoryEntry, failure: Option<&Failure>, around: &Around<'_>) -> Need {
        match self.repaired {
            Some(Repaired::Refused { message }) => return refuse(reason::REJECTED, message.clone()),
            Some(Repaired::NotNow) => return Need::RepairAgain { may_come: false },
            Some(Repaired::Done | Repaired::Unknown) | None => {}
        }
        let Some(look) = self.look else {
            return Need::Look(UserKey { username: self.row.username.clone(), by: By::Id(entry.id.clone()) });
        };
        let Some(user) = look.found.iter().find(|user| user.id == entry.id) else {
            return self.need_of_vanished(look, around);
        };
        // Whoever may write status may have put a stranger's id there: JumpCloud's word counts for who it is.
        if !self.is_meant(user) {
            return refuse(reason::IDENTITY_CHANGED, messages::identity_changed(&self.row.username));
        }
        // Also by the name that it has by now: it was renamed.
        let protected = self.is_protected(around) || is_protected(around.protected, &user.username);
        if protected && !self.is_as_declared(entry, user, around) {
            return refuse(reason::USER_PROTECTED, messages::protected(&self.row.username));
        }
        let manager = match around.managers.of(self.row) {
            None => None,
            Some(Manager::Known(id)) => Some(id),
            Some(Manager::Awaited | Manager::InCircle) => return Need::AwaitOther,
            Some(Manager::Unread(reference)) => return Need::Manager(reference),
            Some(Manager::Nobody(kind)) => {
                return refuse(reason::MANAGER_NOT_FOUND, messages::manager_not_found(kind));
            }
        };
        self.compared(entry, failure, user, manager.as_deref())
    }

    fn compared(
        &self,
        entry: &InventoryEntry,
        failure: Option<&Failure>,
        user: &Live,
        manager: Option<&str>,
    ) -> Need {
        let left = self.left(entry, user, manager);
        let id = entry.id.clone();
        let tried = failure.filter(|f| f.reason == reason::FIELD_NOT_TAKEN).map_or(0, |f| f.attempts);
        let repaired = matches!(self.repaired, Some(Repaired::Done));
        let unknown = matches!(self.repaired, Some(Repaired::Unknown));
        if left.is_empty() {
            let sent = repaired || unknown || failure.is_some();
            return Need::Same { id, live_state: user.state.clone(), sent };
        }
        if unknown {
            return Need::RepairAgain { may_come: true };
        }
        if repaired && tried >= 2 {
            return Need::NotTaken(left.fields);
        }
        let ignored = tried > 0 && left.has_state();
        if left.bulk.is_empty() || ignored {
            let mut set = left.bulk;
            set.extend(left.single);
            return Need::Repair { id, set };
        }
        Need::Update { id, set: left.bulk }
    }

    fn left(&self, entry: &InventoryEntry, user: &Live, manager: Option<&str>) -> Difference {
        // What answers do not show is sent by one job, and believed to be there from then on.
        let sent = self.repaired.is_some() || entry.sent.as_ref() == Some(&self.row.hash);
        let purpose = if sent { Purpose::Verify } else { Purpose::Send };
        let wanted = Wanted { row: self.row, manager, applied_state: entry.state.as_deref(), purpose };
        difference(&wanted, &user.fields)
    }

    fn is_as_declared(&self, entry: &InventoryEntry, user: &Live, around: &Around<'_>) -> bool {
        match around.managers.of(self.row) {
            Some(Manager::Known(id)) => self.left(entry, user, Some(&id)).is_empty(),
            _ => self.left(entry, user, None).is_empty(),
        }
    }

    /// Whether the user of the inventory's id is the one that the row declares. Its username or its e-mail address
    /// may have been changed by others, or its address by an edit; a user of whom neither is left is another one.
    fn is_meant(&self, user: &Live) -> bool {
        let address = self.row.email.to_lowercase();
        fold(&user.username) == self.row.key()
            || (!address.is_empty() && user.email.to_lowercase() == address)
    }

    /// Ours by the inventory, and JumpCloud has no user of that id any more.
    fn need_of_vanished(&self, look: &Look, around: &Around<'_>) -> Need {
        if look.by_id {
            return self.look_by_names(around);
        }
        if look.found.is_empty() {
            return self.creation(around);
        }
        // A request that was to create it anew may have done so.
        self.found(look, around, messages::replaced)
    }

    fn look_by_names(&self, around: &Around<'_>) -> Need {
        let number = || self.row.fields.get("employeeIdentifier").and_then(Value::as_str).map(str::to_owned);
        Need::Look(UserKey {
            username: self.row.username.clone(),
            by: By::Names {
                email: Some(self.row.email.clone()),
                employee_identifier: around.some_left.then(number).flatten(),
            },
        })
    }

    fn rival<'a>(&self, around: &Around<'a>) -> Option<&'a Claim> {
        around.claims.rivals.get(&self.row.key())
    }

    fn elsewhere(&self, claim: &Claim) -> Need {
        let message = messages::managed_elsewhere(&self.row.username, &claim.holder);
        refuse(reason::MANAGED_ELSEWHERE, message)
    }

    fn is_protected(&self, around: &Around<'_>) -> bool {
        is_protected(around.protected, &self.row.username)
    }
}

fn refuse(why: &'static str, message: String) -> Need {
    Need::Refuse { why, message }
}

impl Failure {
    /// When the user is sent again by itself.
    #[must_use]
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.retry_time.as_ref()?.parse().ok()
    }

    /// Until when a repair that was announced may come to pass, unless it has been by now.
    #[must_use]
    pub fn repair_may_come(&self, now: Timestamp) -> Option<Timestamp> {
        self.retry_at().filter(|until| self.reason == reason::FIELD_NOT_TAKEN && *until > now)
    }

    /// Since when the user may have been made by a request of unknown outcome.
    #[must_use]
    pub fn unknown_since(&self) -> Option<Timestamp> {
        self.unknown_time.as_ref()?.parse().ok()
    }
}

#[cfg(test)]
mod tests;
