//! The files of the app, as they are compiled in.
//!
//! For: `deploy`, which puts them into every bundle, so that whoever has a bundle has its app. Written out one by one,
//! because the digest of the stage follows embedded files by their names: a changed one makes `deploy` stale.

/// Paths in the bundle and contents.
pub(super) const FILES: [(&str, &[u8]); 18] = [
    ("requirements.txt", include_bytes!("app/requirements.txt")),
    ("app/.streamlit/config.toml", include_bytes!("app/.streamlit/config.toml")),
    ("app/app.py", include_bytes!("app/app.py")),
    ("app/bundle.py", include_bytes!("app/bundle.py")),
    ("app/changes.py", include_bytes!("app/changes.py")),
    ("app/charts.py", include_bytes!("app/charts.py")),
    ("app/following.py", include_bytes!("app/following.py")),
    ("app/placing.py", include_bytes!("app/placing.py")),
    ("app/reading.py", include_bytes!("app/reading.py")),
    ("app/scoring.py", include_bytes!("app/scoring.py")),
    ("app/service.py", include_bytes!("app/service.py")),
    ("app/session.py", include_bytes!("app/session.py")),
    ("app/tracking.py", include_bytes!("app/tracking.py")),
    ("app/views/batch.py", include_bytes!("app/views/batch.py")),
    ("app/views/model.py", include_bytes!("app/views/model.py")),
    ("app/views/overview.py", include_bytes!("app/views/overview.py")),
    ("app/views/predict.py", include_bytes!("app/views/predict.py")),
    ("app/wording.py", include_bytes!("app/wording.py")),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    /// Every file below `folder` but what Python leaves behind, by its path from `root`.
    fn below(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            match entry.file_name().to_str().unwrap() {
                "__pycache__" => {}
                _ if path.is_dir() => below(root, &path, found),
                _ => {
                    let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                    found.insert(name, std::fs::read(&path).unwrap());
                }
            }
        }
    }

    #[test]
    fn every_file_of_the_apps_folder_is_compiled_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
        let mut found = BTreeMap::new();
        below(&folder, &folder.join("app"), &mut found);
        let requirements = found.remove("app/requirements.txt").unwrap();
        found.insert("requirements.txt".to_owned(), requirements);
        let compiled: BTreeMap<String, Vec<u8>> =
            FILES.iter().map(|(path, content)| ((*path).to_owned(), content.to_vec())).collect();
        assert_eq!(compiled, found);
    }

    #[test]
    fn the_apps_packages_are_pinned_as_the_gate_pins_them() {
        let gate = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/requirements.txt");
        let gate = std::fs::read_to_string(gate).unwrap();
        let requirements = std::str::from_utf8(FILES[0].1).unwrap();
        let pins: Vec<&str> = requirements.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(pins.len() >= 5);
        for pin in pins {
            assert!(pin.contains("==") && gate.lines().any(|line| line == pin), "`{pin}` is not in the gate's");
        }
    }
}
