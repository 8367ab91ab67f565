//! What the document on reliability allows, established from the objects and the ledger.

use jiff::{SignedDuration, Timestamp};
use jumpcloud_operator::api::user_status::reason;
use jumpcloud_sim::Entry;
use jumpcloud_sim::invariants::Double;

use super::evidence::Evidence;
use super::sent::Intent;
use super::version::Version;

/// How a job ends for a user who is not there under its name. RowNotAttributed and a conflict are such ends, too,
/// though the rule does not name them: only a person has the user sent again after them.
const ENDED: [&str; 4] =
    [reason::JOB_TIMED_OUT, reason::NOT_CREATED, reason::ROW_NOT_ATTRIBUTED, reason::ALREADY_EXISTS];

/// How much a rounded time may be off.
const ROUNDING: SignedDuration = SignedDuration::from_millis(100);

/// Whether somebody else has written the object's status between two revisions: what it knew may be lost.
pub fn meddled(evidence: &Evidence, uid: &str, from: u64, to: u64) -> bool {
    evidence
        .history
        .of(uid)
        .any(|version| version.meddled && from <= version.revision && version.revision <= to)
}

/// The versions of the object of `earlier` from its intent up to the intent of `later`.
fn between<'a>(
    evidence: &'a Evidence,
    earlier: &Intent<'a>,
    later: &Intent<'_>,
) -> impl Iterator<Item = &'a Version> + Clone {
    let (from, to) = (earlier.version.revision, later.version.revision);
    let versions = evidence.history.of(&earlier.version.uid);
    versions.filter(move |version| from <= version.revision && version.revision < to)
}

/// Whether the earlier job had ended for the user as one that has not made it, and a look-up after that missed the
/// user.
pub fn given_up(evidence: &Evidence, double: &Double, earlier: &Intent<'_>, later: &Intent<'_>) -> bool {
    let ended = between(evidence, earlier, later).find(|version| {
        let is_over = version.record(&earlier.record.nonce).is_none();
        let failed = version.list("failures").iter().any(|failure| {
            let is_user =
                failure["username"].as_str().is_some_and(|name| name.to_lowercase() == double.username);
            is_user && failure["reason"].as_str().is_some_and(|reason| ENDED.contains(&reason))
        });
        is_over && failed
    });
    let missed = double.searches.iter().rev().find(|search| !search.found);
    let looked = missed.and_then(|search| wall(evidence, search.seq));
    ended.is_some() && looked.is_some_and(|looked| looked <= later.record.intent_time)
}

/// Whether the earlier outcome was unknown to the end, and two look-ups a quarantine apart missed the user, the
/// first of them not before a quarantine after the last byte may have been sent.
pub fn unknown(evidence: &Evidence, double: &Double, earlier: &Intent<'_>, later: &Intent<'_>) -> bool {
    let mut records = between(evidence, earlier, later).filter_map(|v| v.record(&earlier.record.nonce));
    if records.any(|record| record.job_id.is_some()) {
        return false;
    }
    let quarantine = SignedDuration::try_from(evidence.flags.quarantine).expect("a short time") - ROUNDING;
    let due = earlier.record.submit_by.max(earlier.record.intent_time + quarantine);
    let misses = || double.searches.iter().filter(|s| !s.found).filter_map(|s| wall(evidence, s.seq));
    let Some(first) = misses().find(|at| *at >= due) else { return false };
    misses().any(|at| at >= first + quarantine)
}

/// Whether nothing that knew of the earlier request was left when the later one was intended, and the last search
/// before it missed the user: a recreated object looks its users up and knows no more.
pub fn forgotten(evidence: &Evidence, double: &Double, earlier: &Intent<'_>, later: &Intent<'_>) -> bool {
    let gone = evidence
        .history
        .of(&earlier.version.uid)
        .any(|version| (version.gone || version.is_leaving()) && version.revision < later.version.revision);
    let lost = meddled(evidence, &earlier.version.uid, earlier.version.revision, later.version.revision);
    (gone || lost) && double.searches.last().is_some_and(|search| !search.found)
}

/// Whether two objects sent the user before either could know of the other: "claims are advice, JumpCloud takes a
/// username once" (`src/controller/claims.rs`). Neither had its job recorded when the other was intended, and a search
/// before had missed the user.
pub fn raced(evidence: &Evidence, double: &Double, earlier: &Intent<'_>, later: &Intent<'_>) -> bool {
    let known = evidence.history.of(&earlier.version.uid).any(|version| {
        version.revision < later.version.revision
            && version.record(&earlier.record.nonce).is_some_and(|record| record.job_id.is_some())
    });
    let looks =
        evidence.ledger.iter().take_while(|entry| entry.seq < double.later.seq).filter_map(Entry::request);
    let is_user = |name: &String| name.to_lowercase() == double.username;
    let looks = looks.filter(|request| request.own_status == Some(200) && request.asked.iter().any(is_user));
    earlier.version.uid != later.version.uid
        && !known
        && looks.last().is_some_and(|look| !look.found.iter().any(is_user))
}

/// When an entry was written, by the real clock.
fn wall(evidence: &Evidence, seq: u64) -> Option<Timestamp> {
    let at = evidence.ledger.binary_search_by_key(&seq, |entry| entry.seq).ok()?;
    evidence.ledger.get(at).map(|entry: &Entry| entry.wall)
}
