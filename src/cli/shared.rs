//! The shared cache as the pipeline file and the environment say it together; `segpipe cache push` and `keygen`.
//!
//! For: which variables go before what the file says, the writer's key, and what is said of sending. Not for: transfers
//! (`remote`). The only place where the key is read.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use segpipe_stages::contract::Fault;
use segpipe_stages::numerals::counted;

use super::args::{CachePushArguments, Overriding};
use super::failure::{self, Failure};
use super::printer::Printer;
use super::project::Surroundings;
use super::units::shown;
use super::{Ending, signals};
use crate::engine;
use crate::remote::{Remote, RemoteError, Sent, Settings};
use crate::signing::{KeyError, SigningKey};
use crate::spec::pipeline::Pipeline;
use crate::spec::shared::{Mode, RemoteAddress, SharedCacheError};
use crate::store::Store;
use crate::store::remembered::Remembered;

const REMOTE: &str = "SEGPIPE_CACHE_REMOTE";
const MODE: &str = "SEGPIPE_CACHE_MODE";
const KEY: &str = "SEGPIPE_CACHE_KEY";

/// An environment that answers for a name.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The shared cache of `pipeline`, if it has one. Asks nobody.
pub(super) fn remote(pipeline: &Pipeline, is_cancelled: &Arc<AtomicBool>) -> Result<Option<Arc<Remote>>, Failure> {
    let settings = settings(pipeline, &variable)?;
    Ok(settings.map(|settings| Arc::new(Remote::new(settings, Arc::clone(is_cancelled)))))
}

fn settings(pipeline: &Pipeline, variable: Variables<'_>) -> Result<Option<Settings>, Failure> {
    let cache = &pipeline.cache;
    let mode = variable(MODE).map(|text| text.parse().map_err(|error| unusable(MODE, &error))).transpose()?;
    let mode = mode.unwrap_or(cache.mode);
    let address = variable(REMOTE).map(|text| address(&text, &pipeline.directory)).transpose()?;
    let address = address.or_else(|| cache.remote.clone());
    let Some(address) = address.filter(|_| mode != Mode::Off) else { return Ok(None) };
    let key = variable(KEY).map(|text| text.parse::<SigningKey>().map_err(of_key)).transpose()?;
    Ok(Some(Settings { address, may_write: mode == Mode::ReadWrite, trust: cache.trust.clone(), key }))
}

fn address(text: &str, directory: &Path) -> Result<RemoteAddress, Failure> {
    RemoteAddress::parse(text, directory).map_err(|error| unusable(REMOTE, &error))
}

fn unusable(variable: &str, error: &SharedCacheError) -> Failure {
    let failure = Failure::usage(format!("`{variable}` cannot be used: {error}"));
    Failure { hint: error.hint().map(String::from), ..failure }
}

/// What is wrong with the key, and never the key.
fn of_key(error: KeyError) -> Failure {
    let failure = Failure::usage(format!("`{KEY}` {error}"));
    failure.with_hint("`segpipe cache keygen` makes a pair; or unset it, and nothing is signed")
}

/// Prints a new pair.
pub(super) fn keygen(printer: Printer) -> Ending {
    let (secret, public) =
        SigningKey::generate().map_err(|error| Failure::new(engine::exit_code(Fault::Bug), error.to_string()))?;
    Printer::lines(&[format!("private {secret}"), format!("public  {public}")])?;
    printer.say("the private key is for SEGPIPE_CACHE_KEY of those who may write, as a secret of your CI;");
    printer.say("the public one is for `trust` of `cache` in pipeline.yaml");
    Ok(0)
}

/// Sends what the shared cache lacks of the current results.
pub(super) fn push(around: &Surroundings, arguments: &CachePushArguments) -> Ending {
    let pipeline = around.open(&Overriding::default())?;
    let store = Store::new(&pipeline.directory);
    let printer = around.printer;
    let is_cancelled = signals::listen(move || printer.say(signals::FINISHING));
    let remote = remote(&pipeline, &is_cancelled)?.ok_or_else(|| {
        let failure = Failure::usage("there is no shared cache to send to");
        failure.with_hint("name one: `cache: {remote: s3://BUCKET/PREFIX}` in pipeline.yaml, or SEGPIPE_CACHE_REMOTE")
    })?;
    if !remote.sends() {
        return Err(silent(&remote));
    }
    let _holding = super::cache::hold(around, &store, !arguments.no_wait)?;
    let lacking = send_current(&pipeline, &store, &remote)?;
    let sent = remote.finish(None);
    if let Some(error) = remote.take_failure() {
        return Err(of_line(&error));
    }
    if is_cancelled.load(Ordering::Relaxed) {
        let hint = "what was sent stays; the same command goes on with the rest";
        return Err(Failure::new(engine::exit_code(Fault::Cancelled), "interrupted").with_hint(hint));
    }
    for text in lacking {
        printer.warn(&text);
    }
    printer.say(&told(sent, &remote.address()));
    Ok(0)
}

