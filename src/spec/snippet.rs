//! The offending line, drawn with a caret below what is wrong in it.
//!
//! For: errors that have a place in the pipeline file. Called by: `error`.

use super::node::Span;
use crate::address;

/// Longest piece of a line that is shown, in characters.
const WIDTH: usize = 100;
/// Where in a longer piece the place is put.
const LEAD: usize = 40;

/// Line `span.line` of `text` with carets below the span; none where the text has no such line.
pub(super) fn draw(text: &str, span: Span) -> Option<String> {
    let line = text.split('\n').nth(span.line.checked_sub(1)?)?.trim_end_matches('\r');
    let (before, after) = split(line, span.column.saturating_sub(1));
    let before: Vec<char> = shown(before).collect();
    let skipped = if before.len() > WIDTH - LEAD { before.len() - LEAD } else { 0 };
    let before: String = mark(skipped > 0).chain(before.into_iter().skip(skipped)).collect();
    let indent = before.chars().count();
    let after: Vec<char> = shown(after).collect();
    let room = WIDTH.saturating_sub(indent);
    let is_cut = after.len() > room;
    let length = span.length.min(after.len()).clamp(1, room.max(1));
    let after: String = after.into_iter().take(room).chain(mark(is_cut)).collect();
    let number = span.line.to_string();
    let margin = " ".repeat(number.len());
    let carets = "^".repeat(length);
    Some(format!("{margin} |\n{number} | {before}{after}\n{margin} | {}{carets}", " ".repeat(indent)))
}

/// `line` before and after its character number `column`, counted from 0.
fn split(line: &str, column: usize) -> (&str, &str) {
    let position = line.char_indices().nth(column).map_or(line.len(), |(position, _)| position);
    line.split_at(position)
}

/// Without secrets in addresses, and one column a character.
fn shown(text: &str) -> impl Iterator<Item = char> {
    let text: Vec<char> = address::without_user_info(text).chars().collect();
    text.into_iter().map(|c| match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    })
}

fn mark(is_shown: bool) -> impl Iterator<Item = char> {
    is_shown.then_some('…').into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw_at(text: &str, line: usize, column: usize, length: usize) -> String {
        draw(text, Span { line, column, length }).unwrap()
    }

    #[test]
    fn the_line_is_shown_with_carets_below_the_place() {
        assert_eq!(draw_at("a: 1\nb: two\n", 2, 4, 3), "  |\n2 | b: two\n  |    ^^^");
        assert_eq!(draw_at("a: 1\n\tb: 2\r\n", 2, 2, 90), "  |\n2 |  b: 2\n  |  ^^^^");
        assert_eq!(draw_at("a", 1, 9, 1), "  |\n1 | a\n  |  ^");
        assert_eq!(draw("a", Span { line: 2, column: 1, length: 1 }), None);
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("{}: {}", "k".repeat(500), "v".repeat(500));
        let drawn = draw_at(&text, 1, 503, 500);
        let lines: Vec<&str> = drawn.lines().collect();
        let expected = format!("1 | …{}: {}…", "k".repeat(38), "v".repeat(59));
        assert_eq!(lines[1], expected);
        assert_eq!(lines[2], format!("  | {}{}", " ".repeat(41), "^".repeat(59)));
    }

    #[test]
    fn secrets_and_control_characters_are_not_shown() {
        let drawn = draw_at("uri: http://ana:pw@host/x\u{1b}[2J", 1, 6, 30);
        assert_eq!(drawn, "  |\n1 | uri: http://host/x\u{fffd}[2J\n  |      ^^^^^^^^^^^^^^^^^");
    }
}
