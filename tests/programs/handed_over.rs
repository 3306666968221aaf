//! What a program is given: inputs, outputs, params, surroundings, and nothing else.

use std::collections::BTreeMap;

use crate::project::{Project, is_below};

/// Writes the environment into a file, then the lines of the first stage's output.
const LOOK: &str = "
  make:
    run: printf 'a,b\\n1,2\\n' > \"$SEGPIPE_OUTPUT_NUMBERS\"
    outputs: [numbers.csv]
  look:
    run: |
      cat \"$SEGPIPE_PARAMS\" > \"$SEGPIPE_OUTPUT_PARAMS\"
      cat \"$SEGPIPE_INPUT_NUMBERS\" > seen.txt
      pwd > where.txt
      touch \"$SEGPIPE_OUTPUT_PLOTS/one.svg\"
      env > \"$SEGPIPE_OUTPUT_SURROUNDINGS\"
    inputs: [make.numbers]
    params: {threshold: 0.5, label: two words, deep: {list: [1, null]}}
    env: {GIVEN: as written, TAKEN: }
    secret_env: [TOKEN, NOT_THERE]
    outputs: {surroundings: out/env.txt, params: out/params.json, plots: out/plots/}
";

#[test]
fn a_program_has_the_documented_variables_and_nothing_else_of_the_environment() {
    let project = Project::new(LOOK);
    let mut command = project.command(&["run", "--json"]);
    command.env("TAKEN", "from outside").env("TOKEN", "s3cret").env("UNRELATED", "no").env("LANG", "C.UTF-8");
    command.env("TMPDIR", "/tmp").env("HOME", "/nowhere").env_remove("LC_ALL");
    crate::project::Ran::of(&mut command).well();
    let text = project.read("out/env.txt");
    let found: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let folder = project.path("").canonicalize().unwrap();
    let expected = [
        "GIVEN",
        "HOME",
        "LANG",
        "PATH",
        "SEGPIPE_INPUT_NUMBERS",
        "SEGPIPE_OUTPUT_PARAMS",
        "SEGPIPE_OUTPUT_PLOTS",
        "SEGPIPE_OUTPUT_SURROUNDINGS",
        "SEGPIPE_PARAMS",
        "SEGPIPE_PARAM_DEEP",
        "SEGPIPE_PARAM_LABEL",
        "SEGPIPE_PARAM_THRESHOLD",
        "SEGPIPE_PROJECT",
        "SEGPIPE_STAGE",
        "TAKEN",
        "TMPDIR",
        "TOKEN",
    ];
    // What a shell sets of its own accord.
    let names: Vec<&str> =
        found.keys().copied().filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name)).collect();
    assert_eq!(names, expected);
    assert_eq!((found["GIVEN"], found["TAKEN"], found["TOKEN"]), ("as written", "from outside", "s3cret"));
    assert_eq!((found["SEGPIPE_STAGE"], found["HOME"]), ("look", "/nowhere"));
    assert_eq!(found["SEGPIPE_PARAM_LABEL"], "two words");
    assert_eq!(found["SEGPIPE_PARAM_THRESHOLD"], "0.5");
    assert_eq!(found["SEGPIPE_PARAM_DEEP"], r#"{"list":[1,null]}"#);
    assert!(found["SEGPIPE_INPUT_NUMBERS"].ends_with("/numbers.csv"), "readers go by endings");
    assert!(found["SEGPIPE_OUTPUT_SURROUNDINGS"].ends_with("/surroundings.txt"));
    assert!(is_below(found["SEGPIPE_OUTPUT_PLOTS"], &folder.join("artifacts/.segpipe/temporary")));
    assert_eq!(project.read("seen.txt"), "a,b\n1,2\n");
    assert_eq!(project.read("where.txt").trim_end(), folder.display().to_string());
    assert_eq!(project.read("out/params.json"), r#"{"deep":{"list":[1,null]},"label":"two words","threshold":0.5}"#);
    assert!(project.path("out/plots/one.svg").exists());
}

#[test]
fn what_a_program_says_is_shown_at_once_prefixed_and_kept() {
    let stages = "
  talk:
    run: echo to out; echo to err >&2; printf 'no end'
    outputs: []
";
    let project = Project::new(stages);
    let ran = project.run(&[]);
    ran.well();
    let mut said = ran.said("talk");
    said.sort();
    assert_eq!(said, ["stderr: to err", "stdout: no end", "stdout: to out"]);
    let mut kept: Vec<String> = project.read("artifacts/.logs/talk.log").lines().map(String::from).collect();
    kept.sort();
    assert_eq!(kept, ["no end", "to err", "to out"]);
    let forced = crate::process::Ended::of(&project.command(&["run", "--force"]).output().unwrap());
    assert!(forced.err.contains("      talk | to out\n"), "{}", forced.err);
    assert_eq!(project.read("artifacts/.logs/talk.log").lines().count(), 3, "the log is that of the last run");
    let quiet = crate::process::Ended::of(&project.command(&["run", "--force", "--quiet"]).output().unwrap());
    assert!(!quiet.err.contains("to out"), "{}", quiet.err);
}

#[test]
fn a_command_may_be_a_list_that_no_shell_reads() {
    let project = Project::new("  say:\n    run: [echo, $HOME, \"a  b\", 5]\n    outputs: []\n");
    let ran = project.run(&[]);
    ran.well();
    assert_eq!(ran.said("say"), ["stdout: $HOME a  b 5"]);
}

#[test]
fn a_secret_is_passed_on_and_is_found_in_nothing_that_is_written_or_said() {
    let stages = "
  upload:
    run: |
      echo \"header: Bearer $TOKEN\"
      echo \"failed with $TOKEN\" >&2
      touch \"$SEGPIPE_OUTPUT_DONE\"
      exit ${code}
    secret_env: [TOKEN]
    outputs: [done.txt]
";
    for (code, expected) in [("0", 0), ("3", 1)] {
        let project = Project::new("");
        project.write("pipeline.yaml", &format!("vars: {{code: {code}}}\nstages:{stages}"));
        for arguments in [&["run", "--json"][..], &["run", "-v", "--force"], &["status"], &["runs"], &["graph"]] {
            let mut command = project.command(arguments);
            let output = command.env("TOKEN", "a very s3cret value").output().unwrap();
            let said = crate::process::Ended::of(&output);
            assert!(!said.err.contains("s3cret") && !said.out.contains("s3cret"), "{}{}", said.out, said.err);
            if arguments[0] == "run" {
                assert_eq!(said.code, Some(expected), "{}", said.err);
            }
        }
        assert_eq!(project.files_with("s3cret"), [""; 0]);
        assert!(project.read("artifacts/.logs/upload.log").contains("header: Bearer ***\n"));
        let in_hexadecimal = blake3::hash(b"a very s3cret value").to_hex().to_string();
        assert_eq!(project.files_with(&in_hexadecimal), [""; 0], "not even its digest");
    }
}

#[test]
fn the_value_of_a_declared_variable_is_kept_as_a_digest_alone() {
    let project = Project::new("  one:\n    run: 'true'\n    env: [REGION]\n    outputs: []\n");
    let ran = crate::project::Ran::of(project.command(&["run", "--json"]).env("REGION", "north-by-north-east"));
    ran.well();
    assert_eq!(project.files_with("north-by-north-east"), [""; 0]);
    let digest = blake3::hash(b"north-by-north-east").to_hex();
    assert_eq!(project.files_with(&digest).len(), 2, "in the record, and in the note of what is current");
}
