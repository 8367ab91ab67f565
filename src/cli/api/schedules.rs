//! `api schedules` and `api schedules next`: what is scheduled.

use std::collections::HashSet;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::cancel;
use super::output::{Format, Table, count, note, plain, print, print_json};
use super::people::{self, People};
use super::{Answer, Failure, Session};
use crate::jumpcloud::schedules::{EventQuery, ListingEnd};
use crate::jumpcloud::wire::{EventState, ScheduledEvent};
use crate::users::clean;

/// Flags of `schedules`.
#[derive(Debug, Args)]
#[command(subcommand_value_name = "COMMAND")]
pub struct SchedulesArgs {
    /// Filter in JumpCloud's language, field:operator:value, such as state:eq:SUSPENDED; repeat for several,
    /// all of which must hold. JumpCloud applies it; whether it always does is not known.
    #[arg(long, value_parser = filter)]
    filter: Vec<String>,
    /// Only events of this user: id (24 hexadecimal digits), e-mail address or username.
    #[arg(long)]
    user: Option<String>,
    /// Most pages of 100 events that a listing reads; next needs none.
    #[arg(long, global = true, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    max_pages: u16,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the next activation and the next suspension of users.
    Next(NextArgs),
    /// Cancel the events with a scheduled job's id: those of every user who shares it.
    Cancel(cancel::CancelArgs),
}

/// Flags of `schedules next`.
#[derive(Debug, Args)]
struct NextArgs {
    /// Ids (24 hexadecimal digits), e-mail addresses or usernames.
    #[arg(required = true, value_name = "USER")]
    users: Vec<String>,
}

/// One event, as it is printed.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(rename = "userID")]
    user_id: String,
    #[serde(rename = "scheduledJobID")]
    scheduled_job_id: String,
}

#[derive(Serialize)]
struct Listed<'a> {
    end: &'static str,
    events: &'a [Row],
}

fn filter(text: &str) -> Result<String, String> {
    if text.split(':').filter(|part| !part.is_empty()).count() < 3 {
        return Err("write it as field:operator:value".to_owned());
    }
    Ok(text.to_owned())
}

impl SchedulesArgs {
    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.command.is_some() && (self.user.is_some() || !self.filter.is_empty()) {
            return Err(
                "--filter and --user belong to the listing: leave them out of next and cancel".to_owned()
            );
        }
        Ok(())
    }
}

pub(super) async fn answer(session: &Session, args: &SchedulesArgs) -> Result<Answer, Failure> {
    match &args.command {
        None => list(session, args).await,
        Some(Command::Next(next)) => self::next(session, &next.users).await,
        Some(Command::Cancel(cancel)) => cancel::answer(session, cancel, args.max_pages).await,
    }
}

async fn list(session: &Session, args: &SchedulesArgs) -> Result<Answer, Failure> {
    let mut query = EventQuery { filters: args.filter.clone(), ..EventQuery::default() };
    let mut answer = Answer::Complete;
    if let Some(user) = &args.user {
        let resolved = people::resolve(session, std::slice::from_ref(user)).await?;
        answer = resolved.answer;
        match resolved.ids.into_iter().next() {
            Some(id) => query.user = Some(id),
            None => return Ok(answer),
        }
    }
    let (rows, end) = rows(session, &query, args.max_pages, |_| true).await?;
    show(session, &rows, word(end))?;
    note(&format!("{}; {}", count(rows.len(), "event"), explained(end, args.max_pages)));
    Ok(answer)
}

async fn next(session: &Session, users: &[String]) -> Result<Answer, Failure> {
    let resolved = people::resolve(session, users).await?;
    let found = session.client.next_events(&resolved.ids).await;
    let found = found.map_err(|error| session.failed("the next events cannot be read", &error))?;
    let rows = sorted(session, &found.events, &resolved.people);
    show(session, &rows, word(found.end))?;
    // Its pages are always read to the end.
    if let Some(gap) = gap(found.end, u16::MAX) {
        note(&gap);
    }
    let busy: HashSet<&str> = found.events.iter().map(|event| event.user_id.as_str()).collect();
    for id in resolved.ids.iter().filter(|id| !busy.contains(id.as_str())) {
        let name = resolved.people.username(id);
        note(&format!("nothing is scheduled for {}", name.as_deref().unwrap_or(id)));
    }
    Ok(resolved.answer)
}

/// The events that were asked for and are `wanted`, by time, with the names of their users.
pub(super) async fn rows(
    session: &Session,
    query: &EventQuery,
    max_pages: u16,
    wanted: impl Fn(&ScheduledEvent) -> bool,
) -> Result<(Vec<Row>, ListingEnd), Failure> {
    let listing = session.client.list_schedules(query, usize::from(max_pages)).await;
    let listing = listing.map_err(|error| session.failed("the schedules cannot be listed", &error))?;
    let events: Vec<ScheduledEvent> = listing.events.into_iter().filter(wanted).collect();
    let people = people::name(session, events.iter().map(|event| event.user_id.as_str())).await;
    Ok((sorted(session, &events, &people), listing.end))
}

