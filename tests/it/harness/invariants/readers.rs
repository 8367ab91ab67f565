//! What kstatus and Argo CD read from a status, held against the conditions table: the one that Flux, Helm and kpt wait by,
//! as its own Go library says it, the other as `deploy/argocd` tells it to, in the interpreter that it uses.
//!
//! # Guarantees
//! - Every status that the operator wrote is judged. Those that no reader can tell apart ([`Shape`]) are judged once in a run.
//! - One object of each shape is kept in `statuses.jsonl` in Cargo's folder for files of tests (`target/tmp`), at most
//!   [`KEPT`]: real statuses to look at, and to make fixtures of.
//!
//! # Assumptions
//! Without Go nobody is asked, and standard error says so once. The pipeline has Go.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use devenv::error::Error;
use devenv::go_answers::{GoAnswers, Program};
use jumpcloud_operator::api::GROUP;
use serde_json::{Value, json};

use super::shape::Shape;
use super::table::{STALLED, WAITING};
use super::version::{Kind, Version};

/// Most objects that are kept for people.
const KEPT: usize = 500;

/// Longest object that is kept, in bytes.
const LONGEST: usize = 64 * 1024;

/// The programs that are asked.
struct Readers {
    kstatus: GoAnswers,
    lua: GoAnswers,
    /// The health script of each kind.
    scripts: BTreeMap<Kind, String>,
    /// What was wrong with each shape.
    judged: BTreeMap<Shape, Option<String>>,
    kept: File,
}

/// Fails when a reader takes the status for something else than the conditions table does.
pub fn agree(version: &Version) -> Result<(), String> {
    static READERS: OnceLock<Option<Mutex<Readers>>> = OnceLock::new();
    let Some(readers) = READERS.get_or_init(Readers::start) else { return Ok(()) };
    let mut readers = readers.lock().unwrap_or_else(PoisonError::into_inner);
    let shape = Shape::of(version);
    if !readers.judged.contains_key(&shape) {
        let object = object(version);
        readers.keep(&object);
        let wrong = readers.judge(version, &object).err();
        readers.judged.insert(shape.clone(), wrong);
    }
    match &readers.judged[&shape] {
        Some(wrong) => Err(wrong.clone()),
        None => Ok(()),
    }
}

impl Readers {
    fn start() -> Option<Mutex<Self>> {
        let kstatus = match GoAnswers::start(Program::Kstatus) {
            Err(error @ Error::GoMissing { .. }) => {
                eprintln!("statuses are not shown to kstatus and Argo CD: {error}");
                return None;
            }
            started => started.expect("kstatus starts"),
        };
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("statuses.jsonl");
        Some(Mutex::new(Self {
            kstatus,
            lua: GoAnswers::start(Program::Lua).expect("lua starts"),
            scripts: [Kind::Connection, Kind::Batch, Kind::Schedule].map(|kind| (kind, script(kind))).into(),
            judged: BTreeMap::new(),
            kept: File::create(kept).expect("a file"),
        }))
    }

    fn keep(&mut self, object: &Value) {
        let line = object.to_string();
        if self.judged.len() < KEPT && line.len() <= LONGEST {
            writeln!(self.kept, "{line}").expect("the file takes a line");
        }
    }

    fn judge(&mut self, version: &Version, object: &Value) -> Result<(), String> {
        let (wanted, health) = expected(version);
        let said = self.kstatus.ask(object).map_err(|error| error.to_string())?;
        if said["status"] != wanted {
            return Err(format!("kstatus reads {said}, the table says {wanted}"));
        }
        let Some(health) = health else { return Ok(()) };
        let question = json!({"script": self.scripts[&version.kind], "object": object});
        let said = self.lua.ask(&question).map_err(|error| error.to_string())?;
        if said["result"]["status"] != health {
            return Err(format!("Argo CD reads {said}, the table says {health}"));
        }
        Ok(())
    }
}

/// What kstatus and Argo CD have to read, by the reason: the conditions follow from it in the table, and are what they
/// read. Of an object that is being deleted Argo CD asks no script.
fn expected(version: &Version) -> (&'static str, Option<&'static str>) {
    if version.is_leaving() {
        return ("Terminating", None);
    }
    let generation = &version.metadata["generation"];
    let Some(ready) = version.condition("Ready") else { return ("InProgress", Some("Progressing")) };
    let reason = version.reason();
    let is_stalled =
        STALLED.contains(&reason) && (!WAITING.contains(&reason) || version.condition("Stalled").is_some());
    let (current, health) = match (ready["status"].as_str(), reason) {
        (Some("True"), _) if version.kind == Kind::Connection && version.spec["paused"] == true => {
            ("Current", "Suspended")
        }
        (Some("True"), _) => ("Current", "Healthy"),
        _ if is_stalled => ("Failed", "Degraded"),
        (_, "Paused" | "AwaitingApproval") => ("InProgress", "Suspended"),
        _ => ("InProgress", "Progressing"),
    };
    if version.status["observedGeneration"] == *generation {
        (current, Some(health))
    } else {
        ("InProgress", Some("Progressing"))
    }
}

fn script(kind: Kind) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd/resource_customizations");
    let path = folder.join(GROUP).join(kind.name()).join("health.lua");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The version as an object; its submissions are left out, nobody reads them.
fn object(version: &Version) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/v1alpha1"),
        "kind": version.kind.name(),
        "metadata": version.metadata,
        "spec": *version.spec,
        "status": version.status,
    })
}
