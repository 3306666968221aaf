//! The crates that a module uses, as Cargo.toml asks for them and as Cargo.lock pins them.
//!
//! For: lines of a stage's document, one a crate. Not for: TOML in general; both files are read by the shape cargo
//! gives them. Called by: `mod`.

use std::collections::{BTreeMap, BTreeSet};

/// A dependency as the manifest names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The package's name, which `package = "…"` sets apart from the name in the code.
    pub(crate) package: String,
    /// What the manifest says of it: version, features. With `workspace = true`, the workspace's words too.
    pub(crate) request: String,
}

/// The dependencies of a manifest by their names in the code.
pub(crate) fn dependencies(manifest: &str, workspace: &str) -> BTreeMap<String, Dependency> {
    let shared = entries(workspace, |section| section == "workspace.dependencies");
    // `dependencies` and `target.'…'.dependencies`: those of tests and of build scripts are not compiled into a stage.
    let own = entries(manifest, |section| section == "dependencies" || section.ends_with(".dependencies"));
    let dependency = |(name, mut request): (String, String)| {
        if let Some(words) = shared.get(&name).filter(|_| request.contains("workspace")) {
            request = format!("{request} {words}");
        }
        let renamed = request.split_once("package = \"").and_then(|(_, rest)| rest.split_once('"'));
        let package = renamed.map_or_else(|| name.clone(), |(package, _)| package.to_owned());
        (name.replace('-', "_"), Dependency { package, request })
    };
    own.into_iter().map(dependency).collect()
}

/// The entries of the sections wanted, each in one line. `[dependencies.name]` counts as an entry of `dependencies`.
fn entries(manifest: &str, is_wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut section = String::new();
    let mut entry: Option<String> = None;
    for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = String::from(header.trim_matches(['[', ']']));
            let parent = section.rsplit_once('.').filter(|(parent, _)| is_wanted(parent));
            entry = parent.map(|(_, name)| name.to_owned());
            continue;
        }
        let begins = line.split_once('=').map(|(key, _)| key.trim()).filter(|key| key.chars().all(is_bare));
        if let Some(key) = begins.filter(|_| is_wanted(&section)) {
            // `name.workspace = true`
            entry = Some(key.split('.').next().unwrap_or(key).to_owned());
        }
        if let Some(name) = &entry {
            let text = found.entry(name.clone()).or_default();
            text.push_str(line);
            text.push(' ');
        }
    }
    found
}

fn is_bare(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-_.".contains(letter)
}

/// One package of Cargo.lock.
#[derive(Debug, Default)]
struct Package {
    name: String,
    version: String,
    source: String,
    checksum: String,
    dependencies: Vec<String>,
}

/// What Cargo.lock says.
#[derive(Debug)]
pub(crate) struct Lock(Vec<Package>);

impl Lock {
    /// Reads the text of a Cargo.lock.
    pub(crate) fn read(text: &str) -> Self {
        let packages = text.split("[[package]]").skip(1);
        Self(packages.map(package).collect())
    }

    /// The packages called `wanted` that `package` depends on, and all that they depend on, as `name version checksum`.
    pub(crate) fn closure(&self, package: &str, wanted: &BTreeSet<&str>) -> Result<BTreeSet<String>, String> {
        let root = self.0.iter().find(|candidate| candidate.name == package && candidate.source.is_empty());
        let root = root.ok_or_else(|| format!("Cargo.lock does not know package `{package}`"))?;
        let is_wanted = |dependency: &&String| wanted.contains(name_of(dependency));
        let mut waiting: Vec<&String> = root.dependencies.iter().filter(is_wanted).collect();
        let named: BTreeSet<&str> = waiting.iter().map(|dependency| name_of(dependency)).collect();
        if let Some(missing) = wanted.difference(&named).next() {
            return Err(format!("Cargo.lock does not know that `{package}` uses `{missing}`"));
        }
        let mut found = BTreeSet::new();
        while let Some(dependency) = waiting.pop() {
            let package = self.find(dependency)?;
            if found.insert(package.line()?) {
                waiting.extend(&package.dependencies);
            }
        }
        Ok(found)
    }

    /// A dependency is written as `name`, `name version` or `name version (source)`, as short as is unambiguous.
    fn find(&self, dependency: &str) -> Result<&Package, String> {
        let mut parts = dependency.split(' ');
        let (name, version) = (parts.next(), parts.next());
        let source = parts.next().map(|source| source.trim_matches(['(', ')']));
        let is_meant = |package: &&Package| {
            name == Some(&package.name)
                && version.is_none_or(|version| version == package.version)
                && source.is_none_or(|source| package.source.starts_with(source))
        };
        self.0.iter().find(is_meant).ok_or_else(|| format!("Cargo.lock has no package `{dependency}`"))
    }
}

impl Package {
    fn line(&self) -> Result<String, String> {
        if self.source.is_empty() {
            let (name, version) = (&self.name, &self.version);
            return Err(format!("the sources of `{name}` {version}, a path dependency, would be in no stage's digest"));
        }
        // A git source ends in its commit; a registry's address says nothing about content and may be a mirror's.
        let content = if self.checksum.is_empty() { &self.source } else { &self.checksum };
        Ok(format!("{} {} {content}", self.name, self.version))
    }
}

fn package(text: &str) -> Package {
    let mut package = Package::default();
    for line in text.lines().map(str::trim) {
        let value = |key: &str| Some(line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned());
        let fields = [
            ("name", &mut package.name),
            ("version", &mut package.version),
            ("source", &mut package.source),
            ("checksum", &mut package.checksum),
        ];
        for (key, field) in fields {
            if let Some(value) = value(key) {
                *field = value;
            }
        }
        let dependency = line.strip_prefix('"').and_then(|rest| rest.strip_suffix("\","));
        package.dependencies.extend(dependency.map(String::from));
    }
    package
}

fn name_of(dependency: &str) -> &str {
    dependency.split(' ').next().unwrap_or(dependency)
}
