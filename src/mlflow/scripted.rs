//! A server for tests: as much of MLflow's API as is called, in memory, with faults at any request.
//!
//! It keeps what MLflow would keep, so that a test sees what a delivery leaves behind however often it was broken off.
//! What real servers answer is shown by the live tests.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// What happens to a request.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// Nothing unusual.
    None,
    /// The connection closes before the server acts.
    CutBefore,
    /// It closes after the server acted, without an answer.
    CutAfter,
    /// Half of the answer comes.
    Half,
    /// The server answers this and does not act.
    Answer(u16, &'static str, &'static str),
    /// The server acts and answers late.
    Delay(Duration),
}

type Script = dyn FnMut(usize, &str) -> Fault + Send;

/// What the server keeps.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) experiments: Vec<String>,
    pub(super) runs: Vec<Value>,
    pub(super) models: Vec<Value>,
    pub(super) versions: Vec<Value>,
    pub(super) aliases: BTreeMap<String, String>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) registered: Vec<String>,
    pub(super) requests: Vec<String>,
    pub(super) authorization: Option<String>,
    next: u64,
}

/// The server; it lives as long as the process.
pub(super) struct Server {
    pub(super) url: String,
    kept: Arc<Mutex<Kept>>,
    script: Arc<Mutex<Box<Script>>>,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, kept: Arc::default(), script: Arc::new(Mutex::new(Box::new(|_, _| Fault::None))) };
        let (kept, script) = (Arc::clone(&server.kept), Arc::clone(&server.script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, script) = (Arc::clone(&kept), Arc::clone(&script));
                std::thread::spawn(move || serve(&stream, &kept, &script));
            }
        });
        server
    }

    pub(super) fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    /// Numbers requests from 0 again, and asks `script` what happens to each.
    pub(super) fn script(&self, script: impl FnMut(usize, &str) -> Fault + Send + 'static) {
        self.kept().requests.clear();
        *self.script.lock().unwrap() = Box::new(script);
    }
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    authorization: Option<String>,
    body: Vec<u8>,
}

impl Request {
    fn query(&self, name: &str) -> String {
        self.query.get(name).cloned().unwrap_or_default()
    }
}

