//! Fuzzing of what reads requests, and requests that mean harm.
