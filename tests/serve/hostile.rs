//! Requests that mean harm, or know no better: each gets a 4xx with a reason, and the service goes on.

use serde_json::Value;

use super::wire::{Answer, Service, options, request};

const GOOD: &str = r#"{"instances":[[5,10,5000.5]]}"#;

/// What a body gets: the status, and row and column where it names them.
struct Case {
    body: Vec<u8>,
    row: Option<u64>,
    column: Option<&'static str>,
}

fn case(body: impl Into<Vec<u8>>) -> Case {
    Case { body: body.into(), row: None, column: None }
}

fn at(row: u64, column: &'static str, body: &str) -> Case {
    Case { row: Some(row), column: Some(column), ..case(body) }
}

/// `answer` must be a refusal of the sender that names where.
fn check(answer: &Answer, case: &Case) {
    let shown = String::from_utf8_lossy(&case.body[..case.body.len().min(120)]).into_owned();
    assert_eq!(answer.status, 400, "{shown}: {}", answer.text());
    let error = answer.error();
    assert_eq!(error["row"].as_u64(), case.row, "{shown}: {error}");
    assert_eq!(error["column"].as_str(), case.column, "{shown}: {error}");
    assert!(error["hint"].is_string() || case.row.is_some(), "{shown}: {error}");
}

