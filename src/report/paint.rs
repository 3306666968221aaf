//! Colours, or none.
//!
//! For: making what matters stand out on a terminal. Not for: carrying meaning that the words do not carry too.

/// What a piece of text is to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Something was done.
    Done,
    /// Something is as it was.
    Calm,
    /// Something to be aware of.
    Warning,
    /// Something went wrong.
    Error,
    /// What can be done about it.
    Hint,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Done => "32",
            Self::Calm => "2",
            Self::Warning => "1;33",
            Self::Error => "1;31",
            Self::Hint => "36",
        }
    }
}

/// Puts colours on text where that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paint {
    has_colours: bool,
}

impl Paint {
    /// Colours, or none.
    pub const fn new(has_colours: bool) -> Self {
        Self { has_colours }
    }

    /// Whether there are colours.
    pub const fn has_colours(self) -> bool {
        self.has_colours
    }

    /// `text` in the colour of `tone`.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        if self.has_colours { format!("\x1b[{}m{text}\x1b[0m", tone.code()) } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_text_stays_as_it_is() {
        assert_eq!(Paint::default().tone(Tone::Error, "error:"), "error:");
        assert_eq!(Paint::new(true).tone(Tone::Error, "error:"), "\x1b[1;31merror:\x1b[0m");
    }
}
