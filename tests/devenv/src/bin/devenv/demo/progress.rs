//! Watching the batch until it is settled.

use std::time::Duration;

use anyhow::Context as _;

use super::batch::Batch;
use super::narrator::Narrator;
use super::stage::Stage;
use super::wait;

/// Far more than the 25 s it takes: machines of pipelines can be slow.
const LIMIT: Duration = Duration::from_secs(180);

/// How often the object is read.
const EVERY: Duration = Duration::from_millis(500);

/// Writes a line for every change, and returns the settled batch.
pub(super) fn watch(narrator: &Narrator, stage: &Stage) -> anyhow::Result<Batch> {
    let mut said = String::new();
    let settled = wait::until("the users' results", LIMIT, EVERY, || {
        stage.check_running()?;
        let batch = Batch::read(stage)?;
        let line = line(&batch);
        if line != said {
            narrator.step(&line);
            said = line;
        }
        Ok(batch.is_settled().then_some(batch))
    });
    settled.with_context(|| format!("seen last: {said}"))
}

fn line(batch: &Batch) -> String {
    let Some(ready) = batch.ready() else {
        return "waiting for the operator to take it up".to_owned();
    };
    let counts = batch.status.counts;
    let jobs = match batch.status.submissions.len() {
        0 => "no job under way".to_owned(),
        1 => "1 job under way".to_owned(),
        n => format!("{n} jobs under way"),
    };
    let amounts = [
        (counts.created, "created"),
        (counts.updated, "updated"),
        (counts.failed, "failed"),
        (counts.conflicts, "in conflict"),
    ];
    let amounts: Vec<String> =
        amounts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    let mut parts = vec![jobs];
    if !amounts.is_empty() {
        parts.push(amounts.join(", "));
    }
    format!("{:>7}  {:<13} {}; {}", batch.status.progress, ready.reason, parts.join("; "), ready.message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_how_far_it_is_and_why() {
        let batch: Batch = serde_json::from_value(json!({"status": {
            "progress": "199/250",
            "conditions": [{"type": "Ready", "status": "Unknown", "reason": "Progressing", "message": "creating users"}],
            "counts": {"desired": 250, "created": 197, "failed": 1, "conflicts": 1, "pending": 51},
            "submissions": [{}],
        }}))
        .unwrap();
        assert_eq!(
            line(&batch),
            "199/250  Progressing   1 job under way; 197 created, 1 failed, 1 in conflict; creating users"
        );
        assert!(!batch.is_settled());
    }
}
