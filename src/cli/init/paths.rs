//! Names and relative paths for a new pipeline file.

use std::path::{Component, Path, PathBuf};

/// `path` as seen from `folder`; both absolute. It stays absolute where they have nothing in common but the root.
pub(super) fn relative(path: &Path, folder: &Path) -> PathBuf {
    let (path, folder) = (plain(path), plain(folder));
    let shared = path.components().zip(folder.components()).take_while(|(one, other)| one == other).count();
    if shared <= 1 {
        return path;
    }
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(path.components().skip(shared)).collect()
}

/// The same path without `.` and `..`, as far as names alone tell.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

/// A pipeline's name for a source: its file name up to the first dot, in plain letters.
pub(super) fn name_of(source: &Path) -> String {
    let file = source.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = file.split('.').next().unwrap_or_default().to_lowercase();
    let plain: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let name = plain.trim_matches('_');
    let is_fit = name.starts_with(|c: char| c.is_ascii_lowercase());
    if is_fit { name.to_owned() } else { format!("customers_{name}").trim_end_matches('_').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_named_from_the_pipeline_files_folder() {
        let relative = |path: &str, folder: &str| relative(Path::new(path), Path::new(folder)).display().to_string();
        assert_eq!(relative("/data/shop/a.csv", "/data/shop"), "a.csv");
        assert_eq!(relative("/data/shop/raw/a.csv", "/data/shop/."), "raw/a.csv");
        assert_eq!(relative("/data/shop/../a.csv", "/data/shop/x"), "../../a.csv");
        assert_eq!(relative("/mnt/a.csv", "/data/shop"), "/mnt/a.csv");
    }

    #[test]
    fn a_pipeline_is_named_after_its_source() {
        let name = |path: &str| name_of(Path::new(path));
        assert_eq!(name("data/Online Retail.csv.gz"), "online_retail");
        assert_eq!(name("2024.xlsx"), "customers_2024");
        assert_eq!(name("Größe.csv"), "gr__e");
        assert_eq!(name("...csv"), "customers");
    }
}
