//! The third act: dates in YAML. One is seen to be made, one is cancelled.

mod check;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::civil::Weekday;
use jiff::{SignedDuration, Timestamp};

use super::cast;
use super::dates::Date;
use super::ledger::Ledger;
use super::narrator::Narrator;
use super::schedule::Schedule;
use super::stage::{Stage, heard, repository, spoken};
use super::wait;

/// Far more than it takes: machines of pipelines can be slow.
const LIMIT: Duration = Duration::from_secs(180);

/// How often the objects are read.
const EVERY: Duration = Duration::from_millis(500);

/// How far the joiners' date is from the edit that brings it nearer. The edit itself takes a second or two.
const SOON: SignedDuration = SignedDuration::from_secs(20);

/// How long after its date JumpCloud may take, in the demo: the first look comes a second after it.
const GRACE: &str = "  verification: {gracePeriod: 30s}\n";

/// Applies the sample schedules, cancels one and waits for the other.
///
/// # Errors
/// When something cannot be applied, takes too long, or did not come out as promised.
pub(super) fn play(narrator: &Narrator, stage: &Stage) -> anyhow::Result<()> {
    let before = Ledger::read(&stage.simulator)?;
    let now = Timestamp::now();
    let monday = Date::next(Weekday::Monday, 9, now)?;
    let friday = Date::next(Weekday::Friday, 18, now)?;

    narrator.heading(
        "Dates: three joiners on Monday at 9:00, a leaver on Friday at 18:00, as clocks in Berlin show it",
    );
    narrator
        .step("kubectl apply: deploy/samples/joiners.yaml and leaver.yaml, with the next Monday and Friday");
    apply(narrator, stage, cast::JOINERS, &monday, GRACE)?;
    apply(narrator, stage, cast::LEAVER, &friday, "")?;
    watch(narrator, stage, "both to be scheduled", |all| {
        all.len() == 2 && all.iter().all(|schedule| schedule.is("Ready"))
    })?;
    show(narrator, stage)?;
    listed(narrator, stage, &[])?;

    narrator.heading("The leaver stays after all: the object is deleted, and its change is cancelled first");
    let name = format!("jcsus/{}", cast::LEAVER.object);
    narrator.step(&format!("kubectl delete {name}"));
    narrator.quote(&spoken(stage.control_plane.kubectl().args(["delete", &name, "--timeout=60s"]))?);
    for name in cast::LEAVER.users {
        listed(narrator, stage, &["--user", name])?;
    }

    let soon = Date::soon(SOON, Timestamp::now())?;
    narrator.heading("Nobody here has to wait until Monday: startTime is edited");
    narrator.step(&format!(
        "kubectl apply: {}, with startTime {}, in {} s",
        cast::JOINERS.file,
        soon.instant,
        SOON.as_secs()
    ));
    apply(narrator, stage, cast::JOINERS, &soon, GRACE)?;
    watch(narrator, stage, "the change to be seen in JumpCloud", |all| {
        all.iter().any(|schedule| schedule.name() == cast::JOINERS.object && schedule.is("Executed"))
    })?;
    show(narrator, stage)?;

    let ledger = Ledger::read(&stage.simulator)?;
    let schedules = Schedule::read_all(stage)?;
    let dates = check::Dates { monday: monday.instant, friday: friday.instant, moved: soon.instant };
    let problems = check::problems(&schedules, &ledger, &before, dates);
    if !problems.is_empty() {
        bail!("the schedules did not come out as promised:\n  - {}", problems.join("\n  - "));
    }
    narrator.heading("Checked against the simulator's own records");
    for line in check::PROMISES {
        narrator.line(&format!("ok  {line}"));
    }
    Ok(())
}

/// Where the file of a schedule is: for commands to copy.
pub(super) fn file(stage: &Stage, sample: cast::Dated) -> PathBuf {
    stage.control_plane.scratch().path().join(sample.file)
}

fn apply(
    narrator: &Narrator,
    stage: &Stage,
    sample: cast::Dated,
    date: &Date,
    more: &str,
) -> anyhow::Result<()> {
    let from = repository()?.join("deploy/samples").join(sample.file);
    let text = fs::read_to_string(&from).with_context(|| format!("cannot read {}", from.display()))?;
    let file = file(stage, sample);
    // The schedule is the last document, and its spec the last part of it.
    let text = date.put_into(&text) + more;
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    narrator.quote(&spoken(stage.control_plane.kubectl().args(["apply", "-f"]).arg(&file))?);
    Ok(())
}

/// Writes a line for every change of a schedule, until all are as wanted.
fn watch(
    narrator: &Narrator,
    stage: &Stage,
    what: &str,
    done: impl Fn(&[Schedule]) -> bool,
) -> anyhow::Result<()> {
    let mut said: Vec<String> = Vec::new();
    let waited = wait::until(what, LIMIT, EVERY, || {
        stage.check_running()?;
        let all = Schedule::read_all(stage)?;
        let lines: Vec<String> = all.iter().filter_map(Schedule::line).collect();
        for line in lines.iter().filter(|line| !said.contains(line)) {
            narrator.step(line);
        }
        said = lines;
        Ok(done(&all).then_some(()))
    });
    waited.with_context(|| format!("seen last: {}", said.join("; ")))
}

fn show(narrator: &Narrator, stage: &Stage) -> anyhow::Result<()> {
    narrator.heading("$ kubectl get jcsus");
    narrator.quote(&spoken(stage.control_plane.kubectl().args(["get", "jcsus"]))?);
    Ok(())
}

/// What JumpCloud lists, as the operator's own command line tells it.
fn listed(narrator: &Narrator, stage: &Stage, only: &[&str]) -> anyhow::Result<()> {
    narrator.heading(&format!("$ {}", [&["jumpcloud-operator api schedules"], only].concat().join(" ")));
    narrator.quote(&heard(stage.look().arg("schedules").args(only))?);
    Ok(())
}
