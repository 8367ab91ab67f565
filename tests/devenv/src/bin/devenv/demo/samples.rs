//! Applying `deploy/samples` with kubectl.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;

use super::narrator::Narrator;
use super::stage::{Stage, repository, spoken};

/// Applies the samples, with the simulator's address in the connection. Of a release the connection is one of its values.
pub(super) fn apply(narrator: &Narrator, stage: &Stage) -> anyhow::Result<()> {
    let Some(release) = &stage.release else { return apply_all(narrator, stage) };
    narrator.heading("A connection to JumpCloud");
    apply_one(narrator, stage, "secret.yaml")?;
    release.connect(narrator)?;
    narrator.heading("250 users");
    apply_one(narrator, stage, "user-batch.yaml")
}

fn apply_one(narrator: &Narrator, stage: &Stage, file: &str) -> anyhow::Result<()> {
    narrator.step(&format!("kubectl apply -f deploy/samples/{file}"));
    let file = repository()?.join("deploy/samples").join(file);
    narrator.quote(&spoken(stage.control_plane.kubectl().args(["apply", "-f"]).arg(file))?);
    Ok(())
}

fn apply_all(narrator: &Narrator, stage: &Stage) -> anyhow::Result<()> {
    let overlay = overlay(stage)?;
    narrator.step("kubectl apply -k deploy/samples: a Secret, a connection, 250 users (with the simulator's address laid over)");
    narrator.quote(&spoken(stage.control_plane.kubectl().args(["apply", "-k"]).arg(overlay))?);
    Ok(())
}

/// A kustomization that adds `apiURL` to the sample connection, which by itself is for JumpCloud's own address.
fn overlay(stage: &Stage) -> anyhow::Result<PathBuf> {
    let scratch = stage.control_plane.scratch().path().canonicalize()?;
    let folder = scratch.join("samples");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    // kustomize takes no absolute path for a base.
    let base = relative(&folder, &repository()?.join("deploy/samples"));
    let content = serde_json::json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [base],
        "patches": [{
            "target": {"kind": "JumpCloudConnection"},
            "patch": serde_json::json!([
                {"op": "add", "path": "/spec/apiURL", "value": stage.simulator.url()}
            ]).to_string(),
        }],
    });
    let file = folder.join("kustomization.yaml");
    fs::write(&file, format!("{content:#}\n")).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(folder)
}

/// The way from one absolute folder to another.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_leads_up_to_what_is_shared_and_down_again() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(way("/tmp/a/samples", "/work/x/deploy"), Path::new("../../../work/x/deploy"));
        assert_eq!(way("/home/ada/tmp", "/home/ada/x"), Path::new("../x"));
    }
}
