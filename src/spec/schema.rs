//! The JSON Schema of pipeline.yaml, made of the params schemas of the stage kinds.
//!
//! For: `segpipe schema`, and through it editors. Not for: checking (`check` does, with better words).

use segpipe_stages::contract::Stage;
use serde_json::{Map, Value, json};

use super::shared::{MODES, PLACEMENTS};
use crate::program::KIND;
use crate::program::promise::TYPES;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// JSON Schema of a pipeline file whose stages are of the kinds `stages`. Self-contained.
pub fn schema(stages: &[&'static dyn Stage]) -> Value {
    let mut definitions = Map::new();
    definitions.insert("tag".to_owned(), json!({ "type": "string", "pattern": "^[a-z][a-z0-9_-]{0,63}$" }));
    for kind in stages {
        let mut params = kind.params_schema();
        hoist(kind.name(), &mut params, &mut definitions);
        definitions.insert(params_name(kind.name()), params);
        definitions.insert(stage_name(kind.name()), stage(*kind));
    }
    definitions.insert(stage_name(KIND), own());
    let references = stages.iter().map(|kind| kind.name()).chain([KIND]).map(|kind| reference(&stage_name(kind)));
    let named = stages.iter().map(|kind| (kind.name().to_owned(), named(*kind)));
    let overlays = stages.iter().map(|kind| (kind.name().to_owned(), reference(&params_name(kind.name()))));
    json!({
        "$schema": DIALECT,
        "title": "segpipe pipeline",
        "type": "object",
        "additionalProperties": false,
        "required": ["stages"],
        "properties": {
            "name": { "type": "string", "description": "Name of the pipeline; its folder's name where left out." },
            "vars": { "type": ["object", "null"], "description": "Values used twice, written `${name}` where they are used." },
            "cache": cache(),
            "resources": {
                "type": ["object", "null"],
                "description": "What there is for all stages that run at once: `cpu` and `memory` (else the machine's), and anything that stages name.",
                "properties": { "memory": memory() },
                "additionalProperties": { "type": "integer", "minimum": 1 },
            },
            "profiles": {
                "type": ["object", "null"],
                "description": "Named overlays for `--profile NAME`: params by stage.",
                "additionalProperties": {
                    "type": ["object", "null"],
                    "properties": overlays.collect::<Map<_, _>>(),
                },
            },
            "stages": {
                "type": "object",
                "description": "The stages by name; a stage without `uses` is of the kind that it is named after.",
                "minProperties": 1,
                "properties": named.collect::<Map<_, _>>(),
                "additionalProperties": {
                    "type": "object",
                    "anyOf": [{ "required": ["uses"] }, { "required": ["run"] }],
                    "oneOf": references.collect::<Vec<_>>(),
                },
            },
        },
        "$defs": definitions,
    })
}

/// Where results are shared with other machines.
fn cache() -> Value {
    let key = json!({ "type": "string", "description": "A public key, as `segpipe cache keygen` prints it." });
    json!({
        "type": ["object", "null"],
        "description": "Where results are shared with other machines; determines none of them.",
        "additionalProperties": false,
        "properties": {
            "remote": {
                "type": ["string", "null"],
                "description": "`s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`, or a folder, relative to this file. Credentials come from the environment.",
            },
            "mode": {
                "enum": MODES.map(Value::from).into_iter().chain([Value::Bool(false), Value::Null]).collect::<Vec<_>>(),
                "description": "What may be done with it: `read-write` where left out; `read` sends nothing.",
            },
            "trust": {
                "anyOf": [{ "type": "array", "items": key, "minItems": 1 }, key, { "type": "null" }],
                "description": "Whose records are believed: public keys. Everybody's where left out.",
            },
            "outputs": {
                "enum": PLACEMENTS.map(Value::from).into_iter().chain([Value::Null]).collect::<Vec<_>>(),
                "description": "`link` makes outputs further names of the cache's own files, read-only, where the file system can; `copy` where left out.",
            },
        },
    })
}

fn params_name(kind: &str) -> String {
    format!("params.{kind}")
}

fn stage_name(kind: &str) -> String {
    format!("stage.{kind}")
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A stage that has a kind's name: of this kind unless it says otherwise.
fn named(kind: &dyn Stage) -> Value {
    json!({
        "if": { "type": "object", "required": ["run"] },
        "then": reference(&stage_name(KIND)),
        "else": {
            "if": {
                "type": "object",
                "required": ["uses"],
                "not": { "properties": { "uses": { "const": kind.name() } } },
            },
            "else": reference(&stage_name(kind.name())),
        },
        "description": kind.summary(),
    })
}

fn stage(kind: &dyn Stage) -> Value {
    let input = |name: &str, default: &str| json!({ "type": ["string", "null"], "description": format!("`stage.output`; `{default}` where left out."), "title": name });
    let inputs = kind
        .inputs()
        .iter()
        .map(|port| (port.name.to_string(), input(&port.name, port.default.as_deref().unwrap_or_default())));
    let output = |default: &str| json!({ "type": ["string", "null"], "description": format!("Path in the project; `artifacts/<stage>/{default}` where left out.") });
    let outputs = kind.outputs().iter().map(|port| (port.name.to_string(), output(&port.path)));
    json!({
        "type": ["object", "null"],
        "description": kind.summary(),
        "additionalProperties": false,
        "properties": {
            "uses": { "const": kind.name(), "description": "The stage's kind." },
            "inputs": ports(inputs),
            "params": { "anyOf": [reference(&params_name(kind.name())), { "type": "null" }] },
            "outputs": ports(outputs),
            "resources": resources(),
            "foreach": foreach(),
            "matrix": matrix(),
            "tags": tags(),
            "frozen": frozen(),
        },
    })
}

/// A stage that is kept as it is.
fn frozen() -> Value {
    json!({
        "type": ["boolean", "null"],
        "description": "Keeps the stage as it is: its present outputs are used, and it never runs. It determines nothing.",
    })
}

fn tags() -> Value {
    let tag = reference("tag");
    json!({
        "anyOf": [tag, { "type": "array", "items": tag }, { "type": "null" }],
        "description": "Words by which `segpipe run tag:WORD` selects the stage; they determine nothing.",
    })
}

/// A stage that runs a program of the user's.
fn own() -> Value {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let list =
        |description: &str| json!({ "anyOf": [texts, { "type": ["string", "null"] }], "description": description });
    let time = |description: &str| json!({ "type": ["number", "string", "null"], "description": description });
    let any_of = |first: Value, description: &str| json!({ "anyOf": [first, { "type": ["object", "null"] }], "description": description });
    json!({
        "type": "object",
        "description": "Runs a program of one's own.",
        "additionalProperties": false,
        "required": ["run"],
        "properties": {
            "run": {
                "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": ["string", "number", "boolean"] } }],
                "description": "The command: a text for the shell, or a program and its arguments. It runs in the folder of this file.",
            },
            "inputs": any_of(texts.clone(), "What it reads: `name: stage.output`, or a list of `stage.output`. The variable SEGPIPE_INPUT_<NAME> says where it is."),
            "params": { "type": ["object", "null"], "description": "Anything. The file that SEGPIPE_PARAMS names holds it, and SEGPIPE_PARAM_<NAME> each." },
            "outputs": {
                "anyOf": [texts.clone(), {
                    "type": ["object", "null"],
                    "additionalProperties": { "anyOf": [{ "type": ["string", "null"] }, output()] },
                }],
                "description": "What it writes to where SEGPIPE_OUTPUT_<NAME> says: `name: path` in the project, or a list of names of files in the stage's folder. `.parquet` is a table, a `/` at the end a folder.",
            },
            "deps": list("Files and patterns in the project that its results depend on: scripts, modules, settings. The first file that `run` names counts without being listed."),
            "env": any_of(texts.clone(), "Variables of the environment that its results depend on: a list of names, or `NAME: value`."),
            "tags": tags(),
            "secret_env": list("Variables that it is given and that are neither kept, nor shown, nor make it stale."),
            "timeout": time("How long it may take: `30s`, `5m`, `1.5h`."),
            "retries": {
                "anyOf": [{ "type": ["integer", "null"], "minimum": 0, "maximum": 100 }, {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["times"],
                    "properties": {
                        "times": { "type": "integer", "minimum": 0, "maximum": 100 },
                        "delay": time("What is waited before the first retry, 1 s where left out; twice as long before each that follows."),
                    },
                }],
                "description": "How often it is run again where it fails.",
            },
            "resources": resources(),
            "foreach": foreach(),
            "matrix": matrix(),
            "frozen": frozen(),
        },
    })
}

