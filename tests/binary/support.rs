//! A project in a folder of its own, the binary run in it, and what it said.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use segpipe_stages::table;
use serde_json::Value;

pub(crate) const STAGES: [&str; 9] =
    ["load", "validate", "preprocess", "rfm", "train", "evaluate", "visualize", "track", "deploy"];

/// Nine stages with less work in them than the defaults ask for.
pub(crate) const PIPELINE: &str = "\
name: shop
profiles:
  robust:
    train: {scaling: log}
stages:
  load:
    params: {source: data/shop.csv}
  validate:
  preprocess:
  rfm:
  train:
    params:
      k: 4
      study: [2, 6]
      n_init: 3
      stability_refits: 2
  evaluate:
  visualize:
  track:
  deploy:
";

/// Customers of [`shop`].
pub(crate) const CUSTOMERS: u64 = 600;

/// No command takes longer than this, however hostile its input.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder for one test.
pub(crate) struct Project {
    _folder: tempfile::TempDir,
    pub(crate) directory: PathBuf,
}

impl Project {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("project");
        fs::create_dir(&directory).unwrap();
        Self { _folder: folder, directory }
    }

    /// The nine stages and the shop's transactions; nothing has been run.
    pub(crate) fn new() -> Self {
        let project = Self::empty();
        project.write("pipeline.yaml", PIPELINE);
        project.write("data/shop.csv", shop(CUSTOMERS));
        project
    }

    /// A copy of [`Project::new`] after its first run, which takes place once for all tests.
    pub(crate) fn finished() -> Self {
        static FINISHED: OnceLock<PathBuf> = OnceLock::new();
        let finished = FINISHED.get_or_init(|| {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("finished_project");
            let _ = fs::remove_dir_all(&kept);
            let project = Self::new();
            project.run_well(&[]);
            copy_folder(&project.directory, &kept);
            kept
        });
        let project = Self::empty();
        fs::remove_dir(&project.directory).unwrap();
        copy_folder(finished, &project.directory);
        project
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        String::from_utf8(fs::read(self.path(path)).unwrap()).unwrap()
    }

    /// Writes `new` for `old` in pipeline.yaml.
    pub(crate) fn edit(&self, old: &str, new: &str) {
        let text = self.read("pipeline.yaml");
        assert!(text.contains(old), "{old}");
        self.write("pipeline.yaml", text.replacen(old, new, 1));
    }

    /// The table of an output, as `stage/output`.
    pub(crate) fn table(&self, output: &str, schema: &SchemaRef) -> RecordBatch {
        table::read(&self.path(&format!("artifacts/{output}.parquet")), schema).unwrap().0
    }

    /// The command, ready to start, with an environment that leads nowhere. `SEGPIPE_BINARY` names another
    /// binary than the one that cargo built for the tests.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let binary = std::env::var_os("SEGPIPE_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_segpipe").into());
        let mut command = Command::new(binary);
        command.current_dir(&self.directory).args(arguments);
        command.env("MLFLOW_TRACKING_URI", "http://127.0.0.1:9").env("NO_COLOR", "1");
        for name in
            ["RAYON_NUM_THREADS", "SEGPIPE_CRASH_AT", "SEGPIPE_FAIL_AT", "MLFLOW_EXPERIMENT_NAME", "RUST_BACKTRACE"]
        {
            command.env_remove(name);
        }
        for name in ["SEGPIPE_CACHE_REMOTE", "SEGPIPE_CACHE_MODE", "SEGPIPE_CACHE_KEY"] {
            command.env_remove(name);
        }
        command
    }

    /// Any command, which must not hang, panic or die.
    pub(crate) fn call(&self, arguments: &[&str]) -> Said {
        Said::of(&mut self.command(arguments))
    }

    /// Any command that must end well; its stdout.
    pub(crate) fn call_well(&self, arguments: &[&str]) -> String {
        let said = self.call(arguments);
        assert_eq!(said.code, 0, "{arguments:?}\n{}", said.errors);
        said.out
    }

    /// Any command that must end with `code`; its stderr.
    pub(crate) fn fail(&self, code: i32, arguments: &[&str]) -> String {
        let said = self.call(arguments);
        assert_eq!(said.code, code, "{arguments:?}\n{}", said.errors);
        said.errors
    }

    /// `segpipe run --json`.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(&[&["run", "--json"], arguments].concat()))
    }

    /// `segpipe run --json`, which must end well.
    pub(crate) fn run_well(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.said.code, 0, "{arguments:?}\n{}", ran.said.errors);
        ran
    }
}

/// How a process ended and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) errors: String,
}

impl Said {
    pub(crate) fn of(command: &mut Command) -> Self {
        let started = Instant::now();
        let output = command.output().unwrap();
        assert!(started.elapsed() < PATIENCE, "{command:?} takes {:?}", started.elapsed());
        Self::read(&output)
    }

    /// What a process said that ended by itself.
    pub(crate) fn read(output: &Output) -> Self {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code().unwrap_or_else(|| panic!("{}\n{errors}", output.status));
        assert!(!errors.contains("panicked") && code != 101 && code != 70, "{errors}");
        Self { code, out: String::from_utf8(output.stdout.clone()).unwrap(), errors }
    }
}

