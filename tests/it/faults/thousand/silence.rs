//! Bar 6: nothing is written and nobody is asked.

use std::time::{Duration, Instant};

use super::crew::Crew;
use crate::harness::plane::plane;
use crate::harness::schedules::{Calendar, seq};

/// How long it may take until there is silence: events that could not be published are tried again, and a connection
/// tells its scheduled events every 30 s at most.
const WITHIN: Duration = Duration::from_secs(90);

/// Waits until for that long no operator has written anything but its lease, by the audit log, and none has asked
/// JumpCloud, by the ledger.
pub async fn wait_for(calendar: &Calendar, crew: &mut Crew, period: Duration) {
    let begun = Instant::now();
    loop {
        let (audit, ledger) = (plane().audit().mark().expect("the audit log"), seq(&calendar.sim));
        let restarts = crew.restarts();
        let listening = Instant::now();
        let mut heard = Vec::new();
        while heard.is_empty() && listening.elapsed() < period {
            // A second at a time, so that a long silence that is broken early is begun anew at once.
            tokio::time::sleep(period.saturating_sub(listening.elapsed()).min(Duration::from_secs(1))).await;
            crew.keep();
            let asked = calendar.sim.ledger_since(ledger);
            let requests = asked.iter().filter_map(|entry| entry.request());
            heard.extend(requests.map(|request| format!("{} {}", request.method, request.path)));
            let writes = calendar.writes(audit);
            heard.extend(writes.iter().map(|write| format!("{write:?}")));
            // Who starts again checks the connection, and loses what it knew of who was told what.
            if crew.restarts() > restarts {
                heard.push("a replica was started again".to_owned());
            }
        }
        if heard.is_empty() {
            return;
        }
        assert!(begun.elapsed() < WITHIN + period, "no silence of {period:?}: {heard:#?}");
    }
}
