//! What can be said about training in pipeline.yaml.
//!
//! For: `train` (follows it), `segpipe schema` (describes it).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::contract::{ParamError, Params};

/// The range `k: auto` searches.
const AUTO: [usize; 2] = [3, 10];

/// Params of `train`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainParams {
    /// `kmeans`, or `gaussian_mixture` for segments of different spread and direction.
    pub algorithm: Algorithm,
    /// How features are made comparable: `standard` (z-scores), `log` (z-scores of log(1 + x), values below 0 counting
    /// as 0), `robust` (median and interquartile range), `minmax` (0 to 1) or `none`.
    pub scaling: Scaling,
    /// Clips each feature at two of its quantiles before scaling. Unset: no clipping.
    pub winsorise: Option<Winsorise>,
    /// Number of segments; or `auto`, or `{auto: [LOW, HIGH]}`: the k from 3 on with the best silhouette whose smallest
    /// segment has at least 2 % of customers.
    pub k: K,
    /// Starts per fit; the best by inertia wins.
    pub n_init: usize,
    /// Iterations of a start at the most.
    pub max_iter: usize,
    /// Seed of all random choices.
    pub seed: u64,
    /// First and last k of the study of the number of segments.
    pub study: [usize; 2],
    /// How often the training is repeated on resampled customers to see how stable the segments' names are; 0: never.
    pub stability_refits: usize,
}

/// How customers are partitioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// Nearest of k means.
    #[default]
    Kmeans,
    /// Most probable of k normal distributions.
    GaussianMixture,
}

/// How features are made comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// (x − mean) / standard deviation (divisor n).
    #[default]
    Standard,
    /// The same of log(1 + max(x, 0)).
    Log,
    /// (x − median) / interquartile range.
    Robust,
    /// (x − minimum) / (maximum − minimum).
    Minmax,
    /// x.
    None,
}

impl Scaling {
    /// The word used in params and in the model.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Log => "log",
            Self::Robust => "robust",
            Self::Minmax => "minmax",
            Self::None => "none",
        }
    }
}

/// The quantiles at which features are clipped, by linear interpolation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Winsorise {
    /// Lower quantile, 0 to 1.
    pub lower: f64,
    /// Upper quantile, 0 to 1.
    pub upper: f64,
}

impl Default for Winsorise {
    fn default() -> Self {
        Self { lower: 0.01, upper: 0.99 }
    }
}

/// The number of segments, or how it is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "WrittenK", into = "WrittenK")]
pub enum K {
    /// So many.
    Fixed(usize),
    /// The best of a range, its ends included.
    Auto(usize, usize),
}

/// [`K`] as pipeline.yaml has it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a number of segments, `auto`, or `{auto: [LOW, HIGH]}`")]
enum WrittenK {
    /// So many.
    Number(usize),
    /// The best of 3 to 10.
    Word(AutoWord),
    /// The best of a range.
    Range(AutoRange),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum AutoWord {
    Auto,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AutoRange {
    /// First and last k.
    auto: [usize; 2],
}

impl From<WrittenK> for K {
    fn from(written: WrittenK) -> Self {
        match written {
            WrittenK::Number(k) => Self::Fixed(k),
            WrittenK::Word(AutoWord::Auto) => Self::Auto(AUTO[0], AUTO[1]),
            WrittenK::Range(AutoRange { auto: [low, high] }) => Self::Auto(low, high),
        }
    }
}

impl From<K> for WrittenK {
    fn from(k: K) -> Self {
        match k {
            K::Fixed(k) => Self::Number(k),
            K::Auto(low, high) => Self::Range(AutoRange { auto: [low, high] }),
        }
    }
}

impl Default for TrainParams {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Kmeans,
            scaling: Scaling::Standard,
            winsorise: None,
            k: K::Fixed(4),
            n_init: 10,
            max_iter: 300,
            seed: 42,
            study: [2, 10],
            stability_refits: 20,
        }
    }
}

impl TrainParams {
    /// The k asked for, or the first of the range to search.
    pub fn least_k(&self) -> usize {
        match self.k {
            K::Fixed(k) | K::Auto(k, _) => k,
        }
    }

    /// What determines the study of k, beside the customers: all that is not about one k, and every k studied.
    pub(super) fn of_study(&self) -> Value {
        let Self { algorithm, scaling, winsorise, n_init, max_iter, seed, .. } = self;
        json!({
            "algorithm": algorithm,
            "scaling": scaling,
            "winsorise": winsorise,
            "n_init": n_init,
            "max_iter": max_iter,
            "seed": seed,
            "k": self.studied(),
        })
    }

