//! The files that make a logged model loadable: `MLmodel` with its flavors and signature, examples, requirements.
//!
//! For: `registration`, which sends them beside model.onnx. The versions named are those that were tried; MLflow warns
//! about others and loads the model all the same.

use serde_json::{Value, json};

use super::entry::Entry;

/// Where the outbox keeps the model.
pub(super) const ONNX: &str = "model/model.onnx";
/// The same model with its segments' names, for people and for segpipe.
pub(super) const MODEL_JSON: &str = "model/model.json";

/// The version of MLflow whose files and protocols these are.
pub const MLFLOW: &str = "3.17.2";
const ONNX_VERSION: &str = "1.23.2";
const ONNXRUNTIME: &str = "1.32.0";
const PYTHON: &str = "3.11";

/// What is said of a logged model in its own files.
pub(super) struct Described<'a> {
    pub(super) entry: &'a Entry,
    pub(super) model_id: &'a str,
    pub(super) run_id: &'a str,
    /// Size of model.onnx.
    pub(super) bytes: u64,
}

impl Described<'_> {
    /// Names and contents; `MLmodel` comes last, so that a model that has it has everything.
    pub(super) fn files(&self) -> Vec<(&'static str, String)> {
        let mut files = vec![
            ("requirements.txt", requirements().join("\n") + "\n"),
            ("python_env.yaml", python_env()),
            ("conda.yaml", conda()),
        ];
        if let Some(example) = self.example() {
            files.push(("serving_input_example.json", json!({ "dataframe_split": example }).to_string()));
            files.push(("input_example.json", example.to_string()));
        }
        files.push(("MLmodel", self.mlmodel()));
        files
    }

    fn example(&self) -> Option<Value> {
        serde_json::from_str(self.entry.text_of("model", "input_example")?).ok()
    }

    /// JSON strings are YAML strings too, so whatever stands in a value is quoted right.
    fn mlmodel(&self) -> String {
        let text = |text: &str| Value::from(text).to_string();
        let fact = |key: &str| text(self.entry.text_of("model", key).unwrap_or("[]"));
        let example = "saved_input_example_info:\n  artifact_path: input_example.json\n  pandas_orient: split\n  \
                       serving_input_path: serving_input_example.json\n  type: dataframe\n";
        let example = self.example().map_or("", |_| example);
        format!(
            "flavors:\n  onnx:\n    code: null\n    data: model.onnx\n    onnx_session_options: null\n    \
             onnx_version: {ONNX_VERSION}\n    providers:\n    - CPUExecutionProvider\n  python_function:\n    \
             data: model.onnx\n    env:\n      conda: conda.yaml\n      virtualenv: python_env.yaml\n    \
             loader_module: mlflow.onnx\n    python_version: \"{PYTHON}\"\nis_signature_from_type_hint: false\n\
             mlflow_version: {MLFLOW}\nmodel_id: {id}\nmodel_size_bytes: {bytes}\nmodel_uuid: {id}\nrun_id: {run}\n\
             {example}signature:\n  inputs: {inputs}\n  outputs: {outputs}\n  params: null\n\
             type_hint_from_example: false\nutc_time_created: {time}\n",
            id = text(self.model_id),
            bytes = self.bytes,
            run = text(self.run_id),
            inputs = fact("signature_inputs"),
            outputs = fact("signature_outputs"),
            time = text(&time(self.entry.ended_ms)),
        )
    }
}

fn requirements() -> [String; 5] {
    let pinned = |name: &str, version: &str| format!("{name}=={version}");
    [
        pinned("mlflow", MLFLOW),
        pinned("onnx", ONNX_VERSION),
        pinned("onnxruntime", ONNXRUNTIME),
        "numpy".to_owned(),
        "pandas".to_owned(),
    ]
}

fn python_env() -> String {
    format!(
        "python: \"{PYTHON}\"\nbuild_dependencies:\n- pip\n- setuptools\n- wheel\ndependencies:\n- -r requirements.txt\n"
    )
}

fn conda() -> String {
    let pip = requirements().map(|requirement| format!("  - {requirement}\n")).concat();
    format!("name: mlflow-env\nchannels:\n- conda-forge\ndependencies:\n- python={PYTHON}\n- pip\n- pip:\n{pip}")
}

/// As MLflow writes times, in UTC.
fn time(milliseconds: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_files_are_yaml_and_json_and_name_the_model() {
        let entry = fixture::entry();
        let files = Described { entry: &entry, model_id: "m-1", run_id: "r1", bytes: 767 }.files();
        let (last, mlmodel) = files.last().unwrap();
        assert_eq!(*last, "MLmodel");
        let value: Value = serde_yaml::from_str(mlmodel).unwrap();
        assert_eq!((&value["model_id"], &value["model_size_bytes"]), (&json!("m-1"), &json!(767)));
        assert_eq!(value["flavors"]["python_function"]["loader_module"], "mlflow.onnx");
        assert_eq!(value["utc_time_created"], "2011-12-09 12:50:01.750000");
        let inputs: Value = serde_json::from_str(value["signature"]["inputs"].as_str().unwrap()).unwrap();
        assert_eq!(inputs[0]["name"], "recency");
        for (name, text) in &files {
            if name.contains("json") {
                assert!(serde_json::from_str::<Value>(text).is_ok(), "{name}: {text}");
            } else {
                assert!(serde_yaml::from_str::<Value>(text).is_ok(), "{name}: {text}");
            }
        }
    }

    #[test]
    fn a_model_without_an_example_does_not_promise_one() {
        let mut entry = fixture::entry();
        entry.record.as_mut().unwrap().retain(|fact| fact.key != "input_example");
        let files = Described { entry: &entry, model_id: "m-1", run_id: "r1", bytes: 1 }.files();
        assert!(files.iter().all(|(name, text)| !name.contains("example") && !text.contains("saved_input_example")));
    }
}
