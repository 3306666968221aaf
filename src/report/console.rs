//! Lines for people: one per finished stage with its remarks under it, live lines meanwhile where there is a terminal.
//!
//! For: stderr of `segpipe run`. Not for: errors that end the command (the printer shows them in full afterwards).

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use segpipe_stages::contract::{Note, NoteLevel};

use super::live::Live;
use super::{Detail, Look, Tone, format};
use crate::event::{Event, EventSink, Outcome, RunFinished, SIMULATED, StageFinished};

/// Turns events into lines for people.
pub struct Console {
    look: Look,
    state: Mutex<State>,
}

struct State {
    out: Box<dyn Write + Send>,
    live: Option<Live>,
    /// Width of the column of names.
    width: usize,
    /// Remarks of stages that are not finished yet.
    notes: BTreeMap<String, Vec<Note>>,
    /// Why the stages that are not finished yet were run.
    reasons: BTreeMap<String, String>,
    /// The warning that the data are simulated, once it was given.
    simulated: Option<String>,
    /// Where a reader looks first after a run that went well.
    report: Option<PathBuf>,
}

impl Console {
    /// Writes to `out`.
    pub fn new(look: Look, out: impl Write + Send + 'static) -> Self {
        let live = look.is_live.then(Live::default);
        let (width, notes, reasons) = (format::NAME, BTreeMap::new(), BTreeMap::new());
        let state = State { out: Box::new(out), live, width, notes, reasons, simulated: None, report: None };
        Self { look, state: Mutex::new(state) }
    }

    /// Writes to this process's stderr.
    pub fn to_stderr(look: Look) -> Self {
        Self::new(look, std::io::stderr())
    }

