//! What the library traces, on stderr, for `--verbose`.
//!
//! For: a line per event of segpipe's own code. Not for: spans, levels of other crates, or what users must know (that
//! goes through events and errors). Called by: `cli`.

use std::fmt::{Debug, Write};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber, subscriber};

use super::printer::Printer;

/// Prints segpipe's own trace events from now on.
pub(super) fn listen(printer: Printer) {
    // Fails only where somebody listens already.
    let _ = subscriber::set_global_default(Listener { printer });
}

struct Listener {
    printer: Printer,
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("segpipe")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.printer.say(&format!("[{}] {}{}", event.metadata().target(), line.message, line.fields));
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
