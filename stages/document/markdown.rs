//! Blocks as Markdown (GitHub's tables).
//!
//! For: the model card where it is read as text. Called by: `deploy`.

use super::{Block, Table};

/// Characters that mean something in Markdown.
const SPECIAL: &str = "\\`*_{}[]#|~";

/// Text as it may stand anywhere: nothing in it means anything, and it stays on one line.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            character if SPECIAL.contains(character) => escaped.extend(['\\', character]),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

/// Blocks one after the other, an empty line between them.
pub fn blocks(blocks: &[Block]) -> String {
    let texts: Vec<String> = blocks.iter().map(block).collect();
    texts.join("\n")
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(level, text) => format!("{} {}\n", "#".repeat(usize::from(*level)), escape(text)),
        Block::Paragraph(text) => format!("{}\n", escape(text)),
        Block::Alert(text) => format!("> **Warning:** {}\n", escape(text)),
        Block::List(points) => {
            let point = |point: &String| format!("- {}\n", escape(point));
            points.iter().map(point).collect()
        }
        Block::Table(table) => self::table(table),
    }
}

fn table(table: &Table) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escape(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule: Vec<&str> = table.is_numeric.iter().map(|is_numeric| if *is_numeric { "---:" } else { "---" }).collect();
    let rows: String = table.rows.iter().map(|row| line(row)).collect();
    format!("{}|{}|\n{rows}", line(&table.header), rule.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_its_cells_whatever_stands_in_them() {
        let table = Table::new(&["name", "#n"]).with_rows([vec!["a|b\n*c*".into(), "7".into()]]);
        assert_eq!(blocks(&[Block::Table(table)]), "| name | n |\n|---|---:|\n| a\\|b \\*c\\* | 7 |\n");
    }

    #[test]
    fn blocks_are_set_apart_and_markup_in_text_stays_text() {
        let text = blocks(&[
            Block::heading(2, "Data"),
            Block::Alert("simulated <b>".into()),
            Block::List(vec!["# one".into(), "two".into()]),
        ]);
        assert_eq!(text, "## Data\n\n> **Warning:** simulated &lt;b&gt;\n\n- \\# one\n- two\n");
    }
}
