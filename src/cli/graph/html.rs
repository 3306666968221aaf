//! The graph as a page that needs nothing from elsewhere: boxes and lines, and a table of the same facts below.
//!
//! For: `segpipe graph --format html`. No script: what a box knows is shown when it is pointed at, and in the table.

use std::fmt::Write;

use segpipe_stages::document::Table;
use segpipe_stages::document::html::{self, escape};

use super::layout::{Layout, Place, Way, layout};
use super::{Drawn, State, parents};

/// Width and height of a box, and what is between columns.
const BOX: (f64, f64) = (108.0, 46.0);
const GAP: f64 = 36.0;
const MARGIN: f64 = 8.0;
/// Longest name that a box holds, in characters.
const LONGEST: usize = 13;

const STYLE: &str = "\
:root { --fresh: #1a7f4b; --restore: #0550ae; --stale: #9a4a00; --pending: #57606a; }
@media (prefers-color-scheme: dark) {
  :root { --fresh: #56d38f; --restore: #8fc1ff; --stale: #f0b060; --pending: #a3abb5; }
}
main { max-width: 1400px; }
.graph { overflow-x: auto; margin: 1rem 0; }
.graph text { font: 600 14px system-ui, \"DejaVu Sans\", sans-serif; fill: var(--ink); text-anchor: middle; }
.graph .word { font-weight: 400; font-size: 12px; fill: var(--mark); }
.graph rect { fill: var(--panel); stroke: var(--mark); stroke-width: 1.5; }
.graph path { fill: none; stroke: var(--quiet); stroke-width: 1.3; }
.graph marker path { fill: var(--quiet); stroke: none; }
.graph g:hover rect { stroke-width: 3; }
.unknown { --mark: var(--line); } .skipped { --mark: var(--line); }
.fresh { --mark: var(--fresh); } .restore { --mark: var(--restore); }
.stale { --mark: var(--stale); } .stale rect { stroke-dasharray: 6 3; }
.pending { --mark: var(--pending); } .pending rect { stroke-dasharray: 2 3; }
";

/// The page.
pub(super) fn page(pipeline: &str, stages: &[Drawn<'_>]) -> String {
    let mut body = format!("<h1>{}</h1>\n<p class=\"quiet\">{}</p>\n", escape(pipeline), escape(&summary(stages)));
    drawing(&mut body, stages);
    body.push_str("<h2>Stages</h2>\n");
    body.push_str(&html::table(&table(stages)));
    html::page(&format!("{pipeline}: pipeline"), STYLE, &body)
}

/// `9 stages: 4 fresh, 1 stale, 4 pending`.
fn summary(stages: &[Drawn<'_>]) -> String {
    let states = [State::Fresh, State::Restore, State::Stale, State::Pending];
    let count =
        |state: State| stages.iter().filter(|stage| stage.state.is_some_and(|(known, _)| known == state)).count();
    let counts = states.map(|state| (count(state), state.as_str()));
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let all = segpipe_stages::numerals::counted(stages.len() as u64, "stage");
    if counts.is_empty() { all } else { format!("{all}: {}", counts.join(", ")) }
}

fn drawing(out: &mut String, stages: &[Drawn<'_>]) {
    let layout = layout(&parents(stages));
    let width = 2.0 * MARGIN + layout.columns as f64 * (BOX.0 + GAP) - if layout.columns > 0 { GAP } else { 0.0 };
    let height = 2.0 * MARGIN + layout.height;
    let _ = writeln!(
        out,
        "<div class=\"graph\" tabindex=\"0\" role=\"group\" aria-label=\"graph of the stages\">\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>"
    );
    lines(out, stages, &layout);
    for (stage, place) in stages.iter().zip(&layout.places) {
        draw_box(out, stage, *place);
    }
    out.push_str("</svg>\n</div>\n");
}

/// The left end of a place, halfway down.
fn left(Place { column, down }: Place) -> (f64, f64) {
    (MARGIN + column as f64 * (BOX.0 + GAP), MARGIN + down)
}

fn lines(out: &mut String, stages: &[Drawn<'_>], layout: &Layout) {
    for Way { from, to, between } in &layout.ways {
        let start = left(layout.places[*from]);
        let mut at = (start.0 + BOX.0, start.1);
        let mut path = format!("M{} {}", at.0, at.1);
        for lane in between {
            let lane = left(*lane);
            bend(&mut path, at, lane);
            at = (lane.0 + BOX.0, lane.1);
            let _ = write!(path, "H{}", at.0);
        }
        bend(&mut path, at, left(layout.places[*to]));
        let (reader, writer) = (&stages[*to], stages[*from].name);
        let outputs: Vec<String> =
            reader.reads.get(writer).into_iter().flatten().map(|output| format!("{writer}.{output}")).collect();
        let title = escape(&format!("{} reads {}", reader.name, outputs.join(", ")));
        let _ = writeln!(out, "<path d=\"{path}\" marker-end=\"url(#arrow)\"><title>{title}</title></path>");
    }
}

/// A curve that leaves and arrives level.
fn bend(path: &mut String, (x, y): (f64, f64), (to_x, to_y): (f64, f64)) {
    let middle = f64::midpoint(x, to_x);
    let _ = write!(path, "C{middle} {y} {middle} {to_y} {to_x} {to_y}");
}

fn draw_box(out: &mut String, stage: &Drawn<'_>, place: Place) {
    let (x, middle_y) = left(place);
    let y = middle_y - BOX.1 / 2.0;
    let (word, reason) = stage.state.map_or(("unknown", None), |(state, reason)| (state.as_str(), reason));
    let title = match (stage.state, reason) {
        (None, _) => stage.name.to_owned(),
        (_, None) => format!("{}: {word}", stage.name),
        (_, Some(reason)) => format!("{}: {word}, {reason}", stage.name),
    };
    let (middle, name) = (x + BOX.0 / 2.0, escape(&cut(stage.name)));
    let up = if stage.state.is_some() { 20.0 } else { 28.0 };
    let _ = write!(
        out,
        "<g class=\"{word}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" \
         height=\"{}\" rx=\"7\"/><text x=\"{middle}\" y=\"{}\">{name}</text>",
        escape(&title),
        BOX.0,
        BOX.1,
        y + up,
    );
    if stage.state.is_some() {
        let _ = write!(out, "<text class=\"word\" x=\"{middle}\" y=\"{}\">{word}</text>", y + 37.0);
    }
    out.push_str("</g>\n");
}

fn cut(name: &str) -> String {
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    name.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn table(stages: &[Drawn<'_>]) -> Table {
    let rows = stages.iter().map(|stage| {
        let (word, reason) = stage.state.map_or(("", None), |(state, reason)| (state.as_str(), reason));
        let reads =
            stage.reads.iter().flat_map(|(from, outputs)| outputs.iter().map(move |output| format!("{from}.{output}")));
        let reads: Vec<String> = reads.collect();
        [stage.name, stage.kind, word, reason.unwrap_or_default(), &reads.join(", ")].map(String::from).to_vec()
    });
    Table::new(&["stage", "kind", "state", "why", "reads"]).with_rows(rows)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{marked, sample};
    use super::*;

    #[test]
    fn the_page_has_a_box_per_stage_a_line_per_pair_and_nothing_from_elsewhere() {
        for stages in [sample(), marked()] {
            let page = page("shop <1>", &stages);
            assert_eq!((page.matches("<rect ").count(), page.matches("marker-end").count()), (3, 3), "{page}");
            for word in ["https:", "src=", "<link", "<script", "@import", "url(h", "shop <1>", "→ <b>"] {
                assert!(!page.contains(word), "{word}: {page}");
            }
        }
    }

    #[test]
    fn states_are_words_and_reasons_are_there_without_pointing() {
        let page = page("shop", &marked());
        assert!(page.contains("3 stages: 1 fresh, 1 stale, 1 pending"), "{page}");
        assert!(page.contains("<td>param `a`: &quot;x&quot; → &lt;b&gt;</td>"), "{page}");
        assert!(page.contains("class=\"stale\"><title>rfm: stale, param `a`:"), "{page}");
    }
}
