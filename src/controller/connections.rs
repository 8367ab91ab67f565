//! The connections of this process: which can be used, with which client.
//!
//! Guarantees: a client is handed out only for a credential that was checked in this process and whose
//! Secret was read within the last ten seconds; a changed Secret stops use until the new credential was
//! checked, so that a key of another organisation never sends anything. Keys are in memory only.

mod departed;
mod noticed;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store};
use tokio::sync::mpsc::{Sender, error::TrySendError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::departed::Departed;
use self::noticed::Noticed;
use super::credentials::{self, Outbound, Reading, Versions};
use super::error::Error;
use super::scheduled_events::Changes;
use super::turns::Shared;
use crate::api::connection::{JumpCloudConnection, JumpCloudConnectionSpec, JumpCloudConnectionStatus};
use crate::jumpcloud::auth::Credential;
use crate::jumpcloud::bucket::Limits;
use crate::jumpcloud::client::{ClientConfig, JumpCloud};
use crate::jumpcloud::endpoint::Endpoint;
use crate::jumpcloud::throttle::Throttle;
use crate::jumpcloud::throttles::{ThrottleKey, Throttles};
use crate::jumpcloud::token::Tokens;
use crate::plan::connection::Finding;
use crate::plan::facts::{Connection, ConnectionFact};
use crate::runtime::clock;
use crate::runtime::metrics::Metrics;

/// For how long one read of a Secret serves all passes.
const SECRET_AGE: Duration = Duration::from_secs(10);

/// How long a read of JumpCloud may take, repetitions included.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// All connections of the process.
pub struct Connections {
    client: kube::Client,
    outbound: Outbound,
    throttles: Throttles,
    tokens: Tokens,
    stores: Vec<Store<DeserializeGuard<JumpCloudConnection>>>,
    held: Mutex<HashMap<String, Held>>,
    departed: Departed,
    noticed: Noticed,
    wake: Sender<()>,
    changes: Arc<Changes>,
}

/// The way to JumpCloud, and whom it is shared with.
pub struct Access {
    /// The client.
    pub client: JumpCloud,
    /// The credential's limits, and who else uses it.
    pub shared: Shared,
}

/// What is known of one connection.
#[derive(Clone)]
struct Held {
    generation: i64,
    epoch: u64,
    in_doubt: bool,
    /// What the check came to could not be written to the connection's status.
    untold: bool,
    /// The status that this process has written last, or meant to.
    said: Option<JumpCloudConnectionStatus>,
    state: State,
}

#[derive(Clone)]
enum State {
    Usable(Usable),
    Unusable {
        why: String,
        versions: Versions,
        /// Only another credential is worth a new check.
        refused: bool,
        checked: Instant,
    },
}

#[derive(Clone)]
struct Usable {
    client: JumpCloud,
    key: ThrottleKey,
    organization: String,
    versions: Versions,
    secret_read: Instant,
}

impl Held {
    /// Whether it can be used, and nobody doubts it.
    fn is_good(&self) -> bool {
        matches!(self.state, State::Usable(_)) && !self.in_doubt
    }
}

impl State {
    /// Which Secrets were read for the last check.
    fn versions(&self) -> &Versions {
        match self {
            Self::Usable(usable) => &usable.versions,
            Self::Unusable { versions, .. } => versions,
        }
    }

    /// Whether the same credential can still be used, or none still can.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Usable(one), Self::Usable(other)) => {
                (&one.versions, &one.organization) == (&other.versions, &other.organization)
            }
            (Self::Unusable { .. }, Self::Unusable { .. }) => true,
            _ => false,
        }
    }
}

/// What the connection controller has to do about a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Nothing: it was checked and nothing has changed.
    Nothing,
    /// Read the Secret and ask JumpCloud.
    Check,
    /// Read the Secrets; ask JumpCloud only if they are not these.
    CheckIfChanged(Versions),
}

