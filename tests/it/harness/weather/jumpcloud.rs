//! What may go wrong with a request to JumpCloud.

use std::collections::BTreeMap;
use std::time::Duration;

use jumpcloud_sim::settings::RetryAfter;
use jumpcloud_sim::{Act, FaultRule, Reply, Weather};

/// Every kind of fault that a request may meet and JumpCloud recover from by itself. What needs a person (401, 403,
/// 404, a redirect) is not among them.
///
/// 429 is rarer than the rest, and mostly says one second: it stops the whole key for as long as it says, five seconds
/// when it says nothing.
pub fn weather(probability: f64, seed: u64) -> Weather {
    let acts = |reply| FaultRule::new(Act::Acts, reply);
    let status = |status| Reply::Status { status, headers: BTreeMap::new(), retry_after: None, body: None };
    let mut kinds = vec![
        // The connection breaks.
        (10, FaultRule::refuse()),
        (6, FaultRule::new(Act::Refuses, Reply::Dropped)),
        (10, FaultRule::drop_reply()),
        (6, acts(Reply::Reset)),
        // It is asked to slow down.
        (1, FaultRule::status(429)),
        (2, FaultRule::status(429).retry_after(RetryAfter::Seconds(1))),
        (2, FaultRule::status(429).retry_after(RetryAfter::DateIn(1))),
        // The answer is none.
        (6, acts(Reply::Truncated { bytes: 20 })),
        (4, acts(Reply::ContentType { value: "text/plain".to_owned() })),
        (4, acts(Reply::Html)),
        (3, FaultRule::new(Act::Refuses, Reply::Html)),
        // It is slow, on either side of a submit-timeout of one second.
        (3, acts(Reply::AsIs).before(Duration::from_millis(700))),
        (3, acts(Reply::AsIs).before(Duration::from_millis(1200))),
        (3, acts(Reply::AsIs).after(Duration::from_millis(700))),
        (3, acts(Reply::AsIs).after(Duration::from_millis(1200))),
        (4, acts(Reply::Drip { bytes: 16 * 1024, every_ms: 20 })),
    ];
    for code in [500, 502, 503, 504] {
        kinds.push((4, FaultRule::status(code)));
        kinds.push((4, acts(status(code))));
    }
    Weather { seed, probability, max_in_a_row: super::MAX_IN_A_ROW, kinds }
}
