//! Users that several batches among the checked files declare.
//!
//! No object is wrong by itself, so neither the API server nor the operator refuses one. But a user has one
//! owner: the other object would end as UserConflict (ManagedElsewhere, or AlreadyExists by e-mail address).

use std::collections::BTreeMap;

use crate::users::check::Problem;
use crate::users::row::{DesiredRow, fold};

/// Namespace and connection: users of different ones cannot be told to be the same.
pub type Place = (String, String);

/// A user by what may not be there twice: the place, the field and its value as it is compared.
type User<'a> = (&'a Place, &'static str, String);

/// A batch and the users it declares.
#[derive(Debug)]
pub struct Claimant {
    /// Where it stands.
    pub file: String,
    /// How people know it: kind, namespace and name.
    pub object: String,
    /// Where its users are.
    pub place: Place,
    /// Its users.
    pub rows: Vec<DesiredRow>,
}

/// How people know an object.
#[must_use]
pub fn named(kind: &str, namespace: &str, name: &str) -> String {
    match namespace {
        "" => format!("{kind} {name}"),
        _ => format!("{kind} {namespace}/{name}"),
    }
}

/// What is wrong with each later claimant, in order: the index of the claimant and the problem.
#[must_use]
pub fn doubles(claimants: &[Claimant]) -> Vec<(usize, Problem)> {
    let mut first: BTreeMap<User<'_>, (usize, usize)> = BTreeMap::new();
    let mut found = Vec::new();
    for (i, claimant) in claimants.iter().enumerate() {
        for row in &claimant.rows {
            for (field, value) in [("username", fold(&row.username)), ("email", row.email.clone())] {
                if value.is_empty() {
                    continue;
                }
                let (holder, index) = *first.entry((&claimant.place, field, value)).or_insert((i, row.index));
                let Some(other) = claimants.get(holder).filter(|other| other.object != claimant.object)
                else {
                    // Doubles inside one object are problems of that object; an object that stands there
                    // twice is applied twice.
                    continue;
                };
                let message = format!(
                    "{field} is declared by {} as well (users[{index}] in {}); a user has one owner: take the row off one of the two",
                    other.object, other.file
                );
                found.push((i, Problem::of_row(row.index, &row.username, message)));
            }
        }
    }
    found
}
