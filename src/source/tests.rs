//! Sources over a real socket on this computer: whole, cut, changed, refused, slow, too large.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use segpipe_stages::contract::{Fault, SourceSelection};

use super::*;

/// What the server does with one request.
struct Answer {
    status: &'static str,
    headers: Vec<String>,
    body: Vec<u8>,
    /// The connection is closed after so many bytes of the body, whatever was announced.
    cut: usize,
    delay: Duration,
}

impl Answer {
    fn new(status: &'static str, body: &[u8]) -> Self {
        let headers = vec![format!("Content-Length: {}", body.len())];
        Self { status, headers, body: body.to_vec(), cut: usize::MAX, delay: Duration::ZERO }
    }

    fn header(mut self, header: &str) -> Self {
        self.headers.push(header.to_owned());
        self
    }

    fn cut(self, cut: usize) -> Self {
        Self { cut, ..self }
    }
}

/// A server that answers the n-th request as the handler says, and keeps what it was asked.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(handler: impl Fn(usize, &str) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let request = read_head(&mut stream);
                let number = seen.lock().unwrap().len();
                seen.lock().unwrap().push(request.to_lowercase());
                let answer = handler(number, &request);
                std::thread::sleep(answer.delay);
                let head = format!(
                    "HTTP/1.1 {}\r\nConnection: close\r\n{}\r\n\r\n",
                    answer.status,
                    answer.headers.join("\r\n")
                );
                let body = &answer.body[..answer.cut.min(answer.body.len())];
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Keeps what is said, and can be interrupted.
#[derive(Default)]
struct Listener {
    notes: Mutex<Vec<Note>>,
    progress: Mutex<Vec<(u64, u64)>>,
    is_cancelled: AtomicBool,
}

impl Listener {
    fn said(&self) -> String {
        let line = |note: &Note| format!("{:?} {}", note.level, note.text);
        self.notes.lock().unwrap().iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Observer for Listener {
    fn progress(&self, done: u64, total: u64) {
        self.progress.lock().unwrap().push((done, total));
    }
    fn note(&self, note: Note) {
        self.notes.lock().unwrap().push(note);
    }
    fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::SeqCst)
    }
}

struct Project {
    folder: tempfile::TempDir,
    options: Options,
}

