//! The unpacked image, and the program in it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use devenv::scratch::ScratchDir;
use devenv::supervised::{Program, Supervised};
use devenv::tools::provide;

/// The user of the image.
const USER: &str = "65532:65532";

/// What the image has in its environment, and its entry point.
const SEARCH_PATH: &str = "PATH=/usr/local/bin";
const PROGRAM: &str = "/usr/local/bin/jumpcloud-operator";

/// A root file system of its own.
pub(crate) struct Root {
    scratch: ScratchDir,
}

/// How the program ended.
pub(crate) struct Ended {
    pub(crate) success: bool,
    /// Both outputs.
    pub(crate) text: String,
}

impl Root {
    /// Unpacks the image of this machine's platform.
    pub(crate) fn unpack() -> Self {
        let archive = std::env::var_os("JUMPCLOUD_OPERATOR_IMAGE")
            .expect("JUMPCLOUD_OPERATOR_IMAGE names no archive: run `make test-image`");
        let scratch = ScratchDir::new().unwrap();
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => panic!("no image is made for {other}"),
        };
        let output = Command::new(provide("image").unwrap())
            .args(["unpack", "--platform", &format!("linux/{architecture}"), "--output"])
            .arg(scratch.path().join("root"))
            .arg(archive)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let root = Self { scratch };
        // The folders above belong to whoever runs this; the image's user must get through.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(root.scratch.path(), open).unwrap();
        root
    }

    /// Where a file of the image is, seen from outside.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join("root").join(name)
    }

    /// Puts a file where a kubelet would mount one.
    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or_else(|| Path::new("/"))).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Runs the program to its end, with nothing in its environment but what the image says and what is given.
    pub(crate) fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        let output = Command::new("unshare").args(self.inside(arguments, environment)).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        Ended { success: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
    }

    /// Starts the program in the same way.
    pub(crate) fn start(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Supervised {
        let log = self.scratch.path().join("log");
        let program = Program::new("operator", "unshare", log)
            .args(self.inside(arguments, environment))
            .scratch(&self.scratch);
        Supervised::spawn(program).unwrap()
    }

    /// What unshare is told: a mount namespace, and in it the mounts of a container. Every command becomes the next one, so
    /// that the first one's process is the program's.
    fn inside(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Vec<String> {
        assert!(
            is_root(),
            "only root may start the operator as another user below another root: `make test-image`"
        );
        let root = self.path("").to_string_lossy().into_owned();
        let mounts = include_str!("inside.sh");
        let mut words: Vec<String> =
            ["--mount", "sh", "-c", mounts, "inside", &root, "env", "-i", SEARCH_PATH]
                .map(str::to_owned)
                .into();
        words.extend(environment.iter().map(|(name, value)| format!("{name}={value}")));
        words.extend([chroot(), format!("--userspec={USER}"), root, PROGRAM.to_owned()]);
        words.extend(arguments.iter().copied().map(str::to_owned));
        words
    }
}

/// By its path, because `env` looks for it where the image says.
fn chroot() -> String {
    let places = ["/usr/sbin/chroot", "/usr/bin/chroot", "/sbin/chroot"];
    places
        .into_iter()
        .find(|path| Path::new(path).exists())
        .expect("chroot is needed: install coreutils")
        .to_owned()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
