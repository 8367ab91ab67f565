//! The simulated JumpCloud, as a process of its own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use devenv::control_plane::ControlPlane;
use devenv::supervised::{Program, Supervised};
use serde::de::DeserializeOwned;

use super::wait;

/// Which users exist already, which rows fail, how long a job takes.
const PROFILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-profile.json");

/// What its first line says before the address.
const READY: &str = "jumpcloud-sim is ready at ";

/// How long it may take to listen, and to answer.
const LIMIT: Duration = Duration::from_secs(15);

/// A running simulator.
#[derive(Debug)]
pub(super) struct Simulator {
    process: Supervised,
    url: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Simulator {
    /// Starts it on a free port.
    pub(super) fn start(binary: &Path, control_plane: &ControlPlane) -> anyhow::Result<Self> {
        let scratch = control_plane.scratch();
        let program = Program::new("jumpcloud-sim", binary, scratch.path().join("simulator.log"))
            .args(["--listen", "127.0.0.1:0", "--profile", PROFILE])
            .scratch(scratch);
        let process = Supervised::spawn(program)?;
        let url = wait::until("the simulator's address", LIMIT, Duration::from_millis(50), || {
            process.check_running()?;
            let log = fs::read_to_string(process.log_path())?;
            let complete = log.lines().filter(|_| log.ends_with('\n'));
            Ok(complete.filter_map(|line| line.strip_prefix(READY)).next().map(|url| url.trim().to_owned()))
        })?;
        // A proxy of the environment is not for loopback.
        let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { process, url, client, runtime })
    }

    /// The process.
    pub(super) fn process(&self) -> &Supervised {
        &self.process
    }

    /// Its origin, `http://127.0.0.1:PORT`.
    pub(super) fn url(&self) -> &str {
        self.url.trim_end_matches('/')
    }

    /// What a control route tells, such as `ledger`.
    pub(super) fn tells<T: DeserializeOwned>(&self, route: &str) -> anyhow::Result<T> {
        let url = format!("{}/_sim/{route}", self.url());
        let answer = async { self.client.get(&url).send().await?.error_for_status()?.json().await };
        self.runtime.block_on(answer).with_context(|| format!("the simulator does not tell its {route}"))
    }
}
