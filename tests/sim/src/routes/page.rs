//! `limit`, `skip` and `fields`.

use super::Context;
use crate::http::answer::Answer;

/// Reads a number from the query, or gives `default`.
pub(super) fn number(context: &Context<'_>, name: &str, default: usize) -> Result<usize, Answer> {
    match context.call.parameter(name) {
        None => Ok(default),
        Some(text) => {
            text.parse().map_err(|_| context.error(400, &format!("Bad Request: {name} must be a number")))
        }
    }
}

/// Refuses a `limit` above `most`, as the live host does, and 0.
pub(super) fn checked(context: &Context<'_>, limit: usize, most: usize) -> Result<usize, Answer> {
    match limit {
        0 => Err(context.error(400, "Bad Request: limit must be at least 1")),
        limit if limit > most => {
            Err(context.error(400, &format!("Bad Request: limit is above the maximum of {most}")))
        }
        limit => Ok(limit),
    }
}

/// The names in a `fields` value.
pub(super) fn names(fields: &str) -> Option<Vec<String>> {
    let names: Vec<_> = fields.split([' ', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    (!names.is_empty()).then_some(names)
}
