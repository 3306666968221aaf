//! Kernels and training against what scikit-learn gives on the reference data: scalers, metrics on the same labels,
//! and fits by their inertia.
//!
//! Needs the reference data (`SEGPIPE_SHARED`, else `../shared`) and the feature `live`; what is missing is a failure.

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::path::{Path, PathBuf};

    use arrow_array::{Int32Array, RecordBatch};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use rstest::rstest;
    use segpipe_stages::evaluate::{EvaluateParams, evaluate};
    use segpipe_stages::kernels::kmeans::{KMeans, fit};
    use segpipe_stages::kernels::separation::{Partition, inertia};
    use segpipe_stages::kernels::silhouette;
    use segpipe_stages::model::Scaler;
    use segpipe_stages::train::{K, Origin, Scaling, TrainParams, Trained, Winsorise, fit_scaler, train};
    use serde_json::Value;

    const WINSOR: Option<Winsorise> = Some(Winsorise { lower: 0.01, upper: 0.99 });

    fn reference(name: &str) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let shared = std::env::var_os("SEGPIPE_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
        let path = shared.join("reference").join(name);
        assert!(path.exists(), "`{}` is missing; SEGPIPE_SHARED says where the reference data are", path.display());
        path
    }

    /// Recency, frequency, monetary of the reference's customers.
    fn customers() -> Vec<[f64; 3]> {
        let mut reader = csv::Reader::from_path(reference("rfm.csv")).unwrap();
        let rows = reader.records().map(|row| {
            let row = row.unwrap();
            [1, 2, 3].map(|column| row[column].parse().unwrap())
        });
        rows.collect()
    }

    /// The rows of metrics.csv by preprocessing and k.
    fn metrics() -> BTreeMap<(String, usize), BTreeMap<String, f64>> {
        let mut reader = csv::Reader::from_path(reference("metrics.csv")).unwrap();
        let names = reader.headers().unwrap().clone();
        let rows = reader.records().map(|row| {
            let row = row.unwrap();
            let number = |(name, cell): (&str, &str)| Some((name.to_owned(), cell.parse().ok()?));
            ((row[1].to_owned(), row[3].parse().unwrap()), names.iter().zip(&row).filter_map(number).collect())
        });
        rows.collect()
    }

    fn labels() -> RecordBatch {
        let file = File::open(reference("labels.parquet")).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().with_batch_size(10_000).build().unwrap();
        reader.map(Result::unwrap).next().unwrap()
    }

    fn close(found: f64, expected: f64, what: &str) {
        assert!((found / expected - 1.0).abs() <= 1e-9, "{what}: {found} instead of {expected}");
    }

    fn scale(raw: &[[f64; 3]], scaler: &Scaler) -> Vec<[f64; 3]> {
        raw.iter().map(|row| scaler.transform(*row)).collect()
    }

    #[rstest]
    #[case("raw+std", Scaling::Standard, None)]
    #[case("log1p+std", Scaling::Log, None)]
    #[case("winsor1-99+std", Scaling::Standard, WINSOR)]
    fn the_scaler_has_the_references_means_and_deviations(
        #[case] name: &str,
        #[case] scaling: Scaling,
        #[case] winsorise: Option<Winsorise>,
    ) {
        let expected: Value = serde_json::from_reader(File::open(reference("scaler.json")).unwrap()).unwrap();
        let scaler = fit_scaler(&customers(), scaling, winsorise);
        for feature in 0..3 {
            close(scaler.offset[feature], expected[name]["mean"][feature].as_f64().unwrap(), name);
            close(scaler.scale[feature], expected[name]["std_ddof0"][feature].as_f64().unwrap(), name);
        }
    }

    #[rstest]
    #[case("raw+std", Scaling::Standard, None)]
    #[case("log1p+std", Scaling::Log, None)]
    #[case("winsor1-99+std", Scaling::Standard, WINSOR)]
    fn measures_of_the_references_labels_are_the_references(
        #[case] name: &str,
        #[case] scaling: Scaling,
        #[case] winsorise: Option<Winsorise>,
    ) {
        let raw = customers();
        let points = scale(&raw, &fit_scaler(&raw, scaling, winsorise));
        let (metrics, labels) = (metrics(), labels());
        for k in 2..=10 {
            let column = labels.column_by_name(&format!("{name}|k{k}")).unwrap();
            let column = column.as_any().downcast_ref::<Int32Array>().unwrap();
            let labels: Vec<usize> = column.values().iter().map(|label| *label as usize).collect();
            let expected = &metrics[&(name.to_owned(), k)];
            let partition = Partition::new(&points, &labels);
            let what = format!("{name} k = {k}");
            close(silhouette::mean(&points, &labels).unwrap(), expected["silhouette"], &what);
            close(partition.calinski_harabasz().unwrap(), expected["calinski_harabasz"], &what);
            close(partition.davies_bouldin().unwrap(), expected["davies_bouldin"], &what);
            let centres = means(&points, &labels, k);
            // scikit-learn's own centres are a tolerance away from the means, so its inertia is a little larger.
            let found = inertia(&points, &labels, &centres);
            assert!(found <= expected["inertia"] * (1.0 + 1e-9) && found >= expected["inertia"] * 0.999, "{what}");
        }
    }

    fn means(points: &[[f64; 3]], labels: &[usize], k: usize) -> Vec<[f64; 3]> {
        let mean = |label: usize, feature: usize| {
            let members = points.iter().zip(labels).filter(|(_, other)| **other == label);
            let (sum, count) = members.fold((0.0, 0.0), |(sum, count), (point, _)| (sum + point[feature], count + 1.0));
            sum / count
        };
        (0..k).map(|label| std::array::from_fn(|feature| mean(label, feature))).collect()
    }

    #[rstest]
    #[case("raw+std", Scaling::Standard, None)]
    #[case("log1p+std", Scaling::Log, None)]
    #[case("winsor1-99+std", Scaling::Standard, WINSOR)]
    fn ten_starts_are_as_good_as_scikit_learns(
        #[case] name: &str,
        #[case] scaling: Scaling,
        #[case] winsorise: Option<Winsorise>,
        #[values(1, 42, 4711)] seed: u64,
    ) {
        let raw = customers();
        let points = scale(&raw, &fit_scaler(&raw, scaling, winsorise));
        let metrics = metrics();
        for k in 2..=10 {
            let found = fit(&points, KMeans { seed, ..KMeans::new(k) }).unwrap();
            let limit = metrics[&(name.to_owned(), k)]["inertia"] * 1.001;
            assert!(found.inertia <= limit, "{name} k = {k}: {} is above {limit}", found.inertia);
        }
    }

    #[rstest]
    fn two_hundred_starts_find_the_best_that_was_seen(#[values(1, 42, 4711)] seed: u64) {
        let raw = customers();
        let points = scale(&raw, &fit_scaler(&raw, Scaling::Standard, None));
        let seen = [(4, 4092.144), (7, 2022.350), (8, 1714.715), (9, 1442.674), (10, 1280.438)];
        for (k, best) in seen {
            let found = fit(&points, KMeans { n_init: 200, seed, ..KMeans::new(k) }).unwrap();
            assert!(found.inertia <= best * 1.001, "k = {k}: {} is above {best}", found.inertia);
        }
    }

    fn trained(params: &TrainParams) -> Trained {
        train(&customers(), Origin::default(), params).unwrap()
    }

    fn selected_silhouette(trained: &Trained) -> f64 {
        trained.study.candidates[trained.study.selected].silhouette.unwrap()
    }

    #[test]
    fn training_with_the_defaults_gives_the_references_headline() {
        let trained = trained(&TrainParams::default());
        assert!((selected_silhouette(&trained) - 0.616).abs() < 0.0005);
        let mut sizes: Vec<u64> = trained.model.segments.iter().map(|segment| segment.customers).collect();
        sizes.sort_unstable();
        // scikit-learn stops at a tolerance, a handful of customers short of the optimum's 13, 210, 1063, 3052.
        for (found, expected) in sizes.iter().zip([13, 204, 1067, 3054]) {
            assert!(found.abs_diff(expected) <= 10, "{sizes:?}");
        }
    }

    #[test]
    fn the_headline_is_said_to_be_carried_by_outliers_and_log_scaling_is_not() {
        for (scaling, is_carried) in [(Scaling::Standard, true), (Scaling::Log, false)] {
            let trained = trained(&TrainParams { scaling, stability_refits: 0, ..TrainParams::default() });
            let labels: Vec<usize> = trained.scores.iter().map(|score| score.segment).collect();
            let evaluation = evaluate(
                &customers(),
                &labels,
                &trained.model,
                Some("2011-12-09T12:50:00"),
                &EvaluateParams::default(),
            );
            let has = |code| evaluation.warnings.iter().any(|warning| warning.code == code);
            assert_eq!(has("outliers_carry_silhouette"), is_carried);
            assert_eq!(has("small_segment"), is_carried);
            assert!(has("partial_last_month"));
            let found = evaluation.metrics[0].1;
            assert!((found - selected_silhouette(&trained)).abs() < 1e-12, "the study and the evaluation agree");
        }
    }

    #[test]
    fn nine_of_ten_customers_keep_their_name_under_log_scaling() {
        for seed in [1, 42, 4711] {
            let trained = trained(&TrainParams { scaling: Scaling::Log, seed, ..TrainParams::default() });
            assert!((selected_silhouette(&trained) - 0.3371).abs() < 0.002);
            let names: Vec<&str> = trained.model.segments.iter().map(|segment| segment.name.as_str()).collect();
            assert_eq!(names, ["Champions", "Regulars", "New Customers", "Lost"]);
            assert!(trained.model.name_stability.unwrap() >= 0.9, "{:?}", trained.model.name_stability);
        }
    }

    #[test]
    fn auto_takes_three_or_four_segments_under_log_scaling() {
        let params = TrainParams { scaling: Scaling::Log, k: K::Auto(3, 10), ..TrainParams::default() };
        let trained = trained(&params);
        // 0.3368 and 0.3359 at the optima; scikit-learn's, a few customers away, have 0.3365 and 0.3371.
        let k = trained.model.segments.len();
        assert!((3..=4).contains(&k), "{k}");
        assert!(trained.remarks[0].contains(if k == 3 { "runner-up k = 4" } else { "runner-up k = 3" }));
    }
}
