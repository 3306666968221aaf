//! Which edit makes which stage stale: the digests that the build script computes, on small crates made here and on
//! the crate itself.

#[path = "../build/mod.rs"]
mod build;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::{Path, PathBuf};

    use rstest::rstest;

    use super::build::{Crate, Digests, digests};

    const STAGES: [&str; 9] =
        ["load", "validate", "preprocess", "rfm", "train", "evaluate", "visualize", "track", "deploy"];

    /// A crate in a folder of its own.
    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(files: &[(&str, &str)]) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            for (path, text) in files {
                tree.write(path, text);
            }
            tree
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn replace(&self, path: &str, from: &str, to: &str) {
            let text = fs::read_to_string(self.0.path().join(path)).unwrap();
            assert!(text.contains(from), "`{path}` has no `{from}`");
            self.write(path, &text.replace(from, to));
        }

        fn digests(&self) -> Result<BTreeMap<String, String>, String> {
            Ok(self.read()?.by_module)
        }

        fn read(&self) -> Result<Digests, String> {
            let folder = self.0.path();
            digests(&Crate {
                package: "segpipe-stages",
                root: folder.join("stages/lib.rs"),
                manifest: folder.join("stages/Cargo.toml"),
                workspace: Some(folder.join("Cargo.toml")),
                lock: folder.join("Cargo.lock"),
                variable: &|name| (name == "CARGO_PKG_VERSION").then(|| "0.1.0".to_owned()),
            })
        }

        /// The modules whose digests an edit changes.
        fn stale_after(&self, edit: impl FnOnce(&Self)) -> BTreeSet<String> {
            let before = self.digests().unwrap();
            edit(self);
            let after = self.digests().unwrap();
            assert!(before.keys().eq(after.keys()));
            before.into_iter().filter(|(name, digest)| after[name] != *digest).map(|(name, _)| name).collect()
        }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    const LOCK: &str = r#"version = 4

[[package]]
name = "libm"
version = "0.2.15"
source = "registry+index"
checksum = "aaaa"

[[package]]
name = "plotters"
version = "0.3.7"
source = "registry+index"
checksum = "bbbb"
dependencies = [
 "num-traits 0.2.19",
]

[[package]]
name = "num-traits"
version = "0.1.43"
source = "registry+index"
checksum = "cccc"

[[package]]
name = "num-traits"
version = "0.2.19"
source = "registry+index"
checksum = "dddd"

