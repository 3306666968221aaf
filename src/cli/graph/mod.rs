//! `segpipe graph`: which stage reads from which, and which are up to date, as text, Mermaid, Graphviz or a page.
//!
//! For: the drawings as text. The page is in `html`, with the places of its boxes from `layout`.

mod html;
mod layout;

use std::collections::BTreeMap;

use super::Ending;
use super::args::{GraphArguments, GraphFormat};
use super::failure::Failure;
use super::printer::Printer;
use super::project::{self, Surroundings};
use crate::engine::{self, RunOptions};
use crate::plan::{PlannedStage, State};
use crate::report::{self, Paint, format};
use crate::spec::pipeline::{Pipeline, PipelineStage};

/// Prints the graph.
pub(super) fn graph(around: &Surroundings, arguments: &GraphArguments) -> Ending {
    let pipeline = around.open(&arguments.overriding)?;
    let states = if arguments.bare { BTreeMap::new() } else { states(around, &pipeline) };
    let stages: Vec<Drawn<'_>> = pipeline.stages.iter().map(|stage| Drawn::of(stage, &states)).collect();
    let lines = match arguments.format {
        GraphFormat::Text => text(&stages, report::paint_of_stdout()),
        GraphFormat::Mermaid => mermaid(&stages),
        GraphFormat::Dot => dot(&stages),
        GraphFormat::Html => vec![html::page(&pipeline.name, &stages)],
    };
    Printer::lines(&lines)?;
    Ok(0)
}

/// The state of every stage; none, with a warning, where that cannot be known.
fn states(around: &Surroundings, pipeline: &Pipeline) -> BTreeMap<String, PlannedStage> {
    match engine::plan(pipeline, &RunOptions::default(), project::sources(pipeline).as_ref()) {
        Ok(plan) => plan.stages.into_iter().map(|stage| (stage.stage.clone(), stage)).collect(),
        Err(error) => {
            around.printer.warn(&format!("which stages are up to date is not known: {}", Failure::from(error)));
            BTreeMap::new()
        }
    }
}

/// A stage as it is drawn.
struct Drawn<'a> {
    name: &'a str,
    kind: &'a str,
    /// The outputs it reads, by the stage that writes them.
    reads: BTreeMap<&'a str, Vec<&'a str>>,
    state: Option<(State, Option<&'a str>)>,
}

impl<'a> Drawn<'a> {
    fn of(stage: &'a PipelineStage, states: &'a BTreeMap<String, PlannedStage>) -> Self {
        let mut reads: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for reference in stage.inputs.values() {
            let outputs = reads.entry(&reference.stage).or_default();
            if !outputs.contains(&reference.output.as_str()) {
                outputs.push(&reference.output);
            }
        }
        let planned = states.get(&stage.name);
        let state = planned.map(|planned| (planned.state, planned.reason.as_deref()));
        Self { name: &stage.name, kind: stage.stage.name(), reads, state }
    }
}

fn text(stages: &[Drawn<'_>], paint: Paint) -> Vec<String> {
    let width = format::name_width(stages.iter().map(|stage| stage.name));
    let line = |stage: &Drawn<'_>| {
        let read = |from: &Drawn<'_>| {
            let outputs = stage.reads.get(from.name).into_iter().flatten();
            outputs.map(|output| format!("{}.{output}", from.name)).collect::<Vec<_>>()
        };
        let outputs: Vec<String> = stages.iter().flat_map(read).collect();
        let state = stage.state.map(|(state, _)| format!("{}  ", format::state_word(state, paint))).unwrap_or_default();
        let name = stage.name;
        if outputs.is_empty() {
            format!("{state}{name}")
        } else {
            format!("{state}{name:<width$}  ← {}", outputs.join(", "))
        }
    };
    stages.iter().map(line).collect()
}

/// Fill and border by state, readable on light and dark paper and told apart without colours by the words.
const LOOKS: [(State, &str, &str); 4] = [
    (State::Fresh, "#d9f2e3", "#1a7f4b"),
    (State::Restore, "#dbeafe", "#1d4ed8"),
    (State::Stale, "#fde8c8", "#b45309"),
    (State::Pending, "#f3f4f6", "#6b7280"),
];

fn look(state: State) -> Option<(&'static str, &'static str)> {
    LOOKS.iter().find(|(known, ..)| *known == state).map(|(_, fill, border)| (*fill, *border))
}

