//! The digest of what is compiled into each stage, as the build script computed it.
//!
//! For: [`crate::contract::Stage::implementation`]. Not for: digests of data. Called by: every `impl Stage`.

include!(concat!(env!("OUT_DIR"), "/implementations.rs"));

/// The digest of the stage in module `stages/<module>`: its sources, those of the modules it imports, and the locked
/// versions of the crates they use.
///
/// # Panics
/// Where there is no such module; a unit test asks for every stage's.
#[expect(clippy::panic, reason = "a misspelt module name is a mistake in this crate, found by its tests")]
pub fn of(module: &str) -> &'static str {
    let found = IMPLEMENTATIONS.iter().find(|(name, _)| *name == module);
    found.map_or_else(|| panic!("no stage module `{module}`"), |(_, digest)| digest)
}
