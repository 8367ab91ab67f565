//! The simulator as a program, for the demo and for tests that want it in a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use jumpcloud_sim::settings::Key;
use jumpcloud_sim::{Settings, Sim};

/// Simulates JumpCloud's bulk user API on a local port.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// An API key of the first organisation, instead of those in the profile.
    #[arg(long, env = "JUMPCLOUD_SIM_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Seeds every random choice.
    #[arg(long)]
    seed: Option<u64>,
    /// A JSON file with settings; what it leaves out keeps its default.
    #[arg(long)]
    profile: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut settings = match &options.profile {
        None => Settings::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path);
            let text = text.with_context(|| format!("cannot read the profile {}", path.display()))?;
            Settings::from_json(&text)?
        }
    };
    if let Some(seed) = options.seed {
        settings.seed = seed;
    }
    if let Some(key) = options.api_key {
        let first =
            settings.organisations.first_mut().context("the profile has no organisation for --api-key")?;
        first.keys = vec![Key::new(key)];
    }
    let sim = Sim::listen(options.listen, settings).await?;
    println!("jumpcloud-sim is ready at {}", sim.url());
    ended().await
}

/// Waits for Ctrl-C or a polite request to end.
async fn ended() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}
