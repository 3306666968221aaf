//! The guard: a small process between segpipe and a program, so that nothing a program starts outlives segpipe.
//!
//! For: ending a program and all it started when it is done, when segpipe asks, and when segpipe is dead, however it
//! died. Not for: hearing what it says, which goes straight to segpipe. Called by: `cli`, in a process that `process`
//! started with [`GUARD`] as its first argument.
//!
//! Guard and segpipe share a socket, the guard's standard input. Its end is segpipe's death: the kernel closes it even
//! where segpipe had no time to. The guard is a subreaper, so that whatever a program starts, in groups and sessions of
//! its own too, becomes the guard's child when its parent dies, and is found. Between guard and program stands a moment
//! of a third process ([`TAKE_OVER`]), which asks the kernel to be killed with the guard and then becomes the program.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process, kill_process_group, set_child_subreaper,
    set_parent_process_death_signal, wait,
};

/// This very program, even where its file was replaced meanwhile.
pub(super) const BINARY: &str = "/proc/self/exe";
/// The first argument of a process that is to be a guard. The program and its arguments follow.
pub const GUARD: &str = "guard-program";
/// The first argument of a process that is to become a program. Its parent's id follows, then the program.
const TAKE_OVER: &str = "become-program";
/// What segpipe says to have the program ended.
pub(super) const END: &[u8] = b"e";

/// How long a program that was asked to end may take for it.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is looked whether all are dead.
const TICK: Duration = Duration::from_millis(5);
/// How often it is looked whether there are others to be asked.
const PAUSE: Duration = Duration::from_millis(50);

/// Exit statuses as shells use them.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, with this exit status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

/// What the guard tells segpipe, a line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The program runs; its process and its group have this id.
    Started(i32),
    /// The program and all it started are dead.
    Ended(Ended),
}

impl Told {
    fn line(self) -> String {
        match self {
            Self::Started(pid) => format!("started {pid}\n"),
            Self::Ended(Ended::Exited(status)) => format!("exited {status}\n"),
            Self::Ended(Ended::Killed(signal)) => format!("killed {signal}\n"),
        }
    }

    /// What a line says.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (word, number) = line.split_once(' ')?;
        let number = number.parse().ok()?;
        match word {
            "started" => Some(Self::Started(number)),
            "exited" => Some(Self::Ended(Ended::Exited(number))),
            "killed" => Some(Self::Ended(Ended::Killed(number))),
            _ => None,
        }
    }
}

/// Does the work of a guard where the process was started to be one; returns its exit code then.
pub fn intercept(mut arguments: impl Iterator<Item = OsString>) -> Option<u8> {
    let first = arguments.nth(1)?;
    if first == GUARD {
        Some(guard(arguments.collect()))
    } else if first == TAKE_OVER {
        let parent = arguments.next().and_then(|id| id.to_str()?.parse().ok());
        Some(take_over(parent, &arguments.collect::<Vec<_>>()))
    } else {
        None
    }
}

/// Stands between segpipe and the program until both are done with each other.
fn guard(words: Vec<OsString>) -> u8 {
    // What is not a socket was not made by segpipe.
    let Ok(line) = std::io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else { return 1 };
    let Ok(hearing) = line.try_clone() else { return 1 };
    // Without it, what a program puts into the background of its own accord is found only while its parent lives.
    let _ = set_child_subreaper(Some(getpid()));
    let mut command = Command::new(BINARY);
    command.arg(TAKE_OVER).arg(std::process::id().to_string()).args(words);
    let Ok(child) = command.stdin(Stdio::null()).process_group(0).spawn() else { return 1 };
    let Some(program) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return 1 };
    let mut charge = Charge { line, program, is_ending: Arc::default() };
    charge.tell(Told::Started(program.as_raw_pid()));
    let is_ending = Arc::clone(&charge.is_ending);
    thread::spawn(move || end_when_told(hearing, program, &is_ending));
    let status = charge.outlast();
    charge.tell(Told::Ended(status));
    0
}

