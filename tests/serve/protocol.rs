//! What is asked well, and the answers.

use segpipe_stages::customers::Customers;
use serde_json::{Value, json};

use super::support::Project;
use super::wire::{Service, project, request};

/// Every customer's raw values, with integers where they are.
fn rows() -> Vec<[Value; 3]> {
    let (customers, _) = Customers::read(&project().path("artifacts/rfm/customers.parquet")).unwrap();
    let row = |index: usize| {
        [json!(customers.recency[index]), json!(customers.frequency[index]), json!(customers.monetary[index])]
    };
    (0..customers.len()).map(row).collect()
}

/// What `segpipe predict` writes for a table of the project, row by row.
fn predicted(project: &Project, input: &str, out: &str) -> Vec<csv::StringRecord> {
    project.call_well(&["predict", input, "-o", out]);
    csv::Reader::from_path(project.path(out)).unwrap().into_records().map(Result::unwrap).collect()
}

fn record([recency, frequency, monetary]: &[Value; 3]) -> Value {
    json!({ "recency": recency, "frequency": frequency, "monetary": monetary })
}

#[test]
fn the_answers_are_those_of_predict_for_every_customer() {
    let service = Service::new();
    let rows = rows();
    let answer = service.score(
        json!({ "dataframe_split": { "columns": ["recency", "frequency", "monetary"], "data": rows } }).to_string(),
    );
    let predictions = answer.predictions();
    let expected = predicted(project(), "artifacts/rfm/customers.parquet", "protocol.csv");
    assert_eq!((predictions.len(), rows.len()), (expected.len(), expected.len()));
    let header = csv::Reader::from_path(project().path("protocol.csv")).unwrap().headers().unwrap().clone();
    let position = |name: &str| header.iter().position(|header| header == name).unwrap();
    for (prediction, expected) in predictions.iter().zip(&expected) {
        let cell = |name: &str| &expected[position(name)];
        assert_eq!(prediction["segment"].to_string(), cell("segment"));
        assert_eq!(prediction["segment_name"], cell("segment_name"));
        assert_eq!(prediction["runner_up"].to_string(), cell("runner_up"));
        for name in ["distance", "margin"] {
            let number: f64 = cell(name).parse().unwrap();
            assert_eq!(prediction[name].as_f64().unwrap().to_bits(), number.to_bits(), "{name}");
        }
    }
}

#[test]
fn every_form_and_every_order_of_columns_gives_the_same_bytes() {
    let service = Service::new();
    let rows: Vec<[Value; 3]> = rows().into_iter().step_by(7).collect();
    let records: Vec<Value> = rows.iter().map(record).collect();
    let column = |index: usize| rows.iter().map(|row| row[index].clone()).collect::<Vec<Value>>();
    let csv: Vec<String> = rows.iter().map(|[r, f, m]| format!("{m},{r},x,{f}\n")).collect();
    let csv = csv.concat();
    let turned: Vec<Value> = rows.iter().map(|[r, f, m]| json!(["12345", m, r, null, f])).collect();
    let columns = json!(["customer_id", "MONETARY", " Recency ", "note", "frequency"]);
    let reference = service.score(json!({ "dataframe_records": records }).to_string());
    assert_eq!(reference.predictions().len(), rows.len());
    let bodies = [
        json!({ "dataframe_split": { "columns": ["recency", "frequency", "monetary"], "index": [1], "data": rows } }),
        json!({ "dataframe_split": { "data": turned, "columns": columns } }),
        json!({ "instances": rows }),
        json!({ "instances": records, "params": { "any": 1 }, "signature_name": "serving_default" }),
        json!({ "inputs": rows }),
        json!({ "inputs": records }),
        json!({ "inputs": { "monetary": column(2), "Frequency": column(1), "other": 5, "recency": column(0) } }),
    ];
    for body in bodies {
        assert!(service.score(body.to_string()).body == reference.body, "{body}");
    }
    for (kind, text) in [
        ("text/csv", format!("monetary,recency,x,frequency\n{csv}")),
        ("Text/CSV; charset=UTF-8", format!("\u{feff}Monetary,RECENCY,x,frequency\r\n{}", csv.replace('\n', "\r\n"))),
        ("text/csv", format!("monetary;recency;x;frequency\n{}", csv.replace(',', ";"))),
    ] {
        assert!(service.post("/invocations", kind, &text).body == reference.body, "{kind} {}", &text[..60]);
    }
}

