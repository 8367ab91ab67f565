//! What may go wrong with a request to the API server, and with the events of a watch.

use std::time::Duration;

use fault_proxy::{EventFault, FaultRule, Verb, Weather, Which};

/// Of the lease only this part of the requests goes wrong: with a lease of three seconds two in a row lose it, the
/// process ends, and a run would be made of starts.
const LEASES: f64 = 0.05;

/// Every kind of fault that a request may meet and the API server recover from by itself. 401 and 403, which need a
/// person, are not among them.
///
/// `freezes` says whether watches may be silent: somebody must end that.
///
/// - What a process asks when it starts (`/version`) is let through: without an answer it ends at once, to be started
///   again, and most tests have nobody who does that.
/// - Silence is rare: it costs an object 15 s, the operator's limit for a call.
/// - An event is never merely dropped: an API server does not do that, and whoever dropped it would have to be told.
///   What stands for it is 410 in its place, after which the events since are merged into a list; a watch that is
///   frozen, and then cut; and a watch that is cut at the event.
pub fn weather(probability: f64, seed: u64, freezes: bool) -> Weather {
    let start = Which::all().on("");
    let leases = Which::all().on("leases");
    let probabilities = vec![(start, 0.0), (leases, probability.min(LEASES)), (Which::all(), probability)];
    let writes = Which::writes;
    let kinds = vec![
        (10, FaultRule::refuse()),
        (10, FaultRule::drop_reply().of(writes())),
        (8, FaultRule::status(409).of(writes())),
        (6, FaultRule::status(500)),
        (6, FaultRule::status(500).acting().of(writes())),
        (4, FaultRule::status(503)),
        (3, FaultRule::status(504).acting().of(writes())),
        (3, FaultRule::status(429).retry_after(1)),
        (4, FaultRule::slow().after(Duration::from_millis(500))),
        (4, FaultRule::slow().before(Duration::from_millis(500))),
        (1, FaultRule::silence().of(writes())),
        (1, FaultRule::silence().acting().of(writes())),
        (1, FaultRule::silence().of(Which::verb(Verb::Get))),
        (8, FaultRule::event(EventFault::Repeat)),
        (8, FaultRule::event(EventFault::Delay(Duration::from_millis(200)))),
        (2, FaultRule::event(EventFault::Cut)),
        (1, FaultRule::event(EventFault::Gone)),
        (u32::from(freezes), FaultRule::event(EventFault::Freeze)),
    ];
    Weather { seed, probabilities, max_in_a_row: super::MAX_IN_A_ROW, kinds }
}
