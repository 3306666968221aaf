//! A small result of the whole pipeline for tests: tables that fit each other, for any number of segments.
//!
//! For: tests of `visualize` and `deploy`. Not for: anything that is shipped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, SchemaRef};
use serde_json::{Map, Value};

use crate::contract::{CheckedParams, InputFile, Silent, Stage, StageContext, StageError, StageReport};
use crate::customers::{Customers, FEATURES};
use crate::kernels::quantile::Sorted;
use crate::kernels::sum;
use crate::model::{KMEANS, Model, ModelSegment, Scaler, Score, VERSION};
use crate::random::Random;
use crate::results::Results;
use crate::schema;
use crate::table::{self, Facts};
use crate::visualize::Visualize;

/// What the result is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// Number of segments.
    pub(crate) k: usize,
    /// Customers of each segment.
    pub(crate) each: usize,
    /// Whether the data are simulated.
    pub(crate) is_simulated: bool,
    /// Beginning of every text that comes from data or from other stages.
    pub(crate) prefix: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self { k: 3, each: 40, is_simulated: false, prefix: "" }
    }
}

/// A result in a folder of its own.
pub(crate) struct Fixture {
    pub(crate) customers: Customers,
    pub(crate) scores: Vec<Score>,
    pub(crate) model: Model,
    folder: tempfile::TempDir,
    inputs: BTreeMap<String, InputFile>,
}

impl Fixture {
    pub(crate) fn new(setup: Setup) -> Self {
        let customers = customers(setup);
        let model = model(setup, &customers);
        let scorer = model.scorer();
        let scores: Vec<Score> = customers.features().into_iter().map(|raw| scorer.score(raw).unwrap()).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut fixture = Self { customers, scores, model, folder, inputs: BTreeMap::new() };
        fixture.write(setup);
        fixture
    }

    /// Runs a stage on the result; returns its folder, which lasts as long as the fixture.
    pub(crate) fn run(&self, stage: &dyn Stage, params: &Value) -> Result<(PathBuf, StageReport), StageError> {
        let raw: Map<String, Value> = params.as_object().cloned().unwrap_or_default();
        let params = stage.check_params(&raw).unwrap();
        let out = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        let names = stage.inputs().iter().map(|input| input.name.to_string());
        let inputs = names.map(|name| (name.clone(), self.inputs[&name].clone())).collect();
        let ctx = StageContext::new(stage.outputs(), &params, inputs, Vec::new(), out.clone(), &Silent);
        stage.run(&ctx).map(|report| (out, report))
    }

    /// The result as stages read it.
    pub(crate) fn results(&self) -> Results {
        let params = CheckedParams::default();
        let inputs = self.inputs.clone();
        let ctx = StageContext::new(Visualize.outputs(), &params, inputs, Vec::new(), PathBuf::new(), &Silent);
        Results::read(&ctx).unwrap()
    }

    /// Where an input lies.
    pub(crate) fn path(&self, input: &str) -> &Path {
        &self.inputs[input].path
    }

    /// The members of a segment, as rows of `customers`.
    pub(crate) fn members(&self, segment: usize) -> Vec<usize> {
        (0..self.scores.len()).filter(|row| self.scores[*row].segment == segment).collect()
    }

    fn add(&mut self, name: &'static str, path: PathBuf) {
        let digest = blake3::hash(&std::fs::read(&path).unwrap()).to_hex().to_string();
        self.inputs.insert(name.to_owned(), InputFile { path, digest });
    }