impl Connections {
    /// No connection is known yet. `wake` asks the connection controller to look at all of them.
    #[must_use]
    pub fn new(
        client: kube::Client,
        outbound: Outbound,
        stores: Vec<Store<DeserializeGuard<JumpCloudConnection>>>,
        wake: Sender<()>,
    ) -> Self {
        let (throttles, tokens) = (Throttles::default(), Tokens::default());
        let (held, departed, noticed) = (Mutex::default(), Departed::default(), Noticed::default());
        let changes = Arc::default();
        Self { client, outbound, throttles, tokens, stores, held, departed, noticed, wake, changes }
    }

    /// The connection for a pass of an object in `namespace`, and the way to JumpCloud when it can be used.
    ///
    /// # Errors
    /// When the Secret cannot be read from the API server.
    pub async fn resolve(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<(ConnectionFact, Option<Access>), Error> {
        let Some(connection) = self.stored(namespace, name) else {
            return Ok((ConnectionFact::Missing, None));
        };
        let generation = connection.metadata.generation.unwrap_or_default();
        let held = self.with(|held| held.get(&key(namespace, name)).cloned());
        let usable = match held {
            Some(held) if held.generation == generation && !held.in_doubt => match held.state {
                State::Usable(usable) => usable,
                State::Unusable { why, .. } => {
                    let message = format!("JumpCloudConnection {name} is not ready: {why}");
                    return Ok((ConnectionFact::NotReady(message), None));
                }
            },
            _ => {
                self.wake();
                return Ok((ConnectionFact::Checking, None));
            }
        };
        if usable.secret_read.elapsed() >= SECRET_AGE || self.is_outdated(namespace, &usable.versions) {
            match credentials::read(&self.client, namespace, &connection.spec).await? {
                Reading { credential: Ok(_), versions } if versions == usable.versions => {
                    self.read_now(namespace, name);
                }
                _ => {
                    self.doubt(namespace, name);
                    return Ok((ConnectionFact::Checking, None));
                }
            }
        }
        Ok(self.access(key(namespace, name), usable, &connection.spec))
    }

    /// The organisation that a connection leads to, as far as this process has seen.
    #[must_use]
    pub fn organization(&self, namespace: &str, name: &str) -> Option<String> {
        self.with(|held| match &held.get(&key(namespace, name))?.state {
            State::Usable(usable) => Some(usable.organization.clone()),
            State::Unusable { .. } => None,
        })
    }

    /// JumpCloud refused the credential, or cannot be reached: the connection is checked before it is
    /// used again.
    pub fn doubt(&self, namespace: &str, name: &str) {
        self.with(|held| {
            if let Some(held) = held.get_mut(&key(namespace, name)) {
                held.in_doubt = true;
            }
        });
        self.wake();
    }

    /// What a check came to could not be written: it is made again. Meanwhile the connection is used as it was
    /// found, so that nobody waits for a status.
    pub fn untold(&self, namespace: &str, name: &str) {
        self.with(|held| {
            if let Some(held) = held.get_mut(&key(namespace, name)) {
                held.untold = true;
            }
        });
    }

    /// This status is about to be written.
    pub fn says(&self, namespace: &str, name: &str, status: JumpCloudConnectionStatus) {
        self.with(|held| {
            if let Some(held) = held.get_mut(&key(namespace, name)) {
                held.said = Some(status);
            }
        });
    }

    /// The status that this process has written last, or meant to: one that differs is older, or somebody else's.
    #[must_use]
    pub fn said(&self, namespace: &str, name: &str) -> Option<JumpCloudConnectionStatus> {
        self.with(|held| held.get(&key(namespace, name))?.said.clone())
    }

    /// Counts how often the connection has changed: its spec, its Secret, whether it can be used.
    #[must_use]
    pub fn epoch(&self, namespace: &str, name: &str) -> u64 {
        self.with(|held| held.get(&key(namespace, name)).map_or(0, |held| held.epoch))
    }

    /// What the connection controller has to do.
    #[must_use]
    pub fn due(&self, connection: &JumpCloudConnection, recheck: Duration) -> Due {
        let generation = connection.metadata.generation.unwrap_or_default();
        let Some(held) = self.with(|held| held.get(&key_of(connection)).cloned()) else { return Due::Check };
        let namespace = connection.metadata.namespace.as_deref().unwrap_or_default();
        let outdated = self.is_outdated(namespace, held.state.versions());
        match held.state {
            _ if held.generation != generation || held.in_doubt || held.untold => Due::Check,
            State::Usable(usable) if outdated => Due::CheckIfChanged(usable.versions),
            State::Usable(_) => Due::Nothing,
            State::Unusable { versions, refused, checked, .. }
                if (refused && checked.elapsed() < recheck)
                    || (outdated && checked.elapsed() < SECRET_AGE) =>
            {
                Due::CheckIfChanged(versions)
            }
            State::Unusable { .. } => Due::Check,
        }
    }

    /// Settings for all clients.
    #[must_use]
    pub fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// A client for a credential that is to be checked.
    ///
    /// # Errors
    /// When the credential cannot be sent as a header; the text does not hold it.
    pub fn client(
        &self,
        connection: &JumpCloudConnection,
        endpoint: Endpoint,
        credential: Credential,
    ) -> Result<(JumpCloud, ThrottleKey), String> {
        let spec = &connection.spec;
        let key = ThrottleKey::new(&endpoint, spec.organization_id.as_deref(), &credential);
        let limits = Limits::new(spec.limits.requests_per_second, spec.limits.burst);
        let client = JumpCloud::new(ClientConfig {
            endpoint,
            credential,
            organization: spec.organization_id.clone(),
            throttle: self.throttles.wish(&key_of(connection), &key, limits),
            tokens: self.tokens.clone(),
            request_timeout: READ_TIMEOUT,
            extra_roots: self.outbound.extra_roots.clone(),
            proxy: self.outbound.proxy.clone(),
            user_agent: concat!("jumpcloud-operator/", env!("CARGO_PKG_VERSION")).to_owned(),
            observer: Arc::clone(&self.outbound.observer),
        })
        .map_err(|error| error.to_string())?;
        Ok((client, key))
    }

    /// A check succeeded: the connection can be used.
    pub fn usable(
        &self,
        connection: &JumpCloudConnection,
        (client, throttle): (JumpCloud, ThrottleKey),
        organization: String,
        versions: Versions,
    ) {
        let secret_read = clock::monotonic();
        let usable = Usable { client, key: throttle, organization, versions, secret_read };
        self.departed.checked(key_of(connection), &usable, &connection.spec);
        self.set(connection, State::Usable(usable));
    }

    /// A check failed with this finding: the connection cannot be used.
    pub fn unusable(
        &self,
        connection: &JumpCloudConnection,
        finding: &Finding,
        why: String,
        versions: Versions,
    ) {
        self.departed.failed(&key_of(connection), finding.last_credential());
        // A refused credential is worth trying again only when it changes; everything else may pass.
        let refused = matches!(finding, Finding::CredentialRefused(_));
        self.set(connection, State::Unusable { why, versions, refused, checked: clock::monotonic() });
    }

    /// Forgets every connection that the watch does not know any more, but for what cleaning up may need.
    pub fn keep_stored(&self) {
        let stored: BTreeSet<String> =
            self.stores.iter().flat_map(Store::state).filter_map(|c| c.0.as_ref().ok().map(key_of)).collect();
        self.with(|held| held.retain(|name, _| stored.contains(name)));
        self.departed.sweep(|name| !stored.contains(name), |name| self.is_good(name));
        self.throttles.keep_only(|name| stored.contains(name) || self.departed.knows(name));
    }

    /// Whether the watches have listed everything.
    #[must_use]
    pub fn stores_are_filled(&self) -> bool {
        let filled = |store: &Store<_>| store.wait_until_ready().now_or_never().is_some_and(|r| r.is_ok());
        self.stores.iter().all(filled)
    }

    /// Waits until the watches have listed everything; false when that will not happen any more.
    pub async fn stores_are_ready(&self, cancelled: &CancellationToken) -> bool {
        for store in &self.stores {
            tokio::select! {
                () = cancelled.cancelled() => return false,
                ready = store.wait_until_ready() => if ready.is_err() { return false },
            }
        }
        true
    }

    /// The connection as the watch knows it.
    #[must_use]
    pub fn stored(&self, namespace: &str, name: &str) -> Option<Arc<JumpCloudConnection>> {
        let reference = ObjectRef::<DeserializeGuard<JumpCloudConnection>>::new(name).within(namespace);
        let found = self.stores.iter().find_map(|store| store.get(&reference))?;
        found.0.as_ref().ok().cloned().map(Arc::new)
    }

    /// Connections whose scheduled events are to be compared with their status.
    #[must_use]
    pub fn changes(&self) -> &Arc<Changes> {
        &self.changes
    }

    /// Brings the number of connections that can be used up to date.
    pub fn measure(&self, metrics: &Metrics) {
        let usable = self.with(|held| held.values().filter(|held| held.is_good()).count());
        metrics.connection_ready.set(i64::try_from(usable).unwrap_or(i64::MAX));
    }

    /// Requests that the credential nearest to its limit could make now; nothing without a credential. The
    /// least and not the sum: a key that has run out does not hide behind others that are idle.
    #[must_use]
    pub fn rate_tokens(&self) -> Option<u32> {
        self.throttles.all().iter().map(Throttle::available).min()
    }

    /// The way to JumpCloud that `usable` is, for the connection `own` with this spec.
    fn access(
        &self,
        own: String,
        usable: Usable,
        spec: &JumpCloudConnectionSpec,
    ) -> (ConnectionFact, Option<Access>) {
        let limits = spec.limits;
        let fact = Connection {
            organization: usable.organization.clone(),
            paused: spec.paused,
            max_batch_size: limits.max_batch_size,
        };
        let mut connections = self.sharing(&usable.key);
        connections.insert(own);
        let others = self.stores.iter().flat_map(Store::state).filter_map(|c| c.0.as_ref().ok().cloned());
        let others = others.filter(|c| connections.contains(&key_of(c)));
        let most =
            others.map(|c| c.spec.limits.max_concurrent_jobs).fold(limits.max_concurrent_jobs, u32::min);
        let throttle = usable.client.throttle().clone();
        let shared = Shared { key: usable.key, throttle, most, connections };
        (ConnectionFact::Ready(fact), Some(Access { client: usable.client, shared }))
    }

    /// Whether the connection can be used, and nobody doubts it.
    fn is_good(&self, name: &str) -> bool {
        self.with(|held| held.get(name).is_some_and(Held::is_good))
    }

    fn sharing(&self, throttle: &ThrottleKey) -> BTreeSet<String> {
        self.with(|held| {
            held.iter()
                .filter(|(_, held)| matches!(&held.state, State::Usable(usable) if usable.key == *throttle))
                .map(|(key, _)| key.clone())
                .collect()
        })
    }

    fn set(&self, connection: &JumpCloudConnection, state: State) {
        let namespace = connection.metadata.namespace.as_deref().unwrap_or_default();
        // What was told while the check went on woke nobody.
        let outdated = self.is_outdated(namespace, state.versions());
        self.with(|all| {
            let before = all.get(&key_of(connection));
            let generation = connection.metadata.generation.unwrap_or_default();
            // A check that finds what it found before changes nothing: who was refused still waits.
            let same = before.is_some_and(|held| held.generation == generation && held.state.is_like(&state));
            let epoch = before.map_or(0, |held| held.epoch) + u64::from(!same);
            let said = before.and_then(|held| held.said.clone());
            let held = Held { generation, epoch, in_doubt: false, untold: false, said, state };
            all.insert(key_of(connection), held);
        });
        if outdated {
            self.wake();
        }
    }

    /// The Secrets of a connection that can be used were read, and are those that it was checked with.
    pub fn read_now(&self, namespace: &str, name: &str) {
        self.with(|held| {
            if let Some(State::Usable(usable)) =
                held.get_mut(&key(namespace, name)).map(|held| &mut held.state)
            {
                usable.secret_read = clock::monotonic();
            }
        });
    }

    fn wake(&self) {
        match self.wake.try_send(()) {
            // One that is waiting wakes them all.
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Closed(())) => {}
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Held>) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

fn key_of(connection: &JumpCloudConnection) -> String {
    key(
        connection.metadata.namespace.as_deref().unwrap_or_default(),
        connection.metadata.name.as_deref().unwrap_or_default(),
    )
}