#[test]
fn json_that_cannot_be_scored_is_refused_by_row_and_column() {
    let split = |columns: &str, data: &str| format!(r#"{{"dataframe_split":{{"columns":{columns},"data":{data}}}}}"#);
    let named = r#"["recency","frequency","monetary"]"#;
    let nested = "[".repeat(100_000);
    let cases = [
        case(""),
        case(" "),
        case("null"),
        case("[]"),
        case("5"),
        case("\"text\""),
        case("{}"),
        case("{\"instances\""),
        case("\u{feff}{\"instances\":[[5,10,5000.5]]}"),
        case(GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
        case(b"{\"instances\":[[5,10,5000.5]],\"\xff\xfe\":1}".to_vec()),
        case(format!("{GOOD} trailing")),
        case(format!("{GOOD}{GOOD}")),
        case(r#"{"instances":[[1,2,3]],"inputs":[[1,2,3]]}"#),
        case(r#"{"instances":[[1,2,3]],"instances":[[1,2,3]]}"#),
        case(r#"{"rows":[[1,2,3]]}"#),
        case(r#"{"params":{}}"#),
        case(r#"{"instances":{"recency":[1],"frequency":[2],"monetary":[3]}}"#),
        case(r#"{"instances":null}"#),
        case(r#"{"inputs":5}"#),
        case(r#"{"dataframe_split":[[1,2,3]]}"#),
        case(split(named, "5")),
        case(r#"{"dataframe_split":{"columns":["recency","frequency","monetary"]}}"#),
        case(r#"{"dataframe_split":{"data":[[1,2,3]]}}"#),
        case(split("[1,2,3]", "[[1,2,3]]")),
        case(format!("{{\"dataframe_split\":{{\"columns\":{named},\"columns\":{named},\"data\":[]}}}}")),
        case(format!("{{\"dataframe_split\":{{\"columns\":{named},\"data\":[],\"colour\":1}}}}")),
        Case {
            column: Some("recency"),
            ..case(split(r#"["Recency","recency","frequency","monetary"]"#, "[[1,1,2,3]]"))
        },
        Case { column: Some("monetary"), ..case(split(r#"["recency","frequency"]"#, "[[1,2]]")) },
        Case { column: Some("recency"), ..case(split("[]", "[[]]")) },
        Case { column: Some("monetary"), ..case(r#"{"inputs":{"recency":[1],"frequency":[2]}}"#) },
        Case { row: Some(1), ..case(split(named, "[[1,2]]")) },
        Case { row: Some(2), ..case(split(named, "[[1,2,3],[1,2]]")) },
        Case { row: Some(2), ..case(split(named, "[[1,2,3],5]")) },
        Case { row: Some(1), ..case(r#"{"instances":[5,10,5000.5]}"#) },
        Case { row: Some(2), ..case(r#"{"instances":[[1,2,3],[1,2,3,4]]}"#) },
        Case { row: Some(1), ..case(r#"{"dataframe_records":[[1,2,3]]}"#) },
        at(1, "recency", &format!("{{\"instances\":{nested}")),
        Case { row: Some(2), ..case(r#"{"instances":[[1,2,3],"#) },
        at(1, "recency", r#"{"instances":[["5",10,5000.5]]}"#),
        at(2, "frequency", r#"{"instances":[[5,10,5000.5],[5,null,5000.5]]}"#),
        at(1, "monetary", r#"{"instances":[[5,10,true]]}"#),
        at(1, "monetary", r#"{"instances":[[5,10]]}"#),
        at(1, "recency", r#"{"instances":[[[5],10,5000.5]]}"#),
        at(1, "recency", r#"{"instances":[[{"a":5},10,5000.5]]}"#),
        at(1, "recency", r#"{"instances":[[]]}"#),
        at(1, "frequency", r#"{"instances":[[5,NaN,5000.5]]}"#),
        at(1, "frequency", r#"{"instances":[[5,Infinity,5000.5]]}"#),
        at(1, "frequency", r#"{"instances":[[5,-Infinity,5000.5]]}"#),
        at(1, "frequency", r#"{"instances":[[5,1e999,5000.5]]}"#),
        at(1, "frequency", r#"{"instances":[[0x10,10,5000.5]]}"#),
        at(
            2,
            "monetary",
            r#"{"dataframe_records":[{"recency":1,"frequency":2,"monetary":3},{"recency":1,"frequency":2}]}"#,
        ),
        at(1, "recency", r#"{"dataframe_records":[{"recency":1,"Recency":2,"frequency":2,"monetary":3}]}"#),
        at(1, "monetary", r#"{"dataframe_records":[{"recency":1,"frequency":2,"monetary":nan}]}"#),
        at(2, "frequency", r#"{"inputs":{"recency":[1,2],"frequency":[2,"x"],"monetary":[3,4]}}"#),
        at(2, "monetary", r#"{"inputs":{"recency":[1,2],"frequency":[2,3],"monetary":[3]}}"#),
        at(2, "frequency", &split(named, r#"[[1,2,3],[1,"2",3]]"#)),
        at(1, "frequency", &split(r#"["frequency","recency","monetary"]"#, r#"[["2",1,3]]"#)),
    ];
    let service = Service::new();
    for case in &cases {
        check(&service.score(&case.body), case);
    }
    assert_eq!(service.score(GOOD).status, 200);
}

#[test]
fn csv_that_cannot_be_scored_is_refused_by_row_and_column() {
    let row = |row: &str| format!("recency,frequency,monetary\n1,2,3\n{row}\n");
    let cases = [
        case(""),
        Case { column: Some("recency"), ..case("\n\n") },
        Case { column: Some("recency"), ..case("1,2,3\n") },
        Case { column: Some("monetary"), ..case("recency,frequency\n1,2\n") },
        Case { column: Some("recency"), ..case("recency,recency,frequency,monetary\n1,1,2,3\n") },
        Case {
            column: Some("recency"),
            ..case("recency,frequency,monetary\n1,2,3\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
        },
        Case { row: Some(2), ..case(row("1,2")) },
        Case { row: Some(2), ..case(row("1,2,3,4")) },
        at(2, "recency", &row(",2,3")),
        at(2, "frequency", &row("1,two,3")),
        at(2, "monetary", &row("1,2,NaN")),
        at(2, "monetary", &row("1,2,-inf")),
        at(2, "monetary", &row("1,2,1e999")),
        at(2, "monetary", &row("1,2,\"3,5\"")),
        at(2, "monetary", &row("1,2,0x1F")),
        at(2, "monetary", &row("1,2,\u{0}3")),
        Case {
            row: Some(2),
            column: Some("frequency"),
            body: b"recency,frequency,monetary\n1,2,3\n1,\xff,3\n".to_vec(),
        },
    ];
    let service = Service::new();
    for case in &cases {
        check(&service.post("/invocations", "text/csv", &case.body), case);
    }
}

#[test]
fn bodies_larger_than_what_is_taken_are_413_whether_they_say_so_or_not() {
    let service = Service::with(segpipe::serve::Options { max_body: 1000, max_upload: 2000, ..options() });
    let large = format!("{}{}", GOOD, " ".repeat(1000));
    assert_eq!(service.score(&large).status, 413);
    assert_eq!(service.post("/v1/transactions", "text/csv", "x".repeat(2001)).status, 413);
    let mut connection = service.connect();
    connection.send(b"POST /invocations HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99999999999999\r\n\r\n");
    assert_eq!(connection.answer().error()["code"], "too_large");
    assert!(connection.is_closed(), "nobody waits for the rest");
    let mut connection = service.connect();
    connection.send(b"POST /invocations HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    for _ in 0..4 {
        connection.send(format!("100\r\n{}\r\n", " ".repeat(256)).as_bytes());
    }
    let answer = connection.answer();
    assert_eq!((answer.status, answer.error()["code"].as_str()), (413, Some("too_large")));
}

#[test]
fn other_content_is_415() {
    let service = Service::new();
    for kind in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "text/csv; charset=\"latin-1\"",
        "application/jsonx",
    ] {
        let answer = service.post("/invocations", kind, GOOD);
        assert_eq!((answer.status, answer.error()["code"].as_str()), (415, Some("unsupported_media_type")), "{kind}");
    }
    for encoding in ["gzip", "br", "deflate, gzip", "nonsense"] {
        let headers = [("content-type", "application/json"), ("content-encoding", encoding)];
        assert_eq!(service.ask("POST", "/invocations", &headers, GOOD.as_bytes()).status, 415, "{encoding}");
    }
    assert_eq!(service.ask("POST", "/v1/transactions", &[("accept", "image/png")], b"a").status, 406);
}

#[test]
fn paths_lead_nowhere_but_to_the_routes() {
    let service = Service::new();
    for path in [
        "/",
        "//ping",
        "/ping/",
        "/PING",
        "/../../etc/passwd",
        "/v1/../ping",
        "/v1/customers/",
        "/v1/customers/a/b",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/v1/segments/../../manifest.json",
        "/model.json",
        "/v1/segments%00",
        "/.env",
    ] {
        let answer = service.get(path);
        assert_eq!((answer.status, answer.error()["code"].as_str()), (404, Some("not_found")), "{path}");
    }
    for id in ["..%2f..%2fmanifest.json", "%00", "%ff", "a%20b", "'%20or%201=1"] {
        let answer = service.get(&format!("/v1/customers/{id}"));
        assert!((400..500).contains(&answer.status), "{id}");
        answer.error();
    }
    for (method, path) in [
        ("GET", "/invocations"),
        ("PUT", "/invocations"),
        ("DELETE", "/v1/segments"),
        ("POST", "/ping"),
        ("OPTIONS", "/metrics"),
    ] {
        let answer = service.ask(method, path, &[], b"");
        assert_eq!(
            (answer.status, answer.error()["code"].as_str()),
            (405, Some("method_not_allowed")),
            "{method} {path}"
        );
        assert!(answer.header("allow").is_some(), "{method} {path}");
    }
}

/// What comes back for `bytes`: a refusal with a reason, after which the connection is closed.
fn refusal(service: &Service, bytes: &[u8]) -> (u16, Value) {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
    let mut connection = service.connect();
    connection.send(bytes);
    let answer = connection.try_answer().unwrap_or_else(|| panic!("no answer to {shown}"));
    assert_eq!(answer.header("content-type"), Some("application/json"), "{shown}: {answer:?}");
    assert_eq!(answer.header("connection"), Some("close"), "{shown}");
    assert!(connection.is_closed(), "{shown}");
    (answer.status, answer.error())
}

const POST: &str = "POST /invocations HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";

#[test]
fn what_is_no_http_is_refused_with_a_reason_and_the_next_is_answered() {
    let service = Service::new();
    let of_post = |rest: &str| format!("{POST}{rest}").into_bytes();
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS".to_vec(),
        b"\0\0\0\0\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET /ping\r\n\r\n".to_vec(),
        b"G\xc3\x84T /ping HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        b"GET /pi ng HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        b"GET /ping HTTP/9.9\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET /ping HTTP/1.1\r\nbad header\r\n\r\n".to_vec(),
        b"GET /ping HTTP/1.1\r\nhost: a\r\na: \0\r\n\r\n".to_vec(),
        of_post("content-length: minus one\r\n\r\n"),
        of_post("content-length: -1\r\n\r\n"),
        of_post("content-length: 99999999999999999999999\r\n\r\n"),
        of_post("content-length: 5\r\ncontent-length: 6\r\n\r\n12345"),
        of_post("transfer-encoding: identity, chunked, gzip\r\n\r\n12345"),
        of_post("transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
        of_post("transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        of_post("transfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n"),
    ] {
        let (status, error) = refusal(&service, &bytes);
        assert_eq!((status, error["code"].as_str()), (400, Some("malformed")), "{error}");
    }
    assert_eq!(service.score(GOOD).status, 200);
    let metrics = service.get("/metrics").text();
    assert!(!metrics.contains("status=\"500\""), "{metrics}");
    assert!(metrics.contains("segpipe_requests_total{route=\"other\",status=\"400\"}"), "{metrics}");
}

#[test]
fn heads_that_are_too_large_are_refused_with_a_reason() {
    let service = Service::new();
    let long = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(100_000));
    let wide = format!("GET /ping HTTP/1.1\r\nhost: a\r\na: {}\r\n\r\n", "b".repeat(1_000_000));
    let many = format!("GET /ping HTTP/1.1\r\nhost: a\r\n{}\r\n", "a: b\r\n".repeat(500));
    let endless = "a".repeat(200_000);
    for (bytes, expected) in [(long, [414, 431]), (wide, [431; 2]), (many, [431; 2])] {
        let (status, error) = refusal(&service, bytes.as_bytes());
        assert!(expected.contains(&status), "{status}: {error}");
        assert_eq!(error["code"], "head_too_large", "{error}");
    }
    let (status, _) = refusal(&service, endless.as_bytes());
    assert!((400..500).contains(&status));
    assert_eq!(service.score(GOOD).status, 200);
}

#[test]
fn what_follows_answered_requests_is_refused_after_their_answers() {
    let service = Service::new();
    let mut connection = service.connect();
    let good = request("GET", "/ping", &[], b"");
    connection.send(&[good.as_slice(), &good, b"nonsense\r\n\r\n"].concat());
    assert_eq!([connection.answer().status, connection.answer().status], [200, 200]);
    let answer = connection.answer();
    assert_eq!((answer.status, answer.error()["code"].as_str()), (400, Some("malformed")));
    assert!(connection.is_closed());
}

#[test]
fn a_request_that_breaks_off_harms_nobody() {
    let service = Service::new();
    let whole = request("POST", "/invocations", &[("content-type", "application/json")], &[b' '; 100]);
    for end in [5, 30, whole.len() - 50] {
        let mut connection = service.connect();
        connection.send(&whole[..end]);
        connection.send_no_more();
        let answer = connection.answer();
        assert_eq!((answer.status, answer.error()["code"].as_str()), (400, Some("malformed")), "{end}");
        let mut connection = service.connect();
        connection.send(&whole[..end]);
        drop(connection);
    }
    assert_eq!(service.score(GOOD).status, 200);
}

#[test]
fn any_finite_number_is_scored_and_the_answer_is_finite() {
    let service = Service::new();
    let numbers =
        ["0", "-0", "-5", "1e308", "-1e308", "5e-324", "18446744073709551615", "123456789012345678901234567890", "0.1"];
    for number in numbers {
        let answer = service.score(format!("{{\"instances\":[[{number},{number},{number}]]}}"));
        let prediction: Value = answer.predictions()[0].clone();
        assert!(prediction["distance"].as_f64().is_some_and(f64::is_finite), "{number}: {prediction}");
        let csv = service.post(
            "/invocations",
            "text/csv",
            format!("recency,frequency,monetary\n{number},{number},{number}\n"),
        );
        assert_eq!(csv.body, answer.body, "{number}");
    }
}
