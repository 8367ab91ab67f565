//! The command line of the development environment: builds the control plane's binaries, keeps a control plane running.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use devenv::binaries::{Binaries, ControllerManagerBinary};
use devenv::control_plane::{ControlPlane, ControllerManager, Controllers, Options};

/// A real Kubernetes control plane on this machine, without containers.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build etcd, kube-apiserver, kube-controller-manager and kubectl, unless they are there.
    Build,
    /// Keep a control plane running until Ctrl-C.
    Up {
        /// Folder for data, logs and kubeconfig: new or empty, and removed at the end.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Build => build(),
        Command::Up { dir } => up(dir),
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
    wait_for_the_end(&control_plane)?;
    eprintln!("devenv: ending");
    Ok(())
}

/// Returns on SIGINT, SIGTERM or SIGHUP; fails when a part of the control plane ends by itself.
///
/// Before this is called those signals end the process at once, which leaves nothing behind either.
fn wait_for_the_end(control_plane: &ControlPlane) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start tokio")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut check = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                _ = hangup.recv() => return Ok(()),
                _ = check.tick() => control_plane.check_running()?,
            }
        }
    })
}
