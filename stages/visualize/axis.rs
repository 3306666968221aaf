//! Scales, ticks and their labels.
//!
//! For: every plot with an axis. Not for: drawing it.

use crate::document::numbers;

/// How values become positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch {
    /// In proportion.
    Linear,
    /// By the inverse hyperbolic sine: in proportion near 0, by orders of magnitude far from it, in both directions.
    Asinh,
    /// By the logarithm; values must be positive.
    Log,
}

impl Stretch {
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Asinh => libm::asinh(value),
            Self::Log => libm::log10(value),
        }
    }
}

/// An axis from values to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    stretch: Stretch,
    domain: (f64, f64),
    range: (f64, f64),
}

impl Scale {
    /// The scale that puts the ends of `domain` at the ends of `range`. A domain without extent is widened.
    pub(super) fn new(stretch: Stretch, domain: (f64, f64), range: (f64, f64)) -> Self {
        let (low, high) = domain;
        let domain = match (stretch, high > low) {
            (_, true) => domain,
            (Stretch::Log, false) => (low / 2.0, low * 2.0),
            (_, false) => (low - 1.0, low + 1.0),
        };
        Self { stretch, domain, range }
    }

    /// The position of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        let (low, high) = (self.stretch.of(self.domain.0), self.stretch.of(self.domain.1));
        let share = (self.stretch.of(value) - low) / (high - low);
        self.range.0 + share * (self.range.1 - self.range.0)
    }

    /// Values worth a tick, ascending, at least `gap` pixels apart, with their labels.
    pub(super) fn ticks(&self, gap: f64) -> Vec<(f64, String)> {
        let length = (self.range.1 - self.range.0).abs();
        match self.stretch {
            Stretch::Linear => linear_ticks(self.domain, (length / gap).floor().max(1.0)),
            Stretch::Asinh | Stretch::Log => self.stretched_ticks(gap),
        }
    }

    fn stretched_ticks(&self, gap: f64) -> Vec<(f64, String)> {
        let mut chosen: Vec<f64> = Vec::new();
        for candidate in candidates(self.stretch) {
            let is_inside = self.domain.0 <= candidate && candidate <= self.domain.1;
            if is_inside && chosen.iter().all(|other| (self.at(*other) - self.at(candidate)).abs() >= gap) {
                chosen.push(candidate);
            }
        }
        chosen.sort_by(f64::total_cmp);
        chosen.into_iter().map(|value| (value, numbers::short(value))).collect()
    }
}

/// Round values, the most welcome first.
fn candidates(stretch: Stretch) -> Vec<f64> {
    let powers: Vec<f64> = (-9..=15).map(|exponent| format!("1e{exponent}").parse().unwrap_or(1.0)).collect();
    let mut values = vec![1.0];
    for factor in [1.0, 2.0, 5.0] {
        values.extend(powers.iter().map(|power| power * factor));
    }
    if stretch == Stretch::Log {
        return values;
    }
    let mirrored = values.into_iter().filter(|value| *value >= 1.0).flat_map(|value| [value, -value]);
    std::iter::once(0.0).chain(mirrored).collect()
}

/// Multiples of 1, 2 or 5 times a power of ten, at most `most` + 1 of them.
fn linear_ticks((low, high): (f64, f64), most: f64) -> Vec<(f64, String)> {
    let rough = (high - low) / most;
    let exponent = libm::log10(rough).floor() as i32;
    let power = libm::pow(10.0, f64::from(exponent));
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * (1.0 - 1e-9));
    let (step, decimals) = match factor {
        Some(factor) => (factor * power, -exponent),
        None => (10.0 * power, -exponent - 1),
    };
    let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    let decimals = usize::try_from(decimals).unwrap_or(0);
    let count = (last - first).max(0.0) as u32;
    (0..=count).map(|index| (first + f64::from(index)) * step).map(|value| (value, tick(value, decimals))).collect()
}

fn tick(value: f64, decimals: usize) -> String {
    numbers::fixed(value, decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[(f64, String)]) -> Vec<String> {
        ticks.iter().map(|(_, label)| label.replace('\u{a0}', " ")).collect()
    }

    #[test]
    fn linear_ticks_are_round_and_carry_the_digits_they_need() {
        assert_eq!(labels(&linear_ticks((0.0, 1.0), 5.0)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&linear_ticks((-0.31, 0.84), 6.0)), ["−0.2", "0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(&linear_ticks((0.0, 12_345.0), 3.0)), ["0", "5 000", "10 000"]);
        assert_eq!(labels(&linear_ticks((0.0, 0.9), 1.0)), ["0"]);
    }

    #[test]
    fn the_ends_of_the_domain_stand_at_the_ends_of_the_range() {
        for stretch in [Stretch::Linear, Stretch::Asinh, Stretch::Log] {
            let scale = Scale::new(stretch, (0.5, 40.0), (100.0, 900.0));
            assert!((scale.at(0.5) - 100.0).abs() < 1e-9 && (scale.at(40.0) - 900.0).abs() < 1e-9);
        }
        let log = Scale::new(Stretch::Log, (0.1, 10.0), (0.0, 100.0));
        assert!((log.at(1.0) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn stretched_ticks_keep_their_distance_and_begin_with_the_powers_of_ten() {
        let log = Scale::new(Stretch::Log, (0.1, 10.0), (0.0, 300.0));
        assert_eq!(labels(&log.ticks(100.0)), ["0.1", "1", "10"]);
        assert_eq!(labels(&log.ticks(40.0)), ["0.1", "0.2", "0.5", "1", "2", "5", "10"]);
        let asinh = Scale::new(Stretch::Asinh, (-2.0, 100.0), (0.0, 600.0));
        assert_eq!(labels(&asinh.ticks(70.0)), ["−1", "0", "1", "10", "100"].map(String::from));
    }

    #[test]
    fn a_domain_without_extent_is_widened() {
        let scale = Scale::new(Stretch::Linear, (3.0, 3.0), (0.0, 10.0));
        assert!((scale.at(3.0) - 5.0).abs() < 1e-12);
        assert!(!scale.ticks(2.0).is_empty());
    }
}
