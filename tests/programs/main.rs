//! Stages that run programs of the user's, with the binary end to end: shell scripts on small texts.

#[cfg(test)]
mod determinism;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod frozen;
#[cfg(test)]
mod handed_over;
#[cfg(test)]
mod life;
#[cfg(test)]
mod merges;
#[cfg(test)]
mod outputs;
#[expect(dead_code, reason = "shared with the tests of single commands, which need more of it")]
#[path = "../command/process.rs"]
mod process;
#[cfg(test)]
mod project;
#[cfg(test)]
mod several;
#[cfg(test)]
mod staleness;
#[cfg(test)]
mod watched;
