//! The combinations that a sweep is to run: from `STAGE.PARAM=VALUES` to one list of `--set` arguments each.
//!
//! For: ranges, lists, their limits. Not for: whether params exist or values fit (`spec` reads every combination).

/// Most combinations of one sweep.
pub const MOST: usize = 1000;

/// One param and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// `STAGE.PARAM[.KEY]`.
    pub target: String,
    /// What stands behind the `=` for each value.
    pub values: Vec<String>,
}

/// All axes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grid {
    /// In the order in which they were given; the last one changes fastest.
    pub axes: Vec<Axis>,
}

/// Values that make no grid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// There is no `=` with something on both sides.
    #[error("`--set {argument}` is not `STAGE.PARAM=VALUES`")]
    Syntax {
        /// The argument.
        argument: String,
    },
    /// A value is missing between, before or after commas.
    #[error("`--set {argument}` has an empty value")]
    EmptyValue {
        /// The argument.
        argument: String,
    },
    /// A range that holds nothing.
    #[error("the range `{range}` is empty: it counts up from the first number to the second, by a step above 0")]
    EmptyRange {
        /// The range.
        range: String,
    },
    /// Two arguments for one param.
    #[error("`{target}` is set twice; its values go into one list, separated by commas")]
    Twice {
        /// The param.
        target: String,
    },
    /// There would be too many.
    #[error("these are more than {MOST} combinations, which is the most of one sweep")]
    TooMany,
}

impl Grid {
    /// Reads the arguments.
    ///
    /// # Errors
    /// [`GridError`] for the first thing that is wrong.
    pub fn parse(arguments: &[String]) -> Result<Self, GridError> {
        let mut grid = Self::default();
        for argument in arguments {
            let axis = Axis::parse(argument)?;
            if grid.axes.iter().any(|other| other.target == axis.target) {
                return Err(GridError::Twice { target: axis.target });
            }
            grid.axes.push(axis);
        }
        let count = grid.axes.iter().try_fold(1_usize, |count, axis| count.checked_mul(axis.values.len()));
        if count.is_none_or(|count| count > MOST) { Err(GridError::TooMany) } else { Ok(grid) }
    }

    /// The values of every combination, one per axis.
    pub fn combinations(&self) -> Vec<Vec<String>> {
        let mut combinations = vec![Vec::new()];
        for axis in &self.axes {
            let longer = |shorter: &Vec<String>| {
                let shorter = shorter.clone();
                axis.values.iter().map(move |value| [shorter.clone(), vec![value.clone()]].concat())
            };
            combinations = combinations.iter().flat_map(longer).collect();
        }
        combinations
    }

    /// One combination as `--set` takes it.
    pub fn sets(&self, values: &[String]) -> Vec<String> {
        self.axes.iter().zip(values).map(|(axis, value)| format!("{}={value}", axis.target)).collect()
    }
}

impl Axis {
    fn parse(argument: &str) -> Result<Self, GridError> {
        let (target, values) =
            argument.split_once('=').map(|(target, values)| (target.trim(), values)).unwrap_or_default();
        if target.is_empty() {
            return Err(GridError::Syntax { argument: argument.to_owned() });
        }
        let mut axis = Self { target: target.to_owned(), values: Vec::new() };
        for part in parts(values) {
            if part.is_empty() {
                return Err(GridError::EmptyValue { argument: argument.to_owned() });
            }
            let values = Range::parse(part).map_or_else(|| Ok(vec![part.to_owned()]), |range| range.values(part))?;
            for value in values {
                if !axis.values.contains(&value) {
                    axis.values.push(value);
                }
            }
        }
        Ok(axis)
    }
}

