//! Deliveries to a real `mlflow server`, read back by MLflow's own Python client.
//!
//! Needs target/venv with `.ci/requirements.txt`, which `.ci/run` makes. One server serves all tests, a second one those
//! of users and path prefix. What is shown against the scripted server (`src/mlflow/push_tests.rs`) is not repeated.

#[cfg(test)]
mod access;
#[cfg(test)]
mod entries;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod sweeps;
#[cfg(test)]
mod whole;
