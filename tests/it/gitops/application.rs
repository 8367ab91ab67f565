//! An Application of Argo CD, as far as it applies and compares.

use std::path::PathBuf;

use devenv::go_answers::{GoAnswers, Program};
use serde_json::{Value, json};

use crate::harness::plane::{kubectl, plane};
use crate::harness::wait::eventually;
use crate::harness::world::{PATIENCE, World};

/// How an Application is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As it is by default, with the annotation of what was applied.
    Client,
    /// With sync option `ServerSideApply`.
    Server,
}

/// How an Application is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By default.
    ThreeWay,
    /// With sync option `ServerSideApply`, before Argo CD 3.6.
    StructuredMerge,
    /// With compare option `ServerSideDiff`; with sync option `ServerSideApply` since Argo CD 3.6.
    ServerSide,
}

/// One Application and its namespace.
pub struct Application<'a> {
    world: &'a World,
    way: Way,
    /// Where the server's types are.
    schema: PathBuf,
    program: GoAnswers,
}

/// The call of a server-side apply by Argo CD.
const SERVER_SIDE: [&str; 5] =
    ["apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller", "--filename=-"];

/// kubectl's answer to a question about objects, as one or as a list.
fn answered(arguments: &[&str], objects: &[Value]) -> Vec<Value> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let form = ["--output=json", "--show-managed-fields"];
    let printed = kubectl(&[arguments, &form].concat(), &list.to_string());
    assert!(printed.success, "{arguments:?}: {}", printed.text);
    // Warnings stand behind it.
    let answer = serde_json::Deserializer::from_str(&printed.text).into_iter::<Value>().next();
    let mut answer = answer.expect("an answer").expect("JSON");
    match answer.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => vec![answer],
    }
}

/// What the server would answer to a server-side apply by Argo CD.
fn predicted(wanted: &[Value]) -> Vec<Value> {
    answered(&[&SERVER_SIDE[..], &["--dry-run=server"]].concat(), wanted)
}

fn is_same(one: &Value, other: &Value) -> bool {
    one["kind"] == other["kind"] && one["metadata"]["name"] == other["metadata"]["name"]
}

impl<'a> Application<'a> {
    /// One that deploys to the namespace of that world.
    pub async fn of(world: &'a World, way: Way) -> Self {
        // The types of definitions come a moment after these.
        let types = eventually("the types of our kinds", PATIENCE, async || {
            let printed = kubectl(&["get", "--raw", "/openapi/v2"], "");
            let known = ["JumpCloudConnection", "JumpCloudUserBatch", "ScheduledUserState"]
                .iter()
                .all(|kind| printed.text.contains(&format!("dev.jumpcloud-operator.v1alpha1.{kind}\"")));
            if printed.success && known { Ok(printed.text) } else { Err(printed.text.len()) }
        })
        .await;
        let schema = plane().scratch().path().join(format!("openapi-{}.json", world.namespace));
        std::fs::write(&schema, types).expect("the types are written");
        Self { world, way, schema, program: GoAnswers::start(Program::Diff).expect("diff starts") }
    }

    /// How an Application that is synced so can be compared.
    pub fn modes(&self) -> Vec<Mode> {
        match self.way {
            Way::Client => vec![Mode::ThreeWay, Mode::ServerSide],
            Way::Server => vec![Mode::StructuredMerge, Mode::ServerSide],
        }
    }

    /// Those of them that know of a field that has left Git: by the annotation of client-side apply, or by what the manager
    /// has applied before.
    pub fn mindful_modes(&self) -> Vec<Mode> {
        let mut modes = self.modes();
        modes.retain(|mode| (self.way, *mode) != (Way::Client, Mode::ServerSide));
        modes
    }