impl Project {
    fn new() -> Self {
        let options = Options {
            connect_timeout: Duration::from_millis(500),
            read_timeout: Duration::from_millis(300),
            retries: 0,
            pause: Duration::ZERO,
            uses_proxy: false,
            ..Options::default()
        };
        Self { folder: tempfile::tempdir().unwrap(), options }
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn sources(&self) -> Sources {
        Sources::new(self.folder.path().to_owned(), self.path("artifacts/.segpipe"), self.options.clone())
    }

    fn resolve(&self, request: &SourceRequest) -> (Result<Vec<ResolvedSource>, StageError>, Listener) {
        let listener = Listener::default();
        (self.sources().resolve(request, &listener), listener)
    }

    fn files(&self) -> Vec<String> {
        files_below(self.folder.path(), self.folder.path())
    }
}

fn files_below(root: &Path, folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in folder.read_dir().unwrap().flatten() {
        if entry.path().is_dir() {
            names.extend(files_below(root, &entry.path()));
        } else {
            names.push(entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned());
        }
    }
    names.sort();
    names
}

fn request(url: &str, to: &str) -> SourceRequest {
    let (url, to) = (url.to_owned(), to.to_owned());
    let licence = Some("CC BY 4.0".to_owned());
    SourceRequest {
        selection: SourceSelection::OneOf(vec![to.clone(), "data/other.csv".to_owned()]),
        download: Some(Download { url, member: None, to, licence, max_bytes: 1_000_000 }),
        may_simulate: false,
    }
}

fn with_member(mut request: SourceRequest, member: &str, max_bytes: u64) -> SourceRequest {
    let download = request.download.as_mut().unwrap();
    download.member = Some(member.to_owned());
    download.max_bytes = max_bytes;
    request
}

fn zip_of(name: &str, content: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap().into_inner()
}

/// 200,000 bytes that differ from place to place.
fn content(seed: u8) -> Vec<u8> {
    (0..200_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed).collect()
}

/// Serves `body` with ranges, cutting the first answer after `cut` bytes.
fn cutting(body: Vec<u8>, validator: &'static str, cut: usize) -> impl Fn(usize, &str) -> Answer {
    move |number, request| {
        let request = request.to_lowercase();
        let start =
            request.split("range: bytes=").nth(1).and_then(|rest| rest.split('-').next()?.parse::<usize>().ok());
        match start {
            Some(start) => Answer::new("206 Partial Content", &body[start..])
                .header(&format!("Content-Range: bytes {start}-{}/{}", body.len() - 1, body.len()))
                .header(validator),
            None if number == 0 => Answer::new("200 OK", &body).header(validator).cut(cut),
            None => Answer::new("200 OK", &body).header(validator),
        }
    }
}

#[test]
fn a_file_is_fetched_whole_into_a_new_folder_and_remembered() {
    let project = Project::new();
    let body = content(0);
    let served = body.clone();
    let server = Server::start(move |_, _| Answer::new("200 OK", &served));
    let (resolved, listener) = project.resolve(&request(&format!("{}/x.csv?key=s3cret", server.url), "data/x.csv"));
    let resolved = resolved.unwrap();
    assert_eq!(resolved, [ResolvedSource { path: project.path("data/x.csv"), origin: SourceOrigin::File }]);
    assert_eq!(std::fs::read(project.path("data/x.csv")).unwrap(), body);
    assert_eq!(project.files(), ["artifacts/.segpipe/downloads.json", "data/x.csv"]);
    let digest = blake3::hash(&body).to_hex().to_string();
    let said = listener.said();
    assert!(
        said.contains("fetching `data/x.csv` from http://127.0.0.1") && said.contains("licence CC BY 4.0"),
        "{said}"
    );
    assert!(said.contains(&digest) && !said.contains("s3cret"), "{said}");
    let memory = std::fs::read_to_string(project.path("artifacts/.segpipe/downloads.json")).unwrap();
    assert!(memory.contains(&digest) && memory.contains("CC BY 4.0") && !memory.contains("s3cret"), "{memory}");
    assert_eq!(listener.progress.lock().unwrap().last(), Some(&(200_000, 200_000)));
    assert_eq!(project.resolve(&request("http://127.0.0.1:1/", "data/x.csv")).0.unwrap(), resolved);
    assert_eq!(server.requests().len(), 1, "a file that is there is not fetched again");
}

#[test]
fn the_wanted_member_comes_out_of_a_zip_archive() {
    let project = Project::new();
    let archive = zip_of("Online Retail.xlsx", b"a workbook");
    let server = Server::start(move |_, _| Answer::new("200 OK", &archive));
    let asked = with_member(request(&server.url, "data/online_retail.xlsx"), "Online Retail.xlsx", 10_000);
    project.resolve(&asked).0.unwrap();
    assert_eq!(std::fs::read(project.path("data/online_retail.xlsx")).unwrap(), b"a workbook");
    assert_eq!(project.files(), ["artifacts/.segpipe/downloads.json", "data/online_retail.xlsx"]);
}

#[test]
fn another_member_no_archive_and_too_large_a_member_are_errors_that_leave_nothing() {
    let cases: [(Vec<u8>, &str); 4] = [
        (zip_of("readme.txt", b"hello"), "the zip archive holds no `x.csv`, only `readme.txt`"),
        (b"not a zip archive at all".to_vec(), "what was fetched is no intact zip archive"),
        (zip_of("x.csv", &vec![b' '; 20_000]), "the file is larger than the 9999 bytes allowed"),
        (vec![b' '; 10_000], "the file is larger than the 9999 bytes allowed"),
    ];
    for (body, expected) in cases {
        let project = Project::new();
        let server = Server::start(move |_, _| Answer::new("200 OK", &body));
        let error = project.resolve(&with_member(request(&server.url, "data/x.csv"), "x.csv", 9_999)).0.unwrap_err();
        let cause = error.cause.unwrap().to_string();
        assert!(cause.starts_with(expected), "{cause}");
        assert_eq!(error.fault, Fault::Data);
        assert_eq!(project.files(), ["artifacts/.segpipe/downloads.json"]);
        assert!(!project.path("data").exists());
    }
}

#[test]
fn a_damaged_member_is_noticed_by_its_checksum() {
    let project = Project::new();
    let mut archive = zip_of("x.csv", b"these bytes are stored and then changed");
    let data = archive.len() / 3;
    archive[data] ^= 1;
    let server = Server::start(move |_, _| Answer::new("200 OK", &archive));
    let (result, _) = project.resolve(&with_member(request(&server.url, "x.csv"), "x.csv", 9_999));
    assert!(result.is_err());
    assert!(!project.path("x.csv").exists());
}

#[test]
fn a_size_that_is_not_announced_is_limited_all_the_same() {
    let project = Project::new();
    let server = Server::start(|_, _| Answer { headers: vec![], ..Answer::new("200 OK", &vec![0; 20_000]) });
    let mut asked = request(&server.url, "x.csv");
    asked.download.as_mut().unwrap().max_bytes = 9_999;
    let error = project.resolve(&asked).0.unwrap_err();
    assert_eq!(error.cause.unwrap().to_string(), "the file is larger than the 9999 bytes allowed");
    assert_eq!(project.files(), ["artifacts/.segpipe/downloads.json"]);
}

#[test]
fn a_cut_transfer_goes_on_where_it_broke_off_in_the_same_attempt() {
    let project = Project { options: Options { retries: 1, ..Project::new().options }, ..Project::new() };
    let body = content(0);
    let server = Server::start(cutting(body.clone(), "ETag: \"v1\"", 70_000));
    project.resolve(&request(&server.url, "x.csv")).0.unwrap();
    assert_eq!(std::fs::read(project.path("x.csv")).unwrap(), body);
    let requests = server.requests();
    assert!(requests[1].contains("range: bytes=70000-") && requests[1].contains("if-range: \"v1\""), "{requests:?}");
    assert_eq!(project.files(), ["artifacts/.segpipe/downloads.json", "x.csv"]);
}

#[test]
fn a_cut_transfer_goes_on_in_the_next_run_by_the_time_of_the_last_change() {
    let project = Project::new();
    let body = content(0);
    let server = Server::start(cutting(body.clone(), "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT", 70_000));
    let error = project.resolve(&request(&server.url, "x.csv")).0.unwrap_err();
    assert!(error.cause.unwrap().to_string().starts_with("the transfer broke off after 70000 bytes"));
    assert!(!project.path("x.csv").exists(), "nothing is half placed");
    project.resolve(&request(&server.url, "x.csv")).0.unwrap();
    assert_eq!(std::fs::read(project.path("x.csv")).unwrap(), body);
    assert!(server.requests()[1].contains("if-range: wed, 21 oct 2015 07:28:00 gmt"));
}

#[test]
fn a_file_that_changed_on_the_server_is_fetched_from_its_beginning() {
    let project = Project::new();
    let (old, new) = (content(0), content(7));
    let served = new.clone();
    let server = Server::start(move |number, _| match number {
        0 => Answer::new("200 OK", &old).header("ETag: \"v1\"").cut(70_000),
        // The validator does not match any more, so the server sends the whole.
        _ => Answer::new("200 OK", &served).header("ETag: \"v2\""),
    });
    project.resolve(&request(&server.url, "x.csv")).0.unwrap_err();
    project.resolve(&request(&server.url, "x.csv")).0.unwrap();
    assert_eq!(std::fs::read(project.path("x.csv")).unwrap(), new);
}

#[test]
fn a_part_without_validator_or_from_another_address_is_not_continued() {
    let project = Project::new();
    let body = content(0);
    let server = Server::start(cutting(body.clone(), "ETag: W/\"weak\"", 70_000));
    project.resolve(&request(&server.url, "x.csv")).0.unwrap_err();
    project.resolve(&request(&server.url, "x.csv")).0.unwrap();
    assert!(!server.requests()[1].contains("range:"));
    std::fs::remove_file(project.path("x.csv")).unwrap();
    let server = Server::start(cutting(body.clone(), "ETag: \"v1\"", 70_000));
    project.resolve(&request(&format!("{}/one", server.url), "x.csv")).0.unwrap_err();
    project.resolve(&request(&format!("{}/two", server.url), "x.csv")).0.unwrap();
    assert!(!server.requests()[1].contains("range:"));
    assert_eq!(std::fs::read(project.path("x.csv")).unwrap(), body);
}

#[test]
fn a_range_that_begins_elsewhere_or_cannot_be_served_starts_over() {
    for wrong in ["206 Partial Content", "416 Range Not Satisfiable"] {
        let project = Project { options: Options { retries: 2, ..Project::new().options }, ..Project::new() };
        let body = content(0);
        let served = body.clone();
        let server = Server::start(move |number, _| match number {
            0 => Answer::new("200 OK", &served).header("ETag: \"v1\"").cut(70_000),
            1 => Answer::new(wrong, &served[..10]).header("Content-Range: bytes 0-9/200000"),
            _ => Answer::new("200 OK", &served),
        });
        project.resolve(&request(&server.url, "x.csv")).0.unwrap();
        assert_eq!(std::fs::read(project.path("x.csv")).unwrap(), body, "{wrong}");
    }
}

#[test]
fn redirects_are_followed_and_loops_are_not() {
    let project = Project::new();
    let server = Server::start(|_, request| match request.split(' ').nth(1) {
        Some("/there") => Answer::new("200 OK", b"rows"),
        Some("/loop") => Answer::new("302 Found", b"").header("Location: /loop"),
        _ => Answer::new("302 Found", b"").header("Location: /there"),
    });
    project.resolve(&request(&format!("{}/here", server.url), "x.csv")).0.unwrap();
    assert_eq!(std::fs::read(project.path("x.csv")).unwrap(), b"rows");
    let error = project.resolve(&request(&format!("{}/loop", server.url), "y.csv")).0.unwrap_err();
    assert!(error.cause.unwrap().to_string().contains("too many redirects"));
}

#[test]
fn a_refusal_and_a_web_page_are_errors_that_say_what_to_do() {
    let answers: [(Answer, &str); 2] = [
        (Answer::new("404 Not Found", b"gone"), "the server answered 404 Not Found"),
        (Answer::new("200 OK", b"<html>").header("Content-Type: text/html; charset=utf-8"), "a web page came instead"),
    ];
    for (answer, expected) in answers {
        let project = Project::new();
        let answer = Mutex::new(Some(answer));
        let server = Server::start(move |_, _| answer.lock().unwrap().take().unwrap());
        let url = server.url.replace("http://", "http://ana:s3cret@");
        let error = project.resolve(&request(&url, "data/x.csv")).0.unwrap_err();
        let expected_message =
            format!("none of `data/x.csv`, `data/other.csv` exists, and it could not be fetched from {}", server.url);
        assert_eq!(error.message, expected_message);
        assert!(error.cause.unwrap().to_string().starts_with(expected));
        assert_eq!(error.hint.unwrap(), format!("fetch {} by hand and put the file at `data/x.csv`", server.url));
        assert!(!project.path("data").exists());
    }
}

#[test]
fn a_server_that_is_slow_or_not_there_is_given_up() {
    let project = Project::new();
    let server = Server::start(|_, _| Answer { delay: Duration::from_secs(3), ..Answer::new("200 OK", b"rows") });
    let begun = std::time::Instant::now();
    for url in [server.url.as_str(), "http://127.0.0.1:1/"] {
        let error = project.resolve(&request(url, "x.csv")).0.unwrap_err();
        assert!(error.cause.unwrap().to_string().starts_with("the server cannot be reached"), "{url}");
    }
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn an_interruption_ends_the_transfer_and_is_no_failure_to_remember() {
    let project = Project::new();
    let server = Server::start(|_, _| Answer { delay: Duration::from_millis(250), ..Answer::new("200 OK", b"rows") });
    let listener = Listener { is_cancelled: AtomicBool::new(true), ..Listener::default() };
    let error = project.sources().resolve(&request(&server.url, "x.csv"), &listener).unwrap_err();
    assert_eq!(error.fault, Fault::Cancelled);
    assert!(project.files().is_empty(), "{:?}", project.files());
}

#[test]
fn a_full_disk_is_an_error_of_the_disk_and_nothing_is_simulated() {
    let project = Project::new();
    let server = Server::start(|_, _| Answer::new("200 OK", &content(0)));
    std::os::unix::fs::symlink("/dev/full", project.path("x.csv.part")).unwrap();
    let (result, _) = project.resolve(&SourceRequest { may_simulate: true, ..request(&server.url, "x.csv") });
    let error = result.unwrap_err();
    assert_eq!(error.fault, Fault::Disk);
    assert!(error.message.ends_with("x.csv.part`") && error.cause.unwrap().to_string().contains("space"));
    assert!(project.files().is_empty());
}

#[test]
fn a_download_stays_inside_the_project() {
    let project = Project::new();
    for to in ["../x.csv", "/tmp/x.csv", "data/../../x.csv"] {
        let error = project.resolve(&request("http://127.0.0.1:1/", to)).0.unwrap_err();
        assert_eq!((error.fault, error.message), (Fault::Params, format!("a download cannot be placed at `{to}`")));
    }
}

#[test]
fn simulated_data_stands_in_loudly_is_used_again_and_yields_to_the_real_file() {
    let project = Project::new();
    let server = Server::start(|_, _| Answer::new("404 Not Found", b"gone"));
    let asked = SourceRequest { may_simulate: true, ..request(&server.url, "data/x.csv") };
    let (first, listener) = project.resolve(&asked);
    let first = first.unwrap();
    assert_eq!(first[0].origin, SourceOrigin::Simulated);
    let said = listener.said();
    assert!(said.contains("Warning SIMULATED DATA: none of `data/x.csv`") && said.contains("404"), "{said}");
    assert!(said.contains("put the real file at `data/x.csv`"), "{said}");
    let written = std::fs::metadata(&first[0].path).unwrap().modified().unwrap();

    let (second, listener) = project.resolve(&asked);
    assert_eq!(second.unwrap(), first);
    assert_eq!(server.requests().len(), 1, "the failure is remembered");
    let said = listener.said();
    assert!(
        said.contains("0 minutes ago: the server answered 404")
            && said.contains("`artifacts/.segpipe/downloads.json` is deleted"),
        "{said}"
    );
    assert_eq!(std::fs::metadata(&first[0].path).unwrap().modified().unwrap(), written, "it is not written again");

    std::fs::create_dir_all(project.path("data")).unwrap();
    std::fs::write(project.path("data/x.csv"), "rows").unwrap();
    let (third, listener) = project.resolve(&asked);
    assert_eq!(third.unwrap()[0].origin, SourceOrigin::File);
    assert_eq!(listener.said(), "");
}

#[test]
fn without_a_stand_in_a_failed_download_is_tried_again_at_once() {
    let project = Project::new();
    let server =
        Server::start(
            |number, _| {
                if number == 0 { Answer::new("404 Not Found", b"") } else { Answer::new("200 OK", b"rows") }
            },
        );
    project.resolve(&request(&server.url, "x.csv")).0.unwrap_err();
    project.resolve(&request(&server.url, "x.csv")).0.unwrap();
}

#[test]
fn simulated_data_of_another_generator_is_removed() {
    let project = Project::new();
    let folder = project.path("artifacts/.segpipe/simulated");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("online_retail_simulated_00000000.csv"), "old").unwrap();
    let selection = SourceSelection::All(vec!["x.csv".to_owned()]);
    let asked = SourceRequest { selection, download: None, may_simulate: true };
    project.resolve(&asked).0.unwrap();
    assert_eq!(folder.read_dir().unwrap().count(), 1);
}

#[test]
fn a_source_is_resolved_from_a_blocking_thread_of_an_async_program() {
    let project = Project::new();
    let server = Server::start(|_, _| Answer::new("200 OK", b"rows"));
    let (sources, asked) = (project.sources(), request(&server.url, "x.csv"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let task = runtime.spawn_blocking(move || sources.resolve(&asked, &Listener::default()).is_ok());
    assert!(runtime.block_on(task).unwrap());
}

#[test]
fn a_missing_file_without_a_download_is_an_error_of_the_data() {
    let project = Project::new();
    std::fs::write(project.path("type.csv"), "rows").unwrap();
    let selection = SourceSelection::All(vec!["typo.csv".to_owned()]);
    let error = project.resolve(&SourceRequest { selection, download: None, may_simulate: false }).0.unwrap_err();
    assert_eq!((error.fault, error.message.as_str()), (Fault::Data, "`typo.csv` does not exist"));
    assert_eq!(error.hint.unwrap(), "there is `type.csv`; paths are relative to the pipeline file's folder");
}

#[test]
fn a_look_ahead_finds_what_is_there_and_touches_nothing() {
    let project = Project::new();
    let asked = SourceRequest { may_simulate: true, ..request("http://127.0.0.1:1/", "x.csv") };
    assert_eq!(project.sources().peek(&asked).unwrap(), None);
    let only_download = SourceRequest { may_simulate: false, ..asked.clone() };
    assert_eq!(project.sources().peek(&only_download).unwrap(), None);
    let neither = SourceRequest { download: None, ..only_download };
    assert_eq!(project.sources().peek(&neither).unwrap_err().fault, Fault::Data);
    assert!(project.files().is_empty());
    let simulated = project.resolve(&asked).0.unwrap();
    assert_eq!(project.sources().peek(&asked).unwrap(), Some(simulated));
    std::fs::write(project.path("x.csv"), "rows").unwrap();
    assert_eq!(project.sources().peek(&asked).unwrap().unwrap()[0].origin, SourceOrigin::File);
}