fn sorted(session: &Session, events: &[ScheduledEvent], people: &People) -> Vec<Row> {
    let mut events: Vec<(Option<String>, &ScheduledEvent)> =
        events.iter().map(|event| (people.username(&event.user_id), event)).collect();
    // Those without a date come last. JumpCloud promises no order.
    events.sort_by(|(a_name, a), (b_name, b)| {
        (a.date.is_none(), a.date, a_name, &a.user_id, &a.job_id).cmp(&(
            b.date.is_none(),
            b.date,
            b_name,
            &b.user_id,
            &b.job_id,
        ))
    });
    let row = |(username, event): (Option<String>, &ScheduledEvent)| Row {
        time: event.date.map(|date| date.to_string()),
        state: match &event.state {
            EventState::Activated => "Activated".to_owned(),
            EventState::Suspended => "Suspended".to_owned(),
            EventState::Other(word) => clean::cut(&clean::message(word, None), 64),
        },
        username,
        email: people.email(session, &event.user_id),
        user_id: plain(&event.user_id),
        scheduled_job_id: plain(&event.job_id),
    };
    events.into_iter().map(row).collect()
}

/// Prints events.
fn show(session: &Session, rows: &[Row], end: &'static str) -> Result<(), Failure> {
    match session.output {
        Format::Json => print_json(&Listed { end, events: rows }),
        Format::Table if rows.is_empty() => Ok(()),
        Format::Table => print(&table(rows, session.show_emails)),
    }
}

/// Events as a table.
pub(super) fn table(rows: &[Row], show_emails: bool) -> String {
    let email = show_emails.then_some("EMAIL");
    let mut table = Table::new(
        ["TIME", "STATE", "USERNAME"].into_iter().chain(email).chain(["USER ID", "SCHEDULED JOB ID"]),
    );
    for row in rows {
        let email = show_emails.then_some(row.email.as_deref());
        let first = [row.time.as_deref(), Some(row.state.as_str()), row.username.as_deref()];
        let last = [Some(row.user_id.as_str()), Some(row.scheduled_job_id.as_str())];
        table.row(first.into_iter().chain(email).chain(last));
    }
    table.to_string()
}

const fn word(end: ListingEnd) -> &'static str {
    match end {
        ListingEnd::Whole => "Whole",
        ListingEnd::Moved => "Moved",
        ListingEnd::Cut => "Cut",
    }
}

/// The end of a listing in a sentence.
fn explained(end: ListingEnd, max_pages: u16) -> String {
    match end {
        ListingEnd::Whole => "the listing is whole (Whole)".to_owned(),
        ListingEnd::Moved => {
            "rows moved between pages meanwhile, so some may be missing (Moved); list again".to_owned()
        }
        ListingEnd::Cut => format!(
            "there is more beyond {} (Cut); raise --max-pages, or narrow it with --user or --filter",
            count(usize::from(max_pages), "page")
        ),
    }
}

/// A listing that may lack rows, in a sentence; nothing when it is whole.
pub(super) fn gap(end: ListingEnd, max_pages: u16) -> Option<String> {
    (end != ListingEnd::Whole).then(|| explained(end, max_pages))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows() -> [Row; 2] {
        let row = |time: Option<&str>, username: Option<&str>| Row {
            time: time.map(str::to_owned),
            state: "Suspended".to_owned(),
            username: username.map(str::to_owned),
            email: username.map(|name| format!("{name}@example.com")),
            user_id: "5f0c1d2e3a4b5c6d7e8f9a01".to_owned(),
            scheduled_job_id: "job-1".to_owned(),
        };
        [row(Some("2100-01-04T08:00:00Z"), Some("ada")), row(None, None)]
    }

    #[test]
    fn a_table_has_a_column_of_addresses_only_when_asked() {
        assert_eq!(
            table(&rows(), false),
            "TIME                  STATE      USERNAME  USER ID                   SCHEDULED JOB ID\n\
             2100-01-04T08:00:00Z  Suspended  ada       5f0c1d2e3a4b5c6d7e8f9a01  job-1\n\
             -                     Suspended  -         5f0c1d2e3a4b5c6d7e8f9a01  job-1\n"
        );
        assert!(table(&rows(), true).contains("  ada@example.com  "));
    }

    #[test]
    fn names_in_json_are_those_of_the_kinds() {
        let printed = serde_json::to_value(Listed { end: "Cut", events: &rows() }).unwrap();
        assert_eq!(printed["end"], "Cut");
        assert_eq!(
            printed["events"][1],
            json!({"state": "Suspended", "userID": "5f0c1d2e3a4b5c6d7e8f9a01", "scheduledJobID": "job-1"})
        );
        assert_eq!(printed["events"][0]["time"], "2100-01-04T08:00:00Z");
        assert_eq!(printed["events"][0]["username"], "ada");
    }

    #[test]
    fn a_filter_has_three_parts() {
        assert!(filter("scheduledDate:eq:2100-01-04T08:00:00.000Z").is_ok());
        for text in ["", "state", "state:eq", "state:eq:", "::"] {
            assert!(filter(text).is_err(), "{text}");
        }
    }
}
