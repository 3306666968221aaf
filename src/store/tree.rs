//! Tree objects: a directory as a sorted list of paths and digests, itself kept as an object.
//!
//! For: taking directories in and telling what a directory at its place contains. Not for: single files (`objects`).
//! Called by: `placement`, the engine.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::objects::MovedIn;
use super::remembered::Remembered;
use super::{Store, StoreError, files};
use crate::digest::Digest;

/// The first line of every tree object.
pub(super) const HEADER: &str = "segpipe-tree 1";

/// The files of a directory, sorted by path. Empty folders do not count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    /// Relative path, with `/` between folders, and digest of every file.
    pub files: Vec<(String, Digest)>,
}

impl Tree {
    fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        for (path, digest) in &self.files {
            let _ = writeln!(text, "{digest} {path}");
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let entries = text.strip_prefix(HEADER)?.strip_prefix('\n')?;
        let entry = |line: &str| {
            let (digest, path) = line.split_once(' ')?;
            Some((path.to_owned(), digest.parse().ok()?))
        };
        let tree = Self { files: entries.lines().map(entry).collect::<Option<_>>()? };
        tree.can_be_placed().then_some(tree)
    }

    /// Whether its paths lead to files inside the directory, each to one of its own. Trees come from elsewhere too.
    fn can_be_placed(&self) -> bool {
        let is_plain =
            |path: &str| path.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains('\0');
        let names: BTreeSet<&str> = self.files.iter().map(|(path, _)| path.as_str()).collect();
        let is_inside_a_file = |path: &str| path.match_indices('/').any(|(slash, _)| names.contains(&path[..slash]));
        names.len() == self.files.len() && names.iter().all(|path| is_plain(path) && !is_inside_a_file(path))
    }

    /// The digest under which the tree object is kept.
    pub fn digest(&self) -> Digest {
        Digest::of_bytes(self.to_text().as_bytes())
    }
}

impl Store {
    /// Moves every file of a finished private directory into the store and keeps their list.
    ///
    /// # Errors
    /// Where something in it is neither file nor folder, or the disk refuses.
    pub(super) fn move_in_tree(&self, directory: &Path) -> Result<MovedIn, StoreError> {
        self.build_tree(directory, |path| self.move_in_file(path))
    }

    /// Takes copies of all files of a directory that stays where it is.
    ///
    /// # Errors
    /// As [`Store::move_in_tree`].
    pub fn keep_tree_copy(&self, directory: &Path) -> Result<Digest, StoreError> {
        self.build_tree(directory, |path| self.move_in_copy(path))?.make_durable()
    }

    fn build_tree(
        &self,
        directory: &Path,
        move_in: impl Fn(&Path) -> Result<MovedIn, StoreError> + Sync,
    ) -> Result<MovedIn, StoreError> {
        let moved = files::side_by_side(&list(directory)?, |(name, path)| Ok((name.clone(), move_in(path)?)))?;
        let files = moved.iter().map(|(name, file)| (name.clone(), file.digest)).collect();
        let tree = self.temporary_path("tree");
        fs::write(&tree, Tree { files }.to_text()).map_err(StoreError::file("write", &tree))?;
        let mut whole = self.move_in_file(&tree)?;
        whole.objects.extend(moved.into_iter().flat_map(|(_, file)| file.objects));
        Ok(whole)
    }

    /// Reads a tree object.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where it is missing or is no intact tree.
    pub fn tree(&self, digest: Digest) -> Result<Tree, StoreError> {
        let damaged = |problem| StoreError::Damaged { digest, problem };
        let bytes = files::read_if_present(&self.object_path(digest))?.ok_or_else(|| damaged("missing"))?;
        if Digest::of_bytes(&bytes) != digest {
            return Err(damaged("damaged"));
        }
        std::str::from_utf8(&bytes).ok().and_then(Tree::parse).ok_or_else(|| damaged("damaged"))
    }

