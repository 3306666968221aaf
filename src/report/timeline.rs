//! When each stage of a run began and ended: as a trace that Chrome and Perfetto read, or as a page.
//!
//! For: `segpipe run --trace FILE`. Not for: writing the file, which whoever started the run does.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use segpipe_stages::document::Table;
use segpipe_stages::document::html::{self, escape};
use serde_json::{Value, json};

use crate::event::{Event, EventSink, Outcome, StageFinished};

/// Hears a run and keeps its times.
pub struct Timeline {
    began: Instant,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    /// Stages that are being executed: name, when that began, why.
    executing: Vec<(String, f64, String)>,
    spans: Vec<Span>,
    /// Seconds of the whole run, once it is over.
    total: Option<f64>,
}

/// One stage. Times are in seconds since the beginning.
struct Span {
    finished: StageFinished,
    began: f64,
    /// When executing began, and why it was done.
    executed: Option<(f64, String)>,
    ended: f64,
}

impl Span {
    fn reason(&self) -> &str {
        let why = self.executed.as_ref().map(|(_, why)| why.as_str());
        why.or(self.finished.reason.as_deref()).unwrap_or_default()
    }
}

impl Default for Timeline {
    fn default() -> Self {
        Self { began: Instant::now(), heard: Mutex::default() }
    }
}

impl Timeline {
    /// The trace in Chrome's format, or a page where `path` ends in `.html` or `.htm`.
    pub fn text(&self, path: &std::path::Path) -> String {
        let ending = path.extension().map(std::ffi::OsStr::to_ascii_lowercase).unwrap_or_default();
        if ending == "html" || ending == "htm" { self.page() } else { self.chrome().to_string() + "\n" }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What <https://ui.perfetto.dev> and `chrome://tracing` show.
    fn chrome(&self) -> Value {
        let heard = self.heard();
        let named = |lane: usize| {
            let arguments = json!({ "name": format!("stages {}", lane + 1) });
            json!({ "name": "thread_name", "ph": "M", "pid": 1, "tid": lane + 1, "args": arguments })
        };
        let lanes = lanes(&heard.spans);
        let mut events: Vec<Value> = (0..lanes.iter().max().map_or(0, |last| last + 1)).map(named).collect();
        for (span, lane) in heard.spans.iter().zip(&lanes) {
            let event = |name: &str, category: &str, began: f64, arguments: Value| {
                let (start, length) = (micros(began), micros(span.ended - began));
                json!({ "name": name, "cat": category, "ph": "X", "ts": start, "dur": length, "pid": 1, "tid": lane + 1, "args": arguments })
            };
            let finished = &span.finished;
            let arguments = json!({
                "outcome": finished.outcome,
                "reason": finished.reason,
                "headline": finished.headline,
            });
            events.push(event(&finished.stage, finished.outcome.as_str(), span.began, arguments));
            if let Some((began, why)) = &span.executed {
                events.push(event("execute", "execute", *began, json!({ "reason": why })));
            }
        }
        json!({ "displayTimeUnit": "ms", "traceEvents": events })
    }

    /// The same as a page that needs nothing from elsewhere.
    fn page(&self) -> String {
        let heard = self.heard();
        let last = heard.spans.iter().map(|span| span.ended).fold(0.0, f64::max);
        let total = heard.total.unwrap_or(last).max(last).max(1e-6);
        let count = segpipe_stages::numerals::counted(heard.spans.len() as u64, "stage");
        let mut body = format!("<h1>A run</h1>\n<p class=\"quiet\">{count} in {total:.2} s</p>\n");
        bars(&mut body, &heard.spans, total);
        body.push_str("<h2>Stages</h2>\n");
        body.push_str(&html::table(&table(&heard.spans)));
        html::page("A run of segpipe", STYLE, &body)
    }
}

impl EventSink for Timeline {
    fn emit(&self, event: Event) {
        let now = self.began.elapsed().as_secs_f64();
        let heard = &mut *self.heard();
        match event {
            Event::StageStarted { stage, reason } => heard.executing.push((stage, now, reason)),
            Event::StageFinished(finished) => {
                // One that is executed again after a source changed began with its last try.
                let executed = heard.executing.iter().rfind(|(stage, ..)| *stage == finished.stage);
                let executed = executed.map(|(_, began, why)| (*began, why.clone()));
                heard.executing.retain(|(stage, ..)| *stage != finished.stage);
                let began = (now - finished.seconds).max(0.0);
                heard.spans.push(Span { finished, began, executed, ended: now });
            }
            Event::RunFinished(_) => heard.total = Some(now),
            _ => {}
        }
    }
}

fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round().max(0.0) as u64
}

/// For every span the first lane in which nothing else is at that time.
fn lanes(spans: &[Span]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by(|a, b| spans[*a].began.total_cmp(&spans[*b].began));
    let (mut free_from, mut lanes) = (Vec::<f64>::new(), vec![0; spans.len()]);
    for index in order {
        let lane = free_from.iter().position(|free| *free <= spans[index].began).unwrap_or(free_from.len());
        if lane == free_from.len() {
            free_from.push(0.0);
        }
        free_from[lane] = spans[index].ended;
        lanes[index] = lane;
    }
    lanes
}

