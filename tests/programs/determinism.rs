//! `segpipe run --check-determinism`: stages that write the same every time, and stages that do not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::process::Ended;
use crate::project::Project;

const STAGES: &str = "
  make:
    run: printf 'one\\ntwo\\n' > \"$SEGPIPE_OUTPUT_LINES\"
    outputs: [lines.txt]
  good:
    run: sort -r \"$SEGPIPE_INPUT_LINES\" > \"$SEGPIPE_OUTPUT_SORTED\"; echo a > \"$SEGPIPE_OUTPUT_PARTS/a\"
    inputs: [make.lines]
    outputs: [sorted.txt, parts/]
  clock:
    run: printf 'begun at '; printf 'begun at ' > \"$SEGPIPE_OUTPUT_TIME\"; date +%s%N >> \"$SEGPIPE_OUTPUT_TIME\"
    inputs: [make.lines]
    outputs: [time.txt]
  random:
    run: mkdir -p \"$SEGPIPE_OUTPUT_PARTS/deep\"; echo a > \"$SEGPIPE_OUTPUT_PARTS/a\"; head -c 32 /dev/urandom > \"$SEGPIPE_OUTPUT_PARTS/deep/b\"
    outputs: [parts/]
";

fn check(project: &Project, stage: &str) -> Ended {
    Ended::of(&project.command(&["run", "--check-determinism", stage]).output().unwrap())
}

/// Every file of the project but what the store keeps of stages upstream and what it only notes for itself.
fn files(project: &Project) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if path.is_dir() {
                walk(root, &path, found);
            } else if !name.ends_with("/lock") && !name.ends_with("remembered.json") {
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&project.path(""), &project.path(""), &mut found);
    found
}

#[test]
fn a_stage_that_writes_the_same_passes_and_everything_stays_as_it_was() {
    let project = Project::new(STAGES);
    project.run_well();
    let before = files(&project);
    let ended = check(&project, "good");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let expected = "`good` was run twice: every byte of 2 outputs is the same, as in the result that is known";
    assert!(ended.err.contains(expected), "{}", ended.err);
    assert_eq!(files(&project), before);
}

#[test]
fn a_stage_that_writes_the_clock_is_caught_with_the_first_byte_that_differs() {
    let project = Project::new(STAGES);
    let ended = check(&project, "clock");
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("error: `clock` does not give the same result every time"), "{}", ended.err);
    let line =
        ended.err.lines().find(|line| line.contains("output `time` of the two runs: differs from byte ")).unwrap();
    let offset: u64 = line.split("from byte ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((9..29).contains(&offset), "the clock begins at byte 9: {line}");
    assert!(ended.err.contains("hint: the usual causes are a clock"), "{}", ended.err);
    assert!(!project.path("artifacts/clock").exists() && !project.path("pipeline.lock").exists());
    assert!(!project.path("artifacts/make").exists(), "what it needs is computed in the store alone");
    assert!(!project.path("artifacts/.logs/clock.log").exists());
}

#[test]
fn a_stage_that_writes_random_numbers_into_a_folder_is_caught_with_the_file() {
    let project = Project::new(STAGES);
    project.run_well();
    let before = files(&project);
    let ended = check(&project, "random");
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("output `parts` of the two runs: file `deep/b`: differs from byte "), "{}", ended.err);
    assert_eq!(files(&project), before, "nothing is kept of either run");
    assert_eq!(project.run_well(), "clock:cached good:cached make:cached random:cached");
}

#[test]
fn a_known_result_that_was_another_one_is_told_of() {
    let project = Project::new(STAGES);
    let stages = STAGES.replace("sort -r", "sort $(cat fl*)");
    project.set_stages(&stages);
    project.write("flag", "-r");
    project.run_well();
    project.write("flag", "-n");
    let ended = check(&project, "good");
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let line = ended.err.lines().find(|line| line.contains("output `sorted` of both runs has the digest ")).unwrap();
    assert!(line.contains("and that of the result that is known is "), "{line}");
}

#[test]
fn what_cannot_be_checked_is_refused_or_fails_as_it_does_in_a_run() {
    let project = Project::new(&format!("{STAGES}  bad:\n    run: exit 3\n    outputs: [x.txt]\n"));
    let unknown = check(&project, "god");
    assert_eq!(unknown.code, Some(2), "{}", unknown.err);
    assert!(unknown.err.contains("did you mean `good`?"), "{}", unknown.err);
    let bad = check(&project, "bad");
    assert_eq!(bad.code, Some(1), "{}", bad.err);
    assert!(bad.err.contains("error: `bad`: "), "{}", bad.err);
    project.set_stages(&STAGES.replace("  good:\n", "  good:\n    frozen: true\n"));
    let frozen = check(&project, "good");
    assert_eq!(frozen.code, Some(2), "{}", frozen.err);
    assert!(frozen.err.contains("frozen: `good`"), "{}", frozen.err);
}
