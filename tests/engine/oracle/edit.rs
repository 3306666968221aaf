//! What can happen to a project between two runs: people work on it, tools are careless, disks forget.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use segpipe_stages::contract::Stage;

use super::content::Content;
use super::memory::Memory;
use super::random::Random;
use super::toy::Key;
use super::world::{SOURCES, World, files_in, overwrite};

/// One thing that happens. Numbers mean one of those that there are, whatever their size.
#[derive(Debug, Clone, Copy)]
pub(super) enum Edit {
    A {
        stage: usize,
        value: u64,
    },
    B {
        stage: usize,
        value: u64,
    },
    Mix {
        stage: usize,
        value: [u64; 2],
    },
    Note {
        stage: usize,
        value: u64,
    },
    Source {
        source: usize,
        value: usize,
        is_secret: bool,
    },
    Implementation {
        stage: usize,
        version: usize,
    },
    Rewire {
        stage: usize,
        port: usize,
        from: usize,
        output: usize,
    },
    DeleteOutput {
        stage: usize,
        output: usize,
    },
    DeleteFolder {
        stage: usize,
    },
    ChangeOutput {
        stage: usize,
        output: usize,
        is_secret: bool,
    },
    /// A folder in place of a file, or a file in place of a folder.
    SwapOutput {
        stage: usize,
        output: usize,
    },
    /// Gives one file of the project, whichever, the present time.
    Touch {
        file: usize,
    },
    Flip {
        what: Kept,
        file: usize,
        bit: usize,
    },
    Lose {
        what: Kept,
        file: usize,
    },
    Style {
        seed: u64,
    },
    /// An output goes, and an object rots that it would be restored from.
    Rot {
        stage: usize,
        output: usize,
        bit: usize,
    },
    Freeze {
        stage: usize,
        is_frozen: bool,
    },
    Move,
    /// Long enough that digests of files may be remembered.
    Settle,
}

/// Files of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Object,
    Record,
    Current,
    Remembered,
}

impl Edit {
    /// Something that happens now and then. What twins share is not damaged: which of them notices is chance.
    pub(super) fn draw(random: &mut Random, has_twins: bool) -> Self {
        let (stage, output) = (random.below(8), random.below(3));
        let kept = [Kept::Object, Kept::Object, Kept::Record, Kept::Current, Kept::Remembered];
        let what = random.pick(if has_twins { &kept[2..] } else { &kept });
        let (file, small) = (random.below(1000), random.below(3));
        match random.below(27) {
            0..=3 => Self::A { stage, value: small as u64 },
            4 => Self::B { stage, value: small as u64 },
            5 => Self::Mix { stage, value: [small as u64, output as u64] },
            6 => Self::Note { stage, value: small as u64 },
            7..=9 => Self::Source { source: output, value: small, is_secret: random.once_in(2) },
            10 => Self::Implementation { stage, version: small },
            11 => Self::Rewire { stage, port: small, from: random.below(8), output },
            12 | 13 => Self::DeleteOutput { stage, output },
            14 => Self::DeleteFolder { stage },
            15 | 16 => Self::ChangeOutput { stage, output, is_secret: random.once_in(2) },
            17 => Self::SwapOutput { stage, output },
            18 => Self::Touch { file },
            19 | 20 => Self::Flip { what, file, bit: random.below(100_000) },
            21 => Self::Lose { what, file },
            22 => Self::Freeze { stage, is_frozen: random.once_in(2) },
            23 | 24 if !has_twins => Self::Rot { stage, output, bit: random.below(100_000) },
            25 => random.pick(&[Self::Move, Self::Style { seed: file as u64 }]),
            _ => Self::Settle,
        }
    }

    /// Lets it happen, and tells the memory what is lost by it.
    pub(super) fn happen(self, world: &mut World, memory: &mut Memory, damaged: &mut Damaged) {
        let count = world.nodes.len();
        match self {
            Self::A { stage, value } => world.nodes[stage % count].a = value,
            Self::B { stage, value } => world.nodes[stage % count].b = value,
            Self::Mix { stage, value } => world.nodes[stage % count].mix = value,
            Self::Rot { stage, output, bit } => rot(world, &place(world, stage, output), bit),
            Self::Freeze { stage, is_frozen } => world.nodes[stage % count].is_frozen = is_frozen,
            Self::Note { stage, value } => world.nodes[stage % count].note = value,
            Self::Source { source, value, is_secret } => world.write_source(source % SOURCES, value, is_secret),
            Self::Implementation { stage, version } => world.nodes[stage % count].toy.set_version(version),
            Self::Rewire { stage, port, from, output } => rewire(world, stage % count, port, (from, output)),
            Self::DeleteFolder { stage } => {
                let folder = world.path("artifacts").join(&world.nodes[stage % count].name);
                remove(&folder);
            }
            Self::DeleteOutput { stage, output } => remove(&place(world, stage, output)),
            Self::ChangeOutput { stage, output, is_secret } => edit(&place(world, stage, output), is_secret),
            Self::SwapOutput { stage, output } => swap(&place(world, stage, output)),
            Self::Touch { file } => {
                let files: Vec<PathBuf> = files_in(&world.directory);
                let touched = fs::File::open(&files[file % files.len()]).unwrap();
                touched.set_modified(SystemTime::now()).unwrap();
            }
            Self::Flip { what, file, bit } => damage(world, memory, damaged, (what, file), Some(bit)),
            Self::Lose { what, file } => damage(world, memory, damaged, (what, file), None),
            Self::Style { seed } => world.style = seed,
            Self::Move => world.relocate(),
            Self::Settle => std::thread::sleep(Duration::from_millis(70)),
        }
    }
}

