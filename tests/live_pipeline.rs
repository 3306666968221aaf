//! The release binary on the reference data, from the transactions to the last stage, in folders of their own.
//!
//! Needs the reference data (`SEGPIPE_SHARED`, else `../shared`) and the feature `live`; what is missing is a failure.
//! `SEGPIPE_BINARY` names the binary, else it is the one that cargo built for the tests. What needs Python is in
//! `.ci/check_with_python.py`.

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::{self, File};
    use std::io;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use arrow_array::{Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
    use rstest::rstest;
    use segpipe_stages::schema;
    use segpipe_stages::table::{self, column};
    use serde_json::Value;

    const STAGES: [&str; 9] =
        ["load", "validate", "preprocess", "rfm", "train", "evaluate", "visualize", "track", "deploy"];

    const LOADED: u64 = 541_909;
    const CUSTOMERS: u64 = 4_338;

    fn shared(path: &str) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let shared = std::env::var_os("SEGPIPE_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
        let path = shared.join(path);
        assert!(path.exists(), "`{}` is missing; SEGPIPE_SHARED says where the reference data are", path.display());
        path
    }

    fn compressed() -> PathBuf {
        shared("data/online-retail/online_retail.csv.gz")
    }

    /// A folder with pipeline.yaml, pipeline.lock and one source file.
    struct Project(tempfile::TempDir);

    impl Project {
        fn empty() -> Self {
            let project = Self(tempfile::tempdir().unwrap());
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            fs::create_dir(project.path("data")).unwrap();
            for name in ["pipeline.yaml", "pipeline.lock"] {
                fs::copy(root.join(name), project.path(name)).unwrap();
            }
            project
        }

        fn new() -> Self {
            let project = Self::empty();
            fs::copy(compressed(), project.path("data/online_retail.csv.gz")).unwrap();
            project
        }

        fn path(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }

        /// `segpipe run --json`, which must end well.
        fn run(&self, arguments: &[&str]) -> Run {
            let binary = std::env::var_os("SEGPIPE_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_segpipe").into());
            let mut command = Command::new(binary);
            command.env("MLFLOW_TRACKING_URI", "http://127.0.0.1:9");
            let output = command.current_dir(&self.0).args(["run", "--json"]).args(arguments).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "`run {}` gives {}\n{errors}", arguments.join(" "), output.status);
            let lines = String::from_utf8(output.stdout).unwrap();
            Run(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
        }

        fn read(&self, output: &str, schema: &arrow_schema::SchemaRef) -> RecordBatch {
            table::read(&self.path(&format!("artifacts/{output}.parquet")), schema).unwrap().0
        }

        /// `evaluate.metrics` by name.
        fn metrics(&self) -> BTreeMap<String, f64> {
            let metrics = self.read("evaluate/metrics", &schema::metrics());
            let (names, values) =
                (column::<StringArray>(&metrics, "metric"), column::<Float64Array>(&metrics, "value"));
            names.iter().map(|name| name.unwrap().to_owned()).zip(values.values().iter().copied()).collect()
        }

        /// `train.k_selection.inertia` by k.
        fn inertias(&self) -> BTreeMap<i64, f64> {
            let study = self.read("train/k_selection", &schema::k_selection());
            let (ks, inertias) = (column::<Int64Array>(&study, "k"), column::<Float64Array>(&study, "inertia"));
            ks.values().iter().copied().zip(inertias.values().iter().copied()).collect()
        }
    }

    /// What a run said on stdout.
    struct Run(Vec<Value>);

    impl Run {
        fn finished(&self) -> impl Iterator<Item = &Value> {
            self.0.iter().filter(|event| event["event"] == "stage_finished")
        }

        fn outcomes(&self) -> BTreeMap<&str, &str> {
            self.finished()
                .map(|event| (event["stage"].as_str().unwrap(), event["outcome"].as_str().unwrap()))
                .collect()
        }

        /// Digest of every output, as `stage.output`.
        fn digests(&self) -> BTreeMap<String, String> {
            let outputs = self.finished().flat_map(|event| {
                let outputs = event["outputs"].as_object().unwrap().iter();
                outputs.map(|(name, output)| (format!("{}.{name}", event["stage"].as_str().unwrap()), output))
            });
            outputs.map(|(name, output)| (name, output["digest"].as_str().unwrap().to_owned())).collect()
        }

        fn rows(&self, stage: &str, output: &str) -> u64 {
            let event = self.finished().find(|event| event["stage"] == stage).unwrap();
            event["outputs"][output]["rows"].as_u64().unwrap()
        }

        fn assert_all(&self, outcome: &str) {
            let expected: BTreeMap<&str, &str> = STAGES.iter().map(|stage| (*stage, outcome)).collect();
            assert_eq!(self.outcomes(), expected);
        }
    }

    /// One row of `reference/metrics.csv`.
    struct Reference {
        k: i64,
        silhouette: f64,
        calinski_harabasz: f64,
        davies_bouldin: f64,
        inertia: f64,
        sizes: Vec<i64>,
    }

    fn reference(preprocessing: &str) -> Vec<Reference> {
        let text = fs::read_to_string(shared("reference/metrics.csv")).unwrap();
        let rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let wanted = rows.filter(|row| row[0] == "asked" && row[1] == preprocessing);
        let number = |text: &str| text.parse::<f64>().unwrap();
        let found: Vec<Reference> = wanted
            .map(|row| Reference {
                k: row[3].parse().unwrap(),
                silhouette: number(row[4]),
                calinski_harabasz: number(row[5]),
                davies_bouldin: number(row[6]),
                inertia: number(row[7]),
                sizes: row[9].split(' ').map(|size| size.parse().unwrap()).collect(),
            })
            .collect();
        assert_eq!(found.len(), 9);
        found
    }

    fn assert_near(what: &str, found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "{what}: {found}, expected {expected} ± {tolerance}");
    }

    #[test]
    fn the_first_run_runs_everything_and_the_second_nothing() {
        let project = Project::new();
        let first = project.run(&[]);
        first.assert_all("ran");
        let second = project.run(&[]);
        second.assert_all("cached");
        assert_eq!(second.digests(), first.digests());
        assert_eq!(second.0.last().unwrap()["event"], "run_finished");
        assert_eq!(second.0.last().unwrap()["ok"], true);
    }

    #[test]
    fn a_run_gives_what_the_committed_lock_says() {
        let project = Project::new();
        let committed = fs::read_to_string(project.path("pipeline.lock")).unwrap();
        project.run(&["--locked"]).assert_all("ran");
        project.run(&[]);
        assert_eq!(fs::read_to_string(project.path("pipeline.lock")).unwrap(), committed);
    }

    #[test]
    fn rows_customers_invoices_and_money_are_the_references() {
        let project = Project::new();
        let run = project.run(&["--to", "rfm"]);
        assert_eq!(run.rows("load", "transactions"), LOADED);
        // 135 080 lines without a customer and 40 with a price of nothing.
        assert_eq!(run.rows("validate", "valid"), LOADED - 135_080 - 40);
        assert_eq!(run.rows("validate", "valid") + run.rows("validate", "quarantine"), LOADED);
        assert_eq!(run.rows("preprocess", "orders"), 397_884);
        assert_eq!(run.rows("rfm", "customers"), CUSTOMERS);
        let waterfall = project.read("preprocess/waterfall", &schema::waterfall());
        let last = waterfall.num_rows() - 1;
        assert_eq!(column::<Int64Array>(&waterfall, "rows").value(last), 397_884);
        assert_eq!(column::<Int64Array>(&waterfall, "customers").value(last), 4_338);
        assert_eq!(column::<Int64Array>(&waterfall, "invoices").value(last), 18_532);
        assert_eq!(column::<Decimal128Array>(&waterfall, "amount").value(last), 8_911_407_904_000_000);
    }

    #[test]
    fn every_customers_recency_frequency_and_monetary_are_the_references() {
        let project = Project::new();
        project.run(&["--to", "rfm"]);
        let customers = project.read("rfm/customers", &schema::customers());
        let found: BTreeMap<&str, (i64, i64, f64)> = (0..customers.num_rows())
            .map(|row| {
                let recency = column::<Int64Array>(&customers, "recency").value(row);
                let frequency = column::<Int64Array>(&customers, "frequency").value(row);
                let monetary = column::<Float64Array>(&customers, "monetary").value(row);
                (column::<StringArray>(&customers, "customer_id").value(row), (recency, frequency, monetary))
            })
            .collect();
        let text = fs::read_to_string(shared("reference/rfm.csv")).unwrap();
        let expected: BTreeMap<&str, (i64, i64, f64)> = text
            .lines()
            .skip(1)
            .map(|line| {
                let cells: Vec<&str> = line.split(',').collect();
                let mills: i64 = cells[4].parse().unwrap();
                // Both are exact in float64, so the quotient is the correctly rounded sum.
                (cells[0], (cells[1].parse().unwrap(), cells[2].parse().unwrap(), mills as f64 / 1000.0))
            })
            .collect();
        assert_eq!(expected.len() as u64, CUSTOMERS);
        assert_eq!(found, expected);
    }

    #[test]
    fn the_headline_is_the_one_scikit_learn_gives() {
        let project = Project::new();
        project.run(&["--to", "evaluate"]);
        let metrics = project.metrics();
        let expected = &reference("raw+std")[2];
        assert_eq!(expected.k, 4);
        assert_near("silhouette", metrics["silhouette"], 0.616, 0.0005);
        assert_near("silhouette", metrics["silhouette"], expected.silhouette, 0.0005);
        let relative = |name: &str, expected: f64| assert_near(name, metrics[name], expected, expected * 0.001);
        relative("calinski_harabasz", expected.calinski_harabasz);
        relative("davies_bouldin", expected.davies_bouldin);
        relative("inertia", expected.inertia);
        let model = project.read("train/model", &schema::model());
        let mut sizes = column::<Int64Array>(&model, "customers").values().to_vec();
        sizes.sort_unstable_by(|one, other| other.cmp(one));
        // scikit-learn stops at a tolerance, so a handful of labels differ at one optimum.
        for (found, expected) in sizes.iter().zip(&expected.sizes) {
            assert!((found - expected).abs() <= 5, "{sizes:?}");
        }
    }

    #[rstest]
    #[case::raw("standard", "raw+std")]
    #[case::log("log", "log1p+std")]
    fn inertias_are_as_low_as_scikit_learns_for_every_k_and_three_seeds(#[case] scaling: &str, #[case] name: &str) {
        let project = Project::new();
        for seed in [1, 2, 3] {
            let (seed, scaling) = (format!("train.seed={seed}"), format!("train.scaling={scaling}"));
            project.run(&["--to", "train", "--set", &seed, "--set", &scaling]);
            let found = project.inertias();
            for expected in reference(name) {
                let inertia = found[&expected.k];
                assert!(inertia <= expected.inertia * 1.001, "{seed}, k = {}: {inertia}", expected.k);
            }
        }
    }

    #[test]
    fn a_csv_and_a_workbook_load_to_the_same_bytes_as_the_compressed_csv() {
        let compressed_csv = Project::new();
        compressed_csv.run(&["--to", "load"]);
        let plain_csv = Project::empty();
        let mut reader = flate2::read::MultiGzDecoder::new(File::open(compressed()).unwrap());
        io::copy(&mut reader, &mut File::create(plain_csv.path("data/online_retail.csv")).unwrap()).unwrap();
        let workbook = Project::empty();
        fs::copy(shared("data/online-retail/Online Retail.xlsx"), workbook.path("data/online_retail.xlsx")).unwrap();
        let transactions = |project: &Project| fs::read(project.path("artifacts/load/transactions.parquet")).unwrap();
        for project in [plain_csv, workbook] {
            project.run(&["--to", "load"]);
            assert!(transactions(&project) == transactions(&compressed_csv));
        }
    }

    #[rstest]
    #[case::one_thread(&["--threads", "1"])]
    #[case::two_threads(&["--threads", "2"])]
    #[case::eight_threads(&["--threads", "8"])]
    #[case::one_job(&["--jobs", "1"])]
    #[case::eight_jobs(&["--jobs", "8"])]
    fn every_byte_is_the_same_whatever_computes_it(#[case] arguments: &[&str]) {
        let expected = Project::new().run(&[]).digests();
        assert!(expected.len() >= 20, "{expected:?}");
        assert_eq!(Project::new().run(arguments).digests(), expected);
    }

    #[test]
    fn another_k_re_runs_what_it_can_change_and_the_old_one_comes_back_without_a_run() {
        let project = Project::new();
        let first = project.run(&[]).digests();
        let changed = project.run(&["--set", "train.k=5"]);
        let outcomes = changed.outcomes();
        for stage in ["load", "validate", "preprocess", "rfm"] {
            assert_eq!(outcomes[stage], "cached", "{stage}");
        }
        for stage in ["train", "evaluate", "visualize", "track", "deploy"] {
            assert_eq!(outcomes[stage], "ran", "{stage}");
        }
        let back = project.run(&[]);
        assert!(back.outcomes().values().all(|outcome| *outcome == "cached" || *outcome == "restored"));
        assert_eq!(back.digests(), first);
    }

    #[test]
    fn resuming_from_train_leaves_what_is_before_it_alone() {
        let project = Project::new();
        project.run(&[]);
        let resumed = project.run(&["--from", "train", "--force"]);
        let outcomes = resumed.outcomes();
        for stage in ["load", "validate", "preprocess", "rfm"] {
            assert_eq!(outcomes[stage], "skipped", "{stage}");
        }
        for stage in ["train", "evaluate", "visualize", "track", "deploy"] {
            assert_eq!(outcomes[stage], "ran", "{stage}");
        }
    }

    #[test]
    fn the_same_rows_in_two_runs_are_the_same_file() {
        let (one, other) = (Project::new(), Project::new());
        one.run(&[]);
        other.run(&[]);
        for output in ["evaluate/metrics.parquet", "train/model.json", "train/model.onnx", "visualize/report.html"] {
            let bytes = |project: &Project| fs::read(project.path("artifacts").join(output)).unwrap();
            assert!(bytes(&one) == bytes(&other), "{output}");
        }
    }
}
