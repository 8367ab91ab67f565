//! `api schedules cancel`: the only write of `api`.
//!
//! Guarantees: what is cancelled was shown before, as far as JumpCloud listed it, and somebody agreed to it.
//! Nothing is sent when it could not be shown.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;

use super::output::{Format, count, note, print, print_json};
use super::schedules::{Row, gap, rows, table};
use super::{Answer, Failure, Session};
use crate::jumpcloud::schedules::{EventQuery, ListingEnd};
use crate::jumpcloud::users::Deletion;
use crate::jumpcloud::wire::ScheduledEvent;

/// Flags of `schedules cancel`.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The scheduledJobID of the events.
    #[arg(value_name = "ID")]
    id: String,
    /// Do not ask. Needed when standard input is no terminal.
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Cancelled<'a> {
    /// Cancelled, or AlreadyGone.
    result: &'static str,
    events: &'a [Row],
}

pub(super) async fn answer(session: &Session, args: &CancelArgs, max_pages: u16) -> Result<Answer, Failure> {
    if let Some(why) = &session.read_only {
        return Err(Failure::Failed(anyhow!("{why}")));
    }
    let is_meant = |event: &ScheduledEvent| event.job_id == args.id;
    let (rows, end) = rows(session, &EventQuery::default(), max_pages, is_meant).await?;
    if rows.is_empty() && end == ListingEnd::Whole {
        return gone(session);
    }
    show(session, &rows)?;
    match rows.len() {
        0 => note("no event with this id is among those that were read"),
        number => note(&format!("to be cancelled: {}", count(number, "event"))),
    }
    if let Some(gap) = gap(end, max_pages) {
        note(&format!("there may be more with this id: {gap}"));
    }
    if !args.yes && !is_confirmed()? {
        return Err(Failure::Failed(anyhow!("nothing was cancelled")));
    }
    match session.client.delete_schedule(&args.id).await {
        Ok(Deletion::Deleted) => done(session, "Cancelled", &rows),
        Ok(Deletion::AlreadyGone) => gone(session),
        Err(error) => {
            let sent = if error.is_not_sent() { "" } else { "; list them again to see what is left" };
            Err(session.failed(&format!("the events may not be cancelled{sent}"), &error))
        }
    }
}

/// What will be cancelled, where it does not mix with the result.
fn show(session: &Session, rows: &[Row]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let table = table(rows, session.show_emails);
    match session.output {
        Format::Json => {
            note(table.trim_end());
            Ok(())
        }
        Format::Table => print(&table).map_err(|failure| match failure {
            Failure::Closed => {
                Failure::Failed(anyhow!("the events could not be shown, so nothing was cancelled"))
            }
            other => other,
        }),
    }
}

fn gone(session: &Session) -> Result<Answer, Failure> {
    note("there is no event with this id: executed, cancelled before, or never there");
    match session.output {
        Format::Json => print_json(&Cancelled { result: "AlreadyGone", events: &[] })?,
        Format::Table => {}
    }
    Ok(Answer::Complete)
}

fn done(session: &Session, result: &'static str, rows: &[Row]) -> Result<Answer, Failure> {
    note(&match rows.len() {
        0 => "cancelled".to_owned(),
        number => format!("cancelled: {}", count(number, "event")),
    });
    match session.output {
        Format::Json => print_json(&Cancelled { result, events: rows })?,
        Format::Table => {}
    }
    Ok(Answer::Complete)
}

/// Asks on the terminal.
fn is_confirmed() -> Result<bool, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let why = "standard input is no terminal, so nobody can be asked: add --yes; nothing was cancelled";
        return Err(Failure::Usage(why.to_owned()));
    }
    let mut out = std::io::stderr().lock();
    drop(write!(out, "Type yes to cancel: ").and_then(|()| out.flush()));
    Ok(is_yes(stdin.lock()))
}

/// Whether the next line is `yes`; nothing else will do.
fn is_yes(mut input: impl BufRead) -> bool {
    let mut line = String::new();
    input.read_line(&mut line).is_ok() && line.trim() == "yes"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(is_yes(&b"yes\n"[..]) && is_yes(&b" yes"[..]));
        for line in ["", "\n", "y\n", "YES\n", "yes please\n", "no\nyes\n"] {
            assert!(!is_yes(line.as_bytes()), "{line:?}");
        }
    }
}
