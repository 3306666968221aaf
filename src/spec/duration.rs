//! Lengths of time as they are written: `30`, `30s`, `1.5h`.
//!
//! For: reading them. Called by: `own`.

use std::time::Duration;

use serde_json::Value;

use super::error::{Refusal, Refused};
use super::node::{Content, Node};

/// Units and their length in seconds; a number alone counts seconds.
const UNITS: [(&str, f64); 6] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0), ("", 1.0)];
/// Nothing runs longer than a year.
const MOST: f64 = 365.0 * 86_400.0;

/// The length of time that is written in `node`.
pub(super) fn read(node: &Node, what: impl FnOnce() -> String) -> Result<Duration, Refused> {
    let seconds = match &node.content {
        Content::Scalar(Value::Number(number)) => number.as_f64(),
        Content::Scalar(Value::String(text)) => parse(text.trim()),
        _ => None,
    };
    let usable = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= MOST);
    usable.map(Duration::from_secs_f64).ok_or_else(|| {
        let message = "is a length of time above 0, e.g. `30s`, `5m` or `1.5h`".to_owned();
        Refusal::Param { what: what(), message }.at(node.place)
    })
}

fn parse(text: &str) -> Option<f64> {
    let (unit, factor) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number = text.strip_suffix(unit)?.trim_end();
    let is_plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    number.parse::<f64>().ok().filter(|_| is_plain).map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_told_apart() {
        assert_eq!(parse("30"), Some(30.0));
        assert_eq!(parse("30 s"), Some(30.0));
        assert_eq!(parse("500ms"), Some(0.5));
        assert_eq!(parse("1.5h"), Some(5400.0));
        assert_eq!(parse("2d"), Some(172_800.0));
        for wrong in ["", "s", "-5s", "1e9", "inf", "5 minutes", "5w"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
