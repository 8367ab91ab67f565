//! What must hold of every history of schedules. Checked from JumpCloud's own truth, the ledger of the wire
//! and the versions of the objects; never from what the planner says about itself.

mod adopted;
mod cancelled;
mod declared;
mod deleted;
mod done;
mod gaps;
mod intended;
mod progress;
mod quiet;
mod states;
mod truth;
mod unknown;

use std::collections::BTreeSet;
use std::sync::Arc;

use jumpcloud_operator::api::schedule_status::{ScheduledUser, origin, result};
use jumpcloud_operator::api::scheduled_user_state::ScheduledState;
use jumpcloud_operator::api::submission::{Phase, Recorded};

use super::history::History;
use super::jumpcloud::{Author, Event, Gone};
use super::ledger::{Fate, Post};
use super::manifest::{Change, id};
use super::objects::Object;
use super::world::World;
use crate::clock::{MINUTE, Ms, stamp};
use crate::invariants::Violation;

/// Everything that is wrong with a whole history.
pub fn check(history: &History) -> Vec<Violation> {
    let world = &history.world;
    collect([
        ("S1", adopted::check(world)),
        ("S2", world.ledger.gaps.clone()),
        ("S3", intended::check(world)),
        ("S4", quiet::check(history)),
        ("S4", done::check(world)),
        ("S5", deleted::check(world)),
        ("S6", unknown::check(world)),
        ("S7", cancelled::check(world)),
        ("S8", states::check(world)),
        ("shape", world.ledger.spins.clone()),
    ])
}

/// What is wrong at a moment at which everything should be at rest.
pub fn at_rest(history: &History) -> Vec<Violation> {
    collect([
        ("S1", declared::check(history)),
        ("S4", truth::check(history)),
        ("S9", progress::check(history)),
    ])
}

