//! The same for every stage of a pipeline, on all threads where they are many.
//!
//! For: what is done to a stage without looking at the others. Called by: `raw`, `own`, `check`.

use rayon::prelude::*;

use super::error::Refused;

/// Stages for which starting the threads takes no longer than the work.
const MANY: usize = 100;

/// What `work` makes of every item, in their order; of several mistakes the first in the file, whoever finds it.
pub(super) fn each<T: Send, R: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> Result<R, Refused> + Sync + Send,
) -> Result<Vec<R>, Refused> {
    if items.len() < MANY {
        return items.into_iter().map(work).collect();
    }
    let done: Vec<Result<R, Refused>> = items.into_par_iter().map(work).collect();
    done.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::error::Refusal;
    use super::*;

    #[test]
    fn the_first_mistake_is_told_however_many_there_are() {
        for count in [10, 1000] {
            let odd = |number: i32| match number % 2 {
                0 => Ok(number),
                _ => Err(Refusal::Duplicate { key: number.to_string() }.into()),
            };
            let refused: Refused = each((0..count).collect(), odd).err().unwrap();
            assert!(matches!(*refused.refusal, Refusal::Duplicate { key } if key == "1"));
            let doubled = each((0..count).collect(), |number: i32| Ok(2 * number)).ok().unwrap();
            assert!(doubled.into_iter().eq((0..count).map(|number| 2 * number)));
        }
    }
}
