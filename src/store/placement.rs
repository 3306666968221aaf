//! Outputs at their places in the project: what is there now, and putting a known result there.
//!
//! For: comparing and replacing outputs, files and directories alike; handing objects to stages. Not for: deciding
//! whether to. Called by: `plan` (what is there), the engine (placing).
//!
//! A place is always replaced as a whole: a file by rename, a directory by exchanging it with a complete new one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use segpipe_stages::contract::OutputKind;

use super::objects::MovedIn;
use super::remembered::Remembered;
use super::{Placement, Store, StoreError, files, objects, tree};
use crate::digest::Digest;

impl Store {
    /// The digest of what is at `path` now; none where nothing is, or something of another kind.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn present_digest(
        &self,
        path: &Path,
        kind: OutputKind,
        remembered: &Remembered,
    ) -> Result<Option<Digest>, StoreError> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if files::is_absence(&error) => return Ok(None),
            Err(error) => return Err(StoreError::file("read", path)(error)),
        };
        match kind {
            OutputKind::Directory if metadata.is_dir() => match tree::scan_present(path, remembered) {
                Err(StoreError::NotAFile { .. }) => Ok(None),
                scanned => scanned.map(|tree| Some(tree.digest())),
            },
            OutputKind::Table | OutputKind::File if metadata.is_file() => {
                let digest = remembered.digest_of(path, &metadata);
                digest.map(Some).map_err(StoreError::file("read", path))
            }
            _ => Ok(None),
        }
    }

    /// Whether everything the output consists of is in the store and intact.
    ///
    /// # Errors
    /// Where something is there and cannot be read.
    pub fn has_intact(&self, digest: Digest, kind: OutputKind, remembered: &Remembered) -> Result<bool, StoreError> {
        match kind {
            OutputKind::Directory => self.has_intact_tree(digest, remembered),
            OutputKind::Table | OutputKind::File => self.has_intact_object(digest, remembered),
        }
    }

    /// Moves a finished output, written into a private directory, into the store, from when on it can be read there.
    /// Nothing may rely on it before it is durable.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn move_in(&self, path: &Path, kind: OutputKind) -> Result<MovedIn, StoreError> {
        match kind {
            OutputKind::Directory => self.move_in_tree(path),
            OutputKind::Table | OutputKind::File => self.move_in_file(path),
        }
    }

    /// Takes a copy of an output at its place into the store.
    ///
    /// # Errors
    /// Where it cannot be read or the disk refuses.
    pub fn adopt(&self, path: &Path, kind: OutputKind) -> Result<Digest, StoreError> {
        match kind {
            OutputKind::Directory => self.keep_tree_copy(path),
            OutputKind::Table | OutputKind::File => self.keep_copy(path),
        }
    }

    /// Puts a verified copy of a stored output at its place, whatever is there now.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the store's own copy is missing or damaged; then the place is untouched.
    pub fn place(&self, digest: Digest, kind: OutputKind, destination: &Path) -> Result<(), StoreError> {
        if let Some(parent) = destination.parent() {
            files::create_directory(parent)?;
        }
        match kind {
            OutputKind::Directory => self.place_directory(digest, destination),
            OutputKind::Table | OutputKind::File => self.place_file(digest, destination),
        }
    }

    /// A path at which a stage can read a stored output: the object itself, or a private copy of a directory.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the store's own copy is missing or damaged.
    pub fn readable_path(&self, digest: Digest, kind: OutputKind) -> Result<PathBuf, StoreError> {
        match kind {
            OutputKind::Directory => {
                let copy = self.temporary_path("input");
                // Nobody asks for it after a crash, so that it need not be durable.
                self.put_tree(digest, &copy, |file, path| self.copy_verified(file, path).map(drop))?;
                Ok(copy)
            }
            OutputKind::Table | OutputKind::File => Ok(self.object_path(digest)),
        }
    }

    fn place_file(&self, digest: Digest, destination: &Path) -> Result<(), StoreError> {
        let copy = self.temporary_path("output");
        self.put(digest, &copy)?;
        files::pass("output.copied", destination)?;
        if destination.is_dir() {
            let aside = self.temporary_path("aside");
            fs::rename(destination, &aside).map_err(StoreError::file("move away", destination))?;
            files::remove(&aside)?;
        }
        files::rename_synced(&copy, destination)?;
        files::pass("output.placed", destination)
    }

    fn place_directory(&self, digest: Digest, destination: &Path) -> Result<(), StoreError> {
        let copy = self.temporary_path("directory");
        self.put_tree(digest, &copy, |file, path| self.put(file, path))?;
        files::pass("directory.copied", destination)?;
        exchange(&copy, destination).map_err(StoreError::file("place", destination))?;
        files::pass("directory.exchanged", destination)?;
        files::sync_parent(destination)?;
        files::remove(&copy)
    }

    /// Puts the files of a directory below `destination`; where that fails, nothing of it stays.
    fn put_tree(
        &self,
        digest: Digest,
        destination: &Path,
        put: impl Fn(Digest, &Path) -> Result<(), StoreError> + Sync,
    ) -> Result<(), StoreError> {
        let put = |(name, file): &(String, Digest)| {
            let path = destination.join(name);
            if let Some(parent) = path.parent() {
                files::create_directory(parent)?;
            }
            put(*file, &path)
        };
        files::create_directory(destination)?;
        let done = self.tree(digest).and_then(|tree| files::side_by_side(&tree.files, put));
        if done.is_err() {
            files::remove(destination)?;
        }
        done.map(drop)
    }

    /// Makes `to` a durable file with the content of an object, in the way the store was told to.
    fn put(&self, digest: Digest, to: &Path) -> Result<(), StoreError> {
        match self.placement {
            Placement::Link if self.link_verified(digest, to)? => Ok(()),
            _ => self.copy_verified(digest, to)?.sync_all().map_err(StoreError::file("write", to)),
        }
    }

    /// Makes `to` another name of the object; false where the file system has no more, or none there.
    fn link_verified(&self, digest: Digest, to: &Path) -> Result<bool, StoreError> {
        let object = self.object_path(digest);
        match fs::File::open(&object) {
            Ok(file) => verify(&file, digest, &object)?,
            Err(error) if files::is_absence(&error) => return Err(missing(digest)),
            Err(error) => return Err(StoreError::file("read", &object)(error)),
        }
        Ok(fs::hard_link(&object, to).is_ok())
    }

    fn copy_verified(&self, digest: Digest, to: &Path) -> Result<fs::File, StoreError> {
        let object = self.object_path(digest);
        if !object.exists() {
            return Err(missing(digest));
        }
        let is_own = self.is_own(digest);
        objects::copy_file(&object, to)?;
        let file = fs::File::open(to).map_err(StoreError::file("read", to))?;
        let verified = if is_own && self.is_own(digest) { Ok(()) } else { verify(&file, digest, to) };
        match verified {
            Ok(()) => Ok(file),
            Err(error) => {
                files::remove(to)?;
                Err(error)
            }
        }
    }
}

