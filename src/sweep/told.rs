//! What a tracking server is told of a sweep as a whole, and of each combination.
//!
//! For: sealing both. Not for: sending them (`mlflow`). The whole has no metric of a combination's name, so that a search
//! for the best run finds a combination.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use segpipe_stages::contract::{CheckedParams, FinishedRun, FinishedStage, RunStatus, StageError};
use serde_json::Value;

use super::{Combination, SCALINGS, Study, Sweep};
use crate::digest::Digest;
use crate::mlflow::{Fact, Outbox, SweepRun};

/// The table of all combinations, as a file of the sweep's run.
const RANKING: &str = "sweep/ranking.csv";

impl Sweep {
    /// Seals the sweep's run and one a combination; returns where the sweep's is, and how many were sealed now. What was
    /// sealed before of an equal sweep is not sealed again.
    ///
    /// # Errors
    /// [`StageError`] where the disk refuses.
    pub fn seal(&self, study: &Study, by: &str, outbox: &Outbox) -> Result<(PathBuf, usize), StageError> {
        let table = study.table(by);
        let mut facts = Vec::new();
        for axis in &self.grid.axes {
            facts.push(fact("param", &format!("sweep.{}", axis.target), axis.values.join(", ")));
        }
        facts.push(fact("param", "sweep.by", by.to_owned()));
        let finished = study.combinations.iter().filter(|one| one.run.status == RunStatus::Finished).count();
        facts.push(metric("combinations", study.combinations.len() as f64));
        facts.push(metric("combinations_failed", (study.combinations.len() - finished) as f64));
        let best = study.ranked(by).into_iter().next().and_then(|best| Some((best, best.metric(by)?)));
        if let Some((best, value)) = best {
            facts.push(metric(&format!("best/{by}"), value));
            facts.push(fact("tag", "segpipe.best_combination", best.sets.join(" ")));
        }
        let scalings = if study.has_several_scalings() { format!("\n\nMind: {SCALINGS}.") } else { String::new() };
        let note = format!("A sweep, ranked by {by}.{scalings}\n\n{}", table.to_markdown());
        facts.push(fact("tag", "mlflow.note.content", note));
        outbox.seal_sweep(&SweepRun {
            identity: identity(&study.combinations),
            whole: whole(study),
            facts,
            files: vec![(RANKING, table.to_csv())],
            children: study.combinations.iter().map(|one| (one.sets.as_slice(), &one.run)).collect(),
        })
    }
}

/// The run that stands for the sweep: its stages with the time that all combinations took, and the params that all
/// have.
fn whole(study: &Study) -> FinishedRun {
    let first = &study.combinations[0].run;
    let stages = first.stages.iter().map(|stage| whole_stage(stage, &study.combinations));
    let failed = study.combinations.iter().any(|one| one.run.status != RunStatus::Finished);
    FinishedRun {
        status: if failed { RunStatus::Failed } else { RunStatus::Finished },
        started_ms: study.started_ms,
        ended_ms: study.ended_ms,
        stages: stages.collect(),
        ..first.clone()
    }
}

/// A stage of the run that stands for the sweep.
fn whole_stage(stage: &FinishedStage, combinations: &[Combination]) -> FinishedStage {
    let all = || combinations.iter().flat_map(|one| &one.run.stages).filter(|other| other.name == stage.name);
    let words = ["failed", "skipped", "ran"];
    let outcome = words.into_iter().find(|word| all().any(|other| other.outcome == *word)).unwrap_or("cached");
    let is_common = |name: &String, value: &Value| {
        all().all(|other| {
            let there = other.params.determining.get(name).or_else(|| other.params.incidental.get(name));
            there == Some(value)
        })
    };
    let mut params = CheckedParams::default();
    for (from, to) in
        [(&stage.params.determining, &mut params.determining), (&stage.params.incidental, &mut params.incidental)]
    {
        let common = from.iter().filter(|(name, value)| is_common(name, value));
        to.extend(common.map(|(name, value)| (name.clone(), value.clone())));
    }
    FinishedStage {
        outcome,
        reason: None,
        seconds: all().map(|other| other.seconds).sum(),
        fingerprint: None,
        params,
        outputs: BTreeMap::new(),
        ..stage.clone()
    }
}

/// What the sweep computed: equal sweeps of equal data by equal code have equal ones.
fn identity(combinations: &[Combination]) -> String {
    let mut text = String::new();
    for combination in combinations {
        text += &combination.sets.join(" ");
        for stage in &combination.run.stages {
            let fingerprint = stage.fingerprint.as_deref().unwrap_or("none");
            let _ = write!(text, "\n{} {fingerprint}", stage.name);
        }
        text.push('\n');
    }
    Digest::of_bytes(text.as_bytes()).to_string()
}

fn fact(kind: &str, key: &str, text: String) -> Fact {
    Fact { kind: kind.to_owned(), key: key.to_owned(), text: Some(text), value: None, step: None }
}

fn metric(key: &str, value: f64) -> Fact {
    Fact { kind: "metric".to_owned(), key: key.to_owned(), text: None, value: Some(value), step: None }
}
