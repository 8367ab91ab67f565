//! The one control plane of this test binary, with the definitions of `crds/` applied.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use devenv::control_plane::{ControlPlane, Options};

/// Starts it on first use. It ends with the process, however that ends.
pub fn plane() -> &'static ControlPlane {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    PLANE.get_or_init(|| {
        let plane = ControlPlane::start(Options::default()).expect("the control plane starts");
        let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
        run(plane.kubectl().args(["apply", "--server-side", "-k", crds]));
        run(plane.kubectl().args([
            "wait",
            "--for=condition=Established",
            "--timeout=30s",
            "crd/jumpcloudconnections.jumpcloud-operator.dev",
            "crd/jumpclouduserbatches.jumpcloud-operator.dev",
            "crd/scheduleduserstates.jumpcloud-operator.dev",
        ]));
        plane
    })
}

/// A client for that kubeconfig.
pub async fn client_of(kubeconfig: &Path) -> kube::Client {
    let options = kube::config::KubeConfigOptions::default();
    let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("a configuration");
    kube::Client::try_from(config).expect("a client")
}

/// Runs a command that must succeed; returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}{err}");
    out.into_owned()
}

/// What a command printed, and whether it succeeded.
pub struct Printed {
    /// Exit code 0.
    pub success: bool,
    /// Standard output and standard error.
    pub text: String,
}

/// Runs kubectl with `input` on its standard input.
pub fn kubectl(arguments: &[&str], input: &str) -> Printed {
    let mut child = plane()
        .kubectl()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("kubectl ends");
    // A kubectl that fails early does not read its input.
    drop(writer.join());
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Printed { success: output.status.success(), text }
}
