//! pipeline.lock as text, also as a merge leaves it.
//!
//! For: writing and reading it, with what two sides say differently: lines `conflict WHAT OURS THEIRS`, or the marks that
//! git puts into a file it cannot merge. Not for: merging (`merge`). Called by: the rest of `lock`.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Lock, Sides};
use crate::digest::Digest;

const HEADER: &str = "\
# What this pipeline produced from which sources, as blake3 digests. Written by `segpipe run` after a complete run;
# commit it. `segpipe run --locked` fails where a run would produce anything else.
version 1
";

/// How a line begins that says what each side of a merge says.
const CONFLICT: &str = "conflict ";
/// Stands for a side that says nothing.
const NOTHING: &str = "-";

/// In which part of what git could not merge a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Both,
    Ours,
    Base,
    Theirs,
}

impl Part {
    /// The part that begins with this line; none where the line is no mark of git's.
    fn begun_by(line: &str) -> Option<Self> {
        let marks =
            [("<<<<<<<", Self::Ours), ("|||||||", Self::Base), ("=======", Self::Theirs), (">>>>>>>", Self::Both)];
        marks.into_iter().find(|(mark, _)| line.starts_with(mark)).map(|(_, part)| part)
    }
}

impl Lock {
    /// The lock with this text. Lines that are no facts are passed over.
    pub fn parse(text: &str) -> Self {
        let mut lock = Self::default();
        let (mut ours, mut theirs) = (BTreeMap::new(), BTreeMap::new());
        let mut part = Part::Both;
        for line in text.lines() {
            if let Some(begun) = Part::begun_by(line) {
                part = begun;
            } else if let Some((what, sides)) = conflict(line) {
                lock.conflicts.insert(what, sides);
            } else if let Some((what, digest)) = fact(line) {
                match part {
                    Part::Both => drop(lock.facts.insert(what, digest)),
                    Part::Ours => drop(ours.insert(what, digest)),
                    Part::Theirs => drop(theirs.insert(what, digest)),
                    Part::Base => {}
                }
            }
        }
        lock.add_sides(&ours, &theirs);
        lock
    }

    /// Adds what is said on the sides of a merge, where they agree as facts.
    fn add_sides(&mut self, ours: &BTreeMap<String, Digest>, theirs: &BTreeMap<String, Digest>) {
        for what in ours.keys().chain(theirs.keys()) {
            match (ours.get(what).copied(), theirs.get(what).copied()) {
                (Some(one), Some(other)) if one == other => drop(self.facts.insert(what.clone(), one)),
                (ours, theirs) => drop(self.conflicts.insert(what.clone(), Sides { ours, theirs })),
            }
        }
    }

    /// Whether a text is that of a lock, or empty: a text that is neither must not be merged as if it named nothing.
    pub fn is_text_of_one(text: &str) -> bool {
        text.trim().is_empty() || text.lines().any(|line| line.trim_end() == "version 1")
    }

    /// Its text.
    pub fn to_text(&self) -> String {
        let said = |digest: Option<Digest>| digest.map_or(NOTHING.to_owned(), |digest| digest.to_string());
        let mut conflicts = self.conflicts.iter().peekable();
        let mut text = HEADER.to_owned();
        let mut tell = |text: &mut String, before: Option<&String>| {
            while let Some((what, Sides { ours, theirs })) =
                conflicts.next_if(|(what, _)| before.is_none_or(|before| *what < before))
            {
                let _ = writeln!(text, "{CONFLICT}{what} {} {}", said(*ours), said(*theirs));
            }
        };
        for (what, digest) in &self.facts {
            tell(&mut text, Some(what));
            text.extend([what, " ", digest.to_string().as_str(), "\n"]);
        }
        tell(&mut text, None);
        text
    }
}

fn fact(line: &str) -> Option<(String, Digest)> {
    let (what, digest) = line.rsplit_once(' ')?;
    Some((what.to_owned(), digest.parse().ok()?))
}

fn conflict(line: &str) -> Option<(String, Sides)> {
    let side = |word: &str| match word {
        NOTHING => Some(None),
        digest => digest.parse().ok().map(Some),
    };
    let mut words = line.strip_prefix(CONFLICT)?.rsplitn(3, ' ');
    let (theirs, ours, what) = (side(words.next()?)?, side(words.next()?)?, words.next()?);
    Some((what.to_owned(), Sides { ours, theirs }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::of_bytes(text.as_bytes())
    }

    #[test]
    fn what_a_merge_left_survives_the_file() {
        let mut lock = Lock::default();
        lock.add_source("load", "online retail.csv", digest("source"));
        let sides = |ours, theirs| Sides { ours, theirs };
        lock.conflicts.insert("output train.model".to_owned(), sides(Some(digest("4")), Some(digest("5"))));
        lock.conflicts.insert("source load \"a b.csv\"".to_owned(), sides(None, Some(digest("6"))));
        assert_eq!(Lock::parse(&lock.to_text()), lock);
    }

    #[test]
    fn what_git_could_not_merge_is_read_side_by_side() {
        let [one, two, three] = ["1", "2", "3"].map(digest);
        let text = format!(
            "{HEADER}output a.x {one}\n<<<<<<< HEAD\noutput b.x {one}\noutput c.x {three}\n||||||| base\n\
             output b.x {three}\n=======\noutput b.x {two}\noutput c.x {three}\n>>>>>>> other\noutput d.x {two}\n"
        );
        let lock = Lock::parse(&text);
        let facts: Vec<_> = lock.facts.iter().map(|(what, digest)| (what.as_str(), *digest)).collect();
        assert_eq!(facts, [("output a.x", one), ("output c.x", three), ("output d.x", two)]);
        assert_eq!(lock.conflicts["output b.x"], Sides { ours: Some(one), theirs: Some(two) });
        assert_eq!(lock.outputs().count(), 5, "both results that a conflict names are to be kept");
    }

    #[test]
    fn a_text_that_is_no_lock_is_told_from_an_empty_one() {
        assert!(Lock::is_text_of_one("") && Lock::is_text_of_one(&Lock::default().to_text()));
        assert!(!Lock::is_text_of_one("name: shop\n") && !Lock::is_text_of_one("version 2\noutput a.x 1\n"));
    }
}
