//! Why a cell of a source could not be used: the reasons that `load` writes and `validate` sorts by.
//!
//! For: the values of `transactions.problems.reason` and the column name of a row that is wrong as a whole.
//! Called by: `load`, `validate`.

/// The `column` of a problem that concerns the row as a whole.
pub const ROW: &str = "row";
/// A cell that should be a number and is none.
pub const NOT_A_NUMBER: &str = "not a number";
/// A number that is infinite, or the word for no number at all (`NaN`, `inf`).
pub const NOT_FINITE: &str = "not finite";
/// A number with more digits before the decimal mark than the column holds.
pub const TOO_LARGE: &str = "too large";
/// A cell that should be a date and cannot be read as one in the file's date format.
pub const NOT_A_DATE: &str = "not a date";
/// A row with more or fewer cells than the header.
pub const WRONG_WIDTH: &str = "wrong number of cells";
