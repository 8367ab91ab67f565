//! Tokens of service accounts: got once, kept, renewed early, dropped when they are refused.
//!
//! Guarantees:
//! - All clients of one service account share one token, and at most one request for a token is under
//!   way at a time. Who waited for one that failed is told so, and does not ask again.
//! - A token is renewed 30 s before it ends. One that JumpCloud refuses is dropped, once.
//! - Tokens are in memory only; no `Debug` output, error or log shows one, and the header that carries
//!   it is marked as sensitive.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::jumpcloud::auth::{Credential, Fingerprint, ServiceAccount};
use crate::jumpcloud::endpoint::Endpoint;
use crate::jumpcloud::error::{ConfigError, Error};
use crate::jumpcloud::message::Secrets;
use crate::runtime::clock;

/// How long before its end a token is replaced; of a short one half its life.
const MARGIN: Duration = Duration::from_secs(30);

/// The life of a token whose answer says nothing sensible about it.
const ASSUMED_LIFE: Duration = Duration::from_secs(3600);

/// The longest life that is believed.
const LONGEST_LIFE: u64 = 24 * 3600;

/// The tokens of a process. Clones are the same; share one.
#[derive(Clone, Default)]
pub struct Tokens {
    sources: Arc<Mutex<Sources>>,
}

type Sources = HashMap<(Endpoint, Fingerprint), Weak<TokenSource>>;

/// Where the clients of one service account get their token.
pub(crate) struct TokenSource {
    account: ServiceAccount,
    url: Url,
    secrets: Secrets,
    /// Held by whoever asks for a token.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// Requests for a token that have ended.
    tries: u64,
    /// Why the last one brought none.
    failure: Option<Error>,
}

/// A token.
#[derive(Clone)]
pub(crate) struct Token {
    /// Which one it is, counted by tries.
    number: u64,
    header: HeaderValue,
    renewal: Instant,
}

impl Tokens {
    /// The source for a service account; an API key needs none. It is forgotten, with its token, when
    /// the last client of the account goes.
    pub(crate) fn source(
        &self,
        endpoint: &Endpoint,
        credential: &Credential,
    ) -> Result<Option<Arc<TokenSource>>, ConfigError> {
        let Credential::ServiceAccount(account) = credential else { return Ok(None) };
        let url = Url::parse(&endpoint.token_url()).map_err(|error| ConfigError::Http(error.to_string()))?;
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.retain(|_, source| source.strong_count() > 0);
        let key = (endpoint.clone(), credential.fingerprint());
        if let Some(source) = sources.get(&key).and_then(Weak::upgrade) {
            return Ok(Some(source));
        }
        let source = Arc::new(TokenSource {
            account: account.clone(),
            url,
            secrets: Secrets::new(account.client_secret.clone()),
            turn: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        });
        sources.insert(key, Arc::downgrade(&source));
        Ok(Some(source))
    }
}

impl TokenSource {
    /// Whose tokens they are.
    pub(crate) const fn account(&self) -> &ServiceAccount {
        &self.account
    }

    /// Where they come from.
    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    /// What no message may hold.
    pub(crate) const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// A token that is not to be renewed within `fresh_for`: the one at hand, or what `fetch` gets.
    /// One that was just fetched will do, however short its life is.
    pub(crate) async fn token<F>(
        &self,
        fresh_for: Duration,
        deadline: Instant,
        fetch: impl FnOnce() -> F,
    ) -> Result<Token, Error>
    where
        F: Future<Output = Result<Value, Error>>,
    {
        let without = |cause| Error::Token { cause: Box::new(cause) };
        let tries = {
            let state = self.state();
            if let Some(token) = state.fresh(fresh_for) {
                return Ok(token);
            }
            state.tries
        };
        let turn = timeout_at(deadline, self.turn.lock()).await;
        let _turn = turn.map_err(|_| without(Error::Expired))?;
        if let Some(answer) = self.state().since(tries) {
            return answer.map_err(without);
        }
        let begin = clock::monotonic();
        let answer = fetch().await.and_then(|answer| self.read(&answer, begin));
        let mut state = self.state();
        state.tries += 1;
        match answer {
            Ok(mut token) => {
                token.number = state.tries;
                state.failure = None;
                state.token = Some(token.clone());
                Ok(token)
            }
            Err(cause) => {
                state.failure = Some(cause.clone());
                Err(without(cause))
            }
        }
    }

