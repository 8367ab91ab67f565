//! `make demo` and `make demo-helm`: the operator at work on 250 users and on two dates, against a real Kubernetes API and a
//! simulated JumpCloud; installed by `kubectl apply -k` ([`manifests`]), or by `helm install` ([`chart`]).
//!
//! # Guarantees
//! - Nothing outside the scratch folder and 127.0.0.1 is touched, whatever KUBECONFIG says; JumpCloud itself is never asked.
//! - What it shows is checked against the simulator's own records ([`check`], [`edit`], [`schedules`]); a
//!   difference is an error.
//! - With a terminal on both sides it stays until Ctrl-C, else it ends by itself. Either way nothing is left running.
//!
//! # Assumptions
//! `jumpcloud-operator` and `jumpcloud-sim` are beside this executable, as `cargo build --workspace --bins` puts them.

mod batch;
mod cast;
mod chart;
mod check;
mod condition;
mod dates;
mod edit;
mod ledger;
mod manifests;
mod narrator;
mod next;
mod operator;
mod progress;
mod report;
mod samples;
mod schedule;
mod schedules;
mod simulator;
mod stage;
mod wait;

use std::io::{IsTerminal as _, stdin, stdout};

use anyhow::bail;

use crate::ending;
use batch::Batch;
use ledger::Ledger;
use narrator::Narrator;
use stage::Stage;

pub(crate) use stage::Way;

/// Runs the demo.
///
/// # Errors
/// When a part cannot be started or ends by itself, when something does not come in time, and when the outcome is not the
/// one that was promised.
pub(crate) fn run(way: Way) -> anyhow::Result<()> {
    let narrator = Narrator::start();
    narrator.heading(
        "250 users, one YAML file: a real Kubernetes API, a simulated JumpCloud, the operator between them",
    );
    let mut stage = Stage::set(&narrator, way)?;
    let stay = stdin().is_terminal() && stdout().is_terminal();
    let audience = if stay { Audience::Stays } else { Audience::Leaves };
    if let Err(error) = perform(&narrator, &stage, audience) {
        // The file goes with us.
        narrator.heading("It failed. The end of the operator's log:");
        narrator.quote(&stage.operator.log_tail());
        return Err(error);
    }
    if audience == Audience::Leaves {
        narrator
            .heading("Not on a terminal, so this ends here; on one, all of it keeps running until Ctrl-C");
        return Ok(());
    }
    narrator.heading("Everything keeps running until Ctrl-C");
    ending::wait(|| stage.keep_running(&narrator))?;
    narrator.heading("Ending; everything that was started goes, the folder too");
    Ok(())
}

/// Who reads the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// Somebody at a terminal, for whom everything keeps running.
    Stays,
    /// A pipeline or a file: it ends by itself.
    Leaves,
}

fn perform(narrator: &Narrator, stage: &Stage, audience: Audience) -> anyhow::Result<()> {
    samples::apply(narrator, stage)?;
    narrator.heading("The operator works");
    let batch = progress::watch(narrator, stage)?;
    let ledger = Ledger::read(&stage.simulator)?;
    report::show(narrator, stage, &batch, &ledger)?;
    verdict(narrator, &batch, &ledger)?;
    edit::play(narrator, stage, &ledger)?;
    schedules::play(narrator, stage)?;
    if let Some(release) = &stage.release {
        release.test(narrator)?;
    }
    next::show(narrator, stage, &ledger, audience)
}

/// Says what holds, or fails with what does not.
fn verdict(narrator: &Narrator, batch: &Batch, ledger: &Ledger) -> anyhow::Result<()> {
    let problems = check::problems(batch, ledger);
    if !problems.is_empty() {
        bail!("the demo did not come out as promised:\n  - {}", problems.join("\n  - "));
    }
    narrator.heading("Checked against the simulator's own records");
    for line in check::PROMISES {
        narrator.line(&format!("ok  {line}"));
    }
    Ok(())
}
