//! `segpipe cache`: stats, verify, gc; what is about other machines is in `shared`.
//!
//! For: what is said of the cache, and the exit code. Not for: looking at it or removing anything (`cache`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use segpipe_stages::contract::Fault;
use segpipe_stages::numerals::counted;
use serde_json::json;

use super::args::{CacheCommand, CacheGcArguments, CacheStatsArguments, CacheVerifyArguments, Overriding};
use super::failure::{self, Failure};
use super::printer::Printer;
use super::project::Surroundings;
use super::tracking::Tracking;
use super::units::shown;
use super::{Ending, diff, runs, shared};
use crate::cache::{self, Collected, Pinned, Policy, Stats, Verified};
use crate::digest::Digest;
use crate::engine;
use crate::history::{Committed, LocalRun};
use crate::lock::Lock;
use crate::report::Task;
use crate::spec::pipeline::Pipeline;
use crate::store::holder::{Holder, Holding};
use crate::store::{Store, StoreError};

/// Does what `command` says.
pub(super) fn cache(around: &Surroundings, command: &CacheCommand) -> Ending {
    let open = || around.open(&Overriding::default()).map(|pipeline| (Store::new(&pipeline.directory), pipeline));
    match command {
        CacheCommand::Stats(arguments) => stats(&open()?.0, arguments),
        CacheCommand::Verify(arguments) => verify(around, &open()?.0, arguments),
        CacheCommand::Gc(arguments) => {
            let (store, pipeline) = open()?;
            gc(around, &pipeline, &store, arguments)
        }
        CacheCommand::Push(arguments) => shared::push(around, arguments),
        CacheCommand::Keygen => shared::keygen(around.printer),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed over by `map_err`")]
fn of_store(error: StoreError) -> Failure {
    failure::of_fault(&error)
}

/// Takes the project, so that no run goes on meanwhile.
pub(super) fn hold(around: &Surroundings, store: &Store, may_wait: bool) -> Result<Holding, Failure> {
    let printer = around.printer;
    let say = |holder: &Holder| {
        let pid = holder.pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
        printer.say(&format!("waiting for the run that holds this project (process {pid})"));
    };
    store.prepare().map_err(of_store)?;
    store.hold(may_wait, say).map_err(of_store)
}

fn stats(store: &Store, arguments: &CacheStatsArguments) -> Ending {
    let stats = cache::stats(store).map_err(of_store)?;
    Printer::lines(&[if arguments.json { stats_object(&stats).to_string() } else { stats_text(&stats) }])?;
    Ok(0)
}

fn stats_text(stats: &Stats) -> String {
    let damaged = match stats.damaged_records {
        0 => String::new(),
        count => format!(", and {} that cannot be read", counted(count as u64, "record")),
    };
    let line = |what: &str, objects: usize, bytes: u64| {
        format!("{what:<13}{:>14}  {}", counted(objects as u64, "object"), shown(bytes))
    };
    [
        format!("{:<13}{}{damaged}", "records", counted(stats.records as u64, "result")),
        line("objects", stats.objects, stats.bytes),
        line("  current", stats.current_objects, stats.current_bytes),
        line("  unneeded", stats.unreachable_objects, stats.unreachable_bytes),
    ]
    .join("\n")
}

fn stats_object(stats: &Stats) -> serde_json::Value {
    json!({
        "records": stats.records, "damaged_records": stats.damaged_records,
        "objects": stats.objects, "bytes": stats.bytes,
        "current": { "objects": stats.current_objects, "bytes": stats.current_bytes },
        "unneeded": { "objects": stats.unreachable_objects, "bytes": stats.unreachable_bytes },
    })
}

fn verify(around: &Surroundings, store: &Store, arguments: &CacheVerifyArguments) -> Ending {
    let _holding = hold(around, store, !arguments.no_wait)?;
    let printer = around.printer;
    let task = Task::new("verify", printer.look, Arc::default());
    let verified = cache::verify(store, &task).map_err(of_store)?;
    drop(task);
    if arguments.repair {
        verified.repair(store).map_err(of_store)?;
    }
    if arguments.json {
        Printer::lines(&[verified_object(&verified).to_string()])?;
    } else {
        Printer::lines(&verified_text(&verified))?;
    }
    if verified.is_well() {
        return Ok(0);
    }
    if arguments.repair {
        printer.say("what is damaged was removed; the next run makes it anew");
        return Ok(0);
    }
    let failure = Failure::new(engine::exit_code(Fault::Disk), "the cache is damaged");
    Err(failure.with_hint("no run uses what is damaged; `segpipe cache verify --repair` removes it"))
}

fn verified_text(verified: &Verified) -> Vec<String> {
    let objects = counted(verified.objects as u64, "object");
    let records = counted(verified.records as u64, "record");
    let mut lines = vec![format!("read {objects} ({}) and {records}", shown(verified.bytes))];
    lines.extend(verified.damaged.iter().map(|(name, found)| format!("object {name} has the content of {found}")));
    lines.extend(verified.damaged_records.iter().map(|path| format!("record `{}` is damaged", path.display())));
    lines.extend(verified.incomplete.iter().map(|incomplete| {
        let lacking = counted(incomplete.lacking.len() as u64, "object");
        format!("result {} of `{}` lacks {lacking}", incomplete.fingerprint, incomplete.kind)
    }));
    if verified.is_well() {
        lines.push("all of it is intact".to_owned());
    }
    lines
}

fn verified_object(verified: &Verified) -> serde_json::Value {
    let damaged = verified.damaged.iter().map(|(name, found)| json!({ "object": name, "found": found }));
    let incomplete = verified.incomplete.iter().map(|incomplete| {
        json!({ "fingerprint": incomplete.fingerprint, "kind": incomplete.kind, "lacking": incomplete.lacking })
    });
    json!({
        "ok": verified.is_well(), "objects": verified.objects, "bytes": verified.bytes, "records": verified.records,
        "damaged": damaged.collect::<Vec<_>>(), "damaged_records": verified.damaged_records,
        "incomplete": incomplete.collect::<Vec<_>>(),
    })
}

fn gc(around: &Surroundings, pipeline: &Pipeline, store: &Store, arguments: &CacheGcArguments) -> Ending {
    let _holding = hold(around, store, !arguments.no_wait)?;
    let policy = Policy { older_than: arguments.older_than, at_most: arguments.at_most };
    let pinned = pinned(pipeline, &arguments.keep)?;
    let collected = cache::collect(store, &policy, &pinned, arguments.dry_run).map_err(of_store)?;
    let line = if arguments.json {
        collected_object(&collected, arguments.dry_run).to_string()
    } else {
        collected_text(&collected, arguments.dry_run)
    };
    Printer::lines(&[line])?;
    Ok(0)
}

/// What pipeline.lock names, in the folder and in git's HEAD, and the results of the runs called so.
fn pinned(pipeline: &Pipeline, runs: &[String]) -> Result<Pinned, Failure> {
    let in_folder = Lock::read(&Lock::path(&pipeline.file)).map_err(of_store)?;
    let committed = Committed::read(&pipeline.file).map_err(of_store)?.map(|committed| committed.lock);
    let results = in_folder.iter().chain(&committed).flat_map(results_of_lock).collect();
    let mut fingerprints = BTreeSet::new();
    if !runs.is_empty() {
        let history = runs::read(&Tracking::of(pipeline))?;
        for name in runs {
            fingerprints.extend(results_of(history.find(name).map_err(diff::unknown)?));
        }
    }
    Ok(Pinned { fingerprints, results })
}

/// What it names of each stage: digest by output.
fn results_of_lock(lock: &Lock) -> Vec<BTreeMap<String, Digest>> {
    let mut results: BTreeMap<&str, BTreeMap<String, Digest>> = BTreeMap::new();
    for (stage, output, digest) in lock.outputs() {
        results.entry(stage).or_default().insert(output.to_owned(), digest);
    }
    results.into_values().collect()
}

fn results_of(run: &LocalRun) -> impl Iterator<Item = Digest> {
    run.entry.stages.iter().filter_map(|stage| stage.fingerprint.as_ref()?.parse().ok())
}

fn collected_text(collected: &Collected, is_dry: bool) -> String {
    let done = if is_dry { "would remove" } else { "removed" };
    format!(
        "{done} {} and {}, {}; {} and {} stay",
        counted(collected.records.len() as u64, "result"),
        counted(collected.objects.len() as u64, "object"),
        shown(collected.bytes),
        counted(collected.records_left as u64, "result"),
        shown(collected.bytes_left),
    )
}

fn collected_object(collected: &Collected, is_dry: bool) -> serde_json::Value {
    json!({
        "dry_run": is_dry, "records": collected.records, "objects": collected.objects, "bytes": collected.bytes,
        "records_left": collected.records_left, "bytes_left": collected.bytes_left,
    })
}