fn collect<const N: usize>(rules: [(&'static str, Vec<String>); N]) -> Vec<Violation> {
    let named = |(rule, texts): (&'static str, Vec<String>)| {
        texts.into_iter().map(move |text| Violation { rule, text })
    };
    rules.into_iter().flat_map(named).collect()
}

/// Views of a history that several rules need.
impl History {
    /// Whether the look an hour before the date was made, and with it everything noticed.
    fn has_looked(&self, object: &Object) -> bool {
        self.world.now + 31 * MINUTE > object.spec.manifest.change.1
    }
}

/// Views of a world that several rules need.
impl World {
    /// The objects as they are now.
    fn objects(&self) -> impl Iterator<Item = Arc<Object>> + '_ {
        (0..self.profile.objects).filter_map(|place| self.api.live(place))
    }

    /// Events that requests for that object have made, as far as its status can know of them.
    fn made_by(&self, object: &Object) -> impl Iterator<Item = &Event> {
        let lost = self.lost(object);
        let uid = object.uid;
        self.jumpcloud.events.iter().filter(move |event| {
            matches!(&event.author, Author::Post(nonce, by) if *by == uid && self.intended(nonce) > lost && !self.is_abandoned(nonce))
        })
    }

    /// Whether this object had a request for the change that got no answer, and so had another one, or a person made the
    /// same: of these events nobody can tell which is whose. Each may have taken the other's, and cancelled it, or left it
    /// as one that it had adopted.
    fn is_swapped(&self, event: &Event, uid: u32) -> bool {
        let unanswered = |uid: u32| self.unanswered(uid, event.user, event.change) > 0;
        let others = self.api.versions.iter().filter_map(|kept| kept.object.as_deref());
        let others: BTreeSet<u32> = others.map(|object| object.uid).filter(|other| *other != uid).collect();
        let is_gone = |uid: u32| !self.objects().any(|object| object.uid == uid);
        // What an object leaves behind that is gone is nobody's, and as good as ours.
        let left_behind = self.jumpcloud.events.iter().any(|other| {
            let of_gone = matches!(&other.author, Author::Post(_, by) if *by != uid && is_gone(*by));
            other.user == event.user && other.change == event.change && of_gone
        });
        let by_person = self.jumpcloud.events.iter().any(|other| {
            other.user == event.user && other.change == event.change && other.author == Author::Person
        });
        unanswered(uid) && (by_person || left_behind || others.into_iter().any(unanswered))
    }

    /// Until when requests may be forgotten, because the status got lost then.
    fn lost(&self, object: &Object) -> Ms {
        let losses = self.api.versions.iter().filter(|kept| kept.loss && kept.place == object.place);
        losses.map(|kept| kept.at).max().unwrap_or(Ms::MIN)
    }

    /// Whether a person gave a request of unknown outcome up: what it made is nobody's.
    fn is_abandoned(&self, nonce: &str) -> bool {
        let versions = self.api.versions.iter().filter_map(|kept| Some((kept.at, kept.object.as_deref()?)));
        let has = |object: &Object| object.status.submissions.iter().any(|r| r.nonce() == Some(nonce));
        let last = versions.filter(|(_, object)| has(object)).map(|(at, _)| at).max();
        let around = |at: Ms| at - 10 * MINUTE..=at + 10 * MINUTE;
        last.is_some_and(|last| self.environment.abandoned.iter().any(|at| around(*at).contains(&last)))
    }

    /// When a request was intended, or else sent: a record that was written before the loss is lost with the rest.
    fn intended(&self, nonce: &str) -> Ms {
        let mut versions =
            self.api.versions.iter().filter_map(|kept| Some((kept.at, kept.object.as_deref()?)));
        let has = |object: &Object| object.status.submissions.iter().any(|r| r.nonce() == Some(nonce));
        let intent = versions.find(|(_, object)| has(object)).map(|(at, _)| at);
        let sent = || self.ledger.posts.iter().find(|post| post.order.nonce == nonce).map(|post| post.at);
        intent.or_else(sent).unwrap_or(Ms::MIN)
    }

    /// Whether the user is there now.
    fn is_there(&self, number: usize) -> bool {
        self.jumpcloud.user(number).is_some_and(|user| user.is_there(self.now))
    }

    /// Whether others have had a hand in what becomes of the user.
    fn is_touched(&self, number: usize) -> bool {
        self.environment.touched.iter().any(|(_, user)| *user == number)
    }

    /// Whether the connection protects the user.
    fn is_protected(&self, number: usize) -> bool {
        self.environment.protected.contains(&super::manifest::username(number))
    }

    /// Whether the object's guard holds everyone back.
    pub fn is_guarded(&self, object: &Object) -> bool {
        let declared = (1..=self.environment.users).filter(|number| self.declares(object, *number)).count();
        object.spec.manifest.change.0 == ScheduledState::Suspended
            && declared > object.spec.manifest.max_users
    }

    /// Whether an older object makes the same change of that user.
    fn is_elsewhere(&self, object: &Object, number: usize) -> bool {
        let claimed = [result::PENDING, result::SCHEDULED, result::CONFLICT];
        self.objects().any(|other| {
            other.place != object.place
                && other.is_older(object)
                && other.deleted.is_none()
                && !other.spec.manifest.paused
                && !self.is_guarded(&other)
                && other.spec.manifest.change == object.spec.manifest.change
                && self.declares(&other, number)
                && other.said(number).is_some_and(|line| claimed.contains(&line.result.as_str()))
        })
    }

    /// Whether another event makes the opposite change of the user at the same instant.
    fn is_contradicted(&self, object: &Object, number: usize) -> bool {
        let (state, at) = object.spec.manifest.change;
        self.jumpcloud.events.iter().any(|event| {
            event.user == number
                && event.change.0 != state
                && (event.change.1 - at).abs() <= MINUTE
                && event.gone.is_none_or(|(gone, _)| gone + MINUTE > event.kept)
        })
    }

    /// Requests whose outcome nobody was told and that had none, with that change of that user.
    fn lost_posts(&self, uid: u32, number: usize, change: Change) -> impl Iterator<Item = &Post> {
        let user = id(number);
        self.ledger.posts.iter().filter(move |post| {
            post.order.uid == uid
                && post.order.change == change
                && post.order.members.contains(&user)
                && post.fate == Fate::Unknown
        })
    }

    /// How many requests with that change of that user were intended and, as far as the operator can know, not
    /// answered: also those before which it died.
    fn unanswered(&self, uid: u32, number: usize, change: Change) -> usize {
        let user = id(number);
        let versions = self.api.versions.iter().filter_map(|kept| kept.object.as_deref());
        let records =
            versions.filter(|object| object.uid == uid).flat_map(|object| &object.status.submissions);
        let asked = records.filter_map(Recorded::known).filter(|record| {
            record.phase.is_under_way()
                && record.members.contains(&user)
                && record.state == Some(change.0)
                && record.time == Some(stamp(change.1))
        });
        let nonces: BTreeSet<&str> = asked.map(|record| record.nonce.as_str()).collect();
        nonces.into_iter().filter(|nonce| self.lasted(uid, nonce)).count()
    }

    /// Whether a request was under way for longer than any answer takes.
    fn lasted(&self, uid: u32, nonce: &str) -> bool {
        let under_way = |object: &Object| {
            object.status.submissions.iter().filter_map(Recorded::known).any(|record| {
                record.nonce == nonce && matches!(record.phase, Phase::Intended | Phase::Unknown)
            })
        };
        let versions = self.api.versions.iter().filter_map(|kept| Some((kept.at, kept.object.as_deref()?)));
        let mut versions = versions.filter(|(_, object)| object.uid == uid);
        let begin = versions.find(|(_, object)| under_way(object)).map_or(self.now, |(at, _)| at);
        let end = versions.find(|(_, object)| !under_way(object)).map_or(self.now, |(at, _)| at);
        end - begin > MINUTE
    }

    /// Whether that user's failure is owed to JumpCloud: it refuses the user, or nobody knows what became of
    /// two requests.
    fn is_hopeless(&self, object: &Object, number: usize) -> bool {
        let change = object.spec.manifest.change;
        self.jumpcloud.setting.poison.contains(&number)
            || self.unanswered(object.uid, number, change) > 1
            || self.processes.iter().any(|process| process.skew != 0) && change.1 < self.calm + 20 * MINUTE
    }
}

impl History {
    /// Whether the object has taken over an event that another one was just cancelling: it is noticed at the
    /// next look.
    fn is_taken_too_late(&self, object: &Object, number: usize) -> bool {
        let taken =
            |event: &&Event| event.user == number && matches!(event.gone, Some((_, Gone::Cancelled(_))));
        let adopted = |event: &Event| {
            object
                .status
                .events
                .iter()
                .any(|entry| entry.scheduled_job_id == event.job_id && entry.origin == origin::ADOPTED)
        };
        !self.has_looked(object)
            && self.world.profile.objects > 1
            && self.world.jumpcloud.events.iter().filter(taken).any(adopted)
    }
}

impl Object {
    /// What its status says of a user.
    pub fn said(&self, number: usize) -> Option<&ScheduledUser> {
        let user = id(number);
        let name = super::manifest::username(number);
        let row = self.spec.manifest.users.iter().position(|(other, _)| *other == number);
        let row = row.and_then(|row| u32::try_from(row).ok());
        self.status.users.iter().find(|line| {
            line.id.as_ref() == Some(&user)
                || (line.id.is_none() && line.username.as_ref().is_some_and(|n| n.to_lowercase() == name))
                || (line.id.is_none() && row.is_some() && line.row == row)
        })
    }
}
