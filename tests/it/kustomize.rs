//! `deploy/samples/kustomize`, copied and edited as its comments say: what kustomize renames is followed, another key is used, and
//! an edit of one row is one update of one user.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use jumpcloud_sim::ledger::{Entry, Request};
use jumpcloud_sim::{DEFAULT_KEY, DEFAULT_ORGANISATION, Route, Settings, key_fingerprint};
use serde_json::{Value, json};

use crate::harness::operator::QUICK;
use crate::harness::plane::{plane, run};
use crate::harness::weather;
use crate::harness::world::World;

/// How far the date of the copy is away: the sample's own passes.
const AHEAD: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The key that comes later.
const OTHER_KEY: &str = "another-simulator-key";

/// A copy of the sample.
struct Copy {
    folder: PathBuf,
}

impl Copy {
    /// Makes one for a namespace, with connections to that simulator.
    fn of_sample(namespace: &str, url: &str) -> Self {
        let folder = plane().scratch().path().join(format!("kustomize-{namespace}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/samples/kustomize");
        for entry in std::fs::read_dir(sample).expect("the sample") {
            let path = entry.expect("a file").path();
            std::fs::copy(&path, folder.join(path.file_name().expect("a name"))).expect("a copy");
        }
        let copy = Self { folder };
        copy.write("api-key.txt", DEFAULT_KEY);
        copy.edit("kustomization.yaml", |text| {
            let patch = json!([{"op": "add", "path": "/spec/apiURL", "value": url}]);
            format!(
                "{text}namespace: {namespace}\npatches:\n  - target: {{kind: JumpCloudConnection}}\n    patch: '{patch}'\n"
            )
        });
        let date = Timestamp::now() + AHEAD;
        copy.edit("people.yaml", |text| {
            text.replace("2027-01-04T09:00:00", &date.strftime("%FT%T").to_string())
        });
        copy
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.join(file), text).expect("the file is written");
    }

    /// Changes a file, which must become another.
    fn edit(&self, file: &str, change: impl FnOnce(&str) -> String) {
        let before = std::fs::read_to_string(self.folder.join(file)).expect("a file");
        let after = change(&before);
        assert_ne!(before, after, "{file} is as it was");
        self.write(file, &after);
    }

    /// What kustomize makes of it.
    fn built(&self) -> Vec<Value> {
        let text = run(plane().kubectl().arg("kustomize").arg(&self.folder));
        serde_saphyr::from_multiple(&text).expect("YAML")
    }

    /// The name of the Secret, and the one that the connection names.
    fn secret(&self) -> (String, String) {
        let built = self.built();
        let of = |kind: &str, path: &str| {
            let object = built.iter().find(|object| object["kind"] == kind).expect("it is built");
            object.pointer(path).and_then(Value::as_str).expect("a name").to_owned()
        };
        let named = of("JumpCloudConnection", "/spec/auth/apiKey/secretKeyRef/name");
        (of("Secret", "/metadata/name"), named)
    }

    fn apply(&self) {
        run(plane().kubectl().args(["apply", "-k"]).arg(&self.folder));
    }
}

/// Requests after that entry.
fn requests(world: &World, seq: u64) -> Vec<Request> {
    world.sim.ledger_since(seq).iter().filter_map(Entry::request).cloned().collect()
}

fn last(world: &World) -> u64 {
    world.sim.ledger().last().map_or(0, |entry| entry.seq)
}

