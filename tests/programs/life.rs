//! How programs live and die: never longer than segpipe, never longer than they may.

use std::time::{Duration, Instant};

use crate::process::Ended;
use crate::project::{Project, all_die, is_alive, send, wait_until};

/// A program with children in its group, in the background, and in a session of their own; their ids are in `pids`.
const FAMILY: &str = "
  work:
    run: |
      sleep 600 &
      first=$!
      setsid sleep 600 &
      second=$!
      (sleep 600 & echo $! > third)
      while [ ! -s third ]; do sleep 0.05; done
      echo $$ $PPID $first $second $(cat third) > pids.part
      mv pids.part pids
      wait
    outputs: []
";

#[test]
fn the_whole_family_dies_with_segpipe_even_where_it_is_killed() {
    let project = Project::new(FAMILY);
    let mut segpipe = project.start_until("pids");
    let pids = project.pids("pids");
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    segpipe.kill().unwrap();
    segpipe.wait().unwrap();
    all_die(&pids);
    std::fs::remove_file(project.path("pids")).unwrap();
    std::fs::remove_file(project.path("third")).unwrap();
    project.set_stages("  work:\n    run: 'true'\n    outputs: []\n");
    assert_eq!(project.run_well(), "work:ran", "the next run needs no flag");
}

#[test]
fn control_c_ends_the_family_and_leaves_a_clean_state() {
    for signal in ["INT", "TERM"] {
        let project = Project::new(FAMILY);
        let segpipe = project.start_until("pids");
        let pids = project.pids("pids");
        send(signal, segpipe.id());
        let ended = Ended::of(&segpipe.wait_with_output().unwrap());
        assert_eq!(ended.code, Some(130), "{}", ended.err);
        all_die(&pids);
        assert!(ended.err.contains("run again to go on"), "{}", ended.err);
        assert_eq!(std::fs::read_dir(project.path("artifacts/.segpipe/temporary")).unwrap().count(), 0);
    }
}

#[test]
fn a_second_signal_ends_everything_at_once() {
    let stubborn = "
  work:
    run: |
      trap '' TERM
      echo $$ $PPID > pids.part
      mv pids.part pids
      while true; do sleep 0.1; done
    outputs: []
";
    let project = Project::new(stubborn);
    let mut segpipe = project.start_until("pids");
    let pids = project.pids("pids");
    send("INT", segpipe.id());
    std::thread::sleep(Duration::from_millis(300));
    assert!(is_alive(pids[0]), "it has time to end by itself");
    send("INT", segpipe.id());
    segpipe.wait().unwrap();
    let began = Instant::now();
    all_die(&pids);
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_program_that_is_interrupted_may_tidy_up() {
    let tidy = "
  work:
    run: |
      trap 'echo tidied > tidied; exit 0' TERM
      echo $$ > pids
      while true; do sleep 0.05; done
    outputs: []
";
    let project = Project::new(tidy);
    let segpipe = project.start_until("pids");
    send("INT", segpipe.id());
    let ended = Ended::of(&segpipe.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    assert_eq!(project.read("tidied"), "tidied\n");
    assert_eq!(
        project.run(&["--dry-run"]).events[0]["state"],
        "stale",
        "it ended well, but it was not asked to be kept"
    );
}

#[test]
fn a_timeout_ends_the_whole_family_and_is_told() {
    let project = Project::new(&format!("{FAMILY}    timeout: 1s\n"));
    let began = Instant::now();
    let ran = project.run(&[]);
    let said = ran.badly(1);
    assert!(said.contains("took longer than its timeout of 1 s and was ended"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(20));
    all_die(&project.pids("pids"));
}

#[test]
fn a_program_that_does_not_listen_is_killed_after_a_while() {
    let deaf = "  work:\n    run: trap '' TERM; echo $$ > pids; while true; do sleep 0.1; done\n    timeout: 500ms\n    \
                outputs: []\n";
    let project = Project::new(deaf);
    project.run(&[]).badly(1);
    all_die(&project.pids("pids"));
}

#[test]
fn what_a_program_leaves_in_the_background_ends_with_its_stage() {
    let project = Project::new("  work:\n    run: sleep 600 & echo $! > pids\n    outputs: []\n");
    let began = Instant::now();
    assert_eq!(project.run_well(), "work:ran");
    assert!(began.elapsed() < Duration::from_secs(20), "the stage does not wait for it");
    all_die(&project.pids("pids"));
}

#[test]
fn a_guard_that_is_killed_takes_the_program_with_it_and_fails_the_stage() {
    let project = Project::new(FAMILY);
    let segpipe = project.start_until("pids");
    let pids = project.pids("pids");
    send("KILL", pids[1]);
    let ended = Ended::of(&segpipe.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("was ended from outside"), "{}", ended.err);
    wait_until("the death of the program and its group", || !is_alive(pids[0]) && !is_alive(pids[2]));
    // What is in a session of its own has no guard any more that could find it.
    for pid in pids.into_iter().filter(|pid| is_alive(*pid)) {
        send("KILL", pid);
    }
}

#[test]
fn a_stage_that_fails_is_run_again_as_often_as_its_retries_say() {
    let flaky = "
  work:
    run: |
      echo attempt >> attempts
      test $(wc -l < attempts) -ge 3
      test ! -e \"$SEGPIPE_OUTPUT_A\"
      echo well > \"$SEGPIPE_OUTPUT_A\"
    retries: {times: RETRIES, delay: 100ms}
    outputs: [a.txt]
";
    let project = Project::new(&flaky.replace("RETRIES", "2"));
    let ran = project.run(&[]);
    assert_eq!(ran.well(), "work:ran");
    let notes = ran.notes();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].ends_with("retry 1 of 2 in 0.1 s") && notes[1].ends_with("retry 2 of 2 in 0.2 s"), "{notes:?}");
    let project = Project::new(&flaky.replace("RETRIES", "1"));
    project.run(&[]).badly(1);
    assert_eq!(project.read("attempts").lines().count(), 2);
}

#[test]
fn an_interruption_is_no_failure_to_be_retried() {
    let project = Project::new(&format!("{FAMILY}    retries: {{times: 5, delay: 10ms}}\n"));
    let segpipe = project.start_until("pids");
    send("INT", segpipe.id());
    let ended = Ended::of(&segpipe.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    assert!(!ended.err.contains("retry"), "{}", ended.err);
}

#[test]
fn programs_run_side_by_side() {
    let meet = |own: &str, other: &str| {
        format!(
            "  {own}:\n    run: touch {own}; while [ ! -e {other} ]; do sleep 0.02; done\n    timeout: 30s\n    outputs: []\n"
        )
    };
    let project = Project::new(&(meet("one", "two") + &meet("two", "one")));
    assert_eq!(project.run(&["--jobs", "2"]).well(), "one:ran two:ran");
}
