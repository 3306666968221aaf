//! Concurrency: stages within a run, and runs within a project.

use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::time::Duration;

use segpipe::event::Event;
use segpipe_stages::contract::{Fault, StageError};

use crate::fakes::Project;

#[test]
fn any_number_of_jobs_and_threads_gives_the_same_bytes() {
    let outputs = |jobs: usize, threads: usize| {
        let mut project = Project::new();
        project.options.jobs = NonZeroUsize::new(jobs);
        project.options.threads = NonZeroUsize::new(threads);
        project.run();
        (project.outputs(), std::fs::read(project.path("pipeline.lock")).unwrap())
    };
    let one = outputs(1, 1);
    assert_eq!(outputs(8, 2), one);
}

#[test]
fn what_a_stage_computed_is_read_while_it_is_put_at_its_place_and_told_in_order_all_the_same() {
    let project = Project::new();
    // 32 MB are copied and made durable in far more time than the next stage needs to begin.
    project.write_source(&"a line of the source\n".repeat(1_600_000));
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:ran count:ran draw:ran");
    let position = |wanted: fn(&Event) -> bool| ran.events.iter().position(wanted).unwrap();
    let begun = position(|event| matches!(event, Event::StageStarted { stage, .. } if stage == "count"));
    let placed = position(|event| matches!(event, Event::StageFinished(finished) if finished.stage == "load"));
    assert!(begun < placed, "{:?}", ran.events);
    assert_eq!(project.read("artifacts/count/number.parquet"), "16000000");
}

#[test]
fn a_second_run_waits_for_the_first_says_for_whom_and_finds_its_results() {
    let project = Project::new();
    let (entered, has_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new((entered, may_leave));
    project.load.before(move |_| {
        let gate = gate.lock().unwrap();
        gate.0.send(()).unwrap();
        gate.1.recv_timeout(Duration::from_secs(20)).unwrap();
        Ok(())
    });
    std::thread::scope(|scope| {
        let first = scope.spawn(|| project.run().outcomes());
        has_entered.recv_timeout(Duration::from_secs(20)).unwrap();
        let second = scope.spawn(|| project.run());
        std::thread::sleep(Duration::from_millis(200));
        assert!(!second.is_finished());
        leave.send(()).unwrap();
        assert_eq!(first.join().unwrap(), "load:ran count:ran draw:ran");
        let second = second.join().unwrap();
        assert_eq!(second.outcomes(), "load:cached count:cached draw:cached");
        let pid = Some(std::process::id());
        assert!(matches!(&second.events[0], Event::Waiting { pid: found, since: Some(_) } if *found == pid));
    });
}

#[test]
fn a_run_that_may_not_wait_is_refused_at_once() {
    let mut project = Project::new();
    let (entered, has_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new((entered, may_leave));
    project.load.before(move |_| {
        let gate = gate.lock().unwrap();
        gate.0.send(()).unwrap();
        gate.1.recv_timeout(Duration::from_secs(20)).unwrap();
        Ok(())
    });
    project.options.refuses_to_wait = true;
    std::thread::scope(|scope| {
        let first = scope.spawn(|| project.run().outcomes());
        has_entered.recv_timeout(Duration::from_secs(20)).unwrap();
        let error = project.try_run().map(|_| ()).unwrap_err();
        leave.send(()).unwrap();
        assert_eq!(error.exit_code(), 4);
        assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
        first.join().unwrap();
    });
}

#[test]
fn after_a_failure_nothing_new_is_started() {
    let mut project = Project::new();
    project.add_audit();
    project.options.jobs = NonZeroUsize::new(1);
    project.count.before(|_| Err(StageError::new(Fault::Stage, "no")));
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:ran count:failed draw:skipped audit:skipped");
    assert_eq!(ran.reason("audit"), "stopped after `count` failed");
}

#[test]
fn with_keep_going_what_does_not_need_the_failed_stage_still_runs() {
    let mut project = Project::new();
    project.add_audit();
    project.options.jobs = NonZeroUsize::new(1);
    project.options.keeps_going = true;
    project.count.before(|_| Err(StageError::new(Fault::Stage, "no")));
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:ran count:failed draw:skipped audit:ran");
    assert_eq!(ran.reason("draw"), "needs `count`");
    assert_eq!(ran.report.finished.exit_code, 1);
}

#[test]
fn stages_that_do_not_need_each_other_run_at_once() {
    let mut project = Project::new();
    project.add_audit();
    project.options.jobs = NonZeroUsize::new(2);
    let barrier = std::sync::Arc::new(std::sync::Barrier::new(2));
    for fake in [project.count, project.audit.unwrap()] {
        let barrier = std::sync::Arc::clone(&barrier);
        fake.before(move |_| {
            barrier.wait();
            Ok(())
        });
    }
    project.run_well();
}
