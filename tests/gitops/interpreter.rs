//! The interpreter itself: what scripts find is what Argo CD gives them, and a script that goes wrong is told.

use devenv::go_answers::{GoAnswers, Program};
use serde_json::{Value, json};

use crate::rig::lua;

#[test]
fn scripts_find_what_argo_cd_gives_them() {
    let script = r#"return {
        table = table ~= nil, ipairs = ipairs ~= nil, tostring = tostring ~= nil, date = require("os").date ~= nil,
        string = string ~= nil, math = math ~= nil, io = io ~= nil, os = os ~= nil, exit = require("os").exit ~= nil,
    }"#;
    let wanted = json!({
        "table": true, "ipairs": true, "tostring": true, "date": true,
        "string": false, "math": false, "io": false, "os": false, "exit": false,
    });
    assert_eq!(lua(script, &json!({})), wanted);
}

#[test]
fn a_script_that_goes_wrong_is_told() {
    let mut program = GoAnswers::start(Program::Lua).unwrap();
    for (script, why) in [
        ("return obj.status.conditions", "attempt to index"),
        ("return 'Healthy'", "returned a string"),
        ("health = {", "at EOF"),
        ("while true do end", "deadline"),
    ] {
        let told = program.ask(&json!({"script": script, "object": {}})).unwrap_err().to_string();
        assert!(told.contains(why), "{script}: {told}");
    }
    let answer = program.ask(&json!({"script": "return obj", "object": {"a": {}, "b": [], "c": 1}}));
    // It goes on afterwards. An empty list and an empty map are what they were.
    assert_eq!(answer.unwrap()["result"], json!({"a": {}, "b": [], "c": 1}));
}

#[test]
fn kstatus_tells_what_is_no_object() {
    let mut program = GoAnswers::start(Program::Kstatus).unwrap();
    for wrong in [json!({"kind": "Secret", "metadata": {"generation": "one"}}), Value::Null, json!([])] {
        assert!(program.ask(&wrong).is_err(), "{wrong}");
    }
}
