//! The tree of a long pipeline file, kept so that the next command need not take the text apart again.
//!
//! For: pipelines of a thousand stages, whose YAML takes longer to read than everything else that a run with nothing
//! to do looks at. Not for: places; whoever has something to say about a place reads the text itself. What is kept may
//! be missing, torn or of another text, and is then not used. Called by: [`super::read`].

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::node::{Node, Unplaced};
use crate::digest::{Digest, Hasher};

/// A shorter text is taken apart faster than a file is opened.
const LONG: usize = 16 << 10;
/// Changes whenever [`Node::parse`] makes another tree of the same text.
const FORMAT: &[u8] = b"segpipe-pipeline 1";
const DIGITS: usize = 64;

/// The tree of `text` without its places, where `kept` holds it.
pub(super) fn recall(kept: &Path, text: &str) -> Option<Node> {
    if !is_long(text) {
        return None;
    }
    // Asked first, because opening a named pipe would wait for its other end.
    kept.symlink_metadata().ok().filter(Metadata::is_file)?;
    let mut file = File::open(kept).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let (written, tree) = bytes.split_at_checked(DIGITS)?;
    if written != seal(&file, text, tree).ok()?.to_string().as_bytes() {
        return None;
    }
    serde_json::from_slice::<Unplaced>(tree).ok().map(Node::from)
}

/// Whether the tree of a text is kept at all.
pub(super) fn is_long(text: &str) -> bool {
    text.len() >= LONG
}

/// Keeps the tree of `text` in `kept`, where its folder is there. That it cannot be kept is nobody's concern.
pub(super) fn keep(kept: &Path, text: &str, root: &Node) {
    if is_long(text) && kept.parent().is_some_and(Path::is_dir) {
        let _ = write(kept, text, root.to_json().to_string().as_bytes());
    }
}

fn write(kept: &Path, text: &str, tree: &[u8]) -> io::Result<()> {
    // Always a new file: what stands there may be a link to another one.
    match fs::remove_file(kept) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create_new(kept)?;
    let seal = seal(&file, text, tree)?.to_string();
    file.write_all(&[seal.as_bytes(), tree].concat())
}

/// One digest for the text, its tree and the file that holds it: a tree is taken neither for that of another text nor
/// from a file that was made elsewhere, say unpacked from an archive of somebody who wants other programs run.
fn seal(file: &File, text: &str, tree: &[u8]) -> io::Result<Digest> {
    let metadata = file.metadata()?;
    let born = metadata.created()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut hasher = Hasher::default();
    hasher.update(FORMAT);
    for number in [metadata.dev(), metadata.ino(), born.as_secs(), born.subsec_nanos().into(), text.len() as u64] {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(text.as_bytes());
    hasher.update(tree);
    Ok(hasher.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(name: &str) -> String {
        format!("name: {name}\nvars: {{whole: 1, part: 0.1, 7: null, list: [a, true]}}\n# {}\n", "-".repeat(LONG))
    }

    #[test]
    fn a_long_text_is_known_again_with_all_its_values() {
        let folder = tempfile::tempdir().unwrap();
        let (file, text) = (folder.path().join("kept"), long("a"));
        let root = Node::parse(&text).unwrap();
        keep(&file, &text, &root);
        let kept = recall(&file, &text).unwrap();
        assert_eq!(kept.to_json(), root.to_json());
        let keys = kept.as_mapping().unwrap()[1].value.as_mapping().unwrap().iter().map(|entry| entry.key.as_str());
        assert_eq!(keys.collect::<Vec<_>>(), ["whole", "part", "7", "list"]);
    }

    #[test]
    fn another_text_and_a_file_that_is_not_whole_are_not_taken_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, text) = (folder.path().join("kept"), long("a"));
        assert!(recall(&file, &text).is_none());
        keep(&file, &text, &Node::parse(&text).unwrap());
        assert!(recall(&file, &long("b")).is_none());
        let whole = fs::read(&file).unwrap();
        for cut in [0, 10, DIGITS, whole.len() - 1] {
            fs::write(&file, &whole[..cut]).unwrap();
            assert!(recall(&file, &text).is_none(), "{cut}");
        }
        let mut flipped = whole.clone();
        flipped[DIGITS + 9] ^= 1;
        fs::write(&file, flipped).unwrap();
        assert!(recall(&file, &text).is_none());
        fs::write(&file, whole).unwrap();
        assert!(recall(&file, &text).is_some());
    }

    #[test]
    fn a_copy_is_not_believed_and_is_kept_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (file, copy, text) = (folder.path().join("kept"), folder.path().join("copy"), long("a"));
        let root = Node::parse(&text).unwrap();
        keep(&file, &text, &root);
        fs::copy(&file, &copy).unwrap();
        assert!(recall(&copy, &text).is_none());
        keep(&copy, &text, &root);
        assert!(recall(&copy, &text).is_some());
    }

    #[test]
    fn what_a_link_leads_to_is_neither_believed_nor_written() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, text) = (folder.path().join("kept"), folder.path().join("link"), long("a"));
        let root = Node::parse(&text).unwrap();
        keep(&file, &text, &root);
        let before = fs::read(&file).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(recall(&link, &text).is_none());
        keep(&link, &long("b"), &Node::parse(&long("b")).unwrap());
        assert_eq!(fs::read(&file).unwrap(), before);
        assert!(recall(&link, &long("b")).is_some());
    }

    #[test]
    fn a_short_text_and_a_project_that_never_ran_leave_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let (short, lost) = (folder.path().join("kept"), folder.path().join("none/kept"));
        keep(&short, "name: a\n", &Node::parse("name: a\n").unwrap());
        keep(&lost, &long("a"), &Node::parse(&long("a")).unwrap());
        assert!(!short.exists() && !lost.exists());
    }
}
