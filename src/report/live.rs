//! Lines on a terminal that change while work goes on: one per running stage, with a bar where the length is known.
//!
//! For: the console reporter and tasks. Not for: anything that stays on the screen.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(100);
const UNKNOWN: &str = "   running  {prefix}  {spinner} {elapsed}";
const KNOWN: &str = "   running  {prefix}  {bar:32} {percent:>3}%  {elapsed}";

/// The live lines; none are drawn before the first begins.
#[derive(Debug, Default)]
pub(super) struct Live {
    lines: MultiProgress,
    running: BTreeMap<String, ProgressBar>,
}

impl Live {
    /// A line for `name`, padded to `width`, unless it has one.
    pub(super) fn begin(&mut self, name: &str, width: usize) {
        if !self.running.contains_key(name) {
            let bar = self.lines.add(ProgressBar::no_length().with_style(style(UNKNOWN)));
            bar.set_prefix(format!("{name:<width$}"));
            bar.enable_steady_tick(TICK);
            self.running.insert(name.to_owned(), bar);
        }
    }

    /// `done` of `total` units are finished; `total` is 0 where unknown.
    pub(super) fn advance(&self, name: &str, done: u64, total: u64) {
        let Some(bar) = self.running.get(name) else { return };
        if total > 0 && bar.length() != Some(total) {
            bar.set_style(style(KNOWN));
            bar.set_length(total);
        }
        bar.set_position(done);
    }

    /// The line of `name` goes.
    pub(super) fn end(&mut self, name: &str) {
        if let Some(bar) = self.running.remove(name) {
            bar.finish_and_clear();
            self.lines.remove(&bar);
        }
    }

    /// Does `print` while the lines are out of the way.
    pub(super) fn above(&self, print: impl FnOnce()) {
        if self.running.is_empty() { print() } else { self.lines.suspend(print) }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    style.progress_chars("━╸ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_templates_can_be_read() {
        assert!(ProgressStyle::with_template(KNOWN).is_ok());
        assert!(ProgressStyle::with_template(UNKNOWN).is_ok());
    }
}
