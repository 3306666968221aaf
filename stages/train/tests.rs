//! Training as a whole, on small customers made up here, and the stage around it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow_array::{Array, BooleanArray, Float64Array, Int64Array, StringArray};
use serde_json::json;

use super::*;
use crate::contract::{InputFile, Note, NoteLevel, Observer};
use crate::random::Random;
use crate::schema;
use crate::table::column;

/// Customers of four kinds, sixty each: recent and frequent, regular, new, gone. Money follows frequency.
fn four_kinds() -> Vec<[f64; 3]> {
    let mut random = Random::new(1, 0);
    let kinds = [[10.0, 20.0, 4000.0], [60.0, 6.0, 900.0], [10.0, 1.0, 200.0], [250.0, 1.0, 150.0]];
    let mut around = |kind: [f64; 3]| {
        let [r, f, m] = kind.map(|middle| middle * (0.8 + 0.4 * random.unit()));
        [r.round(), f.round().max(1.0), (m * 100.0).round() / 100.0]
    };
    (0..240).map(|i| around(kinds[i % 4])).collect()
}

fn customers(raw: &[[f64; 3]]) -> Customers {
    Customers {
        ids: (0..raw.len()).map(|i| format!("{:05}", 10_000 + i)).collect(),
        recency: raw.iter().map(|row| row[0] as i64).collect(),
        frequency: raw.iter().map(|row| row[1] as i64).collect(),
        monetary: raw.iter().map(|row| row[2]).collect(),
        scores: vec![[3; 3]; raw.len()],
        rfm_segments: vec!["Loyal".to_owned(); raw.len()],
    }
}

fn log(k: K) -> TrainParams {
    TrainParams { scaling: Scaling::Log, k, ..TrainParams::default() }
}

#[test]
fn a_study_that_was_kept_gives_the_same_model_for_another_k() {
    let raw = four_kinds();
    let first = train(&raw, Origin::default(), &log(K::Fixed(4))).unwrap();
    let kept = serde_json::to_vec(&first.study.candidates).unwrap();
    for params in [log(K::Fixed(7)), log(K::Auto(3, 10))] {
        assert_eq!(params.of_study(), log(K::Fixed(4)).of_study());
        let known: Vec<Candidate> = serde_json::from_slice(&kept).unwrap();
        assert_eq!(
            train_from(&raw, Origin::default(), &params, Some(known)).unwrap(),
            train(&raw, Origin::default(), &params).unwrap()
        );
    }
}

#[test]
fn a_kept_study_of_other_customers_or_other_k_is_not_used() {
    let raw = four_kinds();
    let known = train(&raw, Origin::default(), &log(K::Fixed(4))).unwrap().study.candidates;
    let fewer = &raw[..200];
    let expected = train(fewer, Origin::default(), &log(K::Fixed(4))).unwrap();
    assert_eq!(train_from(fewer, Origin::default(), &log(K::Fixed(4)), Some(known.clone())).unwrap(), expected);
    let expected = train(&raw, Origin::default(), &log(K::Fixed(12))).unwrap();
    assert_eq!(train_from(&raw, Origin::default(), &log(K::Fixed(12)), Some(known)).unwrap(), expected);
}

/// Collects what is said.
#[derive(Default)]
struct Notes(std::sync::Mutex<Vec<Note>>);

