//! Lists and searches over the users of an organisation.

use std::cmp::Ordering;

use jiff::Timestamp;
use rand::Rng;
use rand::seq::SliceRandom;
use serde_json::Value;

use super::filter::{Filter, at, compared};
use super::store::{User, UserStore};
use crate::clock::after;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) filter: Filter,
    pub(crate) terms: Option<Terms>,
    pub(crate) sort: Vec<Sort>,
    pub(crate) skip: usize,
    pub(crate) limit: usize,
}

/// A `searchFilter`: any term is part of any field, whatever the letter case.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) terms: Vec<String>,
    pub(crate) fields: Vec<String>,
}

/// One key of the order.
#[derive(Clone, Debug)]
pub(crate) struct Sort {
    field: String,
    descending: bool,
}

impl Sort {
    /// Reads keys separated by spaces or commas; a leading minus descends.
    pub(crate) fn read(text: &str) -> Vec<Self> {
        text.split([' ', ','])
            .filter(|key| !key.is_empty())
            .map(|key| match key.strip_prefix('-') {
                Some(field) => Self { field: field.to_owned(), descending: true },
                None => Self { field: key.to_owned(), descending: false },
            })
            .collect()
    }
}

impl Terms {
    fn matches(&self, user: &User) -> bool {
        self.fields.iter().filter_map(|field| at(&user.fields, field)).filter_map(Value::as_str).any(
            |value| {
                let value = value.to_lowercase();
                self.terms.iter().any(|term| value.contains(&term.to_lowercase()))
            },
        )
    }
}

/// When a user can be found, and in which order without a sort.
pub(crate) struct Visibility {
    pub(crate) now: Timestamp,
    pub(crate) lag: std::time::Duration,
    pub(crate) shuffle_unsorted: bool,
}

/// The number of matches, and those of the page.
pub(crate) fn run<'a>(
    store: &'a UserStore,
    query: &Query,
    visibility: &Visibility,
    rng: &mut impl Rng,
) -> (usize, Vec<&'a User>) {
    let is_match = |user: &&User| {
        after(user.created, visibility.lag) <= visibility.now
            && query.filter.matches(user)
            && query.terms.as_ref().is_none_or(|terms| terms.matches(user))
    };
    let mut found: Vec<&User> = if query.filter.is_indexed() {
        let mut candidates: Vec<&User> =
            query.filter.exact().into_iter().filter_map(|exact| by_exact(store, exact)).collect();
        candidates.sort_by(|a, b| a.id.cmp(&b.id));
        candidates.dedup_by(|a, b| a.id == b.id);
        candidates.into_iter().filter(is_match).collect()
    } else {
        store.iter().filter(is_match).collect()
    };
    if !query.sort.is_empty() {
        found.sort_by(|a, b| order(a, b, &query.sort));
    } else if visibility.shuffle_unsorted {
        found.shuffle(rng);
    }
    let total = found.len();
    (total, found.into_iter().skip(query.skip).take(query.limit).collect())
}

fn by_exact<'a>(store: &'a UserStore, (field, value): (&str, &str)) -> Option<&'a User> {
    match field {
        "_id" | "id" => store.get(value),
        _ => store.by_unique(field, value),
    }
}

fn order(a: &User, b: &User, sort: &[Sort]) -> Ordering {
    sort.iter()
        .map(|key| {
            let order = match key.field.as_str() {
                "_id" | "id" => a.id.cmp(&b.id),
                field => match (at(&a.fields, field), at(&b.fields, field)) {
                    (Some(a), Some(b)) => compared(a, b).unwrap_or(Ordering::Equal),
                    (a, b) => a.is_some().cmp(&b.is_some()),
                },
            };
            if key.descending { order.reverse() } else { order }
        })
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.id.cmp(&b.id))
}
