//! Where the boxes of a graph stand: a column per step from the sources, and rows in which few lines cross.
//!
//! For: `segpipe graph --format html`. Not for: drawing. A line that passes a column without ending there has a row of
//! its own in it, so that it goes round the boxes.

use std::collections::BTreeMap;

/// How often rows are put in order, forwards and backwards in turn.
const SWEEPS: usize = 6;

/// The places of the boxes, and the ways of the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Column and row of every stage.
    pub(super) places: Vec<(usize, usize)>,
    /// The lines.
    pub(super) ways: Vec<Way>,
    /// Number of rows of the fullest column.
    pub(super) rows: usize,
    /// Number of columns.
    pub(super) columns: usize,
}

/// A line from a stage to one that reads from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Column and row of every place that it passes.
    pub(super) between: Vec<(usize, usize)>,
}

/// What stands in a column: a stage, or a line on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Stage(usize),
    /// The ordinal of the line, and the column.
    Passing(usize, usize),
}

/// Lays out stages, each after those it reads from; `parents` has what each reads from.
pub(super) fn layout(parents: &[Vec<usize>]) -> Layout {
    let mut column = Vec::new();
    for parents in parents {
        column.push(parents.iter().map(|parent| column[*parent] + 1).max().unwrap_or(0));
    }
    let lines: Vec<(usize, usize)> =
        parents.iter().enumerate().flat_map(|(to, parents)| parents.iter().map(move |from| (*from, to))).collect();
    let columns = column.iter().max().map_or(0, |last| last + 1);
    let mut items = vec![Vec::new(); columns];
    for (stage, at) in column.iter().enumerate() {
        items[*at].push(Item::Stage(stage));
    }
    let mut neighbours: BTreeMap<Item, [Vec<Item>; 2]> = BTreeMap::new();
    for (ordinal, (from, to)) in lines.iter().enumerate() {
        let mut last = Item::Stage(*from);
        for (at, items) in items.iter_mut().enumerate().take(column[*to]).skip(column[*from] + 1) {
            let passing = Item::Passing(ordinal, at);
            items.push(passing);
            connect(&mut neighbours, last, passing);
            last = passing;
        }
        connect(&mut neighbours, last, Item::Stage(*to));
    }
    put_in_order(&mut items, &neighbours);
    let row = rows(&items);
    let ways = lines.iter().enumerate().map(|(ordinal, (from, to))| {
        let passed = column[*from] + 1..column[*to];
        let between = passed.map(|at| (at, row[&Item::Passing(ordinal, at)])).collect();
        Way { from: *from, to: *to, between }
    });
    Layout {
        places: column.iter().enumerate().map(|(stage, at)| (*at, row[&Item::Stage(stage)])).collect(),
        ways: ways.collect(),
        rows: items.iter().map(Vec::len).max().unwrap_or(0),
        columns,
    }
}

fn connect(neighbours: &mut BTreeMap<Item, [Vec<Item>; 2]>, from: Item, to: Item) {
    neighbours.entry(to).or_default()[0].push(from);
    neighbours.entry(from).or_default()[1].push(to);
}

fn rows(items: &[Vec<Item>]) -> BTreeMap<Item, usize> {
    items.iter().flat_map(|column| column.iter().enumerate().map(|(row, item)| (*item, row))).collect()
}

/// Puts every item near the middle of what it is connected to in the column before, or after.
fn put_in_order(items: &mut [Vec<Item>], neighbours: &BTreeMap<Item, [Vec<Item>; 2]>) {
    for sweep in 0..SWEEPS {
        let side = sweep % 2;
        for step in 0..items.len() {
            let at = if side == 0 { step } else { items.len() - 1 - step };
            let row = rows(items);
            let middle = |item: &Item| {
                let near = neighbours.get(item).map(|sides| sides[side].as_slice()).unwrap_or_default();
                let sum: usize = near.iter().map(|other| row[other]).sum();
                if near.is_empty() { row[item] as f64 } else { sum as f64 / near.len() as f64 }
            };
            let mut keyed: Vec<(f64, Item)> = items[at].iter().map(|item| (middle(item), *item)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            items[at] = keyed.into_iter().map(|(_, item)| item).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_stands_in_one_row() {
        let chain = layout(&[vec![], vec![0], vec![1]]);
        assert_eq!(chain.places, [(0, 0), (1, 0), (2, 0)]);
        assert_eq!((chain.rows, chain.columns), (1, 3));
    }

    #[test]
    fn a_line_that_passes_a_column_has_a_row_of_its_own_there() {
        let shortcut = layout(&[vec![], vec![0], vec![1, 0]]);
        let way = shortcut.ways.iter().find(|way| (way.from, way.to) == (0, 2)).unwrap();
        assert_eq!(way.between.len(), 1);
        assert_ne!(way.between[0], shortcut.places[1]);
        assert_eq!(shortcut.rows, 2);
    }

    #[test]
    fn no_two_boxes_stand_at_one_place_and_all_come_after_what_they_read() {
        let parents: Vec<Vec<usize>> = (0..60)
            .map(|stage: usize| (0..stage).filter(|from| (stage * 7 + from * 3).is_multiple_of(11)).collect())
            .collect();
        let graph = layout(&parents);
        let mut places = graph.places.clone();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 60);
        assert!(graph.ways.iter().all(|way| graph.places[way.from].0 < graph.places[way.to].0));
        assert_eq!(layout(&[]), Layout { places: vec![], ways: vec![], rows: 0, columns: 0 });
    }

    #[test]
    fn children_stand_across_from_their_parents() {
        let crossed = layout(&[vec![], vec![], vec![1], vec![0]]);
        let row = |stage: usize| crossed.places[stage].1;
        assert_eq!(row(0) < row(1), row(3) < row(2));
    }
}
