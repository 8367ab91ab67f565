//! The unpacked image, and the program in it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use devenv::scratch::ScratchDir;
use devenv::tools::provide;

/// The user of the image.
const USER: &str = "65532:65532";

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

    /// Runs the program with nothing in its environment but what is given.
    pub(crate) fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        let mut command = if is_root() {
            let mut command = Command::new("chroot");
            command.args(["--userspec", USER]);
            command
        } else {
            let mut command = Command::new("unshare");
            command.args(["--map-root-user", "chroot"]);
            command
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let output = command
            .arg(self.path(""))
            .arg("/usr/local/bin/jumpcloud-operator")
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        Ended { success: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
