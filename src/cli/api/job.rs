//! `api job`: the results of a bulk job.

use clap::Args;
use serde::Serialize;

use super::output::{Format, Table, count, note, plain, print, print_json};
use super::{Answer, Failure, Session};
use crate::jumpcloud::results::MAX_RESULTS;
use crate::jumpcloud::wire::{RowStatus, WorkResult};
use crate::users::clean;

/// Flags of `job`.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The job's id: jobID in the status of a batch.
    #[arg(value_name = "ID")]
    id: String,
}

/// The result of one user, as it is printed.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    /// JumpCloud's word, in lower case.
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// How many rows have which status; every word but the two known ones is another one.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Counts {
    rows: usize,
    finished: usize,
    pending: usize,
    other: usize,
}

#[derive(Serialize)]
struct Job<'a> {
    #[serde(rename = "jobID")]
    job_id: &'a str,
    counts: Counts,
    users: &'a [Row],
}

pub(super) async fn answer(session: &Session, args: &JobArgs) -> Result<Answer, Failure> {
    let results = session.client.job_results(&args.id, usize::MAX).await.map_err(|error| {
        if error.is_not_found() {
            session.failed("JumpCloud does not know this job, or not any more", &error)
        } else {
            session.failed("the job's results cannot be read", &error)
        }
    })?;
    let counts = Counts::of(&results);
    let rows: Vec<Row> = results.iter().map(|result| Row::of(result, session.show_emails)).collect();
    let summary = counts.sentence();
    match session.output {
        Format::Json => print_json(&Job { job_id: &args.id, counts, users: &rows })?,
        Format::Table if rows.is_empty() => {}
        Format::Table => print(&table(&rows, session.show_emails))?,
    }
    note(&summary);
    if results.len() >= MAX_RESULTS {
        note(&format!("only the first {MAX_RESULTS} rows were read (Cut)"));
    }
    Ok(Answer::Complete)
}

impl Row {
    fn of(result: &WorkResult, show_emails: bool) -> Self {
        // Of what was sent, only who it is about: the rest of it is not even kept.
        let (user, sent) = (&result.user, &result.persisted);
        let shown = |text: &String| Some(plain(text)).filter(|text| !text.is_empty());
        Self {
            status: match &result.status {
                RowStatus::Pending => "pending".to_owned(),
                RowStatus::Finished => "finished".to_owned(),
                RowStatus::Other(word) => clean::message(word, None),
                RowStatus::Missing => "none".to_owned(),
            },
            username: user.username.as_ref().or(sent.username.as_ref()).and_then(shown),
            email: user.email.as_ref().or(sent.email.as_ref()).filter(|_| show_emails).and_then(shown),
            id: user.id.as_ref().and_then(shown),
            message: result.message.as_deref().map(|text| clean::message(text, None)),
        }
    }
}

impl Counts {
    fn of(results: &[WorkResult]) -> Self {
        let mut counts = Self { rows: results.len(), ..Self::default() };
        for result in results {
            match result.status {
                RowStatus::Finished => counts.finished += 1,
                RowStatus::Pending => counts.pending += 1,
                RowStatus::Other(_) | RowStatus::Missing => counts.other += 1,
            }
        }
        counts
    }

    fn sentence(&self) -> String {
        let Self { rows, finished, pending, other } = self;
        format!("{}: {finished} finished, {pending} pending, {other} other", count(*rows, "row"))
    }
}

fn table(rows: &[Row], show_emails: bool) -> String {
    let email = show_emails.then_some("EMAIL");
    let mut table = Table::new(["STATUS", "USERNAME"].into_iter().chain(email).chain(["USER ID", "MESSAGE"]));
    for row in rows {
        let email = show_emails.then_some(row.email.as_deref());
        let first = [Some(row.status.as_str()), row.username.as_deref()];
        table.row(first.into_iter().chain(email).chain([row.id.as_deref(), row.message.as_deref()]));
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;
    use crate::jumpcloud::message::Secrets;

    fn results() -> Vec<WorkResult> {
        let secrets = Secrets::new(SecretString::from("canary-key"));
        [
            json!({"id": "r1", "status": "finished", "meta": {"systemUser": {"_id": "u1", "username": "ada", "email": "ada@example.com"}}}),
            json!({"id": "r2", "status": "Error", "statusMsg": "eva@example.com is taken\u{7}",
                "persistedFields": {"username": "eva", "email": "eva@example.com", "password": "canary-password"}}),
            json!({"id": "r3", "status": "pending"}),
            json!({"id": "r4"}),
        ]
        .iter()
        .map(|row| WorkResult::read(row, &secrets).unwrap())
        .collect()
    }

    #[test]
    fn a_row_names_its_user_and_no_address() {
        let rows: Vec<Row> = results().iter().map(|result| Row::of(result, false)).collect();
        assert_eq!(
            table(&rows, false),
            "STATUS    USERNAME  USER ID  MESSAGE\n\
             finished  ada       u1       -\n\
             error     eva       -        [address] is taken\n\
             pending   -         -        -\n\
             none      -         -        -\n"
        );
        let json = serde_json::to_string(&rows).unwrap();
        assert!(!json.contains('@') && !json.contains("canary"), "{json}");
    }

    #[test]
    fn addresses_are_shown_when_asked_for() {
        let rows: Vec<Row> = results().iter().map(|result| Row::of(result, true)).collect();
        let table = table(&rows, true);
        assert!(table.contains("ada@example.com") && table.contains("[address] is taken"), "{table}");
    }

    #[test]
    fn every_row_is_counted_once() {
        let counts = Counts::of(&results());
        assert_eq!(counts, Counts { rows: 4, finished: 1, pending: 1, other: 2 });
        assert_eq!(counts.sentence(), "4 rows: 1 finished, 1 pending, 2 other");
    }
}
