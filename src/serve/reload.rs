//! Looks again and again whether there is a newer bundle, and swaps it in when it is whole.
//!
//! For: a thread of its own. A bundle that is broken or half written is told of once; the old one goes on.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use serde_json::json;

use super::journal::Level;
use super::routes::Service;
use super::supply::{Supply, SupplyError};

/// Looks until the other end of `end` is gone. `mark` is of the bundle that is served.
pub(super) fn watch(service: &Arc<Service>, supply: &Supply, mark: Option<Vec<u8>>, end: &Receiver<()>) {
    let pause = supply.poll(service.options.poll);
    let mut watcher = Watcher { service, supply, mark, told: None };
    while end.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        watcher.look();
    }
}

struct Watcher<'a> {
    service: &'a Service,
    supply: &'a Supply,
    mark: Option<Vec<u8>>,
    /// The failure that was told last.
    told: Option<String>,
}

impl Watcher<'_> {
    fn look(&mut self) {
        match self.supply.mark() {
            Ok(mark) if self.mark.as_ref() == Some(&mark) => self.told = None,
            Ok(mark) => match self.supply.load() {
                Ok(served) => {
                    self.service.swap(served);
                    self.mark = Some(mark);
                    self.told = None;
                    self.service.metrics.reloaded(true);
                    self.service.journal.tell(Level::Info, "reloaded", [("model", json!(self.service.described()))]);
                }
                Err(error) => self.fail(&error),
            },
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &SupplyError) {
        let text = match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        if self.told.as_ref() != Some(&text) {
            self.service.metrics.reloaded(false);
            self.service.journal.tell(Level::Warning, "not_reloaded", [("error", json!(text))]);
            self.told = Some(text);
        }
    }
}
