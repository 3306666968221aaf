//! Lines of text for what happened in a run: alignment, numbers, words.
//!
//! For: the console reporter, and tables of plans. Not for: printing, or when a line is due.

use crate::event::{Outcome, RunFinished, StageFinished};
use crate::plan::{Plan, State};

use segpipe_stages::contract::{Note, NoteLevel};
use segpipe_stages::numerals::counted;

use super::{Paint, Tone};

/// Width of the column of outcomes.
const OUTCOME: usize = 10;
/// Least width of the column of names.
pub const NAME: usize = 10;
/// Width of the column of headlines.
const HEADLINE: usize = 32;
/// Width of the column of seconds.
const SECONDS: usize = 7;
/// Width at which a banner is broken.
const BANNER: usize = 96;

/// Width of the column of names that holds all of these.
pub fn name_width<'a>(names: impl IntoIterator<Item = &'a str>) -> usize {
    names.into_iter().map(|name| name.chars().count()).max().unwrap_or(0).max(NAME)
}

/// The line of a finished stage, its name padded to `width`.
pub fn stage_line(stage: &StageFinished, width: usize, paint: Paint) -> String {
    let outcome = paint.tone(tone(stage.outcome), &format!("{:>OUTCOME$}", stage.outcome.as_str()));
    let name = pad(&stage.stage, width);
    let seconds = format!("{:>SECONDS$}", format!("{:.2}s", stage.seconds));
    let reason = stage.reason.as_deref().unwrap_or_default();
    let headline = stage.headline.as_deref().unwrap_or_default();
    match stage.outcome {
        Outcome::Skipped => format!("{outcome}  {name}  {reason}"),
        Outcome::Failed => format!("{outcome}  {name}  {reason}  {}", seconds.trim_start()),
        _ if reason.is_empty() => format!("{outcome}  {name}  {}{seconds}", pad(headline, HEADLINE)),
        _ => format!("{outcome}  {name}  {}{seconds}   {reason}", pad(headline, HEADLINE)),
    }
}

/// A line for every output of a finished stage.
pub fn output_lines(stage: &StageFinished, paint: Paint) -> Vec<String> {
    let line = |(name, output): (&String, &crate::event::OutputFact)| {
        let rows = output.rows.map(|rows| format!(", {}", counted(rows, "row"))).unwrap_or_default();
        let digest: String = output.digest.chars().take(12).collect();
        let text = format!("{name}: {}{rows}, {digest}", output.path.display());
        paint.tone(Tone::Calm, &indented(&text))
    };
    stage.outputs.iter().map(line).collect()
}

/// Something that belongs to the line above.
pub fn aside(text: &str, paint: Paint) -> String {
    paint.tone(Tone::Calm, &indented(text))
}

/// A line that a program of a stage said.
pub fn said_line(stage: &str, line: &str, paint: Paint) -> String {
    format!("{} {line}", paint.tone(Tone::Calm, &format!("{stage:>OUTCOME$} |")))
}

/// A remark of a stage, under its line.
pub fn note_line(note: &Note, paint: Paint) -> String {
    match note.level {
        NoteLevel::Info => paint.tone(Tone::Calm, &indented(&note.text)),
        NoteLevel::Warning => indented(&format!("{} {}", paint.tone(Tone::Warning, "warning:"), note.text)),
    }
}

/// A remark that stands under no line of a stage: about the run, or where stages have no lines.
pub fn loose_note(stage: Option<&str>, note: &Note, paint: Paint) -> String {
    let about = stage.map(|stage| format!("`{stage}`: ")).unwrap_or_default();
    match note.level {
        NoteLevel::Info => paint.tone(Tone::Calm, &format!("{about}{}", note.text)),
        NoteLevel::Warning => format!("{} {about}{}", paint.tone(Tone::Warning, "warning:"), note.text),
    }
}

