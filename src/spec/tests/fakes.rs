//! Four stage kinds that do nothing, with every sort of port and param.

use schemars::JsonSchema;
use segpipe_stages::contract::{
    self, CheckedParams, Input, Output, ParamError, Params, SourceRequest, SourceSelection, Stage, StageContext,
    StageError, StageReport,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(super) static KINDS: &[&dyn Stage] = &[&LOAD, &RFM, &TRAIN, &REPORT];

struct Fake<P> {
    name: &'static str,
    inputs: &'static [Input],
    outputs: &'static [Output],
    source: fn(&P) -> Option<&str>,
}

static TRANSACTIONS: [Output; 1] = [Output::table("transactions", "transactions.parquet")];
static OF_LOAD: [Input; 1] = [Input::new("transactions", "load.transactions")];
static CUSTOMERS: [Output; 1] = [Output::table("customers", "customers.parquet")];
static OF_RFM: [Input; 1] = [Input::new("customers", "rfm.customers")];
static MODEL: [Output; 2] = [Output::table("model", "model.parquet"), Output::file("onnx", "model.onnx")];
static OF_TRAIN: [Input; 2] = [Input::new("model", "train.model"), Input::new("onnx", "train.onnx")];
static PAGES: [Output; 2] = [Output::file("html", "report.html"), Output::directory("images", "images")];

static LOAD: Fake<Load> =
    Fake { name: "load", inputs: &[], outputs: &TRANSACTIONS, source: |params| Some(&params.source) };

static RFM: Fake<Nothing> = Fake { name: "rfm", inputs: &OF_LOAD, outputs: &CUSTOMERS, source: |_| None };

static TRAIN: Fake<Train> = Fake { name: "train", inputs: &OF_RFM, outputs: &MODEL, source: |_| None };

static REPORT: Fake<Nothing> = Fake { name: "report", inputs: &OF_TRAIN, outputs: &PAGES, source: |_| None };

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Nothing {}

impl Params for Nothing {}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Load {
    /// The file.
    source: String,
    #[serde(default)]
    columns: Columns,
    #[serde(default)]
    exclude: Vec<String>,
}

impl Params for Load {
    const INCIDENTAL: &'static [&'static str] = &["source"];
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Columns {
    customer: Option<String>,
    date: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Train {
    /// How many.
    k: u64,
    scaling: Scaling,
    study: Vec<u64>,
    tolerance: f64,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Scaling {
    Standard,
    Log,
}

impl Default for Train {
    fn default() -> Self {
        Self { k: 4, scaling: Scaling::Standard, study: vec![2, 10], tolerance: 0.5 }
    }
}

impl Params for Train {
    fn check(&self) -> Result<(), ParamError> {
        if self.k == 0 { Err(ParamError::new("k", "at least one segment is needed")) } else { Ok(()) }
    }
}

impl<P: Params + Send + Sync> Stage for Fake<P> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        "does nothing"
    }

    fn inputs(&self) -> &'static [Input] {
        self.inputs
    }

    fn outputs(&self) -> &'static [Output] {
        self.outputs
    }

    fn implementation(&self) -> &'static str {
        "1"
    }

    fn params_schema(&self) -> Value {
        contract::schema_of::<P>()
    }

    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
        contract::check::<P>(raw)
    }

    fn sources(&self, params: &CheckedParams) -> Result<Option<SourceRequest>, ParamError> {
        let params = params.to::<P>()?;
        let selection = (self.source)(&params).map(|path| SourceSelection::All(vec![path.to_owned()]));
        Ok(selection.map(|selection| SourceRequest { selection, download: None, may_simulate: false }))
    }

    fn run(&self, _ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
        Err(StageError::bug("a fake does nothing"))
    }
}
