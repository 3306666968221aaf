//! Files that nobody writes by accident, and files that are none: refused at once, never a panic.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// Milliseconds are usual; a busy machine takes longer, and what these files try would take for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first line of the refusal, which must come at once.
fn at_once(text: impl AsRef<[u8]>) -> String {
    let started = Instant::now();
    let text = refusal(text);
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    text.lines().next().unwrap().to_owned()
}

fn lines(count: usize, line: impl FnMut(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}

/// Ten levels of ten times the level below.
fn laughter(reference: impl Fn(usize) -> String, definition: impl Fn(usize, &str) -> String) -> String {
    let level = |level: usize| {
        let below = if level == 0 { "ha".to_owned() } else { reference(level - 1) };
        definition(level, &[below.as_str(); 10].join(", "))
    };
    let levels: String = (0..10).map(level).collect();
    format!("vars:\n{levels}stages: {{rfm: }}\n")
}

#[test]
fn anchors_that_multiply_are_refused() {
    let bomb = laughter(|level| format!("*a{level}"), |level, items| format!("  a{level}: &a{level} [{items}]\n"));
    assert!(at_once(&bomb).ends_with("more values, or more repetitions by anchors, than any pipeline needs"));
}

#[test]
fn variables_that_multiply_are_refused() {
    let bomb = laughter(|level| format!("\"${{a{level}}}\""), |level, items| format!("  a{level}: [{items}]\n"));
    assert!(at_once(&bomb).ends_with("variables that grow larger than any pipeline needs"));
    let text = laughter(|level| format!("${{a{level}}}"), |level, items| format!("  a{level}: '{items}'\n"));
    let text = text.replace("ha", &"ha".repeat(50));
    assert!(at_once(&text).ends_with("variables that grow larger than any pipeline needs"));
}

#[test]
fn a_long_chain_of_variables_is_refused() {
    let chain = lines(3000, |n| format!("  a{n}: ${{a{}}}", n + 1));
    let message = at_once(format!("vars:\n{chain}\n  a3000: 1\nstages: {{rfm: }}\n"));
    assert!(message.ends_with("more variables inside each other than any pipeline needs"), "{message}");
}

#[test]
fn deep_nesting_is_refused() {
    for text in ["[".repeat(500_000), "{a: ".repeat(200_000), "- ".repeat(400_000), "? ".repeat(400_000)] {
        let message = at_once(&text);
        assert!(message.starts_with("pipeline.yaml:1:"), "{message}");
    }
    let block = lines(1000, |depth| format!("{}a:", " ".repeat(depth)));
    assert!(at_once(&block).ends_with("more levels inside each other than any pipeline needs"));
}

#[test]
fn very_many_values_are_refused() {
    let keys = lines(100_000, |n| format!("k{n}: 1"));
    assert!(at_once(keys).contains("more values"));
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let expected = "pipeline.yaml: is larger than 4194304 bytes, which no pipeline needs";
    assert_eq!(at_once("x".repeat(10_000_000)), expected);
}

#[test]
fn an_anchor_inside_itself_is_refused() {
    assert!(at_once("vars: {a: &a [*a]}\nstages: {rfm: }\n").starts_with("pipeline.yaml:1:"));
}

#[test]
fn bytes_that_are_no_text_are_refused_at_their_place() {
    let text = refusal(b"name: x\nstages: {load: \xff\xfe}\n");
    let expected = "pipeline.yaml:2:16: the file is not valid UTF-8\n  |\n2 | stages: {load: \u{fffd}\u{fffd}}\n  |                ^\n\
                    hint: save the file as UTF-8";
    assert_eq!(text, expected);
    let utf_16: Vec<u8> = "\u{feff}stages:".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(at_once(utf_16).ends_with("the file is not valid UTF-8"));
}

#[test]
fn an_empty_file_is_refused() {
    for text in ["", "\n\n", "\u{feff} ", "---\n"] {
        assert_eq!(at_once(text), "pipeline.yaml: the file is empty");
    }
}

#[test]
fn a_file_that_is_not_there_points_to_init() {
    let project = Project::new("");
    fs::remove_file(project.file()).unwrap();
    let expected =
        "pipeline.yaml: there is no such file\nhint: `segpipe init SOURCE` writes a pipeline.yaml for your data";
    assert_eq!(project.refusal(&Overrides::default()), expected);
}

#[test]
fn a_directory_and_a_device_are_refused() {
    let project = Project::new("");
    fs::remove_file(project.file()).unwrap();
    fs::create_dir(project.file()).unwrap();
    let expected =
        "pipeline.yaml: is a directory, not a file\nhint: name the file in it, e.g. `--file DIRECTORY/pipeline.yaml`";
    assert_eq!(project.refusal(&Overrides::default()), expected);
    fs::remove_dir(project.file()).unwrap();
    symlink("/dev/zero", project.file()).unwrap();
    assert_eq!(project.refusal(&Overrides::default()), "pipeline.yaml: is not a file");
}

#[test]
fn an_output_through_a_link_out_of_the_project_is_refused() {
    let output = |path: &str| {
        let text = format!("stages:\n  load: {{params: {{source: a}}}}\n  rfm:\n    outputs: {{customers: {path}}}\n");
        Project::new(text)
    };
    let project = output("out/deep/er/x.parquet");
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), project.0.path().join("out")).unwrap();
    let text = project.refusal(&Overrides::default());
    let expected = "pipeline.yaml:4:26: output path `out/deep/er/x.parquet` leads outside the project through a link";
    assert_eq!(text.lines().next(), Some(expected));
    fs::remove_file(project.0.path().join("out")).unwrap();
    symlink("nowhere", project.0.path().join("out")).unwrap();
    assert!(project.read(&Overrides::default()).is_err());
    fs::remove_file(project.0.path().join("out")).unwrap();
    fs::create_dir(project.0.path().join("real")).unwrap();
    symlink("real", project.0.path().join("out")).unwrap();
    assert!(project.read(&Overrides::default()).is_ok());
}

/// Pieces that pipelines are made of, and pieces that break them.
fn pieces() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "stages:",
        "vars:",
        "profiles:",
        "name:",
        "  load:",
        "  rfm:",
        "  train:",
        "    params:",
        "    inputs:",
        "{",
        "}",
        "[",
        "]",
        "&a",
        "*a",
        "<<:",
        "${a}",
        "${",
        "$$",
        "k: 4",
        "a: 1",
        "source: x",
        "customers: rfm.customers",
        "- ",
        "? ",
        "|",
        ">",
        "'",
        "\"",
        "#",
        "---",
        "!!str",
        "\t",
        "\r\n",
        "\u{feff}",
        "é",
        "\0",
        "null",
        "uses: rfm",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
    ]);
    let piece = prop_oneof![4 => known.prop_map(String::from), 1 => any::<String>()];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_and_no_argument_makes_a_panic(text in pieces(), set in pieces()) {
        let project = Project::new(&text);
        let sets = [set, "train.k=5".to_owned()].to_vec();
        if let Err(error) = project.read(&Overrides { profile: None, sets }) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn no_bytes_make_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(Project::new(bytes).read(&Overrides::default()));
    }
}
