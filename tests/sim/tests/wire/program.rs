//! The program.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn it_says_where_it_listens_and_takes_a_profile() {
    let profile = std::env::temp_dir().join(format!("jumpcloud-sim-{}.json", std::process::id()));
    std::fs::write(&profile, r#"{"api": {"accepted_status": 201}}"#).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_jumpcloud-sim"))
        .args(["--listen", "127.0.0.1:0", "--api-key", "program-key", "--seed", "3", "--profile"])
        .arg(&profile)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line =
        tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await.unwrap().unwrap().unwrap();
    let url = line.strip_prefix("jumpcloud-sim is ready at ").unwrap();
    let http = reqwest::Client::new();
    let body = serde_json::json!([{"username": "ada", "email": "a@x.test"}]);
    let post = http.post(format!("{url}/api/v2/bulk/users")).header("x-api-key", "program-key").json(&body);
    assert_eq!(post.send().await.unwrap().status(), 201);
    std::fs::remove_file(&profile).unwrap();
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_bad_profile_is_named() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jumpcloud-sim"));
    let output = command.args(["--profile", "/nowhere/at-all.json"]).output().await.unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/at-all.json"));
}