/// Begins to send the current result of every stage; says which cannot be sent.
fn send_current(pipeline: &Pipeline, store: &Store, remote: &Remote) -> Result<Vec<String>, Failure> {
    let remembered = Remembered::load(&pipeline.directory, store.remembered_path());
    let mut lacking = Vec::new();
    for stage in &pipeline.stages {
        let current = store.current(&stage.name).map_err(|error| failure::of_fault(&error))?;
        let Some(record) = current else { continue };
        let outputs = stage.stage.outputs();
        let is_whole = outputs.iter().all(|output| {
            let recorded = record.outputs.get(&*output.name);
            recorded.is_some_and(|recorded| {
                store.has_intact(recorded.digest, output.kind, &remembered).is_ok_and(|is_intact| is_intact)
            })
        });
        if is_whole {
            remote.send(store, &record, outputs, true).map_err(|error| failure::of_fault(&error))?;
        } else {
            lacking.push(format!("`{}` is not sent: its result is not whole in artifacts/.segpipe", stage.name));
        }
    }
    Ok(lacking)
}

fn silent(remote: &Remote) -> Failure {
    match remote.silence() {
        Some(why) => Failure::usage(format!("nothing can be sent: {why}"))
            .with_hint("`segpipe cache keygen` makes a pair of keys"),
        None => Failure::usage("nothing can be sent: the shared cache is only read here")
            .with_hint("`mode` of `cache` in pipeline.yaml, or SEGPIPE_CACHE_MODE, is to be `read-write`"),
    }
}

fn of_line(error: &RemoteError) -> Failure {
    let failure = Failure::new(engine::exit_code(Fault::Disk), error.line());
    Failure { hint: error.hint(), ..failure }
}

fn told(sent: Sent, address: &str) -> String {
    let results = |count: usize| counted(count as u64, "result");
    match (sent.results, sent.known) {
        (0, 0) => "there are no results yet; `segpipe run` makes them".to_owned(),
        (0, known) if sent.bytes == 0 => format!("`{address}` has all of it: {}", results(known)),
        (new, known) => {
            format!("sent {} ({}) to `{address}`; {} were there", results(new), shown(sent.bytes), results(known))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::spec::pipeline::Capacity;
    use crate::spec::shared::SharedCache;

    fn pipeline(cache: SharedCache) -> Pipeline {
        Pipeline {
            name: "shop".to_owned(),
            file: "/project/pipeline.yaml".into(),
            directory: "/project".into(),
            stages: Vec::new(),
            capacity: Capacity::default(),
            cache,
            is_overridden: false,
        }
    }

    fn of(cache: SharedCache, variables: &[(&str, &str)]) -> Result<Option<Settings>, Failure> {
        let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
        settings(&pipeline(cache), &|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    fn in_file() -> SharedCache {
        let remote = RemoteAddress::parse("s3://bucket/a", Path::new("/project")).unwrap();
        SharedCache { remote: Some(remote), ..SharedCache::default() }
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let settings = |variables: &[(&str, &str)]| of(in_file(), variables).unwrap();
        let (plain, read) = (settings(&[]).unwrap(), settings(&[(MODE, "read")]).unwrap());
        assert_eq!((plain.address.to_string().as_str(), plain.may_write), ("s3://bucket/a", true));
        assert!(!read.may_write);
        assert_eq!(settings(&[(REMOTE, "../cache")]).unwrap().address.to_string(), "/project/../cache");
        assert!(settings(&[(MODE, "off")]).is_none());
        assert!(of(SharedCache::default(), &[]).unwrap().is_none());
        assert!(of(SharedCache::default(), &[(REMOTE, "/mnt/cache")]).unwrap().is_some());
    }

    #[test]
    fn variables_that_cannot_be_used_are_named_and_a_key_is_never_shown() {
        let message = |variables: &[(&str, &str)]| of(in_file(), variables).unwrap_err().message;
        assert_eq!(
            message(&[(MODE, "rw")]),
            "`SEGPIPE_CACHE_MODE` cannot be used: `rw` is none of `read-write`, `read`, `off`"
        );
        assert!(message(&[(REMOTE, "ftp://h")]).contains("`ftp://` is no storage"));
        let (secret, _) = SigningKey::generate().unwrap();
        let slipped = &secret[1..];
        let failure = of(in_file(), &[(KEY, slipped)]).unwrap_err();
        assert!(failure.exit_code == 2 && !format!("{failure:?}").contains(&secret[10..30]), "{failure:?}");
    }

    #[test]
    fn what_was_sent_is_one_line() {
        let sent = |results, bytes, known| told(Sent { results, bytes, known, unsent: 0 }, "s3://b");
        assert_eq!(sent(0, 0, 0), "there are no results yet; `segpipe run` makes them");
        assert_eq!(sent(0, 0, 9), "`s3://b` has all of it: 9 results");
        assert!(sent(2, 2_000_000, 7).starts_with("sent 2 results (2"), "{}", sent(2, 2_000_000, 7));
    }
}
