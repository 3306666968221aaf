//! Which files a selection means: literal paths and patterns, in a stated order, each file once.
//!
//! For: paths relative to the pipeline's folder. Not for: fetching. Called by: [`super::Sources`].
//!
//! The order is that of the list; the matches of one pattern are sorted by path. A file that several entries name is
//! read where it comes first. Patterns know `*`, `?`, `[a-z]`, `{a,b}` and `**`; like a shell they match neither hidden
//! names nor through linked directories.

use std::collections::HashSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use segpipe_stages::contract::SourceSelection;

use super::error::SourceError;

/// Deepest folder that `**` looks into.
const MAX_DEPTH: usize = 32;

/// How many existing names an error offers.
const OFFERED: usize = 3;

/// The files of `selection`; `excluded` is a folder whose content patterns do not see.
pub(super) fn select(
    directory: &Path,
    excluded: Option<&Path>,
    selection: &SourceSelection,
) -> Result<Vec<PathBuf>, SourceError> {
    match selection {
        SourceSelection::All(entries) => all(directory, excluded, entries),
        SourceSelection::OneOf(paths) => one_of(directory, paths).map(|path| vec![path]),
    }
}

/// A folder in which a saved file may be one that a selection means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The folder; it may not exist yet.
    pub folder: PathBuf,
    /// Whether its folders count too.
    pub is_deep: bool,
}

/// Where the files of `selection` are, or may come to be.
pub fn places(directory: &Path, selection: &SourceSelection) -> Vec<Place> {
    let (SourceSelection::All(entries) | SourceSelection::OneOf(entries)) = selection;
    let place = |entry: &String| {
        let (base, rest) = split(entry);
        if rest.is_empty() {
            let folder = directory.join(base).parent().unwrap_or(directory).to_owned();
            return Place { folder, is_deep: false };
        }
        Place { folder: directory.join(base), is_deep: rest.contains('/') }
    };
    entries.iter().map(place).collect()
}

fn all(directory: &Path, excluded: Option<&Path>, entries: &[String]) -> Result<Vec<PathBuf>, SourceError> {
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for entry in entries {
        for path in expand(directory, excluded, entry)? {
            let identity = path.canonicalize().unwrap_or_else(|_| path.clone());
            if seen.insert(identity) {
                files.push(path);
            }
        }
    }
    if files.is_empty() { Err(SourceError::Nothing) } else { Ok(files) }
}

fn one_of(directory: &Path, paths: &[String]) -> Result<PathBuf, SourceError> {
    let mut found: Option<(&String, PathBuf)> = None;
    for wanted in paths {
        let Some(path) = literal(directory, wanted)? else { continue };
        if let Some((first, _)) = found {
            return Err(SourceError::Ambiguous { first: first.clone(), second: wanted.clone() });
        }
        found = Some((wanted, path));
    }
    match found {
        Some((_, path)) => Ok(path),
        None if paths.is_empty() => Err(SourceError::Nothing),
        None => Err(SourceError::NoneOf { wanted: paths.to_vec() }),
    }
}

fn expand(directory: &Path, excluded: Option<&Path>, entry: &str) -> Result<Vec<PathBuf>, SourceError> {
    if let Some(path) = literal(directory, entry)? {
        return Ok(vec![path]);
    }
    if !is_pattern(entry) {
        return Err(SourceError::Missing { wanted: entry.to_owned(), nearest: nearest(directory, entry) });
    }
    let (base, rest) = split(entry);
    let mut walk = Walk::new(entry, &rest, excluded)?;
    walk.visit(&directory.join(base), Path::new(""), 1)?;
    walk.files.sort_unstable();
    if walk.files.is_empty() {
        return Err(SourceError::NoMatch { pattern: entry.to_owned(), nearest: nearest(directory, entry) });
    }
    Ok(walk.files)
}

