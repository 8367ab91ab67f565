//! The client, and the requests that start bulk jobs. Their results are in [`crate::jumpcloud::results`],
//! users in [`crate::jumpcloud::users`], scheduled state changes in [`crate::jumpcloud::schedules`],
//! organisations in [`crate::jumpcloud::organizations`].
//!
//! Guarantees:
//! - [`JumpCloud::bulk_create`] and [`JumpCloud::bulk_update`] make one HTTP request, repeated only when
//!   not one byte was sent, and end by the deadline given.
//! - Reads are repeated as the module `retry` says, within [`ClientConfig::request_timeout`] for
//!   each page.
//! - Every HTTP request costs a token of the shared [`Throttle`], but for those that get the token of a
//!   service account.
//! - A bulk request that is refused because of such a token is not made again; the token is dropped.
//!
//! Dropping the future of a bulk request half-way leaves its outcome unknown: run it on a task of its own.
//! A deadline less than the time for connecting (5 s) away can come while the
//! connection is still being made, which is reported as unknown, too: nobody can tell.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Certificate, Method, Url};
use serde_json::Value;
use tokio::time::Instant;

use crate::jumpcloud::auth::Credential;
use crate::jumpcloud::delivery::Delivery;
use crate::jumpcloud::endpoint::{Endpoint, Version};
use crate::jumpcloud::error::{ConfigError, Error};
use crate::jumpcloud::message::Secrets;
use crate::jumpcloud::observe::{NoObserver, Observer};
use crate::jumpcloud::paginate::{PAGE, Paging};
use crate::jumpcloud::retry::{self, Effect};
use crate::jumpcloud::throttle::{MAX_WAIT, Permit, Throttle, Throttled};
use crate::jumpcloud::token::Tokens;
use crate::jumpcloud::transport::{Call, Scheme, Settings, Transport};
use crate::jumpcloud::wire::Page;
use crate::runtime::clock;

const CREATION_SOURCE: HeaderName = HeaderName::from_static("creation-source");

/// What a client is made of.
#[derive(Clone)]
pub struct ClientConfig {
    /// Where the API is.
    pub endpoint: Endpoint,
    /// Who speaks.
    pub credential: Credential,
    /// Sent as `x-org-id`. Needed by administrators of several organisations; leave it out otherwise,
    /// because some routes answer 403 to it.
    pub organization: Option<String>,
    /// Shared by all clients of this credential.
    pub throttle: Throttle,
    /// The tokens of service accounts: shared by all clients of a process. Default none are known yet.
    pub tokens: Tokens,
    /// The time for one page of a read, waiting and repetitions included. Default 30 s.
    pub request_timeout: Duration,
    /// Trusted besides the roots of the system. Default none.
    pub extra_roots: Vec<Certificate>,
    /// Tunnels every `https` request. Default none; the environment is ignored.
    pub proxy: Option<Url>,
    /// Default `jumpcloud-operator/<version>`.
    pub user_agent: String,
    /// Is told about every HTTP request. Default nobody.
    pub observer: Arc<dyn Observer>,
}

/// A client of one organisation. Clones share everything.
#[derive(Clone)]
pub struct JumpCloud {
    inner: Arc<Inner>,
}

struct Inner {
    endpoint: Endpoint,
    transport: Transport,
    throttle: Throttle,
    request_timeout: Duration,
}

/// A bulk request: create or update.
#[derive(Clone)]
pub struct BulkRequest {
    /// A JSON array of users, as the caller serialised and hashed it. At most 800 by JumpCloud's own
    /// tools; the true limit is not known.
    pub body: Bytes,
    /// Whether the administrator is spared the mail with the job's results.
    pub suppress_email: bool,
    /// Create only: decides the state of users that declare none. `None` means `jumpcloud:bulk`.
    pub creation_source: Option<&'static str>,
}

impl ClientConfig {
    /// A configuration with defaults for everything else.
    #[must_use]
    pub fn new(endpoint: Endpoint, credential: Credential, throttle: Throttle) -> Self {
        Self {
            endpoint,
            credential,
            organization: None,
            throttle,
            tokens: Tokens::default(),
            request_timeout: Duration::from_secs(30),
            extra_roots: Vec::new(),
            proxy: None,
            user_agent: concat!("jumpcloud-operator/", env!("CARGO_PKG_VERSION")).to_owned(),
            observer: Arc::new(NoObserver),
        }
    }
}

