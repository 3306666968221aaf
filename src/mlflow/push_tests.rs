//! Deliveries to the scripted server: what is left there, whatever happens on the way.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use segpipe_stages::contract::{RunStatus, Silent};
use serde_json::{Value, json};

use super::entry::{ENTRY, Entry, FILES};
use super::fixture;
use super::scripted::{Fault, Server};
use super::*;

/// An outbox with handmade entries, and a server.
struct Scene {
    folder: tempfile::TempDir,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), server: Server::start() }
    }

    fn outbox(&self) -> Outbox {
        Outbox::new(self.folder.path().to_owned())
    }

    /// Seals the fixture's entry with changes, under a name that sorts by `index`.
    fn seal(&self, index: usize, change: impl FnOnce(&mut Entry)) -> PathBuf {
        let mut entry = fixture::entry();
        entry.key = format!("{index:032}");
        for (path, content) in [("model/model.onnx", "onnx"), ("model/model.json", "{}"), ("plots/ä b.png", "png")] {
            let bytes = content.len() as u64;
            entry.artifacts.push(Artifact { path: path.to_owned(), digest: String::new(), bytes });
        }
        change(&mut entry);
        let folder = self.folder.path().join(format!("20111209T125000.{index:03}Z"));
        for artifact in &entry.artifacts {
            let path = folder.join(FILES).join(&artifact.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, vec![b'x'; artifact.bytes as usize]).unwrap();
        }
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(ENTRY), serde_json::to_vec(&entry).unwrap()).unwrap();
        folder
    }

    fn destination(&self) -> Destination {
        Destination::of(Some(&self.server.url), &|_| None).unwrap()
    }

    fn try_push(&self, patience: &Patience, scope: Scope) -> Result<Pushed, DeliveryError> {
        push(&self.outbox(), &self.destination(), patience, scope, &Silent)
    }

    fn push(&self) -> Pushed {
        self.try_push(&insistent(), Scope::Waiting).unwrap()
    }

    /// One complete run with one model and one version, and no more.
    fn assert_complete(&self, why: &str) {
        let kept = self.server.kept();
        assert_eq!(kept.active_runs().len(), 1, "{why}");
        let run = kept.active_runs()[0];
        assert_eq!(run["info"]["status"], "FINISHED", "{why}");
        assert_eq!(run["outputs"]["model_outputs"].as_array().unwrap().len(), 1, "{why}");
        let metrics = run["data"]["metrics"].as_array().unwrap();
        assert_eq!(metrics.iter().filter(|metric| metric["key"] == "silhouette").count(), 1, "{why}");
        let id = run["info"]["run_id"].as_str().unwrap();
        assert!(kept.files.contains_key(&format!("0/{id}/artifacts/plots/ä b.png")), "{why}: {:?}", kept.files.keys());
        let models: Vec<&Value> = kept.models.iter().filter(|model| model["info"]["source_run_id"] == id).collect();
        assert_eq!(models.len(), 1, "{why}");
        assert_eq!(models[0]["info"]["status"], "LOGGED_MODEL_READY", "{why}");
        assert_eq!(kept.versions.len(), 1, "{why}");
        assert_eq!(kept.versions[0]["model_id"], models[0]["info"]["model_id"], "{why}");
        assert_eq!(kept.aliases["champion"], "1", "{why}");
        assert_eq!(kept.aliases["challenger"], "1", "{why}");
    }
}

/// Retries without waiting.
fn insistent() -> Patience {
    Patience { pause: Duration::from_millis(1), request: Duration::from_secs(2), ..Patience::of_push() }
}

fn once() -> Patience {
    Patience { request: Duration::from_millis(500), ..Patience::of_run() }
}

fn another_model(entry: &mut Entry, identity: &str) {
    for fact in entry.record.iter_mut().flatten().filter(|fact| fact.key == "identity") {
        fact.text = Some(identity.to_owned());
    }
}

#[test]
fn an_entry_becomes_one_complete_run_and_a_second_push_asks_nothing() {
    let scene = Scene::new();
    let path = scene.seal(1, |_| ());
    let pushed = scene.push();
    assert_eq!((pushed.waiting(), pushed.tried.len()), (0, 1), "{:?}", pushed.error());
    scene.assert_complete("pushed");
    let receipt = Receipt::read(&path).unwrap().unwrap();
    let model = receipt.model.unwrap();
    assert!(model.is_champion && model.version == "1" && model.decision == "champion: `track.promote` is `always`");
    assert_eq!(receipt.url, format!("{}/#/experiments/0/runs/{}", scene.server.url, receipt.run_id));
    scene.server.script(|_, _| Fault::None);
    assert_eq!(scene.push().tried.len(), 0);
    assert_eq!(scene.server.kept().requests.len(), 0);
}

