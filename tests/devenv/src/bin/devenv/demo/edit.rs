//! The second act: an edit in the file, and what it takes to bring JumpCloud to it.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, bail};
use jumpcloud_sim::Route;

use super::batch::Counts;
use super::cast;
use super::ledger::Ledger;
use super::narrator::Narrator;
use super::progress;
use super::stage::{Stage, repository, spoken};

/// The edited file, in the scratch folder.
const FILE: &str = "user-batch-edited.yaml";

/// Edits the samples and applies them, watches what happens and checks it.
///
/// # Errors
/// When it cannot be applied, is not settled in time, or took other requests than promised.
pub(super) fn play(narrator: &Narrator, stage: &Stage, before: &Ledger) -> anyhow::Result<()> {
    let sample = repository()?.join("deploy/samples/user-batch.yaml");
    let text = fs::read_to_string(&sample).with_context(|| format!("cannot read {}", sample.display()))?;
    let file = stage.control_plane.scratch().path().join(FILE);
    fs::write(&file, edited(&text)).with_context(|| format!("cannot write {}", file.display()))?;
    let [(mended, _), ..] = cast::REFUSED;
    narrator.heading("An edit");
    narrator.step(&format!(
        "{} people move to another department, and the row of {mended} is mended: kubectl apply -f {FILE}",
        cast::MOVED.len()
    ));
    narrator.quote(&spoken(stage.control_plane.kubectl().args(["apply", "-f"]).arg(&file))?);
    let batch = progress::watch(narrator, stage)?;
    let ledger = Ledger::read(&stage.simulator)?;
    let problems = problems(batch.status.counts, &ledger, before);
    if !problems.is_empty() {
        bail!("the edit did not come out as promised:\n  - {}", problems.join("\n  - "));
    }
    narrator.line(&format!(
        "ok  1 update job with {} rows of id and department alone, 1 create job for {mended}; nobody else was sent",
        cast::MOVED.len()
    ));
    Ok(())
}

/// The samples with another department for some, and an employee number that is free.
fn edited(text: &str) -> String {
    let line = |line: &str| {
        let moves = cast::MOVED.iter().any(|name| line.contains(&format!("username: {name},")));
        let line = if moves {
            line.replace(", location:", ", department: Engineering, location:")
        } else {
            line.to_owned()
        };
        line.replace(r#""10042""#, r#""20064""#) + "\n"
    };
    text.lines().map(line).collect()
}

/// Everything that is not as promised.
fn problems(counts: Counts, ledger: &Ledger, before: &Ledger) -> Vec<String> {
    let mut problems = Vec::new();
    let refused = cast::REFUSED.len() - 1;
    let wanted = (cast::DECLARED - refused - 1 - cast::MOVED.len(), cast::MOVED.len(), refused, 1);
    let found = (counts.created, counts.updated, counts.failed, counts.conflicts);
    if found != wanted {
        problems.push(format!(
            "status.counts says (created, updated, failed, conflicts) {found:?} instead of {wanted:?}"
        ));
    }
    let new = ledger.writes_since(before);
    let updates: Vec<_> = new.iter().filter(|request| request.route == Route::BulkUpdate).collect();
    let fields: Vec<&Vec<Vec<String>>> = updates.iter().map(|request| &request.fields).collect();
    let promised = vec![vec!["department".to_owned()]; cast::MOVED.len()];
    if fields != [&promised] {
        problems.push(format!("updates had the fields {fields:?} instead of {promised:?}"));
    }
    let created: BTreeSet<&String> = new.iter().flat_map(|request| &request.usernames).collect();
    let [(mended, _), ..] = cast::REFUSED;
    if created.iter().map(|name| name.as_str()).ne([mended]) || new.len() != 2 {
        problems.push(format!("{} requests wrote, with the new users {created:?}", new.len()));
    }
    problems
}

/// Where the edited file is: for commands to copy.
pub(super) fn file(stage: &Stage) -> String {
    stage.control_plane.scratch().path().join(FILE).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_rows_of_the_edit_change() {
        let [first, ..] = cast::MOVED;
        let text = format!(
            "- {{username: {first}, location: X}}\n- {{username: other, location: Y, employeeIdentifier: \"10042\"}}\n"
        );
        assert_eq!(
            edited(&text),
            format!(
                "- {{username: {first}, department: Engineering, location: X}}\n\
                 - {{username: other, location: Y, employeeIdentifier: \"20064\"}}\n"
            )
        );
    }
}