    /// Names `report`, where it exists, at the end of a run that went well.
    pub fn point_to(&self, report: PathBuf) {
        self.state().report = Some(report);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn says(&self, detail: Detail) -> bool {
        self.look.detail >= detail
    }

    fn note(&self, state: &mut State, stage: Option<String>, note: Note) {
        if note.text.starts_with(SIMULATED) {
            if state.simulated.replace(note.text.clone()).is_none() {
                state.print(&format::banner(&note.text, self.look.paint));
            }
            return;
        }
        match stage {
            Some(stage) => state.notes.entry(stage).or_default().push(note),
            None => self.print_note(state, None, &note, Detail::Normal),
        }
    }

    fn print_note(&self, state: &mut State, stage: Option<&str>, note: &Note, least: Detail) {
        let least = if note.level == NoteLevel::Warning { Detail::Quiet } else { least };
        if !self.says(least) {
            return;
        }
        let has_line = stage.is_some() && self.says(Detail::Normal);
        let paint = self.look.paint;
        state.print(&if has_line { format::note_line(note, paint) } else { format::loose_note(stage, note, paint) });
    }

    fn stage_finished(&self, state: &mut State, stage: &StageFinished) {
        if let Some(live) = &mut state.live {
            live.end(&stage.stage);
        }
        if self.says(Detail::Normal) {
            state.print(&format::stage_line(stage, state.width, self.look.paint));
            // The line of a stage that failed says why it failed.
            let reason = state.reasons.remove(&stage.stage).filter(|_| stage.outcome == Outcome::Failed);
            if let Some(reason) = reason {
                state.print(&format::aside(&format!("run because: {reason}"), self.look.paint));
            }
        }
        if self.says(Detail::Verbose) {
            let lines = format::output_lines(stage, self.look.paint);
            for line in lines {
                state.print(&line);
            }
        }
        let was_worked_on = matches!(stage.outcome, Outcome::Ran | Outcome::Failed);
        let least = if was_worked_on { Detail::Normal } else { Detail::Verbose };
        for note in state.notes.remove(&stage.stage).unwrap_or_default() {
            self.print_note(state, Some(&stage.stage), &note, least);
        }
    }

    fn run_finished(&self, state: &mut State, run: &RunFinished) {
        if self.says(Detail::Normal) {
            if let Some(line) = format::closing_line(run, self.look.paint) {
                state.print(&line);
            }
            let report = state.report.take().filter(|path| run.ok && path.exists());
            if let Some(path) = report {
                state.print(&format!("report: {}", path.display()));
            }
        }
        if self.says(Detail::Verbose)
            && let Some(entry) = &run.outbox
        {
            state.print(&format!("sealed for tracking: {}", entry.display()));
        }
        if let Some(text) = state.simulated.clone() {
            state.print(&format::banner(&text, self.look.paint));
        }
    }
}

impl State {
    /// Prints lines that stay. A reader who went away is no reason to stop.
    fn print(&mut self, text: &str) {
        let Self { out, live, .. } = self;
        let mut print = || drop(writeln!(out, "{text}").and_then(|()| out.flush()));
        match live {
            Some(live) => live.above(print),
            None => print(),
        }
    }
}

impl EventSink for Console {
    fn emit(&self, event: Event) {
        let state = &mut *self.state();
        match event {
            Event::Waiting { pid, since } => {
                let holder = pid.map_or_else(|| "an unknown process".to_owned(), |pid| format!("process {pid}"));
                let since = since.map(|since| format!(", since {since}")).unwrap_or_default();
                state.print(&format!("waiting for another run of this project ({holder}{since})"));
            }
            Event::RunStarted { stages } => state.width = format::name_width(stages.iter().map(String::as_str)),
            Event::StageStarted { stage, reason } => {
                let width = state.width;
                state.live.iter_mut().for_each(|live| live.begin(&stage, width));
                state.reasons.insert(stage, reason);
            }
            Event::Progress { stage, done, total } => {
                let width = state.width;
                if let Some(live) = &mut state.live {
                    live.begin(&stage, width);
                    live.advance(&stage, done, total);
                }
            }
            Event::Noted { stage, note } => self.note(state, stage, note),
            Event::Said { stage, line, .. } => {
                if self.says(Detail::Normal) {
                    state.print(&format::said_line(&stage, &line, self.look.paint));
                }
            }
            Event::Interrupted => {
                state.print(
                    &self.look.paint.tone(Tone::Warning, "interrupted: finishing up; once more to stop at once"),
                );
            }
            Event::StageFinished(stage) => self.stage_finished(state, &stage),
            Event::RunFinished(run) => self.run_finished(state, &run),
            // The differences are listed with the error that they are.
            Event::ResolvingSources { .. } | Event::LockDiffers { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use segpipe_stages::contract::Stream;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn told(detail: Detail, events: Vec<Event>) -> String {
        let buffer = Buffer::default();
        let console = Console::new(Look { detail, ..Look::default() }, buffer.clone());
        for event in events {
            console.emit(event);
        }
        String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
    }

    fn finished(stage: &str, outcome: Outcome) -> Event {
        Event::StageFinished(StageFinished {
            stage: stage.to_owned(),
            outcome,
            seconds: 0.0,
            reason: None,
            headline: Some("2 rows".to_owned()),
            outputs: BTreeMap::new(),
        })
    }

    fn noted(stage: &str, level: NoteLevel, text: &str) -> Event {
        Event::Noted { stage: Some(stage.to_owned()), note: Note { level, text: text.to_owned() } }
    }

    fn run_finished(outcome: &'static str) -> Event {
        let outcomes = BTreeMap::from([(outcome, 1)]);
        Event::RunFinished(RunFinished { ok: true, seconds: 0.25, outcomes, outbox: None, exit_code: 0 })
    }

    #[test]
    fn remarks_stand_under_the_line_of_their_stage_however_they_arrive() {
        let text = told(
            Detail::Normal,
            vec![
                noted("load", NoteLevel::Info, "dates are ISO"),
                noted("other", NoteLevel::Warning, "odd"),
                finished("other", Outcome::Ran),
                finished("load", Outcome::Ran),
            ],
        );
        let lines: Vec<_> = text.lines().map(str::trim_start).collect();
        assert!(lines[0].starts_with("ran  other"));
        assert_eq!(lines[1], "warning: odd");
        assert!(lines[2].starts_with("ran  load"));
        assert_eq!(lines[3], "dates are ISO");
    }

    #[test]
    fn of_cached_stages_only_the_warnings_are_repeated() {
        let events = || {
            vec![
                noted("load", NoteLevel::Info, "dates are ISO"),
                noted("load", NoteLevel::Warning, "odd"),
                finished("load", Outcome::Cached),
            ]
        };
        assert!(!told(Detail::Normal, events()).contains("dates are ISO"));
        assert!(told(Detail::Normal, events()).contains("warning: odd"));
        assert!(told(Detail::Verbose, events()).contains("dates are ISO"));
    }

    #[test]
    fn a_stage_that_failed_says_also_why_it_was_run() {
        let started =
            |stage: &str| Event::StageStarted { stage: stage.to_owned(), reason: "param `k`: 4 → 5".to_owned() };
        let events = vec![started("a"), finished("a", Outcome::Failed), started("b"), finished("b", Outcome::Ran)];
        let text = told(Detail::Normal, events);
        let lines: Vec<_> = text.lines().map(str::trim_start).collect();
        assert_eq!((lines.len(), lines[1]), (3, "run because: param `k`: 4 → 5"), "{text}");
    }

    #[test]
    fn quiet_says_warnings_and_nothing_else() {
        let warning = noted("load", NoteLevel::Warning, "odd");
        let text = told(Detail::Quiet, vec![warning, finished("load", Outcome::Ran), run_finished("ran")]);
        assert_eq!(text, "warning: `load`: odd\n");
    }

    #[test]
    fn simulated_data_are_announced_at_once_and_again_at_the_end_even_when_quiet() {
        let warning = || noted("load", NoteLevel::Warning, "SIMULATED DATA: nobody");
        for detail in [Detail::Quiet, Detail::Normal] {
            let text = told(detail, vec![warning(), warning(), finished("load", Outcome::Ran), run_finished("ran")]);
            assert!(text.starts_with("!!! SIMULATED DATA: nobody\n"), "{text}");
            assert!(text.ends_with("!!! SIMULATED DATA: nobody\n"), "{text}");
            assert_eq!(text.matches("SIMULATED").count(), 2);
        }
    }

    #[test]
    fn what_a_program_says_is_shown_at_once_behind_the_name_of_its_stage() {
        let said = || Event::Said { stage: "churn".to_owned(), stream: Stream::Stdout, line: "50 %".to_owned() };
        let text = told(Detail::Normal, vec![said(), finished("churn", Outcome::Ran)]);
        assert!(text.starts_with("     churn | 50 %\n       ran  churn"), "{text}");
        assert_eq!(told(Detail::Quiet, vec![said()]), "");
    }

    #[test]
    fn the_report_is_named_at_the_end_where_it_exists() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        let text = |path: PathBuf| {
            let buffer = Buffer::default();
            let console = Console::new(Look::default(), buffer.clone());
            console.point_to(path);
            console.emit(run_finished("cached"));
            String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
        };
        assert_eq!(text(path.clone()), "nothing to do: 1 cached in 0.25s\n");
        std::fs::write(&path, "").unwrap();
        assert_eq!(text(path.clone()), format!("nothing to do: 1 cached in 0.25s\nreport: {}\n", path.display()));
    }
}
