//! Builds one of the pinned binaries with Go.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::progress::say;
use crate::supervised::{Exit, Program, Supervised};

/// How often a person is told that it goes on.
pub(crate) const REPORT_EVERY: Duration = Duration::from_secs(15);

/// The longest build allowed; about ten times what two cores need.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// A program of the tool module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    /// The name of the executable.
    pub(crate) name: &'static str,
    /// Its Go package.
    pub(crate) package: &'static str,
}

/// The Go module that pins tools, and how they are linked.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Where its go.mod is.
    pub(crate) folder: PathBuf,
    /// What `go build -ldflags` gets.
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
pub(crate) fn build(tool: Tool, source: &Source, folder: &Path) -> Result<()> {
    let log = folder.join(format!(".{}.log", tool.name));
    let unfinished = folder.join(format!(".{}.unfinished", tool.name));
    // The log is appended to, and an earlier failure is of no interest.
    drop(fs::remove_file(&log));

    say(&format!("building {} with go", tool.name));
    let started = Instant::now();
    let go = Program::new("go build", "go", &log)
        .args(["build", "-trimpath", "-ldflags", source.linker_flags.as_str(), "-o"])
        .args([unfinished.as_os_str()])
        .args([tool.package])
        .env("CGO_ENABLED", "0")
        // Neither a workspace nor flags of the person's own may change what is built.
        .env("GOWORK", "off")
        .env("GOFLAGS", "-mod=readonly")
        .current_dir(&source.folder);
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
                "still building {}, {}; the first build takes about 5 minutes",
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

fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{:02}s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(minutes(Duration::from_secs(45)), "45s");
        assert_eq!(minutes(Duration::from_secs(80)), "1m20s");
        assert_eq!(minutes(Duration::from_secs(305)), "5m05s");
    }
}
