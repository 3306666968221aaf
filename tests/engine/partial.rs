//! `--from`, `--to`, `--only`.

use std::fs;

use crate::fakes::{Project, damage};

#[test]
fn from_runs_nothing_upstream_and_brings_the_rest_up_to_date() {
    let mut project = Project::new();
    project.run();
    project.k = 5;
    project.select(Some("count"), None, None);
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:skipped count:ran draw:ran");
    assert_eq!(ran.reason("load"), "left out by `--from count`");
    assert_eq!(project.run_well(), "load:skipped count:cached draw:cached");
    project.options.is_forced = true;
    assert_eq!(project.run_well(), "load:skipped count:ran draw:ran");
}

#[test]
fn from_uses_an_edited_upstream_output_under_its_true_digest_and_says_so() {
    let mut project = Project::new();
    project.run();
    fs::write(project.path("artifacts/load/lines.parquet"), "one\ntwo\nthree\n").unwrap();
    project.select(Some("count"), None, None);
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:skipped count:ran draw:ran");
    let expected = "used as it is although not up to date: `load` (output `lines` was edited)";
    assert!(ran.notes().iter().any(|note| note == expected), "{:?}", ran.notes());
    assert_eq!(project.read("artifacts/count/number.parquet"), "30");
    assert_eq!(project.read("artifacts/load/lines.parquet"), "one\ntwo\nthree\n");
}

#[test]
fn a_plain_run_after_from_judges_everything_again() {
    let mut project = Project::new();
    project.run();
    fs::write(project.path("artifacts/load/lines.parquet"), "one\ntwo\nthree\n").unwrap();
    project.select(Some("count"), None, None);
    project.run();
    project.select(None, None, None);
    assert_eq!(project.run_well(), "load:restored count:restored draw:restored");
    assert_eq!(project.read("artifacts/count/number.parquet"), "20");
}

#[test]
fn from_says_that_a_source_changed_although_it_does_not_read_it() {
    let mut project = Project::new();
    project.run();
    project.write_source("one\n");
    project.select(Some("count"), None, None);
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:skipped count:cached draw:cached");
    assert!(ran.notes()[0].ends_with("`load` (source `source.txt` changed)"), "{:?}", ran.notes());
}

#[test]
fn from_restores_missing_upstream_outputs_from_their_last_record() {
    let mut project = Project::new();
    project.run();
    fs::remove_dir_all(project.path("artifacts/load")).unwrap();
    project.k = 5;
    project.select(Some("count"), None, None);
    assert_eq!(project.run_well(), "load:skipped count:ran draw:ran");
    assert_eq!(project.read("artifacts/load/lines.parquet"), "one\ntwo\n");
}

