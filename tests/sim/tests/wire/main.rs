//! The simulator over a real socket: each route, each trap, each kind of fault.

#[cfg(test)]
mod access;
#[cfg(test)]
mod bulk;
#[cfg(test)]
mod control;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hold;
#[cfg(test)]
mod invariants;
#[cfg(test)]
mod program;
#[cfg(test)]
mod results;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod search;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod users;
