//! Files of the repository, and the programs that are asked about them.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use devenv::go_answers::{GoAnswers, Program};
use serde_json::{Value, json};

/// The kinds, in the order of the alphabet.
pub const KINDS: [&str; 3] = ["JumpCloudConnection", "JumpCloudUserBatch", "ScheduledUserState"];

/// A place in the repository.
pub fn place(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file.
pub fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The YAML documents of a file.
pub fn documents(path: &Path) -> Vec<Value> {
    serde_saphyr::from_multiple(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The one YAML document of a file.
pub fn document(path: &Path) -> Value {
    let [document] = <[Value; 1]>::try_from(documents(path))
        .unwrap_or_else(|all| panic!("{} has {} documents", path.display(), all.len()));
    document
}

/// The YAML documents of the files that are in a folder itself.
pub fn all_documents(folder: &str) -> Vec<Value> {
    let folder = place(folder);
    let files = listed(&folder).into_iter().filter(|name| name.ends_with(".yaml"));
    files.flat_map(|name| documents(&folder.join(name))).collect()
}

/// The names of what is in a folder, sorted.
pub fn listed(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The folder of a kind's scripts.
pub fn scripts(kind: &str) -> PathBuf {
    place("deploy/argocd/resource_customizations/jumpcloud-operator.dev").join(kind)
}

/// The word of kstatus for an object.
pub fn kstatus(object: &Value) -> String {
    static PROGRAM: OnceLock<Mutex<GoAnswers>> = OnceLock::new();
    let answer = ask(&PROGRAM, Program::Kstatus, object);
    answer["status"].as_str().expect("a word").to_owned()
}

/// What a script returns about an object.
pub fn lua(script: &str, object: &Value) -> Value {
    static PROGRAM: OnceLock<Mutex<GoAnswers>> = OnceLock::new();
    let mut answer = ask(&PROGRAM, Program::Lua, &json!({"script": script, "object": object}));
    answer["result"].take()
}

/// What Argo CD finds different between an object in Git and the live one, compared as it does by default.
pub fn diff(config: &Value, live: &Value) -> Value {
    static PROGRAM: OnceLock<Mutex<GoAnswers>> = OnceLock::new();
    ask(&PROGRAM, Program::Diff, &json!({"mode": "three-way", "config": config, "live": live}))
}

fn ask(running: &OnceLock<Mutex<GoAnswers>>, program: Program, question: &Value) -> Value {
    let running = running.get_or_init(|| {
        Mutex::new(GoAnswers::start(program).unwrap_or_else(|error| panic!("{program:?}: {error}")))
    });
    let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
    running.ask(question).unwrap_or_else(|error| panic!("{error}\n{question}"))
}
