//! Users as people declare them: the field table, rows, merging, checking, request bodies.
//!
//! Everything here is pure. Whatever depends on the set of fields is a loop over [`field::FIELDS`].

pub mod body;
pub mod check;
pub mod clean;
pub mod compare;
pub mod field;
pub mod merge;
pub mod protected;
pub mod row;
pub mod schema;