/// Waits for segpipe's word, or its death, and ends the program then.
fn end_when_told(mut line: UnixStream, program: Pid, is_ending: &AtomicBool) {
    let mut byte = [0];
    let is_asked = loop {
        match line.read(&mut byte) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            answer => break matches!(answer, Ok(1)),
        }
    };
    if is_asked {
        is_ending.store(true, Ordering::SeqCst);
        let _ = kill_process_group(program, Signal::TERM);
        let (began, mut asked) = (Instant::now(), BTreeSet::from([program.as_raw_pid()]));
        let is_watching = line.set_read_timeout(Some(PAUSE)).is_ok();
        // Nobody waits for a program whose segpipe is dead.
        while is_watching && began.elapsed() < GRACE && !matches!(line.read(&mut byte), Ok(0)) {
            let children = children().into_iter().filter(|child| asked.insert(child.as_raw_pid()));
            for child in children.collect::<Vec<_>>() {
                let _ = kill_process(child, Signal::TERM);
            }
        }
    }
    is_ending.store(false, Ordering::SeqCst);
    let _ = kill_process_group(program, Signal::KILL);
    loop {
        kill_children();
        thread::sleep(TICK);
    }
}

/// The program that a guard looks after.
struct Charge {
    line: UnixStream,
    program: Pid,
    /// Whether the program was asked to end and has time for it.
    is_ending: Arc<AtomicBool>,
}

impl Charge {
    fn tell(&mut self, told: Told) {
        // A segpipe that is dead needs to hear nothing.
        let _ = self.line.write_all(told.line().as_bytes());
    }

    /// Waits until the program is dead, ends what it left behind, and waits for that too.
    fn outlast(&self) -> Ended {
        let mut ended = None;
        loop {
            let options = if ended.is_some() { WaitOptions::NOHANG } else { WaitOptions::empty() };
            match wait(options) {
                Ok(Some((pid, status))) if pid == self.program => ended = read(status).or(ended),
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => {
                    if !self.is_ending.load(Ordering::SeqCst) {
                        kill_children();
                    }
                    thread::sleep(TICK);
                }
                Err(_) => return ended.unwrap_or(Ended::Exited(1)),
            }
        }
    }
}

fn read(status: WaitStatus) -> Option<Ended> {
    status.exit_status().map(Ended::Exited).or_else(|| status.terminating_signal().map(Ended::Killed))
}

fn kill_children() {
    for child in children() {
        let _ = kill_process(child, Signal::KILL);
    }
}

/// The processes whose parent this one is. Until they are waited for, their ids are nobody else's.
fn children() -> Vec<Pid> {
    let own = getpid().as_raw_pid();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| parent(*pid) == Some(own)).filter_map(Pid::from_raw).collect()
}

/// The parent of a process: the second field behind its name, which may hold anything but ends with the last `)`.
fn parent(pid: i32) -> Option<i32> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Becomes the program, unless the guard is dead already.
fn take_over(parent: Option<i32>, words: &[OsString]) -> u8 {
    let is_bound = set_parent_process_death_signal(Some(Signal::KILL)).is_ok();
    let is_watched = getppid().map(Pid::as_raw_pid) == parent;
    let Some((program, arguments)) = words.split_first().filter(|_| is_bound && is_watched) else { return 1 };
    let error = Command::new(program).args(arguments).exec();
    if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_guard_tells_is_read_as_it_was_meant() {
        for told in [Told::Started(71), Told::Ended(Ended::Exited(3)), Told::Ended(Ended::Killed(9))] {
            assert_eq!(Told::parse(told.line().trim_end()), Some(told));
        }
        assert_eq!(Told::parse("nonsense"), None);
        assert_eq!(Told::parse("exited x"), None);
    }

    #[test]
    fn other_commands_are_not_intercepted() {
        let arguments = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>().into_iter();
        assert_eq!(intercept(arguments(&["segpipe", "run"])), None);
        assert_eq!(intercept(arguments(&["segpipe"])), None);
    }

    #[test]
    fn the_parent_of_a_process_is_found() {
        let own = getpid().as_raw_pid();
        assert_eq!(parent(own), getppid().map(Pid::as_raw_pid));
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let found = children().iter().any(|pid| pid.as_raw_pid() == child.id().cast_signed());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
    }
}
