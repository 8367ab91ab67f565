//! The command line.

pub mod api;
pub mod check;
pub mod claims;
mod clashes;
pub mod crds;
pub mod flags;
pub mod reference;
pub mod run;
pub mod schema;
pub mod validate;
pub mod yaml;

use clap::{Parser, Subcommand};

/// Turns YAML into JumpCloud bulk user jobs, with the result of every user in status.
#[derive(Debug, Parser)]
#[command(name = "jumpcloud-operator", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator.
    Run(Box<flags::RunArgs>),
    /// Look into JumpCloud: schedules and jobs. The flags here go with each of its commands.
    Api(Box<api::ApiArgs>),
    /// Print the custom resource definitions, or write them into a folder.
    Crds(crds::CrdsArgs),
    /// Write the pages of docs/reference.
    #[command(hide = true)]
    Reference(reference::ReferenceArgs),
    /// Check manifests as the operator would, without a cluster.
    Validate(validate::ValidateArgs),
    /// Check that a cluster serves and allows what run needs.
    Check(check::CheckArgs),
}

/// Runs the command that the process was called with.
///
/// # Errors
/// What the command could not do; the process ends with exit code 1 then.
pub async fn main() -> anyhow::Result<std::process::ExitCode> {
    match Cli::parse().command {
        Command::Run(args) => run::run(*args).await,
        Command::Api(args) => api::api(*args).await,
        Command::Crds(args) => crds::print(&args),
        Command::Reference(args) => reference::write(&args),
        Command::Validate(args) => validate::validate(&args),
        Command::Check(args) => check::check(&args).await,
    }
}
