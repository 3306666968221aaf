//! Long pipelines, whose tree is kept between commands.

use super::*;

/// A program per stage, each of which says its number.
fn long() -> Project {
    let stage = |number: u32| {
        let comment = "-".repeat(60);
        format!(
            "  s{number}: # {comment}\n    run: [echo, {number}]\n    deps: [script.py]\n    outputs: [o{number}]\n"
        )
    };
    let project = Project::new(format!("name: long\nstages:\n{}", (0..200).map(stage).collect::<String>()));
    std::fs::write(project.0.path().join("script.py"), "").unwrap();
    project
}

fn read_twice(project: &Project, overrides: &Overrides) -> [Pipeline; 2] {
    let first = project.read(overrides).unwrap();
    assert!(project.0.path().join("kept").exists());
    [first, project.read(overrides).unwrap()]
}

#[test]
fn a_pipeline_that_was_kept_is_the_one_that_was_read() {
    let project = long();
    let [first, second] = read_twice(&project, &Overrides::default());
    assert_eq!(facts(&first), facts(&second));
    let programs =
        |pipeline: &Pipeline| pipeline.stages.iter().map(|stage| stage.stage.determinants()).collect::<Vec<_>>();
    assert_eq!(programs(&first), programs(&second));
}

#[test]
fn what_is_wrong_with_a_pipeline_that_was_kept_is_told_with_its_place() {
    let project = long();
    read_twice(&project, &Overrides::default());
    std::fs::remove_file(project.0.path().join("script.py")).unwrap();
    let refused = project.refusal(&Overrides::default());
    assert!(refused.starts_with("pipeline.yaml:5:12: unknown file `script.py` in `deps` of stage `s0`"), "{refused}");
}

#[test]
fn a_pipeline_that_was_edited_is_read_anew() {
    let project = long();
    read_twice(&project, &Overrides::default());
    let text = std::fs::read_to_string(project.file()).unwrap();
    std::fs::write(project.file(), text.replace("name: long", "name: edit")).unwrap();
    assert_eq!(project.read(&Overrides::default()).unwrap().name, "edit");
}
