//! What came of it.

use super::batch::{Batch, NAME, User};
use super::cast;
use super::ledger::Ledger;
use super::narrator::Narrator;
use super::stage::{Stage, spoken};

/// Successes that stand for all.
const EXCERPT: usize = 2;

/// Shows kubectl's tables, an excerpt of the results, the jobs and the requests.
pub(super) fn show(narrator: &Narrator, stage: &Stage, batch: &Batch, ledger: &Ledger) -> anyhow::Result<()> {
    for kind in ["jcconn", "jcub"] {
        narrator.heading(&format!("$ kubectl get {kind}"));
        narrator.quote(&spoken(stage.control_plane.kubectl().args(["get", kind]))?);
    }

    narrator.heading(&format!("What became of each user (status.users of {NAME}), who needs a person first"));
    for row in excerpt(&batch.status.users) {
        narrator.line(&row);
    }

    narrator.heading("What the simulator saw: few, large jobs (times since the first)");
    let jobs = ledger.jobs();
    let start = jobs.first().map(|job| job.sent);
    for job in &jobs {
        let at = start.map_or(0.0, |start| job.sent.duration_since(start).as_secs_f64());
        let users = job.usernames.len();
        let noun = if users == 1 { "user," } else { "users," };
        let end = job.end.map_or_else(
            || "not ended".to_owned(),
            |(time, finished, failed)| {
                let seconds = time.duration_since(job.sent).as_secs_f64();
                format!("{finished} went well, {failed} failed, after {seconds:.1} s")
            },
        );
        narrator.line(&format!("job {} at {at:5.1} s: {users:3} {noun:<6} {end}", job.id));
    }
    for (route, count) in ledger.requests() {
        narrator.line(&format!("{count:3} x {route}"));
    }
    Ok(())
}

/// Everybody who needs a person, the one who was sent twice, and a few of the others.
fn excerpt(users: &[User]) -> Vec<String> {
    let (good, bad): (Vec<&User>, Vec<&User>) = users.iter().partition(|user| user.result == "Created");
    let mut shown: Vec<String> = bad.iter().map(|user| row(user, &user.message)).collect();
    let (second, first): (Vec<&User>, Vec<&User>) =
        good.into_iter().partition(|user| user.username == cast::SECOND_TIME);
    shown.extend(second.iter().map(|user| row(user, "sent twice: failed at first, in a way that may pass")));
    shown.extend(first.iter().take(EXCERPT).map(|user| row(user, &user.message)));
    if let more @ 1.. = first.len().saturating_sub(EXCERPT) {
        shown.push(format!("... and {more} more, created at the first attempt"));
    }
    shown
}

fn row(user: &User, message: &str) -> String {
    let line = format!("{:<9} {:<16} {:<14} {message}", user.result, user.username, user.reason);
    line.trim_end().to_owned()
}
