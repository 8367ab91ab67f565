//! What is known about each field, as one table: `facts/fields.csv`.
//!
//! The table is in our own words and says for every field where its fact comes from: D documented,
//! R seen in real code or answers, I inferred, then the place (SPEC, SEED, V1SPEC, ...: copies of the
//! vendor's description). It is the reference of the simulator's validation, and the
//! operator's field table is tested against it.

use std::sync::LazyLock;

const TABLE: &str = include_str!("../facts/fields.csv");

static FACTS: LazyLock<Vec<Fact>> = LazyLock::new(|| TABLE.lines().skip(1).filter_map(Fact::parse).collect());

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The request or answer that has the field, such as `bulk_create`, `bulk_update`, `v1_read`.
    pub route: &'static str,
    /// The field's path: `addresses[].locality`, `mfa.configured`, `username`.
    pub field: &'static str,
    /// `string`, `boolean`, `integer`, `date-time`, `object`, `array<string>`, `array<object>`, or
    /// `absent` for a field that this route, unlike its sibling, does not have.
    pub kind: &'static str,
    /// Limits, separated by semicolons: `required`, `unique`, `nullable`, `email`, `alphanumeric`,
    /// `non_empty`, `max_length=N`, `min=N`, `max=N`, `default=X`.
    pub limit: &'static str,
    /// The allowed values, separated by `|`; empty when any is.
    pub allowed: &'static str,
    /// Where the fact comes from.
    pub source: &'static str,
    /// What else is worth knowing.
    pub note: &'static str,
}

impl Fact {
    fn parse(line: &'static str) -> Option<Self> {
        let mut cells = line.split(',');
        let mut cell = || cells.next();
        Some(Self {
            route: cell()?,
            field: cell()?,
            kind: cell()?,
            limit: cell()?,
            allowed: cell()?,
            source: cell()?,
            note: cell()?,
        })
    }

    /// Whether the field is a field of the user itself, not of an object within.
    #[must_use]
    pub fn is_top_level(&self) -> bool {
        !self.field.contains('.')
    }

    /// Whether the limits name `word`.
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.limit.split(';').any(|limit| limit == word)
    }

    /// The number after `name=` in the limits.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.limit
            .split(';')
            .filter_map(|limit| limit.split_once('='))
            .find(|(key, _)| *key == name)?
            .1
            .parse()
            .ok()
    }

    /// The allowed values; none when any value is allowed.
    pub fn values(&self) -> impl Iterator<Item = &'static str> {
        self.allowed.split('|').filter(|value| !value.is_empty())
    }
}

/// The whole table.
#[must_use]
pub fn all() -> &'static [Fact] {
    &FACTS
}

/// The fields of a row of `POST /bulk/users`, nested ones too: 46 are top-level.
#[must_use]
pub fn bulk_create() -> Vec<&'static Fact> {
    of("bulk_create")
}

/// The fields of a row of `PATCH /bulk/users`, nested ones too: 47 are top-level.
#[must_use]
pub fn bulk_update() -> Vec<&'static Fact> {
    of("bulk_update")
}

/// The fields of `POST /systemusers`: those of bulk creation with the differences of V1.
#[must_use]
pub fn v1_create() -> Vec<&'static Fact> {
    overlay("bulk_create", "v1_create")
}

/// The fields of `PUT /systemusers/{id}`: those of bulk update with the differences of V1.
#[must_use]
pub fn v1_update() -> Vec<&'static Fact> {
    overlay("bulk_update", "v1_update")
}

/// The lines of one route.
#[must_use]
pub fn of(route: &str) -> Vec<&'static Fact> {
    all().iter().filter(|fact| fact.route == route).collect()
}

fn overlay(base: &str, differences: &str) -> Vec<&'static Fact> {
    let differences = of(differences);
    let replaced = |field: &str| {
        differences.iter().any(|fact| {
            fact.is_top_level()
                && field
                    .strip_prefix(fact.field)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    };
    let mut facts: Vec<_> = of(base).into_iter().filter(|fact| !replaced(fact.field)).collect();
    facts.extend(differences.iter().copied().filter(|fact| fact.kind != "absent"));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 8] =
        ["string", "boolean", "integer", "date-time", "object", "array<string>", "array<object>", "absent"];

    #[test]
    fn every_line_has_seven_cells_a_known_type_and_a_source() {
        assert_eq!(all().len(), TABLE.lines().count() - 1);
        for line in TABLE.lines() {
            assert_eq!(line.split(',').count(), 7, "{line}");
        }
        for fact in all() {
            assert!(KINDS.contains(&fact.kind), "{fact:?}");
            assert!(fact.source.starts_with(['D', 'R', 'I']), "{fact:?}");
            for limit in fact.limit.split(';').filter_map(|limit| limit.split_once('=')) {
                assert!(limit.0 == "default" || limit.1.parse::<u64>().is_ok(), "{fact:?}");
            }
        }
    }

    #[test]
    fn the_counts_are_the_documented_ones() {
        let top = |facts: Vec<&Fact>| facts.iter().filter(|fact| fact.is_top_level()).count();
        assert_eq!(top(bulk_create()), 46);
        assert_eq!(top(bulk_update()), 47);
    }

    #[test]
    fn no_field_is_named_twice_in_a_route() {
        let mut seen = std::collections::BTreeSet::new();
        for fact in all() {
            assert!(seen.insert((fact.route, fact.field)), "{fact:?}");
        }
    }

    #[test]
    fn v1_differs_where_the_table_says() {
        let restricted =
            |facts: Vec<&Fact>| facts.iter().find(|fact| fact.field == "restrictedFields").unwrap().kind;
        assert_eq!(restricted(bulk_create()), "object");
        assert_eq!(restricted(v1_create()), "array<object>");
        assert!(!v1_update().iter().any(|fact| fact.field == "passwordless_sudo" || fact.field == "id"));
        assert!(v1_update().iter().all(|fact| !fact.field.starts_with("restrictedFields.")));
    }
}
