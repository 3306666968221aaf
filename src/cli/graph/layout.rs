//! Where the boxes of a graph stand: a column per step from the sources, and in each an order in which few lines cross.
//!
//! For: `segpipe graph --format html`. Not for: drawing. What a stage hands to others further on passes the columns
//! between as one lane, which has a place of its own in each, so that it goes round the boxes.

use std::collections::BTreeMap;

/// How often columns are put in order, forwards and backwards in turn.
const SWEEPS: usize = 6;

/// What a box and a lane take up of a column, to either side of their middle.
const BOX: f64 = 35.0;
const LANE: f64 = 10.0;

/// The places of the boxes, and the ways of the lines.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Layout {
    /// Of every stage its column, and how far down its middle is.
    pub(super) places: Vec<Place>,
    /// The lines.
    pub(super) ways: Vec<Way>,
    /// Number of columns.
    pub(super) columns: usize,
    /// How far down the lowest is.
    pub(super) height: f64,
}

/// A column, and how far down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) column: usize,
    pub(super) down: f64,
}

/// A line from a stage to one that reads from it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Way {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The lanes that it takes.
    pub(super) between: Vec<Place>,
}

/// What stands in a column: a stage, or the lane of one, with the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Stage(usize),
    Lane(usize, usize),
}

impl Item {
    const fn half(self) -> f64 {
        match self {
            Self::Stage(_) => BOX,
            Self::Lane(..) => LANE,
        }
    }
}

/// Items that a line connects, in the column before and in the one after.
type Neighbours = BTreeMap<Item, [Vec<Item>; 2]>;

/// Lays out stages, each after those it reads from; `parents` has what each reads from.
pub(super) fn layout(parents: &[Vec<usize>]) -> Layout {
    let mut column = Vec::new();
    for parents in parents {
        column.push(parents.iter().map(|parent| column[*parent] + 1).max().unwrap_or(0));
    }
    let mut items = vec![Vec::new(); column.iter().max().map_or(0, |last| last + 1)];
    for (stage, at) in column.iter().enumerate() {
        items[*at].push(Item::Stage(stage));
    }
    let mut neighbours = Neighbours::new();
    for (to, parents) in parents.iter().enumerate() {
        for from in parents {
            let mut last = Item::Stage(*from);
            for (at, items) in items.iter_mut().enumerate().take(column[to]).skip(column[*from] + 1) {
                let lane = Item::Lane(*from, at);
                if !items.contains(&lane) {
                    items.push(lane);
                }
                connect(&mut neighbours, last, lane);
                last = lane;
            }
            connect(&mut neighbours, last, Item::Stage(to));
        }
    }
    put_in_order(&mut items, &neighbours);
    let down = downs(&items, &neighbours);
    let place = |item: Item, column: usize| Place { column, down: down.get(&item).copied().unwrap_or_default() };
    let way = |from: usize, to: usize| {
        let between = column[from] + 1..column[to];
        Way { from, to, between: between.map(|at| place(Item::Lane(from, at), at)).collect() }
    };
    Layout {
        places: column.iter().enumerate().map(|(stage, at)| place(Item::Stage(stage), *at)).collect(),
        ways: parents.iter().enumerate().flat_map(|(to, from)| from.iter().map(move |from| way(*from, to))).collect(),
        columns: items.len(),
        height: down.iter().map(|(item, down)| down + item.half()).fold(0.0, f64::max),
    }
}

fn connect(neighbours: &mut Neighbours, from: Item, to: Item) {
    let mut add = |item: Item, side: usize, other: Item| {
        let known = &mut neighbours.entry(item).or_default()[side];
        if !known.contains(&other) {
            known.push(other);
        }
    };
    add(to, 0, from);
    add(from, 1, to);
}

/// The mean of `of` over what an item is connected to on one side; none where that is nothing.
fn middle(item: Item, side: usize, neighbours: &Neighbours, of: impl Fn(&Item) -> f64) -> Option<f64> {
    let near = neighbours.get(&item).map(|sides| sides[side].as_slice()).filter(|near| !near.is_empty())?;
    Some(near.iter().map(of).sum::<f64>() / near.len() as f64)
}

