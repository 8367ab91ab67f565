//! `jumpcloud-operator crds`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::api::crd::crds;

/// Flags of `crds`.
#[derive(Debug, Args)]
pub struct CrdsArgs {
    /// Write one file per definition into this folder instead of printing.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Prints or writes the definitions.
///
/// # Errors
/// When they cannot be written.
pub fn print(args: &CrdsArgs) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    for crd in crds()? {
        let yaml = serde_saphyr::to_string(&crd).context("the definition cannot be written as YAML")?;
        match &args.dir {
            None => write!(out, "---\n{yaml}").context("the definition cannot be printed")?,
            Some(dir) => {
                let path = dir.join(file_name(&crd));
                std::fs::write(
                    &path,
                    format!("# Made by `jumpcloud-operator crds`; edit src/api instead.\n{yaml}"),
                )
                .with_context(|| format!("{} cannot be written", path.display()))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn file_name(crd: &CustomResourceDefinition) -> String {
    format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural)
}
