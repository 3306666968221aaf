//! `deploy` on whole results: what a bundle holds and does not hold, and that a changed one is refused.

use serde_json::json;

use arrow_array::StringArray;

use crate::contract::Stage;
use crate::results_fixture::{Fixture, Setup, files, on_threads};
use crate::schema;
use crate::table::{self, column};

use super::bundle::{BundleError, open};
use super::*;

const HOSTILE: &str = "</td><script>alert('1')</script>|\n# x ";

/// What every bundle holds beside the app, whose files `app_files` lists and tests.
const RESULTS: [&str; 10] = [
    "manifest.json",
    "map.json",
    "model.json",
    "model.onnx",
    "model_card.html",
    "model_card.md",
    "pca.json",
    "plots/pca_scatter.svg",
    "policy.json",
    "segments.json",
];

/// The paths in every bundle, sorted.
fn always() -> Vec<&'static str> {
    let mut paths: Vec<&str> = RESULTS.into_iter().chain(app_files::FILES.map(|(path, _)| path)).collect();
    paths.sort_unstable();
    paths
}

#[test]
fn a_bundle_holds_everything_and_its_manifest_the_digest_of_everything_else() {
    let fixture = Fixture::new(Setup::default());
    let (out, report) = fixture.run(&Deploy, &json!({})).unwrap();
    assert_eq!(report.headline, "3 segments, 28 files");
    let files = files(&out.join("bundle"));
    assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), always());
    let manifest: Manifest = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!(manifest.files.len(), 27);
    for file in &manifest.files {
        assert_eq!(file.digest, blake3::hash(&files[&file.path]).to_hex().to_string(), "{}", file.path);
    }
    let (table, facts) = table::read(&out.join("manifest.parquet"), &schema::manifest()).unwrap();
    assert_eq!(column::<StringArray>(&table, "path").iter().flatten().collect::<Vec<_>>(), always());
    assert_eq!(facts["data_source"], "file");
}

#[test]
fn a_bundle_brings_the_app_and_what_it_runs_on() {
    let fixture = Fixture::new(Setup::default());
    let (out, _) = fixture.run(&Deploy, &json!({})).unwrap();
    let bundle = open(&out.join("bundle")).unwrap();
    let text = |path: &str| std::str::from_utf8(bundle.file(path).unwrap()).unwrap();
    assert!(text("app/app.py").contains("st.navigation"));
    assert!(text("requirements.txt").contains("streamlit=="));
}

#[test]
fn the_manifest_names_the_model_as_a_tracking_server_is_told() {
    let fixture = Fixture::new(Setup::default());
    let (out, _) = fixture.run(&Deploy, &json!({})).unwrap();
    let files = files(&out.join("bundle"));
    let manifest: Manifest = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let digest = |path: &str| blake3::hash(&files[path]).to_hex().to_string();
    let both = format!("{}\n{}", digest("model.json"), digest("model.onnx"));
    assert_eq!(manifest.model_identity, blake3::hash(both.as_bytes()).to_hex()[..32]);
}

#[test]
fn no_customer_is_named_unless_asked_for() {
    let fixture = Fixture::new(Setup::default());
    let has_ids = |out: &Path| {
        let holds = |content: &Vec<u8>| content.windows(9).any(|window| window == b"customer-");
        files(&out.join("bundle")).iter().any(|(path, content)| path.ends_with(".parquet") || holds(content))
    };
    assert!(!has_ids(&fixture.run(&Deploy, &json!({})).unwrap().0));
    let (out, _) = fixture.run(&Deploy, &json!({ "include_assignments": true })).unwrap();
    assert!(has_ids(&out));
    let bundle = open(&out.join("bundle")).unwrap();
    assert_eq!(
        bundle.file("assignments.parquet"),
        Some(std::fs::read(fixture.path("assignments")).unwrap().as_slice())
    );
}

#[test]
fn an_opened_bundle_gives_model_cards_policy_and_a_digest_of_the_whole() {
    let fixture = Fixture::new(Setup::default());
    let (out, _) = fixture.run(&Deploy, &json!({})).unwrap();
    let bundle = open(&out.join("bundle")).unwrap();
    assert_eq!(bundle.model, fixture.model);
    assert_eq!(bundle.cards, Cards::of(&fixture.results()));
    assert_eq!(bundle.policy.returns.as_deref(), Some("gross"));
    assert_eq!(bundle.card(2).unwrap().name, "Segment of customers number 2");
    let manifest = std::fs::read(out.join("bundle/manifest.json")).unwrap();
    assert_eq!(bundle.digest, blake3::hash(&manifest).to_hex().to_string());
    assert_eq!(bundle.paths().count(), 27);
}

#[test]
fn a_bundle_with_any_changed_or_missing_file_is_refused() {
    let fixture = Fixture::new(Setup::default());
    for name in always() {
        let (out, _) = fixture.run(&Deploy, &json!({})).unwrap();
        let (folder, path) = (out.join("bundle"), out.join("bundle").join(name));
        let mut content = std::fs::read(&path).unwrap();
        *content.last_mut().unwrap() ^= 1;
        std::fs::write(&path, content).unwrap();
        let error = open(&folder).unwrap_err();
        let is_expected = matches!(error, BundleError::Changed { .. }) || name == "manifest.json";
        assert!(is_expected && error.fault() == Fault::Data, "{name}: {error}");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(open(&folder), Err(BundleError::File { .. })), "{name}");
    }
}