impl JumpCloud {
    /// Builds a client; makes no request.
    ///
    /// # Errors
    /// When the credential, the organisation or the user agent cannot be a header, or the HTTP library
    /// refuses the certificates or the proxy.
    pub fn new(config: ClientConfig) -> Result<Self, ConfigError> {
        let headers = config.credential.headers(config.organization.as_deref())?;
        let scheme = if config.endpoint.is_plain() { Scheme::PlainToo } else { Scheme::HttpsOnly };
        let tokens = config.tokens.source(&config.endpoint, &config.credential)?;
        let own = || Secrets::new(config.credential.secret().clone());
        let secrets = tokens.as_ref().map_or_else(own, |source| source.secrets().clone());
        let transport = Transport::new(Settings {
            headers,
            tokens,
            secrets,
            user_agent: config.user_agent,
            extra_roots: config.extra_roots,
            proxy: config.proxy,
            scheme,
            throttle: config.throttle.clone(),
            observer: config.observer,
        })?;
        let inner = Inner {
            endpoint: config.endpoint,
            transport,
            throttle: config.throttle,
            request_timeout: config.request_timeout,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Waits for the right to make one bulk request, at most [`MAX_WAIT`].
    ///
    /// # Errors
    /// [`Throttled`] at once when it would take longer.
    pub async fn reserve(&self) -> Result<Permit, Throttled> {
        self.inner.throttle.reserve().await
    }

    /// Sees to it that requests within `fresh_for` need not wait for a token, if it can be had: what must
    /// not be begun in vain asks for this first. Nothing with an API key.
    ///
    /// # Errors
    /// [`Error::Token`] when the service account gets none.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// use jumpcloud_operator::jumpcloud::auth::ServiceAccount;
    ///
    /// sim.add_client_secret(DEFAULT_ORGANISATION, "an-id", "a-secret")?;
    /// let account = ServiceAccount { client_id: "an-id".into(), client_secret: "a-secret".into() };
    /// let config = ClientConfig::new(
    ///     Endpoint::origin(sim.url())?,
    ///     Credential::ServiceAccount(account),
    ///     Throttle::new(Limits::default()),
    /// );
    /// let client = JumpCloud::new(config)?;
    /// client.authenticate(Duration::from_secs(20)).await?;
    /// // The token is used again.
    /// assert_eq!(client.organizations().await?.len(), 1);
    /// assert_eq!(sim.requests(jumpcloud_sim::Route::Token).len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn authenticate(&self, fresh_for: Duration) -> Result<(), Error> {
        let inner = &self.inner;
        let deadline = clock::monotonic() + inner.request_timeout;
        retry::run(Effect::Read, deadline, |_| inner.transport.authenticate(fresh_for, deadline)).await
    }

    /// `POST /bulk/users`: starts a job that makes users.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// // Serialised, and hashed for the record, before it is sent.
    /// let rows = json!([{"username": "ada", "email": "ada@example.com", "state": "STAGED"}]);
    /// let request = BulkRequest {
    ///     body: serde_json::to_vec(&rows)?.into(),
    ///     suppress_email: true,
    ///     creation_source: None,
    /// };
    /// let permit = client.reserve().await?;
    /// let deadline = clock::monotonic() + Duration::from_secs(20);
    /// match client.bulk_create(permit, &request, deadline).await {
    ///     Delivery::Accepted(job_id) => assert!(!job_id.is_empty()),
    ///     Delivery::Refused(refusal) => panic!("may be sent again when the cause is gone: {refusal:?}"),
    ///     Delivery::Rejected { status, .. } => panic!("a row is at fault: {status}"),
    ///     Delivery::Unknown(outcome) => panic!("look the users up before anything else: {outcome:?}"),
    /// }
    /// sim.advance(Duration::from_secs(60));
    /// assert_eq!(sim.user("ada").unwrap()["state"], "STAGED");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn bulk_create(&self, permit: Permit, request: &BulkRequest, deadline: Instant) -> Delivery {
        let call = self.bulk("POST /bulk/users", Method::POST, request).map(|mut call| {
            if let Some(source) = request.creation_source {
                call.headers.insert(CREATION_SOURCE, HeaderValue::from_static(source));
            }
            call
        });
        Delivery::of(self.once(permit, call, deadline).await)
    }

