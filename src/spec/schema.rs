//! The JSON Schema of pipeline.yaml, made of the params schemas of the stage kinds.
//!
//! For: `segpipe schema`, and through it editors. Not for: checking (`check` does, with better words).

use segpipe_stages::contract::Stage;
use serde_json::{Map, Value, json};

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
    let references = stages.iter().map(|kind| reference(&stage_name(kind.name())));
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
                    "required": ["uses"],
                    "anyOf": references.collect::<Vec<_>>(),
                },
            },
        },
        "$defs": definitions,
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
        "if": { "type": "object", "required": ["uses"], "not": { "properties": { "uses": { "const": kind.name() } } } },
        "else": reference(&stage_name(kind.name())),
        "description": kind.summary(),
    })
}

fn stage(kind: &dyn Stage) -> Value {
    let input = |name: &str, default: &str| json!({ "type": ["string", "null"], "description": format!("`stage.output`; `{default}` where left out."), "title": name });
    let inputs = kind.inputs().iter().map(|port| (port.name.to_owned(), input(port.name, port.default)));
    let output = |default: &str| json!({ "type": ["string", "null"], "description": format!("Path in the project; `artifacts/<stage>/{default}` where left out.") });
    let outputs = kind.outputs().iter().map(|port| (port.name.to_owned(), output(port.path)));
    json!({
        "type": ["object", "null"],
        "description": kind.summary(),
        "additionalProperties": false,
        "properties": {
            "uses": { "const": kind.name(), "description": "The stage's kind." },
            "inputs": ports(inputs),
            "params": { "anyOf": [reference(&params_name(kind.name())), { "type": "null" }] },
            "outputs": ports(outputs),
            "tags": {
                "anyOf": [{ "$ref": "#/$defs/tag" }, { "type": "array", "items": { "$ref": "#/$defs/tag" } }, { "type": "null" }],
                "description": "Words by which `segpipe run tag:WORD` selects the stage; they determine nothing.",
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
