//! Credentials last known good, for cleaning up after objects that are deleted together with them.
//!
//! Whoever deletes a namespace deletes its Secrets and connections before the objects that wait for their
//! finalizer. What those leave behind is cancelled with the credential that was there before.
//!
//! Guarantees: handed out is only the last credential that this process has checked, only while no other
//! one is there, and for ten minutes after it was first missed; one that JumpCloud refused is forgotten. It
//! is in memory only, and passes that do not clean up get none of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Access, Connections, SECRET_AGE, Usable, key, key_of};
use crate::api::connection::{JumpCloudConnection, JumpCloudConnectionSpec};
use crate::controller::credentials;
use crate::controller::error::Error;
use crate::plan::connection::LastCredential;
use crate::plan::facts::ConnectionFact;
use crate::runtime::clock;

/// For how long a credential is kept after it was first missed.
const KEPT: Duration = Duration::from_secs(600);

/// The last good credential of each connection, by namespace/name.
#[derive(Default)]
pub(super) struct Departed {
    known: Mutex<HashMap<String, LastGood>>,
}

#[derive(Clone)]
struct LastGood {
    usable: Usable,
    /// As this process has last seen it: paused and limits hold after the connection went.
    spec: JumpCloudConnectionSpec,
    /// Since when connection or Secret are missed.
    missed: Option<Instant>,
    /// When the Secret was last looked for in vain.
    looked: Option<Instant>,
}

impl LastGood {
    fn is_over(&self) -> bool {
        self.missed.is_some_and(|since| since.elapsed() >= KEPT)
    }

    fn miss(&mut self) {
        self.missed.get_or_insert_with(clock::monotonic);
    }
}

impl Departed {
    /// A check succeeded: this credential replaces what was known.
    pub(super) fn checked(&self, name: String, usable: &Usable, spec: &JumpCloudConnectionSpec) {
        let good = LastGood { usable: usable.clone(), spec: spec.clone(), missed: None, looked: None };
        self.with(|known| known.insert(name, good));
    }

    /// A check failed.
    pub(super) fn failed(&self, name: &str, last: LastCredential) {
        match last {
            LastCredential::Gone => self.change(name, LastGood::miss),
            LastCredential::Open => {}
            LastCredential::Void => self.forget(name),
        }
    }

    /// Whether a credential is kept for this connection.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.with(|known| known.contains_key(name))
    }

    /// Notes whose connection has gone or come back, and forgets what was missed for too long.
    pub(super) fn sweep(&self, is_gone: impl Fn(&str) -> bool, is_good: impl Fn(&str) -> bool) {
        self.with(|known| {
            known.retain(|name, good| {
                if is_gone(name) {
                    good.miss();
                } else if is_good(name) {
                    good.missed = None;
                }
                !good.is_over()
            });
        });
    }

    fn forget(&self, name: &str) {
        self.with(|known| known.remove(name));
    }

    /// What may still be used, of a connection or Secret that is not there.
    fn hand_out(&self, name: &str) -> Option<LastGood> {
        self.change(name, LastGood::miss);
        let good = self.with(|known| known.get(name).cloned())?;
        if good.is_over() {
            self.forget(name);
            return None;
        }
        Some(good)
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut LastGood)) {
        self.with(|known| {
            if let Some(good) = known.get_mut(name) {
                change(good);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, LastGood>) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Connections {
    /// Like [`Connections::resolve`], for a pass that cleans up after a deleted object: when the connection
    /// is missing, or its Secret or the key in it, the credential last known good is handed out for ten
    /// minutes, with `paused` and limits as they were last seen.
    ///
    /// # Errors
    /// When the Secret cannot be read from the API server.
    pub async fn resolve_for_cleanup(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<(ConnectionFact, Option<Access>), Error> {
        let resolved = self.resolve(namespace, name).await?;
        let own = key(namespace, name);
        if let ConnectionFact::Ready(_) = resolved.0 {
            self.departed.change(&own, |good| good.missed = None);
            return Ok(resolved);
        }
        if let Some(connection) = self.stored(namespace, name) {
            self.seen(&connection);
            if !self.departed.knows(&own) || !self.lacks_secret(namespace, &own, &connection).await? {
                return Ok(resolved);
            }
        }
        Ok(match self.departed.hand_out(&own) {
            Some(good) => self.access(own, good.usable, &good.spec),
            None => resolved,
        })
    }

    /// Takes in what the watch shows of a connection, in case that it goes.
    pub fn seen(&self, connection: &JumpCloudConnection) {
        let (own, spec) = (key_of(connection), &connection.spec);
        let elsewhere = self.departed.with(|known| match known.get_mut(&own) {
            Some(good) if lead_alike(&good.spec, spec) => {
                good.spec = spec.clone();
                false
            }
            Some(_) => true,
            None => false,
        });
        if elsewhere {
            self.departed.forget(&own);
        }
    }

    /// JumpCloud refused the credential that [`Connections::resolve_for_cleanup`] gave: it is not handed out
    /// again, and what has taken its place is checked.
    pub fn refused_in_cleanup(&self, namespace: &str, name: &str) {
        self.departed.forget(&key(namespace, name));
        self.doubt(namespace, name);
    }

    /// Whether the Secret of a connection is missing, or the key in it; one look serves for some seconds.
    async fn lacks_secret(
        &self,
        namespace: &str,
        own: &str,
        connection: &JumpCloudConnection,
    ) -> Result<bool, Error> {
        let looked = self.departed.with(|known| known.get(own).and_then(|good| good.looked));
        if looked.is_some_and(|at| at.elapsed() < SECRET_AGE) {
            return Ok(true);
        }
        let reading = credentials::read(&self.client, namespace, &connection.spec).await?;
        let lacks =
            reading.credential.is_err_and(|finding| finding.last_credential() == LastCredential::Gone);
        if lacks {
            self.departed.change(own, |good| good.looked = Some(clock::monotonic()));
        }
        Ok(lacks)
    }
}

/// Whether a credential goes to the same place under both: one is never sent where it was not checked.
fn lead_alike(one: &JumpCloudConnectionSpec, other: &JumpCloudConnectionSpec) -> bool {
    let place =
        |spec: &JumpCloudConnectionSpec| (spec.region, spec.api_url.clone(), spec.organization_id.clone());
    place(one) == place(other)
}

#[cfg(test)]
mod tests;
