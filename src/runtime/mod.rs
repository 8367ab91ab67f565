//! What the process needs besides reconciling: time, shutdown, the lease, the admin server, logs.

pub mod clock;
pub mod guard;
pub mod shutdown;
pub mod telemetry;
