//! What must hold of every run against the real API server: I1 to I8 of the document on reliability, and the
//! conditions table.
//!
//! Everything is checked from the simulator's ledger, the audit log and the versions of the objects; never from
//! what a test or the operator says of itself. A test does nothing for it: it begins with the
//! [`World`](super::world::World), and is held when that goes, or earlier with
//! [`World::hold`](super::world::World::hold). A test that forges what a rule rests on says so with
//! [`World::may_break`](super::world::World::may_break), for that one rule, with the reason.

mod dates;
mod evidence;
mod excuses;
#[cfg(test)]
mod fixtures;
mod frugal;
mod intended;
mod once;
mod overtaken;
pub mod permitted;
mod quiet;
mod readers;
mod recorded;
mod recorder;
mod removed;
mod secrecy;
mod sent;
pub mod site;
mod table;
mod truth;
mod version;

pub use evidence::Evidence;
pub use site::Site;
pub use version::{History, Kind};

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// I1: no user in two accepted jobs; nor what is like it for updates and events.
    Once,
    /// I2: nothing sent without a committed intent.
    Intended,
    /// I3: every accepted job is accounted for.
    Recorded,
    /// I4: silence once everything is settled.
    Quiet,
    /// I5: results are true.
    Truth,
    /// I6: what is cancelled is the object's own, and all of it.
    Removed,
    /// I7: no secret and no address anywhere.
    Secrecy,
    /// I8: no more calls than there was reason for.
    Frugal,
    /// The conditions table.
    Table,
    /// Nothing that the chart does not grant.
    Permitted,
}

/// What finds everything that breaks a rule.
type Check = fn(&Evidence) -> Vec<String>;

/// The rules that need no waiting, with what checks them. [`Rule::Quiet`] and [`Rule::Permitted`] are watched by the site.
const RULES: [(Rule, Check); 10] = [
    (Rule::Once, once::check),
    (Rule::Once, overtaken::check),
    (Rule::Intended, intended::check),
    (Rule::Recorded, recorded::check),
    (Rule::Truth, truth::check),
    (Rule::Truth, dates::check),
    (Rule::Removed, removed::check),
    (Rule::Secrecy, secrecy::check),
    (Rule::Frugal, frugal::check),
    (Rule::Table, table::check),
];

impl Rule {
    /// Whether it is about the whole of a test; the others hold what one JumpCloud was asked against its objects.
    fn is_of_the_whole(self) -> bool {
        matches!(self, Self::Secrecy | Self::Table)
    }
}

/// What is wrong with the whole of a test.
pub fn check_whole(evidence: &Evidence) -> Vec<(Rule, String)> {
    of(evidence, Rule::is_of_the_whole)
}

/// What is wrong between one JumpCloud and the objects whose connections lead there.
pub fn check_part(evidence: &Evidence) -> Vec<(Rule, String)> {
    of(evidence, |rule| !rule.is_of_the_whole())
}

/// Everything that is wrong by these rules, each with its rule.
fn of(evidence: &Evidence, wanted: impl Fn(Rule) -> bool) -> Vec<(Rule, String)> {
    // Without an operator whatever is asked of JumpCloud is a person's doing.
    let of_operator = |rule: Rule| evidence.starts > 0 || ![Rule::Removed, Rule::Frugal].contains(&rule);
    let rules = RULES.iter().filter(|(rule, _)| wanted(*rule) && of_operator(*rule));
    let found = rules.flat_map(|(rule, check)| check(evidence).into_iter().map(|text| (*rule, text)));
    found.collect()
}
