//! The shared cache against a real server of the S3 protocol.
//!
//! Needs target/venv with `.ci/requirements.txt`, which `.ci/run` makes: moto's server, which keeps what it is given in
//! memory. What a folder shows as well is in `tests/binary/shared.rs`.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::process::CommandExt;
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Output, Stdio};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use serde_json::Value;

    /// Starting may be slow where the machine is busy.
    const PATIENCE: Duration = Duration::from_mins(3);

    /// The server asks for somebody and believes anybody.
    const SOMEBODY: &str = "AWS4-HMAC-SHA256 Credential=somebody/20260101/us-east-1/s3/aws4_request";

    const NINE: &str = "\
name: shop
stages:
  load:
    params: {source: data/shop.csv}
  validate:
  preprocess:
  rfm:
  train:
    params: {k: 4, study: [2, 5], n_init: 2, stability_refits: 2}
  evaluate:
  visualize:
  track:
  deploy:
";

    /// One object larger than what goes in one request, and a folder.
    const LARGE: &str = "\
stages:
  large:
    run: seq 1 4000000 > $SEGPIPE_OUTPUT_NUMBERS && seq 1 10 > $SEGPIPE_OUTPUT_FILES/a.txt
    outputs: {numbers: artifacts/numbers.txt, files: artifacts/files/}
