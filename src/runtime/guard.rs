//! One bad object must not end the process: panics in a pass become errors.
//!
//! A panic is a bug of ours, never an answer to input. Its text may hold what the code was looking at
//! (a user, a secret), so nothing here passes it on: log lines and errors name the source location,
//! which is enough to find the bug and says nothing about the data.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

use futures::FutureExt as _;
use thiserror::Error;
use tracing::error;

tokio::task_local! {
    /// Where the pass that runs on this task panicked; set by the hook, read after unwinding.
    static PANICKED_AT: RefCell<Option<String>>;
}

/// A pass panicked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("internal error at {location}; this is a bug in the operator, please report it with this line")]
pub struct Panicked {
    /// File, line and column of the panic, or "an unknown place" without [`install_panic_hook`].
    pub location: String,
}

/// Runs one pass; its panic becomes [`Panicked`].
///
/// State that the pass shares with others must stay sound when it stops in the middle: use locks that
/// recover from poisoning, and hold no half-made changes across an await.
///
/// # Errors
/// When `pass` panicked. What `pass` returns, errors included, is the `Ok` value.
pub async fn guard<F: Future>(pass: F) -> Result<F::Output, Panicked> {
    let pass = async {
        AssertUnwindSafe(pass).catch_unwind().await.map_err(|_payload| Panicked {
            location: PANICKED_AT
                .with(|location| location.borrow_mut().take())
                .unwrap_or_else(|| "an unknown place".to_owned()),
        })
    };
    PANICKED_AT.scope(RefCell::new(None), pass).await
}

/// Replaces the standard panic message, which prints the payload, by one log line with the location.
///
/// Call it once, after logging is set up; before that the line goes to stderr.
pub fn install_panic_hook() {
    panic::set_hook(Box::new(report));
}

fn report(info: &PanicHookInfo<'_>) {
    let location = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let in_pass = PANICKED_AT.try_with(|slot| slot.replace(Some(location.clone()))).is_ok();
    let message = if in_pass { "panic in reconcile" } else { "panic" };
    if tracing::dispatcher::has_been_set() {
        error!(location, "{message}");
    } else {
        eprintln!("{message} at {location}");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::runtime::telemetry::{LogFormat, capture::Capture};

    /// The hook is one per process; tests that replace it take turns.
    static HOOK: Mutex<()> = Mutex::new(());

    #[tokio::test]
    async fn what_a_pass_returns_is_passed_on() {
        assert_eq!(guard(async { 7 }).await, Ok(7));
        let failed: Result<Result<(), &str>, Panicked> = guard(async { Err("refused") }).await;
        assert_eq!(failed, Ok(Err("refused")));
    }

    #[test]
    fn a_panic_is_an_error_and_its_text_is_nowhere() {
        let turn = HOOK.lock().unwrap_or_else(PoisonError::into_inner);
        let before = panic::take_hook();
        install_panic_hook();
        let log = Capture::start("trace", LogFormat::Text);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let result = runtime.block_on(guard(async {
            tokio::task::yield_now().await;
            let user = String::from("canary@example.com");
            panic!("no such user: {user}");
        }));
        let lines = log.text();
        panic::set_hook(before);
        drop(turn);

        let error = result.map(|(): ()| ()).unwrap_err();
        assert!(error.location.contains("guard.rs:"), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
        assert!(lines.contains("panic in reconcile"), "{lines}");
        assert!(lines.contains(&error.location), "{lines}");
        assert!(!lines.contains("canary"), "{lines}");
    }
}
