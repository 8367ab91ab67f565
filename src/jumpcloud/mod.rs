//! The client of the JumpCloud API: bulk jobs, scheduled state changes, users and organisations.
//!
//! Purpose: one place that knows how to speak to JumpCloud, so that the rest of the operator deals in
//! users, jobs and outcomes. Start with [`client`]. Every method that makes a request has an example; they
//! all begin like this one, with the simulator in place of JumpCloud:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use jumpcloud_operator::jumpcloud::auth::Credential;
//! use jumpcloud_operator::jumpcloud::bucket::Limits;
//! use jumpcloud_operator::jumpcloud::client::{ClientConfig, JumpCloud};
//! use jumpcloud_operator::jumpcloud::endpoint::Endpoint;
//! use jumpcloud_operator::jumpcloud::throttle::Throttle;
//! use jumpcloud_sim::{DEFAULT_KEY, Settings, Sim};
//!
//! let sim = Sim::start(Settings::default()).await?;
//! let endpoint = Endpoint::origin(sim.url())?;
//! let credential = Credential::ApiKey(DEFAULT_KEY.into());
//! let client = JumpCloud::new(ClientConfig::new(endpoint, credential, Throttle::new(Limits::default())))?;
//! assert_eq!(client.organizations().await?.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! Guarantees:
//! - A bulk request, or one that schedules, becomes at most one HTTP request of which JumpCloud saw a byte;
//!   what became of it is a [`delivery::Delivery`], and "unknown" is never reported as a failure.
//! - Reads are repeated within a deadline; nothing else is, unless it provably never left this host.
//! - The credential travels only to the configured origin: redirects are not followed and the proxy
//!   variables of the environment are ignored. It is in no log line, error text or `Debug` output.
//! - Answers are read leniently and within a size limit: unknown fields are ignored, a bad row does not
//!   spoil its page.
//!
//! Assumptions: what the vendor's documents leave open is not relied upon; each such point is a setting of
//! the simulator in tests/sim, against which this module is tested (tests/client).

pub mod auth;
pub mod bucket;
pub mod client;
pub mod delivery;
pub mod endpoint;
pub mod error;
pub(crate) mod message;
pub mod observe;
pub mod organizations;
pub(crate) mod paginate;
pub mod results;
pub(crate) mod retry;
pub mod schedules;
pub mod throttle;
pub mod throttles;
pub mod token;
pub(crate) mod transport;
pub mod users;
pub mod wire;
