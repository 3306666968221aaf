//! How many threads compute: `--threads`, else `RAYON_NUM_THREADS`, else as many as there are processors.
//!
//! For: reading the environment and refusing what is no number. Called by: `cli`, `run`.

use std::env;
use std::num::NonZeroUsize;

use super::failure::Failure;

const VARIABLE: &str = "RAYON_NUM_THREADS";

/// Refuses a value of the environment that would be passed over in silence.
pub(super) fn check_environment() -> Result<(), Failure> {
    of_environment().map(drop)
}

/// The threads to compute with; none leaves it to the number of processors.
pub(super) fn wanted(argument: Option<NonZeroUsize>) -> Result<Option<NonZeroUsize>, Failure> {
    argument.map_or_else(of_environment, |threads| Ok(Some(threads)))
}

fn of_environment() -> Result<Option<NonZeroUsize>, Failure> {
    env::var_os(VARIABLE).map_or(Ok(None), |value| parse(&value.to_string_lossy()))
}

/// Rayon takes 0 and nothing for its own choice, so it is one here too.
fn parse(value: &str) -> Result<Option<NonZeroUsize>, Failure> {
    if value.is_empty() {
        return Ok(None);
    }
    let wrong = || {
        let hint = format!("unset it, or set it to a number like 4: {VARIABLE}=4");
        Failure::usage(format!("`{VARIABLE}` is `{value}`, which is no number of threads")).with_hint(hint)
    };
    value.parse::<u16>().map(|threads| NonZeroUsize::new(usize::from(threads))).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_a_number_of_threads_or_is_refused() {
        assert_eq!(parse("").unwrap(), None);
        assert_eq!(parse("0").unwrap(), None);
        assert_eq!(parse("2").unwrap(), NonZeroUsize::new(2));
        for value in ["two", "-1", "1.5", "99999999999"] {
            let failure = parse(value).unwrap_err();
            assert_eq!(failure.exit_code, 2);
            assert_eq!(failure.message, format!("`RAYON_NUM_THREADS` is `{value}`, which is no number of threads"));
        }
    }
}