    fn write(&mut self, setup: Setup) {
        let facts = facts(setup);
        let tables = [
            ("customers", self.customers.to_batch().unwrap()),
            ("assignments", self.assignments()),
            ("segments", self.segments(setup)),
            ("silhouettes", self.silhouettes(setup)),
            ("k_selection", study(setup)),
            ("metrics", metrics()),
            ("warnings", warnings(setup)),
            ("waterfall", waterfall(setup)),
            ("validation", validation(setup)),
            ("sources", sources(setup)),
        ];
        for (name, batch) in tables {
            let path = self.folder.path().join(format!("{name}.parquet"));
            table::write(&path, &batch, &facts).unwrap();
            self.add(name, path);
        }
        let path = self.folder.path().join("model.json");
        self.model.write(&path).unwrap();
        self.add("model_json", path);
        let path = self.folder.path().join("model.onnx");
        std::fs::write(&path, b"onnx").unwrap();
        self.add("onnx", path);
        let images = self.folder.path().join("images");
        std::fs::create_dir(&images).unwrap();
        std::fs::write(images.join("pca_scatter.svg"), "<svg/>").unwrap();
        std::fs::write(images.join("pca_scatter.png"), "png").unwrap();
        self.inputs.insert("images".to_owned(), InputFile { path: images, digest: "0".repeat(64) });
    }

    fn assignments(&self) -> RecordBatch {
        let names = self.scores.iter().map(|score| self.model.segments[score.segment].name.as_str());
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(&self.customers.ids)),
            Arc::new(Int64Array::from_iter_values(self.scores.iter().map(|score| score.segment as i64))),
            Arc::new(StringArray::from_iter_values(names)),
            Arc::new(Float64Array::from_iter_values(self.scores.iter().map(|score| score.distance))),
            Arc::new(self.scores.iter().map(|s| s.runner_up.map(|other| other as i64)).collect::<Int64Array>()),
            Arc::new(self.scores.iter().map(|score| score.margin).collect::<Float64Array>()),
        ];
        RecordBatch::try_new(schema::assignments(), columns).unwrap()
    }

    fn silhouettes(&self, setup: Setup) -> RecordBatch {
        let of_row = |row: usize| {
            let score = &self.scores[row];
            let who = Cell::Text(self.customers.ids[row].clone());
            vec![who, Integer(score.segment as i64), Number(score.margin.unwrap_or_default())]
        };
        let rows = if setup.k > 1 { self.scores.len() } else { 0 };
        batch(&schema::silhouettes(), &(0..rows).map(of_row).collect::<Vec<_>>())
    }

    fn segments(&self, setup: Setup) -> RecordBatch {
        let features = self.customers.features();
        let all: f64 = self.customers.monetary.iter().sum();
        let row = |segment: usize| {
            let members = self.members(segment);
            let revenue: f64 = members.iter().map(|row| self.customers.monetary[*row]).sum();
            let share = members.len() as f64 / features.len() as f64;
            let mut row = vec![
                Integer(segment as i64),
                Cell::Text(self.model.segments[segment].name.clone()),
                Integer(members.len() as i64),
                Number(share),
                Number(revenue),
                Number(revenue / all),
            ];
            for column in [0, 1, 2] {
                let values: Vec<f64> = members.iter().map(|row| features[*row][column]).collect();
                let sorted = Sorted::new(&values);
                row.push(Number(sum::mean(&values)));
                row.extend([0.25, 0.5, 0.75].map(|q| Number(sorted.quantile(q))));
            }
            row.push(if setup.k > 1 { Number(0.5) } else { Null });
            row.push(Cell::Text(format!("{}customers like these", setup.prefix)));
            row.push(Cell::Text(format!("{}write to them", setup.prefix)));
            row
        };
        batch(&schema::segments(), &(0..setup.k).map(row).collect::<Vec<_>>())
    }
}

/// One cell of a table.
#[derive(Debug, Clone)]
enum Cell {
    Text(String),
    Integer(i64),
    Number(f64),
    /// Money in whole units.
    Money(i128),
    Yes(bool),
    Null,
}
use Cell::{Integer, Money, Null, Number, Yes};

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

