//! One HTTP request, and what became of it.
//!
//! Guarantees:
//! - One call of [`Transport::once`] makes at most one request. The HTTP library below repeats it by
//!   itself only when the protocol proves that it was not processed (an HTTP/2 refusal, a reused
//!   connection that was closed before the request was written).
//! - [`Error::Connect`], [`Error::Expired`] and [`Error::Token`] mean that no byte of the request was sent. Whatever is not
//!   certain counts as sent.
//! - The deadline covers the whole: getting a token where one is needed, waiting for a slot, connecting, sending, and reading the answer.
//! - At most [`MAX_BODY`] bytes of an answer are kept, counted after decompression.
//! - Redirects are not followed, the proxy variables of the environment are ignored, an explicit proxy
//!   sees only the encrypted tunnel.

mod authenticate;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, ClientBuilder, Method, Proxy, Response, StatusCode, Url, redirect};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use crate::jumpcloud::auth::ORGANIZATION;
use crate::jumpcloud::error::{ConfigError, Error};
use crate::jumpcloud::message::{self, Secrets};
use crate::jumpcloud::observe::Observer;
use crate::jumpcloud::retry::Effect;
use crate::jumpcloud::throttle::{Permit, Throttle};
use crate::jumpcloud::token::{Token, TokenSource};
use crate::runtime::clock;

/// The largest answer that is read: 8 MiB. A page of 100 users with every field has less than one.
pub(crate) const MAX_BODY: usize = 8 << 20;

/// The part of an error answer that is looked at for an explanation.
const MAX_ERROR_BODY: usize = 64 << 10;

/// How long the explanation of a refusal is waited for: the status alone already decides.
const ERROR_BODY_TIME: Duration = Duration::from_secs(2);

/// Time for name lookup, TCP and TLS together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request, ready to be made any number of times.
#[derive(Clone)]
pub(crate) struct Call {
    /// A template without identifiers, for logs and metrics.
    pub(crate) route: &'static str,
    pub(crate) effect: Effect,
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// Headers of this request alone.
    pub(crate) headers: HeaderMap,
    /// A JSON document.
    pub(crate) body: Option<Bytes>,
    pub(crate) expect: Expect,
    pub(crate) organization: OrgHeader,
}

/// Whether a request carries `x-org-id`, where an organisation is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrgHeader {
    Sent,
    LeftOut,
}

/// What a 2xx answer must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// A JSON document.
    Json,
    /// Anything but a web page, which says that something else than the API has answered: nothing may have been done.
    NoPage,
}

/// What the transport needs to know, apart from the requests.
pub(crate) struct Settings {
    /// The headers of every request, an API key among them.
    pub(crate) headers: HeaderMap,
    /// Where a service account's token comes from.
    pub(crate) tokens: Option<Arc<TokenSource>>,
    /// What no message may hold.
    pub(crate) secrets: Secrets,
    pub(crate) user_agent: String,
    /// Trusted besides the roots of the system.
    pub(crate) extra_roots: Vec<Certificate>,
    pub(crate) proxy: Option<Url>,
    pub(crate) scheme: Scheme,
    pub(crate) throttle: Throttle,
    pub(crate) observer: Arc<dyn Observer>,
}

/// Which schemes a request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    HttpsOnly,
    /// For a loopback endpoint.
    PlainToo,
}

/// Makes requests.
pub(crate) struct Transport {
    pooled: Client,
    /// Never reuses a connection. A server may close an idle connection at the moment in which a request
    /// is written to it; whether it acted is then unknown, and for a bulk job that costs minutes.
    fresh: Client,
    headers: HeaderMap,
    tokens: Option<Arc<TokenSource>>,
    secrets: Secrets,
    throttle: Throttle,
    observer: Arc<dyn Observer>,
}

impl Call {
    /// A request without body and headers of its own that expects JSON.
    pub(crate) fn new(route: &'static str, effect: Effect, method: Method, url: Url) -> Self {
        let headers = HeaderMap::new();
        let organization = OrgHeader::Sent;
        Self { route, effect, method, url, headers, body: None, expect: Expect::Json, organization }
    }

