//! A control plane of a test's own, since definitions belong to all of it, with Helm and a simulator.

use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use devenv::control_plane::{ControlPlane, Options};
use devenv::port::free_port;
use jumpcloud_operator::api::GROUP;
use jumpcloud_sim::{DEFAULT_KEY, Entry, Route, Settings, Sim};
use serde_json::{Value, json};

use super::super::tool;
use crate::harness::invariants::Site;
use crate::harness::manifests;
use crate::harness::plane::run;
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

/// The release, its ServiceAccount and its Deployment.
pub const RELEASE: &str = "jumpcloud-operator";

/// The release that has the definitions, where they have one of their own.
pub const CRDS: &str = "jumpcloud-operator-crds";

const BATCHES: &str = "jumpclouduserbatches";

/// The cluster: the release in one namespace, the people's objects in another.
pub struct Cluster {
    /// The namespace of the release.
    pub system: String,
    /// The namespace of the objects.
    pub people: String,
    /// The simulator.
    pub sim: Arc<Sim>,
    /// Where what must hold of every run is checked.
    pub site: Arc<Site>,
    /// The control plane; it goes last.
    pub plane: ControlPlane,
    values: Value,
}

impl Cluster {
    /// Starts it without release and objects. `name` is that of no other test's namespace.
    pub async fn start(name: &str, settings: Settings) -> Self {
        let plane = ControlPlane::start(Options::default()).expect("a control plane of its own");
        let sim = Arc::new(Sim::start(settings).await.expect("the simulator starts"));
        let (system, people) = (name.to_owned(), format!("{name}-people"));
        let site = Site::begin_on(&plane, &system, Arc::clone(&sim));
        site.add(&people);
        for namespace in [&system, &people] {
            run(plane.kubectl().args(["create", "namespace", namespace]));
        }
        let values = json!({
            "adminPort": free_port().expect("a free port"),
            "allowedAPIURLs": [sim.url()],
            "timing": {"pollMin": "1s", "pollMax": "2s", "secretPollInterval": "1s"},
            "leaderElection": {"leaseDuration": "30s", "renewDeadline": "25s", "retryPeriod": "1s"},
        });
        Self { system, people, sim, site, plane, values }
    }

    /// The objects that everything else needs: a Secret and a connection.
    pub async fn connect(&self) {
        self.apply(&manifests::secret(&self.people, DEFAULT_KEY));
        self.apply(&manifests::connection(&self.people, "default", self.sim.url()));
        self.comes_to("jcconn", "default", "Succeeded").await;
    }

    /// From now on jobs run until they are let go.
    pub fn hold_jobs(&self) {
        self.sim.update_settings(|settings| settings.jobs.service_time_ms = 3_600_000);
    }

    /// Lets all jobs go, and later ones run their usual time.
    pub fn let_jobs_go(&self) {
        self.sim.update_settings(|settings| {
            settings.jobs.service_time_ms = Settings::default().jobs.service_time_ms;
        });
        self.sim.finish_jobs();
    }

    /// Runs helm in the release's namespace; it must succeed. Gives what it printed.
    pub fn helm(&self, arguments: &[&str]) -> String {
        let (success, printed) = self.tries_helm(arguments);
        assert!(success, "helm {arguments:?}\n{printed}");
        printed
    }

    /// The same; it must fail.
    pub fn fails_helm(&self, arguments: &[&str]) -> String {
        let (success, printed) = self.tries_helm(arguments);
        assert!(!success, "helm {arguments:?}\n{printed}");
        printed
    }

    fn tries_helm(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = tool().command_as(self.plane.admin_kubeconfig());
        // The last namespace counts.
        command.args(["--namespace", &self.system]).args(arguments);
        let Output { status, stdout, stderr } = command.output().expect("helm starts");
        let printed = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        (status.success(), printed)
    }

    /// A file with the values of the release.
    pub fn values(&self) -> String {
        let file = self.plane.scratch().path().join("values.json");
        std::fs::write(&file, self.values.to_string()).expect("the values are written");
        file.to_str().expect("a path").to_owned()
    }