";

    /// A server that ends with this process.
    struct Server {
        port: u16,
        /// Holds the pipe whose end ends the server.
        process: Child,
    }

    impl Server {
        fn start() -> Self {
            let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/moto_server");
            assert!(tool.exists(), "{} is missing: `.ci/run` makes it", tool.display());
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut command = Command::new("sh");
            command.args(["-c", "trap '' TERM; \"$@\" & cat; kill -TERM 0", "sh"]).arg(tool);
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).process_group(0);
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            let server = Self { port, process: command.spawn().unwrap() };
            let began = Instant::now();
            while server.ask("GET", "/", b"").is_none() {
                assert!(began.elapsed() < PATIENCE, "the server does not start");
                std::thread::sleep(Duration::from_millis(200));
            }
            server
        }

        /// A bucket that no other test uses.
        fn bucket(&self) -> Bucket<'_> {
            static NUMBER: AtomicUsize = AtomicUsize::new(0);
            let name = format!("results-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
            assert!(self.ask("PUT", &format!("/{name}"), b"").unwrap().starts_with("HTTP/1.1 200"));
            Bucket { server: self, name }
        }

        fn ask(&self, method: &str, path: &str, body: &[u8]) -> Option<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
            let length = body.len();
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {SOMEBODY}\r\n\
                 Content-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok()?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).ok()?;
            Some(String::from_utf8_lossy(&answer).into_owned()).filter(|answer| !answer.is_empty())
        }

        fn stop(mut self) {
            drop(self.process.stdin.take());
            self.process.wait().unwrap();
        }
    }

    struct Bucket<'a> {
        server: &'a Server,
        name: String,
    }

    impl Bucket<'_> {
        fn keys(&self) -> BTreeSet<String> {
            let listed = self.server.ask("GET", &format!("/{}?list-type=2", self.name), b"").unwrap();
            let keys = listed.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned());
            keys.collect()
        }

        fn put(&self, key: &str, body: &[u8]) {
            let answer = self.server.ask("PUT", &format!("/{}/{key}", self.name), body).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }

        /// A project on a machine of its own.
        fn machine(&self, pipeline: &str) -> Machine {
            Machine::new(self.server.port, &format!("s3://{}/shop", self.name), pipeline)
        }
    }

    struct Machine {
        folder: tempfile::TempDir,
        port: u16,
        remote: String,
    }

    impl Machine {
        fn new(port: u16, remote: &str, pipeline: &str) -> Self {
            let machine = Self { folder: tempfile::tempdir().unwrap(), port, remote: remote.to_owned() };
            fs::write(machine.path("pipeline.yaml"), pipeline).unwrap();
            if pipeline == NINE {
                fs::create_dir(machine.path("data")).unwrap();
                let arguments = ["simulate", "--customers", "200", "--seed", "7", "--out", "data/shop.csv"];
                assert!(machine.command(&arguments).status().unwrap().success());
            }
            machine
        }

        fn path(&self, path: &str) -> PathBuf {
            self.folder.path().join(path)
        }

        fn command(&self, arguments: &[&str]) -> Command {
            let binary = std::env::var_os("SEGPIPE_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_segpipe").into());
            let mut command = Command::new(binary);
            command.current_dir(&self.folder).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.env("MLFLOW_TRACKING_URI", "http://127.0.0.1:9").env("NO_COLOR", "1").env("NO_PROXY", "127.0.0.1");
            command.env("SEGPIPE_CACHE_REMOTE", &self.remote);
            command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)).env("AWS_REGION", "us-east-1");
            command.env("AWS_ACCESS_KEY_ID", "somebody").env("AWS_SECRET_ACCESS_KEY", "a secret");
            for name in ["SEGPIPE_CACHE_MODE", "SEGPIPE_CACHE_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"] {
                command.env_remove(name);
            }
            command
        }

        fn run(&self) -> Ran {
            Ran::of(self.command(&["run", "--json"]).output().unwrap())
        }
    }

    /// A run that ended well.
    struct Ran {
        events: Vec<Value>,
        errors: String,
    }

    impl Ran {
        fn of(output: Output) -> Self {
            let errors = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{errors}");
            let lines = String::from_utf8(output.stdout).unwrap();
            Self { events: lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), errors }
        }

        fn finished(&self) -> impl Iterator<Item = &Value> {
            self.events.iter().filter(|event| event["event"] == "stage_finished")
        }

        fn assert_all(&self, outcome: &str) {
            assert!(self.finished().count() > 0);
            for event in self.finished() {
                assert_eq!(event["outcome"], outcome, "{event}\n{}", self.errors);
            }
        }

        /// Stage, output and digest of every output, in an order that does not depend on which stage is done first.
        fn digests(&self) -> BTreeSet<[String; 3]> {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let outputs = |event: &Value| {
                let (stage, outputs) = (text(&event["stage"]), event["outputs"].as_object().unwrap().clone());
                outputs.into_iter().map(move |(name, output)| [stage.clone(), name, text(&output["digest"])])
            };
            self.finished().flat_map(outputs).collect()
        }
    }

    #[test]
    fn a_second_machine_restores_the_whole_pipeline_from_s3() {
        let server = Server::start();
        let bucket = server.bucket();
        let output = Machine::new(server.port, "unused", LARGE).command(&["cache", "keygen"]).output().unwrap();
        let keys = String::from_utf8(output.stdout).unwrap();
        let [secret, public] =
            ["private ", "public "].map(|name| keys.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim());
        let (one, other, stranger) = (bucket.machine(NINE), bucket.machine(NINE), bucket.machine(NINE));
        for machine in [&one, &other] {
            fs::write(machine.path("pipeline.yaml"), format!("cache: {{trust: [{public}]}}\n{NINE}")).unwrap();
        }
        let first = Ran::of(one.command(&["run", "--json"]).env("SEGPIPE_CACHE_KEY", secret).output().unwrap());
        first.assert_all("ran");
        let keys = bucket.keys();
        assert_eq!(keys.iter().filter(|key| key.starts_with("shop/v1/records/")).count(), 9, "{keys:?}");
        let second = other.run();
        second.assert_all("restored");
        assert_eq!(second.digests(), first.digests());
        other.run().assert_all("cached");
        stranger.run().assert_all("restored");
        assert_eq!(bucket.keys(), keys, "nobody sends what is there");
        server.stop();
    }

    #[test]
    fn a_large_object_goes_in_parts_and_a_wrong_one_is_healed() {
        let server = Server::start();
        let bucket = server.bucket();
        let first = bucket.machine(LARGE).run();
        first.assert_all("ran");
        let second = bucket.machine(LARGE);
        second.run().assert_all("restored");
        assert!(fs::metadata(second.path("artifacts/numbers.txt")).unwrap().len() > 30_000_000);
        for key in bucket.keys().iter().filter(|key| key.contains("/objects/")) {
            bucket.put(key, b"something else");
        }
        let third = bucket.machine(LARGE).run();
        third.assert_all("ran");
        assert!(third.errors.contains("there is damaged"), "{}", third.errors);
        let fourth = bucket.machine(LARGE).run();
        fourth.assert_all("restored");
        assert_eq!(fourth.digests(), first.digests());
        server.stop();
    }

    #[test]
    fn several_writers_at_once_leave_whole_results() {
        let server = Server::start();
        let bucket = server.bucket();
        let machines: Vec<Machine> = (0..3).map(|_| bucket.machine(NINE)).collect();
        let children: Vec<Child> =
            machines.iter().map(|machine| machine.command(&["run", "--json"]).spawn().unwrap()).collect();
        let digests: BTreeSet<BTreeSet<[String; 3]>> =
            children.into_iter().map(|child| Ran::of(child.wait_with_output().unwrap()).digests()).collect();
        assert_eq!(digests.len(), 1);
        let last = bucket.machine(NINE).run();
        last.assert_all("restored");
        assert!(digests.contains(&last.digests()));
        server.stop();
    }

    #[test]
    fn without_a_bucket_or_a_server_the_run_goes_on_and_push_sends_later() {
        let server = Server::start();
        let absent = Machine::new(server.port, "s3://nobodys/shop", LARGE).run();
        absent.assert_all("ran");
        assert!(absent.errors.contains("`s3://nobodys/shop` does not exist"), "{}", absent.errors);
        assert_eq!(absent.errors.matches("shared cache").count(), 1, "{}", absent.errors);
        let bucket = server.bucket();
        let mut machine = bucket.machine(LARGE);
        machine.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let began = Instant::now();
        let offline = machine.run();
        offline.assert_all("ran");
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        assert_eq!(offline.errors.matches("shared cache").count(), 1, "{}", offline.errors);
        assert!(offline.errors.contains("no answer from the shared cache"), "{}", offline.errors);
        let offline = machine.command(&["cache", "push"]).output().unwrap();
        assert_eq!(offline.status.code(), Some(4));
        machine.port = server.port;
        let pushed = machine.command(&["cache", "push"]).output().unwrap();
        let said = String::from_utf8_lossy(&pushed.stderr);
        assert!(pushed.status.success() && said.contains("sent 1 result"), "{said}");
        bucket.machine(LARGE).run().assert_all("restored");
        server.stop();
    }
}
