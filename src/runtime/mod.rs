//! What the process needs besides reconciling: time, shutdown, the lease, the admin server, logs.

pub mod admin;
pub mod clock;
pub mod guard;
pub mod lease;
pub mod metrics;
pub mod scraped;
pub mod shutdown;
pub mod telemetry;
