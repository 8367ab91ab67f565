//! The client against the simulator: each endpoint, paging, each fault, and what must stay secret.
#![expect(clippy::disallowed_methods, reason = "the client is tested without a cluster, so without intents")]

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod bulk;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod organizations;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod responder;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod secrecy;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod users;