/// A run with `--json`.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) said: Said,
    pub(crate) events: Vec<Value>,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::read(Said::of(command))
    }

    pub(crate) fn read(said: Said) -> Self {
        let events = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { said, events }
    }

    pub(crate) fn finished(&self) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(|event| event["event"] == "stage_finished")
    }

    pub(crate) fn stage(&self, name: &str) -> &Value {
        self.finished().find(|event| event["stage"] == name).unwrap_or_else(|| panic!("nothing is said of `{name}`"))
    }

    /// The outcome of each stage in the order of [`STAGES`], e.g. `cached cached ran`; `-` where nothing is said.
    pub(crate) fn outcomes(&self) -> String {
        let by_name: BTreeMap<&str, &str> = self
            .finished()
            .map(|event| (event["stage"].as_str().unwrap(), event["outcome"].as_str().unwrap()))
            .collect();
        STAGES.map(|stage| by_name.get(stage).copied().unwrap_or("-")).join(" ")
    }

    pub(crate) fn reason(&self, stage: &str) -> &str {
        self.stage(stage)["reason"].as_str().unwrap_or_default()
    }

    /// Digest of every output, as `stage.output`.
    pub(crate) fn digests(&self) -> BTreeMap<String, String> {
        let outputs = self.finished().flat_map(|event| {
            let stage = event["stage"].as_str().unwrap();
            event["outputs"].as_object().unwrap().iter().map(move |(name, output)| (format!("{stage}.{name}"), output))
        });
        outputs.map(|(name, output)| (name, output["digest"].as_str().unwrap().to_owned())).collect()
    }

    /// Everything said on stderr and in notes.
    pub(crate) fn texts(&self) -> String {
        let notes = self.events.iter().filter(|event| event["event"] == "note");
        let notes = notes.filter_map(|event| event["text"].as_str());
        notes.chain([self.said.errors.as_str()]).collect::<Vec<_>>().join("\n")
    }
}

/// `outcome` of `count` stages, as [`Ran::outcomes`] says it.
pub(crate) fn all(outcome: &str, count: usize) -> String {
    vec![outcome; count].join(" ")
}

/// `first` of the stages before `train`, then `second`.
pub(crate) fn until_train(first: &str, second: &str) -> String {
    format!("{} {}", all(first, 4), all(second, 5))
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// One line of the shop's transactions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) invoice: u64,
    pub(crate) product: String,
    pub(crate) description: &'static str,
    pub(crate) quantity: i64,
    /// Day of the history, from 0.
    pub(crate) day: u64,
    /// Minute of the day.
    pub(crate) minute: u64,
    /// In cents.
    pub(crate) price: u64,
    pub(crate) customer: Option<u64>,
}

/// The lines of a shop with `customers` customers over a year: a few of them buy often and much, most seldom. With a
/// few cancellations, guests and gifts.
pub(crate) fn lines(customers: u64) -> Vec<Line> {
    let mut state = 42_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut lines = Vec::new();
    for customer in 0..customers {
        let rank = customer % 10;
        let (orders, last) = match rank {
            0 => (12 + random(12), 364),
            1..=3 => (4 + random(4), 330 + random(35)),
            _ => (1 + random(2), 20 + random(340)),
        };
        for order in 0..orders {
            let day = last.saturating_sub(order * (3 + random(20)));
            let invoice = 100_000 + lines.len() as u64;
            let minute = 480 + random(600);
            for _ in 0..=random(3) {
                let (product, price) = (random(80), 50 + random(1500));
                let quantity = 1 + random(if rank == 0 { 40 } else { 8 }) as i64;
                let customer = (random(60) > 0).then_some(12_000 + customer);
                lines.push(Line {
                    invoice,
                    product: format!("{}", 20_000 + product),
                    description: ["WHITE MUG", "CAKE STAND, SMALL", "PAPER \"STAR\"", "CAFÉ SIGN"]
                        [product as usize % 4],
                    quantity: if random(50) == 0 { -quantity } else { quantity },
                    day,
                    minute,
                    price: if random(90) == 0 { 0 } else { price },
                    customer,
                });
            }
        }
    }
    lines.sort_by_key(|line| (line.day, line.minute, line.invoice));
    lines
}

/// The day as year, month and day of the month; day 0 is 2023-01-01.
pub(crate) fn date(day: u64) -> (u64, u64, u64) {
    let mut rest = day;
    for (month, days) in (1..).zip([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
        if rest < days {
            return (2023, month, rest + 1);
        }
        rest -= days;
    }
    panic!("the history is one year")
}

/// [`lines`] as the CSV that Online Retail circulates as.
pub(crate) fn shop(customers: u64) -> String {
    let mut text = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n".to_owned();
    for line in lines(customers) {
        let (year, month, day) = date(line.day);
        let cancelled = if line.quantity < 0 { "C" } else { "" };
        let customer = line.customer.map(|id| format!("{id}.0")).unwrap_or_default();
        let description = line.description.replace('"', "\"\"");
        let (hour, minute) = (line.minute / 60, line.minute % 60);
        let (units, cents) = (line.price / 100, line.price % 100);
        let (invoice, product, quantity) = (line.invoice, &line.product, line.quantity);
        writeln!(
            text,
            "{cancelled}{invoice},{product},\"{description}\",{quantity},\
             {year}-{month:02}-{day:02} {hour:02}:{minute:02}:00,{units}.{cents:02},{customer},Atlantis",
        )
        .unwrap();
    }
    text
}
