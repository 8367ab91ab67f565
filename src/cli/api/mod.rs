//! `jumpcloud-operator api`: what JumpCloud says of schedules and jobs, for people.
//!
//! Guarantees: nothing is written but by `schedules cancel`, which shows what it is about to cancel and asks.
//! Results go to standard output, everything that is said about them to standard error. No password and no key
//! is printed, and no e-mail address unless `--show-emails` asks for it.
//!
//! Assumption: whoever runs this may read what the credential can read; nothing is hidden from them but by
//! what is said above.

mod cancel;
mod job;
mod output;
mod people;
mod place;
mod schedules;

use std::process::ExitCode;

use anyhow::anyhow;
use clap::{Args, Subcommand};

use self::output::{Format, note};
use crate::jumpcloud::client::JumpCloud;
use crate::jumpcloud::error::Error;
use crate::runtime::telemetry::{self, LogFormat};
use crate::users::clean;

/// Flags of `api`, which each of its commands takes.
#[derive(Debug, Args)]
pub struct ApiArgs {
    #[command(flatten)]
    place: place::PlaceArgs,
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value = "table")]
    output: Format,
    /// Print e-mail addresses of users as well.
    #[arg(long, global = true)]
    show_emails: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List scheduled state changes that were not executed yet.
    Schedules(schedules::SchedulesArgs),
    /// Show the results of a bulk job, user by user.
    Job(job::JobArgs),
}

/// The way to JumpCloud, and what may be shown.
struct Session {
    client: JumpCloud,
    /// Where the credential is from, in words.
    credential: String,
    /// Why nothing may be written, if so.
    read_only: Option<String>,
    output: Format,
    show_emails: bool,
}

/// Whether everything that was asked for was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Complete,
    Incomplete,
}

/// Why there is no answer.
#[derive(Debug)]
enum Failure {
    /// The command line is at fault.
    Usage(String),
    /// Something did not work.
    Failed(anyhow::Error),
    /// Whoever read the output has enough of it.
    Closed,
}

/// Asks JumpCloud and prints the answer.
///
/// # Errors
/// When there is no answer; the text says what to do and holds no credential.
pub async fn api(args: ApiArgs) -> anyhow::Result<ExitCode> {
    telemetry::init("warn", LogFormat::Text)?;
    match answer(args).await {
        Ok(Answer::Complete) | Err(Failure::Closed) => Ok(ExitCode::SUCCESS),
        Ok(Answer::Incomplete) => Ok(ExitCode::FAILURE),
        Err(Failure::Usage(why)) => {
            note(&format!("error: {why}\n\nFor more information, try '--help'."));
            Ok(ExitCode::from(2))
        }
        Err(Failure::Failed(error)) => Err(error),
    }
}

async fn answer(args: ApiArgs) -> Result<Answer, Failure> {
    if let Command::Schedules(schedules) = &args.command {
        schedules.check().map_err(Failure::Usage)?;
    }
    let place = args.place.open().await?;
    let session = Session {
        client: place.client,
        credential: place.credential,
        read_only: place.read_only,
        output: args.output,
        show_emails: args.show_emails,
    };
    match &args.command {
        Command::Schedules(args) => schedules::answer(&session, args).await,
        Command::Job(args) => job::answer(&session, args).await,
    }
}

impl Session {
    /// The failure of a request, with JumpCloud's words as far as they may be shown.
    fn failed(&self, what: &str, error: &Error) -> Failure {
        let mut text = format!("{what}: {error}");
        if error.is_credentials() || error.is_redirect() {
            text.push_str(&format!(" (used was {}; a key belongs to one region)", self.credential));
        }
        let said = error.message().map(|message| clean::message(message, None)).unwrap_or_default();
        if !said.is_empty() {
            text.push_str(&format!("; JumpCloud says: {said}"));
        }
        Failure::Failed(anyhow!(text))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}
