//! One run of a program: started under its guard, heard out, ended where it must end.
//!
//! For: the time between the start of a program and the death of all it started. Not for: its surroundings (`launch`),
//! the guard's own doings (`guard`), or what it wrote (`kept`). Called by: [`super::Program`].

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use segpipe_stages::contract::{Observer, StageError, Stream};

use super::Program;
use super::error::ProgramError;
use super::guard::{self, Ended, Told};
use super::launch::Launch;
use super::lines::{self, Secrets};

/// How often an interruption and the time are looked at.
const TICK: Duration = Duration::from_millis(25);
/// How long what a program said is waited for after its death.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Lines that an error repeats.
const TAIL: usize = 20;

/// How a run of a program went.
pub(super) struct Run {
    pub(super) is_cancelled: bool,
    timed_out: bool,
    ended: Option<Ended>,
    tail: VecDeque<String>,
    timeout: Option<Duration>,
}

/// What is heard of a program, from three sides.
enum Heard {
    Line(Stream, String),
    Closed,
    Guard(Told),
    GuardGone,
}

/// Starts the program and returns when it and all it started are dead.
pub(super) fn run(launch: &Launch<'_>, timeout: Option<Duration>, observer: &dyn Observer) -> Result<Run, StageError> {
    let (ours, theirs) = UnixStream::pair().map_err(|source| start_error(launch, source))?;
    let mut guard = start(launch, theirs)?;
    let (tell, heard) = mpsc::channel();
    listen(guard.stdout.take(), Stream::Stdout, &launch.secrets, &tell);
    listen(guard.stderr.take(), Stream::Stderr, &launch.secrets, &tell);
    let line = ours.try_clone().map_err(|source| start_error(launch, source))?;
    thread::spawn(move || hear_guard(line, &tell));
    let mut watch = Watch { line: ours, observer, timeout, began: Instant::now(), pid: None, is_asked: false };
    let mut run = Run { is_cancelled: false, timed_out: false, ended: None, tail: VecDeque::new(), timeout };
    watch.hear_out(&heard, &mut run);
    // Its end was heard already.
    let _ = guard.wait();
    Ok(run)
}

fn start(launch: &Launch<'_>, line: UnixStream) -> Result<Child, StageError> {
    let mut command = Command::new(guard::BINARY);
    command.arg(guard::GUARD).args(launch.program.command.words());
    command.env_clear().envs(launch.environment.iter().map(|(name, value)| (name, value)));
    command.current_dir(&launch.program.project).process_group(0);
    command.stdin(Stdio::from(OwnedFd::from(line))).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|source| start_error(launch, source))
}

fn start_error(launch: &Launch<'_>, source: std::io::Error) -> StageError {
    ProgramError::Start { command: launch.program.command.shown(), source }.into()
}

fn listen(from: Option<impl Read + Send + 'static>, stream: Stream, secrets: &Secrets, tell: &Sender<Heard>) {
    let (secrets, tell) = (secrets.clone(), tell.clone());
    thread::spawn(move || {
        if let Some(from) = from {
            lines::read(from, &secrets, |line| drop(tell.send(Heard::Line(stream, line))));
        }
        let _ = tell.send(Heard::Closed);
    });
}

fn hear_guard(line: UnixStream, tell: &Sender<Heard>) {
    for told in BufReader::new(line).lines().map_while(Result::ok).filter_map(|line| Told::parse(&line)) {
        let _ = tell.send(Heard::Guard(told));
    }
    let _ = tell.send(Heard::GuardGone);
}

/// Looks after one running program.
struct Watch<'a> {
    line: UnixStream,
    observer: &'a dyn Observer,
    timeout: Option<Duration>,
    began: Instant,
    pid: Option<Pid>,
    is_asked: bool,
}

impl Watch<'_> {
    fn hear_out(&mut self, heard: &Receiver<Heard>, run: &mut Run) {
        let (mut open, mut gone_at) = (2, None::<Instant>);
        while open > 0 || gone_at.is_none() {
            if gone_at.is_some_and(|gone| gone.elapsed() > LAST_WORDS) {
                return;
            }
            match heard.recv_timeout(TICK) {
                Ok(Heard::Line(stream, line)) => {
                    self.observer.said(stream, &line);
                    run.tail.push_back(line);
                    if run.tail.len() > TAIL {
                        run.tail.pop_front();
                    }
                }
                Ok(Heard::Closed) => open -= 1,
                Ok(Heard::Guard(Told::Started(pid))) => self.pid = Pid::from_raw(pid),
                Ok(Heard::Guard(Told::Ended(ended))) => run.ended = Some(ended),
                Ok(Heard::GuardGone) => {
                    gone_at = Some(Instant::now());
                    self.end_orphans(run);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if gone_at.is_none() {
                self.end_where_due(run);
            }
        }
    }

    /// Asks the guard to end the program where the run was interrupted or the time is over.
    fn end_where_due(&mut self, run: &mut Run) {
        if self.is_asked || run.ended.is_some() {
            return;
        }
        run.is_cancelled = self.observer.is_cancelled();
        run.timed_out = !run.is_cancelled && self.timeout.is_some_and(|timeout| self.began.elapsed() >= timeout);
        if run.is_cancelled || run.timed_out {
            self.is_asked = true;
            // Where it cannot be asked it is gone, which is heard.
            let _ = self.line.write_all(guard::END);
        }
    }

    /// Ends what a guard left behind that was itself killed.
    fn end_orphans(&self, run: &Run) {
        if let Some(pid) = self.pid.filter(|_| run.ended.is_none()) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Run {
    /// Whether the program did its work.
    pub(super) fn verdict(self, program: &Program) -> Result<(), ProgramError> {
        let (command, tail) = (program.command.shown(), Vec::from(self.tail));
        if let Some(timeout) = self.timeout.filter(|_| self.timed_out) {
            return Err(ProgramError::TimedOut { command, timeout, tail });
        }
        match self.ended {
            Some(Ended::Exited(0)) => Ok(()),
            Some(Ended::Exited(127)) => {
                let is_shell = matches!(program.command, super::Command::Shell(_));
                Err(ProgramError::NotFound { command, is_shell, tail })
            }
            Some(Ended::Exited(126)) => Err(ProgramError::NotExecutable { command, tail }),
            Some(Ended::Exited(status)) => Err(ProgramError::Exited { command, status, tail }),
            Some(Ended::Killed(signal)) => Err(ProgramError::Killed { command, signal: name(signal), tail }),
            None => Err(ProgramError::Unguarded { command, tail }),
        }
    }
}

/// The signal as people know it.
fn name(signal: i32) -> String {
    let known = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL (where nobody sent it: is there enough memory?)"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::TERM, "SIGTERM"),
    ];
    let found = known.into_iter().find(|(known, _)| known.as_raw() == signal);
    found.map_or_else(|| format!("signal {signal}"), |(_, name)| name.to_owned())
}
