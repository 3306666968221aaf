//! model.onnx decoded and computed by a small interpreter, operation by operation, against segpipe's own scoring.

use std::collections::BTreeMap;

use prost::Message;

use super::messages::{self, DOUBLE, INT64, Node};
use super::*;
use crate::model::{GAUSSIAN_MIXTURE, KMEANS, Mixture, ModelSegment, VERSION};
use crate::random::Random;

/// A matrix; a vector has one column.
#[derive(Debug, Clone)]
struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row.min(self.rows - 1) * self.columns + column.min(self.columns - 1)]
    }

    /// Both sides stretched to the larger shape, as ONNX broadcasts.
    fn with(&self, other: &Self, operation: fn(f64, f64) -> f64) -> Self {
        let (rows, columns) = (self.rows.max(other.rows), self.columns.max(other.columns));
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let values = places.map(|(row, column)| operation(self.at(row, column), other.at(row, column))).collect();
        Self { rows, columns, values }
    }

    fn each(&self, operation: fn(f64) -> f64) -> Self {
        Self { values: self.values.iter().map(|value| operation(*value)).collect(), ..*self }
    }

    fn column(&self, column: usize) -> Self {
        Self { rows: self.rows, columns: 1, values: (0..self.rows).map(|row| self.at(row, column)).collect() }
    }

    /// The first least value of each row.
    fn arg_min(&self) -> Self {
        let first_least = |row: usize| {
            (1..self.columns).fold(0, |best, j| if self.at(row, j) < self.at(row, best) { j } else { best })
        };
        Self { rows: self.rows, columns: 1, values: (0..self.rows).map(|row| first_least(row) as f64).collect() }
    }

    fn gather(&self, index: &Self) -> Self {
        let values = (0..self.rows).map(|row| self.at(row, index.at(row, 0) as usize)).collect();
        Self { rows: self.rows, columns: 1, values }
    }
}

fn compute(node: &Node, known: &BTreeMap<String, Matrix>) -> Vec<Matrix> {
    let input = |index: usize| known[&node.input[index]].clone();
    let two = |operation| vec![input(0).with(&input(1), operation)];
    match node.op_type.as_str() {
        "Max" => two(f64::max),
        "Min" => two(f64::min),
        "Add" => two(|a, b| a + b),
        "Sub" => two(|a, b| a - b),
        "Mul" => two(|a, b| a * b),
        "Div" => two(|a, b| a / b),
        "Log" => vec![input(0).each(libm::log)],
        "Sqrt" => vec![input(0).each(f64::sqrt)],
        "Split" => (0..3).map(|column| input(0).column(column)).collect(),
        "ArgMin" => vec![input(0).arg_min()],
        "GatherElements" => vec![input(0).gather(&input(1))],
        "Unsqueeze" | "Squeeze" => vec![input(0)],
        other => panic!("`{other}` is not expected in the graph"),
    }
}

/// Segment and distance of every row.
fn interpret(bytes: &[u8], rows: &[[f64; 3]]) -> (Vec<usize>, Vec<f64>) {
    let graph = messages::Model::decode(bytes).unwrap().graph.unwrap();
    let mut known = BTreeMap::new();
    for tensor in graph.initializer.iter().filter(|tensor| tensor.data_type == DOUBLE) {
        let (rows, columns) = (tensor.dims[0] as usize, tensor.dims[1] as usize);
        assert_eq!(rows * columns, tensor.double_data.len());
        known.insert(tensor.name.clone(), Matrix { rows, columns, values: tensor.double_data.clone() });
    }
    let features = Matrix { rows: rows.len(), columns: 3, values: rows.as_flattened().to_vec() };
    known.insert("features".to_owned(), features);
    for node in &graph.node {
        let outputs = compute(node, &known);
        assert_eq!(outputs.len(), node.output.len());
        known.extend(node.output.iter().cloned().zip(outputs));
    }
    (known["segment"].values.iter().map(|value| *value as usize).collect(), known["distance"].values.clone())
}

