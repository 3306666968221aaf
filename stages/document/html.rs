//! Blocks as HTML, and the escaping that all HTML of segpipe goes through.
//!
//! For: fragments of a page, and whole pages that need nothing from elsewhere. Called by: `visualize`, `deploy`.

use super::{Block, Table};

/// What all pages have in common: type, colours for light and dark, tables, warnings, print.
const STYLE: &str = include_str!("page.css");

/// Text as it may stand in an element or in a quoted attribute. Control characters that HTML forbids are left out.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            character if character.is_control() => {}
            character => escaped.push(character),
        }
    }
    escaped
}

/// A whole page. `body` is HTML; `style` is added to what all pages have in common.
pub fn page(title: &str, style: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Blocks one after the other.
pub fn blocks(blocks: &[Block]) -> String {
    blocks.iter().map(block).collect()
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(level, text) => format!("<h{level}>{}</h{level}>\n", escape(text)),
        Block::Paragraph(text) => format!("<p>{}</p>\n", escape(text)),
        Block::Alert(text) => format!("<p class=\"alert\" role=\"alert\">{}</p>\n", escape(text)),
        Block::List(points) => {
            let point = |point: &String| format!("<li>{}</li>\n", escape(point));
            let points: String = points.iter().map(point).collect();
            format!("<ul>\n{points}</ul>\n")
        }
        Block::Table(table) => self::table(table),
    }
}

/// A table that scrolls sideways where the page is too narrow for it.
pub fn table(table: &Table) -> String {
    let header = cells("th scope=\"col\"", "th", table, &table.header);
    let row = |row: &Vec<String>| format!("<tr>{}</tr>\n", cells("td", "td", table, row));
    let rows: String = table.rows.iter().map(row).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"table\">\n<table>\n<thead><tr>{header}</tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}

fn cells(open: &str, close: &str, table: &Table, texts: &[String]) -> String {
    let cell = |(text, is_numeric): (&String, &bool)| {
        let class = if *is_numeric { " class=\"number\"" } else { "" };
        format!("<{open}{class}>{}</{close}>", escape(text))
    };
    texts.iter().zip(&table.is_numeric).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_stays_text() {
        assert_eq!(escape("<b a=\"1\" c='2'>&amp;\u{0}\u{1b}"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;");
        let hostile = "</td></table><script>alert(1)</script>";
        let table = Table::new(&[hostile, "#n"]).with_rows([vec![hostile.into(), hostile.into()]]);
        let everything = [
            Block::heading(1, hostile),
            Block::paragraph(hostile),
            Block::Alert(hostile.into()),
            Block::List(vec![hostile.into()]),
            Block::Table(table),
        ];
        let page = page(hostile, "", &blocks(&everything));
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
        assert_eq!(page.matches("</table>").count(), 1);
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let table = Table::new(&["name", "#customers"]).with_rows([vec!["Lost".into(), "7".into()]]);
        let html = super::table(&table);
        assert!(
            html.contains("<th scope=\"col\">name</th><th scope=\"col\" class=\"number\">customers</th>"),
            "{html}"
        );
        assert!(html.contains("<td>Lost</td><td class=\"number\">7</td>"), "{html}");
    }

    #[test]
    fn a_page_needs_nothing_from_elsewhere() {
        let page = page("title", "p{margin:0}", "<p>body</p>\n");
        assert!(page.starts_with("<!DOCTYPE html>") && page.contains("p{margin:0}") && page.contains("<p>body</p>"));
        for word in ["http:", "https:", "src=", "<link", "@import", "url("] {
            assert!(!page.contains(word), "{word}");
        }
    }
}