#[test]
fn from_without_upstream_outputs_names_the_stage_to_run_first() {
    let mut project = Project::new();
    project.select(Some("count"), None, None);
    let error = project.try_run().map(|_| ()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(
        error.to_string(),
        "`artifacts/load/lines.parquet` is not there, and `load` is left out by `--from count`"
    );
    assert_eq!(error.hint().as_deref(), Some("run `segpipe run --to load` first"));
}

#[test]
fn from_with_a_damaged_object_and_no_output_names_the_stage_to_run_first() {
    let mut project = Project::new();
    project.run();
    fs::remove_dir_all(project.path("artifacts/load")).unwrap();
    damage(&project.object("one\ntwo\n"), "damaged");
    project.select(Some("count"), None, None);
    assert_eq!(project.try_run().map(|_| ()).unwrap_err().exit_code(), 2);
}

#[test]
fn to_stops_after_the_stage_and_what_it_needs() {
    let mut project = Project::new();
    project.select(None, Some("count"), None);
    let ran = project.run();
    assert_eq!(ran.outcomes(), "draw:skipped load:ran count:ran");
    assert!(!project.path("artifacts/draw").exists());
}

#[test]
fn only_runs_one_stage_on_what_is_there() {
    let mut project = Project::new();
    project.run();
    project.k = 5;
    project.select(None, None, Some("count"));
    assert_eq!(project.run_well(), "load:skipped draw:skipped count:ran");
    assert_eq!(project.read("artifacts/draw/report.html"), "report on 20");
}

#[test]
fn from_and_to_together_select_what_lies_between() {
    let mut project = Project::new();
    project.run();
    project.select(Some("count"), Some("count"), None);
    assert_eq!(project.run_well(), "load:skipped draw:skipped count:cached");
}

#[test]
fn an_unknown_stage_is_refused_with_the_nearest_name() {
    let mut project = Project::new();
    project.select(Some("coutn"), None, None);
    let error = project.try_run().map(|_| ()).unwrap_err();
    assert_eq!((error.exit_code(), error.hint().as_deref()), (2, Some("did you mean `count`?")));
}

#[test]
fn expressions_select_by_name_pattern_and_tag_with_what_they_need_or_what_needs_them() {
    for (expressions, expected) in [
        (&["count"][..], "count"),
        (&["+count"], "load count"),
        (&["count+"], "count draw"),
        (&["+count+"], "load count draw"),
        (&["load", "draw"], "load draw"),
        (&["c*"], "count"),
        (&["[dl]*"], "load draw"),
        (&["{load,count}"], "load count"),
        (&["*oun?+"], "count draw"),
        (&["tag:light"], "count draw"),
        (&["tag:l*", "load"], "load count draw"),
        (&["+tag:light"], "load count draw"),
    ] {
        let mut project = Project::new();
        project.run();
        project.select_by(expressions);
        project.options.is_forced = true;
        let ran = project.run();
        let names: Vec<_> = ["load", "count", "draw"].into_iter().filter(|name| ran.has_run(name)).collect();
        assert_eq!(names.join(" "), expected, "{expressions:?}");
    }
}

#[test]
fn an_expression_that_means_no_stage_is_refused_with_the_nearest_name() {
    let mut project = Project::new();
    for (expression, message, hint) in [
        ("+cuont", "there is no stage `cuont` in this pipeline", Some("did you mean `count`?")),
        ("tag:ligt", "no stage has the tag `ligt`", Some("did you mean `light`?")),
        ("seg*", "no stage of this pipeline matches `seg*`", Some("`segpipe graph` lists the stages")),
        ("a[", "`a[` is no pattern: unclosed character class; missing ']'", None),
        ("", "`` is no pattern: it names nothing", None),
        ("+", "`+` is no pattern: it names nothing", None),
        ("tag:+", "`tag:+` is no pattern: it names nothing", None),
    ] {
        project.select_by(&["load", expression]);
        let error = project.try_run().unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint().as_deref()), (message, hint), "{expression}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn a_stage_left_out_between_selected_ones_is_told_of_where_the_run_overtakes_it() {
    let mut project = Project::new();
    project.run();
    project.select_by(&["load", "draw"]);
    let expected = "used as it is although not up to date: `count` (`load` is run without it)";
    let is_told = |notes: Vec<String>| notes.iter().any(|note| note == expected);
    assert!(!is_told(project.run().notes()));
    project.write_source("one\n");
    let ran = project.run();
    let outcomes: Vec<_> = ["load", "count", "draw"].map(|name| ran.stage(name).outcome.as_str()).into();
    assert_eq!(outcomes, ["ran", "skipped", "cached"]);
    assert!(is_told(ran.notes()), "{:?}", ran.notes());
}

#[test]
fn strict_does_not_begin_with_upstream_that_is_stale_or_edited() {
    let mut project = Project::new();
    project.run();
    project.options.is_strict = true;
    project.select_by(&["draw"]);
    assert_eq!(project.run_well(), "load:skipped count:skipped draw:cached");
    fs::write(project.path("artifacts/count/number.parquet"), "7").unwrap();
    let error = project.try_run().unwrap_err();
    assert_eq!(error.to_string(), "left out by `draw`, and not up to date: `count` (output `number` was edited)");
    assert_eq!((error.exit_code(), error.hint().is_some()), (1, true));
    assert_eq!(project.read("artifacts/count/number.parquet"), "7");
    project.k = 6;
    assert!(project.try_run().unwrap_err().to_string().contains("`count` (param `k`:"));
    project.options.is_strict = false;
    assert_eq!(project.run().outcomes(), "load:skipped count:skipped draw:ran");
}