fn model(is_log: bool, clip: Option<[[f64; 2]; 3]>, centroids: &[[f64; 3]], mixture: Option<Mixture>) -> Model {
    let segment = |(segment, &centroid): (usize, &[f64; 3])| ModelSegment {
        segment,
        name: format!("Segment {segment}"),
        customers: 1,
        centroid,
        mean: [0.0; 3],
    };
    Model {
        version: VERSION,
        segpipe_version: "0.1.0".to_owned(),
        algorithm: if mixture.is_some() { GAUSSIAN_MIXTURE } else { KMEANS }.to_owned(),
        features: FEATURES.map(String::from),
        scaler: Scaler { method: "standard".to_owned(), clip, is_log, offset: [3.1, 1.3, 5.7], scale: [1.7, 0.9, 1.1] },
        segments: centroids.iter().enumerate().map(segment).collect(),
        mixture,
        snapshot: "2011-12-10T12:50:00".to_owned(),
        frequency_unit: "invoices".to_owned(),
        data_digest: "ab".repeat(32),
        data_source: "file".to_owned(),
        customers: 3,
        seed: 42,
        ranges: [[0.0, 1.0]; 3],
        name_stability: None,
    }
}

const CENTROIDS: [[f64; 3]; 3] = [[-0.5, 1.25, 0.7], [0.3, -0.2, -0.9], [1.9, 0.1, 0.4]];

fn models() -> Vec<Model> {
    let clip = Some([[2.0, 200.0], [1.0, 12.0], [5.0, 4000.0]]);
    let precision = |a: f64| [[a, 0.2, -0.1], [0.2, 1.0, 0.3], [-0.1, 0.3, 2.0]];
    let mixture =
        Mixture { weights: vec![0.5, 0.3, 0.2], precisions: vec![precision(1.0), precision(0.5), precision(3.0)] };
    vec![
        model(false, None, &CENTROIDS, None),
        model(true, None, &CENTROIDS, None),
        model(false, clip, &CENTROIDS, None),
        model(true, clip, &CENTROIDS, Some(mixture)),
        model(false, None, &CENTROIDS[..1], None),
    ]
}

fn rows() -> Vec<[f64; 3]> {
    let mut random = Random::new(3, 0);
    let row = |random: &mut Random| [random.unit() * 373.0, random.exponential(4.0), random.exponential(2000.0) - 50.0];
    let mut rows: Vec<[f64; 3]> = (0..500).map(|_| row(&mut random)).collect();
    rows.extend([[1e308, -1e308, 0.0], [0.0; 3], [-0.0, -1.0, -1e9]]);
    rows
}

#[test]
fn the_graph_gives_every_customer_segpipes_segment_and_distance_to_the_bit() {
    for model in models() {
        let (segments, distances) = interpret(&encode(&model), &rows());
        for ((row, segment), distance) in rows().into_iter().zip(segments).zip(distances) {
            let score = model.score(row).unwrap();
            assert_eq!(segment, score.segment, "{row:?}");
            assert_eq!(distance.to_bits(), score.distance.to_bits(), "{row:?}");
        }
    }
}

#[test]
fn exact_ties_go_to_the_lowest_segment() {
    let model = model(false, None, &[[1.0; 3], [1.0; 3], [1.0; 3]], None);
    assert_eq!(interpret(&encode(&model), &rows()).0, vec![0; rows().len()]);
}

#[test]
fn input_and_outputs_are_as_promised() {
    let message = messages::Model::decode(encode(&models()[0]).as_slice()).unwrap();
    assert_eq!((message.ir_version, message.opset_import[0].version), (8, 17));
    let graph = message.graph.unwrap();
    let described = |value: &Value| {
        let tensor = value.r#type.clone().unwrap().tensor_type.unwrap();
        (value.name.clone(), tensor.elem_type, tensor.shape.unwrap().dim.len())
    };
    assert_eq!(graph.input.iter().map(described).collect::<Vec<_>>(), [("features".to_owned(), DOUBLE, 2)]);
    let outputs: Vec<_> = graph.output.iter().map(described).collect();
    assert_eq!(outputs, [("segment".to_owned(), INT64, 1), ("distance".to_owned(), DOUBLE, 1)]);
    let metadata: Vec<&str> = message.metadata_props.iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(metadata, ["features", "segments", "snapshot", "data_digest", "data_source"]);
}

#[test]
fn equal_models_give_equal_bytes() {
    assert_eq!(encode(&models()[3]), encode(&models()[3]));
}