/// The file at exactly this path, where there is one.
fn literal(directory: &Path, wanted: &str) -> Result<Option<PathBuf>, SourceError> {
    let path = directory.join(wanted);
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(SourceError::Directory { wanted: wanted.to_owned() }),
        Ok(_) => Ok(Some(path)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(_) if is_pattern(wanted) => Ok(None),
        Err(source) => Err(SourceError::Unreadable { path, source }),
    }
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// The leading folders without wildcards, and the pattern below them.
fn split(pattern: &str) -> (PathBuf, String) {
    let mut base = PathBuf::new();
    let mut components = Path::new(pattern).components().peekable();
    while let Some(component) = components.next_if(|component| !is_pattern(&component.as_os_str().to_string_lossy())) {
        if component != Component::CurDir {
            base.push(component);
        }
    }
    (base, components.collect::<PathBuf>().to_string_lossy().into_owned())
}

/// A search below one folder.
struct Walk<'a> {
    matcher: GlobMatcher,
    depth: usize,
    sees_hidden: bool,
    excluded: Option<&'a Path>,
    files: Vec<PathBuf>,
}

impl<'a> Walk<'a> {
    fn new(entry: &str, pattern: &str, excluded: Option<&'a Path>) -> Result<Self, SourceError> {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        let glob = glob.map_err(|source| SourceError::Pattern { pattern: entry.to_owned(), source })?;
        let depth = if pattern.contains("**") { MAX_DEPTH } else { pattern.matches('/').count() + 1 };
        let sees_hidden = pattern.starts_with('.') || pattern.contains("/.");
        Ok(Self { matcher: glob.compile_matcher(), depth, sees_hidden, excluded, files: Vec::new() })
    }

    fn visit(&mut self, folder: &Path, relative: &Path, depth: usize) -> Result<(), SourceError> {
        let unreadable = |source| SourceError::Unreadable { path: folder.to_owned(), source };
        let entries = match folder.read_dir() {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(());
            }
            Err(error) => return Err(unreadable(error)),
        };
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            let (path, relative) = (entry.path(), relative.join(entry.file_name()));
            if !self.sees_hidden && entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if depth < self.depth && self.excluded != Some(path.as_path()) {
                    self.visit(&path, &relative, depth + 1)?;
                }
            } else if self.matcher.is_match(&relative) && path.is_file() {
                self.files.push(path);
            }
        }
        Ok(())
    }
}

