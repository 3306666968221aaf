//! One JSON object a line for what happens in a run, flushed at once.
//!
//! For: programs that read `segpipe run --json`. The names in these lines are a stable interface. A reader that goes
//! away (`| head`) ends the writing, not the run. Not for: progress, which programs do not need.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};

use crate::event::{Event, EventSink, RunFinished, StageFinished};
use crate::plan::Plan;

/// Writes events as JSON lines.
pub struct Json {
    out: Mutex<Option<Box<dyn Write + Send>>>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    StageFinished(&'a StageFinished),
    RunFinished(&'a RunFinished),
}

impl Json {
    /// Writes to `out`.
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self { out: Mutex::new(Some(Box::new(out))) }
    }

    /// Writes to this process's stdout.
    pub fn to_stdout() -> Self {
        Self::new(std::io::stdout())
    }

    /// A line per stage of a plan, and one that nothing was run.
    pub fn plan(&self, plan: &Plan) {
        for upstream in &plan.upstream {
            self.write(&json!({ "event": "upstream_is_stale", "text": upstream }));
        }
        for stage in &plan.stages {
            let (state, reason) = (stage.state.as_str(), &stage.reason);
            self.write(&json!({ "event": "stage_planned", "stage": stage.stage, "state": state, "reason": reason }));
        }
        self.write(&json!({ "event": "run_finished", "ok": true, "is_dry_run": true, "exit_code": 0 }));
    }

    fn write(&self, line: &impl Serialize) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(mut text) = serde_json::to_string(line) else { return };
        text.push('\n');
        let written = out.as_mut().map(|out| out.write_all(text.as_bytes()).and_then(|()| out.flush()));
        if matches!(written, Some(Err(_))) {
            *out = None;
        }
    }
}

impl EventSink for Json {
    fn emit(&self, event: Event) {
        match &event {
            Event::StageFinished(stage) => self.write(&Line::StageFinished(stage)),
            Event::RunFinished(run) => self.write(&Line::RunFinished(run)),
            other => drop(small(other).map(|line| self.write(&line))),
        }
    }
}

/// The line of an event with few facts; none where programs have no use for it.
fn small(event: &Event) -> Option<Value> {
    Some(match event {
        Event::Waiting { pid, since } => json!({ "event": "waiting", "pid": pid, "since": since }),
        Event::RunStarted { stages } => json!({ "event": "run_started", "stages": stages }),
        Event::StageStarted { stage, reason } => {
            json!({ "event": "stage_started", "stage": stage, "reason": reason })
        }
        Event::Noted { stage, note } => {
            json!({ "event": "note", "stage": stage, "level": note.level, "text": note.text })
        }
        Event::Said { stage, stream, line } => {
            json!({ "event": "output", "stage": stage, "stream": stream, "text": line })
        }
        Event::Interrupted => json!({ "event": "interrupted" }),
        Event::LockDiffers { difference } => json!({ "event": "lock_differs", "difference": difference }),
        Event::ResolvingSources { .. } | Event::Progress { .. } | Event::StageFinished(_) | Event::RunFinished(_) => {
            return None;
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io;
    use std::sync::Arc;

    use segpipe_stages::contract::{Note, NoteLevel, Stream};

    use super::*;
    use crate::event::{Outcome, OutputFact};
    use crate::plan::{PlannedStage, State};

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

    fn lines(tell: impl FnOnce(&Json)) -> Vec<String> {
        let buffer = Buffer::default();
        tell(&Json::new(buffer.clone()));
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        text.lines().map(String::from).collect()
    }

    #[test]
    fn a_finished_stage_is_one_line_with_its_outputs() {
        let path = "artifacts/train/model.parquet".into();
        let finished = StageFinished {
            stage: "train".to_owned(),
            outcome: Outcome::Ran,
            seconds: 0.5,
            reason: Some("param `k`: 4 → 5".to_owned()),
            headline: Some("k=5".to_owned()),
            outputs: [("model".to_owned(), OutputFact { path, digest: "d1".to_owned(), rows: Some(5) })].into(),
        };
        let expected = "{\"event\":\"stage_finished\",\"stage\":\"train\",\"outcome\":\"ran\",\"seconds\":0.5,\
                        \"reason\":\"param `k`: 4 → 5\",\"headline\":\"k=5\",\"outputs\":{\"model\":\
                        {\"path\":\"artifacts/train/model.parquet\",\"digest\":\"d1\",\"rows\":5}}}";
        assert_eq!(lines(|json| json.emit(Event::StageFinished(finished))), [expected]);
    }

    #[test]
    fn the_end_of_a_run_is_one_line() {
        let finished = RunFinished {
            ok: true,
            seconds: 1.25,
            outcomes: BTreeMap::from([("cached", 9)]),
            outbox: None,
            exit_code: 0,
        };
        let expected = "{\"event\":\"run_finished\",\"ok\":true,\"seconds\":1.25,\"outcomes\":{\"cached\":9},\
                        \"outbox\":null,\"exit_code\":0}";
        assert_eq!(lines(|json| json.emit(Event::RunFinished(finished))), [expected]);
    }

    #[test]
    fn notes_are_lines_and_progress_is_not() {
        let note = Note { level: NoteLevel::Warning, text: "few customers".to_owned() };
        let told = lines(|json| {
            json.emit(Event::Progress { stage: "load".to_owned(), done: 1, total: 2 });
            json.emit(Event::Noted { stage: Some("load".to_owned()), note });
        });
        let expected = r#"{"event":"note","stage":"load","level":"warning","text":"few customers"}"#;
        assert_eq!(told, [expected]);
    }

    #[test]
    fn what_a_program_says_is_a_line() {
        let (stage, line) = ("churn".to_owned(), "50 %".to_owned());
        let told = lines(|json| json.emit(Event::Said { stage, stream: Stream::Stderr, line }));
        assert_eq!(told, [r#"{"event":"output","stage":"churn","stream":"stderr","text":"50 %"}"#]);
    }

    #[test]
    fn a_plan_is_a_line_per_stage_and_a_last_one() {
        let stage = PlannedStage { stage: "load".to_owned(), state: State::Fresh, reason: None };
        let told = lines(|json| json.plan(&Plan { stages: vec![stage], upstream: Vec::new() }));
        assert_eq!(told[0], r#"{"event":"stage_planned","stage":"load","state":"fresh","reason":null}"#);
        assert_eq!(told[1], r#"{"event":"run_finished","ok":true,"is_dry_run":true,"exit_code":0}"#);
    }

    #[test]
    fn a_reader_that_goes_away_ends_the_writing_and_nothing_else() {
        struct Gone(usize);
        impl Write for Gone {
            fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                assert_eq!(self.0, 1, "written to after it was gone");
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let json = Json::new(Gone(0));
        json.emit(Event::Interrupted);
        json.emit(Event::Interrupted);
    }
}