fn batch(schema: &SchemaRef, rows: &[Vec<Cell>]) -> RecordBatch {
    let column = |(index, field): (usize, &Arc<arrow_schema::Field>)| {
        array(field.data_type(), &rows.iter().map(|row| &row[index]).collect::<Vec<_>>())
    };
    RecordBatch::try_new(Arc::clone(schema), schema.fields().iter().enumerate().map(column).collect()).unwrap()
}

fn array(data_type: &DataType, cells: &[&Cell]) -> ArrayRef {
    let texts = || cells.iter().map(|cell| if let Cell::Text(text) = cell { Some(text.as_str()) } else { None });
    let integers = || cells.iter().map(|cell| if let Integer(value) = cell { Some(*value) } else { None });
    let numbers = || cells.iter().map(|cell| if let Number(value) = cell { Some(*value) } else { None });
    let money = || cells.iter().map(|cell| if let Money(value) = cell { Some(value * 1_000_000_000) } else { None });
    match data_type {
        DataType::Utf8 => Arc::new(texts().collect::<StringArray>()),
        DataType::Int64 => Arc::new(integers().collect::<Int64Array>()),
        DataType::Int32 => Arc::new(integers().map(|value| value.map(|value| value as i32)).collect::<Int32Array>()),
        DataType::Float64 => Arc::new(numbers().collect::<Float64Array>()),
        DataType::Boolean => {
            Arc::new(cells.iter().map(|cell| Some(matches!(cell, Yes(true)))).collect::<BooleanArray>())
        }
        DataType::Decimal128(..) => {
            Arc::new(money().collect::<Decimal128Array>().with_precision_and_scale(38, 9).unwrap())
        }
        DataType::List(item) => {
            let part = |text: Option<&str>| Arc::new(StringArray::from_iter_values(text)) as ArrayRef;
            let headers: Vec<Option<&str>> = texts().collect();
            let parts = vec![part(Some("customer_id")), part(headers[0])];
            let pairs = StructArray::new(schema::column_fields(), parts, None);
            Arc::new(ListArray::new(Arc::clone(item), OffsetBuffer::from_lengths([1]), Arc::new(pairs), None))
        }
        other => panic!("no table here has a column of type {other}"),
    }
}

