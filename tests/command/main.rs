//! The binary as a user meets it, as far as it needs no data: exit codes, where text goes, pipes, signals.

mod process;
mod signals;
mod text;
