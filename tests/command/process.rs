//! Starting the binary in a folder of its own.
#![expect(clippy::unwrap_used, reason = "a command that cannot be started fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder to run commands in.
pub(crate) struct Folder(tempfile::TempDir);

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The command, not yet started, without what the surroundings would change.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_segpipe")));
        command.current_dir(&self.0).args(arguments).env_remove("RAYON_NUM_THREADS").env_remove("RUST_BACKTRACE");
        command.env("MLFLOW_TRACKING_URI", "http://127.0.0.1:9");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(&self.command(arguments).output().unwrap())
    }
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}