fn mermaid(stages: &[Drawn<'_>]) -> Vec<String> {
    let node = |(id, stage): (usize, &Drawn<'_>)| match stage.state {
        Some((state, _)) => {
            let word = state.as_str();
            format!("    s{id}[\"{}<br/>{word}\"]:::{word}", stage.name)
        }
        None => format!("    s{id}[\"{}\"]", stage.name),
    };
    let nodes = stages.iter().enumerate().map(node);
    let is_used = |state: State| stages.iter().any(|stage| stage.state.is_some_and(|(known, _)| known == state));
    let classes = LOOKS.iter().filter(|(state, ..)| is_used(*state)).map(|(state, fill, border)| {
        format!("    classDef {} fill:{fill},stroke:{border},color:#1f2328", state.as_str())
    });
    let arrows = arrows(stages).into_iter().map(|(from, to, outputs)| format!("    s{from} -->|\"{outputs}\"| s{to}"));
    ["flowchart LR".to_owned()].into_iter().chain(nodes).chain(arrows).chain(classes).collect()
}

fn dot(stages: &[Drawn<'_>]) -> Vec<String> {
    let node = |stage: &Drawn<'_>| {
        let look = stage.state.and_then(|(state, reason)| Some((state, reason, look(state)?)));
        let Some((state, reason, (fill, border))) = look else { return format!("    \"{}\";", stage.name) };
        let tooltip = reason.unwrap_or_else(|| state.as_str()).replace('\\', "\\\\").replace('"', "\\\"");
        let (name, word) = (stage.name, state.as_str());
        format!(
            "    \"{name}\" [label=\"{name}\\n{word}\", style=filled, fillcolor=\"{fill}\", color=\"{border}\", tooltip=\"{tooltip}\"];"
        )
    };
    let name = |stage: usize| stages[stage].name;
    let arrow = |(from, to, outputs)| format!("    \"{}\" -> \"{}\" [label=\"{outputs}\"];", name(from), name(to));
    let arrows = arrows(stages).into_iter().map(arrow);
    let opening = ["digraph pipeline {", "    rankdir=LR;", "    node [shape=box];"].map(String::from);
    opening.into_iter().chain(stages.iter().map(node)).chain(arrows).chain(["}".to_owned()]).collect()
}

/// The ordinals of what each stage reads from.
fn parents(stages: &[Drawn<'_>]) -> Vec<Vec<usize>> {
    let ordinals: BTreeMap<&str, usize> = stages.iter().enumerate().map(|(at, stage)| (stage.name, at)).collect();
    let of = |stage: &Drawn<'_>| stage.reads.keys().filter_map(|name| ordinals.get(name)).copied().collect();
    stages.iter().map(of).collect()
}

/// From, to, and what is handed over, in the order of the stages.
fn arrows(stages: &[Drawn<'_>]) -> Vec<(usize, usize, String)> {
    let (parents, mut arrows) = (parents(stages), Vec::new());
    for (to, (stage, parents)) in stages.iter().zip(parents).enumerate() {
        arrows.extend(parents.into_iter().map(|from| (from, to, stage.reads[stages[from].name].join(", "))));
    }
    arrows.sort_unstable();
    arrows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(name: &'static str, reads: &[(&'static str, &[&'static str])]) -> Drawn<'static> {
        let reads = reads.iter().map(|(from, outputs)| (*from, outputs.to_vec())).collect();
        Drawn { name, kind: name, reads, state: None }
    }

    pub(super) fn sample() -> Vec<Drawn<'static>> {
        vec![
            drawn("load", &[]),
            drawn("rfm", &[("load", &["transactions"])]),
            drawn("report", &[("rfm", &["customers"]), ("load", &["sources", "transactions"])]),
        ]
    }

    pub(super) fn marked() -> Vec<Drawn<'static>> {
        let states = [
            (State::Fresh, None),
            (State::Stale, Some("param `a`: \"x\" → <b>")),
            (State::Pending, Some("waits for `rfm`")),
        ];
        let stages = sample().into_iter().zip(states);
        stages.map(|(stage, state)| Drawn { state: Some(state), ..stage }).collect()
    }

    #[test]
    fn text_names_what_each_stage_reads_in_the_order_of_the_stages() {
        let expected =
            ["load", "rfm         ← load.transactions", "report      ← load.sources, load.transactions, rfm.customers"];
        assert_eq!(text(&sample(), Paint::default()), expected);
        let expected = [
            "     fresh  load",
            "     stale  rfm         ← load.transactions",
            "   pending  report      ← load.sources, load.transactions, rfm.customers",
        ];
        assert_eq!(text(&marked(), Paint::default()), expected);
    }

    #[test]
    fn mermaid_draws_an_arrow_per_pair_of_stages() {
        let expected = [
            "flowchart LR",
            "    s0[\"load\"]",
            "    s1[\"rfm\"]",
            "    s2[\"report\"]",
            "    s0 -->|\"transactions\"| s1",
            "    s0 -->|\"sources, transactions\"| s2",
            "    s1 -->|\"customers\"| s2",
        ];
        assert_eq!(mermaid(&sample()), expected);
    }

    #[test]
    fn mermaid_gives_a_stage_the_class_of_its_state() {
        let lines = mermaid(&marked());
        assert_eq!(lines[2], "    s1[\"rfm<br/>stale\"]:::stale");
        let classes = lines.iter().filter(|line| line.contains("classDef")).count();
        assert_eq!(classes, 3, "{lines:?}");
    }

    #[test]
    fn dot_is_a_digraph() {
        let lines = dot(&sample());
        assert_eq!(lines[0], "digraph pipeline {");
        assert!(lines.contains(&"    \"rfm\" -> \"report\" [label=\"customers\"];".to_owned()));
        assert_eq!(lines.last().unwrap(), "}");
        let marked = dot(&marked());
        assert!(marked[4].starts_with("    \"rfm\" [label=\"rfm\\nstale\", style=filled"), "{}", marked[4]);
        assert!(marked[4].ends_with("tooltip=\"param `a`: \\\"x\\\" → <b>\"];"), "{}", marked[4]);
    }
}