#[test]
fn whichever_request_is_cut_before_or_after_the_server_acted_the_next_push_completes_the_run() {
    let requests = {
        let scene = Scene::new();
        scene.seal(1, |_| ());
        scene.push();
        scene.server.kept().requests.clone()
    };
    assert!(requests.len() > 20, "{requests:?}");
    for (index, name) in requests.iter().enumerate() {
        for fault in [Fault::CutBefore, Fault::CutAfter, Fault::Half] {
            let scene = Scene::new();
            scene.seal(1, |_| ());
            let what = fault.clone();
            scene.server.script(move |at, _| if at == index { what.clone() } else { Fault::None });
            let first = scene.try_push(&once(), Scope::Waiting).unwrap();
            assert_eq!(first.waiting(), 1, "{name} {fault:?}");
            assert!(first.error().unwrap().is_passing(), "{:?}", first.error());
            assert_eq!(scene.push().waiting(), 0, "{name} {fault:?}");
            scene.assert_complete(&format!("{fault:?} at request {index}, {name}"));
        }
    }
}

#[test]
fn a_push_outlasts_a_fault_of_every_kind_at_every_kind_of_call() {
    let faults = [
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::Half,
        Fault::Answer(500, "content-type: text/html\r\n", "<html>Internal Server Error</html>"),
        Fault::Answer(503, "", ""),
        Fault::Answer(429, "retry-after: 0\r\n", "slow down"),
        Fault::Delay(Duration::from_millis(900)),
    ];
    for fault in faults {
        let scene = Scene::new();
        scene.seal(1, |_| ());
        let mut seen = Vec::new();
        let is_slow = matches!(fault, Fault::Delay(_));
        let (what, patience) = (fault.clone(), Patience { request: Duration::from_millis(700), ..insistent() });
        scene.server.script(move |_, name| {
            let kind = name.split(['/', '?']).skip(4).take(2).collect::<Vec<_>>().join("/");
            // Waiting at every call would take long and show no more.
            let is_due = !is_slow || name.contains("create");
            if seen.contains(&kind) || !is_due {
                return Fault::None;
            }
            seen.push(kind);
            what.clone()
        });
        let pushed = scene.try_push(&patience, Scope::Waiting).unwrap();
        assert_eq!(pushed.waiting(), 0, "{fault:?}: {:?}", pushed.error());
        scene.assert_complete(&format!("{fault:?}"));
    }
}

