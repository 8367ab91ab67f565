//! Requests whose outcome is not known: how many each user is in.

use super::canon::Canon;

/// For each user that was ever in one, how many there are.
#[derive(Debug, Clone, Default)]
pub struct Unknown(Vec<(String, u8)>);

impl Unknown {
    /// A user is in one more.
    pub fn add(&mut self, name: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, times)) => *times += 1,
            None => self.0.push((name.to_owned(), 1)),
        }
    }

    /// The outcome of one with these users is known.
    pub fn settle(&mut self, names: &[String]) {
        for (_, times) in self.0.iter_mut().filter(|(name, _)| names.contains(name)) {
            *times = times.saturating_sub(1);
        }
    }

    /// How many a user is in.
    pub fn of(&self, name: &str) -> u8 {
        self.0.iter().find(|(known, _)| known == name).map_or(0, |(_, times)| *times)
    }

    /// The fingerprint.
    pub fn put_into(&self, canon: &mut Canon) {
        for (name, times) in &self.0 {
            canon.text(name);
            canon.word(u64::from(*times));
        }
    }
}
