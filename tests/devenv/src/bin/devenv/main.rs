//! The command line of the development environment: builds the control plane's binaries, keeps a control plane running,
//! shows the operator at work, runs the tools of packaging.

mod chart;
mod demo;
mod deploy;
mod ending;
mod openapi;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use devenv::binaries::{Binaries, ControllerManagerBinary};
use devenv::control_plane::{ControlPlane, ControllerManager, Controllers, Options};
use devenv::error::Error;
use devenv::go_answers::Program;
use devenv::packaging::Helm;
use devenv::tools;

/// A real Kubernetes control plane on this machine, without containers.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build etcd, kube-apiserver, kube-controller-manager, kubectl, helm and the programs that tests ask, unless they are there.
    Build,
    /// Keep a control plane running until Ctrl-C.
    Up {
        /// Folder for data, logs and kubeconfig: new or empty, and removed at the end.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Write the files of charts/ that are made from crds/ and values.yaml.
    Chart,
    /// Write the manifests of deploy/ that are rendered from the chart.
    Deploy,
    /// Write what a version of Kubernetes says of the kinds that are rendered, for tests.
    Openapi {
        /// The version, such as 1.33.2.
        version: String,
    },
    /// Show the operator at work on 250 users and two dates, with a simulated JumpCloud.
    Demo {
        /// Install it by Helm.
        #[arg(long)]
        helm: bool,
    },
    /// Run a tool of tests/packaging, which is built before when it has changed.
    Tool {
        /// Which one: image, crane, actionlint or helm.
        name: String,
        /// What it is told.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Build => build(),
        Command::Up { dir } => up(dir),
        Command::Chart => chart::write(),
        Command::Deploy => deploy::write(),
        Command::Openapi { version } => openapi::write(&version),
        Command::Demo { helm: false } => demo::run(demo::Way::Manifests),
        Command::Demo { helm: true } => demo::run(demo::Way::Chart),
        Command::Tool { name, arguments } => tool(&name, &arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace that RUST_BACKTRACE adds to a returned error: it buries what to do.
            eprintln!("devenv: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> anyhow::Result<()> {
    let binaries = Binaries::locate_or_build()?;
    for path in [&binaries.etcd, &binaries.kube_apiserver, &binaries.kubectl] {
        println!("{}", path.display());
    }
    match binaries.controller_manager {
        ControllerManagerBinary::Found(path) => println!("{}", path.display()),
        ControllerManagerBinary::Absent(reason) => eprintln!("devenv: {reason}"),
    }
    println!("{}", Helm::locate_or_build()?.path().display());
    for program in Program::ALL {
        match program.build() {
            Ok(path) => println!("{}", path.display()),
            // With ready-made binaries tests run without Go; those that ask say what they leave out.
            Err(error @ Error::GoMissing { .. }) => eprintln!("devenv: {error}"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn up(directory: Option<PathBuf>) -> anyhow::Result<()> {
    eprintln!("devenv: starting a control plane");
    let control_plane = ControlPlane::start(Options { controllers: Controllers::Run, directory })?;
    if let ControllerManager::Absent(reason) = control_plane.controller_manager() {
        eprintln!("devenv: namespaces will not go away when deleted: {reason}");
    }
    eprintln!("devenv: {} is ready; in another terminal:", control_plane.server_url());
    // Alone on standard output, for scripts that start this.
    println!("export KUBECONFIG={}", control_plane.admin_kubeconfig().display());
    eprintln!("devenv: kubectl is {}", control_plane.binaries().kubectl.display());
    eprintln!("devenv: logs and audit.log are beside the kubeconfig; Ctrl-C ends it and removes all of it");
    ending::wait(|| Ok(control_plane.check_running()?))?;
    eprintln!("devenv: ending");
    Ok(())
}

fn tool(name: &str, arguments: &[OsString]) -> anyhow::Result<()> {
    // Helm with the person's own settings: whoever pushes a chart has logged in before.
    let path =
        if name == "helm" { Helm::locate_or_build()?.path().to_owned() } else { tools::provide(name)? };
    let status = std::process::Command::new(&path).args(arguments).status()?;
    anyhow::ensure!(status.success(), "{name} ended with {status}");
    Ok(())
}
