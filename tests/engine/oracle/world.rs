//! A project drawn at random: what its pipeline says, its sources, and the folder in which it all is.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use segpipe::digest::Digest;
use segpipe::engine::Ports;
use segpipe::event::Event;
use segpipe::spec::pipeline::Pipeline;
use segpipe::spec::{self, Overrides};
use segpipe::store::kept_pipeline;
use segpipe_stages::contract::{
    FinishedRun, Observer, Output, ResolvedSource, SourceOrigin, SourceRequest, SourceResolver, SourceSelection, Stage,
    StageError, Tracker,
};

use super::content::Content;
use super::memory::Known;
use super::random::Random;
use super::toy::{Facts, Toy};

/// Source files of a project.
pub(super) const SOURCES: usize = 3;

/// One stage as the pipeline file says it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) toy: &'static Toy,
    pub(super) a: u64,
    pub(super) b: u64,
    pub(super) mix: [u64; 2],
    /// Determines nothing.
    pub(super) note: u64,
    /// Kept as it is.
    pub(super) is_frozen: bool,
    /// Stage and output that each port is connected to, by number.
    pub(super) inputs: Vec<(usize, usize)>,
    pub(super) sources: Vec<usize>,
}

impl Node {
    /// Where an output is placed.
    pub(super) fn place(&self, output: &Output) -> PathBuf {
        Path::new("artifacts").join(&self.name).join(&*output.path)
    }
}

/// The project.
pub(super) struct World {
    folder: tempfile::TempDir,
    pub(super) directory: PathBuf,
    pub(super) nodes: Vec<Node>,
    pub(super) has_twins: bool,
    /// Decides how the file is written: order, comments, defaults, one line or several.
    pub(super) style: u64,
    moves: usize,
}

impl World {
    /// Stages that read from those before them. With twins, several are of one kind.
    pub(super) fn draw(random: &mut Random) -> Self {
        let has_twins = random.once_in(4);
        let mut nodes: Vec<Node> = Vec::new();
        for number in 0..2 + random.below(6) {
            let twin = nodes.get(random.below(2 * nodes.len())).filter(|_| has_twins).map(|node| node.toy);
            let count = if nodes.is_empty() { 0 } else { random.below(4) };
            let toy = twin.unwrap_or_else(|| Toy::draw(format!("kind{number}"), count, random));
            let inputs = toy.inputs().iter().map(|_| {
                let stage = random.below(nodes.len());
                (stage, random.below(nodes[stage].toy.outputs().len()))
            });
            let inputs = inputs.collect();
            let sources = (0..toy.sources).map(|_| random.below(SOURCES)).collect();
            let name = format!("s{number}");
            nodes.push(Node { name, toy, a: 0, b: 0, mix: [0, 0], note: 0, is_frozen: false, inputs, sources });
        }
        let world = Self::of(nodes, has_twins);
        (0..SOURCES).for_each(|source| world.write_source(source, 0, false));
        world
    }

    fn of(nodes: Vec<Node>, has_twins: bool) -> Self {
        let folder = in_memory();
        let directory = folder.path().join("project");
        fs::create_dir_all(directory.join("data")).unwrap();
        Self { folder, directory, nodes, has_twins, style: 0, moves: 0 }
    }

    /// The same pipeline and sources in a folder where nothing has ever run.
    pub(super) fn without_past(&self) -> Self {
        let world = Self::of(self.nodes.clone(), self.has_twins);
        for source in 0..SOURCES {
            fs::copy(self.path(&source_path(source)), world.path(&source_path(source))).unwrap();
        }
        world
    }

    pub(super) fn path(&self, path: &(impl AsRef<Path> + ?Sized)) -> PathBuf {
        self.directory.join(path)
    }

    /// Moves the whole project.
    pub(super) fn relocate(&mut self) {
        self.moves += 1;
        let to = self.folder.path().join(format!("moved/{}/project", self.moves));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(&self.directory, &to).unwrap();
        self.directory = to;
    }

    /// Gives a source its content number `value`, all of them of one size; where `is_secret`, its time stays as well.
    pub(super) fn write_source(&self, source: usize, value: usize, is_secret: bool) {
        let path = self.path(&source_path(source));
        overwrite(&path, &format!("content number {value}\n").into_bytes(), is_secret);
    }

    /// Base name and content of a stage's sources.
    pub(super) fn sources(&self, node: &Node) -> Vec<(String, Content)> {
        let source = |source: &usize| {
            let path = self.path(&source_path(*source));
            (path.file_name().unwrap().to_str().unwrap().to_owned(), Content::at(&path).unwrap())
        };
        node.sources.iter().map(source).collect()
    }

    /// What determines the result of a stage with these inputs.
    pub(super) fn facts(&self, node: &Node, inputs: Vec<Content>) -> Facts {
        let (version, sources) = (node.toy.version(), self.sources(node));
        Facts { version, a: node.a, b: node.b, mix: node.mix, inputs, sources }
    }

    /// The lines of pipeline.lock when every stage has these results.
    pub(super) fn lock(&self, results: &[Option<Known>]) -> String {
        let mut facts = BTreeSet::new();
        for (node, result) in self.nodes.iter().zip(results) {
            let Some(Known { outputs, sources }) = result else { continue };
            for (name, content) in sources {
                facts.insert(format!("source {} \"{name}\" {}", node.name, content.digest()));
            }
            let word = if node.is_frozen { "frozen" } else { "output" };
            let outputs = node.toy.outputs().iter().zip(outputs).filter(|(output, _)| output.is_locked);
            facts.extend(outputs.map(|(output, one)| format!("{word} {}.{} {}", node.name, output.name, one.digest())));
        }
        facts.into_iter().map(|fact| fact + "\n").collect()
    }

