//! What is said where, and with which exit code.

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use rstest::rstest;
    use serde_json::Value;

    use crate::process::{Ended, Folder};

    #[rstest]
    #[case::unknown_command(&["walk"], "unrecognized subcommand 'walk'")]
    #[case::unknown_flag(&["run", "--fast"], "unexpected argument '--fast'")]
    #[case::no_number(&["run", "--jobs", "0"], "0 is not in 1..=1024")]
    #[case::contradiction(&["run", "--only", "a", "--from", "b"], "cannot be used with")]
    #[case::no_pipeline(&["run"], "pipeline.yaml")]
    #[case::no_such_pipeline(&["check", "--file", "elsewhere/p.yaml"], "elsewhere/p.yaml")]
    #[case::no_bundle(&["predict", "in.csv", "-o", "out.csv"], "there is no bundle in `./artifacts/deploy/bundle`")]
    #[case::no_format(&["simulate", "--customers", "1", "--seed", "1", "--out", "a.doc"], "`a.doc` ends in no format")]
    fn wrong_usage_is_exit_code_2_and_says_why_on_stderr(#[case] arguments: &[&str], #[case] expected: &str) {
        let ended = Folder::new().run(arguments);
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.starts_with("error: ") && ended.err.contains(expected), "{}", ended.err);
        assert_eq!(ended.out, "");
    }

    #[test]
    fn a_run_that_cannot_begin_ends_its_json_lines_all_the_same() {
        let ended = Folder::new().run(&["run", "--json"]);
        assert_eq!(ended.code, Some(2));
        let last: Value = serde_json::from_str(ended.out.lines().last().unwrap()).unwrap();
        assert_eq!(last["event"], "run_finished");
        assert_eq!((&last["ok"], &last["exit_code"]), (&Value::from(false), &Value::from(2)));
        assert!(ended.err.starts_with("error: "));
    }

    #[test]
    fn help_and_version_are_data() {
        let folder = Folder::new();
        let help = folder.run(&["--help"]);
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
        for word in ["Exit codes:", "  70   a bug in segpipe", "  130  interrupted", "segpipe run --from train"] {
            assert!(help.out.contains(word), "{word}\n{}", help.out);
        }
        assert_eq!(folder.run(&["--version"]).out, format!("segpipe {}\n", env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn the_environments_number_of_threads_must_be_one() {
        let folder = Folder::new();
        let output = folder.command(&["schema"]).env("RAYON_NUM_THREADS", "two").output().unwrap();
        let ended = Ended::of(&output);
        assert_eq!(ended.code, Some(2));
        assert!(ended.err.starts_with("error: `RAYON_NUM_THREADS` is `two`, which is no number of threads\nhint: "));
    }

    #[test]
    fn the_schema_is_json_and_completions_are_for_every_shell() {
        let folder = Folder::new();
        let schema = folder.run(&["schema"]);
        assert!(serde_json::from_str::<Value>(&schema.out).unwrap().is_object());
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = folder.run(&["completions", shell]);
            assert_eq!(script.code, Some(0));
            assert!(script.out.contains("keep-going"), "{shell}");
        }
    }

    #[test]
    fn a_reader_that_goes_away_is_no_error() {
        let folder = Folder::new();
        let mut child =
            folder.command(&["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = Ended::of(&child.wait_with_output().unwrap());
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    }

    #[test]
    fn a_full_disk_behind_stdout_is_said() {
        let folder = Folder::new();
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ended = Ended::of(&folder.command(&["schema"]).stdout(full).output().unwrap());
        assert_eq!(ended.code, Some(4));
        assert!(ended.err.starts_with("error: cannot write to stdout\ncaused by: "), "{}", ended.err);
    }

    #[test]
    fn simulated_rows_are_the_same_for_the_same_seed_and_quiet_says_nothing() {
        let folder = Folder::new();
        for name in ["a.csv", "b.csv"] {
            let arguments = ["--quiet", "simulate", "--customers", "20", "--seed", "7", "--out", name];
            let ended = folder.run(&arguments);
            assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), "", ""));
        }
        let bytes = |name: &str| std::fs::read(folder.path(name)).unwrap();
        assert!(!bytes("a.csv").is_empty() && bytes("a.csv") == bytes("b.csv"));
    }

    #[test]
    fn nothing_is_coloured_where_nobody_looks() {
        let ended = Folder::new().run(&["run"]);
        assert!(!ended.err.contains('\u{1b}'), "{:?}", ended.err);
    }
}