/// Puts every item near the middle of what it is connected to in the column before, or after.
fn put_in_order(items: &mut [Vec<Item>], neighbours: &Neighbours) {
    for sweep in 0..SWEEPS {
        let side = sweep % 2;
        let mut rank: BTreeMap<Item, f64> = BTreeMap::new();
        for column in items.iter() {
            rank.extend(column.iter().enumerate().map(|(at, item)| (*item, at as f64)));
        }
        for step in 0..items.len() {
            let at = if side == 0 { step } else { items.len() - 1 - step };
            let wanted = |item: &Item| middle(*item, side, neighbours, |other| rank[other]).unwrap_or(rank[item]);
            let mut keyed: Vec<(f64, Item)> = items[at].iter().map(|item| (wanted(item), *item)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            items[at] = keyed.into_iter().map(|(_, item)| item).collect();
            rank.extend(items[at].iter().enumerate().map(|(at, item)| (*item, at as f64)));
        }
    }
}

/// How far down every item is: as level with what comes before it as its column has room for.
fn downs(items: &[Vec<Item>], neighbours: &Neighbours) -> BTreeMap<Item, f64> {
    let mut downs: BTreeMap<Item, f64> = BTreeMap::new();
    for column in items {
        let mut places: Vec<(f64, f64)> = Vec::new();
        for (at, item) in column.iter().enumerate() {
            let least = places.last().map(|(_, last)| last + column[at - 1].half() + item.half());
            let wanted = middle(*item, 0, neighbours, |other| downs[other]).or(least).unwrap_or(0.0);
            places.push((wanted, least.map_or(wanted, |least| wanted.max(least))));
        }
        let off = places.iter().map(|(wanted, placed)| placed - wanted).sum::<f64>() / places.len().max(1) as f64;
        downs.extend(column.iter().zip(&places).map(|(item, (_, placed))| (*item, placed - off)));
    }
    let top = downs.iter().map(|(item, down)| down - item.half()).fold(f64::INFINITY, f64::min);
    for down in downs.values_mut() {
        *down = (*down - top).round();
    }
    downs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_level() {
        let chain = layout(&[vec![], vec![0], vec![1]]);
        let places: Vec<_> = chain.places.iter().map(|place| (place.column, place.down)).collect();
        assert_eq!(places, [(0, BOX), (1, BOX), (2, BOX)]);
        assert_eq!((chain.columns, chain.height), (3, 2.0 * BOX));
    }

    #[test]
    fn a_line_that_passes_a_column_goes_round_its_boxes() {
        let shortcut = layout(&[vec![], vec![0], vec![1, 0]]);
        let way = shortcut.ways.iter().find(|way| (way.from, way.to) == (0, 2)).unwrap();
        assert_eq!(way.between.len(), 1);
        assert!((way.between[0].down - shortcut.places[1].down).abs() >= BOX + LANE);
    }

    #[test]
    fn what_one_stage_hands_on_to_several_passes_as_one_lane() {
        let graph = layout(&[vec![], vec![0], vec![1], vec![2, 0], vec![2, 0]]);
        let lanes: Vec<_> =
            graph.ways.iter().filter(|way| way.from == 0 && way.to > 2).map(|way| &way.between).collect();
        assert_eq!((lanes.len(), lanes[0]), (2, lanes[1]));
    }

    #[test]
    fn no_two_boxes_overlap_and_all_come_after_what_they_read() {
        let reads = |stage: usize| (0..stage).filter(|from| (stage * 7 + from * 3).is_multiple_of(11)).collect();
        let graph = layout(&(0..60).map(reads).collect::<Vec<_>>());
        for (at, one) in graph.places.iter().enumerate() {
            for other in &graph.places[..at] {
                assert!(one.column != other.column || (one.down - other.down).abs() > 1.9 * BOX, "{one:?} {other:?}");
            }
        }
        assert!(graph.ways.iter().all(|way| graph.places[way.from].column < graph.places[way.to].column));
        assert!(graph.places.iter().all(|place| place.down >= BOX - 1.0 && place.down <= graph.height));
        assert_eq!(layout(&[]), Layout::default());
    }

    #[test]
    fn children_stand_across_from_their_parents() {
        let crossed = layout(&[vec![], vec![], vec![1], vec![0]]);
        let down = |stage: usize| crossed.places[stage].down;
        assert_eq!(down(0) < down(1), down(3) < down(2));
    }
}