fn serve(stream: &TcpStream, kept: &Mutex<Kept>, script: &Mutex<Box<Script>>) {
    let Some(request) = read(stream) else { return };
    let name = format!("{} {}", request.method, request.path);
    let index = {
        let mut kept = kept.lock().unwrap();
        kept.requests.push(name.clone());
        kept.authorization.clone_from(&request.authorization);
        kept.requests.len() - 1
    };
    let fault = script.lock().unwrap()(index, &name);
    let act = || kept.lock().unwrap().answer(&request);
    match fault {
        Fault::CutBefore => {}
        Fault::CutAfter => drop(act()),
        Fault::None => respond(stream, &act(), 1),
        Fault::Half => respond(stream, &act(), 2),
        Fault::Delay(pause) => {
            let answer = act();
            std::thread::sleep(pause);
            respond(stream, &answer, 1);
        }
        Fault::Answer(status, headers, body) => {
            let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
            let mut stream = stream;
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn respond(mut stream: &TcpStream, (status, body): &(u16, Value), part: usize) {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&body.as_bytes()[..body.len() / part]);
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "authorization" => authorization = Some(value.trim().to_owned()),
            "transfer-encoding" => panic!("a request without a length"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pair = |pair: &str| pair.split_once('=').map(|(key, value)| (key.to_owned(), decoded(value)));
    let query = query.split('&').filter_map(pair).collect();
    Some(Request { method, path: decoded(path), query, authorization, body })
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let hexadecimal = (byte == b'%').then(|| [bytes.next().unwrap(), bytes.next().unwrap()]);
        let digits = hexadecimal.map(|digits| String::from_utf8(digits.to_vec()).unwrap());
        out.push(digits.map_or(byte, |digits| u8::from_str_radix(&digits, 16).unwrap()));
    }
    String::from_utf8(out).unwrap()
}

/// The text between the last two quotes: the value that a filter asks for.
fn wanted(filter: &str) -> String {
    filter.trim_end_matches('\'').rsplit('\'').next().unwrap().to_owned()
}

fn exists() -> (u16, Value) {
    (400, json!({ "error_code": "RESOURCE_ALREADY_EXISTS", "message": "it exists" }))
}

fn missing() -> (u16, Value) {
    (404, json!({ "error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found" }))
}

/// A version as MLflow shows it.
fn shown(version: &Value) -> Value {
    let mut version = version.clone();
    version.as_object_mut().unwrap().shift_remove("model_id");
    version
}

fn has_tag(tags: &Value, value: &str) -> bool {
    tags.as_array().is_some_and(|tags| tags.iter().any(|tag| tag["value"] == value))
}

impl Kept {
    fn id(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}{}", self.next)
    }

    fn answer(&mut self, request: &Request) -> (u16, Value) {
        if let Some(path) = request.path.strip_prefix("/api/2.0/mlflow-artifacts/artifacts/") {
            self.files.insert(path.to_owned(), request.body.clone());
            return (200, json!({}));
        }
        let Some(path) = request.path.strip_prefix("/api/2.0/mlflow/") else { return missing() };
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        if path.starts_with("experiments") || path.starts_with("runs") {
            self.answer_of_runs(request, path, &body)
        } else {
            self.answer_of_models(request, path, &body)
        }
    }

    fn answer_of_runs(&mut self, request: &Request, path: &str, body: &Value) -> (u16, Value) {
        match (request.method.as_str(), path) {
            ("GET", "experiments/get-by-name") => {
                let index = self.experiments.iter().position(|name| *name == request.query("experiment_name"));
                index.map_or_else(missing, |index| {
                    let (id, at) = (index.to_string(), format!("mlflow-artifacts:/{index}"));
                    (200, json!({ "experiment": { "experiment_id": id, "artifact_location": at } }))
                })
            }
            ("POST", "experiments/create") => {
                let name = body["name"].as_str().unwrap().to_owned();
                if self.experiments.contains(&name) {
                    return exists();
                }
                self.experiments.push(name);
                (200, json!({ "experiment_id": "0" }))
            }
            ("POST", "runs/search") => {
                let value = wanted(body["filter"].as_str().unwrap());
                let is_found =
                    |run: &&Value| has_tag(&run["data"]["tags"], &value) && run["info"]["lifecycle_stage"] == "active";
                (200, json!({ "runs": self.runs.iter().filter(is_found).collect::<Vec<_>>() }))
            }
            ("POST", "runs/create") => {
                let id = self.id("r");
                let experiment = &body["experiment_id"];
                let run = json!({
                    "info": {
                        "run_id": id, "experiment_id": experiment, "status": "RUNNING", "lifecycle_stage": "active",
                        "start_time": body["start_time"],
                        "artifact_uri": format!("mlflow-artifacts:/{}/{id}/artifacts", experiment.as_str().unwrap()),
                    },
                    "data": { "tags": body["tags"], "params": [], "metrics": [] },
                    "outputs": { "model_outputs": [] },
                });
                self.runs.push(run.clone());
                (200, json!({ "run": run }))
            }
            ("GET", "runs/get") => {
                self.run(&request.query("run_id")).map_or_else(missing, |run| (200, json!({ "run": run })))
            }
            ("POST", "runs/delete") => {
                self.run(body["run_id"].as_str().unwrap()).unwrap()["info"]["lifecycle_stage"] = json!("deleted");
                (200, json!({}))
            }
            ("POST", "runs/update") => {
                let run = self.run(body["run_id"].as_str().unwrap()).unwrap();
                run["info"]["status"] = body["status"].clone();
                run["info"]["end_time"] = body["end_time"].clone();
                (200, json!({}))
            }
            ("POST", "runs/log-batch") => {
                let run = self.run(body["run_id"].as_str().unwrap()).unwrap();
                for kind in ["params", "metrics", "tags"] {
                    let there = run["data"][kind].as_array_mut().unwrap();
                    let new = body[kind].as_array().unwrap();
                    there.retain(|old| kind == "metrics" || new.iter().all(|new| new["key"] != old["key"]));
                    let new: Vec<Value> = new.iter().filter(|new| !there.contains(new)).cloned().collect();
                    there.extend(new);
                }
                (200, json!({}))
            }
            ("POST", "runs/log-inputs") => (200, json!({})),
            ("POST", "runs/outputs") => {
                let run = self.run(body["run_id"].as_str().unwrap()).unwrap();
                let outputs = run["outputs"]["model_outputs"].as_array_mut().unwrap();
                if outputs.iter().any(|output| output["model_id"] == body["models"][0]["model_id"]) {
                    return (400, json!({ "error_code": "BAD_REQUEST", "message": "IntegrityError" }));
                }
                outputs.push(body["models"][0].clone());
                (200, json!({}))
            }
            other => panic!("nobody answers {other:?}"),
        }
    }

    fn answer_of_models(&mut self, request: &Request, path: &str, body: &Value) -> (u16, Value) {
        match (request.method.as_str(), path) {
            ("POST", "logged-models/search") => {
                let run = wanted(body["filter"].as_str().unwrap());
                let found = self.models.iter().filter(|model| model["info"]["source_run_id"] == run.as_str());
                (200, json!({ "models": found.collect::<Vec<_>>() }))
            }
            ("POST", "logged-models") => {
                let id = self.id("m-");
                let mut info = body.clone();
                info["model_id"] = json!(id);
                info["status"] = json!("LOGGED_MODEL_PENDING");
                info["artifact_uri"] = json!(format!("mlflow-artifacts:/0/models/{id}/artifacts"));
                self.models.push(json!({ "info": info }));
                (200, json!({ "model": { "info": info } }))
            }
            ("PATCH", path) => {
                let id = path.rsplit('/').next().unwrap();
                let model = self.models.iter_mut().find(|model| model["info"]["model_id"] == id).unwrap();
                model["info"]["status"] = body["status"].clone();
                (200, json!({ "model": model }))
            }
            ("POST", "registered-models/create") => {
                let name = body["name"].as_str().unwrap().to_owned();
                if self.registered.contains(&name) {
                    return exists();
                }
                self.registered.push(name);
                (200, json!({}))
            }
            ("GET", "model-versions/search") => {
                let value = wanted(&request.query("filter"));
                let found = self.versions.iter().filter(|version| has_tag(&version["tags"], &value)).map(shown);
                (200, json!({ "model_versions": found.collect::<Vec<_>>() }))
            }
            ("POST", "model-versions/create") => {
                let mut version = body.clone();
                version["version"] = json!((self.versions.len() + 1).to_string());
                self.versions.push(version.clone());
                (200, json!({ "model_version": shown(&version) }))
            }
            ("GET", "model-versions/get") => self.version(&request.query("version")),
            ("POST", "model-versions/set-tag") => (200, json!({})),
            ("GET", "registered-models/alias") => match self.aliases.get(&request.query("alias")).cloned() {
                Some(version) => self.version(&version),
                None => (400, json!({ "error_code": "INVALID_PARAMETER_VALUE", "message": "no alias" })),
            },
            ("POST", "registered-models/alias") => {
                let text = |name: &str| body[name].as_str().unwrap().to_owned();
                self.aliases.insert(text("alias"), text("version"));
                (200, json!({}))
            }
            ("GET", path) if path.starts_with("logged-models/") => {
                let id = path.rsplit('/').next().unwrap();
                let model = self.models.iter().find(|model| model["info"]["model_id"] == id);
                model.map_or_else(missing, |model| (200, json!({ "model": model })))
            }
            other => panic!("nobody answers {other:?}"),
        }
    }

    fn run(&mut self, id: &str) -> Option<&mut Value> {
        self.runs.iter_mut().find(|run| run["info"]["run_id"] == id)
    }

    fn version(&self, number: &str) -> (u16, Value) {
        let version = self.versions.iter().find(|version| version["version"] == number);
        version.map_or_else(missing, |version| (200, json!({ "model_version": shown(version) })))
    }

    /// Runs that are not deleted.
    pub(super) fn active_runs(&self) -> Vec<&Value> {
        self.runs.iter().filter(|run| run["info"]["lifecycle_stage"] == "active").collect()
    }
}
