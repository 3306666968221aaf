//! Who may know whom: the ranks of `src/lib.rs`, the border between the packages, who prints, and how files open.
//!
//! Each rule is a function from a file to what breaks it, so that it is shown to fail on a bad sample before it is
//! believed on the real files. Rules about code read the modules that are compiled, without their tests.

#[expect(dead_code, reason = "the build script needs more of it than these rules")]
#[path = "../stages/build/modules.rs"]
mod modules;
#[path = "../stages/build/source.rs"]
mod source;
#[path = "../stages/build/tokens.rs"]
mod tokens;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::modules::Modules;
    use super::source::{self, Source};

    const STAGES: [&str; 9] =
        ["load", "validate", "preprocess", "rfm", "train", "evaluate", "visualize", "track", "deploy"];

    /// What turns events into lines, and the printer.
    const PRINTERS: [&str; 2] = ["src/report/", "src/cli/printer.rs"];

    /// The highest rank that may not know the stages.
    const ENGINE: &str = "engine";

    /// How the tokens of a print look, one space between them.
    const PRINTING: [&str; 6] = ["println !", "print !", "eprintln !", "eprint !", "stdout ( )", "stderr ( )"];

    /// Engine, network, terminal, clock, and a thread pool for the whole process.
    const OUTSIDE: [&str; 9] =
        ["tokio", "reqwest", "clap", "indicatif", "SystemTime", "Instant", "now", "ThreadPoolBuilder", "build_global"];

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    /// The project's own files, by path from its root. What cargo, segpipe and users put there is left out.
    fn files() -> BTreeMap<String, PathBuf> {
        let mut found = BTreeMap::new();
        let mut folders = vec![root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                let is_foreign = ["target", "artifacts", "data", ".git", "Cargo.lock"].contains(&name.as_str());
                match entry.file_type().unwrap() {
                    _ if is_foreign => {}
                    kind if kind.is_dir() => folders.push(path),
                    _ => drop(found.insert(name, path)),
                }
            }
        }
        found
    }

    /// The text of every Rust file below `folder`.
    fn rust_files(folder: &str) -> BTreeMap<String, String> {
        let is_wanted = |(name, path): &(String, PathBuf)| {
            name.starts_with(folder) && path.extension().is_some_and(|end| end == "rs")
        };
        let texts = files().into_iter().filter(is_wanted);
        texts.map(|(name, path)| (name, fs::read_to_string(path).unwrap())).collect()
    }

    /// The modules below a crate's root, by path.
    fn modules(crate_root: &str) -> BTreeMap<String, Source> {
        let name = |path: &Path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let modules = Modules::read(&root().join(crate_root)).unwrap();
        modules.iter().map(|module| (name(&module.file), module.source.clone())).collect()
    }

    /// Stops the test with everything that breaks `rule`, file by file.
    fn hold<T>(files: &BTreeMap<String, T>, rule: impl Fn(&str, &T) -> Vec<String>) {
        assert!(!files.is_empty());
        let broken: Vec<String> = files
            .iter()
            .flat_map(|(name, file)| rule(name, file).into_iter().map(move |finding| format!("{name}: {finding}")))
            .collect();
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }

    fn read(text: &str) -> Source {
        source::read(text).unwrap()
    }

    /// Rank of each module, as the line with arrows in `src/lib.rs` gives it.
    fn ranks(map: &str) -> BTreeMap<String, usize> {
        let lines = map.lines().filter_map(|line| line.strip_prefix("//! ")).filter(|line| line.contains('→'));
        let line = lines.collect::<Vec<_>>().join(" ");
        let ranks = line.trim_end_matches('.').split('→').enumerate();
        let modules = ranks.flat_map(|(rank, names)| names.split(',').map(move |name| (name.trim().to_owned(), rank)));
        modules.collect()
    }

    fn own_ranks() -> BTreeMap<String, usize> {
        ranks(&fs::read_to_string(root().join("src/lib.rs")).unwrap())
    }

    /// The modules from the crate's root down to a file: `src/store/files.rs` is `store`, `files`.
    fn modules_of(name: &str) -> Vec<&str> {
        let below = name.strip_prefix("src/").unwrap_or(name).trim_end_matches(".rs");
        below.trim_end_matches("/mod").split('/').collect()
    }

    /// The modules of the crate's root that a file names.
    fn imported(source: &Source, depth: usize) -> Vec<&str> {
        source
            .paths
            .iter()
            .filter_map(|path| {
                let supers = path.iter().take_while(|segment| *segment == "super").count();
                let is_from_root = path[0] == "crate" || path[0] == "segpipe" || (supers > 0 && supers == depth);
                path.get(supers.max(1)).filter(|_| is_from_root).map(String::as_str)
            })
            .collect()
    }

    /// Imports of an equal or a higher rank, and modules without a rank.
    fn upward_imports(ranks: &BTreeMap<String, usize>, name: &str, source: &Source) -> Vec<String> {
        let modules = modules_of(name);
        let own = modules[0];
        let Some(rank) = ranks.get(own) else { return vec![format!("module `{own}` has no rank in `src/lib.rs`")] };
        let is_upward = |other: &&str| *other != own && ranks.get(*other).is_none_or(|other| other >= rank);
        imported(source, modules.len()).into_iter().filter(is_upward).map(|other| format!("names `{other}`")).collect()
    }

    #[test]
    fn modules_import_only_lower_ranks() {
        let ranks = own_ranks();
        let mut files = modules("src/lib.rs");
        files.remove("src/lib.rs");
        hold(&files, |name, source| upward_imports(&ranks, name, source));
    }

    #[test]
    fn an_upward_import_is_noticed_however_it_is_written() {
        let ranks = ranks("//! Map:\n//! digest, event → store →\n//! plan → cli.\n");
        assert_eq!(ranks["event"], 0);
        assert_eq!(ranks["cli"], 3);
        let imports = |name: &str, text: &str| upward_imports(&ranks, name, &read(text));
        assert!(
            imports("src/store/files.rs", "use crate::digest::Digest; use super::Store; use self::plan;").is_empty()
        );
        assert_eq!(imports("src/store/files.rs", "use crate::{digest, plan::Plan};"), ["names `plan`"]);
        assert_eq!(imports("src/store/files.rs", "use super::super::plan;"), ["names `plan`"]);
        assert_eq!(imports("src/store/mod.rs", "fn go() { tell!(\"{}\", super::cli::run()) }"), ["names `cli`"]);
        assert_eq!(imports("src/digest.rs", "use crate::event::Event;"), ["names `event`"]);
        assert_eq!(imports("src/plan.rs", "use crate::unlisted::Thing;"), ["names `unlisted`"]);
        assert_eq!(imports("src/unlisted.rs", ""), ["module `unlisted` has no rank in `src/lib.rs`"]);
        assert!(
            imports("src/digest.rs", "/// See [`crate::cli`].\n#[cfg(test)] mod tests { use crate::cli; }").is_empty()
        );
    }

    /// What a module may not know of the stages: their modules, and their names.
    fn stages_known(source: &Source) -> Vec<String> {
        let from_stages = source.paths.iter().filter(|path| path[0] == "segpipe_stages");
        let modules = from_stages.map(|path| path.get(1).map_or("everything", String::as_str));
        let names = STAGES.iter().filter(|stage| source.text.contains(&format!("\"{stage}\"")));
        let modules =
            modules.filter(|module| *module != "contract").map(|module| format!("names `segpipe_stages::{module}`"));
        modules.chain(names.map(|stage| format!("knows stage `{stage}` by name"))).collect()
    }

    #[test]
    fn everything_up_to_the_engine_knows_no_stage() {
        let ranks = own_ranks();
        let mut files = modules("src/lib.rs");
        files.retain(|name, _| ranks.get(modules_of(name)[0]).is_some_and(|rank| *rank <= ranks[ENGINE]));
        hold(&files, |_, source| stages_known(source));
    }

    #[test]
    fn a_stage_known_by_path_or_by_name_is_noticed() {
        let stages_known = |text: &str| stages_known(&read(text));
        assert!(stages_known("use segpipe_stages::contract::{Note, Stage};\n// \"train\"\n").is_empty());
        assert_eq!(stages_known("use segpipe_stages::{contract, rfm::Rfm};"), ["names `segpipe_stages::rfm`"]);
        assert_eq!(stages_known("use segpipe_stages as all;"), ["names `segpipe_stages::everything`"]);
        assert_eq!(stages_known("fn go(name: &str) { if name == \"train\" {} }"), ["knows stage `train` by name"]);
    }

    fn words(source: &Source, unwanted: &[&str]) -> Vec<String> {
        unwanted.iter().filter(|word| source.words.contains(**word)).map(|word| format!("uses `{word}`")).collect()
    }

    fn prints(source: &Source) -> Vec<String> {
        let text = format!(" {}", source.text);
        let found = PRINTING.iter().filter(|print| text.contains(&format!(" {print} ")));
        found.map(|print| format!("prints by `{print}`")).collect()
    }

    #[test]
    fn stages_know_no_clock_terminal_network_or_engine() {
        hold(&modules("stages/lib.rs"), |_, source| words(source, &OUTSIDE));
    }

    #[test]
    fn only_reporters_and_the_printer_print() {
        let mut files = modules("src/lib.rs");
        files.append(&mut modules("src/main.rs"));
        files.append(&mut modules("stages/lib.rs"));
        files.retain(|name, _| !PRINTERS.iter().any(|printer| name.starts_with(printer)));
        hold(&files, |_, source| prints(source));
    }

    #[test]
    fn a_clock_is_noticed() {
        let words = |text: &str, unwanted: &[&str]| words(&read(text), unwanted);
        assert_eq!(words("use std::time::{Duration, SystemTime};", &OUTSIDE), ["uses `SystemTime`"]);
        assert_eq!(words("fn go() { jiff::Timestamp::now(); }", &OUTSIDE), ["uses `now`"]);
    }

    #[test]
    fn a_print_is_noticed() {
        let prints = |text: &str| prints(&read(text));
        assert_eq!(prints("fn go() { std::io::stderr().flush() }"), ["prints by `stderr ( )`"]);
        assert_eq!(prints("fn go() { println!(\"1\") }"), ["prints by `println !`"]);
        assert_eq!(prints("fn go() { hold!(eprint!()) }"), ["prints by `eprint !`"]);
        assert!(prints("fn go() { Failure::stdout(&error); printer.print() }").is_empty());
        assert!(prints("// println!\n#[cfg(test)] mod tests { fn go() { println!() } }").is_empty());
    }

    fn opening(text: &str) -> Vec<String> {
        let says = text.lines().next().and_then(|line| line.strip_prefix("//! ")).is_some_and(|rest| rest.len() > 10);
        if says { Vec::new() } else { vec!["does not open with `//!` and what it is for".to_owned()] }
    }

    #[test]
    fn every_file_opens_with_what_it_is_for() {
        for folder in ["src/", "stages/", "tests/"] {
            hold(&rust_files(folder), |_, text| opening(text));
        }
    }

    #[test]
    fn a_file_without_an_opening_is_noticed() {
        assert!(opening("//! Reads dates.\nfn go() {}").is_empty());
        assert_eq!(opening("fn go() {}").len(), 1);
        assert_eq!(opening("").len(), 1);
        assert_eq!(opening("//!\n").len(), 1);
    }

    /// Marks of unfinished work, switched-off tests, and places that only one machine has. Written in two halves, so
    /// that this file may be checked too.
    fn marks(text: &str) -> Vec<String> {
        let halves = [
            ("TO", "DO"),
            ("FIX", "ME"),
            ("todo", "!("),
            ("unimplemented", "!("),
            ("dbg", "!("),
            ("#[ign", "ore"),
            ("#[all", "ow("),
            ("To be ", "filled"),
            ("/ho", "me/"),
            ("/ro", "ot/"),
            ("/Use", "rs/"),
            ("/wo", "rk/"),
        ];
        let marks = halves.map(|(left, right)| format!("{left}{right}"));
        marks.into_iter().filter(|mark| text.contains(mark)).map(|mark| format!("says `{mark}`")).collect()
    }

    #[test]
    fn nothing_is_left_unfinished_switched_off_or_tied_to_a_machine() {
        let texts = files().into_iter().filter_map(|(name, path)| Some((name, fs::read_to_string(path).ok()?)));
        hold(&texts.collect(), |_, text: &String| marks(text));
    }

    #[test]
    fn an_unfinished_line_is_noticed() {
        assert_eq!(marks(&format!("// TO{}: later", "DO")).len(), 1);
        assert_eq!(marks(&format!("#[ign{}]\nfn test() {{}}", "ore")).len(), 1);
        assert!(marks("fn ignore() {} // a day's work/rest").is_empty());
    }
}
