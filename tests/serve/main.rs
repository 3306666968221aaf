//! The scoring service over HTTP, in this process, on a bundle that a pipeline made.

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod life;
#[cfg(test)]
mod protocol;
#[cfg(test)]
#[expect(dead_code, reason = "the tests of the binary need more of it")]
#[path = "../binary/support.rs"]
mod support;
#[cfg(test)]
mod transactions;
#[cfg(test)]
mod wire;
