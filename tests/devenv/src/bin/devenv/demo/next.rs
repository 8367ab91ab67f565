//! What a person can try while it runs.

use std::path::Path;

use super::Audience;
use super::batch::NAME;
use super::cast;
use super::edit;
use super::ledger::Ledger;
use super::narrator::Narrator;
use super::schedules;
use super::stage::Stage;

/// Shows commands to copy. They are for a second terminal, in the checkout.
pub(super) fn show(
    narrator: &Narrator,
    stage: &Stage,
    ledger: &Ledger,
    audience: Audience,
) -> anyhow::Result<()> {
    let control_plane = &stage.control_plane;
    let (operator, simulator) = (&stage.operator, stage.simulator.url());
    let folder = control_plane.scratch().path().display();
    let mut programs = vec![folder_of(&control_plane.binaries().kubectl)];
    programs.extend(stage.release.as_ref().map(|release| folder_of(release.helm())));
    let (pid, admin) = (operator.pid()?, operator.admin()?);
    let conflict = ledger.users().get(cast::CONFLICT).copied().unwrap_or_default().to_owned();

    let [.., (refused, _)] = cast::REFUSED;
    narrator.heading(match audience {
        Audience::Stays => "What to try next, in a second terminal in this folder",
        Audience::Leaves => {
            "What to try next: run this on a terminal, where it keeps running, and in a second one"
        }
    });
    let mut commands = vec![
        (
            "kubectl, and who it talks to",
            vec![
                format!("export KUBECONFIG={}", control_plane.admin_kubeconfig().display()),
                format!("export PATH={}:$PATH", programs.join(":")),
            ],
        ),
        (
            "one user of the batch, in JumpCloud's own words; who was activated by the schedule",
            vec![
                format!(
                    r#"kubectl get jcub {NAME} -o jsonpath='{{.status.users[?(@.username=="{}")]}}'"#,
                    refused
                ),
                format!(
                    r#"kubectl get jcsus {} -o jsonpath='{{range .status.users[*]}}{{.username}}{{"\t"}}{{.result}}{{"\n"}}{{end}}'"#,
                    cast::JOINERS.object
                ),
            ],
        ),
        (
            "mend the row that is still refused, and watch one more job go out for it",
            vec![
                format!("sed -e 's/, relationships: .*]}}/}}/' {} | kubectl apply -f -", edit::file(stage)),
                format!("kubectl get jcub {NAME} --watch"),
            ],
        ),
        (
            "make room for the user in conflict: delete the old one in the simulator, then ask for another look",
            vec![
                format!("curl -X DELETE {simulator}/_sim/users/{conflict}"),
                format!(
                    r#"kubectl annotate jcub {NAME} --overwrite jumpcloud-operator.dev/retry-failed="$(date +%s)""#
                ),
            ],
        ),
        (
            "give the leaver the date again, see it in JumpCloud, and stop it: a pause cancels what is scheduled",
            vec![
                format!("kubectl apply -f {}", schedules::file(stage, cast::LEAVER).display()),
                stage.look_line("schedules"),
                format!(
                    r#"kubectl patch jcsus {} --type=merge --patch '{{"spec":{{"paused":true}}}}'"#,
                    cast::LEAVER.object
                ),
            ],
        ),
        (
            "kill the operator without warning; it is started again here and sends nothing twice",
            vec![format!("kill -9 {pid}")],
        ),
        (
            "its metrics, its log, and every request that the simulator got",
            vec![
                format!("curl -s http://127.0.0.1:{admin}/metrics | grep ^jumpcloud_operator"),
                format!("tail -f {}", operator.log().display()),
                format!("curl -s {simulator}/_sim/ledger"),
            ],
        ),
    ];
    if let Some(release) = &stage.release {
        commands.extend(release.next());
    }
    for (what, lines) in commands {
        narrator.line(&format!("# {what}"));
        for line in lines {
            narrator.line(&line);
        }
    }
    narrator.line("");
    narrator.line(&format!("All logs are in {folder}, which goes when this ends."));
    Ok(())
}

fn folder_of(program: &Path) -> String {
    program.parent().unwrap_or_else(|| Path::new(".")).display().to_string()
}