    /// JumpCloud refused the token. A newer one stays.
    pub(crate) fn refused(&self, token: &Token) {
        let mut state = self.state();
        if state.token.as_ref().is_some_and(|current| current.number == token.number) {
            state.token = None;
        }
    }

    /// Reads the answer of the token endpoint.
    fn read(&self, answer: &Value, begin: Instant) -> Result<Token, Error> {
        let unreadable = |detail: &str| Error::Decode { status: 200, detail: detail.to_owned() };
        let text = answer.get("access_token").and_then(Value::as_str).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| unreadable("no token in the answer"))?;
        self.secrets.pass(text);
        let mut header = HeaderValue::from_str(&format!("Bearer {text}"))
            .map_err(|_| unreadable("the token holds characters that no HTTP header can carry"))?;
        header.set_sensitive(true);
        let life = life(answer.get("expires_in"));
        Ok(Token { number: 0, header, renewal: begin + life.saturating_sub(MARGIN.min(life / 2)) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Never left half changed, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fresh(&self, fresh_for: Duration) -> Option<Token> {
        let until = clock::monotonic() + fresh_for;
        self.token.as_ref().filter(|token| until < token.renewal).cloned()
    }

    /// What a request brought that ended after so many others; `None` when there was none, or when its
    /// time was shorter than another one's may be.
    fn since(&self, tries: u64) -> Option<Result<Token, Error>> {
        if self.tries == tries {
            return None;
        }
        match &self.failure {
            Some(Error::Timeout | Error::Expired) => None,
            Some(failure) => Some(Err(failure.clone())),
            None => self.token.clone().map(Ok),
        }
    }
}

impl Token {
    /// The value of the header `authorization`.
    pub(crate) const fn header(&self) -> &HeaderValue {
        &self.header
    }
}

/// The life of a token, from `expires_in`: seconds, as a number or a text.
fn life(told: Option<&Value>) -> Duration {
    let seconds = match told {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    match seconds {
        Some(seconds @ 1..=LONGEST_LIFE) => Duration::from_secs(seconds),
        _ => ASSUMED_LIFE,
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;
    use serde_json::json;

    use super::*;

    fn credential(secret: &str) -> Credential {
        Credential::ServiceAccount(ServiceAccount { client_id: "id".into(), client_secret: secret.into() })
    }

    fn source() -> Arc<TokenSource> {
        let endpoint = Endpoint::origin("https://x.example").unwrap();
        Tokens::default().source(&endpoint, &credential("s")).unwrap().unwrap()
    }

    fn soon() -> Instant {
        clock::monotonic() + Duration::from_secs(10)
    }

    /// Answers after a second, and counts how often it is asked.
    #[derive(Default)]
    struct Endless(AtomicU32);

    impl Endless {
        async fn answer(&self, life: u64) -> Result<Value, Error> {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            Ok(json!({"access_token": format!("canary-{number}"), "expires_in": life}))
        }

        fn count(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_serves_all_who_wait() {
        let (source, endless) = (source(), Endless::default());
        let ask = || source.token(Duration::ZERO, soon(), || endless.answer(3600));
        let tokens = join_all((0..20).map(|_| ask())).await;
        assert!(tokens.iter().all(|token| token.as_ref().is_ok_and(|token| token.number == 1)));
        assert_eq!(endless.count(), 1);
        let header = ask().await.unwrap();
        assert!(header.header().is_sensitive() && header.header() == "Bearer canary-1");
        assert!(!format!("{header:?} {:?}", header.header()).contains("canary"));
        assert_eq!(source.secrets().redact("canary-1 s"), "[redacted] [redacted]");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_early() {
        let (source, endless) = (source(), Endless::default());
        let ask = |fresh| source.token(Duration::from_secs(fresh), soon(), || endless.answer(100));
        ask(0).await.unwrap();
        // Its life is counted from the request for it, a second ago.
        tokio::time::advance(Duration::from_millis(68_900)).await;
        assert_eq!(ask(0).await.unwrap().number, 1);
        tokio::time::advance(Duration::from_millis(200)).await;
        assert_eq!(ask(0).await.unwrap().number, 2);
        assert_eq!(ask(60).await.unwrap().number, 2);
        assert_eq!(ask(69).await.unwrap().number, 3, "whoever needs it for longer gets another");
        assert_eq!(ask(1000).await.unwrap().number, 4, "and is content with what there is");
        let both = tokio::join!(ask(1000), ask(1000));
        assert_eq!((both.0.unwrap().number, both.1.unwrap().number), (5, 5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_dropped_once() {
        let (source, endless) = (source(), Endless::default());
        let ask = || source.token(Duration::ZERO, soon(), || endless.answer(3600));
        let first = ask().await.unwrap();
        source.refused(&first);
        assert_eq!(ask().await.unwrap().number, 2);
        source.refused(&first);
        assert_eq!(ask().await.unwrap().number, 2, "the refusal of an old token says nothing about the new");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_for_a_failure_does_not_ask_again() {
        let (source, asked) = (source(), AtomicU32::new(0));
        let ask = |error: Error| {
            let asked = &asked;
            source.token(Duration::ZERO, soon(), move || async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                asked.fetch_add(1, Ordering::Relaxed);
                Err(error)
            })
        };
        let refused = Error::Status { status: 401, message: String::new(), retry_after: None };
        let answers = join_all((0..5).map(|_| ask(refused.clone()))).await;
        assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(Error::is_credentials)));
        assert_eq!(asked.swap(0, Ordering::Relaxed), 1);
        let answers = join_all((0..3).map(|_| ask(Error::Timeout))).await;
        assert!(answers.iter().all(Result::is_err));
        assert_eq!(asked.load(Ordering::Relaxed), 3, "another's deadline may have been the shorter one");
        let hurried = source.token(Duration::ZERO, clock::monotonic(), || async { Err(Error::Timeout) });
        assert!(hurried.await.unwrap_err().is_not_sent());
    }

    #[test]
    fn clients_of_one_account_share_a_source() {
        let tokens = Tokens::default();
        let (one, other) =
            (Endpoint::origin("https://x.example").unwrap(), Endpoint::origin("https://y.example").unwrap());
        let source = |endpoint, secret| tokens.source(endpoint, &credential(secret)).unwrap().unwrap();
        let first = source(&one, "a");
        assert!(Arc::ptr_eq(&first, &source(&one, "a")));
        assert!(!Arc::ptr_eq(&first, &source(&one, "b")));
        assert!(!Arc::ptr_eq(&first, &source(&other, "a")));
        assert_eq!(first.url().as_str(), "https://x.example/oauth2/token");
        drop(first);
        source(&other, "c");
        assert_eq!(tokens.sources.lock().unwrap().len(), 1, "what nobody uses is forgotten");
        assert!(tokens.source(&one, &Credential::ApiKey("k".into())).unwrap().is_none());
    }

    #[test]
    fn an_absurd_life_is_an_hour() {
        for (told, want) in [
            (json!(60), 60),
            (json!("60"), 60),
            (json!(86_400), 86_400),
            (json!(86_401), 3600),
            (json!(0), 3600),
            (json!(-1), 3600),
            (json!(1.5), 3600),
            (json!("soon"), 3600),
            (json!(null), 3600),
            (json!(1e300), 3600),
        ] {
            assert_eq!(life(Some(&told)).as_secs(), want, "{told}");
        }
        assert_eq!(life(None), ASSUMED_LIFE);
    }

    #[test]
    fn an_answer_without_a_usable_token_is_unreadable() {
        for answer in [json!({}), json!([]), json!({"access_token": ""}), json!({"access_token": "a\nb"})] {
            let error = source().read(&answer, clock::monotonic()).unwrap_err();
            assert_eq!(error.category(), "unreadable");
            assert!(!error.is_transient());
        }
    }
}
