//! Conditions, results, annotations, events and metrics: words with a meaning.

use super::Page;
use super::table::{Table, code};
use crate::api::ANNOTATIONS;
use crate::api::condition::{Reason, Standing};
use crate::api::user_status::{reason, result};
use crate::controller::events::catalogue;
use crate::runtime::metrics::{PREFIX, described};

pub(super) fn conditions() -> Page {
    let mut reasons = Table::new(&["reason", "Ready", "besides", "meaning"]);
    for standing in Standing::ALL {
        for reason in Reason::ALL.iter().filter(|reason| reason.standings().contains(&standing)) {
            let (ready, second) = standing.shown();
            let second = second.map(|kind| format!("{kind} is True")).unwrap_or_default();
            reasons.row([code(reason.as_str()), ready.to_owned(), second, reason.meaning().to_owned()]);
        }
    }
    let body = format!(
        "## Conditions\n\n`Ready` is always there, `Reconciling` and `Stalled` only while True, all with the same reason \
         and message.\n\n{reasons}\n## Results of a user\n\nIn `status.users[].result`.\n\n{}\n## Reasons of a user\n\nIn \
         `status.users[].reason` and `status.failures[].reason`.\n\n{}\n## Annotations\n\nOf a \
         JumpCloudUserBatch; `status.lastHandled` has the value that was acted on last.\n\n{}",
        listed("result", result::ALL),
        listed("reason", reason::ALL),
        listed("annotation", ANNOTATIONS),
    );
    Page {
        file: "conditions.md".to_owned(),
        title: "Conditions, results and annotations".to_owned(),
        about: "What the words in `status` mean, and what annotations ask for.".to_owned(),
        body,
    }
}

fn listed(head: &str, words: &[(&str, &str)]) -> Table {
    let mut table = Table::new(&[head, "meaning"]);
    for (word, meaning) in words {
        table.row([code(word), (*meaning).to_owned()]);
    }
    table
}

pub(super) fn events() -> Page {
    let mut table = Table::new(&["reason", "type", "when"]);
    for entry in catalogue() {
        table.row([code(entry.reason), entry.type_.to_owned(), entry.when.to_owned()]);
    }
    Page {
        file: "events.md".to_owned(),
        title: "Events".to_owned(),
        about: "The Kubernetes events (`events.k8s.io/v1`) that are published.".to_owned(),
        body: format!(
            "Each is published once, when the reason of the object's `Ready` condition changes to it; nothing is \
             published for `Progressing`, for a reason that stays, or after a restart. The note is the beginning \
             of the condition's message, without e-mail addresses. Events help people: a crash between the write \
             of a status and its event loses the event, and nothing depends on one.\n\n{table}"
        ),
    }
}

pub(super) fn metrics() -> Page {
    let mut table = Table::new(&["metric", "type", "labels", "meaning"]);
    for metric in described() {
        let labels: Vec<String> = metric.labels.iter().map(|label| code(label)).collect();
        table.row([code(&metric.name), metric.kind, labels.join(", "), metric.help]);
    }
    Page {
        file: "metrics.md".to_owned(),
        title: "Metrics".to_owned(),
        about: format!("What `/metrics` has, as OpenMetrics text. Every name begins with `{PREFIX}_`."),
        body: format!(
            "No label holds a name of a user, object or namespace; the number of series is bounded by the \
             code.\n\n{table}"
        ),
    }
}
