//! Programs between the built-in stages.

use super::support::Project;

const PROGRAM: &str = "  pass:
    run: cp \"$SEGPIPE_INPUT_TABLE\" \"$SEGPIPE_OUTPUT_CUSTOMERS\"
    inputs: {table: rfm.customers}
    params: {remark: none}
    outputs: [customers]
  train:
    inputs: {customers: pass.customers}
";

fn with_program(project: &Project) {
    project.edit("  train:\n    params", &format!("{PROGRAM}    params"));
}

#[test]
fn a_program_that_hands_on_what_it_reads_changes_no_result() {
    let project = Project::finished();
    let before = project.run_well(&[]).digests();
    with_program(&project);
    let ran = project.run_well(&[]);
    assert_eq!((&ran.stage("pass")["outcome"], &ran.stage("train")["outcome"]), (&"ran".into(), &"cached".into()));
    assert_eq!(ran.stage("pass")["headline"], format!("customers: {} rows", before_rows(&project)));
    let after = ran.digests();
    assert_eq!(after["pass.customers"], before["rfm.customers"]);
    assert!(before.iter().all(|(name, digest)| after[name] == *digest));
    let status = project.call_well(&["status"]);
    assert!(status.contains("fresh  pass"), "{status}");
    let graph = project.call_well(&["graph"]);
    assert!(graph.contains("pass        ← rfm.customers"), "{graph}");
    assert!(project.call_well(&["check"]).is_empty());
}

fn before_rows(project: &Project) -> u64 {
    project.run_well(&[]).stage("rfm")["outputs"]["customers"]["rows"].as_u64().unwrap()
}

#[test]
fn a_table_that_does_not_fit_is_named_by_its_place_with_the_column() {
    let project = Project::finished();
    with_program(&project);
    project.edit("{table: rfm.customers}", "{table: validate.report}");
    let said = project.fail(1, &["run"]);
    assert!(said.contains("`artifacts/pass/customers.parquet` is not the table expected"), "{said}");
    assert!(said.contains("column `customer_id` should be Utf8, found nothing"), "{said}");
    assert!(said.contains("`stages/README.md` lists"), "{said}");
}

#[test]
fn a_sweep_over_a_programs_param_runs_it_in_the_store_alone() {
    let project = Project::finished();
    with_program(&project);
    let said = project.call(&["sweep", "--set", "pass.remark=one,two"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    assert!(!project.path("artifacts/pass").exists());
}

#[test]
fn diff_tells_which_command_changed() {
    let project = Project::finished();
    with_program(&project);
    project.run_well(&[]);
    project.edit("run: cp ", "run: cp -f ");
    project.run_well(&[]);
    let said = project.call_well(&["diff", "latest~1", "latest"]);
    assert!(said.contains("command: cp "), "{said}");
}
