//! Whether a model becomes the champion.
//!
//! For: `registration`, which asks the server who the champion is and moves the alias. Pure: rules and nothing else.

use segpipe_stages::track::{Promote, TrackParams};

use super::entry::Entry;

/// Metrics of which less is better.
pub const LESS_IS_BETTER: [&str; 2] = ["davies_bouldin", "inertia"];

/// Facts that two models must share for their metrics to be comparable, by key of the record.
pub(super) const COMPARED: [&str; 3] = ["data_policy", "scaling", "k"];

/// Why an entry may not move any alias; none where it may.
pub(super) fn obstacle(entry: &Entry, is_superseded: bool) -> Option<&'static str> {
    if entry.text_of("model", "data_source") == Some("simulated") {
        return Some("the data is simulated");
    }
    if entry.has_stale_upstream {
        return Some("the run went on from stages that were not up to date");
    }
    is_superseded.then_some("a later result was delivered before")
}

/// The champion of now, as far as the rules ask.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Champion {
    /// Its version.
    pub(super) version: String,
    /// The facts in [`COMPARED`], where the version has them.
    pub(super) facts: [Option<String>; 3],
    /// The metric that is compared, where its run has it.
    pub(super) value: Option<f64>,
}

/// Whether a model becomes the champion, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) is_champion: bool,
    pub(super) reason: String,
}

impl Decision {
    pub(super) fn no(reason: impl Into<String>) -> Self {
        Self { is_champion: false, reason: reason.into() }
    }

    pub(super) fn yes(reason: impl Into<String>) -> Self {
        Self { is_champion: true, reason: reason.into() }
    }

    /// As it is printed and tagged.
    pub(super) fn text(&self) -> String {
        let word = if self.is_champion { "champion" } else { "not champion" };
        format!("{word}: {}", self.reason)
    }
}

/// Applies the rule of `params` to the model of `entry`.
pub(super) fn decide(entry: &Entry, params: &TrackParams, champion: Option<&Champion>) -> Decision {
    match (params.promote, champion) {
        (Promote::Never, _) => Decision::no("`track.promote` is `never`"),
        (Promote::Always, _) => Decision::yes("`track.promote` is `always`"),
        (Promote::IfBetter, None) => Decision::yes("there was none"),
        (Promote::IfBetter, Some(champion)) => compare(entry, params, champion),
    }
}

fn compare(entry: &Entry, params: &TrackParams, champion: &Champion) -> Decision {
    for (key, theirs) in COMPARED.into_iter().zip(&champion.facts) {
        let ours = entry.text_of("model", key);
        if ours.is_none() || ours != theirs.as_deref() {
            let reason = format!("its `{key}` is not that of version {}, so they do not compare", champion.version);
            return Decision::no(reason);
        }
    }
    let metric = params.promote_metric.as_str();
    let ours = entry.facts("metric").find(|fact| fact.key == metric).and_then(|fact| fact.value);
    let (Some(ours), Some(theirs)) = (ours.filter(|value| value.is_finite()), champion.value) else {
        return Decision::no(format!("there is no `{metric}` of both it and version {}", champion.version));
    };
    let gain = if LESS_IS_BETTER.contains(&metric) { theirs - ours } else { ours - theirs };
    let numbers = format!("`{metric}` {ours} against {theirs} of version {}", champion.version);
    if gain > params.promote_margin {
        Decision::yes(numbers)
    } else {
        Decision::no(format!("{numbers}; `track.promote_margin` is {}", params.promote_margin))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn params(promote: Promote, margin: f64) -> TrackParams {
        TrackParams { promote, promote_margin: margin, ..TrackParams::default() }
    }

    fn champion(value: f64) -> Champion {
        let facts = ["{\"returns\":\"gross\"}", "standard", "4"].map(|text| Some(text.to_owned()));
        Champion { version: "3".to_owned(), facts, value: Some(value) }
    }

    fn is_promoted(promote: Promote, margin: f64, champion: Option<&Champion>) -> bool {
        decide(&fixture::entry(), &params(promote, margin), champion).is_champion
    }

    #[test]
    fn always_and_never_ask_nobody() {
        assert!(is_promoted(Promote::Always, 0.0, Some(&champion(0.9))));
        assert!(!is_promoted(Promote::Never, 0.0, None));
    }

    #[test]
    fn a_better_model_is_promoted_by_more_than_the_margin() {
        assert!(is_promoted(Promote::IfBetter, 0.0, None));
        assert!(is_promoted(Promote::IfBetter, 0.0, Some(&champion(0.6))));
        assert!(!is_promoted(Promote::IfBetter, 0.0, Some(&champion(0.616))), "equal is not better");
        assert!(!is_promoted(Promote::IfBetter, 0.02, Some(&champion(0.6))));
        assert!(is_promoted(Promote::IfBetter, 0.01, Some(&champion(0.6))));
    }

    #[test]
    fn of_some_metrics_less_is_better() {
        let mut entry = fixture::entry();
        let silhouette = entry.record.as_mut().unwrap().iter_mut().find(|fact| fact.key == "silhouette").unwrap();
        silhouette.key = "davies_bouldin".to_owned();
        let params = TrackParams { promote_metric: "davies_bouldin".to_owned(), ..params(Promote::IfBetter, 0.0) };
        assert!(decide(&entry, &params, Some(&champion(0.7))).is_champion);
        assert!(!decide(&entry, &params, Some(&champion(0.5))).is_champion);
    }

    #[test]
    fn models_of_different_data_policy_scaling_or_k_are_not_compared() {
        for (index, fact) in COMPARED.into_iter().enumerate() {
            let mut other = champion(0.1);
            other.facts[index] = Some("other".to_owned());
            assert!(!is_promoted(Promote::IfBetter, 0.0, Some(&other)), "{fact}");
            other.facts[index] = None;
            assert!(!is_promoted(Promote::IfBetter, 0.0, Some(&other)), "{fact}");
        }
        let unmeasured = Champion { value: None, ..champion(0.1) };
        assert!(!is_promoted(Promote::IfBetter, 0.0, Some(&unmeasured)));
    }

    #[test]
    fn the_decision_says_why() {
        let text = decide(&fixture::entry(), &params(Promote::IfBetter, 0.02), Some(&champion(0.6))).text();
        assert_eq!(text, "not champion: `silhouette` 0.616 against 0.6 of version 3; `track.promote_margin` is 0.02");
    }

    #[test]
    fn simulated_data_stale_upstream_and_what_is_outdated_move_no_alias() {
        let mut entry = fixture::entry();
        assert_eq!(obstacle(&entry, false), None);
        assert!(obstacle(&entry, true).is_some());
        entry.has_stale_upstream = true;
        assert!(obstacle(&entry, false).unwrap().contains("up to date"));
        let facts = entry.record.as_mut().unwrap();
        let source = facts.iter_mut().find(|fact| fact.kind == "model" && fact.key == "data_source").unwrap();
        source.text = Some("simulated".to_owned());
        assert_eq!(obstacle(&entry, false), Some("the data is simulated"));
    }
}