#[test]
fn a_server_asking_to_wait_is_left_alone_for_that_long() {
    let scene = Scene::new();
    scene.seal(1, |_| ());
    scene.server.script(|at, _| if at == 0 { Fault::Answer(429, "retry-after: 1\r\n", "") } else { Fault::None });
    let began = Instant::now();
    assert_eq!(scene.push().waiting(), 0);
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[test]
fn refusals_are_not_repeated_and_say_what_to_do() {
    let refusals = [
        (401, "", "", "wants to know who asks (401)", "MLFLOW_TRACKING_USERNAME"),
        (
            403,
            "",
            "Invalid Host header - possible DNS rebinding attack detected",
            "refuses requests under the name",
            "--allowed-hosts '127.0.0.1:",
        ),
        (403, "", "Permission denied", "does not permit `find the experiment` (403): Permission denied", "permission"),
        (
            302,
            "location: https://u:p@elsewhere/login\r\n",
            "",
            "redirects to https://elsewhere/login",
            "address it redirects to",
        ),
        (404, "content-type: text/html\r\n", "<html>", "is no MLflow server", "port"),
        (200, "", "<html>a router</html>", "is no MLflow server", "port"),
    ];
    for (status, headers, body, text, hint) in refusals {
        let scene = Scene::new();
        scene.seal(1, |_| ());
        scene.server.script(move |_, _| Fault::Answer(status, headers, body));
        let pushed = scene.push();
        let error = pushed.error().unwrap();
        assert!(error.to_string().contains(text), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{:?}", error.hint());
        assert_eq!(scene.server.kept().requests.len(), 1, "{error}");
    }
}

#[test]
fn nobody_at_the_address_is_given_up_at_once_and_what_waits_is_untouched() {
    let scene = Scene::new();
    scene.seal(1, |_| ());
    scene.seal(2, |_| ());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let destination = Destination::of(Some(&format!("http://{closed}")), &|_| None).unwrap();
    let began = Instant::now();
    let pushed = push(&scene.outbox(), &destination, &Patience::of_push(), Scope::Waiting, &Silent).unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!((pushed.waiting(), pushed.untried), (2, 1));
    assert_eq!(pushed.error().unwrap().to_string(), format!("no answer from http://{closed}"));
    assert_eq!(scene.outbox().entries().unwrap().len(), 2);
}

#[test]
fn a_try_after_a_run_ends_when_its_time_is_over() {
    let scene = Scene::new();
    scene.seal(1, |_| ());
    scene.server.script(|at, _| if at == 3 { Fault::Delay(Duration::from_mins(1)) } else { Fault::None });
    let patience = Patience { whole: Some(Duration::from_millis(600)), ..Patience::of_run() };
    let began = Instant::now();
    let pushed = scene.try_push(&patience, Scope::Waiting).unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(matches!(pushed.error(), Some(DeliveryError::TooSlow { .. })), "{:?}", pushed.error());
}

#[test]
fn an_equal_model_becomes_no_second_version_and_a_new_one_does() {
    let scene = Scene::new();
    scene.seal(1, |_| ());
    scene.seal(2, |_| ());
    scene.seal(3, |entry| another_model(entry, "another"));
    assert_eq!(scene.push().waiting(), 0);
    let kept = scene.server.kept();
    assert_eq!((kept.runs.len(), kept.models.len(), kept.versions.len()), (3, 2, 2));
    let linked = |run: usize| kept.runs[run]["outputs"]["model_outputs"][0]["model_id"].clone();
    assert_eq!(linked(0), linked(1));
    assert_ne!(linked(0), linked(2));
    assert_eq!((kept.aliases["champion"].as_str(), kept.aliases["challenger"].as_str()), ("2", "2"));
}

#[test]
fn going_back_moves_the_champion_without_a_run() {
    let scene = Scene::new();
    scene.seal(1, |_| ());
    scene.seal(2, |entry| another_model(entry, "another"));
    let path = scene.seal(3, |entry| {
        entry.is_return = true;
        entry.artifacts.clear();
    });
    assert_eq!(scene.push().waiting(), 0);
    let kept = scene.server.kept();
    assert_eq!((kept.runs.len(), kept.versions.len()), (2, 2));
    assert_eq!((kept.aliases["champion"].as_str(), kept.aliases["challenger"].as_str()), ("1", "2"));
    assert_eq!(Receipt::read(&path).unwrap().unwrap().run_id, kept.runs[0]["info"]["run_id"]);
}

#[test]
fn simulated_data_and_a_stale_upstream_move_no_alias() {
    let scene = Scene::new();
    scene.seal(1, |entry| entry.has_stale_upstream = true);
    let path = scene.seal(2, |entry| {
        another_model(entry, "simulated");
        for fact in entry.record.iter_mut().flatten().filter(|fact| fact.key == "data_source") {
            fact.text = Some("simulated".to_owned());
        }
    });
    assert_eq!(scene.push().waiting(), 0);
    assert_eq!(scene.server.kept().versions.len(), 2);
    assert!(scene.server.kept().aliases.is_empty());
    let model = Receipt::read(&path).unwrap().unwrap().model.unwrap();
    assert_eq!((model.is_champion, model.decision.as_str()), (false, "not champion: the data is simulated"));
}

#[test]
fn failed_runs_and_runs_without_a_result_arrive_without_a_version() {
    let scene = Scene::new();
    scene.seal(1, |entry| entry.status = RunStatus::Failed);
    scene.seal(2, |entry| {
        entry.status = RunStatus::Killed;
        entry.record = None;
    });
    assert_eq!(scene.push().waiting(), 0);
    let kept = scene.server.kept();
    let statuses: Vec<&Value> = kept.runs.iter().map(|run| &run["info"]["status"]).collect();
    assert_eq!(statuses, [&json!("FAILED"), &json!("KILLED")]);
    assert_eq!((kept.models.len(), kept.versions.len()), (0, 0));
}

#[test]
fn a_run_deleted_on_the_server_is_delivered_again_by_verify_and_moves_no_alias_back() {
    let scene = Scene::new();
    scene.seal(1, |_| ());
    scene.seal(2, |entry| another_model(entry, "another"));
    scene.push();
    scene.server.kept().runs[0]["info"]["lifecycle_stage"] = json!("deleted");
    assert_eq!(scene.push().tried.len(), 0, "a plain push does not look");
    let pushed = scene.try_push(&insistent(), Scope::Everything).unwrap();
    assert_eq!((pushed.tried.len(), pushed.waiting()), (1, 0));
    let kept = scene.server.kept();
    assert_eq!((kept.active_runs().len(), kept.versions.len()), (2, 2));
    assert_eq!(kept.aliases["champion"], "2");
}

#[test]
fn a_damaged_entry_waits_on_and_does_not_hold_up_the_others() {
    let scene = Scene::new();
    let damaged = scene.seal(1, |_| ());
    std::fs::write(damaged.join(ENTRY), "{").unwrap();
    scene.seal(2, |_| ());
    let pushed = scene.push();
    assert_eq!((pushed.waiting(), pushed.delivered().count()), (1, 1));
    assert!(matches!(pushed.error(), Some(DeliveryError::Entry(_))));
}

#[test]
fn an_entry_that_always_fails_does_not_hold_up_the_others_but_a_server_that_does_is_left_alone() {
    let scene = Scene::new();
    for index in 1..6 {
        scene.seal(index, |_| ());
    }
    scene.server.script(|_, name| if name.contains("/r1/artifacts/plots") { Fault::CutBefore } else { Fault::None });
    let pushed = scene.push();
    assert_eq!((pushed.waiting(), pushed.delivered().count()), (1, 4));
    assert!(scene.outbox().entries().unwrap()[0].path.ends_with("20111209T125000.001Z"));
    let scene = Scene::new();
    for index in 1..6 {
        scene.seal(index, |_| ());
    }
    scene.server.script(|_, _| Fault::Answer(503, "", ""));
    let pushed = scene.push();
    assert_eq!((pushed.tried.len(), pushed.untried), (3, 2));
}

#[test]
fn two_pushers_take_turns() {
    let scene = Scene::new();
    for index in 0..4 {
        scene.seal(index, |_| ());
    }
    let delivered: usize = std::thread::scope(|scope| {
        let push = || scene.push().tried.len();
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(push)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(delivered, 4);
    let kept = scene.server.kept();
    assert_eq!((kept.runs.len(), kept.versions.len()), (4, 1));
}

#[test]
fn credentials_are_sent_and_written_nowhere() {
    let scene = Scene::new();
    let path = scene.seal(1, |_| ());
    let variables = |name: &str| match name {
        "MLFLOW_TRACKING_USERNAME" => Some("ana".to_owned()),
        "MLFLOW_TRACKING_PASSWORD" => Some("s3cret".to_owned()),
        _ => None,
    };
    let destination = Destination::of(Some(&scene.server.url), &variables).unwrap();
    push(&scene.outbox(), &destination, &insistent(), Scope::Waiting, &Silent).unwrap();
    assert_eq!(scene.server.kept().authorization.as_deref(), Some("Basic YW5hOnMzY3JldA=="));
    let receipt = std::fs::read_to_string(path.join(RECEIPT)).unwrap();
    assert!(!receipt.contains("s3cret") && !receipt.contains("ana"));
    let token = |name: &str| (name == "MLFLOW_TRACKING_TOKEN").then(|| "t0ken".to_owned());
    scene.seal(2, |_| ());
    let destination = Destination::of(Some(&scene.server.url), &token).unwrap();
    push(&scene.outbox(), &destination, &insistent(), Scope::Waiting, &Silent).unwrap();
    assert_eq!(scene.server.kept().authorization.as_deref(), Some("Bearer t0ken"));
    scene.seal(3, |_| ());
    let with_user_info = scene.server.url.replace("http://", "http://ana:s3cret@");
    let destination = Destination::of(Some(&with_user_info), &|_| None).unwrap();
    push(&scene.outbox(), &destination, &insistent(), Scope::Waiting, &Silent).unwrap();
    assert_eq!(scene.server.kept().authorization.as_deref(), Some("Basic YW5hOnMzY3JldA=="));
}
