//! What came of a fault, in words.

use std::fmt;

use jumpcloud_sim::ledger::{Entry, Request, What};
use serde_json::Value;

use super::cell::Cell;
use super::endpoint::{Effect, Endpoint};
use super::fault::Fault;

/// What came of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: the answer was taken as it was.
    Taken,
    /// The client asked again within the same pass.
    AtOnce,
    /// The pass ended; a later one asked again.
    Later,
    /// The connection was checked, then it was asked or sent again.
    Checked,
    /// A request that certainly had no effect was sent again after a pause.
    SentAgain,
    /// The request was halved; both halves were taken.
    Halved,
    /// The users that JumpCloud refuses are Failed/Rejected.
    Rejected,
    /// What became of the request was looked up: it had been carried out.
    Adopted,
    /// It was looked up twice, and then sent again.
    SentAfterLooks,
    /// Sent again with the same values, when the time of the first request was over.
    Repeated,
    /// Two requests of unknown outcome: a person decides.
    Unknown,
    /// The users were looked up instead.
    LookedUp,
    /// Nothing is asked for as long as JumpCloud wants it, an hour at most.
    Waits,
    /// Each user is asked about by itself instead.
    EachUser,
    /// JumpCloud says that what was asked for is not there, and is believed.
    Believed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taken => "taken",
            Self::AtOnce => "asked again in the pass",
            Self::Later => "asked again later",
            Self::Checked => "connection checked, then again",
            Self::SentAgain => "sent again later",
            Self::Halved => "halved",
            Self::Rejected => "Failed/Rejected",
            Self::Adopted => "looked up, adopted",
            Self::SentAfterLooks => "looked up twice, sent again",
            Self::Repeated => "looked up, sent again",
            Self::Unknown => "SubmissionUnknown",
            Self::LookedUp => "users looked up",
            Self::Waits => "waits as asked",
            Self::EachUser => "each user asked about",
            Self::Believed => "taken for gone",
        })
    }
}

/// What is known of a cell that has ended.
pub struct Seen<'a> {
    /// The cell.
    pub cell: &'a Cell,
    /// The status of its object.
    pub status: &'a Value,
    /// What JumpCloud saw since the fault.
    pub ledger: &'a [Entry],
    /// Whether the connection was found unusable meanwhile.
    pub was_not_ready: bool,
    /// What the operator logged since, about all cells.
    pub log: &'a [&'a str],
}

impl Seen<'_> {
    /// Reads it from what happened.
    pub fn outcome(&self) -> Outcome {
        let effect = self.cell.endpoint.effect();
        let route = self.cell.endpoint.route();
        let asked: Vec<&Request> = self.requests().filter(|request| request.route == route).collect();
        let checks =
            self.requests().filter(|request| request.route == jumpcloud_sim::Route::OrganizationList).count();
        let users = self.status["users"].as_array().map_or(&[][..], Vec::as_slice);
        let any = |key: &str, word: &str| users.iter().any(|user| user[key] == word);
        if any("reason", "SubmissionUnknown") {
            return Outcome::Unknown;
        }
        if any("reason", "Rejected") {
            return Outcome::Rejected;
        }
        match effect {
            Effect::Once => self.once(&asked, checks),
            Effect::Set if self.logged("did not work") => {
                if checks > 0 {
                    Outcome::Checked
                } else {
                    Outcome::Later
                }
            }
            Effect::Read | Effect::Set if self.logged("could not be read") => {
                if checks > 0 {
                    Outcome::Checked
                } else {
                    Outcome::Later
                }
            }
            Effect::Connection if self.was_not_ready => Outcome::Later,
            Effect::Read | Effect::Set | Effect::Connection => self.in_place(&asked),
        }
    }

    /// What came of a fault that ended no pass.
    fn in_place(&self, asked: &[&Request]) -> Outcome {
        let all: Vec<&Entry> = self.ledger.iter().filter(|entry| entry.request().is_some()).collect();
        let is_faulted =
            |entry: &&Entry| entry.request().is_some_and(|r| asked.contains(&r) && r.fault.is_some());
        let Some(at) = all.iter().rposition(is_faulted) else { return Outcome::Taken };
        let same = |one: &Request, other: &Request| {
            (one.route, &one.path, &one.body_hash) == (other.route, &other.path, &other.body_hash)
        };
        let (Some(faulted), next) = (all[at].request(), all.get(at + 1)) else { return Outcome::Taken };
        let seq = all[at].seq;
        let left = |entry: &Entry| matches!(entry.what, What::ClientLeft { request } if request == seq);
        // The ledger does not know that nobody waited for the end of the drip.
        let intact = faulted.reply_intact && self.cell.fault != Fault::SlowDrip;
        match (self.ledger.iter().any(left), intact) {
            (true, _) => return Outcome::AtOnce,
            (false, true) => return Outcome::Taken,
            (false, false) => {}
        }
        let refused = faulted.status.is_none_or(|status| status >= 400);
        match next.and_then(|entry| Some((entry, entry.request()?))) {
            // A pass that begins anew does so after a pause of ten seconds.
            Some((entry, request)) if same(request, faulted) => {
                let gap = entry.wall.duration_since(all[at].wall);
                let anew = self.cell.endpoint.effect() == Effect::Set && gap.as_secs() >= 8;
                if anew { Outcome::Later } else { Outcome::AtOnce }
            }
            _ if !refused => Outcome::Taken,
            _ => match self.cell.endpoint {
                Endpoint::Results => Outcome::LookedUp,
                Endpoint::Next => Outcome::EachUser,
                Endpoint::UserGet | Endpoint::Delete if faulted.status == Some(404) => Outcome::Believed,
                _ if asked.len() > 1 => Outcome::Later,
                _ => Outcome::Taken,
            },
        }
    }

    fn once(&self, asked: &[&Request], checks: usize) -> Outcome {
        if self.logged("outcome of the request is unknown") {
            let sent_again = asked.len() > 1;
            let creates = self.cell.endpoint != Endpoint::Update;
            return match (sent_again, creates) {
                (false, _) => Outcome::Adopted,
                (true, true) => Outcome::SentAfterLooks,
                (true, false) => Outcome::Repeated,
            };
        }
        if self.logged("request rejected") {
            return Outcome::Halved;
        }
        if self.logged("request refused") {
            return if checks > 0 { Outcome::Checked } else { Outcome::SentAgain };
        }
        if asked.len() == 1 { Outcome::Taken } else { Outcome::AtOnce }
    }

    fn requests(&self) -> impl Iterator<Item = &Request> {
        self.ledger.iter().filter_map(Entry::request)
    }

    /// Whether the operator logged this about the cell's object.
    fn logged(&self, text: &str) -> bool {
        let object = format!("object={}/{}}}", self.cell.namespace, self.cell.name);
        self.log.iter().any(|line| line.contains(&object) && line.contains(text))
    }
}