#[test]
fn a_manifest_that_points_elsewhere_or_comes_from_the_future_is_refused() {
    let fixture = Fixture::new(Setup::default());
    let (out, _) = fixture.run(&Deploy, &json!({})).unwrap();
    let folder = out.join("bundle");
    let rewrite = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest: Manifest =
            serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
        change(&mut manifest);
        let original = std::fs::read(folder.join("manifest.json")).unwrap();
        std::fs::write(folder.join("manifest.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
        let error = open(&folder).unwrap_err();
        std::fs::write(folder.join("manifest.json"), original).unwrap();
        error
    };
    let error = rewrite(&|manifest| manifest.files.push(ManifestFile::of("../secret", b"")));
    assert!(matches!(error, BundleError::Outside { ref named, .. } if named == "../secret"), "{error}");
    let error = rewrite(&|manifest| manifest.version = 99);
    assert!(error.to_string().ends_with("has version 99, and this segpipe reads versions up to 1"), "{error}");
    let error = rewrite(&|manifest| manifest.files.retain(|file| file.path != "policy.json"));
    assert!(error.to_string().ends_with("has no `policy.json`"), "{error}");
    assert!(open(&folder).is_ok());
}

#[test]
fn a_file_of_a_later_version_is_refused_by_its_version_whatever_else_it_holds() {
    let fixture = Fixture::new(Setup::default());
    let (out, _) = fixture.run(&Deploy, &json!({})).unwrap();
    let folder = out.join("bundle");
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
    let later = b"{\"contents\": {\"model\": \"model.onnx\"}, \"version\": 2}".as_slice();
    let refused = |name: &str, error: BundleError| {
        assert!(matches!(error, BundleError::Version { found: 2, known: 1, .. }), "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(error.hint().as_deref(), Some("update segpipe, or make the bundle anew"), "{name}");
    };
    for name in ["policy.json", "segments.json"] {
        let original = std::fs::read(folder.join(name)).unwrap();
        std::fs::write(folder.join(name), later).unwrap();
        let mut listed: Manifest = serde_json::from_slice(&manifest).unwrap();
        let place = listed.files.iter().position(|file| file.path == name).unwrap();
        listed.files[place] = ManifestFile::of(name, later);
        std::fs::write(folder.join("manifest.json"), serde_json::to_vec(&listed).unwrap()).unwrap();
        refused(name, open(&folder).unwrap_err());
        std::fs::write(folder.join(name), original).unwrap();
    }
    std::fs::write(folder.join("manifest.json"), later).unwrap();
    refused("manifest.json", open(&folder).unwrap_err());
    std::fs::write(folder.join("manifest.json"), b"{\"version\": 1}").unwrap();
    assert!(matches!(open(&folder), Err(BundleError::Json { .. })));
}

#[test]
fn a_folder_without_a_bundle_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(folder.path()).unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("make the bundle anew with `segpipe run`"));
    assert_eq!(error.fault(), Fault::Data);
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let fixture = Fixture::new(Setup { each: 400, ..Setup::default() });
    let params = || json!({ "map_sample": 200 });
    let bytes = |threads| on_threads(threads, || files(&fixture.run(&Deploy, &params()).unwrap().0));
    assert_eq!(bytes(1), bytes(4));
}

#[test]
fn one_two_and_twelve_segments_can_be_bundled() {
    for k in [1, 2, 12] {
        let fixture = Fixture::new(Setup { k, ..Setup::default() });
        let (out, _) = fixture.run(&Deploy, &json!({})).unwrap();
        assert_eq!(open(&out.join("bundle")).unwrap().cards.segments.len(), k);
    }
}

#[test]
fn simulated_data_is_said_in_every_document() {
    let fixture = Fixture::new(Setup { is_simulated: true, ..Setup::default() });
    let (out, _) = fixture.run(&Deploy, &json!({})).unwrap();
    let bundle = open(&out.join("bundle")).unwrap();
    assert_eq!((bundle.cards.data.source.as_str(), bundle.policy.data_source.as_str()), ("simulated", "simulated"));
    let text = |path: &str| String::from_utf8(bundle.file(path).unwrap().to_vec()).unwrap();
    assert!(text("model_card.md").starts_with("# Model card: customer segments\n\n> **Warning:** SIMULATED DATA"));
    assert!(text("model_card.html").contains("role=\"alert\">SIMULATED DATA"));
}

#[test]
fn the_card_tells_data_policy_method_metrics_limits_and_digests() {
    let fixture = Fixture::new(Setup::default());
    let (out, _) = fixture.run(&Deploy, &json!({})).unwrap();
    let card = std::fs::read_to_string(out.join("bundle/model_card.md")).unwrap().replace('\u{a0}', " ");
    for text in [
        "3 segments of 120 customers",
        "> **Warning:** only a few customers",
        "from 2010-12-01 08:26:00 to 2011-12-09",
        "Cancellations and returns were left out.",
        "k = 3 and seed 42",
        "| silhouette | 0.6160 |",
        "95.0 % kept the name",
        "digest of model.onnx",
        "retail.csv",
    ] {
        assert!(card.contains(text), "`{text}` is not in\n{card}");
    }
}

#[test]
fn nothing_that_stood_in_the_data_becomes_markup() {
    let fixture = Fixture::new(Setup { prefix: HOSTILE, ..Setup::default() });
    let (out, _) = fixture.run(&Deploy, &json!({})).unwrap();
    let files = files(&out.join("bundle"));
    let text = |path: &str| String::from_utf8(files[path].clone()).unwrap();
    assert!(!text("model_card.html").contains("<script") && !text("model_card.md").contains("<script"));
    assert!(!text("model_card.md").lines().any(|line| line.starts_with("# x")));
}

#[test]
fn params_out_of_range_are_refused_by_name() {
    let raw = json!({ "map_sample": 1_000_000 });
    assert_eq!(Deploy.check_params(raw.as_object().unwrap()).unwrap_err().path, ["map_sample"]);
}
