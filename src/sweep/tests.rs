//! Sweeps read, merged and ranked.