    /// kubectl in the namespace of the objects; it must succeed.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        run(self.command(arguments).stdin(Stdio::null()))
    }

    /// The same; nothing when it fails.
    pub fn tries_kubectl(&self, arguments: &[&str]) -> Option<String> {
        let output = self.command(arguments).output().expect("kubectl starts");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.plane.kubectl();
        command.args(["--namespace", &self.people]).args(arguments);
        command
    }

    /// Applies an object as people do.
    pub fn apply(&self, object: &Value) {
        self.tries_to_apply(object).expect("it is accepted");
    }

    /// The same, or what was said against it.
    pub fn tries_to_apply(&self, object: &Value) -> Result<(), String> {
        let file = self.plane.scratch().path().join("object.json");
        std::fs::write(&file, object.to_string()).expect("a file");
        let mut command = self.plane.kubectl();
        let output =
            command.args(["apply", "--server-side", "-f"]).arg(&file).output().expect("kubectl starts");
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Applies a batch.
    pub fn apply_batch(&self, name: &str, spec: &Value) {
        self.apply(&manifests::batch(&self.people, name, spec));
    }

    /// An object of the people's namespace.
    pub fn object(&self, kind: &str, name: &str) -> Value {
        self.find(kind, name).unwrap_or_else(|| panic!("{kind} {name} is gone"))
    }

    /// The same; nothing when it, or its kind, is not there.
    pub fn find(&self, kind: &str, name: &str) -> Option<Value> {
        let text = self.tries_kubectl(&["get", kind, name, "--output", "json"])?;
        Some(serde_json::from_str(&text).expect("JSON"))
    }

    /// A definition by its plural.
    pub fn definition(&self, plural: &str) -> Option<Value> {
        self.find("crd", &format!("{plural}.jumpcloud-operator.dev"))
    }

    /// Whether the definition of batches has a field of rows that the older one does not have.
    pub fn knows_managers(&self) -> bool {
        let at = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/users/items/properties/manager";
        self.definition(BATCHES).expect("the definition is there").pointer(at).is_some()
    }

    /// The version that the definition of batches says that it is of.
    pub fn version(&self) -> Value {
        let definition = self.definition(BATCHES).expect("the definition is there");
        definition["metadata"]["labels"]["app.kubernetes.io/version"].clone()
    }

    /// Waits until every definition serves.
    pub fn established(&self) {
        let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"];
        run(self.plane.kubectl().args(wait));
    }

    /// Waits until Ready has this reason for the current generation; gives the object.
    pub async fn comes_to(&self, kind: &str, name: &str, reason: &str) -> Value {
        eventually(&format!("{reason} of {kind} {name}"), PATIENCE, async || {
            let object = self.object(kind, name);
            let conditions = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
            let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
            let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            match ready {
                Some(ready) if current && ready["reason"] == reason => Ok(object),
                other => Err(other.cloned()),
            }
        })
        .await
    }

    /// Waits until the one request of a batch is accepted, its id is recorded, and the job was asked for since; gives the
    /// object.
    pub async fn in_flight(&self, name: &str) -> Value {
        let object = eventually(&format!("the job of {name}"), PATIENCE, async || {
            let object = self.object("jcub", name);
            let records = object["status"]["submissions"].as_array().map_or(&[][..], Vec::as_slice);
            match records {
                [record] if record["phase"] == "Accepted" && record["jobID"].is_string() => Ok(object),
                other => Err(other.to_vec()),
            }
        })
        .await;
        self.follows().await;
        object
    }

    /// Waits until somebody asks JumpCloud for a job: whoever does, leads.
    pub async fn follows(&self) {
        let before = self.requests(Route::BulkResults);
        eventually("a look at the job", PATIENCE, async || {
            if self.requests(Route::BulkResults) > before { Ok(()) } else { Err(()) }
        })
        .await;
    }

    /// Has an operator that watches batches write the status of one, whatever there is to be done.
    pub async fn is_heeded(&self, name: &str) {
        self.kubectl(&["annotate", "jcub", name, &format!("{GROUP}/requested-at=1")]);
        eventually("the annotation is handled", PATIENCE, async || {
            match self.object("jcub", name)["status"]["lastHandled"]["requestedAt"].take() {
                Value::String(handled) if handled == "1" => Ok(()),
                other => Err(other),
            }
        })
        .await;
    }

    /// How many requests of that route there were.
    pub fn requests(&self, route: Route) -> usize {
        self.sim.ledger().iter().filter_map(Entry::request).filter(|request| request.route == route).count()
    }

    /// Jobs that were asked for: created users, updated users.
    pub fn jobs(&self) -> (usize, usize) {
        (self.requests(Route::BulkCreate), self.requests(Route::BulkUpdate))
    }

    /// Waits until JumpCloud is not called any more.
    pub async fn quiet(&self) {
        self.sim.quiet_for(Duration::from_secs(3), PATIENCE).await.expect("quiet");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.site.end();
    }
}
