//! What a pass of either kind works with: the object, the ways to the API server and to JumpCloud, and its
//! turn among those who share the credential.
//!
//! Guarantees: an intent is written only once everything that sending needs was got, and a lease that
//! outlasts the request; what went wrong is remembered for the object, and told as a [`Setback`], which the
//! pass takes into its facts.

mod submit;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::api::Api;
use kube::core::object::HasStatus;

pub use self::submit::{Delivered, Wrote};
use super::connections::Access;
use super::context::Context;
use super::error::Error;
use super::object::Fetched;
use super::record::Armed;
use super::turns::Turn;
use crate::api::recording::{Recording, Records};
use crate::api::submission::{Phase, Recorded};
use crate::jumpcloud::client::JumpCloud;
use crate::jumpcloud::error::Error as ClientError;
use crate::plan::facts::{ConnectionFact, FailedRead, Notes, Repaired, Slot};
use crate::plan::policy::after;
use crate::runtime::clock;
use crate::users::clean;

/// Most characters of an annotation's value that are looked at and noted.
const MAX_ANNOTATION: usize = 256;

/// How long a pass waits for the lease to be renewed before it looks again.
const LEASE_PAUSE: Duration = Duration::from_secs(1);

/// The longest time until an object is looked at again: timers take no date of any year.
const LONGEST_REST: Duration = Duration::from_secs(24 * 3600);

/// What one pass works with.
pub struct Line<'a, K: Recording> {
    /// What all passes share.
    pub context: &'a Arc<Context>,
    /// API of the object's namespace.
    pub api: Api<K>,
    /// The object as this pass read or wrote it last. It may be of a newer generation than what is planned from.
    pub object: Fetched<K>,
    /// The generation of the spec that this pass plans from: what it writes speaks of no other.
    pub generation: i64,
    /// The way to JumpCloud, once the connection was found to be usable.
    pub client: Option<JumpCloud>,
    namespace: &'a str,
    name: &'a str,
    turn: Turn<'a>,
    armed: Option<Box<Armed>>,
    /// The status as it was written last, when the API server did not keep all of it.
    pruned: Option<<K as HasStatus>::Status>,
    /// A token was long in coming once in this pass.
    waited_for_token: bool,
    /// The credential may be one that is not there any more.
    cleans_up: bool,
    /// When to look again although the planner was not asked: the pass ended before it could be.
    retry: Option<Duration>,
}

/// What went wrong, for the facts of a pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct Setback {
    /// Nothing is sent before this time.
    pub hold_until: Option<Timestamp>,
    /// Tokens are out until then.
    pub throttled_until: Option<Timestamp>,
    /// The connection is checked before anything else is asked of JumpCloud.
    pub in_doubt: bool,
}

impl Setback {
    /// Takes it into the facts of a pass.
    pub fn tell(self, notes: &mut Notes, connection: &mut Option<ConnectionFact>) {
        notes.hold_until = self.hold_until.or(notes.hold_until);
        notes.throttled_until = self.throttled_until.or(notes.throttled_until);
        if self.in_doubt {
            *connection = Some(ConnectionFact::Checking);
        }
    }
}

impl<'a, K: Recording> Line<'a, K> {
    /// For a pass that begins.
    pub fn new(
        context: &'a Arc<Context>,
        api: Api<K>,
        (namespace, name): (&'a str, &'a str),
        object: Fetched<K>,
    ) -> Self {
        let turn = context.turns.begin(K::KIND, namespace, name, object.whole.connection());
        turn.report(object.status().submissions(), object.version(), false);
        Self {
            context,
            api,
            generation: object.generation(),
            object,
            client: None,
            namespace,
            name,
            turn,
            armed: None,
            pruned: None,
            waited_for_token: false,
            cleans_up: false,
            retry: None,
        }
    }