    /// Whether the tree object and every file it names are there and intact.
    ///
    /// # Errors
    /// Where something is there and cannot be read.
    pub fn has_intact_tree(&self, digest: Digest, remembered: &Remembered) -> Result<bool, StoreError> {
        let tree = match self.tree(digest) {
            Err(StoreError::Damaged { .. }) => return Ok(false),
            other => other?,
        };
        for (_, file) in &tree.files {
            if !self.has_intact_object(*file, remembered)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What a directory contains now.
///
/// # Errors
/// Where something in it is neither file nor folder, or cannot be read.
pub fn scan(directory: &Path) -> Result<Tree, StoreError> {
    let digest = |(name, path): (String, PathBuf)| {
        let digest = Digest::of_file(&path).map_err(StoreError::file("read", &path))?;
        Ok((name, digest))
    };
    Ok(Tree { files: list(directory)?.into_iter().map(digest).collect::<Result<_, StoreError>>()? })
}

/// What a directory contains now, without reading files whose digest is remembered.
///
/// # Errors
/// Where something in it is neither file nor folder, or cannot be read.
pub fn scan_present(directory: &Path, remembered: &Remembered) -> Result<Tree, StoreError> {
    let digest = |(name, path): (String, PathBuf)| {
        let digest = remembered.digest(&path).map_err(StoreError::file("read", &path))?;
        Ok((name, digest))
    };
    let files = list(directory)?.into_iter().map(digest);
    Ok(Tree { files: files.collect::<Result<_, StoreError>>()? })
}

/// Relative name and path of every file, sorted by name.
fn list(directory: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let mut paths = Vec::new();
    collect(directory, &mut paths)?;
    let named = |path: &PathBuf| {
        let relative = path.strip_prefix(directory).unwrap_or(path);
        match relative.to_str().filter(|text| !text.contains('\n')) {
            Some(name) => Ok((name.to_owned(), path.clone())),
            None => Err(StoreError::NotAFile { path: path.clone() }),
        }
    };
    let mut files = paths.iter().map(named).collect::<Result<Vec<_>, StoreError>>()?;
    files.sort();
    Ok(files)
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) -> Result<(), StoreError> {
    for entry in fs::read_dir(directory).map_err(StoreError::file("read", directory))? {
        let entry = entry.map_err(StoreError::file("read", directory))?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(StoreError::file("read", directory))?);
        if kind.is_dir() {
            collect(&path, paths)?;
        } else if kind.is_file() {
            paths.push(path);
        } else {
            return Err(StoreError::NotAFile { path });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(folder: &Path) -> PathBuf {
        let directory = folder.join("images");
        fs::create_dir_all(directory.join("svg")).unwrap();
        fs::write(directory.join("b.png"), "b").unwrap();
        fs::write(directory.join("svg/a.svg"), "a").unwrap();
        directory
    }

    #[test]
    fn a_kept_tree_lists_its_files_sorted_and_equals_the_directory_it_came_from() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.prepare().unwrap();
        let directory = directory(folder.path());
        let remembered = Remembered::load(folder.path(), folder.path().join("remembered.json"));
        let digest = store.keep_tree_copy(&directory).unwrap();
        let tree = store.tree(digest).unwrap();
        assert_eq!(
            tree.files,
            [("b.png".to_owned(), Digest::of_bytes(b"b")), ("svg/a.svg".to_owned(), Digest::of_bytes(b"a"))]
        );
        assert_eq!(scan_present(&directory, &remembered).unwrap().digest(), digest);
        assert!(store.has_intact_tree(digest, &remembered).unwrap());
        fs::write(directory.join("extra"), "").unwrap();
        assert_ne!(scan_present(&directory, &remembered).unwrap().digest(), digest);
    }

    #[test]
    fn a_tree_that_leads_out_of_its_directory_is_no_tree() {
        let file = Digest::of_bytes(b"");
        let parse = |paths: &[&str]| {
            let files = paths.iter().map(|path| ((*path).to_owned(), file)).collect();
            Tree::parse(&Tree { files }.to_text())
        };
        assert!(parse(&["a", "b/c", "b.d", "..e"]).is_some());
        for hostile in ["", "/etc/passwd", "../a", "a/../../b", "a//b", "a/", ".", "a\0"] {
            assert_eq!(parse(&[hostile]), None, "{hostile:?}");
        }
        assert_eq!(parse(&["a", "a/b"]), None, "a file and a folder at once");
        assert_eq!(parse(&["a", "a"]), None, "twice");
    }

    #[test]
    fn a_tree_without_one_of_its_files_is_not_intact() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.prepare().unwrap();
        let remembered = Remembered::load(folder.path(), folder.path().join("remembered.json"));
        let digest = store.move_in_tree(&directory(folder.path())).unwrap().make_durable().unwrap();
        fs::remove_file(store.object_path(Digest::of_bytes(b"a"))).unwrap();
        assert!(!store.has_intact_tree(digest, &remembered).unwrap());
    }

    #[test]
    fn a_link_in_an_output_directory_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.prepare().unwrap();
        let directory = directory(folder.path());
        std::os::unix::fs::symlink("b.png", directory.join("link.png")).unwrap();
        assert!(matches!(store.move_in_tree(&directory), Err(StoreError::NotAFile { .. })));
    }
}
