//! Conditions, results, annotations, events and metrics: words with a meaning.

use super::Page;
use super::table::{Table, code};
use crate::api::condition::{Reason, Standing};
use crate::api::schedule_status::{self, condition_type};
use crate::api::user_status::{reason, result};
use crate::api::{ANNOTATIONS, FINALIZERS};
use crate::controller::events::catalogue;
use crate::runtime::metrics::{PREFIX, described};

const ALWAYS: &str = "`Ready` is always there, `Reconciling` and `Stalled` only while True, all with the same reason and \
    message.";
const MORE: &str = "There only while True, with a reason and a message of their own.";
const RESULTS: &str = "In `status.users[].result`.";
const ANNOTATED: &str = "Of a JumpCloudUserBatch or a ScheduledUserState; `status.lastHandled` has the value that was \
    acted on last.";

pub(super) fn conditions() -> Page {
    let mut reasons = Table::new(&["reason", "Ready", "besides", "meaning"]);
    for standing in Standing::ALL {
        for reason in Reason::ALL.iter().filter(|reason| reason.standings().contains(&standing)) {
            let (ready, second) = standing.shown();
            let second = second.map(|kind| format!("{kind} is True")).unwrap_or_default();
            reasons.row([code(reason.as_str()), ready.to_owned(), second, reason.meaning().to_owned()]);
        }
    }
    let sections = [
        ("Conditions", ALWAYS, reasons),
        ("Conditions of a ScheduledUserState", MORE, listed("condition", condition_type::ALL)),
        ("Results of a JumpCloudUserBatch's user", RESULTS, listed("result", result::ALL)),
        (
            "Reasons of a JumpCloudUserBatch's user",
            "In `status.users[].reason` and `status.failures[].reason`.",
            listed("reason", reason::ALL),
        ),
        ("Results of a ScheduledUserState's user", RESULTS, listed("result", schedule_status::result::ALL)),
        (
            "Reasons of a ScheduledUserState's user",
            "In `status.users[].reason`.",
            listed("reason", schedule_status::reason::ALL),
        ),
        (
            "Origins of a ScheduledUserState's events",
            "In `status.events[].origin`.",
            listed("origin", schedule_status::origin::ALL),
        ),
        ("Annotations", ANNOTATED, listed("annotation", ANNOTATIONS)),
        ("Finalizer", "Of a ScheduledUserState.", listed("finalizer", FINALIZERS)),
    ];
    let body = sections.map(|(title, about, table)| format!("## {title}\n\n{about}\n\n{table}")).join("\n");
    Page {
        file: "conditions.md".to_owned(),
        title: "Conditions, results and annotations".to_owned(),
        about: "What the words in `status` mean, what annotations ask for, and what the finalizer waits for."
            .to_owned(),
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
