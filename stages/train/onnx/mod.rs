//! model.onnx: raw recency, frequency and monetary in, segment and distance out, with everything between in the graph.
//!
//! For: any ONNX runtime. Not for: segpipe's own scoring (`model`). Called by: `train`.
//!
//! Input `features`, double `[N, 3]`; outputs `segment`, int64 `[N]`, and `distance`, double `[N]`. The graph does the
//! arithmetic of `model::Scorer` operation by operation and in its order: differences are squared feature by feature
//! and added from the first on, never expanded into a matrix product, so that squares are equal to the bit and ties go
//! to the same segment, the lowest. Only a runtime's logarithm may differ in its last bit.

mod messages;
#[cfg(test)]
mod tests;

use prost::Message;

use self::messages::{
    Attribute, DOUBLE, Dimension, Graph, INT, INT64, Node, OperatorSet, Shape, StringPair, Tensor, TensorType, Type,
    Value,
};
use crate::customers::FEATURES;
use crate::model::{LIMIT, Model, Scaler};

/// Version of ONNX's operators; every runtime since 2022 has it.
const OPSET: i64 = 17;
/// Version of the format that goes with it.
const IR_VERSION: i64 = 8;

/// The bytes of model.onnx.
pub(super) fn encode(model: &Model) -> Vec<u8> {
    let names = model.segments.iter().map(|segment| segment.name.as_str()).collect::<Vec<_>>();
    let pair = |key: &str, value: String| StringPair { key: key.to_owned(), value };
    let message = messages::Model {
        ir_version: IR_VERSION,
        producer_name: "segpipe".to_owned(),
        producer_version: model.segpipe_version.clone(),
        doc_string: "Customer segments from raw recency (days), frequency (orders) and monetary (money).".to_owned(),
        graph: Some(graph(model)),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        metadata_props: vec![
            pair("features", FEATURES.join(",")),
            pair("segments", names.join("\n")),
            pair("snapshot", model.snapshot.clone()),
            pair("data_digest", model.data_digest.clone()),
            pair("data_source", model.data_source.clone()),
        ],
    };
    message.encode_to_vec()
}

/// Nodes and constants as they are added, in an order in which they can be computed.
#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
}

impl Builder {
    fn constant(&mut self, name: &str, dims: &[usize], values: Vec<f64>) -> String {
        let dims = dims.iter().map(|&size| size as i64).collect();
        let tensor =
            Tensor { dims, data_type: DOUBLE, name: name.to_owned(), double_data: values, ..Tensor::default() };
        self.constants.push(tensor);
        name.to_owned()
    }

    fn row(&mut self, name: &str, values: &[f64]) -> String {
        self.constant(name, &[1, values.len()], values.to_vec())
    }

    fn integer(&mut self, name: &str, value: i64) -> String {
        let (dims, name) = (vec![1], name.to_owned());
        let tensor =
            Tensor { dims, data_type: INT64, int64_data: vec![value], name: name.clone(), ..Tensor::default() };
        self.constants.push(tensor);
        name
    }

    fn node(&mut self, operator: &str, inputs: &[&str], output: &str) -> String {
        self.push(operator, inputs, &[output], &[]);
        output.to_owned()
    }

