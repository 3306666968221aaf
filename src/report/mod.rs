//! What people and programs are told of a run: events in, text out.
//!
//! For: the lines of a terminal or a log ([`Console`]), JSON lines ([`Json`]), the times of a run ([`Timeline`]), and a
//! bar for work that is no run ([`Task`]). Not for: deciding anything; errors that end a command are the printer's. Called by: `cli`.

mod console;
pub mod format;
mod json;
mod live;
mod paint;
mod task;
mod timeline;

use std::io::IsTerminal;

pub use console::Console;
pub use json::Json;
pub use paint::{Paint, Tone};
pub use task::Task;
pub use timeline::Timeline;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Detail {
    /// Warnings and errors.
    Quiet,
    /// A line per stage and what it decided.
    #[default]
    Normal,
    /// Every output and every remark too.
    Verbose,
}

/// How text may look on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// How much is said.
    pub detail: Detail,
    /// Whether colours are used.
    pub paint: Paint,
    /// Whether lines may be overwritten.
    pub is_live: bool,
}

impl Look {
    /// The look for this process's stderr: colours and live lines on a capable terminal only.
    pub fn of_stderr(detail: Detail) -> Self {
        let is_terminal = std::io::stderr().is_terminal() && is_capable();
        Self {
            detail,
            paint: Paint::new(is_terminal && wants_colour()),
            is_live: is_terminal && detail > Detail::Quiet,
        }
    }
}

/// Whether this process's stdout takes colours.
pub fn paint_of_stdout() -> Paint {
    Paint::new(std::io::stdout().is_terminal() && is_capable() && wants_colour())
}

fn is_capable() -> bool {
    std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// `NO_COLOR`, set to anything but nothing, switches colours off (<https://no-color.org>).
fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
