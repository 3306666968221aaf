//! Names with `*` and `?` in them.
//!
//! For: `exclude_codes`. Not for: paths of files. Called by: `preprocess`.

/// A name to compare with: `*` stands for any characters, `?` for one, everything else for itself in either case.
#[derive(Debug, Clone)]
pub struct Pattern(Vec<char>);

impl Pattern {
    /// The pattern as written.
    pub fn new(text: &str) -> Self {
        Self(folded(text))
    }

    /// Whether `name`, as [`folded`] gives it, is meant.
    pub fn is_match(&self, name: &[char]) -> bool {
        let (mut at, mut next) = (0, 0);
        // Where to go on when what follows the last star does not fit: after the star, one character later.
        let mut star: Option<(usize, usize)> = None;
        while next < name.len() {
            match self.0.get(at) {
                Some('*') => {
                    star = Some((at + 1, next));
                    at += 1;
                }
                Some(wanted) if *wanted == '?' || *wanted == name[next] => {
                    at += 1;
                    next += 1;
                }
                _ => {
                    let Some((after, tried)) = star else { return false };
                    star = Some((after, tried + 1));
                    (at, next) = (after, tried + 1);
                }
            }
        }
        self.0[at..].iter().all(|character| *character == '*')
    }
}

/// A name without surrounding blanks, in lower case.
pub fn folded(name: &str) -> Vec<char> {
    name.trim().chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("POST", "POST", true)]
    #[case("POST", " post", true)]
    #[case("POST", "POSTAGE", false)]
    #[case("m", "M", true)]
    #[case("M", "MUG", false)]
    #[case("gift_*", "GIFT_0001_20", true)]
    #[case("gift_*", "gift", false)]
    #[case("gift_*", "gift_", true)]
    #[case("*charges", "Bank Charges", true)]
    #[case("*a*b*", "xxaxxbxx", true)]
    #[case("*a*b", "aabab", true)]
    #[case("*a*b", "aaba", false)]
    #[case("C?", "C2", true)]
    #[case("C?", "C", false)]
    #[case("C?", "C22", false)]
    fn stars_stand_for_anything_and_case_does_not_matter(
        #[case] pattern: &str,
        #[case] name: &str,
        #[case] is_match: bool,
    ) {
        assert_eq!(Pattern::new(pattern).is_match(&folded(name)), is_match);
    }
}