    /// The object's name with its namespace.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The object's namespace.
    #[must_use]
    pub fn namespace(&self) -> &'a str {
        self.namespace
    }

    /// What this process remembers of the object.
    #[must_use]
    pub fn notes(&self) -> Notes {
        let status = self.object.status();
        let sights: Vec<String> = status.submissions().iter().flat_map(Recorded::sights).collect();
        self.context.memory.recall(self.object.uid(), &sights, self.epoch(), clock::monotonic())
    }

    /// Globs of usernames that the connection protects.
    #[must_use]
    pub fn protected(&self) -> Vec<String> {
        let stored = self.context.connections.stored(self.namespace, self.object.whole.connection());
        stored.map(|found| found.spec.protected_users.clone()).unwrap_or_default()
    }

    /// An annotation, as much of it as status takes: a write with more would be refused, and with it
    /// everything else.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<String> {
        let value = self.object.metadata().annotations.as_ref()?.get(name)?;
        Some(clean::cut(value, MAX_ANNOTATION))
    }

    /// Finds the connection.
    ///
    /// # Errors
    /// When its Secret cannot be read from the API server.
    pub async fn connect(&mut self) -> Result<ConnectionFact, Error> {
        let connection = self.object.whole.connection();
        let (fact, access) = self.context.connections.resolve(self.namespace, connection).await?;
        self.use_access(access);
        Ok(fact)
    }

    /// Finds the connection for a pass that cleans up after its object: the credential last known good serves
    /// as well.
    ///
    /// # Errors
    /// When its Secret cannot be read from the API server.
    pub async fn connect_to_clean_up(&mut self) -> Result<ConnectionFact, Error> {
        self.cleans_up = true;
        let connection = self.object.whole.connection();
        let found = self.context.connections.resolve_for_cleanup(self.namespace, connection).await?;
        self.use_access(found.1);
        Ok(found.0)
    }

    fn use_access(&mut self, access: Option<Access>) {
        let (client, shared) = access.map(|access| (access.client, access.shared)).unzip();
        self.turn.shares(shared);
        self.client = client;
    }

    /// Asks for a slot for one job.
    pub fn slot(&mut self) -> Slot {
        match self.turn.slot() {
            Ok(()) => Slot::Free,
            Err(pause) => Slot::Taken { until: after(clock::now(), pause) },
        }
    }

    /// Takes the turn to call JumpCloud.
    ///
    /// # Errors
    /// That it has not come.
    pub fn take_turn(&mut self) -> Result<(), ClientError> {
        self.turn.token().map_err(|retry_in| ClientError::Throttled { retry_in })
    }

    /// JumpCloud answered a read.
    pub fn read_worked(&self) {
        self.context.memory.worked(self.object.uid());
    }

    /// JumpCloud could not be read.
    pub fn read_failed(&mut self, error: &ClientError) -> (FailedRead, Setback) {
        let now = clock::now();
        if let ClientError::Throttled { retry_in } = error {
            let retry_at = after(now, *retry_in);
            let setback = Setback { throttled_until: Some(retry_at), ..Setback::default() };
            return (FailedRead { retry_at, message: error.to_string() }, setback);
        }
        tracing::warn!(%error, "JumpCloud could not be read");
        let message = clean::message(&error.to_string(), None);
        let retry_at = self.context.memory.failed(self.object.uid(), &message, error.retry_after(), now);
        let in_doubt = is_doubtful(error) && self.doubt(error.is_credentials());
        (FailedRead { retry_at, message }, Setback { in_doubt, ..Setback::default() })
    }

    /// The connection is checked before this pass, or another one, goes on. Whether that is so: nobody would
    /// check a credential that is used although it is not there any more. That is given up when it is `refused`.
    fn doubt(&mut self, refused: bool) -> bool {
        let (connections, connection) = (&self.context.connections, self.object.whole.connection());
        match (self.cleans_up, refused) {
            (true, false) => return false,
            (true, true) => connections.refused_in_cleanup(self.namespace, connection),
            (false, _) => connections.doubt(self.namespace, connection),
        }
        self.client = None;
        true
    }

    /// Nothing is sent for a while.
    fn hold(&self, message: &str, asked: Option<Duration>) -> Timestamp {
        self.context.memory.refused(self.object.uid(), message, asked, clock::now(), self.epoch())
    }

    /// Counts changes of the connection.
    fn epoch(&self) -> u64 {
        self.context.connections.epoch(self.namespace, self.object.whole.connection())
    }

    /// A request that may be repeated has ended. One that did not come to pass is like a refused one: the
    /// next waits. Unless only this user's is refused, such as one who is gone.
    pub fn call_ended(&mut self, outcome: &Repaired, error: Option<&ClientError>) -> Setback {
        let Some(error) = error else {
            self.context.memory.delivered(self.object.uid());
            return Setback::default();
        };
        let message = clean::message(&error.to_string(), None);
        if *outcome == Repaired::Unknown {
            self.context.memory.unanswered(self.object.uid(), &message);
            return Setback::default();
        }
        let doubtful = is_doubtful(error);
        let asked = match error {
            ClientError::Throttled { retry_in } => Some(*retry_in),
            other => other.retry_after(),
        };
        let hold_until = (doubtful || asked.is_some()).then(|| self.hold(&message, asked));
        let in_doubt = doubtful && self.doubt(error.is_credentials());
        Setback { hold_until, in_doubt, ..Setback::default() }
    }

    /// Lets a pass begin again soon: somebody else wrote, whose event may have been seen before.
    pub fn look_again(&mut self) {
        self.retry = Some(LEASE_PAUSE);
    }

    /// The pass ends: keeps what later passes and others are told. `wake` is when the planner wants to be asked
    /// again. Returns when to look again.
    pub fn end(self, notes: &Notes, wake: Option<Timestamp>) -> Option<Duration> {
        let status = self.object.status();
        let accepted = status.submissions().iter().filter_map(Recorded::known);
        let jobs: Vec<String> =
            accepted.filter(|s| s.phase == Phase::Accepted).filter_map(|s| s.job_id.clone()).collect();
        let uid = self.object.uid();
        self.context.memory.keep_polls(uid, notes, &jobs);
        self.context.memory.pass_ended(uid);
        self.context.running.keep(&self.object.whole);
        let until = |time: Timestamp| {
            Duration::try_from(time.duration_since(clock::now())).unwrap_or_default()
                + Duration::from_millis(5)
        };
        let wake = wake.map(|time| until(time).min(LONGEST_REST));
        self.retry.into_iter().chain(wake).min()
    }
}

/// Whether an error says that the connection should be checked.
fn is_doubtful(error: &ClientError) -> bool {
    let unreachable = matches!(error, ClientError::Connect { .. } | ClientError::Token { .. });
    unreachable || error.is_credentials() || error.is_redirect()
}
