//! A service in this process, and the plainest client.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use segpipe::serve::{Journal, Level, Options, ServeError, Server, Stopper, Supply};
use serde_json::Value;

use super::support::Project;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A project that ran once for all tests, with customers' segments in its bundle. Nobody changes it.
pub(crate) fn project() -> &'static Project {
    static PROJECT: OnceLock<Project> = OnceLock::new();
    PROJECT.get_or_init(|| {
        let project = Project::new();
        project.edit("  deploy:\n", "  deploy:\n    params: {include_assignments: true}\n");
        project.run_well(&[]);
        project
    })
}

/// The bundle of [`project`].
pub(crate) fn bundle() -> PathBuf {
    project().path("artifacts/deploy/bundle")
}

/// Options for a test: any port, and quick to notice.
pub(crate) fn options() -> Options {
    Options { bind: SocketAddr::from(([127, 0, 0, 1], 0)), poll: Duration::from_millis(20), ..Options::default() }
}

/// A running service, ended with this.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
    stopper: Stopper,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Service {
    pub(crate) fn new() -> Self {
        Self::with(options())
    }

    pub(crate) fn with(options: Options) -> Self {
        Self::of(options, &bundle())
    }

    pub(crate) fn of(options: Options, bundle: &Path) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let journal = Journal::new(Level::Request, move |line| kept.lock().unwrap().push(line.to_owned()));
        let server = Server::bind(options, Supply::Folder(bundle.to_owned()), journal).unwrap();
        let (address, stopper) = (server.address(), server.stopper());
        let thread = Some(std::thread::spawn(move || server.run()));
        Self { address, lines, stopper, thread }
    }

    pub(crate) fn stop(&self) {
        self.stopper.stop();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::new(self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, content_type: &str, body: impl AsRef<[u8]>) -> Answer {
        self.ask("POST", path, &[("content-type", content_type)], body.as_ref())
    }

    pub(crate) fn score(&self, body: impl AsRef<[u8]>) -> Answer {
        self.post("/invocations", "application/json", body)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut connection = self.connect();
        connection.send(&request(method, path, headers, body));
        connection.answer()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
        let result = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            result.unwrap().unwrap().unwrap();
        }
    }
}

/// The bytes of a request.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    let length = if method == "POST" { format!("content-length: {}\r\n", body.len()) } else { String::new() };
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}{length}\r\n");
    [head.as_bytes(), body].concat()
}

/// A connection that may carry several requests.
pub(crate) struct Connection(TcpStream);

impl Connection {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// Sends, as far as the service wants to hear it.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Closes the side on which it sends.
    pub(crate) fn send_no_more(&self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// The next answer.
    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer().expect("an answer")
    }

    /// The next answer; none where the connection ends.
    pub(crate) fn try_answer(&mut self) -> Option<Answer> {
        let mut answer = self.head()?;
        let mut body = vec![0; answer.header("content-length").unwrap_or("0").parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        answer.body = body;
        Some(answer)
    }

    /// The next answer without its body, which one to `HEAD` does not have.
    pub(crate) fn head(&mut self) -> Option<Answer> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match self.0.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return None,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Some(Answer { status, headers, body: Vec::new() })
    }

    /// Reads up to `most` bytes and forgets them; how many there were.
    pub(crate) fn skip(&mut self, most: usize) -> usize {
        self.0.read(&mut vec![0; most]).unwrap_or_default()
    }

    /// Whether the other side has closed it.
    pub(crate) fn is_closed(&mut self) -> bool {
        !matches!(self.0.read(&mut [0]), Ok(1))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The predictions of an answer that must be one.
    pub(crate) fn predictions(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()["predictions"].as_array().unwrap().clone()
    }

    /// What is wrong, of an answer that must say so.
    pub(crate) fn error(&self) -> Value {
        let error = self.json()["error"].clone();
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{}", self.text());
        assert!(error["code"].is_string(), "{error}");
        assert!(["hint", "row", "column"].iter().all(|key| error.get(key).is_some()), "{error}");
        error
    }
}

/// Waits until `is_so`.
pub(crate) fn wait(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A copy of a folder that tests may change.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