/// What stands between commas that are in no brackets and no quotes.
fn parts(values: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (at, character) in values.char_indices() {
        match character {
            _ if quote == Some(character) => quote = None,
            _ if quote.is_some() => {}
            '"' | '\'' => quote = Some(character),
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(values[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(values[begin..].trim());
    parts
}

/// Numbers from the first to the last, both of them in.
struct Range {
    first: f64,
    last: f64,
    step: f64,
    /// Digits behind the point that every number of it has at the most.
    decimals: usize,
}

impl Range {
    /// `2..10`, `0.1..0.5:0.1`; none where it is something else.
    fn parse(text: &str) -> Option<Self> {
        let (first, rest) = text.split_once("..")?;
        let (last, step) = rest.split_once(':').unwrap_or((rest, "1"));
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let decimals = |text: &str| text.trim().split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let digits = decimals(first).max(decimals(step));
        Some(Self { first: number(first)?, last: number(last)?, step: number(step)?, decimals: digits })
    }

    fn values(&self, text: &str) -> Result<Vec<String>, GridError> {
        if self.step <= 0.0 || self.last < self.first {
            return Err(GridError::EmptyRange { range: text.to_owned() });
        }
        // A last number that the steps miss by rounding alone is meant.
        let steps = ((self.last - self.first) / self.step + 1e-9).floor();
        if steps >= MOST as f64 {
            return Err(GridError::TooMany);
        }
        let value = |step: u32| format!("{:.*}", self.decimals, self.first + f64::from(step) * self.step);
        Ok((0..=steps as u32).map(value).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(arguments: &[&str]) -> Result<Grid, GridError> {
        Grid::parse(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    fn values(argument: &str) -> Vec<String> {
        grid(&[argument]).unwrap().axes.remove(0).values
    }

    #[test]
    fn ranges_hold_both_ends_and_go_by_their_step() {
        assert_eq!(values("train.k=2..5"), ["2", "3", "4", "5"]);
        assert_eq!(values("train.k=2..10:4"), ["2", "6", "10"]);
        assert_eq!(values("train.k=2..9:4"), ["2", "6"]);
        assert_eq!(values("a.b=0.1..0.5:0.1"), ["0.1", "0.2", "0.3", "0.4", "0.5"]);
        assert_eq!(values("a.b=-1..1"), ["-1", "0", "1"]);
        assert_eq!(values("a.b=3..3"), ["3"]);
    }

    #[test]
    fn lists_are_split_at_commas_outside_brackets_and_quotes_and_may_hold_ranges() {
        assert_eq!(values("train.scaling=standard, log"), ["standard", "log"]);
        assert_eq!(values("train.study=[2,5],[2,8]"), ["[2,5]", "[2,8]"]);
        assert_eq!(values("a.b='x,y',{c: 1, d: 2}"), ["'x,y'", "{c: 1, d: 2}"]);
        assert_eq!(values("train.k=auto,2..4,3"), ["auto", "2", "3", "4"]);
        assert_eq!(values("load.source=../a.csv"), ["../a.csv"], "a path is no range");
    }

    #[test]
    fn every_combination_comes_once_the_last_param_first() {
        let grid = grid(&["train.k=2..3", "train.scaling=standard,log"]).unwrap();
        let sets: Vec<_> = grid.combinations().iter().map(|values| grid.sets(values).join(" ")).collect();
        let expected = [
            "train.k=2 train.scaling=standard",
            "train.k=2 train.scaling=log",
            "train.k=3 train.scaling=standard",
            "train.k=3 train.scaling=log",
        ];
        assert_eq!(sets, expected);
    }

    #[test]
    fn what_makes_no_grid_is_refused_with_the_reason() {
        let error = |arguments: &[&str]| grid(arguments).unwrap_err().to_string();
        assert!(error(&["train.k=10..2"]).starts_with("the range `10..2` is empty"));
        assert!(error(&["train.k=2..10:0"]).starts_with("the range `2..10:0` is empty"));
        assert_eq!(error(&["train.k=2,,3"]), "`--set train.k=2,,3` has an empty value");
        assert_eq!(error(&["train.k="]), "`--set train.k=` has an empty value");
        assert_eq!(error(&["train.k"]), "`--set train.k` is not `STAGE.PARAM=VALUES`");
        assert!(error(&["train.k=2", "train.k=3"]).starts_with("`train.k` is set twice"));
        assert!(error(&["train.k=1..1000000000000"]).starts_with("these are more than 1000 combinations"));
        assert!(error(&["a.b=1..40", "a.c=1..40"]).starts_with("these are more than 1000 combinations"));
    }
}