fn facts(setup: Setup) -> Facts {
    let facts = [
        ("data_source", if setup.is_simulated { "simulated" } else { "file" }),
        ("frequency_unit", "invoices"),
        ("returns", "gross"),
        ("period_start", "2010-12-01T08:26:00"),
        ("period_end", "2011-12-09T12:50:00"),
        ("snapshot", "2011-12-10T12:50:00"),
        ("policy", r#"{"duplicates":"keep","returns":"gross"}"#),
    ];
    facts.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Blocks of customers, the first segment the best: few days, many orders, much money.
fn customers(setup: Setup) -> Customers {
    let mut random = Random::new(7, 0);
    let mut customers = Customers::default();
    for row in 0..setup.k * setup.each {
        let rank = (setup.k - row / setup.each) as f64;
        customers.ids.push(format!("customer-{row:06}"));
        customers.recency.push((360.0 / rank + 10.0 * random.unit()) as i64);
        customers.frequency.push((8.0 * rank + 3.0 * random.unit()) as i64);
        customers.monetary.push(900.0 * rank + 200.0 * random.unit());
        customers.scores.push([3; 3]);
        customers.rfm_segments.push("Loyal".to_owned());
    }
    customers
}

fn model(setup: Setup, customers: &Customers) -> Model {
    let features = customers.features();
    let column = |feature: usize| features.iter().map(|row| row[feature]).collect::<Vec<f64>>();
    let moments: [(f64, f64); 3] = std::array::from_fn(|feature| sum::mean_and_variance(&column(feature)));
    let scaler = Scaler {
        method: "standard".to_owned(),
        clip: None,
        is_log: false,
        offset: moments.map(|(mean, _)| mean),
        scale: moments.map(|(_, variance)| variance.sqrt()),
    };
    let segment = |segment: usize| {
        let rows = &features[segment * setup.each..(segment + 1) * setup.each];
        let mean = std::array::from_fn(|feature| sum::mean(&rows.iter().map(|row| row[feature]).collect::<Vec<_>>()));
        ModelSegment {
            segment,
            name: format!("{}Segment of customers number {segment}", setup.prefix),
            customers: setup.each as u64,
            centroid: scaler.transform(mean),
            mean,
        }
    };
    let range =
        |feature: usize| column(feature).into_iter().fold([f64::MAX, f64::MIN], |[l, h], v| [l.min(v), h.max(v)]);
    Model {
        version: VERSION,
        segpipe_version: "0.1.0".to_owned(),
        algorithm: KMEANS.to_owned(),
        features: FEATURES.map(String::from),
        segments: (0..setup.k).map(segment).collect(),
        scaler,
        mixture: None,
        snapshot: "2011-12-10T12:50:00".to_owned(),
        frequency_unit: "invoices".to_owned(),
        data_digest: "d".repeat(64),
        data_source: if setup.is_simulated { "simulated" } else { "file" }.to_owned(),
        customers: features.len() as u64,
        seed: 42,
        ranges: std::array::from_fn(range),
        name_stability: Some(0.95),
    }
}

fn study(setup: Setup) -> RecordBatch {
    let row = |k: i64| {
        let silhouette = if k > 1 { Number(0.7 - 0.05 * k as f64) } else { Null };
        let share = Number(1.0 / k as f64);
        let is_selected = Yes(k == setup.k as i64);
        vec![Integer(k), Number(4000.0 / k as f64), silhouette, Null, Null, share, Integer(5), is_selected]
    };
    let first = if setup.k == 1 { 1 } else { 2 };
    batch(&schema::k_selection(), &(first..=12.max(setup.k as i64)).map(row).collect::<Vec<_>>())
}

fn metrics() -> RecordBatch {
    let metrics = [("silhouette", 0.616), ("calinski_harabasz", 3149.5), ("davies_bouldin", 0.75), ("inertia", 4092.1)];
    batch(&schema::metrics(), &metrics.map(|(name, value)| vec![text(name), Number(value)]))
}

fn warnings(setup: Setup) -> RecordBatch {
    let message = format!("{}only a few customers", setup.prefix);
    batch(&schema::warnings(), &[vec![text("few_customers"), text(message)]])
}

fn waterfall(setup: Setup) -> RecordBatch {
    let step = |name: &str, rows: i64| {
        let note = text(format!("{}what {name} did", setup.prefix));
        vec![text(name), Integer(rows), Integer(120), Integer(rows / 2), Money(81_000), Integer(10), Money(5), note]
    };
    batch(&schema::waterfall(), &[step("loaded", 1200), step("purchases", 1190)])
}

fn validation(setup: Setup) -> RecordBatch {
    let mut row = vec![text("missing_customer"), text("quarantine"), text("quarantined"), Integer(24_918)];
    row.extend([
        Number(0.0186),
        Money(1_447_682),
        Integer(3),
        text(format!("{}rows without a customer", setup.prefix)),
    ]);
    batch(&schema::report(), &[row])
}

fn sources(setup: Setup) -> RecordBatch {
    let origin = if setup.is_simulated { "simulated" } else { "file" };
    let mut row = vec![Integer(0), text(format!("{}retail.csv", setup.prefix)), text("a".repeat(64)), Integer(99)];
    row.extend([text(origin), text("csv"), text("utf-8"), text(","), text("."), text("%Y-%m-%d %H:%M:%S")]);
    row.extend([Integer(1200), Integer(2), Integer(0), text(format!("{}CustomerID", setup.prefix))]);
    batch(&schema::sources(), &[row])
}

/// Every file below a folder, by its path from there.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(each) = folders.pop() {
        for entry in std::fs::read_dir(each).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

/// What `work` gives on so many threads.
pub(crate) fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}
