//! Getting the token of a service account, over the same HTTP client: same roots, same proxy, no
//! redirects.
//!
//! Guarantee: the client secret goes to the token endpoint of the client's own origin or region, and
//! nowhere else.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{JSON, Transport, asked_pause, json};
use crate::jumpcloud::error::Error;
use crate::jumpcloud::token::{Token, TokenSource};
use crate::runtime::clock;

/// The longest answer of a token endpoint.
const MAX_TOKEN_BODY: usize = 64 << 10;

/// The pause after a 429 of a token endpoint that does not say how long.
const TOKEN_PAUSE: Duration = Duration::from_secs(5);

/// A request for a token, for logs and metrics.
const TOKEN_ROUTE: &str = "POST /oauth2/token";

/// What a service account asks for (RFC 6749, 4.4.2).
const GRANT: &str = "grant_type=client_credentials&scope=api";

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

impl Transport {
    /// Whether requests carry a token, which can be got anew.
    pub(crate) const fn has_tokens(&self) -> bool {
        self.tokens.is_some()
    }

    /// Sees to it that the next requests need not wait for a token for so long.
    pub(crate) async fn authenticate(&self, fresh_for: Duration, deadline: Instant) -> Result<(), Error> {
        self.token(fresh_for, deadline).await.map(|_| ())
    }

    /// The token for a request; none with an API key.
    pub(super) async fn token(&self, fresh_for: Duration, deadline: Instant) -> Result<Option<Token>, Error> {
        let Some(source) = &self.tokens else { return Ok(None) };
        let fetch = || async {
            let begin = clock::monotonic();
            let answer = self.fetch_token(source, deadline).await;
            self.ended(TOKEN_ROUTE, 1, begin, &answer);
            answer
        };
        source.token(fresh_for, deadline, fetch).await.map(Some)
    }

    /// Asks for a token. Costs nothing of the API's limits, and its answers say nothing about them.
    async fn fetch_token(&self, source: &TokenSource, deadline: Instant) -> Result<Value, Error> {
        let account = source.account();
        let (id, secret) = (account.client_id.expose_secret(), account.client_secret.expose_secret());
        let request = self.pooled.post(source.url().clone()).basic_auth(id, Some(secret));
        let request = request.header(ACCEPT, JSON).header(CONTENT_TYPE, FORM).body(GRANT).build();
        let request = request.map_err(|error| self.not_answered(error))?;
        if let Some(pair) = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()) {
            // A server may repeat the pair in its encoded form, too.
            source.secrets().keep(pair.trim_start_matches("Basic "));
        }
        let sent = timeout_at(deadline, self.pooled.execute(request)).await.map_err(|_| Error::Timeout)?;
        let response = sent.map_err(|error| self.not_answered(error))?;
        let status = response.status();
        if !status.is_success() {
            let asked = asked_pause(&response);
            let pause = (status == StatusCode::TOO_MANY_REQUESTS).then(|| asked.unwrap_or(TOKEN_PAUSE));
            return Err(self.explained(response, pause.or(asked), deadline).await);
        }
        let body = timeout_at(deadline, self.body(response, MAX_TOKEN_BODY)).await;
        json(status, &body.map_err(|_| Error::Timeout)??)
    }
}