impl Observer for Notes {
    fn progress(&self, _done: u64, _total: u64) {}
    fn note(&self, note: Note) {
        self.0.lock().unwrap().push(note);
    }
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Runs the stage on a table of these customers; returns every output's bytes, the headline and the notes.
fn run(raw: &[[f64; 3]], params: &Value, folder: &Path) -> Result<(StageReport, Vec<Note>), StageError> {
    let path = folder.join("customers.parquet");
    let facts: Facts =
        [("data_source", "simulated"), ("snapshot", "2011-12-10T12:50:00"), ("frequency_unit", "purchase_days")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    table::write(&path, &customers(raw).to_batch().unwrap(), &facts).unwrap();
    let inputs = BTreeMap::from([("customers".to_owned(), InputFile { path, digest: "d".repeat(64) })]);
    let params = Train.check_params(params.as_object().unwrap()).unwrap();
    let out = folder.join("out");
    std::fs::create_dir_all(&out).unwrap();
    let notes = Notes::default();
    let report = Train.run(&StageContext::new(Train.outputs(), &params, inputs, Vec::new(), out, &notes))?;
    Ok((report, notes.0.into_inner().unwrap()))
}

#[test]
fn the_segments_are_the_kinds_the_most_valuable_first_and_named_by_what_they_are() {
    let raw = four_kinds();
    let trained = train(&raw, Origin::default(), &log(K::Fixed(4))).unwrap();
    for (row, score) in trained.scores.iter().enumerate() {
        assert_eq!(score.segment, row % 4);
    }
    let names: Vec<&str> = trained.model.segments.iter().map(|segment| segment.name.as_str()).collect();
    assert_eq!(names, ["Champions", "Regulars", "New Customers", "Lost"]);
    assert!(trained.model.segments.iter().all(|segment| segment.customers == 60));
    assert!(trained.model.name_stability.unwrap() > 0.9, "{:?}", trained.model.name_stability);
}

#[test]
fn means_and_ranges_are_of_raw_values() {
    let raw = [[1.0, 1.0, 10.0], [3.0, 1.0, 20.0], [101.0, 9.0, 400.0], [103.0, 9.0, 600.0]];
    let trained = train(&raw, Origin::default(), &TrainParams { k: K::Fixed(2), ..TrainParams::default() }).unwrap();
    let bits = |values: [f64; 3]| values.map(f64::to_bits);
    assert_eq!(bits(trained.model.segments[0].mean), bits([102.0, 9.0, 500.0]));
    assert_eq!(bits(trained.model.segments[1].mean), bits([2.0, 1.0, 15.0]));
    assert_eq!(trained.model.ranges, [[1.0, 103.0], [1.0, 9.0], [10.0, 600.0]]);
    // Scaled recency: mean 52, deviations −51, −49, 49, 51.
    let scale = (f64::from(2 * (51 * 51 + 49 * 49)) / 4.0).sqrt();
    assert!((trained.model.segments[0].centroid[0] - 50.0 / scale).abs() < 1e-15);
}

#[test]
fn the_model_scores_every_customer_as_training_did_and_comes_back_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let raw = four_kinds();
    let (report, _) = run(&raw, &json!({ "scaling": "log", "k": 5 }), folder.path()).map_err(|e| e.message).unwrap();
    assert_eq!(report.headline, "k=5, 240 customers");
    let model = Model::read(&folder.path().join("out/model.json")).unwrap();
    let (batch, facts) = table::read(&folder.path().join("out/assignments.parquet"), &schema::assignments()).unwrap();
    for (row, raw) in raw.iter().enumerate() {
        let score = model.score(*raw).unwrap();
        assert_eq!(column::<Int64Array>(&batch, "segment").value(row), score.segment as i64);
        assert_eq!(column::<Float64Array>(&batch, "distance").value(row).to_bits(), score.distance.to_bits());
        assert_eq!(column::<StringArray>(&batch, "segment_name").value(row), model.segments[score.segment].name);
        assert_eq!(Some(column::<Int64Array>(&batch, "runner_up").value(row) as usize), score.runner_up);
    }
    assert_eq!((model.data_digest, model.data_source.as_str()), ("d".repeat(64), "simulated"));
    assert_eq!((model.snapshot.as_str(), model.frequency_unit.as_str()), ("2011-12-10T12:50:00", "purchase_days"));
    assert_eq!(facts["data_source"], "simulated", "facts travel on");
    let (model_table, _) = table::read(&folder.path().join("out/model.parquet"), &schema::model()).unwrap();
    assert_eq!(column::<Int64Array>(&model_table, "customers").values().iter().sum::<i64>(), 240);
    assert!(!std::fs::read(folder.path().join("out/model.onnx")).unwrap().is_empty());
}

#[test]
fn the_study_names_the_k_that_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let params = json!({ "scaling": "log", "k": "auto" });
    let (_, notes) = run(&four_kinds(), &params, folder.path()).map_err(|error| error.message).unwrap();
    let (batch, _) = table::read(&folder.path().join("out/k_selection.parquet"), &schema::k_selection()).unwrap();
    assert_eq!(column::<Int64Array>(&batch, "k").values(), &[2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let selected = column::<BooleanArray>(&batch, "is_selected");
    assert_eq!(selected.iter().flatten().collect::<Vec<_>>(), (2..=10).map(|k| k == 4).collect::<Vec<_>>());
    assert!(notes.iter().all(|note| note.level == NoteLevel::Info));
    assert!(notes[0].text.starts_with("k = 4 (") && notes[0].text.contains("; runner-up k = "), "{notes:?}");
    assert!(notes[1].text.ends_with("% of customers keep their segment's name over 20 refits"), "{notes:?}");
}

#[test]
fn one_segment_has_a_name_and_no_runner_up() {
    let folder = tempfile::tempdir().unwrap();
    run(&four_kinds(), &json!({ "k": 1, "study": [1, 2] }), folder.path()).map_err(|error| error.message).unwrap();
    let (batch, _) = table::read(&folder.path().join("out/assignments.parquet"), &schema::assignments()).unwrap();
    assert_eq!(column::<Int64Array>(&batch, "runner_up").null_count(), 240);
    assert_eq!(column::<Float64Array>(&batch, "margin").null_count(), 240);
    let (study, _) = table::read(&folder.path().join("out/k_selection.parquet"), &schema::k_selection()).unwrap();
    assert!(column::<Float64Array>(&study, "silhouette").is_null(0));
}

#[test]
fn a_mixture_finds_the_kinds_too_and_its_file_can_score() {
    let folder = tempfile::tempdir().unwrap();
    let raw = four_kinds();
    let params = json!({ "algorithm": "gaussian_mixture", "scaling": "log", "stability_refits": 2, "study": [2, 4] });
    run(&raw, &params, folder.path()).map_err(|error| error.message).unwrap();
    let model = Model::read(&folder.path().join("out/model.json")).unwrap();
    assert!((model.mixture.as_ref().unwrap().weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    for (index, row) in raw.iter().enumerate() {
        assert_eq!(model.score(*row).unwrap().segment, index % 4);
    }
}

#[test]
fn a_mixture_that_does_not_settle_fails_and_says_what_to_do() {
    let params = TrainParams { algorithm: Algorithm::GaussianMixture, max_iter: 1, ..log(K::Fixed(4)) };
    let error: StageError = train(&four_kinds(), Origin::default(), &params).unwrap_err().into();
    assert_eq!((error.fault, error.message.as_str()), (Fault::Stage, "no Gaussian mixture was found"));
    assert!(error.hint.unwrap().contains("raise `train.max_iter`"));
    assert!(error.cause.unwrap().to_string().contains("did not settle within 1 iterations"));
}

#[test]
fn names_stay_unique_up_to_twenty_segments() {
    for k in 1..=20 {
        let params = TrainParams { stability_refits: 0, study: [2, 2], ..log(K::Fixed(k)) };
        let trained = train(&four_kinds(), Origin::default(), &params).unwrap();
        let names: BTreeSet<&str> = trained.model.segments.iter().map(|segment| segment.name.as_str()).collect();
        assert_eq!(names.len(), k);
    }
}

#[test]
fn too_few_and_too_equal_customers_are_the_datas_fault() {
    let folder = tempfile::tempdir().unwrap();
    for (raw, message) in [
        (vec![], "k = 4 needs at least 5 customers, and there are 0"),
        (vec![[1.0, 1.0, 9.5]], "k = 4 needs at least 5 customers, and there is 1"),
        (vec![[1.0, 1.0, 9.5]; 30], "k = 4 needs at least 4 customers who differ, and there is 1"),
    ] {
        let error = run(&raw, &json!({}), folder.path()).unwrap_err();
        assert_eq!((error.fault, error.message.as_str()), (Fault::Data, message));
        assert!(error.hint.is_some());
    }
}

#[test]
fn one_feature_that_does_not_vary_is_no_obstacle() {
    let raw: Vec<[f64; 3]> = four_kinds().iter().map(|row| [row[0], 1.0, row[2]]).collect();
    let trained = train(&raw, Origin::default(), &TrainParams::default()).unwrap();
    assert_eq!(trained.model.scaler.scale[1].to_bits(), 1.0_f64.to_bits());
}

#[test]
fn negative_money_counts_as_nothing_under_log_scaling_and_it_is_said() {
    let mut raw = four_kinds();
    raw[0][2] = -12.5;
    let trained = train(&raw, Origin::default(), &log(K::Fixed(3))).unwrap();
    assert_eq!(trained.remarks[0], "1 customer has a negative value, which `scaling: log` counts as 0");
    let standard = train(&raw, Origin::default(), &TrainParams::default()).unwrap();
    assert!(standard.remarks.iter().all(|remark| !remark.contains("negative")));
}

#[test]
fn a_fit_that_ran_out_of_iterations_is_said_to_have() {
    let params = TrainParams { max_iter: 1, stability_refits: 0, ..log(K::Fixed(8)) };
    let trained = train(&four_kinds(), Origin::default(), &params).unwrap();
    assert_eq!(trained.remarks, ["the fit had not come to rest after 1 iterations: raise `train.max_iter`"]);
}

#[test]
fn every_output_has_the_same_bytes_on_any_number_of_threads() {
    let files = ["model.parquet", "assignments.parquet", "k_selection.parquet", "model.onnx", "model.json"];
    let on = |threads: usize, algorithm: &str| {
        let folder = tempfile::tempdir().unwrap();
        let params = json!({ "algorithm": algorithm, "scaling": "log", "winsorise": {}, "study": [2, 5] });
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&four_kinds(), &params, folder.path())).map_err(|error| error.message).unwrap();
        files.map(|file| std::fs::read(folder.path().join("out").join(file)).unwrap())
    };
    for algorithm in ["kmeans", "gaussian_mixture"] {
        let once = on(1, algorithm);
        assert!(once == on(2, algorithm), "{algorithm}");
        assert!(once == on(8, algorithm), "{algorithm}");
    }
}
