//! `segpipe run --watch`: what makes it run again, and what does not.

use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::project::{Project, send, wait_until};

/// Longer than it takes to hear of a save and to look.
const A_WHILE: Duration = Duration::from_millis(500);

struct Watching {
    project: Project,
    segpipe: Child,
}

impl Watching {
    fn new(project: Project, arguments: &[&str]) -> Self {
        let said = File::create(project.path("said")).unwrap();
        let mut command = project.command(&[&["run", "--watch"], arguments].concat());
        let segpipe = command.stdout(Stdio::null()).stderr(said).spawn().unwrap();
        Self { project, segpipe }
    }

    fn said(&self) -> String {
        self.project.read("said")
    }

    /// Waits until that many runs are over.
    fn wait_for_runs(&self, count: usize) {
        wait_until("the end of a run", || self.said().matches("watching for saved files").count() == count);
    }

    fn shows(&self, path: &str, text: &str) -> bool {
        fs::read_to_string(self.project.path(path)).is_ok_and(|found| found == text)
    }

    fn wait_to_show(&self, path: &str, text: &str) {
        wait_until(path, || self.shows(path, text));
    }

    fn end(mut self) {
        send("INT", self.segpipe.id());
        let code = self.segpipe.wait().unwrap().code();
        assert_eq!(code, Some(0), "nothing was interrupted: {}", self.said());
    }
}

/// A test that fails leaves nobody watching.
impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.segpipe.kill();
        let _ = self.segpipe.wait();
    }
}

fn copying(from: &str) -> String {
    format!("  copy:\n    run: cp {from} $SEGPIPE_OUTPUT_O\n    deps: [{from}]\n    outputs: {{o: out.txt}}\n")
}

#[test]
fn a_saved_file_that_a_stage_reads_makes_it_run_again_and_other_files_do_not() {
    let project = Project::new(&copying("in.txt"));
    project.write("in.txt", "one");
    let watching = Watching::new(project, &[]);
    watching.wait_for_runs(1);
    assert!(watching.shows("out.txt", "one"));
    watching.project.write("other.txt", "nobody reads it");
    sleep(A_WHILE);
    watching.wait_for_runs(1);
    watching.project.write("in.txt", "two");
    watching.wait_to_show("out.txt", "two");
    watching.wait_for_runs(2);
    watching.end();
}

#[test]
fn a_pipeline_file_that_is_wrong_is_said_to_be_and_the_save_that_mends_it_runs() {
    let project = Project::new(&copying("in.txt"));
    project.write("in.txt", "one");
    project.write("else.txt", "three");
    let watching = Watching::new(project, &[]);
    watching.wait_for_runs(1);
    watching.project.set_stages("  copy:\n    rum: true\n");
    watching.wait_for_runs(2);
    assert!(watching.said().contains("error:"), "{}", watching.said());
    watching.project.set_stages(&copying("else.txt"));
    watching.wait_to_show("out.txt", "three");
    watching.wait_for_runs(3);
    watching.end();
}

#[test]
fn a_file_that_is_missing_is_waited_for_even_where_its_folder_is_missing_too() {
    let watching = Watching::new(Project::new(&copying("in/new/a.txt")), &[]);
    watching.wait_for_runs(1);
    assert!(watching.said().contains("in/new/a.txt"), "{}", watching.said());
    fs::create_dir(watching.project.path("in")).unwrap();
    sleep(A_WHILE);
    watching.project.write("in/new/a.txt", "at last");
    watching.wait_to_show("out.txt", "at last");
    watching.wait_for_runs(2);
    watching.end();
}

#[test]
fn a_file_saved_while_a_run_goes_on_makes_another_run() {
    let stages = "
  slow:
    run: |
      cat in.txt > $SEGPIPE_OUTPUT_O
      echo began > began
      while [ -e wait ]; do sleep 0.05; done
    deps: [in.txt]
    outputs: {o: out.txt}
  after:
    run: cp later.txt $SEGPIPE_OUTPUT_O
    deps: [later.txt]
    inputs: [slow.o]
    outputs: {o: after.txt}
";
    let project = Project::new(stages);
    project.write("in.txt", "one");
    project.write("later.txt", "later");
    project.write("wait", "");
    let watching = Watching::new(project, &["--jobs", "1"]);
    watching.project.wait_for("began");
    watching.project.set_stages(&stages.replace("later.txt", "in.txt"));
    fs::remove_file(watching.project.path("wait")).unwrap();
    watching.wait_for_runs(2);
    assert!(watching.shows("after.txt", "one"));
    watching.end();
}

#[test]
fn control_c_in_the_midst_of_a_run_ends_it_as_interrupted() {
    let stages = "  slow:\n    run: 'echo began > began; sleep 600'\n    outputs: []\n";
    let mut watching = Watching::new(Project::new(stages), &[]);
    watching.project.wait_for("began");
    send("INT", watching.segpipe.id());
    assert_eq!(watching.segpipe.wait().unwrap().code(), Some(130), "{}", watching.said());
}