    /// Every k of the study, ascending: the study's own range and all that may be selected.
    pub fn studied(&self) -> Vec<usize> {
        let selectable = match self.k {
            K::Fixed(k) => k..=k,
            K::Auto(low, high) => low..=high,
        };
        let mut all: Vec<usize> = (self.study[0]..=self.study[1]).chain(selectable).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Params for TrainParams {
    fn check(&self) -> Result<(), ParamError> {
        for (name, value) in [("n_init", self.n_init), ("max_iter", self.max_iter)] {
            at_least_one(name, value)?;
        }
        match self.k {
            K::Fixed(k) => at_least_one("k", k)?,
            K::Auto(low, high) => {
                ordered("k.auto", low, high)?;
                if low < 3 {
                    return Err(ParamError::new(
                        "k.auto",
                        "the search starts at 3 or later: 2 only splits off outliers",
                    ));
                }
            }
        }
        at_least_one("study", self.study[0])?;
        ordered("study", self.study[0], self.study[1])?;
        self.winsorise.map_or(Ok(()), check_winsorise)
    }
}

fn at_least_one(name: &str, value: usize) -> Result<(), ParamError> {
    if value == 0 { Err(ParamError::new(name, "must be at least 1")) } else { Ok(()) }
}

fn ordered(name: &str, low: usize, high: usize) -> Result<(), ParamError> {
    if low <= high { Ok(()) } else { Err(ParamError::new(name, format!("the range {low} to {high} is empty"))) }
}

fn check_winsorise(quantiles: Winsorise) -> Result<(), ParamError> {
    let Winsorise { lower, upper } = quantiles;
    if (0.0..=1.0).contains(&lower) && (0.0..=1.0).contains(&upper) && lower < upper {
        Ok(())
    } else {
        Err(ParamError::new(
            "winsorise",
            format!("quantiles lie between 0 and 1 and in order, not {lower} and {upper}"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::contract;

    fn check(raw: &Value) -> Result<TrainParams, ParamError> {
        contract::check::<TrainParams>(raw.as_object().unwrap())?.to()
    }

    #[test]
    fn no_params_are_the_headline_of_the_reference() {
        let params = check(&json!({})).unwrap();
        assert_eq!(params, TrainParams::default());
        assert_eq!((params.scaling, params.k, params.algorithm), (Scaling::Standard, K::Fixed(4), Algorithm::Kmeans));
        assert_eq!(params.studied(), (2..=10).collect::<Vec<_>>());
    }

    #[test]
    fn auto_is_the_range_from_three_to_ten_written_out() {
        let short = contract::check::<TrainParams>(json!({ "k": "auto" }).as_object().unwrap()).unwrap();
        let long = contract::check::<TrainParams>(json!({ "k": { "auto": [3, 10] } }).as_object().unwrap()).unwrap();
        assert_eq!(short, long, "only the checked form is fingerprinted");
        assert_eq!(short.to::<TrainParams>().unwrap().k, K::Auto(3, 10));
    }

    #[test]
    fn the_study_includes_what_may_be_selected() {
        let outside = check(&json!({ "k": 12, "study": [2, 4] })).unwrap();
        assert_eq!(outside.studied(), [2, 3, 4, 12]);
        let overlapping = check(&json!({ "k": { "auto": [3, 5] }, "study": [2, 4] })).unwrap();
        assert_eq!(overlapping.studied(), [2, 3, 4, 5]);
    }

    #[test]
    fn winsorising_has_quantiles_of_its_own() {
        let params = check(&json!({ "winsorise": { "upper": 0.95 } })).unwrap();
        assert_eq!(params.winsorise, Some(Winsorise { lower: 0.01, upper: 0.95 }));
    }

    #[rstest::rstest]
    #[case(json!({ "k": 0 }), "k", "must be at least 1")]
    #[case(json!({ "k": "many" }), "k", "expected a number of segments, `auto`, or `{auto: [LOW, HIGH]}`")]
    #[case(json!({ "k": -3 }), "k", "expected a number of segments, `auto`, or `{auto: [LOW, HIGH]}`")]
    #[case(json!({ "k": { "auto": [2, 6] } }), "k.auto", "the search starts at 3 or later: 2 only splits off outliers")]
    #[case(json!({ "k": { "auto": [6, 4] } }), "k.auto", "the range 6 to 4 is empty")]
    #[case(json!({ "study": [5, 2] }), "study", "the range 5 to 2 is empty")]
    #[case(json!({ "study": [0, 2] }), "study", "must be at least 1")]
    #[case(json!({ "n_init": 0 }), "n_init", "must be at least 1")]
    #[case(json!({ "max_iter": 0 }), "max_iter", "must be at least 1")]
    #[case(
        json!({ "winsorise": { "lower": 0.9, "upper": 0.1 } }),
        "winsorise",
        "quantiles lie between 0 and 1 and in order, not 0.9 and 0.1"
    )]
    fn params_out_of_range_are_refused_by_name(#[case] raw: Value, #[case] path: &str, #[case] message: &str) {
        let error = check(&raw).unwrap_err();
        assert_eq!((error.path.join(".").as_str(), error.message.as_str()), (path, message));
    }
}
