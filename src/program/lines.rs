//! What a program says, line by line, without the secrets it was told.
//!
//! For: cutting a stream into lines of bounded length and blotting secrets out. Not for: showing them.
//! Called by: `process`.

use std::io::Read;

/// Longest line that is kept, in bytes; what follows is left out with a mark.
const LONGEST: usize = 64 * 1024;
/// Stands where a secret stood.
const BLOT: &[u8] = b"***";

/// Values that may not be seen.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// Every line of these values, because a line is what is looked at.
    pub(super) fn new(values: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for value in values {
            lines.extend(value.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::to_vec));
        }
        lines.retain(|line| !line.trim_ascii().is_empty());
        // A secret that holds another one is blotted out as a whole.
        lines.sort_by_key(|line| std::cmp::Reverse(line.len()));
        Self(lines)
    }

    fn longest(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    /// The line without secrets.
    pub(super) fn blot(&self, line: &[u8]) -> Vec<u8> {
        let mut clean = Vec::with_capacity(line.len());
        let mut rest = line;
        while let Some(first) = rest.first() {
            if let Some(secret) = self.0.iter().find(|secret| rest.starts_with(secret)) {
                clean.extend_from_slice(BLOT);
                rest = &rest[secret.len()..];
            } else {
                clean.push(*first);
                rest = &rest[1..];
            }
        }
        clean
    }
}

/// Reads to the end and hands every line to `take`. What cannot be read counts as the end.
pub(super) fn read(mut from: impl Read, secrets: &Secrets, mut take: impl FnMut(String)) {
    let most = LONGEST + secrets.longest();
    let (mut line, mut is_cut) = (Vec::new(), false);
    let mut buffer = [0; 8192];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        for byte in &buffer[..count] {
            if *byte == b'\n' {
                take(finished(&line, is_cut, secrets));
                line.clear();
                is_cut = false;
            } else if line.len() < most {
                line.push(*byte);
            } else {
                is_cut = true;
            }
        }
    }
    if !line.is_empty() {
        take(finished(&line, is_cut, secrets));
    }
}

/// The line as it is shown and kept: of what overwrote itself (`\r`) the last, without characters that steer a terminal.
fn finished(line: &[u8], is_cut: bool, secrets: &Secrets) -> String {
    let mut clean = secrets.blot(line);
    let is_cut = is_cut || clean.len() > LONGEST;
    clean.truncate(LONGEST);
    let text = String::from_utf8_lossy(&clean);
    let text = text.trim_end_matches('\r');
    let last = text.rsplit('\r').next().unwrap_or_default();
    let mut plain = without_controls(last);
    if is_cut {
        plain.push_str(" … (cut)");
    }
    plain
}

/// Without colours and cursor movements; a tab is a space.
fn without_controls(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' if characters.next_if_eq(&'[').is_some() => {
                while characters.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            '\t' => plain.push(' '),
            character if character.is_control() => {}
            character => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], secrets: &[&str]) -> Vec<String> {
        let secrets = Secrets::new(secrets.iter().map(|secret| secret.as_bytes().to_vec()));
        let mut lines = Vec::new();
        read(text, &secrets, |line| lines.push(line));
        lines
    }

    #[test]
    fn lines_come_one_by_one_with_the_last_that_has_no_end() {
        assert_eq!(lines(b"one\r\n\ntwo", &[]), ["one", "", "two"]);
    }

    #[test]
    fn of_a_line_that_overwrote_itself_the_last_state_is_kept() {
        assert_eq!(lines(b"10 %\r50 %\r100 %\n", &[]), ["100 %"]);
    }

    #[test]
    fn what_would_steer_a_terminal_is_left_out() {
        assert_eq!(lines(b"\x1b[1;31mred\x1b[0m\tfruit\x07\xff\n", &[]), ["red fruit\u{fffd}"]);
    }

    #[test]
    fn secrets_are_blotted_out_the_longest_first_and_line_by_line() {
        assert_eq!(lines(b"key=abcd!abc\n", &["abc", "abcd"]), ["key=***!***"]);
        assert_eq!(lines(b"-----\nMIIE\nend\n", &["-----\nMIIE\n-----\n"]), ["***", "***", "end"]);
        assert_eq!(lines(b"nothing\n", &["", "\n"]), ["nothing"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_shows_no_half_of_a_secret() {
        let mut text = vec![b'x'; LONGEST - 3];
        text.extend_from_slice(b"secret and more\nnext\n");
        let told = lines(&text, &["secret"]);
        assert_eq!(told[0], format!("{}*** … (cut)", "x".repeat(LONGEST - 3)));
        assert_eq!(told[1], "next");
    }
}
