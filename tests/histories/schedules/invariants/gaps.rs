//! S2: no user is left without an event by what is cancelled: edits create before they cancel, and taking
//! one user out of a shared id leaves the others theirs.

use std::collections::BTreeSet;

use jumpcloud_operator::api::schedule_status::result;

use crate::clock::{MINUTE, SECOND};
use crate::schedules::manifest::Change;
use crate::schedules::world::World;

impl World {
    /// Notes what that call has left of the events of its users. What counts is the object that it was
    /// planned from: an edit at the same moment is seen by the next pass. Of one that is being deleted nothing is wanted.
    pub fn notice_gaps(&mut self, index: usize) {
        let call = &self.ledger.calls[index];
        let object = &call.basis;
        let mut versions = self.api.versions.iter().rev().filter(|kept| kept.place == object.place);
        if versions.next().and_then(|kept| kept.object.as_deref()).is_none_or(|live| live.deleted.is_some()) {
            return;
        }
        let manifest = &object.spec.manifest;
        let late = manifest.change.1 <= self.now + 11 * MINUTE;
        if object.deleted.is_some() || manifest.paused || manifest.spoilt || late || self.is_guarded(object) {
            return;
        }
        let declared: BTreeSet<Change> = self
            .api
            .versions
            .iter()
            .filter_map(|kept| kept.object.as_deref())
            .filter(|other| other.uid == object.uid)
            .map(|other| other.spec.manifest.change)
            .collect();
        let mut gaps = Vec::new();
        for event in call.removed.iter().map(|index| &self.jumpcloud.events[*index]) {
            let number = event.user;
            let there = self.jumpcloud.user(number).is_some_and(|user| user.is_there(self.now));
            let left =
                self.jumpcloud.events.iter().any(|other| {
                    other.user == number && other.is_listed() && declared.contains(&other.change)
                });
            // Another date or state that could not be scheduled leaves nothing that is wanted.
            let failed = object.said(number).is_some_and(|line| line.result == result::FAILED);
            // Declared by a batch alone, which has told nothing of its users yet.
            let awaited = self.environment.awaited.is_some() && !manifest.names(number);
            let excused = (failed && event.change != manifest.change)
                || awaited
                || self.jumpcloud.setting.poison.contains(&number)
                || self.is_taken_away(index, number)
                || self.is_excused(number);
            if self.declares(object, number) && there && !left && !excused {
                gaps.push(format!(
                    "{} at {}: u{number} has no event after {} was cancelled",
                    object.place, self.now, event.job_id
                ));
            }
        }
        self.ledger.gaps.extend(gaps);
    }

    /// Whether another object has just cancelled an event of the user: whoever was about to take it over finds out at its
    /// next look.
    fn is_taken_away(&self, index: usize, number: usize) -> bool {
        let call = &self.ledger.calls[index];
        self.ledger.calls[..index].iter().any(|other| {
            other.basis.place != call.basis.place
                && other.at > call.at - 10 * SECOND
                && other.removed.iter().any(|removed| self.jumpcloud.events[*removed].user == number)
        })
    }

    /// Whether the batch, the connection's protection or a person had a hand in it: what they do is in no
    /// version of the object.
    fn is_excused(&self, number: usize) -> bool {
        let batched = [1, 2].contains(&number);
        batched || self.environment.touched.iter().any(|(_, user)| *user == number)
    }
}