#[test]
fn a_large_body_is_answered_like_a_small_one() {
    let service = Service::new();
    let one = service.score(r#"{"instances":[[5,10,5000.5]]}"#).text();
    let one = one.strip_prefix(r#"{"predictions":["#).unwrap().strip_suffix("]}").unwrap();
    let rows = vec!["[5,10,5000.5]"; 20_000].join(",");
    let answer = service.score(format!("{{\"instances\":[{rows}]}}"));
    assert!(answer.text() == format!("{{\"predictions\":[{}]}}", vec![one; 20_000].join(",")));
}

#[test]
fn no_rows_are_no_predictions() {
    let service = Service::new();
    for body in [
        r#"{"instances":[]}"#,
        r#"{"dataframe_records":[]}"#,
        r#"{"dataframe_split":{"columns":["recency","frequency","monetary"],"data":[]}}"#,
        r#"{"inputs":{"recency":[],"frequency":[],"monetary":[]}}"#,
    ] {
        assert_eq!(service.score(body).text(), r#"{"predictions":[]}"#, "{body}");
    }
    let answer = service.post("/invocations", "text/csv", "recency,frequency,monetary\n");
    assert_eq!(answer.text(), r#"{"predictions":[]}"#);
}

#[test]
fn probes_are_answered_as_mlflows_servers_answer_them() {
    let service = Service::new();
    for path in ["/ping", "/health"] {
        assert_eq!((service.get(path).status, service.get(path).text()), (200, "OK\n".to_owned()));
    }
    let version = service.get("/version");
    assert_eq!((version.status, version.text()), (200, segpipe::mlflow::VERSION.to_owned()));
    let mut connection = service.connect();
    connection.send(&request("HEAD", "/ping", &[], b""));
    assert_eq!(connection.head().unwrap().status, 200);
    assert!(segpipe::serve::is_well(service.address));
}

#[test]
fn segments_are_the_bundles_cards() {
    let answer = Service::new().get("/v1/segments");
    assert_eq!(answer.body, std::fs::read(project().path("artifacts/deploy/bundle/segments.json")).unwrap());
    assert_eq!(answer.json()["segments"].as_array().unwrap().len(), 4);
}

#[test]
fn a_customer_of_the_bundle_has_the_segment_of_training() {
    let service = Service::new();
    let (customers, _) = Customers::read(&project().path("artifacts/rfm/customers.parquet")).unwrap();
    let id = &customers.ids[17];
    let answer = service.get(&format!("/v1/customers/{id}"));
    let row = json!({ "instances": [customers.features()[17]] }).to_string();
    let mut expected = service.score(row).predictions()[0].clone();
    assert_eq!(answer.json()["customer_id"], id.as_str());
    expected["customer_id"] = json!(id);
    assert_eq!(answer.json(), expected);
    let unknown = service.get("/v1/customers/nobody");
    assert_eq!((unknown.status, unknown.error()["code"].as_str()), (404, Some("unknown_customer")));
}

#[test]
fn without_assignments_customers_are_404_and_it_says_how_to_have_them() {
    let project = Project::finished();
    let service = Service::of(super::wire::options(), &project.path("artifacts/deploy/bundle"));
    let answer = service.get("/v1/customers/12000");
    assert_eq!(answer.status, 404);
    assert!(answer.error()["hint"].as_str().unwrap().contains("deploy.include_assignments: true"));
}

#[test]
fn metrics_count_requests_by_route_and_status() {
    let service = Service::new();
    service.score(r#"{"instances":[[5,10,5000.5],[1,1,1]]}"#).predictions();
    service.score("{");
    service.get("/nowhere");
    let text = service.get("/metrics").text();
    for line in [
        "segpipe_requests_total{route=\"/invocations\",status=\"200\"} 1",
        "segpipe_requests_total{route=\"/invocations\",status=\"400\"} 1",
        "segpipe_requests_total{route=\"other\",status=\"404\"} 1",
        "segpipe_request_duration_seconds_count{route=\"/invocations\"} 2",
        "segpipe_request_duration_seconds_bucket{route=\"/invocations\",le=\"+Inf\"} 2",
        "segpipe_scored_rows_total 2",
        "segpipe_requests_in_flight 1",
        "segpipe_model_reloads_total{outcome=\"ok\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let manifest = std::fs::read(project().path("artifacts/deploy/bundle/manifest.json")).unwrap();
    let digest = segpipe::digest::Digest::of_bytes(&manifest);
    assert!(text.contains(&format!("segpipe_model_info{{bundle=\"{digest}\"")), "{text}");
}

#[test]
fn a_connection_carries_many_requests() {
    let service = Service::new();
    let mut connection = service.connect();
    let body = br#"{"instances":[[5,10,5000.5]]}"#;
    let headers = [("content-type", "application/json")];
    let one = request("POST", "/invocations", &headers, body);
    connection.send(&one.repeat(3));
    let answers = [connection.answer(), connection.answer(), connection.answer()];
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body));
}

#[test]
fn the_journal_tells_of_requests_without_what_was_in_them() {
    let service = Service::new();
    service.get("/v1/customers/a-secret-name");
    service.score(r#"{"instances":[["a-secret-name",10,5000.5]]}"#);
    service.get("/a-secret-name?a-secret-name=1");
    let lines = service.lines.lock().unwrap().clone();
    assert!(lines.iter().all(|line| serde_json::from_str::<Value>(line).unwrap()["event"].is_string()));
    assert!(lines.iter().any(|line| line.contains("\"route\":\"/v1/customers/{id}\",\"status\":404")), "{lines:?}");
    assert!(!lines.concat().contains("a-secret-name"), "{lines:?}");
}
