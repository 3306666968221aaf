//! Where outputs are placed: below the project, each at a place of its own.
//!
//! For: default paths, and refusing those that would leave the project or overwrite something. Not for: writing (the
//! store does). Called by: `check`.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use segpipe_stages::contract::{Output, SourceSelection};

use super::check::Known;
use super::error::{Refusal, Refused};
use super::node::{Node, Place, find};
use super::pipeline::PipelineStage;
use super::raw::text;

/// Folder below which outputs are placed unless the file says otherwise.
const ARTIFACTS: &str = "artifacts";
/// What nobody's output may touch: segpipe's own state, and that of git.
const RESERVED: [&str; 4] = ["artifacts/.segpipe", "artifacts/.outbox", "artifacts/.logs", ".git"];
/// Ending of the lock beside a pipeline file.
const LOCK: &str = "lock";

/// Where each output of a stage is placed, relative to `directory`.
pub(super) fn paths(stage: &Known<'_>, directory: &Path, file: &Path) -> Result<BTreeMap<String, PathBuf>, Refused> {
    let ports = stage.kind.outputs();
    if let Some(entry) = stage.raw.outputs.iter().find(|entry| !ports.iter().any(|port| port.name == entry.key)) {
        let names = ports.iter().map(|port| &*port.name);
        return Err(Refusal::unknown("output", &entry.key, names).of(&stage.shown()).at(entry.key_place));
    }
    let path = |port: &Output| {
        let written = find(&stage.raw.outputs, &port.name).filter(|entry| !entry.value.is_null());
        let path = match written {
            Some(entry) => {
                let what = || format!("output `{}` of stage `{}`", port.name, stage.raw.name);
                inside(text(&entry.value, what)?, &entry.value, directory, file)?
            }
            None => Path::new(ARTIFACTS).join(&stage.raw.name).join(&*port.path),
        };
        Ok((port.name.to_string(), path))
    };
    ports.iter().map(path).collect()
}

/// `written` without detours, where it stays inside the project.
fn inside(written: &str, node: &Node, directory: &Path, file: &Path) -> Result<PathBuf, Refused> {
    let refuse = |why| Err(Refusal::OutputPath { path: written.to_owned(), why }.at(node.place));
    if written.contains('\0') || written.contains(char::is_control) {
        return refuse("holds characters that no path may hold");
    }
    let mut path = PathBuf::new();
    for component in Path::new(written).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => return refuse("leads outside the project"),
            Component::RootDir | Component::Prefix(_) => return refuse("is absolute"),
        }
    }
    if path.as_os_str().is_empty() || written.ends_with('/') {
        return refuse("names no file");
    }
    if !stays_inside(directory, &path) {
        return refuse("leads outside the project through a link");
    }
    let place = directory.join(&path);
    let is_own = place == file || place == file.with_extension(LOCK);
    if is_own || RESERVED.iter().any(|reserved| path.starts_with(reserved)) {
        return Err(
            Refusal::Taken { path: written.to_owned(), how: "used by segpipe or git".to_owned() }.at(node.place)
        );
    }
    Ok(path)
}

/// Whether the deepest folder of `path` that exists lies in `directory` once every link is followed.
fn stays_inside(directory: &Path, path: &Path) -> bool {
    let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    let mut existing = folders.filter(|folder| directory.join(folder).symlink_metadata().is_ok());
    let Some(existing) = existing.next() else { return true };
    let Ok(root) = directory.canonicalize() else { return true };
    directory.join(existing).canonicalize().is_ok_and(|real| real.starts_with(&root))
}

/// Refuses outputs that are written twice, inside each other, or over a source.
pub(super) fn check_apart(known: &[Known<'_>], stages: &[PipelineStage]) -> Result<(), Refused> {
    let read: Vec<(PathBuf, User<'_>)> = stages
        .iter()
        .flat_map(|stage| sources(stage).map(|path| (path, User { stage: &stage.name, output: None })))
        .collect();
    let mut taken = Taken::default();
    for (path, user) in &read {
        taken.insert(path, *user);
    }
    for (stage, checked) in known.iter().zip(stages) {
        for (port, path) in &checked.outputs {
            if let Some((other, user)) = taken.overlapping(path) {
                let path = other.display().to_string();
                return Err(Refusal::Taken { path, how: user.to_string() }.at(place(stage, port)));
            }
            taken.insert(path, User { stage: &checked.name, output: Some(port) });
        }
    }
    Ok(())
}

/// Who reads a path, or writes it as which output.
#[derive(Clone, Copy)]
struct User<'a> {
    stage: &'a str,
    output: Option<&'a str>,
}

impl fmt::Display for User<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.output {
            Some(output) => write!(formatter, "written by `{}.{output}`", self.stage),
            None => write!(formatter, "read by stage `{}`", self.stage),
        }
    }
}

/// Paths without detours that are spoken for, by whom, and the folders that they are in.
#[derive(Default)]
struct Taken<'a> {
    paths: HashMap<&'a OsStr, User<'a>>,
    /// One of the paths in each folder.
    folders: HashMap<&'a OsStr, &'a Path>,
}

impl<'a> Taken<'a> {
    fn insert(&mut self, path: &'a Path, user: User<'a>) {
        for folder in path.ancestors().skip(1) {
            if self.folders.contains_key(folder.as_os_str()) {
                break;
            }
            self.folders.insert(folder.as_os_str(), path);
        }
        self.paths.insert(path.as_os_str(), user);
    }

    /// The path that is `path`, above it or below it.
    fn overlapping(&self, path: &Path) -> Option<(&'a Path, User<'a>)> {
        let taken =
            |path: &Path| self.paths.get_key_value(path.as_os_str()).map(|(path, user)| (Path::new(*path), *user));
        path.ancestors().find_map(taken).or_else(|| taken(self.folders.get(path.as_os_str()).copied()?))
    }
}

/// The files that a stage reads or fetches, without those that a pattern may find.
fn sources(stage: &PipelineStage) -> impl Iterator<Item = PathBuf> {
    let request = stage.stage.sources(&stage.params).ok().flatten();
    let paths = request.into_iter().flat_map(|request| {
        let (SourceSelection::All(paths) | SourceSelection::OneOf(paths)) = request.selection;
        paths.into_iter().chain(request.download.map(|download| download.to))
    });
    paths.map(|path| Path::new(&path).components().filter(|part| *part != Component::CurDir).collect())
}

fn place(stage: &Known<'_>, port: &str) -> Place {
    find(&stage.raw.outputs, port).map_or(stage.raw.place, |entry| entry.value.place)
}
