//! Stages that are there several times, and stages that wait for room.

use crate::project::Project;

#[test]
fn a_stage_per_item_and_one_that_reads_them_all() {
    let stages = "
  greet:
    foreach: [Ana, Bo]
    run: echo \"hello ${item}\" > \"$SEGPIPE_OUTPUT_TEXT\"
    outputs: [text.txt]
  all:
    run: cat \"$SEGPIPE_INPUT_TEXT_ANA\" \"$SEGPIPE_INPUT_TEXT_BO\" > \"$SEGPIPE_OUTPUT_ALL\"
    inputs: [greet@*.text]
    outputs: [all.txt]
";
    let project = Project::new(stages);
    assert_eq!(project.run_well(), "all:ran greet@ana:ran greet@bo:ran");
    assert_eq!(project.read("artifacts/all/all.txt"), "hello Ana\nhello Bo\n");
    assert_eq!(project.read("artifacts/greet@bo/text.txt"), "hello Bo\n");
    project.set_stages(&stages.replace("[Ana, Bo]", "[Bo, Ana]"));
    assert_eq!(project.run_well(), "all:cached greet@ana:cached greet@bo:cached");
    let only = project.run(&["--only", "greet@bo", "--force"]);
    assert_eq!(only.well(), "all:skipped greet@ana:skipped greet@bo:ran");
}

#[test]
fn of_many_stages_that_are_ready_together_only_those_run_that_something_changed_for() {
    let stages = |items: &str| {
        format!(
            "
  greet:
    foreach: {items}
    run: printf x >> ran; echo \"hello ${{item}}\" > \"$SEGPIPE_OUTPUT_TEXT\"
    outputs: [text.txt]
"
        )
    };
    let items: Vec<String> = (0..50).map(|number| format!("n{number}")).collect();
    let all = |outcome: &str, changed: &[(&str, &str)]| {
        let outcome = |item: &String| changed.iter().find(|(name, _)| name == item).map_or(outcome, |(_, one)| *one);
        let mut told: Vec<String> = items.iter().map(|item| format!("greet@{item}:{}", outcome(item))).collect();
        told.sort();
        told.join(" ")
    };
    let list = format!("[{}]", items.join(", "));
    let project = Project::new(&stages(&list));
    assert_eq!(project.run_well(), all("ran", &[]));
    assert_eq!(project.run_well(), all("cached", &[]));
    project.write("artifacts/greet@n7/text.txt", "edited");
    std::fs::remove_file(project.path("artifacts/greet@n30/text.txt")).unwrap();
    assert_eq!(project.run_well(), all("cached", &[("n7", "restored"), ("n30", "restored")]));
    assert_eq!(project.read("ran").len(), 50);
    let pairs: Vec<String> = items.iter().map(|item| format!("{item}: {item}")).collect();
    project.set_stages(&stages(&format!("{{{}}}", pairs.join(", ").replace("n9: n9", "n9: other"))));
    assert_eq!(project.run_well(), all("cached", &[("n9", "ran")]));
    assert_eq!(project.read("artifacts/greet@n9/text.txt"), "hello other\n");
}

#[test]
fn after_the_first_run_of_a_long_pipeline_the_next_one_finds_its_tree_and_its_outputs_known() {
    let stage = |number: u32| {
        let run = format!("run: echo {number} > \"$SEGPIPE_OUTPUT_TEXT\" # {}", "-".repeat(80));
        format!("  s{number}:\n    {run}\n    outputs: [text.txt]\n")
    };
    let project = Project::new(&(0..150).map(stage).collect::<String>());
    project.run_well();
    assert!(project.path("artifacts/.segpipe/pipeline").is_file());
    let remembered = project.read("artifacts/.segpipe/remembered.json").matches("text.txt").count();
    // All but those that were placed a moment before the end.
    assert!(remembered > 75, "{remembered}");
    assert!(!project.run_well().contains("ran"));
}

/// Programs that fail where another one of them runs at the same time.
fn alone(name: &str, resources: &str) -> String {
    format!("  {name}:\n    run: mkdir busy; sleep 0.3; rmdir busy\n    resources: {resources}\n    outputs: []\n")
}

#[test]
fn stages_with_a_mutex_in_common_never_run_at_once() {
    let stages = ["a", "b", "c"].map(|name| alone(name, "{mutex: folder}")).concat();
    assert_eq!(Project::new(&stages).run(&["--jobs", "4"]).well(), "a:ran b:ran c:ran");
}

#[test]
fn stages_wait_for_processors_and_for_what_the_pipeline_names() {
    for resources in ["{cpu: 3}", "{gpu: 1}", "{memory: 3GB}"] {
        let stages = ["a", "b"].map(|name| alone(name, resources)).concat();
        let project = Project::new("");
        project.write("pipeline.yaml", &format!("resources: {{cpu: 4, gpu: 1, memory: 4GB}}\nstages:\n{stages}"));
        assert_eq!(project.run(&["--jobs", "4"]).well(), "a:ran b:ran", "{resources}");
    }
}

#[test]
fn a_stage_that_wants_more_than_there_is_runs_alone() {
    let stages = alone("a", "{cpu: 1000, memory: 900TB}") + &alone("b", "{}");
    assert_eq!(Project::new(&stages).run(&["--jobs", "2"]).well(), "a:ran b:ran");
}
