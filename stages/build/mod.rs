//! The digest of everything compiled into a stage that determines its outputs.
//!
//! For: [`digests`], over the sources, the embedded files, the crates and the build's variables that a top-level
//! module reaches. Not for: digests of data; the compiler's version, since Rust's arithmetic does not depend on it.
//! Called by: `build.rs`, when segpipe is built, and `tests/implementation.rs`, on trees of its own.
//!
//! A digest that changes too often costs a re-run whose equal outputs stop there; one that fails to change gives a
//! wrong answer. So whatever cannot be followed counts as used, or refuses the build.

mod lock;
mod modules;
mod source;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use lock::{Dependency, Lock};
use modules::{Module, Modules};

/// Raised when the document changes its shape.
const FORMAT: u32 = 1;

/// Where everything is.
pub(crate) struct Crate<'a> {
    /// Name of the package.
    pub(crate) package: &'a str,
    /// The file of the crate's root.
    pub(crate) root: PathBuf,
    /// The package's Cargo.toml.
    pub(crate) manifest: PathBuf,
    /// The Cargo.toml of the workspace, where there is one.
    pub(crate) workspace: Option<PathBuf>,
    /// The Cargo.lock.
    pub(crate) lock: PathBuf,
    /// The value of a variable that `env!` reads.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
}

/// What [`digests`] finds.
#[derive(Debug)]
pub(crate) struct Digests {
    /// A digest for every module that the root declares.
    pub(crate) by_module: BTreeMap<String, String>,
    /// Every file that was read.
    pub(crate) files: BTreeSet<PathBuf>,
}

/// The digest of every top-level module of a crate.
pub(crate) fn digests(of: &Crate<'_>) -> Result<Digests, String> {
    let modules = Modules::read(&of.root)?;
    let workspace = of.workspace.as_deref().map(read).transpose()?.unwrap_or_default();
    let dependencies = lock::dependencies(&read(&of.manifest)?, &workspace);
    let lock = Lock::read(&read(&of.lock)?);
    let mut files: BTreeSet<PathBuf> = modules.iter().map(|module| module.file.clone()).collect();
    files.extend([of.manifest.clone(), of.lock.clone()].into_iter().chain(of.workspace.clone()));
    let mut by_module = BTreeMap::new();
    for name in modules.top_level() {
        let reached = modules.reach(name);
        let assets = assets(&reached);
        let document = document(of, &reached, &assets, &dependencies, &lock)?;
        by_module.insert(name.to_owned(), blake3::hash(document.as_bytes()).to_hex().to_string());
        files.extend(assets);
    }
    Ok(Digests { by_module, files })
}

/// One fact a line, sorted within each kind. Paths are relative to the root's folder.
fn document(
    of: &Crate<'_>,
    reached: &[&Module],
    assets: &BTreeSet<PathBuf>,
    dependencies: &BTreeMap<String, Dependency>,
    lock: &Lock,
) -> Result<String, String> {
    let mut document = format!("implementation {FORMAT}\n");
    let mut line = |kind: &str, name: &dyn std::fmt::Display, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(document, "{kind} {name} {value}");
    };
    let folder = of.root.parent().unwrap_or(Path::new(""));
    let name = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    let sources: BTreeMap<String, String> =
        reached.iter().map(|module| (name(&module.file), digest(module.source.text.as_bytes()))).collect();
    for (name, digest) in &sources {
        line("source", name, digest);
    }
    for asset in assets {
        let bytes = std::fs::read(asset).map_err(|error| format!("cannot read `{}`: {error}", asset.display()))?;
        line("asset", &name(asset), &digest(&bytes));
    }
    for variable in reached.iter().flat_map(|module| &module.source.variables).collect::<BTreeSet<_>>() {
        line("variable", variable, &value(of, variable)?);
    }
    let words: BTreeSet<&String> = reached.iter().flat_map(|module| &module.source.words).collect();
    let used: Vec<&Dependency> =
        dependencies.iter().filter(|(name, _)| words.contains(name)).map(|(_, dependency)| dependency).collect();
    for dependency in &used {
        line("request", &dependency.package, &dependency.request);
    }
    let packages = used.iter().map(|dependency| dependency.package.as_str()).collect();
    lock.closure(of.package, &packages)?.iter().for_each(|package| line("crate", package, ""));
    Ok(document)
}

fn assets(reached: &[&Module]) -> BTreeSet<PathBuf> {
    let beside = |module: &&Module| {
        let folder = module.file.parent().unwrap_or(Path::new("")).to_owned();
        module.source.includes.iter().map(move |path| folder.join(path)).collect::<Vec<_>>()
    };
    reached.iter().flat_map(beside).collect()
}

/// Only what cargo derives from the manifest is known to be the same here and in the code.
fn value(of: &Crate<'_>, variable: &str) -> Result<String, String> {
    let value = Some(variable).filter(|name| name.starts_with("CARGO_PKG_")).and_then(of.variable);
    value
        .ok_or_else(|| format!("`{variable}` is compiled into a stage, but its value is not known to the build script"))
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}