fn verify(file: &fs::File, digest: Digest, path: &Path) -> Result<(), StoreError> {
    let found = Digest::of_open(file).map_err(StoreError::file("read", path))?;
    if found == digest { Ok(()) } else { Err(StoreError::Damaged { digest, problem: "damaged" }) }
}

fn missing(digest: Digest) -> StoreError {
    StoreError::Damaged { digest, problem: "missing" }
}

/// Puts `new` at `destination`; what was there is at `new` afterwards. Atomic where the file system can exchange.
fn exchange(new: &Path, destination: &Path) -> io::Result<()> {
    if fs::symlink_metadata(destination).is_err() {
        return fs::rename(new, destination);
    }
    match renameat_with(CWD, new, CWD, destination, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => exchange_in_steps(new, destination),
        Err(error) => Err(error.into()),
    }
}

/// For file systems that cannot exchange: a crash in between leaves no directory, which the next run restores.
fn exchange_in_steps(new: &Path, destination: &Path) -> io::Result<()> {
    let aside = new.with_extension("aside");
    fs::rename(destination, &aside)?;
    fs::rename(new, destination)?;
    fs::rename(&aside, new)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    struct Project {
        folder: tempfile::TempDir,
        store: Store,
        remembered: Remembered,
    }

    impl Project {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::new(folder.path());
            store.prepare().unwrap();
            let remembered = Remembered::load(folder.path(), folder.path().join("remembered.json"));
            Self { folder, store, remembered }
        }

        fn object(&self, content: &str) -> Digest {
            let path = self.store.temporary_path("test");
            fs::write(&path, content).unwrap();
            self.store.keep_file(&path).unwrap()
        }

        fn tree(&self, files: &[(&str, &str)]) -> Digest {
            let directory = self.store.private_directory("test").unwrap();
            for (name, content) in files {
                let path = directory.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            self.store.move_in(&directory, OutputKind::Directory).unwrap().make_durable().unwrap()
        }

        fn present(&self, path: &Path, kind: OutputKind) -> Option<Digest> {
            self.store.present_digest(path, kind, &self.remembered).unwrap()
        }
    }

    #[test]
    fn a_placed_file_has_the_content_asked_for_and_can_be_edited_without_reaching_the_store() {
        let project = Project::new();
        let digest = project.object("table");
        let place = project.folder.path().join("artifacts/rfm/customers.parquet");
        project.store.place(digest, OutputKind::Table, &place).unwrap();
        assert_eq!(project.present(&place, OutputKind::Table), Some(digest));
        fs::write(&place, "edited").unwrap();
        assert_eq!(fs::read(project.store.object_path(digest)).unwrap(), b"table");
    }

    #[test]
    fn a_linked_output_is_the_object_itself_read_only_and_a_damaged_object_is_not_linked() {
        let mut project = Project::new();
        project.store.placement = Placement::Link;
        let digest = project.object("table");
        let (place, object) = (project.folder.path().join("customers.parquet"), project.store.object_path(digest));
        project.store.place(digest, OutputKind::Table, &place).unwrap();
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        assert_eq!(inode(&place), inode(&object));
        assert!(fs::metadata(&place).unwrap().permissions().readonly());
        fs::set_permissions(&object, Permissions::from_mode(0o644)).unwrap();
        fs::write(&place, "edited in place").unwrap();
        let error = project.store.place(digest, OutputKind::Table, &place).unwrap_err();
        assert_eq!(error.to_string(), format!("object {digest} is damaged"));
    }

    #[test]
    fn a_linked_directory_has_folders_of_its_own() {
        let mut project = Project::new();
        project.store.placement = Placement::Link;
        let digest = project.tree(&[("a.png", "one"), ("svg/a.svg", "two")]);
        let place = project.folder.path().join("images");
        project.store.place(digest, OutputKind::Directory, &place).unwrap();
        assert_eq!(project.present(&place, OutputKind::Directory), Some(digest));
        let copy = project.store.readable_path(digest, OutputKind::Directory).unwrap();
        let names = |path: &Path| fs::metadata(path).unwrap().nlink();
        assert_eq!(names(&place.join("svg/a.svg")), 2);
        assert_eq!(names(&copy.join("svg/a.svg")), 1, "what a stage is handed is its own");
    }

    #[test]
    fn a_damaged_object_is_never_placed_and_the_old_file_stays() {
        let project = Project::new();
        let digest = project.object("table");
        let place = project.folder.path().join("artifacts/rfm/customers.parquet");
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, "old").unwrap();
        let object = project.store.object_path(digest);
        fs::remove_file(&object).unwrap();
        fs::write(&object, "tablE").unwrap();
        let error = project.store.place(digest, OutputKind::Table, &place).unwrap_err();
        assert_eq!(error.to_string(), format!("object {digest} is damaged"));
        assert_eq!(fs::read(&place).unwrap(), b"old");
    }

    #[test]
    fn a_directory_is_replaced_as_a_whole_and_keeps_nothing_of_the_old_one() {
        let project = Project::new();
        let old = project.tree(&[("a.png", "1"), ("svg/a.svg", "2")]);
        let new = project.tree(&[("b.png", "3")]);
        let place = project.folder.path().join("artifacts/visualize/images");
        project.store.place(old, OutputKind::Directory, &place).unwrap();
        assert_eq!(project.present(&place, OutputKind::Directory), Some(old));
        project.store.place(new, OutputKind::Directory, &place).unwrap();
        assert_eq!(project.present(&place, OutputKind::Directory), Some(new));
        assert!(!place.join("svg").exists());
    }

    #[test]
    fn a_directory_of_which_a_file_is_damaged_is_not_placed_and_leaves_nothing_behind() {
        let project = Project::new();
        let tree = project.tree(&[("a.png", "1"), ("b.png", "2")]);
        fs::remove_file(project.store.object_path(Digest::of_bytes(b"2"))).unwrap();
        let place = project.folder.path().join("artifacts/visualize/images");
        let error = project.store.place(tree, OutputKind::Directory, &place).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { problem: "missing", .. }), "{error}");
        let temporary = fs::read_dir(project.store.state().join("temporary")).unwrap();
        let left: Vec<_> = temporary.map(|entry| fs::read_dir(entry.unwrap().path()).unwrap().count()).collect();
        assert!(!place.exists() && left.iter().all(|count| *count == 0), "{left:?}");
    }

    #[test]
    fn something_of_another_kind_at_the_place_counts_as_missing_and_is_replaced() {
        let project = Project::new();
        let (file, tree) = (project.object("report"), project.tree(&[("a.png", "1")]));
        let place = project.folder.path().join("artifacts/visualize/report.html");
        project.store.place(tree, OutputKind::Directory, &place).unwrap();
        assert_eq!(project.present(&place, OutputKind::File), None);
        project.store.place(file, OutputKind::File, &place).unwrap();
        assert_eq!(project.present(&place, OutputKind::File), Some(file));
        assert_eq!(project.present(&place, OutputKind::Directory), None);
        project.store.place(tree, OutputKind::Directory, &place).unwrap();
        assert_eq!(project.present(&place, OutputKind::Directory), Some(tree));
    }

    #[test]
    fn without_an_atomic_exchange_the_new_directory_still_ends_at_its_place() {
        let project = Project::new();
        let [new, old] = ["new", "old"].map(|name| project.folder.path().join(name));
        fs::create_dir(&new).unwrap();
        fs::create_dir(&old).unwrap();
        fs::write(new.join("file"), "new").unwrap();
        exchange_in_steps(&new, &old).unwrap();
        assert!(old.join("file").exists() && !new.join("file").exists());
    }
}
