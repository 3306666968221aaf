//! Writes the digest of every stage's implementation into the crate; `stages/build` says how they are made.

#[path = "build/mod.rs"]
mod build;

use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let package = std::env::var("CARGO_PKG_NAME")?;
    let found = Paths::find(&folder).and_then(|paths| {
        build::digests(&build::Crate {
            package: &package,
            root: folder.join("lib.rs"),
            manifest: folder.join("Cargo.toml"),
            workspace: paths.workspace,
            lock: paths.lock,
            variable: &|name| std::env::var(name).ok(),
        })
    });
    let digests = match found {
        Ok(digests) => digests,
        Err(problem) => {
            println!("cargo::error=the digests of the stages cannot be computed: {problem}");
            return Ok(());
        }
    };
    for file in &digests.files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let entries: Vec<(String, String)> = digests.by_module.into_iter().collect();
    let source = format!("const IMPLEMENTATIONS: &[(&str, &str)] = &{entries:?};");
    Ok(std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("implementations.rs"), source)?)
}

struct Paths {
    lock: PathBuf,
    workspace: Option<PathBuf>,
}

impl Paths {
    /// Cargo.lock is beside the manifest or, in a workspace, in a folder above it.
    fn find(folder: &Path) -> Result<Self, String> {
        let above = folder.ancestors().find(|folder| folder.join("Cargo.lock").exists());
        let home = above.ok_or_else(|| {
            format!("there is no Cargo.lock in `{}` or above it; `cargo generate-lockfile` makes one", folder.display())
        })?;
        let workspace = Some(home.join("Cargo.toml")).filter(|path| home != folder && path.exists());
        Ok(Self { lock: home.join("Cargo.lock"), workspace })
    }
}