[[package]]
name = "segpipe-stages"
version = "0.1.0"
dependencies = [
 "libm",
 "plotters",
]
"#;

    /// Two kernels and five stages that use them in different ways.
    fn sample() -> Tree {
        Tree::new(&[
            ("Cargo.toml", "[workspace.dependencies]\nlibm = \"0.2\"\n"),
            (
                "stages/Cargo.toml",
                "[dependencies]\nlibm = { workspace = true }\ndrawing = { package = \"plotters\", version = \"0.3\" }\n",
            ),
            ("Cargo.lock", LOCK),
            (
                "stages/lib.rs",
                "//! Map.\n#![doc = include_str!(\"README.md\")]\npub mod contract;\npub mod kernels;\npub mod rfm;\npub mod train;\npub mod evaluate;\npub mod visualize;\npub mod track;\n",
            ),
            ("stages/contract.rs", "//! See [`crate::train`].\npub trait Stage {}\npub trait Fault {}\n"),
            (
                "stages/kernels/mod.rs",
                "pub mod kmeans;\npub mod silhouette;\npub use silhouette::mean;\nmod distance;\n",
            ),
            (
                "stages/kernels/kmeans.rs",
                "use super::distance::squared;\npub fn fit() { squared() }\n#[cfg(test)]\nmod tests { use crate::visualize; }\n",
            ),
            ("stages/kernels/silhouette.rs", "pub fn mean() -> f64 { libm::log(1.0) }\n"),
            ("stages/kernels/distance.rs", "pub fn squared() {}\n"),
            ("stages/rfm.rs", "use crate::contract::Stage;\npub struct Rfm;\nimpl Stage for Rfm {}\n"),
            (
                "stages/train/mod.rs",
                "use crate::{contract::Stage, kernels::kmeans};\npub mod onnx;\npub struct Train;\nimpl Stage for Train {}\nfn go() { kmeans::fit() }\n",
            ),
            ("stages/train/onnx.rs", "pub fn version() -> &'static str { env!(\"CARGO_PKG_VERSION\") }\n"),
            (
                "stages/evaluate.rs",
                "use crate::contract::Stage;\npub struct Evaluate;\nimpl Stage for Evaluate {}\nfn go() -> f64 { crate::kernels::mean() }\n",
            ),
            (
                "stages/visualize/mod.rs",
                "const STYLE: &str = include_str!(\"style.css\");\nfn go() { let _ = format!(\"{}\", crate::kernels::silhouette::mean()); drawing::draw() }\n",
            ),
            ("stages/visualize/style.css", "p {}"),
            ("stages/track.rs", "#[serde(with = \"crate::train::onnx\")]\npub struct Track;\n"),
        ])
    }

    #[test]
    fn an_edited_kernel_makes_exactly_its_users_stale() {
        let tree = sample();
        let stale =
            tree.stale_after(|tree| tree.replace("stages/kernels/kmeans.rs", "squared()", "squared(); squared()"));
        assert_eq!(stale, names(&["kernels", "train"]));
    }

    #[test]
    fn a_kernel_used_through_another_counts() {
        let tree = sample();
        let stale = tree.stale_after(|tree| tree.write("stages/kernels/distance.rs", "pub fn squared() { loop {} }"));
        assert_eq!(stale, names(&["kernels", "train"]));
    }

    #[test]
    fn a_re_export_leads_to_what_it_exports_and_a_macro_call_is_looked_into() {
        let tree = sample();
        let stale = tree.stale_after(|tree| tree.replace("stages/kernels/silhouette.rs", "1.0", "2.0"));
        assert_eq!(stale, names(&["evaluate", "kernels", "visualize"]));
    }

    #[test]
    fn the_contract_does_not_lead_back_to_the_stages_that_fulfil_it() {
        let tree = sample();
        let stale = tree
            .stale_after(|tree| tree.replace("stages/rfm.rs", "pub struct Rfm;", "pub struct Rfm; pub fn more() {}"));
        assert_eq!(stale, names(&["rfm"]));
        let stale = tree.stale_after(|tree| tree.write("stages/contract.rs", "pub trait Stage { fn name() {} }"));
        assert_eq!(stale, names(&["contract", "evaluate", "rfm", "train"]));
    }

    #[test]
    fn the_build_is_repeated_for_the_files_that_count_and_for_no_others() {
        let tree = sample();
        let files = tree.read().unwrap().files;
        let found: Vec<&str> =
            files.iter().map(|path| path.strip_prefix(tree.0.path()).unwrap().to_str().unwrap()).collect();
        let expected = [
            "Cargo.lock",
            "Cargo.toml",
            "stages/Cargo.toml",
            "stages/contract.rs",
            "stages/evaluate.rs",
            "stages/kernels/distance.rs",
            "stages/kernels/kmeans.rs",
            "stages/kernels/mod.rs",
            "stages/kernels/silhouette.rs",
            "stages/lib.rs",
            "stages/rfm.rs",
            "stages/track.rs",
            "stages/train/mod.rs",
            "stages/train/onnx.rs",
            "stages/visualize/mod.rs",
            "stages/visualize/style.css",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn code_named_in_an_attribute_counts() {
        let tree = sample();
        let stale = tree.stale_after(|tree| tree.replace("stages/train/onnx.rs", "pub fn", "pub const fn"));
        assert_eq!(stale, names(&["track", "train"]));
    }

    #[test]
    fn an_edited_asset_makes_the_stage_stale_that_embeds_it() {
        let tree = sample();
        assert_eq!(tree.stale_after(|tree| tree.write("stages/visualize/style.css", "p { }")), names(&["visualize"]));
    }

    #[rstest]
    #[case::of_a_crate_that_is_used("0.2.15", "0.2.16", &["evaluate", "kernels", "visualize"])]
    #[case::of_a_renamed_crate("0.3.7", "0.3.8", &["visualize"])]
    #[case::of_a_crate_below_one_that_is_used("dddd", "eeee", &["visualize"])]
    #[case::of_a_version_that_nobody_here_uses("cccc", "eeee", &[])]
    fn another_locked_version_makes_its_users_stale(#[case] from: &str, #[case] to: &str, #[case] stale: &[&str]) {
        assert_eq!(sample().stale_after(|tree| tree.replace("Cargo.lock", from, to)), names(stale));
    }

    #[test]
    fn other_features_of_a_crate_make_its_users_stale() {
        let tree = sample();
        let stale = tree.stale_after(|tree| {
            tree.replace("Cargo.toml", "libm = \"0.2\"", "libm = { version = \"0.2\", features = [\"arch\"] }");
        });
        assert_eq!(stale, names(&["evaluate", "kernels", "visualize"]));
    }

    #[test]
    fn comments_tests_and_new_modules_make_nothing_stale() {
        let tree = sample();
        let stale = tree.stale_after(|tree| {
            tree.replace("stages/rfm.rs", "pub struct", "// Who.\n/* and */ pub struct");
            tree.replace("stages/kernels/kmeans.rs", "use crate::visualize;", "#[test] fn it_fits() {}");
            tree.replace("stages/kernels/mod.rs", "mod distance;", "mod distance;\n/// New.\npub mod scaling;");
            tree.write("stages/kernels/scaling.rs", "pub fn log() {}");
            tree.write("stages/README.md", "More.");
        });
        // The new kernel is part of the kernels as a whole, and of no stage.
        assert_eq!(stale, names(&["kernels"]));
    }

    #[test]
    fn an_impl_block_away_from_its_type_and_its_trait_is_found() {
        let tree = sample();
        tree.replace("stages/visualize/mod.rs", "const STYLE", "impl crate::contract::Fault for u8 {}\nconst STYLE");
        let stale = tree.stale_after(|tree| tree.write("stages/visualize/style.css", "a {}"));
        assert_eq!(stale, names(&["contract", "evaluate", "rfm", "train", "visualize"]));
    }

    #[test]
    fn macros_from_above_count_although_no_path_names_them() {
        let tree = sample();
        tree.replace(
            "stages/kernels/mod.rs",
            "pub mod kmeans;",
            "macro_rules! one { () => { crate::rfm::ONE } }\npub mod kmeans;",
        );
        let stale = tree.stale_after(|tree| tree.write("stages/rfm.rs", "pub const ONE: u8 = 1;"));
        assert_eq!(stale, names(&["evaluate", "kernels", "rfm", "train", "visualize"]));
    }

    #[test]
    fn an_exported_macro_counts_for_everyone() {
        let tree = sample();
        tree.write("stages/rfm.rs", "#[macro_export]\nmacro_rules! one { () => { 1 } }");
        let stale = tree.stale_after(|tree| tree.replace("stages/rfm.rs", "{ 1 }", "{ 2 }"));
        assert_eq!(stale.len(), 7);
    }

    #[test]
    fn a_module_imported_whole_counts_with_everything_below_it() {
        let tree = sample();
        tree.write("stages/rfm.rs", "use crate::kernels;\nfn go() { kernels::kmeans::fit() }");
        let stale =
            tree.stale_after(|tree| tree.replace("stages/kernels/kmeans.rs", "squared()", "squared(); squared()"));
        assert_eq!(stale, names(&["kernels", "rfm", "train"]));
    }

    #[test]
    fn inside_an_inline_module_super_is_the_file() {
        let tree = sample();
        tree.write(
            "stages/train/onnx.rs",
            "mod parts { use super::super::super::rfm::Rfm; use super::super::Train; use super::x; }",
        );
        let stale = tree.stale_after(|tree| tree.replace("stages/rfm.rs", "pub struct Rfm;", "pub struct Rfm();"));
        assert_eq!(stale, names(&["rfm", "track", "train"]));
    }

    #[rstest]
    #[case::a_path_on_a_module(
        "#[path = \"other.rs\"] mod other;",
        "declares module `other` with a `path`, which is not followed"
    )]
    #[case::a_file_in_an_inline_module("mod a { mod b; }", "declares module `b` inside another, which is not followed")]
    #[case::an_asset_by_expression(
        "const A: &str = include_str!(concat!(\"a\", \".css\"));",
        "write the path as one string"
    )]
    #[case::a_feature(
        "#[cfg(feature = \"fast\")] fn go() {}",
        "is compiled differently by a feature, which no digest would show"
    )]
    #[case::an_unknown_variable(
        "const A: &str = env!(\"USER\");",
        "`USER` is compiled into a stage, but its value is not known to the build script"
    )]
    #[case::no_rust("fn (", "is no Rust source")]
    #[case::a_missing_module("mod nowhere;", "cannot read")]
    #[case::a_missing_asset("const A: &str = include_str!(\"nowhere.css\");", "cannot read")]
    fn what_cannot_be_followed_is_refused(#[case] code: &str, #[case] problem: &str) {
        let tree = sample();
        tree.write("stages/rfm.rs", code);
        let found = tree.digests().unwrap_err();
        assert!(found.contains(problem), "{found}");
    }

    #[rstest]
    #[case::without_the_crate("\n \"plotters\",", "", "does not know that `segpipe-stages` uses `plotters`")]
    #[case::without_the_package("segpipe-stages", "other", "does not know package `segpipe-stages`")]
    #[case::with_a_path_dependency(
        "source = \"registry+index\"\nchecksum = \"aaaa\"\n",
        "",
        "a path dependency, would be in no stage's digest"
    )]
    fn a_lock_that_does_not_settle_the_versions_is_refused(
        #[case] from: &str,
        #[case] to: &str,
        #[case] problem: &str,
    ) {
        let tree = sample();
        tree.replace("Cargo.lock", from, to);
        let found = tree.digests().unwrap_err();
        assert!(found.contains(problem), "{found}");
    }

    /// This crate's own sources, copied.
    fn own_tree() -> Tree {
        let tree = Tree(tempfile::tempdir().unwrap());
        let stages = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(stages, &tree.0.path().join("stages"));
        for name in ["Cargo.toml", "Cargo.lock"] {
            fs::copy(stages.join("..").join(name), tree.0.path().join(name)).unwrap();
        }
        tree
    }

    fn copy(from: &Path, to: &PathBuf) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &target);
            } else {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }

    #[test]
    fn what_is_compiled_in_is_what_the_sources_give_wherever_they_lie() {
        let digests = own_tree().digests().unwrap();
        for stage in STAGES {
            assert_eq!(segpipe_stages::implementation::of(stage), digests[stage], "{stage}");
        }
    }

    /// The stages whose digests change when `path` is edited.
    fn stages_stale_after_an_edit_of(path: &str) -> BTreeSet<String> {
        let tree = own_tree();
        let mut stale = tree.stale_after(|tree| {
            let text = fs::read_to_string(tree.0.path().join(path)).unwrap();
            tree.write(path, &format!("{text}\nconst EDITED: u8 = 1;\n"));
        });
        stale.retain(|module| STAGES.contains(&module.as_str()));
        stale
    }

    #[rstest]
    #[case::a_stage("stages/track/mod.rs", &["track"])]
    #[case::a_file_of_the_app("stages/deploy/app/views/predict.py", &["deploy"])]
    #[case::a_kernel_of_one_stage("stages/kernels/kmeans/lloyd.rs", &["train"])]
    // `deploy` takes its sample of the map by the strata that the silhouette is estimated from.
    #[case::a_kernel_of_several("stages/kernels/silhouette.rs", &["train", "evaluate", "visualize", "deploy"])]
    fn an_edit_makes_exactly_its_users_stale(#[case] path: &str, #[case] users: &[&str]) {
        assert_eq!(stages_stale_after_an_edit_of(path), names(users));
    }
}
