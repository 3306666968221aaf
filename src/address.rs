//! Addresses as they may be shown: without user info, query and fragment, where secrets live.
//!
//! For: every address that reaches a note, an error, the outbox or a log. Not for: the address that is called.
//! Called by: `source`, `mlflow`.

/// `text` with the user info of every address in it (`scheme://user:password@host`) taken out, and nothing else.
/// Works on any text, e.g. a whole YAML or JSON file.
///
/// # Examples
/// ```
/// assert_eq!(segpipe::address::without_user_info("at http://ana:pw@host/x"), "at http://host/x");
/// ```
pub fn without_user_info(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        kept.push_str(before);
        let end = after.find(ends_authority).unwrap_or(after.len());
        let host = after[..end].rfind('@').map_or(0, |at| at + 1);
        rest = &after[host..];
    }
    kept.push_str(rest);
    kept
}

/// One address as it may be shown: without user info, query and fragment.
///
/// # Examples
/// ```
/// assert_eq!(segpipe::address::shown("https://u:p@host/file.zip?token=x#y"), "https://host/file.zip");
/// ```
pub fn shown(address: &str) -> String {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    without_user_info(&address[..end])
}

/// Whether `text` is an address with a scheme.
pub fn is_address(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// A password may hold nearly anything, but an unescaped `/`, quote or blank ends it, in YAML and JSON as in RFC 3986.
fn ends_authority(c: char) -> bool {
    c.is_whitespace() || "/\"'`<>\\?#,".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_is_taken_out_wherever_an_address_stands() {
        let yaml = "uri: \"http://ana:s3cret@host:5000/x\"\nother: https://t0ken@h/y  # a@b.c\n";
        assert_eq!(without_user_info(yaml), "uri: \"http://host:5000/x\"\nother: https://h/y  # a@b.c\n");
        assert_eq!(
            without_user_info("a p@ss is cut to the last at: http://u:p@ss@host"),
            "a p@ss is cut to the last at: http://host"
        );
    }

    #[test]
    fn text_without_user_info_stays_as_it_is() {
        for text in ["", "://", "http://host/a@b", "mail ana@host", "http://host", "x://y://z"] {
            assert_eq!(without_user_info(text), text);
        }
    }

    #[test]
    fn an_address_is_recognised_by_its_scheme() {
        assert!(is_address("git+ssh://host/x") && is_address("http://h"));
        assert!(!is_address("a b://c") && !is_address("data/x.csv") && !is_address("://x"));
    }
}
