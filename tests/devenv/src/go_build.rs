//! Builds an executable with Go.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::pinned::Pinned;
use crate::progress::say;
use crate::supervised::{Exit, Program, Supervised};

/// How often a person is told that it goes on.
pub(crate) const REPORT_EVERY: Duration = Duration::from_secs(15);

/// The longest build allowed; about ten times what two cores need.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// A program of a Go module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    /// The name of the executable.
    pub(crate) name: &'static str,
    /// Its Go package.
    pub(crate) package: &'static str,
}

/// Where a program comes from.
#[derive(Clone, Debug)]
pub(crate) struct Source<'a> {
    /// The folder of its go.mod.
    pub(crate) module: &'a Path,
    /// What the linker is told.
    pub(crate) linker_flags: String,
}

/// Whether a `go` command can be run.
pub(crate) fn go_is_present() -> bool {
    Command::new("go")
        .arg("version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// Builds `tool` into `folder`. The executable appears there whole or not at all.
///
/// The build ends with this process: it is supervised as every other child.
pub(crate) fn build(tool: Tool, source: &Source<'_>, folder: &Path) -> Result<()> {
    let log = folder.join(format!(".{}.log", tool.name));
    let unfinished = folder.join(format!(".{}.unfinished", tool.name));
    // The log is appended to, and an earlier failure is of no interest.
    drop(fs::remove_file(&log));

    say(&format!("building {} with go", tool.name));
    let started = Instant::now();
    let go = Program::new("go build", "go", &log)
        .args(["build", "-trimpath", "-ldflags", &source.linker_flags, "-o"])
        .args([unfinished.as_os_str()])
        .args([tool.package])
        .env("CGO_ENABLED", "0")
        // Neither a workspace nor flags of the person's own may change what is built.
        .env("GOWORK", "off")
        .env("GOFLAGS", "-mod=readonly")
        .current_dir(source.module);
    let go = Supervised::spawn(go)?;
    loop {
        match go.wait_exit(REPORT_EVERY)? {
            Some(Exit::Code(0)) => break,
            Some(_) => return Err(Error::Build { binary: tool.name, tail: go.log_tail() }),
            None if started.elapsed() > LIMIT => {
                return Err(Error::Deadline {
                    what: format!("building {}", tool.name),
                    waited: LIMIT,
                    detail: go.log_tail(),
                });
            }
            None => say(&format!(
                "still building {}, {}; the first build of all takes about 5 minutes",
                tool.name,
                minutes(started.elapsed())
            )),
        }
    }
    let finished = folder.join(tool.name);
    fs::rename(&unfinished, &finished).map_err(Error::io("put in place", &finished))?;
    drop(fs::remove_file(&log));
    Ok(())
}

/// Without the versions the servers call themselves `v0.0.0-master+$Format:%H$`, which clients cannot parse. `-s -w` leaves
/// debugging information out, which saves a third of the space.
pub(crate) fn linker_flags(pinned: &Pinned) -> String {
    let version = &pinned.kubernetes;
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next().unwrap_or("1"), numbers.next().unwrap_or_default());
    let component = "k8s.io/component-base/version";
    format!(
        "-s -w -X {component}.gitVersion=v{version} -X {component}.gitMajor={major} -X {component}.gitMinor={minor} \
         -X {component}.gitTreeState=clean -X k8s.io/client-go/pkg/version.gitVersion=v{version}"
    )
}

fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{:02}s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_linked_in() {
        let pinned = Pinned { kubernetes: "1.37.2".to_owned(), etcd: "3.7.0".to_owned() };
        let flags = linker_flags(&pinned);
        assert!(flags.contains("gitVersion=v1.37.2 ") && flags.contains("gitMinor=37 "), "{flags}");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(minutes(Duration::from_secs(45)), "45s");
        assert_eq!(minutes(Duration::from_secs(80)), "1m20s");
        assert_eq!(minutes(Duration::from_secs(305)), "5m05s");
    }
}