/// A warning that nobody can overlook: lines that begin with `!!!`, broken at spaces.
pub fn banner(text: &str, paint: Paint) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.len() - 1;
        if !lines[line].is_empty() && lines[line].chars().count() + word.chars().count() >= BANNER {
            lines.push(word.to_owned());
        } else {
            if !lines[line].is_empty() {
                lines[line].push(' ');
            }
            lines[line].push_str(word);
        }
    }
    let marked = lines.iter().map(|line| paint.tone(Tone::Warning, &format!("!!! {line}")));
    marked.collect::<Vec<_>>().join("\n")
}

/// The last line of a run; none where no stage was even looked at.
pub fn closing_line(run: &RunFinished, paint: Paint) -> Option<String> {
    let order = [Outcome::Ran, Outcome::Restored, Outcome::Cached, Outcome::Failed, Outcome::Skipped];
    let counts = order.iter().filter_map(|outcome| Some((outcome.as_str(), *run.outcomes.get(outcome.as_str())?)));
    let counts: Vec<String> = counts.map(|(word, count)| format!("{count} {word}")).collect();
    if counts.is_empty() {
        return None;
    }
    let idle = [Outcome::Cached.as_str(), Outcome::Skipped.as_str()];
    let is_idle = run.outcomes.keys().all(|outcome| idle.contains(outcome));
    let word = match (run.ok, is_idle) {
        (true, true) => paint.tone(Tone::Done, "nothing to do:"),
        (true, false) => paint.tone(Tone::Done, "done:"),
        (false, _) => paint.tone(Tone::Error, "not done:"),
    };
    Some(format!("{word} {} in {:.2}s", counts.join(", "), run.seconds))
}

/// The table of a plan: state, stage, reason.
pub fn plan_lines(plan: &Plan, paint: Paint) -> Vec<String> {
    let width = name_width(plan.stages.iter().map(|stage| stage.stage.as_str()));
    let line = |stage: &crate::plan::PlannedStage| {
        let state = state_word(stage.state, paint);
        let reason = stage.reason.as_deref().unwrap_or_default();
        format!("{state}  {}  {reason}", pad(&stage.stage, width)).trim_end().to_owned()
    };
    plan.stages.iter().map(line).collect()
}

/// The word for a state, as wide as the column of states.
pub fn state_word(state: State, paint: Paint) -> String {
    paint.tone(state_tone(state), &format!("{:>OUTCOME$}", state.as_str()))
}

fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Ran | Outcome::Restored => Tone::Done,
        Outcome::Cached | Outcome::Skipped => Tone::Calm,
        Outcome::Failed => Tone::Error,
    }
}

fn state_tone(state: State) -> Tone {
    match state {
        State::Fresh | State::Skipped => Tone::Calm,
        State::Restore => Tone::Done,
        State::Stale | State::Pending => Tone::Warning,
    }
}

/// Under the names of stages, which begin after the outcome and two spaces.
fn indented(text: &str) -> String {
    let margin = " ".repeat(OUTCOME + 2);
    text.lines().map(|line| format!("{margin}{line}")).collect::<Vec<_>>().join("\n")
}

fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::OutputFact;
    use crate::plan::PlannedStage;

    fn stage(name: &str, outcome: Outcome, headline: Option<&str>, reason: Option<&str>) -> StageFinished {
        StageFinished {
            stage: name.to_owned(),
            outcome,
            seconds: 0.031,
            reason: reason.map(String::from),
            headline: headline.map(String::from),
            outputs: BTreeMap::new(),
        }
    }

    fn line(stage: &StageFinished) -> String {
        stage_line(stage, NAME, Paint::default())
    }

    #[test]
    fn a_line_per_stage_is_aligned() {
        let ran = stage("train", Outcome::Ran, Some("k=5, 4 338 customers"), Some("param `k`: 4 → 5"));
        assert_eq!(line(&ran), "       ran  train       k=5, 4 338 customers              0.03s   param `k`: 4 → 5");
        let cached = stage("load", Outcome::Cached, Some("541 909 rows"), None);
        assert_eq!(line(&cached), "    cached  load        541 909 rows                      0.03s");
        let skipped = stage("visualize", Outcome::Skipped, None, Some("needs `evaluate`"));
        assert_eq!(line(&skipped), "   skipped  visualize   needs `evaluate`");
        let failed = stage("train", Outcome::Failed, None, Some("k is larger than 3 customers"));
        assert_eq!(line(&failed), "    failed  train       k is larger than 3 customers  0.03s");
    }

    #[test]
    fn a_long_name_or_headline_moves_what_follows() {
        let long = stage("big_spenders_of_the_year", Outcome::Ran, Some(&"x".repeat(40)), Some("forced"));
        let text = stage_line(&long, name_width(["big_spenders_of_the_year"]), Paint::default());
        assert_eq!(text, format!("       ran  big_spenders_of_the_year  {}  0.03s   forced", "x".repeat(40)));
    }

    #[test]
    fn notes_stand_under_the_name_and_warnings_say_so() {
        let note = |level| Note { level, text: "dates are `D/M/YYYY`".to_owned() };
        assert_eq!(note_line(&note(NoteLevel::Info), Paint::default()), "            dates are `D/M/YYYY`");
        let warning = note_line(&note(NoteLevel::Warning), Paint::default());
        assert_eq!(warning, "            warning: dates are `D/M/YYYY`");
        let loose = |stage| loose_note(stage, &note(NoteLevel::Warning), Paint::default());
        assert_eq!(loose(None), "warning: dates are `D/M/YYYY`");
        assert_eq!(loose(Some("load")), "warning: `load`: dates are `D/M/YYYY`");
    }

    #[test]
    fn outputs_are_shown_with_rows_and_the_beginning_of_their_digest() {
        let mut ran = stage("rfm", Outcome::Ran, None, None);
        let path = "artifacts/rfm/customers.parquet".into();
        ran.outputs.insert("customers".to_owned(), OutputFact { path, digest: "ab".repeat(32), rows: Some(4338) });
        let lines = output_lines(&ran, Paint::default());
        assert_eq!(lines, ["            customers: artifacts/rfm/customers.parquet, 4 338 rows, abababababab"]);
    }

    #[test]
    fn a_banner_is_broken_at_spaces_and_marked_on_every_line() {
        let text = banner(&format!("SIMULATED DATA: {}", "word ".repeat(30).trim_end()), Paint::default());
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().all(|line| line.starts_with("!!! ") && line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn the_closing_line_counts_outcomes_in_a_fixed_order() {
        let run = |ok, outcomes: &[(&'static str, usize)]| RunFinished {
            ok,
            seconds: 0.314,
            outcomes: outcomes.iter().copied().collect(),
            outbox: None,
            exit_code: u8::from(!ok),
        };
        let closing = |run: &RunFinished| closing_line(run, Paint::default());
        assert_eq!(closing(&run(true, &[("cached", 4), ("ran", 5)])).unwrap(), "done: 5 ran, 4 cached in 0.31s");
        assert_eq!(closing(&run(true, &[("cached", 9)])).unwrap(), "nothing to do: 9 cached in 0.31s");
        let partial = run(true, &[("cached", 4), ("skipped", 5)]);
        assert_eq!(closing(&partial).unwrap(), "nothing to do: 4 cached, 5 skipped in 0.31s");
        let failed = run(false, &[("skipped", 4), ("failed", 1), ("ran", 4)]);
        assert_eq!(closing(&failed).unwrap(), "not done: 4 ran, 1 failed, 4 skipped in 0.31s");
        assert_eq!(closing(&run(false, &[])), None);
    }

    #[test]
    fn a_plan_is_a_table_with_reasons() {
        let planned = |stage: &str, state, reason: Option<&str>| PlannedStage {
            stage: stage.to_owned(),
            state,
            reason: reason.map(String::from),
        };
        let stages = vec![
            planned("load", State::Fresh, None),
            planned("train", State::Stale, Some("param `k`: 4 → 5")),
            planned("evaluate", State::Pending, Some("waits for `train`")),
        ];
        let lines = plan_lines(&Plan { stages, upstream: Vec::new() }, Paint::default());
        assert_eq!(
            lines,
            [
                "     fresh  load",
                "     stale  train       param `k`: 4 → 5",
                "   pending  evaluate    waits for `train`"
            ]
        );
    }
}
