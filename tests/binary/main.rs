//! The binary end to end, on small generated data in folders of their own: no Python, no network, no reference data.

#[cfg(test)]
mod cache;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod everyday;
#[cfg(test)]
mod history;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod interfaces;
#[cfg(test)]
mod own_data;
#[cfg(test)]
mod own_stages;
#[cfg(test)]
mod shared;
#[cfg(test)]
mod support;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod tracking;
