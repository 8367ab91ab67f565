//! Writing a status, and sending the request that it intends.

use kube::core::object::HasStatus;

use super::{LEASE_PAUSE, Line, Setback};
use crate::api::condition::Verdict;
use crate::api::recording::{Recording, Records};
use crate::controller::error::Error;
use crate::controller::events;
use crate::controller::record::{Address, Committed, Ready, Write, commit};
use crate::controller::send::{Manner, send};
use crate::jumpcloud::error::Error as ClientError;
use crate::plan::facts::Outcome;
use crate::plan::policy::after;
use crate::runtime::clock;
use crate::users::clean;

/// What came of writing a status.
pub enum Wrote {
    /// It is in etcd. With the nonce of its intent, if it had one.
    Written(Option<String>),
    /// Something that the request needs is not to be had now; nothing was written.
    NotNow(Setback),
    /// The pass ends.
    Ended,
}

/// What came of sending.
pub struct Delivered {
    /// The nonce of the request.
    pub nonce: String,
    /// The outcome.
    pub outcome: Outcome,
    /// What it means for the pass.
    pub setback: Setback,
    /// The pass ends: the request was accepted, and that could not be recorded, so whoever comes next settles it
    /// as unknown; or it was recorded in an object whose spec is another one by now.
    pub lost_sight: bool,
}

enum Prepared {
    Ready(Ready),
    NotNow(Setback),
    NotLeading,
}

impl<K: Recording> Line<'_, K> {
    /// Writes a status. With an intent, everything that sending needs is got first.
    ///
    /// # Errors
    /// When the API server cannot be used, or does not keep what is written.
    pub async fn commit(
        &mut self,
        write: Write<'_, <K as HasStatus>::Status>,
        verdict: &Verdict,
    ) -> Result<Wrote, Error> {
        let ready = match write.intent {
            None => None,
            Some(_) => match self.prepare().await {
                Prepared::Ready(ready) => Some(ready),
                Prepared::NotNow(setback) => return Ok(Wrote::NotNow(setback)),
                Prepared::NotLeading => {
                    self.retry = Some(LEASE_PAUSE);
                    return Ok(Wrote::Ended);
                }
            },
        };
        // What was written did not stay: writing it again and again would be of no use.
        if write.intent.is_none() && self.pruned.as_ref() == Some(write.status) {
            return Err(Error::Pruned);
        }
        let old = self.object.status();
        let wanted = write.status.clone();
        match commit(&self.api, &self.object, write, ready).await? {
            Committed::Lost => {
                self.look_again();
                Ok(Wrote::Ended)
            }
            Committed::Written { object, armed } => {
                // Read back after an answer that got lost, it may have been edited meanwhile.
                let is_edited = object.generation() != self.generation;
                self.object = *object;
                let status = self.object.status();
                self.turn.report(status.submissions(), self.object.version(), armed.is_some());
                self.pruned = Some(wanted).filter(|wanted| *wanted != status);
                let nonce = armed.as_ref().map(|armed| armed.nonce().to_owned());
                self.armed = armed;
                let recorder = &self.context.recorder;
                events::transition(recorder, &self.object.whole, old.conditions(), verdict).await;
                if is_edited && nonce.is_none() {
                    self.look_again();
                    return Ok(Wrote::Ended);
                }
                Ok(Wrote::Written(nonce))
            }
        }
    }

    /// The rate token, the client with a credential that lasts, and a lease that outlasts the request.
    async fn prepare(&mut self) -> Prepared {
        let Some(client) = self.client.clone() else { return Prepared::NotLeading };
        let (time, begin) = (self.context.policy.submit_timeout, clock::monotonic());
        if let Err(error) = client.authenticate(time).await {
            return Prepared::NotNow(self.not_authenticated(&error));
        }
        // The time of the intent that was planned runs already: it is planned again, with all of it.
        if begin.elapsed() * 4 > time && !std::mem::replace(&mut self.waited_for_token, true) {
            return Prepared::NotNow(Setback::default());
        }
        let permit = match client.reserve().await {
            Ok(permit) => permit,
            Err(throttled) => {
                let throttled_until = Some(after(clock::now(), throttled.retry_in));
                return Prepared::NotNow(Setback { throttled_until, ..Setback::default() });
            }
        };
        if self.context.leadership.remaining().is_none_or(|left| left <= time) {
            return Prepared::NotLeading;
        }
        Prepared::Ready(Ready { permit, client, deadline: clock::monotonic() + time })
    }

    /// The service account got no token: no intent is committed for a request that could not be sent.
    fn not_authenticated(&mut self, error: &ClientError) -> Setback {
        tracing::warn!(%error, "no request can be sent");
        let message = clean::message(&error.to_string(), None);
        let hold_until = Some(self.hold(&message, error.retry_after()));
        Setback { hold_until, in_doubt: self.doubt(error.is_credentials()), ..Setback::default() }
    }

    /// Sends what is armed, on a task of its own. `cleaned` takes what is private out of a message of
    /// JumpCloud. `None` ends the pass.
    pub async fn send(&mut self, manner: Manner, cleaned: impl Fn(&str) -> String) -> Option<Delivered> {
        let armed = self.armed.take()?;
        let nonce = armed.nonce().to_owned();
        let to =
            Address { api: self.api.clone(), name: self.name.to_owned(), uid: self.object.uid().to_owned() };
        let sent = send(&self.context.shutdown, to, *armed, manner).await?;
        let mut setback = Setback::default();
        if let Outcome::Refused { message } = &sent.outcome {
            setback.hold_until = Some(self.hold(&cleaned(message), sent.retry_in()));
            setback.in_doubt = sent.concerns_connection() && self.doubt(false);
        } else {
            self.context.memory.delivered(self.object.uid());
        }
        let mut lost_sight = sent.outcome == Outcome::Accepted && sent.object.is_none();
        if let Some(object) = sent.object {
            // The record carries no resourceVersion: the object may have been edited meanwhile.
            if object.generation() != self.generation {
                lost_sight = true;
                self.look_again();
            }
            self.object = object;
            self.turn.report(self.object.status().submissions(), self.object.version(), false);
        }
        Some(Delivered { nonce, outcome: sent.outcome, setback, lost_sight })
    }
}
