//! A terminal in a checkout, of a person who has a cluster, kubectl and helm.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use devenv::control_plane::ControlPlane;
use devenv::packaging::Helm;
use devenv::scratch::ScratchDir;

use crate::harness::plane::Printed;

/// What of the checkout the pages name. The folder is another one, so that what people save does not get into this checkout.
const NAMED: [&str; 2] = ["charts", "deploy"];

/// A folder, with the programs that the pages call.
pub struct Terminal {
    home: ScratchDir,
    variables: Vec<(&'static str, String)>,
}

impl Terminal {
    /// Opens one for the administrator of that cluster.
    pub fn open(plane: &ControlPlane) -> Self {
        let home = ScratchDir::new().expect("a folder");
        let folder = |name: &str| {
            let path = home.path().join(name);
            std::fs::create_dir_all(&path).expect("a folder");
            path
        };
        let (programs, checkout) = (folder("programs"), folder("checkout"));
        let helm = Helm::locate_or_build().expect("helm is built");
        symlink(&plane.binaries().kubectl, programs.join("kubectl")).expect("a link");
        symlink(helm.path(), programs.join("helm")).expect("a link");
        for name in NAMED {
            let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            symlink(place, checkout.join(name)).expect("a link");
        }
        let path = std::env::var("PATH").expect("a PATH");
        let text = |path: &Path| path.to_str().expect("a path").to_owned();
        let variables = vec![
            ("PATH", format!("{}:{path}", text(&programs))),
            // Where kubectl and helm keep what they keep.
            ("HOME", text(home.path())),
            ("KUBECONFIG", text(plane.admin_kubeconfig())),
        ];
        Self { home, variables }
    }

    /// Saves a file.
    pub fn save(&self, name: &str, text: &str) {
        std::fs::write(self.home.path().join("checkout").join(name), text).expect("the file is written");
    }

    /// Runs commands until one fails; what they print on both outputs.
    pub fn run(&self, commands: &str) -> Printed {
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &format!("exec 2>&1\n{commands}")])
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path().join("checkout"))
            .stdin(Stdio::null())
            .output()
            .expect("bash starts");
        Printed {
            success: output.status.success(),
            text: String::from_utf8_lossy(&output.stdout).into_owned(),
        }
    }
}
