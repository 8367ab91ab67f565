//! Fingerprints of states: everything that decides the future, with times relative to now and nonces
//! numbered in the order in which they are met. Two states of one fingerprint have the same future.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::kind::Kind;
use super::object::Object;
use crate::clock::{Ms, moment};

/// A fingerprint in the making.
pub struct Canon {
    hash: u64,
    /// What times are relative to.
    now: Ms,
    /// Nonces met so far; `None`: nonces and times count as they are.
    nonces: Option<Vec<String>>,
}

/// A status as far as it decides the future, worked out once: its texts, its times, its nonces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Everything but times and nonces.
    pub hash: u64,
    /// Times, in the order in which they were met.
    pub times: Vec<Ms>,
    /// Nonces, likewise.
    pub nonces: Vec<String>,
    /// Everything, as it is.
    pub exact: u64,
}

/// What decides nothing: jobs that have settled and since when a condition is so, for people; and what
/// follows from the nonce and the row.
const LEFT_OUT: [&str; 3] = ["jobs", "lastTransitionTime", "identities"];

/// A nonce of the explorer.
pub fn nonce(number: u32) -> String {
    format!("n{number:06}")
}

/// Tells specs apart by the manifests that they are of.
pub fn tag(manifest: &impl std::fmt::Debug) -> u64 {
    let mut canon = Canon::exact();
    canon.text(&format!("{manifest:?}"));
    canon.finish()
}

fn is_nonce(text: &str) -> bool {
    text.len() == 7 && text.starts_with('n') && text.bytes().skip(1).all(|byte| byte.is_ascii_digit())
}

impl Shape {
    /// The shape of a status.
    pub fn of(status: &impl serde::Serialize) -> Self {
        let value = serde_json::to_value(status).unwrap();
        let (mut shape, mut canon) = (Self::default(), Canon::exact());
        shape.walk(&value, &mut canon);
        shape.hash = canon.hash;
        let mut exact = Canon::exact();
        exact.word(shape.hash);
        shape.times.iter().for_each(|time| exact.time(*time));
        shape.nonces.iter().for_each(|nonce| exact.nonce(nonce));
        shape.exact = exact.hash;
        shape
    }

    fn walk(&mut self, value: &Value, canon: &mut Canon) {
        match value {
            Value::Null => canon.word(1),
            Value::Bool(yes) => canon.word(2 + u64::from(*yes)),
            Value::Number(number) => canon.word(number.as_i64().unwrap().cast_unsigned()),
            Value::String(text) if is_nonce(text) => {
                canon.word(4);
                self.nonces.push(text.clone());
            }
            Value::String(text) => {
                let time = (text.len() >= 20 && text.ends_with('Z')).then(|| text.parse::<Timestamp>());
                match time {
                    Some(Ok(time)) => {
                        canon.word(5);
                        self.times.push(moment(time));
                    }
                    _ => canon.text(text),
                }
            }
            Value::Array(items) => {
                canon.word(6);
                canon.count(items.len());
                items.iter().for_each(|item| self.walk(item, canon));
            }
            Value::Object(members) => {
                canon.word(7);
                for (name, value) in members.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str())) {
                    canon.text(name);
                    self.walk(value, canon);
                }
                canon.word(8);
            }
        }
    }
}

impl Canon {
    /// One that takes times relative to `now` and nonces by their order.
    pub fn at(now: Ms) -> Self {
        Self { hash: 0x9e37_79b9_7f4a_7c15, now, nonces: Some(Vec::new()) }
    }

    /// One that takes everything as it is.
    pub fn exact() -> Self {
        Self { hash: 0x9e37_79b9_7f4a_7c15, now: 0, nonces: None }
    }

    /// The fingerprint.
    pub fn finish(self) -> u64 {
        self.hash
    }

    /// Any word.
    pub fn word(&mut self, word: u64) {
        let mut z = self.hash.rotate_left(23) ^ word;
        z = (z ^ (z >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        self.hash = z ^ (z >> 29);
    }

    /// A number of things.
    pub fn count(&mut self, count: usize) {
        self.word(count as u64);
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        self.count(text.len());
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// A time.
    pub fn time(&mut self, time: Ms) {
        self.word((time - self.now).cast_unsigned());
    }

    /// A time that may be missing.
    pub fn maybe_time(&mut self, time: Option<Ms>) {
        match time {
            Some(time) => self.time(time),
            None => self.word(u64::MAX),
        }
    }

    /// A time of a clock.
    pub fn stamp(&mut self, time: Option<Timestamp>) {
        self.maybe_time(time.map(moment));
    }

    /// A nonce.
    pub fn nonce(&mut self, nonce: &str) {
        let Some(nonces) = &mut self.nonces else { return self.text(nonce) };
        let place = match nonces.iter().position(|known| known == nonce) {
            Some(place) => place,
            None => {
                nonces.push(nonce.to_owned());
                nonces.len() - 1
            }
        };
        self.count(place);
    }

    /// Whether a nonce was met before. What is remembered of others never counts again.
    pub fn knows(&self, nonce: &str) -> bool {
        self.nonces.as_ref().is_none_or(|nonces| nonces.iter().any(|known| known == nonce))
    }

    /// A shape.
    pub fn shape(&mut self, shape: &Shape) {
        if self.nonces.is_none() {
            return self.word(shape.exact);
        }
        self.word(shape.hash);
        for nonce in &shape.nonces {
            self.nonce(nonce);
        }
        for time in &shape.times {
            self.time(*time);
        }
    }

    /// An object, but for its version.
    pub fn object<K: Kind>(&mut self, object: &Object<K>) {
        self.word(u64::from(object.uid));
        self.word(object.generation.cast_unsigned());
        self.word(object.spec_tag);
        self.word(u64::from(object.deleted) * 2 + u64::from(object.finalizer));
        self.shape(&object.status.shape);
    }

    /// An object beside the live one.
    pub fn other_object<K: Kind>(&mut self, object: &Arc<Object<K>>, live: Option<&Arc<Object<K>>>) {
        let same = live.is_some_and(|live| Arc::ptr_eq(live, object) || live.version == object.version);
        self.word(u64::from(same));
        if !same {
            self.object(object);
            let equal = live.is_some_and(|live| live.status.status == object.status.status);
            self.word(u64::from(equal));
        }
    }
}
