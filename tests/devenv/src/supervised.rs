//! Child processes that cannot outlive us.
//!
//! # Guarantees
//! - The program ends when its [`Supervised`] is dropped, and when this process is gone for whatever reason, SIGKILL included:
//!   a small shell between us and the program waits on a pipe that closes with us. First SIGTERM, then SIGKILL after the grace.
//! - [`Supervised::pid`] is the program's own, so that signals hit it and not the shell.
//! - Ctrl-C at a terminal reaches neither the shell nor the program (a process group of their own): we decide when they end.
//!
//! # Assumptions
//! Nobody kills the shell itself by SIGKILL. The program starts with SIGINT and SIGQUIT ignored, as POSIX has it for background
//! commands of a shell: one that wants SIGINT must install a handler (as tokio and Go do).

use std::ffi::OsString;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::log_tail::log_tail;
use crate::scratch::ScratchDir;

/// How often a process is asked whether it ended.
const POLL: Duration = Duration::from_millis(10);

/// Beyond the grace, how long stopping waits for the shell to report the end.
const REPORT: Duration = Duration::from_secs(5);

/// A program to be run.
#[derive(Debug)]
pub struct Program<'a> {
    name: String,
    path: PathBuf,
    log: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    grace: Duration,
    scratch: Option<&'a ScratchDir>,
}

impl<'a> Program<'a> {
    /// The executable at `path` (or found by name on PATH), with its output appended to the file `log`. `name` is for messages.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            log: log.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: None,
            grace: Duration::from_secs(5),
            scratch: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable; the others are inherited.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets the working directory; default ours.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// The time between SIGTERM and SIGKILL when it is stopped, in tenths of a second; default 5 s. Zero kills at once.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The folder that must not be removed before the program has ended.
    #[must_use]
    pub fn scratch(mut self, scratch: &'a ScratchDir) -> Self {
        self.scratch = Some(scratch);
        self
    }
}

/// A signal for a supervised program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ask it to end.
    Term,
    /// Ask it to end as Ctrl-C does. Ignored by a program that has no handler (see the module's assumptions).
    Int,
    /// End it without its knowledge.
    Kill,
    /// Freeze it.
    Stop,
    /// Let a frozen one go on.
    Cont,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        }
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code. 126 and 127 may also mean that it could not be run; its log says so.
    Code(i32),
    /// By the signal of this number.
    Signal(i32),
}

impl Exit {
    /// A shell reports a program that ended by signal n as 128 + n.
    fn of(status: ExitStatus) -> Self {
        match status.code() {
            Some(code) if code > 128 => Self::Signal(code - 128),
            Some(code) => Self::Code(code),
            None => Self::Signal(9),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "code {code}"),
            Self::Signal(number) => write!(f, "signal {number}"),
        }
    }
}

/// A running program. Dropping it ends the program and waits until it is gone.
#[derive(Debug)]
pub struct Supervised {
    name: String,
    pid: u32,
    log: PathBuf,
    grace: Duration,
    shell: Mutex<Shell>,
}

#[derive(Debug)]
struct Shell {
    process: Child,
    /// Closing it ends the program.
    lifeline: Option<ChildStdin>,
}

impl Supervised {
    /// Starts the program. A program that cannot be run is reported by [`Supervised::wait_exit`] and its log.
    ///
    /// # Errors
    /// When the log cannot be created or no shell can be started.
    pub fn spawn(program: Program<'_>) -> Result<Self> {
        let Program { name, path, log, arguments, environment, directory, grace, scratch } = program;
        OpenOptions::new().create(true).append(true).open(&log).map_err(Error::io("create", &log))?;
        let log = log.canonicalize().map_err(Error::io("resolve", &log))?;

        let mut command = Command::new("sh");
        command.args(["-c", include_str!("supervise.sh"), "supervise"]).arg(&log);
        command.arg((grace.as_millis() / 100).to_string()).arg(&path).args(arguments).envs(environment);
        if let Some(directory) = directory {
            command.current_dir(directory);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        command.stderr(scratch.map_or_else(|| Ok(Stdio::null()), ScratchDir::hold)?);
        let mut process = command.spawn().map_err(Error::io("run sh for", &path))?;

        let lifeline = process.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(Error::io("read the pid of", &path))?;
        }
        let pid = line.trim().parse().map_err(|_| Error::Ended {
            name: name.clone(),
            exit: "before it started".to_owned(),
            tail: log_tail(&log),
        })?;
        Ok(Self { name, pid, log, grace, shell: Mutex::new(Shell { process, lifeline }) })
    }

    /// The program's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The name it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file with its output.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// The last lines of its output, for messages.
    #[must_use]
    pub fn log_tail(&self) -> String {
        log_tail(&self.log)
    }

    /// Sends the program a signal.
    ///
    /// # Errors
    /// [`Error::Ended`] when it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        // Checked first, or a later owner of the same pid could be hit.
        self.check_running()?;
        let sent = Command::new("sh")
            .args(["-c", r#"kill -s "$1" "$2""#, "kill", signal.name(), &self.pid.to_string()])
            .stderr(Stdio::null())
            .status()
            .map_err(Error::io("run sh to signal", Path::new(&self.name)))?;
        if sent.success() { Ok(()) } else { Err(self.ended("while it was signalled")) }
    }

    /// Fails when the program is gone.
    ///
    /// # Errors
    /// [`Error::Ended`], with the end of its log.
    pub fn check_running(&self) -> Result<()> {
        match self.exit()? {
            Some(exit) => Err(self.ended(&exit.to_string())),
            None => Ok(()),
        }
    }

    /// How the program ended, or `None` when it still runs after `timeout`.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn wait_exit(&self, timeout: Duration) -> Result<Option<Exit>> {
        let started = Instant::now();
        loop {
            let exit = self.exit()?;
            if exit.is_some() || started.elapsed() >= timeout {
                return Ok(exit);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Ends the program: SIGTERM, then SIGKILL after the grace. One that has ended already is no error.
    ///
    /// # Errors
    /// [`Error::Deadline`] when its end is not reported in time.
    pub fn stop(&self) -> Result<Exit> {
        self.shell().lifeline = None;
        let limit = self.grace + REPORT;
        self.wait_exit(limit)?.ok_or_else(|| Error::Deadline {
            what: format!("the end of {} (pid {})", self.name, self.pid),
            waited: limit,
            detail: self.log_tail(),
        })
    }

    fn exit(&self) -> Result<Option<Exit>> {
        let status = self.shell().process.try_wait().map_err(Error::io("wait for", Path::new(&self.name)))?;
        Ok(status.map(Exit::of))
    }

    fn ended(&self, exit: &str) -> Error {
        Error::Ended { name: self.name.clone(), exit: exit.to_string(), tail: self.log_tail() }
    }

    /// A panic while the lock was held leaves nothing half done, so poison is of no interest.
    fn shell(&self) -> MutexGuard<'_, Shell> {
        self.shell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // There is nobody to tell; the shell goes on ending the program without us.
        drop(self.stop());
    }
}
