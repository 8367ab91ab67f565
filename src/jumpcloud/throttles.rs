//! The throttles of a process: one per origin, organisation and credential.
//!
//! Guarantees: connections with the same credential get the same [`Throttle`], at the lowest of the
//! limits that they ask for. Credentials are kept as fingerprints, in memory only.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::jumpcloud::auth::{Credential, Fingerprint};
use crate::jumpcloud::bucket::Limits;
use crate::jumpcloud::endpoint::Endpoint;
use crate::jumpcloud::throttle::Throttle;

/// What a throttle belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ThrottleKey {
    endpoint: Endpoint,
    organization: Option<String>,
    credential: Fingerprint,
}

/// The registry. Share one per process.
#[derive(Debug, Default)]
pub struct Throttles {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    throttles: HashMap<ThrottleKey, Throttle>,
    wishes: HashMap<String, Wish>,
}

#[derive(Debug)]
struct Wish {
    key: ThrottleKey,
    limits: Limits,
}

impl ThrottleKey {
    /// `organization` is the value of the header `x-org-id`, if one is sent.
    #[must_use]
    pub fn new(endpoint: &Endpoint, organization: Option<&str>, credential: &Credential) -> Self {
        Self {
            endpoint: endpoint.clone(),
            organization: organization.map(str::to_owned),
            credential: credential.fingerprint(),
        }
    }
}

impl Throttles {
    /// The throttle of `key`. `limits` hold only when there is none yet; they are nobody's wish.
    #[must_use]
    pub fn get(&self, key: &ThrottleKey, limits: Limits) -> Throttle {
        self.with(|inner| inner.throttle(key, limits))
    }

    /// Notes what `connection` (its namespace/name) asks for, in place of what it asked for before, and
    /// gives the throttle of `key`, at the lowest of the limits asked for by its connections.
    #[must_use]
    pub fn wish(&self, connection: &str, key: &ThrottleKey, limits: Limits) -> Throttle {
        self.with(|inner| {
            // Before the old wish goes, so that an unchanged key keeps its bucket.
            let throttle = inner.throttle(key, limits);
            let before = inner.wishes.insert(connection.to_owned(), Wish { key: key.clone(), limits });
            inner.settle(key);
            if let Some(before) = before.filter(|before| before.key != *key) {
                inner.settle(&before.key);
            }
            throttle
        })
    }

    /// Forgets what all other connections than these asked for; who shares a credential with them gets
    /// what it asks for.
    pub fn keep_only(&self, stays: impl Fn(&str) -> bool) {
        self.with(|inner| {
            let gone: Vec<Wish> =
                inner.wishes.extract_if(|connection, _| !stays(connection)).map(|(_, wish)| wish).collect();
            for wish in gone {
                inner.settle(&wish.key);
            }
        });
    }

    /// The throttles in use: for the metric `rate_tokens`.
    #[must_use]
    pub fn all(&self) -> Vec<Throttle> {
        self.with(|inner| inner.throttles.values().cloned().collect())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    fn throttle(&mut self, key: &ThrottleKey, limits: Limits) -> Throttle {
        self.throttles.entry(key.clone()).or_insert_with(|| Throttle::new(limits)).clone()
    }

    /// Applies the lowest wish for `key`, or lets the throttle go when nobody wants or holds it.
    ///
    /// One that is paused after a 429 stays: to forget it would end the pause.
    fn settle(&mut self, key: &ThrottleKey) {
        let lowest = self
            .wishes
            .values()
            .filter(|wish| wish.key == *key)
            .map(|wish| wish.limits)
            .reduce(Limits::lowest);
        let Some(throttle) = self.throttles.get(key) else { return };
        match lowest {
            Some(limits) if limits != throttle.limits() => throttle.set_limits(limits),
            Some(_) => {}
            None if throttle.is_shared() || !throttle.blocked_for().is_zero() => {}
            None => {
                self.throttles.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::SecretString;

    use super::*;

    fn key(organization: Option<&str>, secret: &str) -> ThrottleKey {
        let endpoint = Endpoint::origin("https://x.example").unwrap();
        ThrottleKey::new(&endpoint, organization, &Credential::ApiKey(SecretString::from(secret)))
    }

    #[test]
    fn the_lowest_wish_holds_and_goes_with_its_connection() {
        let throttles = Throttles::default();
        let shared = throttles.wish("a/x", &key(None, "k"), Limits::new(10, 5));
        let same = throttles.wish("b/y", &key(None, "k"), Limits::new(2, 20));
        assert_eq!(shared.limits(), Limits::new(2, 5));
        assert_eq!(same.limits(), Limits::new(2, 5));
        assert_eq!(throttles.all().len(), 1);

        let _ = throttles.wish("b/y", &key(None, "k"), Limits::new(7, 20));
        assert_eq!(shared.limits(), Limits::new(7, 5), "a changed wish replaces the old one");
        throttles.keep_only(|connection| connection != "a/x");
        assert_eq!(shared.limits(), Limits::new(7, 20));
    }

    #[test]
    fn other_keys_and_organisations_are_apart() {
        let throttles = Throttles::default();
        let one = throttles.wish("a/x", &key(None, "k"), Limits::new(1, 1));
        let two = throttles.wish("a/y", &key(Some("o"), "k"), Limits::new(2, 2));
        let three = throttles.wish("a/z", &key(None, "other"), Limits::new(3, 3));
        let seen = [one.limits(), two.limits(), three.limits()];
        assert_eq!(seen, [Limits::new(1, 1), Limits::new(2, 2), Limits::new(3, 3)]);
    }

    #[test]
    fn a_rotated_key_moves_the_wish() {
        let throttles = Throttles::default();
        drop(throttles.wish("a/x", &key(None, "old"), Limits::new(1, 1)));
        drop(throttles.wish("a/x", &key(None, "new"), Limits::new(1, 1)));
        assert_eq!(throttles.all().len(), 1, "the old throttle is let go");
    }

    #[test]
    fn a_paused_throttle_is_kept() {
        let throttles = Throttles::default();
        throttles.wish("a/x", &key(None, "k"), Limits::default()).refused(Some(Duration::from_secs(60)));
        throttles.keep_only(|_| false);
        assert!(!throttles.get(&key(None, "k"), Limits::default()).blocked_for().is_zero());
    }
}
