//! Runs whose tracking server is not there. What is delivered to one that is there is for the live tests.

use super::support::Project;

/// Lines of stderr about a delivery that did not take place.
fn undelivered(errors: &str) -> Vec<&str> {
    errors.lines().filter(|line| line.contains("not tracked yet")).collect()
}

#[test]
fn without_a_server_a_run_goes_well_says_so_in_one_line_and_waits() {
    let project = Project::finished();
    let said = project.call(&["run", "--set", "train.k=5"]);
    assert_eq!(said.code, 0);
    let lines = undelivered(&said.errors);
    assert_eq!(lines.len(), 1, "{}", said.errors);
    let expected = "warning: not tracked yet: no answer from http://127.0.0.1:9 (Connection refused";
    assert!(lines[0].starts_with(expected) && lines[0].ends_with("for `segpipe push`"), "{}", lines[0]);
    assert!(lines[0].contains("2 runs wait in `artifacts/.outbox`"), "the first run waits too: {}", lines[0]);
}

#[test]
fn a_run_with_nothing_to_do_asks_no_server_and_going_back_does() {
    let project = Project::finished();
    project.run_well(&["--set", "train.k=5"]);
    let back = project.call(&["run"]);
    assert_eq!((back.code, undelivered(&back.errors).len()), (0, 1), "{}", back.errors);
    assert_eq!(undelivered(&project.call(&["run"]).errors), Vec::<&str>::new());
}

#[test]
fn where_tracking_is_required_a_run_that_is_not_delivered_ends_with_5_and_says_so_last() {
    let project = Project::finished();
    let ran = project.run(&["--set", "track.required=true", "--set", "train.k=5"]);
    assert_eq!(ran.said.code, 5, "{}", ran.said.errors);
    assert!(ran.said.errors.contains("error: the run could not be delivered, and `track.required` is set"));
    assert!(ran.said.errors.contains("hint: start the server"), "{}", ran.said.errors);
    let last = ran.events.last().unwrap();
    assert_eq!((&last["event"], &last["ok"], &last["exit_code"]), (&"run_finished".into(), &false.into(), &5.into()));
    assert_eq!(ran.events.iter().filter(|event| event["event"] == "run_finished").count(), 1);
}

#[test]
fn a_push_that_reaches_nobody_ends_with_5_and_keeps_what_waits() {
    let project = Project::finished();
    let errors = project.fail(5, &["push"]);
    assert!(
        errors.starts_with("error: 1 run waits in `artifacts/.outbox`: no answer from http://127.0.0.1:9"),
        "{errors}"
    );
    assert!(errors.contains("caused by: ") && errors.contains("hint: "), "{errors}");
    assert_eq!(project.fail(5, &["push", "--verify"]).lines().next(), errors.lines().next());
    assert!(Project::new().call(&["push"]).errors.contains("nothing waits to be delivered"));
}

#[test]
fn an_address_that_is_no_server_is_refused_before_anything_is_sent() {
    let project = Project::finished();
    let said = super::support::Said::of(project.command(&["push"]).env("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db"));
    assert_eq!(said.code, 5);
    assert!(said.errors.starts_with("error: `sqlite:///mlflow.db` is not the address of an MLflow server"));
    assert!(said.errors.contains("hint: segpipe talks to a server: start `mlflow server`"), "{}", said.errors);
}
