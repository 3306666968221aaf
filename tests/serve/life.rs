//! Tokens, limits, slow senders, changes of the bundle, and the end.

use std::fs;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use segpipe::serve::{Journal, Level, Options, Server, Supply, Token};
use serde_json::Value;

use super::support::Project;
use super::wire::{Service, bundle, copy, options, request, wait};

const BODY: &[u8] = br#"{"instances":[[5,10,5000.5]]}"#;
const JSON: (&str, &str) = ("content-type", "application/json");

/// The beginning of a request, and its end.
fn halves() -> (Vec<u8>, Vec<u8>) {
    let mut whole = request("POST", "/invocations", &[JSON], BODY);
    let end = whole.split_off(whole.len() - 10);
    (whole, end)
}

#[test]
fn with_a_token_only_probes_are_answered_without_it() {
    let service = Service::with(Options { token: Some(Token::new("s3cret")), ..options() });
    for path in ["/ping", "/health", "/version"] {
        assert_eq!(service.get(path).status, 200);
    }
    for path in ["/v1/segments", "/metrics", "/openapi.json", "/v1/customers/1", "/nowhere"] {
        let answer = service.get(path);
        assert_eq!((answer.status, answer.error()["code"].as_str()), (401, Some("unauthorised")), "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    for shown in ["Bearer s3cre", "Bearer s3cret2", "Bearer ", "s3cret", "Basic s3cret", "bearers3cret"] {
        let answer = service.ask("POST", "/invocations", &[JSON, ("authorization", shown)], BODY);
        assert_eq!(answer.status, 401, "{shown}");
    }
    for shown in ["Bearer s3cret", "bearer s3cret "] {
        let answer = service.ask("POST", "/invocations", &[JSON, ("authorization", shown)], BODY);
        assert_eq!(answer.predictions().len(), 1);
    }
}

#[test]
fn one_request_more_than_there_are_places_is_turned_away_and_may_come_again() {
    let service = Service::with(Options { concurrency: 1, ..options() });
    let (begin, end) = halves();
    let mut slow = service.connect();
    slow.send(&begin);
    wait("a request in flight", || service.get("/metrics").text().contains("segpipe_requests_in_flight 2"));
    let answer = service.score(BODY);
    assert_eq!((answer.status, answer.error()["code"].as_str()), (503, Some("busy")));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(service.get("/ping").status, 200);
    slow.send(&end);
    assert_eq!(slow.answer().status, 200);
    assert_eq!(service.score(BODY).status, 200);
}

#[test]
fn one_connection_more_than_there_may_be_is_turned_away() {
    let service = Service::with(Options { concurrency: 1, ..options() });
    let kept: Vec<_> = (0..66).map(|_| service.connect()).collect();
    let mut connection = service.connect();
    connection.send(&request("GET", "/ping", &[], b""));
    let answer = connection.answer();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    drop(kept);
    wait("a free connection", || {
        let mut connection = service.connect();
        connection.send(&request("GET", "/ping", &[], b""));
        connection.try_answer().is_some_and(|answer| answer.status == 200)
    });
}

#[test]
fn slow_senders_are_given_up() {
    let limit = Duration::from_millis(200);
    let service = Service::with(Options { time_out: limit, head_time_out: limit, ..options() });
    let began = Instant::now();
    let mut body = service.connect();
    body.send(&halves().0);
    let answer = body.answer();
    assert_eq!((answer.status, answer.error()["code"].as_str()), (408, Some("too_slow")));
    assert!(body.is_closed());
    let mut head = service.connect();
    head.send(b"POST /invocations HTTP/1.1\r\nhost: loc");
    let answer = head.answer();
    assert_eq!((answer.status, answer.error()["code"].as_str()), (408, Some("too_slow")));
    assert!(head.is_closed());
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(service.score(BODY).status, 200);
}

/// Values of a gauge of `/metrics`.
fn gauge(service: &Service, name: &str) -> u64 {
    let text = service.get("/metrics").text();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

#[test]
fn a_reader_who_takes_nothing_is_given_up_and_leaves_its_place() {
    let limit = Duration::from_secs(1);
    let service = Service::with(Options { concurrency: 1, reader_time_out: limit, ..options() });
    // The answer is far larger than what the system keeps for a reader.
    let rows = format!("recency,frequency,monetary\n{}", "5,10,5000.5\n".repeat(300_000));
    let large = request("POST", "/invocations", &[("content-type", "text/csv")], rows.as_bytes());
    let mut idle = service.connect();
    idle.send(&large);
    wait("the answer", || service.get("/metrics").text().contains("segpipe_scored_rows_total 300000"));
    assert!(gauge(&service, "segpipe_connections") > 1, "it and the one that asks");
    wait("the end of the reader", || gauge(&service, "segpipe_connections") == 1);
    assert_eq!(service.score(BODY).status, 200);
    // Who reads is served, however long it takes.
    let mut slow = service.connect();
    slow.send(&large);
    let head = slow.head().unwrap();
    let mut left: usize = head.header("content-length").unwrap().parse().unwrap();
    while left > 0 {
        let read = slow.skip(1 << 20);
        assert!(read > 0, "{left} bytes are missing");
        left -= read;
        std::thread::sleep(limit / 200);
    }
    assert_eq!(head.status, 200);
}

#[test]
fn what_was_begun_is_finished_before_the_end_and_nothing_new_is_begun() {
    let service = Service::new();
    let (begin, end) = halves();
    let (mut begun, mut idle) = (service.connect(), service.connect());
    begun.send(&begin);
    idle.send(&request("GET", "/ping", &[], b""));
    assert_eq!(idle.answer().status, 200);
    wait("a request in flight", || service.get("/metrics").text().contains("segpipe_requests_in_flight 2"));
    service.stop();
    assert!(idle.is_closed());
    wait("the end of listening", || TcpStream::connect(service.address).is_err());
    assert!(!service.is_over());
    begun.send(&end);
    assert_eq!(begun.answer().predictions().len(), 1);
    wait("the end", || service.is_over());
    assert!(!segpipe::serve::is_well(service.address));
}

/// The digest of the bundle that answers.
fn served(service: &Service) -> String {
    let text = service.get("/metrics").text();
    text.split("bundle=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Puts the bundle in `new` where the one in `place` is, as a run does it.
fn exchange(place: &std::path::Path, new: &std::path::Path) {
    let old = place.with_extension("old");
    fs::rename(place, &old).unwrap();
    fs::rename(new, place).unwrap();
    fs::remove_dir_all(old).unwrap();
}

#[test]
fn a_new_bundle_is_swapped_in_whole_and_a_broken_one_never() {
    let folder = tempfile::tempdir().unwrap();
    let (place, next) = (folder.path().join("bundle"), folder.path().join("next"));
    copy(&bundle(), &place);
    let other = Project::finished();
    other.run_well(&["--set", "train.k=3"]);
    copy(&other.path("artifacts/deploy/bundle"), &next);
    let expected = [&place, &next].map(|bundle| Service::of(options(), bundle).score(BODY).body);
    assert_ne!(expected[0], expected[1]);
    let service = Service::of(options(), &place);
    let first = served(&service);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut connection = service.connect();
            let mut seen = [0; 2];
            while !is_over.load(Ordering::Relaxed) {
                connection.send(&request("POST", "/invocations", &[JSON], BODY));
                let answer = connection.answer();
                let which = expected.iter().position(|expected| *expected == answer.body);
                seen[which.unwrap_or_else(|| panic!("{}", answer.text()))] += 1;
            }
            seen
        });
        exchange(&place, &next);
        wait("another bundle", || served(&service) != first);
        std::thread::sleep(Duration::from_millis(20));
        is_over.store(true, Ordering::Relaxed);
        let seen = asking.join().unwrap();
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    });
    let second = served(&service);
    let manifest = fs::read_to_string(place.join("manifest.json")).unwrap();
    fs::write(place.join("model.json"), "{}").unwrap();
    fs::write(place.join("manifest.json"), manifest.replacen("\"bytes\"", " \"bytes\"", 1)).unwrap();
    wait("a failure", || service.get("/metrics").text().contains("segpipe_model_reloads_total{outcome=\"failed\"} 1"));
    assert_eq!(served(&service), second);
    assert_eq!(service.score(BODY).body, expected[1]);
    std::thread::sleep(Duration::from_millis(100));
    let lines = service.lines.lock().unwrap().clone();
    let told: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&Value> = told.iter().filter(|line| line["event"] == "not_reloaded").collect();
    assert_eq!(told.len(), 1, "it is told once: {told:?}");
    assert!(told[0]["error"].as_str().unwrap().contains("model.json"), "{told:?}");
}

#[test]
fn a_service_without_a_whole_bundle_does_not_begin() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bundle");
    copy(&bundle(), &place);
    fs::write(place.join("segments.json"), "{}").unwrap();
    let journal = Journal::new(Level::Info, |_| ());
    let error = Server::bind(options(), Supply::Folder(place), journal).err().unwrap();
    assert!(error.to_string().ends_with("segments.json` has changed since the bundle was made"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn an_address_that_is_taken_is_told() {
    let service = Service::new();
    let journal = Journal::new(Level::Info, |_| ());
    let options = Options { bind: service.address, ..options() };
    let error = Server::bind(options, Supply::Folder(bundle()), journal).err().unwrap();
    assert_eq!(error.to_string(), format!("cannot listen at {}", service.address));
}
