//! A stateful simulator of JumpCloud's bulk user API, for tests and the demo.
//!
//! It speaks raw JSON as the vendor describes it and shares no type with the operator's client, so
//! that a misreading there is not mirrored here. Each point that the vendor's documents leave open
//! is a setting ([`Settings`]); each way in which a network or a server goes wrong is a fault rule
//! ([`FaultRule`]); what was asked and what happened is in an append-only ledger ([`Entry`]), from
//! which [`invariants`] are checked.
//!
//! # How to read it
//! [`Sim`] is the handle that tests hold. A request comes in at `http::serve`, meets the fault
//! rules, is carried out by `routes` on the `world` (all state, behind one lock) and recorded;
//! `http::reply` sends what the fault leaves of the answer. Bulk jobs and schedules are carried out when
//! the clock has passed their time, just before the next request is looked at.
//!
//! # Guarantees
//! - Keys, client secrets, tokens, passwords and bodies are never in the ledger. The results of a job hold the submitted
//!   row with its password when `jobs.persisted_fields` says so, as the real ones may.
//! - With the same settings, seed, requests and a clock moved by hand, a run is the same again but
//!   for ids' seconds and real times.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use jumpcloud_sim::{DEFAULT_ORGANISATION, Settings, Sim};
//!
//! let sim = Sim::start(Settings::default()).await?;
//! let user = serde_json::json!({"username": "ada", "email": "ada@example.com"});
//! sim.add_user(DEFAULT_ORGANISATION, &user)?;
//! assert_eq!(sim.users().len(), 1);
//! assert!(sim.url().starts_with("http://127.0.0.1:"));
//! # Ok(())
//! # }
//! ```

pub mod clock;
pub mod facts;
pub mod fault;
mod fingerprint;
mod hold;
mod http;
pub mod invariants;
pub mod ledger;
mod route;
mod routes;
mod schedules;
pub mod settings;
mod sim;
mod users;
mod world;

pub use fault::{Act, FaultRule, Reply, Weather};
pub use fingerprint::key_fingerprint;
pub use hold::{Held, Hold};
pub use ledger::{Entry, What};
pub use route::Route;
pub use settings::{DEFAULT_KEY, DEFAULT_ORGANISATION, Pattern, Settings};
pub use sim::{Sim, StartError, StillBusy};
pub use world::Refused;
