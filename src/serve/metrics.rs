//! What is counted while serving, and the text in which Prometheus reads it.
//!
//! For: `/metrics`. Not for: journals; nothing here tells one request from another.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;

use super::routes::Route;
use super::served::Served;

/// Upper bounds of the histogram, in microseconds.
const BOUNDS: [u64; 14] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_000_000, 10_000_000, 60_000_000];

/// The statuses that are given; others are counted as the last.
const STATUSES: [u16; 14] = [200, 400, 401, 404, 405, 406, 408, 413, 414, 415, 422, 431, 503, 500];

#[derive(Default)]
struct OfRoute {
    by_status: [AtomicU64; STATUSES.len()],
    /// The last is what is beyond all bounds.
    by_duration: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

/// Everything that is counted.
#[derive(Default)]
pub(super) struct Metrics {
    routes: [OfRoute; Route::ALL.len() + 1],
    in_flight: AtomicI64,
    connections: AtomicI64,
    rows: AtomicU64,
    reloads: AtomicU64,
    failed_reloads: AtomicU64,
}

/// One of something that is counted while it is there.
pub(super) struct Present<'a>(&'a AtomicI64);

impl<'a> Present<'a> {
    fn of(count: &'a AtomicI64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// A request, until this is dropped.
    pub(super) fn request(&self) -> Present<'_> {
        Present::of(&self.in_flight)
    }

    /// A connection, until this is dropped.
    pub(super) fn connection(&self) -> Present<'_> {
        Present::of(&self.connections)
    }

    /// A request was answered.
    pub(super) fn answered(&self, route: Option<Route>, status: StatusCode, took: Duration) {
        let route = &self.routes[route.map_or(Route::ALL.len(), |route| route as usize)];
        let status = STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len() - 1);
        route.by_status[status].fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        route.by_duration[BOUNDS.partition_point(|bound| *bound < microseconds)].fetch_add(1, Ordering::Relaxed);
        route.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    /// Customers were scored.
    pub(super) fn scored(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// The bundle was read anew, well or not.
    pub(super) fn reloaded(&self, is_well: bool) {
        let count = if is_well { &self.reloads } else { &self.failed_reloads };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// In Prometheus's text format.
    pub(super) fn text(&self, served: &Served) -> String {
        let mut out = String::new();
        self.write_requests(&mut out);
        self.write_durations(&mut out);
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed).to_string();
        let now = |count: &AtomicI64| count.load(Ordering::Relaxed).to_string();
        family(&mut out, "segpipe_requests_in_flight", "gauge", "Requests being answered.");
        line(&mut out, "segpipe_requests_in_flight", "", &now(&self.in_flight));
        family(&mut out, "segpipe_connections", "gauge", "Open connections.");
        line(&mut out, "segpipe_connections", "", &now(&self.connections));
        family(&mut out, "segpipe_scored_rows_total", "counter", "Customers scored.");
        line(&mut out, "segpipe_scored_rows_total", "", &read(&self.rows));
        family(&mut out, "segpipe_model_reloads_total", "counter", "Changed bundles that were read.");
        line(&mut out, "segpipe_model_reloads_total", "outcome=\"ok\"", &read(&self.reloads));
        line(&mut out, "segpipe_model_reloads_total", "outcome=\"failed\"", &read(&self.failed_reloads));
        let (bundle, model) = (&served.bundle, &served.bundle.model);
        let labels = format!(
            "bundle=\"{}\",data=\"{}\",algorithm=\"{}\",segments=\"{}\",data_source=\"{}\",segpipe=\"{}\"",
            bundle.digest,
            escaped(&model.data_digest),
            escaped(&model.algorithm),
            model.segments.len(),
            escaped(&model.data_source),
            env!("CARGO_PKG_VERSION"),
        );
        family(&mut out, "segpipe_model_info", "gauge", "The model that answers.");
        line(&mut out, "segpipe_model_info", &labels, "1");
        out
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, &OfRoute)> {
        let names = Route::ALL.into_iter().map(Route::path).chain(["other"]);
        names.zip(&self.routes)
    }

    fn write_requests(&self, out: &mut String) {
        family(out, "segpipe_requests_total", "counter", "Requests by route and status.");
        for (name, route) in self.named() {
            for (status, count) in STATUSES.iter().zip(&route.by_status) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let labels = format!("route=\"{name}\",status=\"{status}\"");
                    line(out, "segpipe_requests_total", &labels, &count.to_string());
                }
            }
        }
    }

    fn write_durations(&self, out: &mut String) {
        const NAME: &str = "segpipe_request_duration_seconds";
        family(out, NAME, "histogram", "Seconds from a request's head to its answer, by route.");
        for (name, route) in self.named() {
            let counts: Vec<u64> = route.by_duration.iter().map(|count| count.load(Ordering::Relaxed)).collect();
            let total: u64 = counts.iter().sum();
            if total == 0 {
                continue;
            }
            let mut sum = 0;
            for (bound, count) in BOUNDS.iter().zip(&counts) {
                sum += count;
                let labels = format!("route=\"{name}\",le=\"{}\"", *bound as f64 / 1e6);
                line(out, &format!("{NAME}_bucket"), &labels, &sum.to_string());
            }
            line(out, &format!("{NAME}_bucket"), &format!("route=\"{name}\",le=\"+Inf\""), &total.to_string());
            let seconds = route.microseconds.load(Ordering::Relaxed) as f64 / 1e6;
            line(out, &format!("{NAME}_sum"), &format!("route=\"{name}\""), &seconds.to_string());
            line(out, &format!("{NAME}_count"), &format!("route=\"{name}\""), &total.to_string());
        }
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &str, value: &str) {
    let _ =
        if labels.is_empty() { writeln!(out, "{name} {value}") } else { writeln!(out, "{name}{{{labels}}} {value}") };
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
