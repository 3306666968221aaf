//! `segpipe graph`: which stage reads from which, as text, Mermaid or Graphviz.

use std::collections::BTreeMap;

use super::Ending;
use super::args::{GraphArguments, GraphFormat};
use super::printer::Printer;
use super::project::Surroundings;
use crate::report::format;
use crate::spec::pipeline::{Pipeline, PipelineStage};

/// Prints the graph.
pub(super) fn graph(around: &Surroundings, arguments: &GraphArguments) -> Ending {
    let pipeline = around.open(&arguments.overriding)?;
    let reads = reads(&pipeline);
    let lines = match arguments.format {
        GraphFormat::Text => text(&reads),
        GraphFormat::Mermaid => mermaid(&reads),
        GraphFormat::Dot => dot(&reads),
    };
    Printer::lines(&lines)?;
    Ok(0)
}

/// A stage and the outputs it reads, by the stage that writes them.
type Reads<'a> = (&'a str, BTreeMap<&'a str, Vec<&'a str>>);

/// Every stage in order, with what it reads.
fn reads(pipeline: &Pipeline) -> Vec<Reads<'_>> {
    pipeline.stages.iter().map(|stage| (stage.name.as_str(), read_by(stage))).collect()
}

fn read_by(stage: &PipelineStage) -> BTreeMap<&str, Vec<&str>> {
    let mut read: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for reference in stage.inputs.values() {
        let outputs = read.entry(&reference.stage).or_default();
        if !outputs.contains(&reference.output.as_str()) {
            outputs.push(&reference.output);
        }
    }
    read
}

fn text(stages: &[Reads<'_>]) -> Vec<String> {
    let width = format::name_width(stages.iter().map(|(name, _)| *name));
    let line = |(name, read): &Reads<'_>| {
        let outputs = stages
            .iter()
            .flat_map(|(from, _)| read.get(from).into_iter().flatten().map(move |output| format!("{from}.{output}")));
        let outputs: Vec<String> = outputs.collect();
        if outputs.is_empty() { (*name).to_owned() } else { format!("{name:<width$}  ← {}", outputs.join(", ")) }
    };
    stages.iter().map(line).collect()
}

fn mermaid(stages: &[Reads<'_>]) -> Vec<String> {
    let id = |name: &str| stages.iter().position(|(stage, _)| *stage == name).unwrap_or_default();
    let nodes = stages.iter().map(|(name, _)| format!("    s{}[\"{name}\"]", id(name)));
    let arrows = arrows(stages);
    let arrows = arrows.iter().map(|(from, to, outputs)| format!("    s{} -->|\"{outputs}\"| s{}", id(from), id(to)));
    ["flowchart LR".to_owned()].into_iter().chain(nodes).chain(arrows).collect()
}

fn dot(stages: &[Reads<'_>]) -> Vec<String> {
    let nodes = stages.iter().map(|(name, _)| format!("    \"{name}\";"));
    let arrows = arrows(stages);
    let arrows = arrows.iter().map(|(from, to, outputs)| format!("    \"{from}\" -> \"{to}\" [label=\"{outputs}\"];"));
    let opening = ["digraph pipeline {", "    rankdir=LR;", "    node [shape=box];"].map(String::from);
    opening.into_iter().chain(nodes).chain(arrows).chain(["}".to_owned()]).collect()
}

/// From, to, and what is handed over, in the order of the stages.
fn arrows<'a>(stages: &'a [Reads<'a>]) -> Vec<(&'a str, &'a str, String)> {
    let mut arrows = Vec::new();
    for (from, _) in stages {
        let readers = stages.iter().filter_map(|(to, read)| Some((*from, *to, read.get(from)?.join(", "))));
        arrows.extend(readers);
    }
    arrows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<Reads<'static>> {
        vec![
            ("load", BTreeMap::new()),
            ("rfm", BTreeMap::from([("load", vec!["transactions"])])),
            ("report", BTreeMap::from([("rfm", vec!["customers"]), ("load", vec!["sources", "transactions"])])),
        ]
    }

    #[test]
    fn text_names_what_each_stage_reads_in_the_order_of_the_stages() {
        let expected =
            ["load", "rfm         ← load.transactions", "report      ← load.sources, load.transactions, rfm.customers"];
        assert_eq!(text(&sample()), expected);
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
    fn dot_is_a_digraph() {
        let lines = dot(&sample());
        assert_eq!(lines[0], "digraph pipeline {");
        assert!(lines.contains(&"    \"rfm\" -> \"report\" [label=\"customers\"];".to_owned()));
        assert_eq!(lines.last().unwrap(), "}");
    }
}
