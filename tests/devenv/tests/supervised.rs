//! Children end when their guard goes, and only the program itself is signalled.

#[cfg(test)]
mod common;

use std::fs;
use std::time::Duration;

use devenv::scratch::ScratchDir;
use devenv::supervised::{Exit, Program, Signal, Supervised};

use common::{PATIENCE, is_alive, until};

fn sleeper(scratch: &ScratchDir) -> Program<'_> {
    Program::new("sleeper", "sleep", scratch.path().join("sleeper.log")).args(["600"]).scratch(scratch)
}

#[test]
fn a_program_that_ends_by_itself_reports_its_code_and_output() {
    let scratch = ScratchDir::new().unwrap();
    let program = Program::new("teller", "sh", scratch.path().join("teller.log"))
        .args(["-c", r#"echo "$WORD" from "$(pwd)"; exit 3"#])
        .env("WORD", "hello")
        .current_dir("/")
        .scratch(&scratch);
    let teller = Supervised::spawn(program).unwrap();
    assert_eq!(teller.wait_exit(PATIENCE).unwrap(), Some(Exit::Code(3)));
    assert_eq!(fs::read_to_string(teller.log_path()).unwrap(), "hello from /\n");
    let error = teller.signal(Signal::Term).unwrap_err().to_string();
    assert!(error.contains("code 3") && error.contains("hello from /"), "{error}");
}

#[test]
fn a_program_that_cannot_be_run_says_so() {
    let scratch = ScratchDir::new().unwrap();
    let missing = Program::new("missing", "/no/such/program", scratch.path().join("missing.log"));
    let missing = Supervised::spawn(missing.scratch(&scratch)).unwrap();
    assert_eq!(missing.wait_exit(PATIENCE).unwrap(), Some(Exit::Code(127)));
    assert!(missing.log_tail().contains("/no/such/program"), "{}", missing.log_tail());
}

#[test]
fn signals_reach_the_program() {
    let scratch = ScratchDir::new().unwrap();
    let sleeper = Supervised::spawn(sleeper(&scratch)).unwrap();
    let state = || {
        let pid = sleeper.pid().to_string();
        let output = std::process::Command::new("ps").args(["-o", "state=", "-p", &pid]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    sleeper.signal(Signal::Stop).unwrap();
    until("the program is frozen", || state().starts_with('T'));
    assert_eq!(sleeper.wait_exit(Duration::ZERO).unwrap(), None);
    sleeper.signal(Signal::Cont).unwrap();
    until("the program goes on", || state().starts_with('S'));
    sleeper.signal(Signal::Kill).unwrap();
    assert_eq!(sleeper.wait_exit(PATIENCE).unwrap(), Some(Exit::Signal(9)));
}

#[test]
fn a_frozen_program_is_ended_and_its_folder_removed() {
    let scratch = ScratchDir::new().unwrap();
    let folder = scratch.path().to_owned();
    let sleeper = Supervised::spawn(sleeper(&scratch)).unwrap();
    let pid = sleeper.pid();
    sleeper.signal(Signal::Stop).unwrap();
    // The folder's guard goes first: the folder must still wait for the program.
    let removal = std::thread::spawn(move || drop(scratch));
    assert!(folder.exists() && is_alive(pid));
    drop(sleeper);
    assert!(!is_alive(pid));
    removal.join().unwrap();
    assert!(!folder.exists());
}

#[test]
fn a_program_that_ignores_term_is_killed_after_the_grace() {
    let scratch = ScratchDir::new().unwrap();
    let stubborn = Program::new("stubborn", "sh", scratch.path().join("stubborn.log"))
        .args(["-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"])
        .grace(Duration::from_millis(300))
        .scratch(&scratch);
    let stubborn = Supervised::spawn(stubborn).unwrap();
    until("the trap is set", || stubborn.log_tail() == "deaf");
    assert_eq!(stubborn.stop().unwrap(), Exit::Signal(9));
    assert!(!is_alive(stubborn.pid()));
}

#[test]
fn a_folder_in_use_is_refused() {
    let used = ScratchDir::new().unwrap();
    fs::write(used.path().join("mine"), "content").unwrap();
    let error = ScratchDir::at(used.path()).unwrap_err().to_string();
    assert!(error.contains("not empty"), "{error}");
    assert!(used.path().join("mine").exists());
}
