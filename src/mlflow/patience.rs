//! How long a server is waited for and how often it is asked again.
//!
//! For: `transport`, which asks. Two kinds: after a run, where somebody waits; and `segpipe push`, which insists.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use super::destination::Destination;

/// Nobody is waited for longer than this between two tries, whatever the server asks for.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How long, how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// To connect.
    pub connect: Duration,
    /// For one request and its answer; more where a large file is sent.
    pub request: Duration,
    /// For everything together; none: as long as it takes.
    pub whole: Option<Duration>,
    /// How often a request that may be repeated is sent at most.
    pub tries: u32,
    /// Before the second try; doubled before each further one.
    pub pause: Duration,
}

impl Patience {
    /// After a run: two seconds to connect, thirty in all, one try.
    pub fn of_run() -> Self {
        Self {
            connect: Duration::from_secs(2),
            request: Duration::from_secs(30),
            whole: Some(Duration::from_secs(30)),
            tries: 1,
            pause: Duration::ZERO,
        }
    }

    /// `segpipe push`: again and again, but not for ever.
    pub fn of_push() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_mins(2),
            whole: None,
            tries: 6,
            pause: Duration::from_millis(500),
        }
    }

    /// The same as the environment wants it. What one try was meant to be stays one try.
    pub(super) fn adapted_to(&self, destination: &Destination) -> Self {
        let request = destination.timeout.unwrap_or(self.request);
        let retries = destination.retries.filter(|_| self.tries > 1);
        let tries = retries.map_or(self.tries, |retries| retries.saturating_add(1));
        Self { request, tries, ..self.clone() }
    }

    /// How long to wait after the failed try number `attempt` (the first is 0).
    pub(super) fn pause_after(&self, attempt: u32, asked_for: Option<Duration>) -> Duration {
        let doubled = self.pause.saturating_mul(2_u32.saturating_pow(attempt.min(16))).min(LONGEST_PAUSE);
        let jittered = doubled.mul_f64(0.5 + chance());
        jittered.max(asked_for.unwrap_or_default()).min(LONGEST_PAUSE)
    }

    /// For a request that sends `bytes`: at least 100 kB/s are expected of the way there.
    pub(super) fn request_of(&self, bytes: u64) -> Duration {
        self.request + Duration::from_millis(bytes / 100)
    }
}

/// From 0 to 1, so that clients that failed together do not come back together.
fn chance() -> f64 {
    // The standard library seeds every one of these from the system's source of chance.
    let random = std::hash::RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_differ_and_end() {
        let patience = Patience::of_push();
        for attempt in 0..40 {
            let pause = patience.pause_after(attempt, None);
            let plain = patience.pause.saturating_mul(2_u32.pow(attempt.min(16))).min(LONGEST_PAUSE);
            assert!(pause >= plain / 2 && pause <= LONGEST_PAUSE.min(plain * 3 / 2), "{attempt}: {pause:?}");
        }
        assert_ne!(patience.pause_after(3, None), patience.pause_after(3, None));
    }

    #[test]
    fn what_the_server_asks_for_is_granted_within_reason() {
        let pause = |seconds| Patience::of_push().pause_after(0, Some(Duration::from_secs(seconds)));
        assert_eq!((pause(7), pause(86_400)), (Duration::from_secs(7), LONGEST_PAUSE));
    }

    #[test]
    fn the_environment_changes_how_often_a_push_tries_but_not_a_run() {
        let variables = |name: &str| match name {
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES" => Some("2".to_owned()),
            "MLFLOW_HTTP_REQUEST_TIMEOUT" => Some("7".to_owned()),
            _ => None,
        };
        let destination = Destination::of(None, &variables).unwrap();
        let push = Patience::of_push().adapted_to(&destination);
        assert_eq!((push.tries, push.request), (3, Duration::from_secs(7)));
        assert_eq!(Patience::of_run().adapted_to(&destination).tries, 1);
    }
}