/// Existing names that are most like the one wanted, nearest first, written as the wanted one is.
fn nearest(directory: &Path, wanted: &str) -> Vec<String> {
    let wanted = Path::new(wanted);
    let parent = wanted.parent().unwrap_or(Path::new(""));
    let name = wanted.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let Ok(entries) = directory.join(parent).read_dir() else {
        let is_nearer = !parent.as_os_str().is_empty();
        return if is_nearer { nearest(directory, &parent.to_string_lossy()) } else { Vec::new() };
    };
    let likeness = |entry: std::fs::DirEntry| {
        let found = entry.file_name().to_string_lossy().into_owned();
        let score = strsim::jaro_winkler(&name, &found.to_lowercase());
        (!found.starts_with('.') && score > 0.6).then(|| (score, parent.join(found).to_string_lossy().into_owned()))
    };
    let mut names: Vec<(f64, String)> = entries.flatten().filter_map(likeness).collect();
    names.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    names.into_iter().take(OFFERED).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        folder
    }

    fn select_all(folder: &tempfile::TempDir, entries: &[&str]) -> Result<Vec<String>, SourceError> {
        let selection = SourceSelection::All(entries.iter().map(ToString::to_string).collect());
        let files = select(folder.path(), Some(&folder.path().join("artifacts")), &selection)?;
        let relative = |path: PathBuf| path.strip_prefix(folder.path()).unwrap().to_string_lossy().into_owned();
        Ok(files.into_iter().map(relative).collect())
    }

    #[test]
    fn a_pattern_gives_its_files_sorted_and_each_once() {
        let folder = project(&["data/b.csv", "data/a.csv", "data/c.txt", "data/sub/d.csv"]);
        assert_eq!(select_all(&folder, &["data/*.csv"]).unwrap(), ["data/a.csv", "data/b.csv"]);
        let both = select_all(&folder, &["data/b.csv", "./data/*.csv"]).unwrap();
        assert_eq!(both, ["data/b.csv", "data/a.csv"]);
        assert_eq!(select_all(&folder, &["data/**/*.csv"]).unwrap().len(), 3);
        assert_eq!(select_all(&folder, &["data/{a,c}.{csv,txt}"]).unwrap(), ["data/a.csv", "data/c.txt"]);
        assert_eq!(select_all(&folder, &["*/[a-b].csv"]).unwrap(), ["data/a.csv", "data/b.csv"]);
    }

    #[test]
    fn patterns_see_neither_hidden_names_nor_the_artifacts() {
        let folder = project(&["a.csv", ".b.csv", "artifacts/load/c.csv", ".git/d.csv"]);
        assert_eq!(select_all(&folder, &["**/*.csv"]).unwrap(), ["a.csv"]);
        assert_eq!(select_all(&folder, &["artifacts/load/c.csv"]).unwrap(), ["artifacts/load/c.csv"]);
    }

    #[test]
    fn a_name_with_brackets_that_exists_is_that_file() {
        let folder = project(&["data[1].csv", "data1.csv"]);
        assert_eq!(select_all(&folder, &["data[1].csv"]).unwrap(), ["data[1].csv"]);
    }

    #[test]
    fn links_to_one_file_are_read_once() {
        let folder = project(&["a.csv"]);
        std::os::unix::fs::symlink(folder.path().join("a.csv"), folder.path().join("b.csv")).unwrap();
        assert_eq!(select_all(&folder, &["*.csv"]).unwrap(), ["a.csv"]);
    }

    #[test]
    fn a_missing_file_is_an_error_that_offers_the_nearest_names() {
        let folder = project(&["data/online_retail.csv", "data/other.bin"]);
        let SourceError::Missing { nearest, .. } = select_all(&folder, &["data/online-retial.csv"]).unwrap_err() else {
            panic!("another error");
        };
        assert_eq!(nearest, ["data/online_retail.csv"]);
        let SourceError::Missing { nearest, .. } = select_all(&folder, &["dta/online_retail.csv"]).unwrap_err() else {
            panic!("another error");
        };
        assert_eq!(nearest, ["data"]);
    }

    #[test]
    fn a_pattern_without_a_match_a_directory_and_a_bad_pattern_are_errors() {
        let folder = project(&["data/a.csv"]);
        assert_eq!(select_all(&folder, &["data/*.tsv"]).unwrap_err().to_string(), "no file matches `data/*.tsv`");
        assert_eq!(select_all(&folder, &["none/*.tsv"]).unwrap_err().to_string(), "no file matches `none/*.tsv`");
        assert_eq!(select_all(&folder, &["data"]).unwrap_err().to_string(), "`data` is a directory, not a file");
        assert!(matches!(select_all(&folder, &["data/{a"]).unwrap_err(), SourceError::Pattern { .. }));
        assert!(matches!(select_all(&folder, &[]).unwrap_err(), SourceError::Nothing));
    }

    #[test]
    fn two_of_one_are_an_error_that_names_both() {
        let folder = project(&["data/x.csv", "data/x.xlsx"]);
        let paths = ["data/x.csv.gz", "data/x.csv", "data/x.xlsx"].map(String::from).to_vec();
        let error = select(folder.path(), None, &SourceSelection::OneOf(paths.clone())).unwrap_err();
        assert_eq!(error.to_string(), "both `data/x.csv` and `data/x.xlsx` exist, and only one may");
        std::fs::remove_file(folder.path().join("data/x.xlsx")).unwrap();
        let found = select(folder.path(), None, &SourceSelection::OneOf(paths.clone())).unwrap();
        assert_eq!(found, [folder.path().join("data/x.csv")]);
        std::fs::remove_file(folder.path().join("data/x.csv")).unwrap();
        let error = select(folder.path(), None, &SourceSelection::OneOf(paths)).unwrap_err();
        assert_eq!(error.to_string(), "none of `data/x.csv.gz`, `data/x.csv`, `data/x.xlsx` exists");
        assert!(error.is_missing());
    }
}