    /// Adds a query parameter.
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Sets the JSON document to send.
    pub(crate) fn json(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }
}

impl Transport {
    /// Builds the HTTP clients.
    pub(crate) fn new(settings: Settings) -> Result<Self, ConfigError> {
        let build = |builder: ClientBuilder| {
            builder.build().map_err(|error| ConfigError::Http(describe(error, &settings.secrets)))
        };
        Ok(Self {
            pooled: build(builder(&settings)?)?,
            fresh: build(builder(&settings)?.pool_max_idle_per_host(0))?,
            headers: settings.headers,
            tokens: settings.tokens,
            secrets: settings.secrets,
            throttle: settings.throttle,
            observer: settings.observer,
        })
    }

    /// What is taken out of everything that is shown.
    pub(crate) const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Whether requests carry `x-org-id`.
    pub(crate) fn names_organization(&self) -> bool {
        self.headers.contains_key(ORGANIZATION)
    }

    /// Makes the request once and reads the answer; `permit` pays for it. All of it ends by `deadline`.
    pub(crate) async fn once(
        &self,
        call: &Call,
        permit: Option<Permit>,
        attempt: u32,
        deadline: Instant,
    ) -> Result<Value, Error> {
        // Before the slot, which whoever fetches the token does not need.
        let token = self.token(Duration::ZERO, deadline).await?;
        let _slot = self.throttle.slot(deadline).await.ok_or(Error::Expired)?;
        let begin = clock::monotonic();
        if begin >= deadline {
            return Err(Error::Expired);
        }
        if let Some(permit) = permit {
            permit.spend();
        }
        let answer = self.exchange(call, token.as_ref(), deadline).await;
        // To the login page JumpCloud sends who shows no key; perhaps also who shows a token that ended.
        if let (Some(source), Some(token), Err(Error::Status { status: 401 | 300..=399, .. })) =
            (&self.tokens, &token, &answer)
        {
            source.refused(token);
        }
        self.ended(call.route, attempt, begin, &answer);
        answer
    }

    fn ended(&self, route: &'static str, attempt: u32, begin: Instant, answer: &Result<Value, Error>) {
        let seconds = (clock::monotonic() - begin).as_secs_f64();
        let outcome = answer.as_ref().map_or_else(Error::category, |_| "ok");
        let status = answer.as_ref().err().and_then(Error::status);
        debug!(route, attempt, outcome, status, seconds, "request to JumpCloud");
        self.observer.request(route, outcome, seconds);
    }

    async fn exchange(&self, call: &Call, token: Option<&Token>, deadline: Instant) -> Result<Value, Error> {
        let sent =
            timeout_at(deadline, self.request(call, token).send()).await.map_err(|_| Error::Timeout)?;
        let response = sent.map_err(|error| self.not_answered(error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused(response, deadline).await);
        }
        self.throttle.accepted();
        let body =
            timeout_at(deadline, self.body(response, MAX_BODY)).await.map_err(|_| Error::Timeout)??;
        match call.expect {
            Expect::NoPage if is_page(&body) => {
                Err(Error::Decode { status: status.as_u16(), detail: "a web page".to_owned() })
            }
            Expect::NoPage => Ok(Value::Null),
            Expect::Json => json(status, &body),
        }
    }

    fn request(&self, call: &Call, token: Option<&Token>) -> reqwest::RequestBuilder {
        let client = match call.effect {
            Effect::Read | Effect::Set => &self.pooled,
            Effect::Once => &self.fresh,
        };
        let mut headers = self.headers.clone();
        if call.organization == OrgHeader::LeftOut {
            headers.remove(ORGANIZATION);
        }
        let request = client
            .request(call.method.clone(), call.url.clone())
            .headers(headers)
            .headers(call.headers.clone())
            .header(ACCEPT, JSON);
        let request = match token {
            Some(token) => request.header(AUTHORIZATION, token.header().clone()),
            None => request,
        };
        match &call.body {
            Some(body) => request.header(CONTENT_TYPE, JSON).body(body.clone()),
            None => request,
        }
    }