/// A stage that is there once for every item.
fn foreach() -> Value {
    json!({
        "type": ["array", "object", "string", "null"],
        "description": "The stage is there once for each of these, as `stage@item`; `${item}` stands for it. A list, or values by name.",
    })
}

/// A stage that is there once for every combination.
fn matrix() -> Value {
    json!({
        "type": ["object", "string", "null"],
        "description": "The stage is there once for every combination of these lists, as `stage@one-other`; `${item.NAME}` stands for the values.",
        "additionalProperties": { "type": ["array", "string"] },
    })
}

/// What a stage takes of the machine.
fn resources() -> Value {
    json!({
        "type": ["object", "null"],
        "description": "What it takes while it runs; it waits until there is room. `cpu` is 1 where left out.",
        "properties": {
            "memory": memory(),
            "mutex": {
                "type": ["string", "array"],
                "items": { "type": "string" },
                "description": "Names of which no two stages hold the same at once.",
            },
        },
        "additionalProperties": { "type": "integer", "minimum": 0 },
    })
}

fn memory() -> Value {
    json!({ "type": ["integer", "string"], "description": "Bytes, or e.g. `500MB`, `4GiB`." })
}

/// An output of such a stage, written at length.
fn output() -> Value {
    let count = json!({ "type": "integer", "minimum": 0 });
    let kind = json!({ "enum": TYPES });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "path": { "type": ["string", "null"], "description": "Path in the project; `artifacts/<stage>/<name>.parquet` where left out." },
            "columns": {
                "type": ["object", "null"],
                "description": "Columns that are promised, with their types; others may be there.",
                "additionalProperties": { "anyOf": [kind.clone(), {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "type": kind,
                        "max_null_share": { "type": "number", "minimum": 0, "maximum": 1, "description": "0: no nulls." },
                    },
                }] },
            },
            "rows": {
                "anyOf": [count.clone(), {
                    "type": ["object", "null"],
                    "additionalProperties": false,
                    "properties": { "min": count.clone(), "max": count },
                }],
                "description": "How many rows are promised.",
            },
        },
    })
}

