//! Scoring tables of R, F and M with a model of two segments, worked out by hand.

use std::fs;
use std::path::PathBuf;

use segpipe_stages::model::{KMEANS, ModelSegment, Scaler, VERSION};

use super::*;
use crate::cli::args::PredictArguments;
use crate::cli::printer::Printer;
use crate::report::{Detail, Look};

/// Centres (0, 10, 100) and (10, 0, 0) with nothing scaled.
fn model(data_source: &str) -> Model {
    let segment = |segment, name: &str, centroid| ModelSegment {
        segment,
        name: name.to_owned(),
        customers: 5,
        centroid,
        mean: centroid,
    };
    Model {
        version: VERSION,
        segpipe_version: "0".to_owned(),
        algorithm: KMEANS.to_owned(),
        features: FEATURES.map(String::from),
        scaler: Scaler { method: "none".to_owned(), clip: None, is_log: false, offset: [0.0; 3], scale: [1.0; 3] },
        segments: vec![segment(0, "Champions", [0.0, 10.0, 100.0]), segment(1, "Gone, long", [10.0, 0.0, 0.0])],
        mixture: None,
        snapshot: "2011-12-10T12:50:00".to_owned(),
        frequency_unit: "invoices".to_owned(),
        data_digest: "d".to_owned(),
        data_source: data_source.to_owned(),
        customers: 10,
        seed: 1,
        ranges: [[0.0, 20.0], [0.0, 20.0], [0.0, 200.0]],
        name_stability: None,
    }
}

struct Scene {
    folder: tempfile::TempDir,
    model: Model,
}

impl Scene {
    fn new(data_source: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, model: model(data_source) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What is written for `input`.
    fn predict(&self, input: &str) -> Result<String, Failure> {
        fs::write(self.path("in.csv"), input).unwrap();
        let look = Look { detail: Detail::Quiet, ..Look::default() };
        let around = Surroundings { file: self.path("pipeline.yaml"), printer: Printer::new(look), stages: &[] };
        let (input, output, bundle) = (self.path("in.csv"), self.path("out.csv"), Some(self.path("bundle")));
        let arguments = PredictArguments { input, output, bundle };
        let table = Table::open(&arguments.input)?.unwrap();
        score(&around, &arguments, &self.model, table, &Facts::new())?;
        Ok(fs::read_to_string(self.path("out.csv")).unwrap())
    }
}

#[test]
fn one_row_comes_out_per_row_in_order_with_other_columns_in_front() {
    let text = Scene::new("file").predict("id,MONETARY,recency,frequency\n\"a,b\",4,10,3\n7,100,0,10\n").unwrap();
    // (10, 3, 4) is 5 from (10, 0, 0); from (0, 10, 100): √(100 + 49 + 9216) = √9365.
    let other = 9365.0_f64.sqrt();
    let expected = format!(
        "id,MONETARY,recency,frequency,segment,segment_name,distance,runner_up,margin\n\
         \"a,b\",4,10,3,1,\"Gone, long\",5,0,{}\n7,100,0,10,0,Champions,0,1,1\n",
        (other - 5.0) / other
    );
    assert_eq!(text, expected);
}

#[test]
fn a_bad_cell_is_named_by_row_and_column_and_nothing_is_written() {
    let scene = Scene::new("file");
    for (cell, problem) in [
        ("", "is empty"),
        ("nan", "is `nan`, which is not a finite number"),
        ("1e999", "is `1e999`, which is not a finite number"),
        ("often", "is `often`, which is not a number"),
    ] {
        let failure = scene.predict(&format!("recency,frequency,monetary\n1,2,3\n4,{cell},6\n")).unwrap_err();
        assert_eq!(failure.exit_code, 3);
        let expected = format!("row 2 of `{}`: `frequency` {problem}", scene.path("in.csv").display());
        assert_eq!(failure.message, expected);
        assert!(!scene.path("out.csv").exists());
        assert_eq!(fs::read_dir(scene.folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn columns_that_scoring_writes_are_replaced_so_that_its_own_output_can_be_scored() {
    let scene = Scene::new("file");
    let once = scene.predict("recency,frequency,monetary\n10,0,0\n").unwrap();
    assert_eq!(scene.predict(&once).unwrap(), once);
}

#[test]
fn a_table_without_rows_gives_a_header() {
    let text = Scene::new("file").predict("recency,frequency,monetary\n").unwrap();
    assert_eq!(text, "recency,frequency,monetary,segment,segment_name,distance,runner_up,margin\n");
}

#[test]
fn what_a_model_of_simulated_data_gives_says_so_in_every_row() {
    let text = Scene::new("simulated").predict("recency,frequency,monetary\n10,0,0\n").unwrap();
    assert!(text.lines().next().unwrap().ends_with(",margin,data_source"), "{text}");
    assert!(text.lines().nth(1).unwrap().ends_with(",simulated"), "{text}");
}

#[test]
fn values_beyond_those_of_training_are_counted() {
    let model = model("file");
    assert!(!is_outside(&model, [0.0, 20.0, 200.0]));
    assert!(is_outside(&model, [0.0, 21.0, 200.0]));
    assert!(is_outside(&model, [-1.0, 20.0, 200.0]));
}
