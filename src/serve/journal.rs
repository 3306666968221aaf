//! What happens while serving, one JSON object a line, without anything about customers.
//!
//! For: starts, stops, reloads, failures and, where asked for, requests by route. Not for: printing, which whoever
//! started the service does.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One request.
    Request,
    /// Something that belongs to serving.
    Info,
    /// Something that somebody should look at.
    Warning,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Info => "info",
            Self::Warning => "warning",
        }
    }
}

/// Takes the lines of a level and above.
#[derive(Clone)]
pub struct Journal {
    least: Level,
    write: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Journal {
    /// A journal whose lines go to `write`.
    pub fn new(least: Level, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { least, write: Arc::new(write) }
    }

    /// Whether lines of `level` are wanted.
    pub(super) fn takes(&self, level: Level) -> bool {
        level >= self.least
    }

    /// Writes a line.
    pub(super) fn tell<const N: usize>(&self, level: Level, event: &str, facts: [(&str, Value); N]) {
        if !self.takes(level) {
            return;
        }
        let time = jiff::Timestamp::try_from(SystemTime::now())
            .map(|time| time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string());
        let mut line = Map::new();
        line.insert("time".to_owned(), Value::from(time.unwrap_or_default()));
        line.insert("level".to_owned(), Value::from(level.as_str()));
        line.insert("event".to_owned(), Value::from(event));
        line.extend(facts.map(|(name, value)| (name.to_owned(), value)));
        (self.write)(&Value::Object(line).to_string());
    }
}