const STYLE: &str = "\
:root { --ran: #0072b2; --restored: #009e73; --cached: #8c959f; --failed: #c2185b; }
@media (prefers-color-scheme: dark) {
  :root { --ran: #56b4e9; --restored: #3ecf9f; --cached: #6e7681; --failed: #ff7ab0; }
}
.times { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .3rem .8rem; margin: 1rem 0; align-items: center; }
.times .name { font-weight: 600; overflow-wrap: anywhere; }
.times .lane { position: relative; height: 1.7rem; background: var(--panel); border-radius: 4px; }
.times .bar { position: absolute; top: .25rem; bottom: .25rem; min-width: 2px; border-radius: 3px; background: var(--mark); }
.times .label { position: absolute; top: 0; line-height: 1.7rem; font-size: .8rem; white-space: nowrap; padding: 0 .35rem; }
.axis { display: flex; justify-content: space-between; color: var(--quiet); font-size: .8rem; }
.ran { --mark: var(--ran); } .restored { --mark: var(--restored); }
.cached, .skipped { --mark: var(--cached); } .failed { --mark: var(--failed); }
";

fn bars(out: &mut String, spans: &[Span], total: f64) {
    out.push_str("<div class=\"times\">\n");
    for span in spans {
        let (from, to) = (span.began / total * 100.0, span.ended / total * 100.0);
        let finished = &span.finished;
        let word = finished.outcome.as_str();
        let title = escape(&format!("{}: {word}, {}", finished.stage, span.reason()));
        // Beside the bar, on the side where there is room.
        let place = if to < 70.0 { format!("left:{to:.3}%") } else { format!("right:{:.3}%", 100.0 - from) };
        let _ = writeln!(
            out,
            "<div class=\"name\">{}</div><div class=\"lane {word}\" title=\"{title}\"><div class=\"bar\" \
             style=\"left:{from:.3}%;width:{:.3}%\"></div><div class=\"label\" style=\"{place}\">{word}, {}</div></div>",
            escape(&finished.stage),
            (to - from).max(0.0),
            seconds(span),
        );
    }
    let ticks = (0..=4).map(|tick| format!("<span>{:.2} s</span>", total * f64::from(tick) / 4.0));
    let _ = writeln!(out, "<div></div><div class=\"axis\">{}</div>\n</div>", ticks.collect::<String>());
}

fn seconds(span: &Span) -> String {
    format!("{:.2} s", span.ended - span.began)
}

fn table(spans: &[Span]) -> Table {
    let row = |span: &Span| {
        let finished = &span.finished;
        let failure = if finished.outcome == Outcome::Failed { finished.reason.as_deref() } else { None };
        let result = failure.or(finished.headline.as_deref()).unwrap_or_default();
        let began = format!("{:.2}", span.began);
        let took = format!("{:.2}", span.ended - span.began);
        [&finished.stage, finished.outcome.as_str(), &began, &took, result, span.reason()].map(String::from).to_vec()
    };
    Table::new(&["stage", "outcome", "#began (s)", "#took (s)", "result", "why"]).with_rows(spans.iter().map(row))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    fn finished(stage: &str, outcome: Outcome, reason: Option<&str>) -> StageFinished {
        StageFinished {
            stage: stage.to_owned(),
            outcome,
            seconds: 0.0,
            reason: reason.map(String::from),
            headline: Some("2 rows".to_owned()),
            outputs: BTreeMap::new(),
        }
    }

    fn sample() -> Timeline {
        let timeline = Timeline::default();
        timeline.emit(Event::StageFinished(finished("load", Outcome::Cached, None)));
        timeline.emit(Event::StageStarted { stage: "train".to_owned(), reason: "param `k`: 4 → <5>".to_owned() });
        timeline.emit(Event::StageFinished(finished("train", Outcome::Failed, Some("no room"))));
        timeline
    }

    #[test]
    fn a_trace_has_an_event_per_stage_and_one_for_what_was_executed() {
        let text = sample().text(Path::new("run.json"));
        let trace: Value = serde_json::from_str(&text).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let complete: Vec<&Value> = events.iter().filter(|event| event["ph"] == "X").collect();
        let names: Vec<_> = complete.iter().map(|event| event["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["load", "train", "execute"]);
        assert!(complete.iter().all(|event| event["ts"].is_u64() && event["dur"].is_u64()), "{text}");
        assert_eq!(complete[2]["args"]["reason"], "param `k`: 4 → <5>");
        assert_eq!(complete[1]["args"]["reason"], "no room");
    }

    #[test]
    fn a_page_tells_the_same_and_needs_nothing_from_elsewhere() {
        let page = sample().text(Path::new("run.HTML"));
        assert_eq!(page.matches("class=\"bar\"").count(), 2);
        assert!(page.contains("<td>no room</td><td>param `k`: 4 → &lt;5&gt;</td>"), "{page}");
        for word in ["http:", "https:", "src=", "<link", "<script", "@import", "url("] {
            assert!(!page.contains(word), "{word}");
        }
        let nothing = Timeline::default().text(Path::new("run.html"));
        assert!(nothing.contains("0 stages"), "{nothing}");
    }

    #[test]
    fn stages_at_the_same_time_have_lanes_of_their_own() {
        let span =
            |began: f64, ended: f64| Span { finished: finished("a", Outcome::Ran, None), began, executed: None, ended };
        assert_eq!(lanes(&[span(0.0, 2.0), span(1.0, 3.0), span(2.0, 4.0), span(3.0, 5.0)]), [0, 1, 0, 1]);
    }
}
