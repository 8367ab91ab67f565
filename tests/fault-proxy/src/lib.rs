//! A proxy between a client and a kube-apiserver that makes requests go wrong, as rules say.
//!
//! # Guarantees
//! - What no rule is about passes unchanged, with the client's own bearer token: the API server and its audit log see who
//!   the client is.
//! - A request that a rule lets through is carried out even when the client has left meanwhile, as a slow network would.
//! - Watches are passed on event by event, and end upstream when the client leaves.
//! - Every request, every event that a rule changed and every watch that was cut or frozen is in the [`Proxy::log`].
//! - It ends with its [`Proxy`], also when a test panics; it needs no runtime of its owner, and none of its owner's threads.
//!
//! # Assumptions
//! Clients speak HTTP/1.1, which is all that is offered to them: kube's client knows nothing else, and kubectl takes it. No
//! upgrades (exec, port-forward). Watches are JSON, an event a line; one in protobuf passes without regard to rules for events.
//!
//! ```no_run
//! use fault_proxy::{FaultRule, Proxy, Which};
//! // The first write of each object's status is carried out, and nobody hears of it.
//! let rule = FaultRule::drop_reply().of(Which::writes().on("jumpclouduserbatches/status")).each().times(1);
//! let proxy = Proxy::start("admin.kubeconfig".as_ref(), vec![rule]).unwrap();
//! println!("export KUBECONFIG={}", proxy.kubeconfig().display());
//! ```

mod book;
mod certificate;
mod error;
mod fault;
mod kubeconfig;
mod log;
mod proxy;
mod rule;
mod serve;
mod status;
mod target;
mod watch;
mod weather;

pub use error::{Error, Result};
pub use fault::{EventFault, Fault};
pub use log::Entry;
pub use proxy::Proxy;
pub use rule::FaultRule;
pub use target::{Target, Verb, Which};
pub use weather::Weather;