    /// An object as Argo CD wants it to be: known as its own.
    fn tracked(&self, object: &Value) -> Value {
        let mut tracked = object.clone();
        let (group, _) =
            object["apiVersion"].as_str().and_then(|version| version.split_once('/')).unwrap_or_default();
        let word = |value: &Value| value.as_str().expect("text").to_owned();
        let (kind, name) = (word(&object["kind"]), word(&object["metadata"]["name"]));
        tracked["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] =
            json!(format!("people:{group}/{kind}:{}/{name}", self.world.namespace));
        tracked
    }

    /// The same of an object of the namespace.
    fn wanted(&self, object: &Value) -> Value {
        let mut wanted = self.tracked(object);
        wanted["metadata"]["namespace"] = json!(self.world.namespace);
        wanted
    }

    fn all_wanted(&self, git: &[Value]) -> Vec<Value> {
        git.iter().map(|object| self.wanted(object)).collect()
    }

    fn apply(&self) -> &'static [&'static str] {
        match self.way {
            Way::Client => &["apply", "--filename=-"],
            Way::Server => &SERVER_SIDE,
        }
    }

    /// Applies what is in Git.
    pub fn sync(&self, git: &[Value]) {
        answered(self.apply(), &self.all_wanted(git));
    }

    /// The objects as they are.
    pub fn live(&self, git: &[Value]) -> Vec<Value> {
        answered(&["get", "--filename=-"], &self.all_wanted(git))
    }

    /// Fails when anything in Git is other than it is in the cluster.
    pub fn assert_equal(&mut self, git: &[Value]) {
        let (wanted, live) = (self.all_wanted(git), self.live(git));
        let predicted = predicted(&wanted);
        self.compare_all(&wanted, &live, &predicted);
    }

    /// Fails when an object of the cluster that is not there would be other than in Git. What the server would answer to a
    /// later server-side apply a dry run does not tell.
    pub fn would_not_differ(&mut self, object: &Value) {
        let wanted = self.tracked(object);
        let live = answered(&[self.apply(), &["--dry-run=server"]].concat(), std::slice::from_ref(&wanted));
        for mode in self.modes().into_iter().filter(|mode| *mode != Mode::ServerSide) {
            let differences = self.compare(mode, &wanted, &live[0], &Value::Null);
            assert!(differences.is_empty(), "{} {mode:?}: {differences:?}", wanted["metadata"]["name"]);
        }
    }

    /// The paths in which an object differs.
    pub fn differences(&mut self, mode: Mode, object: &Value) -> Vec<String> {
        let wanted = [self.wanted(object)];
        let live = answered(&["get", "--filename=-"], &wanted);
        let predicted = match mode {
            Mode::ServerSide => predicted(&wanted).remove(0),
            Mode::ThreeWay | Mode::StructuredMerge => Value::Null,
        };
        self.compare(mode, &wanted[0], &live[0], &predicted)
    }

    fn compare_all(&mut self, wanted: &[Value], live: &[Value], predicted: &[Value]) {
        let of = |list: &[Value], one: &Value| {
            let same = list.iter().find(|other| is_same(one, other));
            same.unwrap_or_else(|| panic!("{} {} is missing", one["kind"], one["metadata"]["name"])).clone()
        };
        let mut wrong = Vec::new();
        for one in wanted {
            for mode in self.modes() {
                let differences = self.compare(mode, one, &of(live, one), &of(predicted, one));
                if !differences.is_empty() {
                    wrong.push(format!(
                        "{} {}, {mode:?}: {differences:?}",
                        one["kind"], one["metadata"]["name"]
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "Argo CD finds differences:\n{}", wrong.join("\n"));
    }

    fn compare(&mut self, mode: Mode, wanted: &Value, live: &Value, predicted: &Value) -> Vec<String> {
        let mode = match mode {
            Mode::ThreeWay => "three-way",
            Mode::StructuredMerge => "structured-merge",
            Mode::ServerSide => "server-side",
        };
        let question = json!({
            "mode": mode, "config": wanted, "live": live, "predicted": predicted, "schema": self.schema,
        });
        let answer = self.program.ask(&question).unwrap_or_else(|error| panic!("{error}: {question}"));
        let differences = answer["differences"].as_array().expect("a list");
        assert_eq!(answer["modified"], !differences.is_empty(), "{answer}");
        differences.iter().map(|one| one["path"].as_str().expect("a path").to_owned()).collect()
    }
}
