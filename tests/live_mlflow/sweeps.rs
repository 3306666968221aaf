//! Sweeps: one run with a child per combination, whatever happened on the way, and no model.

use std::process::Stdio;
use std::time::Duration;

use segpipe::mlflow::{Destination, Patience, Scope, push};
use segpipe_stages::contract::Silent;
use serde_json::Value;

use crate::entries::Entries;
use crate::proxy::{Cut, Orders, Proxy};
use crate::servers::Server;
use crate::whole::Project;

const NOBODY: &str = "http://127.0.0.1:9";

#[test]
fn a_sweep_arrives_as_one_run_with_children_and_a_search_finds_the_best() {
    let server = Server::shared();
    let project = Project::new("swept");
    let sweep = ["sweep", "--set", "train.k=2..4", "--set", "train.scaling=standard,log", "-o", "ranking.csv"];
    assert!(project.well(NOBODY, &sweep).contains("7 runs wait"));
    project.well(&server.url, &["push"]);
    let table = std::fs::read_to_string(project.path("ranking.csv")).unwrap();
    let best = table.lines().nth(1).unwrap().split(',').nth(1).unwrap().to_owned();
    server.read_back(&["sweep", "swept", "6", &best]);
    // An equal sweep tells nothing, and what was delivered stays as it is.
    assert!(project.well(&server.url, &sweep).contains("this sweep was tracked before: http://"));
    assert!(project.well(&server.url, &["push", "--verify"]).contains("nothing waits"));
    server.read_back(&["sweep", "swept", "6", &best]);
    // A sweep that was deleted on the server is delivered anew, and its combinations belong to the new run.
    server.read_back(&["delete-parent", "swept"]);
    project.well(&server.url, &["push", "--verify"]);
    server.read_back(&["sweep", "swept", "6", &best]);
    let listed = project.listed(&["runs", "--json"]);
    let runs: Value = serde_json::from_str(&listed).unwrap();
    assert!(runs["runs"].as_array().unwrap().iter().all(|run| run["delivered"]["run_id"].is_string()), "{listed}");
}

#[test]
fn a_connection_cut_at_any_request_of_a_sweep_leaves_one_parent_and_one_child() {
    let server = Server::shared();
    let proxy = Proxy::before(server.port);
    let destination = Destination::resolve(Some(&proxy.url)).unwrap();
    let deliver = |entries: &Entries, cut: Option<(usize, Cut)>| {
        *proxy.orders() = Orders { cut, ..Default::default() };
        push(&entries.outbox(), &destination, &Patience::of_run(), Scope::Waiting, &Silent).unwrap().waiting()
    };
    let entries = Entries::new();
    entries.seal_sweep("sweep-never-cut", 1);
    assert_eq!(deliver(&entries, None), 0);
    let requests = proxy.orders().requests.clone();
    for (index, request) in requests.iter().enumerate().filter(|(_, request)| !request.starts_with("PUT")) {
        for (cut, name) in [(Cut::Before, "before"), (Cut::After, "after")] {
            let experiment = format!("sweep-cut-{name}-{index}");
            let entries = Entries::new();
            entries.seal_sweep(&experiment, 1);
            deliver(&entries, Some((index, cut)));
            assert_eq!(deliver(&entries, None), 0, "{request}");
        }
    }
    server.read_back(&["sweeps", "sweep-cut-", "1"]);
}

#[test]
fn a_push_of_a_sweep_killed_at_random_moments_leaves_one_parent_and_one_child_each() {
    let server = Server::shared();
    let entries = Entries::new();
    entries.seal_sweep("sweep-killed", 6);
    let mut kills = 0;
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let mut chance = u64::from(seed);
    while entries.outbox().entries().unwrap().len() > 1 && kills < 20 {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut push = entries.segpipe(&server.url, &["push"]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(30 + (chance >> 33) % 400));
        push.kill().unwrap();
        push.wait().unwrap();
        kills += 1;
    }
    let output = entries.segpipe(&server.url, &["push"]).output().unwrap();
    assert!(output.status.success(), "seed {seed}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(kills > 1, "seed {seed}");
    server.read_back(&["sweep", "sweep-killed", "6"]);
}
