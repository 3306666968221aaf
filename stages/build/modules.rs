//! The modules of the crate and which of them a module's code can reach.
//!
//! For: [`Modules::read`] and [`Modules::reach`]. Not for: reading tokens (`source`), digests (`mod`).
//! Called by: `mod`.
//!
//! A module reaches the files whose items it names, the files that those reach, and so on. Naming an item of
//! `kernels/kmeans.rs` reaches that file; naming an item of `kernels/mod.rs` reaches everything `kernels/mod.rs` names,
//! its re-exports included; importing a module as a whole, or with `*`, reaches everything below it.
//! A function called through a value needs no import, but its value came from a file that names its type. The one way
//! round is an impl block away from its type and from its trait: see [`Modules::link_foreign_impls`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::source::{self, GLOB, ImplHead, Source};

/// One module that lives in a file of its own.
#[derive(Debug)]
pub(crate) struct Module {
    /// Where it lives.
    pub(crate) file: PathBuf,
    /// What is in it.
    pub(crate) source: Source,
    parent: usize,
    children: BTreeMap<String, usize>,
    /// Modules that come with this one although it does not name them.
    companions: BTreeSet<usize>,
}

/// All modules of a crate; the first is its root.
#[derive(Debug)]
pub(crate) struct Modules(Vec<Module>);

/// Where a path leads.
struct Target {
    /// Modules on the way, the root left out.
    passed: Vec<usize>,
    /// The module it ends in.
    module: usize,
    /// Whether it names the module itself, or everything in it, and not one of its items.
    is_whole: bool,
}

const ROOT: usize = 0;

impl Modules {
    /// Reads the file of the crate's root and, from its declarations on, all others.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut modules = Self(Vec::new());
        let folder = root.parent().unwrap_or(Path::new(""));
        modules.add(root.to_owned(), folder, ROOT)?;
        modules.link_foreign_impls();
        Ok(modules)
    }

    fn add(&mut self, file: PathBuf, folder: &Path, parent: usize) -> Result<usize, String> {
        let text =
            std::fs::read_to_string(&file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
        let source = source::read(&text).map_err(|error| format!("`{}` {error}", file.display()))?;
        let declared = source.modules.clone();
        let position = self.0.len();
        self.0.push(Module { file, source, parent, children: BTreeMap::new(), companions: BTreeSet::new() });
        for name in declared {
            let below = folder.join(&name);
            let beside = folder.join(format!("{name}.rs"));
            let file = if beside.exists() { beside } else { below.join("mod.rs") };
            let child = self.add(file, &below, position)?;
            self.0[position].children.insert(name, child);
        }
        Ok(position)
    }

    /// All modules.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Module> {
        self.0.iter()
    }

    /// Names of the modules that the root declares.
    pub(crate) fn top_level(&self) -> impl Iterator<Item = &str> {
        self.0[ROOT].children.keys().map(String::as_str)
    }

    /// Everything that determines what the code in top-level module `name` does, in no stated order.
    pub(crate) fn reach(&self, name: &str) -> Vec<&Module> {
        let mut waiting = vec![ROOT];
        waiting.extend(self.0[ROOT].children.get(name).into_iter().flat_map(|module| self.subtree(*module)));
        waiting.extend((ROOT..self.0.len()).filter(|module| self.spreads_macros(*module)));
        let mut reached = BTreeSet::new();
        let mut passed = BTreeSet::new();
        while let Some(module) = waiting.pop() {
            if reached.insert(module) {
                let (uses, passes) = self.uses(module);
                waiting.extend(uses);
                passed.extend(passes);
            }
        }
        reached.union(&passed).map(|module| &self.0[*module]).collect()
    }

    /// Modules that `module` names something of, and modules it only passes on the way there.
    fn uses(&self, module: usize) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let mut used = self.0[module].companions.clone();
        let mut passed = BTreeSet::new();
        for path in &self.0[module].source.paths {
            let Some(target) = self.resolve(module, path) else { continue };
            used.extend(if target.is_whole { self.subtree(target.module) } else { vec![target.module] });
            // Macros are in scope in the modules below without being named.
            let (with_macros, without) =
                target.passed.into_iter().partition(|passed| self.has_word(*passed, "macro_rules"));
            used.extend::<Vec<usize>>(with_macros);
            passed.extend::<Vec<usize>>(without);
        }
        (used, passed)
    }

    /// Follows a path seen in `module`; none where it leads out of the crate or to something local.
    fn resolve(&self, module: usize, path: &[String]) -> Option<Target> {
        let mut at = module;
        let mut rest = path.iter().map(String::as_str).peekable();
        match rest.peek().copied()? {
            "crate" => at = ROOT,
            "self" | "super" => {}
            first if self.0[module].children.contains_key(first) => {}
            _ => return None,
        }
        let mut passed = Vec::new();
        let mut is_whole = true;
        for segment in rest {
            let child = self.0[at].children.get(segment);
            match (segment, child) {
                ("crate" | "self" | GLOB, _) => {}
                ("super", _) => at = self.0[at].parent,
                (_, Some(child)) => {
                    passed.extend((at != ROOT).then_some(at));
                    at = *child;
                }
                (_, None) => {
                    is_whole = false;
                    break;
                }
            }
        }
        Some(Target { passed, module: at, is_whole })
    }

    fn subtree(&self, module: usize) -> Vec<usize> {
        let below = self.0[module].children.values().flat_map(|child| self.subtree(*child));
        std::iter::once(module).chain(below).collect()
    }

    /// An impl block that names no type or trait of its own file, e.g. `impl StageFault for std::io::Error` outside the
    /// contract, works wherever the modules that it does name are used. Its file becomes their companion.
    fn link_foreign_impls(&mut self) {
        for module in ROOT..self.0.len() {
            let source = &self.0[module].source;
            let is_foreign = |head: &&ImplHead| head.words.is_disjoint(&source.definitions);
            let named: BTreeSet<usize> =
                source.impls.iter().filter(is_foreign).flat_map(|head| self.named_by(module, head)).collect();
            for other in named.into_iter().filter(|other| *other != module) {
                self.0[other].companions.insert(module);
            }
        }
    }

    /// The modules that an impl block's head names; where none can be made out, all that its file uses.
    fn named_by(&self, module: usize, head: &ImplHead) -> BTreeSet<usize> {
        let imports = &self.0[module].source.imports;
        let imported = head.words.iter().filter_map(|word| imports.get(word)).flatten();
        let targets = head.paths.iter().chain(imported).filter_map(|path| self.resolve(module, path));
        let named: BTreeSet<usize> = targets.map(|target| target.module).collect();
        if named.is_empty() { self.uses(module).0 } else { named }
    }

    fn spreads_macros(&self, module: usize) -> bool {
        self.has_word(module, "macro_export") || self.has_word(module, "macro_use")
    }

    fn has_word(&self, module: usize, word: &str) -> bool {
        self.0[module].source.words.contains(word)
    }
}