/// The store's damaged files with what they hold, by their path in the project: to flip the same bit again would mend
/// them.
pub(super) type Damaged = BTreeMap<PathBuf, Vec<u8>>;

/// Connects a port to an output of a stage before it.
fn rewire(world: &mut World, stage: usize, port: usize, (from, output): (usize, usize)) {
    let ports = world.nodes[stage].inputs.len();
    if stage > 0 && ports > 0 {
        let from = from % stage;
        let output = output % world.nodes[from].toy.outputs().len();
        world.nodes[stage].inputs[port % ports] = (from, output);
    }
}

fn place(world: &World, stage: usize, output: usize) -> PathBuf {
    let node = &world.nodes[stage % world.nodes.len()];
    let outputs = node.toy.outputs();
    world.path(&node.place(&outputs[output % outputs.len()]))
}

fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
}

/// Changes a byte of a file, or of a file of a folder, to which another is added.
fn edit(path: &Path, is_secret: bool) {
    let files = if path.is_dir() { files_in(path) } else { vec![path.to_owned()] };
    if path.is_dir() && !is_secret {
        fs::write(path.join("extra"), "extra").unwrap();
    }
    if let Some(file) = files.first().filter(|file| file.is_file()) {
        let mut bytes = fs::read(file).unwrap();
        if let Some(last) = bytes.last_mut() {
            *last = if *last == b'!' { b'?' } else { b'!' };
        }
        overwrite(file, &bytes, is_secret);
    }
}

/// Removes an output after flipping a bit of one of the objects that it consists of.
fn rot(world: &World, path: &Path, bit: usize) {
    let Some(content) = Content::at(path) else { return };
    let objects: Vec<PathBuf> = content.objects().into_iter().map(|digest| world.object(digest)).collect();
    let object = &objects[bit % objects.len()];
    if object.exists() {
        flip(object, bit);
    }
    remove(path);
}

/// Flips a bit of a file whose time stays as it was; its bytes afterwards.
fn flip(file: &Path, bit: usize) -> Vec<u8> {
    let mut bytes = fs::read(file).unwrap();
    let bit = bit % (8 * bytes.len());
    bytes[bit / 8] ^= 1 << (bit % 8);
    overwrite(file, &bytes, true);
    bytes
}

fn swap(path: &Path) {
    if path.is_dir() {
        remove(path);
        fs::write(path, "a file").unwrap();
    } else if path.exists() {
        remove(path);
        fs::create_dir(path).unwrap();
        fs::write(path.join("file"), "in a folder").unwrap();
    }
}

/// Flips a bit of a file of the store, or loses it.
fn damage(
    world: &World,
    memory: &mut Memory,
    damaged: &mut Damaged,
    (what, number): (Kept, usize),
    bit: Option<usize>,
) {
    let state = world.path("artifacts/.segpipe");
    let files = match what {
        Kept::Object => world.objects(),
        Kept::Record => files_in(&state.join("records")),
        Kept::Current => files_in(&state.join("current")),
        Kept::Remembered => files_in(&state).into_iter().filter(|file| file.ends_with("remembered.json")).collect(),
    };
    let Some(file) = (!files.is_empty()).then(|| &files[number % files.len()]) else { return };
    let bytes = fs::read(file).unwrap();
    let key = file.strip_prefix(&world.directory).unwrap().to_owned();
    let is_damaged = damaged.get(&key) == Some(&bytes);
    if is_damaged && matches!(what, Kept::Record) {
        // Whose it was cannot be told any more, and that it is lost matters.
        return;
    }
    forget(world, memory, what, file, &bytes);
    if let Some(bit) = bit.filter(|_| !bytes.is_empty() && !is_damaged) {
        damaged.insert(key, flip(file, bit));
        return;
    }
    if matches!(what, Kept::Record) {
        memory.recorded.retain(|key| !names(&bytes, key));
    }
    fs::remove_file(file).unwrap();
}

/// Whether a record is that of a result.
fn names(record: &[u8], key: &Key) -> bool {
    String::from_utf8_lossy(record).contains(&format!("\"headline\": \"{key}\""))
}

/// What is known no more when a file of the store is damaged.
fn forget(world: &World, memory: &mut Memory, what: Kept, file: &Path, bytes: &[u8]) {
    match what {
        Kept::Record => {
            memory.known.retain(|key, _| !names(bytes, key));
        }
        Kept::Current => {
            let stage = world.nodes.iter().position(|node| file.ends_with(&node.name));
            stage.map(|stage| memory.current.remove(&stage));
        }
        Kept::Object | Kept::Remembered => {}
    }
}
