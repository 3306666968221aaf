//! The printer: what commands say, apart from what reporters tell of a run.
//!
//! For: data on stdout; remarks and `error:` / `caused by:` / `hint:` on stderr. A reader that goes away (`| head`) is
//! no error. Not for: events of a run (`report`). Called by: the commands.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write};

use super::failure::Failure;
use crate::report::{Detail, Look, Paint, Tone, format};

/// Prints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Printer {
    /// How text may look on stderr.
    pub(super) look: Look,
}

impl Printer {
    pub(super) fn new(look: Look) -> Self {
        Self { look }
    }

    /// Data on stdout.
    pub(super) fn data(bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::new(4, "cannot write to stdout").caused_by(&error))
            }
            _ => Ok(()),
        }
    }

    /// Lines of data on stdout.
    pub(super) fn lines(lines: &[String]) -> Result<(), Failure> {
        Self::data((lines.join("\n") + "\n").as_bytes())
    }

    /// A remark.
    pub(super) fn say(self, text: &str) {
        if self.look.detail > Detail::Quiet {
            tell(text);
        }
    }

    /// A line of a journal, which is printed however little is to be said.
    pub(super) fn journal(line: &str) {
        tell(line);
    }

    /// Something that would mislead a reader who does not know it.
    pub(super) fn warn(self, text: &str) {
        tell(&format!("{} {text}", self.look.paint.tone(Tone::Warning, "warning:")));
    }

    /// A warning that nobody can overlook.
    pub(super) fn banner(self, text: &str) {
        tell(&format::banner(text, self.look.paint));
    }

    /// Why a command ends badly.
    pub(super) fn failure(self, failure: &Failure) {
        tell(&failure_text(failure, self.look.paint));
    }

    /// What clap says: help on stdout, complaints on stderr.
    pub(super) fn usage(self, error: &clap::Error) -> Result<(), Failure> {
        let rendered = error.render();
        let paint = if error.use_stderr() { self.look.paint } else { crate::report::paint_of_stdout() };
        let text = if paint.has_colours() { rendered.ansi().to_string() } else { rendered.to_string() };
        if error.use_stderr() {
            tell(text.trim_end());
            Ok(())
        } else {
            Self::data(text.as_bytes())
        }
    }
}

/// A line on stderr. Where nobody reads it, nothing can be done about it.
fn tell(text: &str) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "{text}").and_then(|()| err.flush());
}

fn failure_text(failure: &Failure, paint: Paint) -> String {
    let mut text = format!("{} {}", paint.tone(Tone::Error, "error:"), failure.message);
    for cause in &failure.causes {
        let _ = write!(text, "\n{} {cause}", paint.tone(Tone::Error, "caused by:"));
    }
    if let Some(details) = &failure.details {
        let _ = write!(text, "\n{}", details.trim_end());
    }
    if let Some(hint) = &failure.hint {
        let _ = write!(text, "\n{} {hint}", paint.tone(Tone::Hint, "hint:"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_with_its_causes_details_and_hint() {
        let failure = Failure {
            exit_code: 3,
            message: "`validate`: the data breaks a rule".to_owned(),
            causes: vec!["inner".to_owned(), "innermost".to_owned()],
            details: Some("rule       rows\ncustomers     1\n".to_owned()),
            hint: Some("look at the source".to_owned()),
        };
        let expected = "\
error: `validate`: the data breaks a rule
caused by: inner
caused by: innermost
rule       rows
customers     1
hint: look at the source";
        assert_eq!(failure_text(&failure, Paint::default()), expected);
    }

    #[test]
    fn colours_are_for_the_words_that_lead_a_line() {
        let text = failure_text(&Failure::usage("no"), Paint::new(true));
        assert_eq!(text, "\x1b[1;31merror:\x1b[0m no");
    }
}
