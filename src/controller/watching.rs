//! How long the API server may be silent while lists and watches wait for it.
//!
//! Guarantee: an API server, or a way to it, that keeps connections open and says nothing is noticed within
//! [`SILENCE`]; what happened meanwhile is seen then.
//!
//! kube's watcher limits the time between two events of a watch that has begun, by default to 295 s. It does
//! not limit how long the head of a reply is waited for, of a list or of a watch: one that never comes would
//! leave a kind unwatched until the process ends. Single requests have a shorter limit of their own
//! ([`super::error::KUBE_TIMEOUT`]).

use std::time::Duration;

use kube::runtime::watcher;

/// After this time, in seconds, the API server ends a watch, and the next goes on where it ended.
const WATCH_SECONDS: u32 = 60;

/// The longest silence. Above the time of a watch and above the minute after which the API server itself gives
/// up a list, so that nothing that works is cut off.
pub const SILENCE: Duration = Duration::from_secs(75);

/// How everything is watched.
#[must_use]
pub fn watched() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

/// The same configuration of the client, with replies waited for no longer than [`SILENCE`]. The time counts
/// from the request and not from when its connection was used last.
#[must_use]
pub fn bounded(mut config: kube::Config) -> kube::Config {
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_works_is_cut_off() {
        // kube's own margin for the end of a watch is five seconds.
        assert!(Duration::from_secs(u64::from(WATCH_SECONDS) + 5) < SILENCE);
        let bounded = bounded(kube::Config::new("https://127.0.0.1:6443".parse().unwrap()));
        assert_eq!((bounded.read_timeout, bounded.reset_reader_on_write), (Some(SILENCE), true));
    }
}