fn ports(ports: impl Iterator<Item = (String, Value)>) -> Value {
    json!({ "type": ["object", "null"], "additionalProperties": false, "properties": ports.collect::<Map<_, _>>() })
}

/// Moves the definitions inside a params schema to the top, under names of their kind, and lets variables stand
/// wherever a value may.
fn hoist(kind: &str, schema: &mut Value, definitions: &mut Map<String, Value>) {
    let own = schema.as_object_mut().and_then(|schema| {
        schema.remove("$schema");
        schema.remove("$defs")
    });
    redirect(kind, schema);
    if let Some(Value::Object(own)) = own {
        for (name, mut definition) in own {
            redirect(kind, &mut definition);
            definitions.insert(format!("{kind}.{name}"), definition);
        }
    }
}

fn redirect(kind: &str, schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(target)) = object.get_mut("$ref")
                && let Some(name) = target.strip_prefix("#/$defs/")
            {
                *target = format!("#/$defs/{kind}.{name}");
            }
            object.values_mut().for_each(|value| redirect(kind, value));
            if let Some(Value::Object(properties)) = object.get_mut("properties") {
                properties.values_mut().for_each(allow_variable);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(kind, item)),
        _ => {}
    }
}

/// The same schema, or one variable. What editors show stays outside.
fn allow_variable(schema: &mut Value) {
    let mut inner = std::mem::take(schema);
    let mut outer = Map::new();
    for key in ["title", "description", "default"] {
        if let Some(value) = inner.as_object_mut().and_then(|inner| inner.remove(key)) {
            outer.insert(key.to_owned(), value);
        }
    }
    let variable = json!({ "type": "string", "pattern": "\\$\\{[^}]*\\}" });
    outer.insert("anyOf".to_owned(), json!([inner, variable]));
    *schema = Value::Object(outer);
}
