//! Programs in Go that answer questions of tests: what a library says that Rust has no other access to.
//!
//! # Guarantees
//! - A program is built when its sources change and kept outside the checkout, beside the control plane's.
//! - It ends with this process: it reads from a pipe that the operating system closes with us.
//! - A question that is not answered is an error, never an empty answer.
//!
//! # Assumptions
//! The program answers each line of its input with one line, before it reads the next.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::tools;

/// A program to ask, by the name of its folder in tests/packaging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// What Argo CD finds different between Git and the cluster.
    Diff,
    /// What kstatus makes of an object.
    Kstatus,
    /// What a Lua script returns when Argo CD runs it.
    Lua,
}

/// A running program.
#[derive(Debug)]
pub struct GoAnswers {
    name: &'static str,
    child: Child,
    // Taken when it goes: the end of its input is what ends the program.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Diff, Self::Kstatus, Self::Lua];

    /// Builds it, unless it is there; gives the executable.
    ///
    /// # Errors
    /// When it must be built and there is no Go ([`Error::GoMissing`]) or the build fails.
    pub fn build(self) -> Result<PathBuf> {
        tools::provide(self.name())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Diff => "diff",
            Self::Kstatus => "kstatus",
            Self::Lua => "lua",
        }
    }
}

impl GoAnswers {
    /// Builds the program if need be, and starts it.
    ///
    /// # Errors
    /// When it cannot be built ([`Program::build`]) or started.
    pub fn start(program: Program) -> Result<Self> {
        let (path, name) = (program.build()?, program.name());
        let mut child = Command::new(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Error::io("run", &path))?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::NoAnswer { name, why: "it has no pipes".to_owned() });
        };
        Ok(Self { name, child, questions: Some(questions), answers: BufReader::new(answers) })
    }

    /// The answer to one question.
    ///
    /// # Errors
    /// When the program has ended, says what is no answer, or says that something is wrong with the question.
    pub fn ask(&mut self, question: &Value) -> Result<Value> {
        let name = self.name;
        let no_answer = |why: String| Error::NoAnswer { name, why };
        let Some(questions) = self.questions.as_mut() else {
            return Err(no_answer("it has ended".to_owned()));
        };
        writeln!(questions, "{question}")
            .and_then(|()| questions.flush())
            .map_err(|error| no_answer(error.to_string()))?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|error| no_answer(error.to_string()))?;
        let answer: Value =
            serde_json::from_str(&line).map_err(|error| no_answer(format!("{error}: {line:?}")))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(why) => Err(no_answer(why.to_owned())),
            None => Ok(answer),
        }
    }
}

impl Drop for GoAnswers {
    fn drop(&mut self) {
        drop(self.questions.take());
        // Whether it ended well says nothing of the answers that were given.
        drop(self.child.wait());
    }
}
