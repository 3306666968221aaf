//! Connections that are cut and processes that are killed: afterwards there is one complete run of each entry, always.

use std::process::Stdio;
use std::time::{Duration, Instant};

use segpipe::mlflow::{Destination, Patience, Scope, push};
use segpipe_stages::contract::Silent;

use crate::entries::Entries;
use crate::proxy::{Cut, Proxy};
use crate::servers::Server;

#[test]
fn a_connection_cut_at_any_request_leaves_one_complete_run_after_the_next_push() {
    let server = Server::shared();
    let proxy = Proxy::before(server.port);
    let destination = Destination::resolve(Some(&proxy.url)).unwrap();
    let deliver = |entries: &Entries, cut: Option<(usize, Cut)>, patience: &Patience| {
        *proxy.orders() = crate::proxy::Orders { cut, ..Default::default() };
        push(&entries.outbox(), &destination, patience, Scope::Waiting, &Silent).unwrap().waiting()
    };
    let entries = Entries::new();
    entries.seal(0, "cut-never", &[]);
    assert_eq!(deliver(&entries, None, &Patience::of_run()), 0);
    let requests = proxy.orders().requests.clone();
    let again = Patience { pause: Duration::from_millis(10), ..Patience::of_push() };
    let mut was_put_cut = 0;
    for (index, request) in requests.iter().enumerate() {
        // All files go the same way; three of them are enough.
        was_put_cut += usize::from(request.starts_with("PUT"));
        if request.starts_with("PUT") && was_put_cut > 3 {
            continue;
        }
        let entries = Entries::new();
        entries.seal(index, &format!("cut-before-{index}"), &[]);
        assert_eq!(deliver(&entries, Some((index, Cut::Before)), &Patience::of_run()), 1, "{request}");
        assert_eq!(deliver(&entries, None, &Patience::of_run()), 0, "{request}");
        let entries = Entries::new();
        entries.seal(index, &format!("cut-after-{index}"), &[]);
        assert_eq!(deliver(&entries, Some((index, Cut::After)), &again), 0, "{request}");
    }
    server.read_back(&["complete", "cut-"]);
}

#[test]
fn a_push_killed_at_random_moments_leaves_one_complete_run_of_each_entry() {
    let server = Server::shared();
    let entries = Entries::new();
    for number in 0..10 {
        entries.seal(number, "killed", &[("plots/b.svg", 50_000)]);
    }
    let mut kills = 0;
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let mut chance = u64::from(seed);
    while entries.outbox().entries().unwrap().len() > 1 && kills < 25 {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pause = Duration::from_millis(40 + (chance >> 33) % 500);
        let mut push = entries.segpipe(&server.url, &["push"]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(pause);
        push.kill().unwrap();
        push.wait().unwrap();
        kills += 1;
    }
    let output = entries.segpipe(&server.url, &["push"]).output().unwrap();
    assert!(output.status.success(), "seed {seed}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(entries.outbox().entries().unwrap().is_empty());
    assert!(kills > 2, "seed {seed}");
    server.read_back(&["complete", "killed"]);
}

#[test]
fn a_large_file_is_sent_without_being_held_in_memory() {
    const MEGABYTE: u64 = 1 << 20;
    let server = Server::shared();
    let entries = Entries::new();
    entries.seal(0, "large", &[("large.bin", 200 * MEGABYTE)]);
    let mut push = entries.segpipe(&server.url, &["push"]).spawn().unwrap();
    let (began, mut peak) = (Instant::now(), 0);
    let status = loop {
        // The last one read before the process ends; the file is sent long before that.
        let status = std::fs::read_to_string(format!("/proc/{}/status", push.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = kilobytes.map_or(peak, |kilobytes| kilobytes * 1024);
        if let Some(status) = push.try_wait().unwrap() {
            break status;
        }
        assert!(began.elapsed() < Duration::from_mins(2));
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success());
    assert!(peak > 0 && peak < 100 * MEGABYTE, "{} MB at the most", peak / MEGABYTE);
    let sizes = server.read_back(&["size", "large", "large.bin"]);
    assert_eq!(sizes.trim(), (200 * MEGABYTE).to_string());
}
