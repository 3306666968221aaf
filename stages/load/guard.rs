//! Keeps a panic of a foreign reader on a damaged file from ending more than the reading of that file.
//!
//! For: calamine and parquet, which slice and index what a file claims. Not for: our own code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::error::LoadError;

/// Runs `read`, which reads the file at `path`; a panic in it means that the file is damaged.
pub(super) fn guard<T>(
    path: &Path,
    format: &'static str,
    read: impl FnOnce() -> Result<T, LoadError>,
) -> Result<T, LoadError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the reader gave up");
        Err(LoadError::damaged(path, format, text.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_about_the_file() {
        let error = guard::<()>(Path::new("a.xlsx"), "XLSX", || panic!("index out of bounds")).unwrap_err();
        assert_eq!(error.to_string(), "`a.xlsx` is no intact XLSX file");
        assert_eq!(guard(Path::new("a.xlsx"), "XLSX", || Ok(5)).unwrap(), 5);
    }
}
