//! Who ran it, and from which state of the project's git repository.
//!
//! For: `outbox`. Everything here may be unknown: no git, no repository, no answer in time. Nothing here fails.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::address;

/// How long git may take before it is left alone.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most that is read of git's answer; a longer list of changed files says no more.
const ANSWER_BYTES: u64 = 65_536;

/// The state of a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Git {
    /// The commit checked out; none in a repository without one.
    pub commit: Option<String>,
    /// The branch; none where the head is detached.
    pub branch: Option<String>,
    /// Whether files that git knows were changed since.
    pub is_dirty: bool,
    /// Address of the remote `origin`, without user info.
    pub repository: Option<String>,
}

/// The user's name as the environment says it.
pub(super) fn user() -> Option<String> {
    let name = |variable| std::env::var(variable).ok().filter(|name| !name.trim().is_empty());
    name("USER").or_else(|| name("LOGNAME"))
}

/// The state of the repository that `directory` lies in.
pub(super) fn git(directory: &Path) -> Option<Git> {
    let status = ask(directory, &["status", "--porcelain=v2", "--branch", "--untracked-files=no"])?;
    let repository = ask(directory, &["config", "--get", "remote.origin.url"]);
    let repository = repository.map(|url| address::shown(url.trim())).filter(|url| !url.is_empty());
    let header = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(String::from);
    Some(Git {
        commit: header("# branch.oid ").filter(|commit| commit != "(initial)"),
        branch: header("# branch.head ").filter(|branch| branch != "(detached)"),
        is_dirty: status.lines().any(|line| !line.starts_with('#')),
        repository,
    })
}

/// The text of the file `name` in `directory` as it is in the commit checked out; none where it is in none.
pub fn committed(directory: &Path, name: &str) -> Option<String> {
    ask(directory, &["show", &format!("HEAD:./{name}")])
}

/// What git answers; none where it fails or takes too long.
fn ask(directory: &Path, arguments: &[&str]) -> Option<String> {
    let mut git = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(arguments)
        // Looking must not disturb a git that works at the same time.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let output = git.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.take(ANSWER_BYTES).read_to_end(&mut bytes);
        let _ = sender.send(read.map(|_| bytes));
    });
    let answer = receiver.recv_timeout(PATIENCE);
    if answer.is_err() {
        let _ = git.kill();
    }
    let status = git.wait().ok()?;
    let bytes = answer.ok()?.ok()?;
    // An answer that was cut ends git with a broken pipe, and is an answer.
    let is_cut = bytes.len() as u64 == ANSWER_BYTES;
    (status.success() || is_cut).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_git(directory: &Path, arguments: &[&str]) {
        let settings = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "init.defaultBranch=main"];
        let mut git = Command::new("git");
        let output = git.arg("-C").arg(directory).args(settings).args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn commit_branch_dirt_and_remote_are_read_without_user_info() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path();
        run_git(directory, &["init", "--quiet"]);
        std::fs::write(directory.join("a"), "1").unwrap();
        run_git(directory, &["add", "a"]);
        assert_eq!(git(directory).unwrap().commit, None);
        run_git(directory, &["commit", "--quiet", "-m", "first"]);
        run_git(directory, &["remote", "add", "origin", "https://ana:s3cret@host/project.git"]);
        let clean = git(directory).unwrap();
        assert_eq!(clean.commit.as_ref().map(String::len), Some(40));
        assert_eq!(clean.branch.as_deref(), Some("main"));
        assert_eq!(clean.repository.as_deref(), Some("https://host/project.git"));
        assert!(!clean.is_dirty);
        assert_eq!((committed(directory, "a").as_deref(), committed(directory, "b")), (Some("1"), None));
        std::fs::write(directory.join("untracked"), "1").unwrap();
        assert!(!git(directory).unwrap().is_dirty, "what git does not know is no change");
        std::fs::write(directory.join("a"), "2").unwrap();
        assert!(git(directory).unwrap().is_dirty);
    }

    #[test]
    fn a_folder_without_repository_has_no_git_state() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(git(folder.path()), None);
        assert_eq!(git(&folder.path().join("nowhere")), None);
    }
}
