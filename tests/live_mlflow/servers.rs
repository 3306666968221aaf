//! Starting `mlflow server`, and asking MLflow's Python client what is there.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Starting may be slow where the machine is busy.
const PATIENCE: Duration = Duration::from_mins(3);

pub(crate) const ADMIN: (&str, &str) = ("admin", "a long password");

/// A server that ends with this process.
pub(crate) struct Server {
    /// Its address, with the path prefix where it has one.
    pub(crate) url: String,
    pub(crate) port: u16,
    /// Folder of its database `mlflow.db` and its files.
    pub(crate) folder: PathBuf,
    /// Holds the pipe whose end ends the server.
    _process: Child,
}

impl Server {
    /// The one that nearly all tests use.
    pub(crate) fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| Self::start("plain", "", &[]))
    }

    /// One that knows its users, at a path.
    pub(crate) fn guarded() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| Self::start("guarded", "/tracking", &["--app-name", "basic-auth"]))
    }

    fn start(name: &str, prefix: &str, arguments: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("live_mlflow").join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // The server and its workers go when nobody holds the other end of the pipe any more.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' TERM; \"$@\" & cat; kill -TERM 0", "sh"]).arg(tool("mlflow"));
        command.args(["server", "--host", "127.0.0.1", "--port", &port.to_string(), "--workers", "1"]);
        command.arg("--backend-store-uri").arg(format!("sqlite:///{}", folder.join("mlflow.db").display()));
        command.arg("--artifacts-destination").arg(folder.join("files"));
        if !prefix.is_empty() {
            command.args(["--static-prefix", prefix]);
        }
        let log = std::fs::File::create(folder.join("log")).unwrap();
        command.args(arguments).current_dir(&folder).process_group(0);
        command.env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false").env("MLFLOW_FLASK_SERVER_SECRET_KEY", "a key");
        command.env("MLFLOW_AUTH_ADMIN_PASSWORD", ADMIN.1).env("MLFLOW_AUTH_CONFIG_PATH", auth_settings(&folder));
        command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        let process = command.spawn().unwrap();
        let server = Self { url: format!("http://127.0.0.1:{port}{prefix}"), port, folder, _process: process };
        server.wait();
        server
    }

    fn wait(&self) {
        let began = Instant::now();
        while Self::status(&format!("{}/health", self.url)) != Some(200) {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "the server does not start:\n{}", log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn status(url: &str) -> Option<u16> {
        use std::io::{Read, Write};
        let (host, path) = url.strip_prefix("http://")?.split_once('/')?;
        let mut stream = std::net::TcpStream::connect(host).ok()?;
        stream
            .write_all(format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
            .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split_whitespace().nth(1)?.parse().ok()
    }

    /// Asks MLflow's client, in `read_back.py`; fails the test where that finds something wrong. Returns what it prints.
    pub(crate) fn read_back(&self, arguments: &[&str]) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live_mlflow/read_back.py");
        let mut command = Command::new(tool("python"));
        command.arg(script).args(arguments).env("MLFLOW_TRACKING_URI", &self.url).current_dir(&self.folder);
        command.env("MLFLOW_TRACKING_USERNAME", ADMIN.0).env("MLFLOW_TRACKING_PASSWORD", ADMIN.1);
        command.env("PATH", search_path());
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "read_back.py {arguments:?}\n{errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Something before a server that speaks TLS with certificates of its own, and wants one of the client.
pub(crate) struct Tls {
    pub(crate) url: String,
    /// Folder of `ca.pem` and `client.pem`.
    pub(crate) folder: PathBuf,
    _process: Child,
}

impl Tls {
    pub(crate) fn before(server: &Server) -> Self {
        let folder = server.folder.join("tls");
        std::fs::create_dir_all(&folder).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live_mlflow/tls.py");
        let mut command = Command::new(tool("python"));
        command.arg(script).arg(&folder).arg(server.port.to_string());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { url: format!("https://127.0.0.1:{}", port.trim()), folder, _process: process }
    }
}

/// A program of the Python environment.
fn tool(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin").join(name);
    assert!(path.exists(), "{} is missing: `.ci/run` makes it", path.display());
    path
}

/// With the environment's programs first, because MLflow starts others by name.
fn search_path() -> String {
    let venv = tool("python");
    format!("{}:{}", venv.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default())
}

fn auth_settings(folder: &Path) -> PathBuf {
    let path = folder.join("auth.ini");
    let text = format!(
        "[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{}\nadmin_username = {}\nadmin_password = {}\n\
         authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n",
        folder.join("auth.db").display(),
        ADMIN.0,
        ADMIN.1,
    );
    std::fs::write(&path, text).unwrap();
    path
}