    /// `PATCH /bulk/users`: starts a job that changes users, each named by `id`.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let ada = json!({"username": "ada", "email": "ada@example.com", "company": "Example"});
    /// let id = sim.add_user(DEFAULT_ORGANISATION, &ada)?;
    /// // A field that is not named stays as it is.
    /// let rows = json!([{"id": id, "department": "Engines"}]);
    /// let body = serde_json::to_vec(&rows)?.into();
    /// let request = BulkRequest { body, suppress_email: true, creation_source: None };
    /// let permit = client.reserve().await?;
    /// let deadline = clock::monotonic() + Duration::from_secs(20);
    /// let delivery = client.bulk_update(permit, &request, deadline).await;
    /// assert_eq!(delivery.category(), "accepted");
    /// sim.advance(Duration::from_secs(60));
    /// let ada = sim.user("ada").unwrap();
    /// assert_eq!((&ada["department"], &ada["company"]), (&json!("Engines"), &json!("Example")));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn bulk_update(&self, permit: Permit, request: &BulkRequest, deadline: Instant) -> Delivery {
        let call = self.bulk("PATCH /bulk/users", Method::PATCH, request);
        Delivery::of(self.once(permit, call, deadline).await)
    }

    /// The throttle that this client shares.
    #[must_use]
    pub fn throttle(&self) -> &Throttle {
        &self.inner.throttle
    }

    fn bulk(&self, route: &'static str, method: Method, request: &BulkRequest) -> Result<Call, Error> {
        let url = self.at(Version::V2, &["bulk", "users"])?;
        let call = Call::new(route, Effect::Once, method, url).json(request.body.clone());
        Ok(if request.suppress_email { call.query("suppressEmail", "true") } else { call })
    }

    /// Makes a request that is not idempotent: once, repeated only when not one byte was sent.
    pub(crate) async fn once(
        &self,
        permit: Permit,
        call: Result<Call, Error>,
        deadline: Instant,
    ) -> Result<Value, Error> {
        let inner = &self.inner;
        let call = &call?;
        let mut permit = Some(permit);
        retry::run(Effect::Once, deadline, |attempt| {
            // One token: an attempt that did not reach JumpCloud does not count against its limits.
            let permit = permit.take();
            async move {
                match inner.throttle.blocked_for() {
                    Duration::ZERO => inner.transport.once(call, permit, attempt, deadline).await,
                    retry_in => Err(Error::Throttled { retry_in }),
                }
            }
        })
        .await
    }

    /// Makes a request other than a bulk one, waiting for its token as [`MAX_WAIT`] allows.
    pub(crate) async fn call(&self, call: &Call) -> Result<Value, Error> {
        self.call_with_patience(call, MAX_WAIT).await
    }

    /// Reads a page. A listing that was begun is worth waiting for; its first page is not.
    pub(crate) async fn page(&self, call: &Call, paging: Paging) -> Result<Page, Error> {
        let call = call.clone().query("limit", &PAGE.to_string()).query("skip", &paging.skip().to_string());
        let patience = if paging.is_first() { MAX_WAIT } else { self.inner.request_timeout };
        let answer = self.call_with_patience(&call, patience).await?;
        Page::read(answer).ok_or_else(|| unexpected("a list"))
    }

    /// Makes a request, waiting for the right to it for at most `patience` at each attempt. One that is
    /// refused because of its token, and may be made twice, is made once more with another.
    async fn call_with_patience(&self, call: &Call, patience: Duration) -> Result<Value, Error> {
        let deadline = clock::monotonic() + self.inner.request_timeout;
        match self.call_by(call, patience, deadline).await {
            Err(Error::Status { status: 401, .. })
                if self.inner.transport.has_tokens() && call.effect != Effect::Once =>
            {
                self.call_by(call, patience, deadline).await
            }
            answer => answer,
        }
    }

    async fn call_by(&self, call: &Call, patience: Duration, deadline: Instant) -> Result<Value, Error> {
        let inner = &self.inner;
        retry::run(call.effect, deadline, |attempt| async move {
            let left = deadline.saturating_duration_since(clock::monotonic());
            let permit = inner.throttle.reserve_within(patience.min(left)).await?;
            // Half of the time, so that an answer that does not come leaves time for another try.
            let patient = clock::monotonic() + inner.request_timeout / 2;
            inner.transport.once(call, Some(permit), attempt, deadline.min(patient)).await
        })
        .await
    }

    /// What is taken out of everything that is shown.
    pub(crate) fn secrets(&self) -> &Secrets {
        self.inner.transport.secrets()
    }

    /// Whether requests name an organisation.
    pub(crate) fn names_organization(&self) -> bool {
        self.inner.transport.names_organization()
    }

    /// The address of a route.
    pub(crate) fn at(&self, version: Version, segments: &[&str]) -> Result<Url, Error> {
        Ok(self.inner.endpoint.at(version, segments)?)
    }
}

/// A 2xx answer in JSON that is not `what`.
pub(crate) fn unexpected(what: &str) -> Error {
    Error::Decode { status: 200, detail: format!("expected {what}") }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The proxy's address may hold a password.
        f.debug_struct("ClientConfig").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl fmt::Debug for JumpCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JumpCloud").field("endpoint", &self.inner.endpoint).finish_non_exhaustive()
    }
}

impl fmt::Debug for BulkRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkRequest").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}