    /// Writes the pipeline file and reads it as segpipe does.
    pub(super) fn pipeline(&self) -> Pipeline {
        let file = self.path("pipeline.yaml");
        fs::write(&file, self.yaml()).unwrap();
        let toys: Vec<&'static dyn Stage> = self.nodes.iter().map(|node| node.toy as &'static dyn Stage).collect();
        spec::read(&file, &toys, &Overrides::default(), &kept_pipeline(&file)).unwrap()
    }

    fn yaml(&self) -> String {
        let mut random = Random::new(self.style);
        let mut text = "name: toys\nstages:\n".to_owned();
        for node in random.shuffled(&self.nodes) {
            writeln!(text, "  {}: # number {}", node.name, random.below(100)).unwrap();
            let parts = [
                format!("frozen: {}", node.is_frozen),
                format!("uses: {}", node.toy.name()),
                format!("params: {}", Self::params(node, &mut random)),
                format!("inputs: {}", self.inputs(node, &mut random)),
            ];
            for part in random.shuffled(parts) {
                writeln!(text, "    {part}").unwrap();
            }
        }
        text
    }

    /// Params in any order, and those that are what they are by default written out or not.
    fn params(node: &Node, random: &mut Random) -> String {
        let sources: Vec<String> = node.sources.iter().map(|source| source_path(*source)).collect();
        let [x, y] = node.mix;
        let mix = random.shuffled([format!("x: {x}"), format!("y: {y}")]).join(", ");
        let all = [
            (format!("a: {}", node.a), node.a == 0),
            (format!("b: {}", node.b), node.b == 0),
            (format!("mix: {{{mix}}}"), node.mix == [0, 0]),
            (format!("note: remark {}", node.note), false),
            (format!("sources: [{}]", sources.join(", ")), false),
        ];
        let written = all.into_iter().filter(|(_, is_default)| !is_default || random.once_in(2));
        let written: Vec<String> = written.map(|(text, _)| text).collect();
        format!("{{{}}}", random.shuffled(written).join(", "))
    }

    fn inputs(&self, node: &Node, random: &mut Random) -> String {
        let input = |(port, (stage, output)): (usize, &(usize, usize))| {
            let from = &self.nodes[*stage];
            format!("in{port}: {}.{}", from.name, from.toy.outputs()[*output].name)
        };
        let inputs: Vec<String> = node.inputs.iter().enumerate().map(input).collect();
        format!("{{{}}}", random.shuffled(inputs).join(", "))
    }

    pub(super) fn ports(&self, events: &Arc<Mutex<Vec<Event>>>) -> Ports {
        let events = Arc::clone(events);
        Ports {
            sources: Arc::new(Files(self.directory.clone())),
            tracker: Arc::new(NoTracker),
            sink: Arc::new(move |event| events.lock().unwrap().push(event)),
            remote: None,
            is_cancelled: Arc::default(),
        }
    }

    /// Objects in the store whose content is what their name says.
    pub(super) fn intact_objects(&self) -> BTreeSet<Digest> {
        let digest = |path: PathBuf| {
            let digest = Digest::of_file(&path).unwrap();
            path.ends_with(object_name(digest)).then_some(digest)
        };
        self.objects().into_iter().filter_map(digest).collect()
    }

    /// Where the object of a digest is kept.
    pub(super) fn object(&self, digest: Digest) -> PathBuf {
        self.path("artifacts/.segpipe/objects").join(object_name(digest))
    }

    /// The files of all objects, sorted.
    pub(super) fn objects(&self) -> Vec<PathBuf> {
        files_in(&self.path("artifacts/.segpipe/objects"))
    }
}

/// A folder in memory where there is such a place: nobody pulls the plug here, and a disk would take most of the time.
fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub(super) fn source_path(source: usize) -> String {
    format!("data/source{source}.txt")
}

fn object_name(digest: Digest) -> PathBuf {
    let name = digest.to_string();
    Path::new(&name[..2]).join(&name[2..])
}

/// Every file below a folder, sorted.
pub(super) fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.append(&mut files_in(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Writes a file in place, whatever its permissions; where `is_secret`, its modification time stays as it was.
pub(super) fn overwrite(path: &Path, bytes: &[u8], is_secret: bool) {
    use std::os::unix::fs::PermissionsExt;
    let before = fs::metadata(path).ok();
    if let Some(before) = &before {
        fs::set_permissions(path, fs::Permissions::from_mode(before.permissions().mode() | 0o200)).unwrap();
    }
    fs::write(path, bytes).unwrap();
    if let Some(before) = before.filter(|_| is_secret) {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(before.modified().unwrap()).unwrap();
        fs::set_permissions(path, before.permissions()).unwrap();
    }
}

struct Files(PathBuf);

impl SourceResolver for Files {
    fn resolve(&self, request: &SourceRequest, _observer: &dyn Observer) -> Result<Vec<ResolvedSource>, StageError> {
        Ok(self.peek(request)?.unwrap_or_default())
    }

    fn peek(&self, request: &SourceRequest) -> Result<Option<Vec<ResolvedSource>>, StageError> {
        let SourceSelection::All(paths) = &request.selection else { return Ok(None) };
        let found = paths.iter().map(|path| ResolvedSource { path: self.0.join(path), origin: SourceOrigin::File });
        Ok(Some(found.collect()))
    }
}

struct NoTracker;

impl Tracker for NoTracker {
    fn seal(&self, _run: &FinishedRun) -> Result<PathBuf, StageError> {
        Ok(PathBuf::from("sealed"))
    }

    fn seal_return(&self, _run: &FinishedRun) -> Result<Option<PathBuf>, StageError> {
        Ok(None)
    }
}