    /// Classes a request that got no answer.
    fn not_answered(&self, error: reqwest::Error) -> Error {
        let before_first_byte = error.is_connect();
        let timeout = error.is_timeout();
        let detail = describe(error, &self.secrets);
        match (before_first_byte, timeout) {
            (true, _) => Error::Connect { detail },
            (false, true) => Error::Timeout,
            (false, false) => Error::Interrupted { detail },
        }
    }

    /// Reads the body of a 2xx answer.
    async fn body(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        loop {
            // A body that ends early and one that cannot be decompressed look alike here; both may come
            // whole next time.
            let chunk = response
                .chunk()
                .await
                .map_err(|error| Error::Interrupted { detail: describe(error, &self.secrets) })?;
            let Some(chunk) = chunk else { return Ok(body) };
            if body.len() + chunk.len() > limit {
                return Err(Error::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// Makes an error of an answer that is not 2xx, and heeds what it says about the rate.
    async fn refused(&self, response: Response, deadline: Instant) -> Error {
        let asked = asked_pause(&response);
        let retry_after = if response.status() == StatusCode::TOO_MANY_REQUESTS {
            Some(self.throttle.refused(asked))
        } else {
            self.throttle.accepted();
            asked
        };
        self.explained(response, retry_after, deadline).await
    }

    /// Reads why a request was refused. Nothing that goes wrong with the body changes that it was.
    async fn explained(
        &self,
        mut response: Response,
        retry_after: Option<Duration>,
        deadline: Instant,
    ) -> Error {
        let status = response.status();
        let mut body = Vec::new();
        let enough = deadline.min(clock::monotonic() + ERROR_BODY_TIME);
        while body.len() < MAX_ERROR_BODY {
            match timeout_at(enough, response.chunk()).await {
                Ok(Ok(Some(chunk))) => body.extend(chunk.iter().take(MAX_ERROR_BODY - body.len())),
                _ => break,
            }
        }
        let message = message::explain(status, &body, &self.secrets);
        Error::Status { status: status.as_u16(), message, retry_after }
    }
}

fn builder(settings: &Settings) -> Result<ClientBuilder, ConfigError> {
    let agent = HeaderValue::from_str(&settings.user_agent).map_err(|_| ConfigError::InvalidUserAgent)?;
    let mut builder = Client::builder()
        .user_agent(agent)
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .https_only(settings.scheme == Scheme::HttpsOnly)
        .tls_certs_merge(settings.extra_roots.iter().cloned())
        // The variables of the environment are ignored; see --https-proxy.
        .no_proxy();
    if let Some(proxy) = &settings.proxy {
        let proxy = Proxy::https(proxy.clone())
            .map_err(|error| ConfigError::Http(describe(error, &settings.secrets)))?;
        builder = builder.proxy(proxy);
    }
    Ok(builder)
}

/// The chain of causes, without the address (which may name users) and the credential.
fn describe(error: reqwest::Error, secrets: &Secrets) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    message::clean(&secrets.redact(&text))
}

/// Whether a body is a web page, of a proxy or a login.
fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// The document in a 2xx answer.
fn json(status: StatusCode, body: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Decode {
        status: status.as_u16(),
        detail: format!("not JSON at line {} column {}", error.line(), error.column()),
    })
}

/// How long the server wants to be left alone, when it says so.
fn asked_pause(response: &Response) -> Option<Duration> {
    response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value, clock::now()))
}

/// The value of `Retry-After`: seconds, or a date, of which the past counts as now.
fn retry_after(value: &HeaderValue, now: Timestamp) -> Option<Duration> {
    let value = value.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = Timestamp::try_from(httpdate::parse_http_date(value).ok()?).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        for (value, want) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Tue, 24 Nov 2026 10:01:30 GMT", Some(90)),
            ("Tue, 24 Nov 2026 09:00:00 GMT", Some(0)),
            ("-3", None),
            ("soon", None),
            ("99999999999999999999999", None),
        ] {
            let value = HeaderValue::from_str(value).unwrap();
            assert_eq!(retry_after(&value, now).map(|it| it.as_secs()), want, "{value:?}");
        }
    }
}