/// The shipped file is what makes the difference.
#[test]
fn without_the_name_reference_the_connection_would_name_nobody() {
    let copy = Copy::of_sample("kustomize-built", "http://127.0.0.1:1");
    let (secret, named) = copy.secret();
    assert!(secret.starts_with("sales-jumpcloud-") && secret == named, "{secret}, {named}");
    for object in copy.built() {
        let refers = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        match object["kind"].as_str() {
            Some("JumpCloudUserBatch") => {
                assert_eq!(refers("/spec/connectionRef/name"), "sales-organisation");
            }
            Some("ScheduledUserState") => {
                assert_eq!(refers("/spec/connectionRef/name"), "sales-organisation");
                assert_eq!(refers("/spec/usersFromBatch/name"), "sales-joiners");
            }
            _ => {}
        }
    }
    copy.edit("kustomization.yaml", |text| {
        text.replace("configurations:\n", "").replace("  - kustomizeconfig.yaml\n", "")
    });
    let (other, named) = copy.secret();
    assert_eq!((other.as_str(), named.as_str()), (secret.as_str(), "jumpcloud"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_is_used_and_an_edited_row_is_one_update() {
    if weather::clean_only("counts requests") {
        return;
    }
    let world = World::bare("kustomize", Settings::default()).await;
    let _operator = world.operator(QUICK);
    let copy = Copy::of_sample(&world.namespace, world.sim.url());
    let row = "    - {username: mina.koch, email: mina.koch@example.com, firstName: Mina, lastName: Koch}\n";
    copy.edit("people.yaml", |text| {
        text.replace(row, &format!("{row}{}{}", other(row, "lena"), other(row, "omar")))
    });
    copy.apply();
    world.reason("sales-joiners", "Succeeded").await;
    let ready = ["wait", "--for=condition=Ready", "jcsus/sales-joiners", "--timeout=60s"];
    world.kubectl(&ready);
    let [first] = &world.sim.requests(Route::BulkCreate)[..] else { panic!("not one request creates") };
    assert_eq!(first.usernames, ["mina.koch", "lena.koch", "omar.koch"]);

    // The old Secret stays, as nothing prunes it; JumpCloud takes the new key alone.
    let (old, _) = copy.secret();
    world.sim.add_key(DEFAULT_ORGANISATION, OTHER_KEY).expect("the organisation is there");
    assert!(world.sim.revoke_key(DEFAULT_KEY));
    let mark = last(&world);
    copy.write("api-key.txt", OTHER_KEY);
    let (new, named) = copy.secret();
    assert!(new != old && new == named, "{old}, {new}, {named}");
    copy.apply();
    world.connection_reason("sales-organisation", "Succeeded").await;
    world.kubectl(&["get", "secret", &old, &new]);
    let asked = requests(&world, mark);
    assert!(!asked.is_empty());
    for request in &asked {
        assert_eq!(request.key, Some(key_fingerprint(OTHER_KEY)), "{} {}", request.method, request.path);
        assert!(
            !request.route.is_mutating(),
            "a key is no reason to write: {} {}",
            request.method,
            request.path
        );
    }

    let mark = last(&world);
    copy.edit("people.yaml", |text| {
        text.replace("firstName: Lena, lastName: Koch", "firstName: Lena, lastName: Koch, jobTitle: Analyst")
    });
    copy.apply();
    let status = world.reason("sales-joiners", "Succeeded").await;
    assert_eq!(status.users.iter().filter(|user| user.result == "Updated").count(), 1);
    // The schedule looks at its batch, and has nothing to do.
    world.kubectl(&ready);
    let wrote: Vec<Request> =
        requests(&world, mark).into_iter().filter(|request| request.route.is_mutating()).collect();
    let [update] = &wrote[..] else { panic!("{} requests write: {wrote:#?}", wrote.len()) };
    assert_eq!(update.route, Route::BulkUpdate);
    assert_eq!(update.fields, [["jobTitle"]]);
    let lena = world.sim.user("lena.koch").expect("lena exists");
    assert_eq!(
        [&lena["_id"], &lena["jobTitle"]],
        [&Value::from(update.ids[0].clone()), &Value::from("Analyst")]
    );
    assert_eq!(update.key, Some(key_fingerprint(OTHER_KEY)));
}

/// The same row for another first name.
fn other(row: &str, name: &str) -> String {
    let (first, rest) = name.split_at(1);
    row.replace("mina", name).replace("Mina", &format!("{}{rest}", first.to_uppercase()))
}