    fn push(&mut self, operator: &str, inputs: &[&str], outputs: &[&str], attributes: &[(&str, i64)]) {
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let attribute = |&(name, value): &(&str, i64)| Attribute { name: name.to_owned(), i: Some(value), r#type: INT };
        self.nodes.push(Node {
            input: strings(inputs),
            output: strings(outputs),
            name: outputs[0].to_owned(),
            op_type: operator.to_owned(),
            attribute: attributes.iter().map(attribute).collect(),
        });
    }
}

fn graph(model: &Model) -> Graph {
    let mut builder = Builder::default();
    scale(&mut builder, &model.scaler);
    let gaps = gaps(&mut builder, model);
    let (squared, cost) = costs(&mut builder, model, &gaps);
    choose(&mut builder, &squared, &cost);
    Graph {
        node: builder.nodes,
        name: "segments".to_owned(),
        initializer: builder.constants,
        input: vec![value("features", DOUBLE, Some(3), "recency, frequency and monetary, raw")],
        output: vec![
            value("segment", INT64, None, "number of the segment"),
            value("distance", DOUBLE, None, "distance to its centre in scaled space"),
        ],
    }
}

fn value(name: &str, elem_type: i32, columns: Option<i64>, doc: &str) -> Value {
    let rows = Dimension { dim_value: None, dim_param: Some("N".to_owned()) };
    let columns = columns.map(|columns| Dimension { dim_value: Some(columns), dim_param: None });
    let shape = Some(Shape { dim: std::iter::once(rows).chain(columns).collect() });
    let tensor = Type { tensor_type: Some(TensorType { elem_type, shape }) };
    Value { name: name.to_owned(), r#type: Some(tensor), doc_string: doc.to_owned() }
}

/// `features` to `scaled`: [`Scaler::transform`].
fn scale(builder: &mut Builder, scaler: &Scaler) {
    let mut at = "features".to_owned();
    if let Some(clip) = scaler.clip {
        let low = builder.row("clip_low", &clip.map(|[low, _]| low));
        let high = builder.row("clip_high", &clip.map(|[_, high]| high));
        at = builder.node("Max", &[&at, &low], "not_below");
        at = builder.node("Min", &[&at, &high], "clipped");
    }
    if scaler.is_log {
        let zero = builder.row("zero", &[0.0]);
        let one = builder.row("one", &[1.0]);
        at = builder.node("Max", &[&at, &zero], "not_negative");
        at = builder.node("Add", &[&one, &at], "one_more");
        at = builder.node("Log", &[&at], "logarithm");
    }
    let offset = builder.row("offset", &scaler.offset);
    let divisor = builder.row("scale", &scaler.scale);
    at = builder.node("Sub", &[&at, &offset], "centred");
    at = builder.node("Div", &[&at, &divisor], "divided");
    let (least, most) = (builder.row("least", &[-LIMIT]), builder.row("most", &[LIMIT]));
    at = builder.node("Max", &[&at, &least], "bounded_below");
    builder.node("Min", &[&at, &most], "scaled");
}

/// `scaled` to the differences from every centre, `[N, k]` for each feature.
fn gaps(builder: &mut Builder, model: &Model) -> [String; 3] {
    let columns = FEATURES.map(|feature| format!("scaled_{feature}"));
    builder.push("Split", &["scaled"], &columns.each_ref().map(String::as_str), &[("axis", 1)]);
    std::array::from_fn(|index| {
        let name = FEATURES[index];
        let centres: Vec<f64> = model.segments.iter().map(|segment| segment.centroid[index]).collect();
        let centres = builder.row(&format!("centres_{name}"), &centres);
        builder.node("Sub", &[&columns[index], &centres], &format!("gap_{name}"))
    })
}

/// Squared distances `[N, k]`, and what decides between the segments.
fn costs(builder: &mut Builder, model: &Model, gaps: &[String; 3]) -> (String, String) {
    let Some(mixture) = &model.mixture else {
        let squared = sum_of_squares(builder, gaps);
        return (squared.clone(), squared);
    };
    let components = mixture.components();
    let mut sides = gaps.clone();
    for (column, side) in sides.iter_mut().enumerate() {
        // Side `column` of the triangle: the terms l[row][column] × gap[row], added from the first row on.
        let mut sum: Option<String> = None;
        for (row, gap) in gaps.iter().enumerate().skip(column) {
            let factors: Vec<f64> = components.iter().map(|component| component.factor[row][column]).collect();
            let factors = builder.row(&format!("factor_{row}_{column}"), &factors);
            let term = builder.node("Mul", &[&factors, gap], &format!("term_{row}_{column}"));
            sum = Some(match sum {
                None => term,
                Some(sum) => builder.node("Add", &[&sum, &term], &format!("sum_{row}_{column}")),
            });
        }
        *side = sum.unwrap_or_default();
    }
    let squared = sum_of_squares(builder, &sides);
    let penalties: Vec<f64> = components.iter().map(|component| component.penalty).collect();
    let penalties = builder.row("penalties", &penalties);
    let cost = builder.node("Add", &[&squared, &penalties], "cost");
    (squared, cost)
}

fn sum_of_squares(builder: &mut Builder, sides: &[String; 3]) -> String {
    let squares: [String; 3] = std::array::from_fn(|index| {
        builder.node("Mul", &[&sides[index], &sides[index]], &format!("square_{}", FEATURES[index]))
    });
    let first_two = builder.node("Add", &[&squares[0], &squares[1]], "first_two");
    builder.node("Add", &[&first_two, &squares[2]], "squared")
}

/// The segment of least cost, the lowest on ties, and the root of its squared distance.
fn choose(builder: &mut Builder, squared: &str, cost: &str) {
    builder.push("ArgMin", &[cost], &["segment"], &[("axis", 1), ("keepdims", 0), ("select_last_index", 0)]);
    let one = builder.integer("second_axis", 1);
    let index = builder.node("Unsqueeze", &["segment", &one], "index");
    builder.push("GatherElements", &[squared, &index], &["chosen"], &[("axis", 1)]);
    let flat = builder.node("Squeeze", &["chosen", &one], "chosen_squared");
    builder.node("Sqrt", &[&flat], "distance");
}
