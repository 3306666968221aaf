//! `segpipe explain`: of one stage, which facts were compared with those of which result.
//!
//! For: lines for people, an object for programs. Not for: judging (`plan`).

use std::time::SystemTime;

use jiff::Timestamp;
use segpipe_stages::numerals::{aligned, counted};
use serde_json::{Value, json};

use super::Ending;
use super::args::ExplainArguments;
use super::printer::Printer;
use super::project::{self, Surroundings};
use crate::engine;
use crate::fingerprint::{Document, Side};
use crate::plan::State;
use crate::plan::explain::{ExplainedOutput, Explanation, LastResult};
use crate::report::{self, Paint, Tone};

/// Digits of a digest that people are shown.
const SHORT: usize = 12;

/// Explains the stage that the arguments name.
pub(super) fn explain(around: &Surroundings, arguments: &ExplainArguments) -> Ending {
    let pipeline = around.open(&arguments.overriding)?;
    let explanation = engine::explain(&pipeline, &arguments.stage, project::sources(&pipeline).as_ref())?;
    let lines = if arguments.json {
        vec![object(&explanation).to_string()]
    } else {
        text(&explanation, report::paint_of_stdout())
    };
    Printer::lines(&lines)?;
    Ok(0)
}

fn text(explanation: &Explanation, paint: Paint) -> Vec<String> {
    let reason = explanation.reason.as_ref().map(|reason| format!(", {reason}")).unwrap_or_default();
    let mut lines = vec![format!("{}: {}{reason}", explanation.stage, explanation.state.as_str())];
    let mut rows = last(explanation.last.as_ref());
    rows.push(["  compared", &compared(explanation)].map(String::from).to_vec());
    rows.extend(outputs(explanation));
    lines.push(aligned(&rows, &[false, false]));
    lines.extend(document(explanation, paint));
    lines
}

/// With which result the stage is compared.
fn last(last: Option<&LastResult>) -> Vec<Vec<String>> {
    let row = |name: &str, text: String| vec![format!("  {name}"), text];
    let Some(LastResult { record, made, since }) = last else {
        return vec![row("last result", "none here".to_owned())];
    };
    let fingerprint = short(&record.fingerprint.to_string());
    let mut rows = vec![row("last result", format!("{fingerprint}: {}", record.headline))];
    if let Some(made) = made {
        rows.push(row("made", format!("{}, in {:.2}s", when(*made), record.seconds)));
    }
    if let Some(since) = since {
        rows.push(row("at its place", format!("since {}", when(*since))));
    }
    rows
}

/// How many facts were compared, and how that went.
fn compared(explanation: &Explanation) -> String {
    if explanation.last.is_none() {
        return "with nothing".to_owned();
    }
    if explanation.document.is_none() {
        return "nothing: an input or a source is not there yet".to_owned();
    }
    let facts = explanation.lines();
    let equal = facts.iter().filter(|(side, _)| *side == Side::Both).count() as u64;
    let assumed = if explanation.state == State::Pending { ", with the inputs that are there now" } else { "" };
    match explanation.differences.as_slice() {
        [] => format!("{}, all equal{assumed}", counted(equal, "fact")),
        different => format!("{}; {} equal{assumed}", different.join(", "), counted(equal, "fact")),
    }
}

fn outputs(explanation: &Explanation) -> Vec<Vec<String>> {
    let wrong =
        explanation.outputs.iter().filter(|output| output.present.is_none() || output.present != output.recorded);
    let wrong: Vec<String> = wrong.map(|output| format!("`{}` {}", output.path.display(), word(output))).collect();
    let count = explanation.outputs.len() as u64;
    let text = match wrong.as_slice() {
        _ if explanation.last.is_none() => return Vec::new(),
        [] => format!(
            "{} at {} as recorded",
            counted(count, "output"),
            if count == 1 { "its place" } else { "their places" }
        ),
        wrong => wrong.join(", "),
    };
    vec![vec!["  outputs".to_owned(), text]]
}

/// What is at an output's place.
fn word(output: &ExplainedOutput) -> &'static str {
    match output.present {
        None => "is missing",
        found if found == output.recorded => "is as recorded",
        Some(_) => "was edited",
    }
}

fn document(explanation: &Explanation, paint: Paint) -> Vec<String> {
    let fingerprint = match &explanation.document {
        Some(document) => format!("fingerprint {}", short(&document.fingerprint().to_string())),
        None if explanation.last.is_some() => "fingerprint of the last result".to_owned(),
        None => return Vec::new(),
    };
    let is_compared = explanation.last.is_some() && explanation.document.is_some();
    let line = |(side, line): &(Side, &str)| match side {
        Side::Old if is_compared => paint.tone(Tone::Error, &format!("- {line}")),
        Side::New if is_compared => paint.tone(Tone::Done, &format!("+ {line}")),
        _ => format!("  {line}"),
    };
    let lines = explanation.lines();
    [String::new(), fingerprint].into_iter().chain(lines.iter().map(line)).collect()
}

fn object(explanation: &Explanation) -> Value {
    let last = explanation.last.as_ref().map(|last| {
        json!({
            "fingerprint": last.record.fingerprint.to_string(),
            "headline": last.record.headline,
            "seconds": last.record.seconds,
            "made": last.made.map(when),
            "since": last.since.map(when),
            "document": last.record.document.lines().collect::<Vec<_>>(),
        })
    });
    let document = explanation.document.as_ref();
    let output = |output: &ExplainedOutput| {
        json!({
            "output": output.name,
            "path": output.path,
            "recorded": output.recorded.map(|digest| digest.to_string()),
            "present": output.present.map(|digest| digest.to_string()),
        })
    };
    json!({
        "stage": explanation.stage,
        "kind": explanation.kind,
        "state": explanation.state,
        "reason": explanation.reason,
        "fingerprint": document.map(|document| document.fingerprint().to_string()),
        "document": document.map(Document::text).map(|text| text.lines().collect::<Vec<_>>()),
        "last": last,
        "differences": explanation.differences,
        "outputs": explanation.outputs.iter().map(output).collect::<Vec<_>>(),
    })
}

fn short(digest: &str) -> String {
    digest.chars().take(SHORT).collect()
}

fn when(time: SystemTime) -> String {
    Timestamp::try_from(time).unwrap_or_default().strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
