//! Draws from the distributions of the buying model, made of uniform and normal numbers so that they never change.
//!
//! For: `customer` and `guests`. Not for: general statistics.

use crate::random::Random;

/// Gamma with the given shape and mean 1 (Marsaglia and Tsang 2000; a shape below 1 is boosted as they say).
pub(super) fn gamma(random: &mut Random, shape: f64) -> f64 {
    gamma_of_scale_one(random, shape) / shape
}

/// Beta with mean a / (a + b), as a ratio of gammas.
pub(super) fn beta(random: &mut Random, a: f64, b: f64) -> f64 {
    let x = gamma_of_scale_one(random, a);
    let y = gamma_of_scale_one(random, b);
    x / (x + y)
}

/// Log-normal with the given median and standard deviation of the logarithm.
pub(super) fn log_normal(random: &mut Random, median: f64, sigma: f64) -> f64 {
    median * libm::exp(sigma * random.normal())
}

/// Poisson with a small mean, by counting uniform factors (Knuth 1969, 3.4.1).
pub(super) fn poisson(random: &mut Random, mean: f64) -> u32 {
    let limit = libm::exp(-mean);
    let mut product = random.unit();
    let mut count = 0;
    while product > limit {
        product *= random.unit();
        count += 1;
    }
    count
}

/// True with probability `share`.
pub(super) fn is_one_in(random: &mut Random, share: f64) -> bool {
    random.unit() < share
}

/// One of `choices`, each as likely as its weight.
pub(super) fn weighted<T: Copy>(random: &mut Random, choices: &[(T, u64)]) -> T {
    let total = choices.iter().map(|(_, weight)| weight).sum();
    let mut ticket = random.below(total);
    let mut chosen = choices[0].0;
    for &(choice, weight) in choices {
        chosen = choice;
        if ticket < weight {
            break;
        }
        ticket -= weight;
    }
    chosen
}

fn gamma_of_scale_one(random: &mut Random, shape: f64) -> f64 {
    if shape < 1.0 {
        let boosted = gamma_of_scale_one(random, shape + 1.0);
        return boosted * libm::pow(1.0 - random.unit(), 1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (3.0 * d.sqrt());
    loop {
        let x = random.normal();
        let v = 1.0 + c * x;
        if v <= 0.0 {
            continue;
        }
        let cube = v * v * v;
        if libm::log(1.0 - random.unit()) < 0.5 * x * x + d - d * cube + d * libm::log(cube) {
            return d * cube;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(draws: &[f64]) -> (f64, f64) {
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        (mean, draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n)
    }

    fn draw(mut one: impl FnMut(&mut Random) -> f64) -> (f64, f64) {
        let mut random = Random::new(11, 0);
        moments(&(0..200_000).map(|_| one(&mut random)).collect::<Vec<_>>())
    }

    #[test]
    fn gamma_has_mean_one_and_variance_one_over_shape() {
        for shape in [0.5, 0.8, 3.0] {
            let (mean, variance) = draw(|random| gamma(random, shape));
            assert!((mean - 1.0).abs() < 0.015, "{shape}: {mean}");
            assert!((variance * shape - 1.0).abs() < 0.03, "{shape}: {variance}");
        }
    }

    #[test]
    fn beta_has_the_mean_and_variance_of_its_shapes() {
        let (mean, variance) = draw(|random| beta(random, 1.0, 4.0));
        assert!((mean - 0.2).abs() < 0.002, "{mean}");
        assert!((variance - 4.0 / 150.0).abs() < 0.0005, "{variance}");
    }

    #[test]
    fn poisson_has_equal_mean_and_variance() {
        let (mean, variance) = draw(|random| f64::from(poisson(random, 1.3)));
        assert!((mean - 1.3).abs() < 0.01 && (variance - 1.3).abs() < 0.02, "{mean} {variance}");
        assert_eq!(poisson(&mut Random::new(1, 0), 0.0), 0);
    }

    #[test]
    fn weights_decide_how_often_a_choice_is_taken() {
        let mut random = Random::new(5, 0);
        let taken = (0..100_000).filter(|_| weighted(&mut random, &[('a', 1), ('b', 3)]) == 'b').count();
        assert!((74_000..76_000).contains(&taken), "{taken}");
    }
}
