//! Ctrl-C and SIGTERM while something takes its time.

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    use rstest::rstest;

    use crate::process::{Ended, Folder};

    fn send(signal: &str, child: &Child) {
        let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Simulating so much that it is never done, once it has begun to write.
    fn endless(folder: &Folder) -> Child {
        let arguments = ["simulate", "--customers", "400000", "--seed", "1", "--out", "big.csv"];
        let child = folder.command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
        let has_begun = || std::fs::read_dir(folder.path("")).unwrap().next().is_some();
        for _ in 0..600 {
            if has_begun() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        child
    }

    #[rstest]
    #[case::control_c("INT")]
    #[case::from_the_system("TERM")]
    fn the_first_signal_stops_it_and_leaves_nothing_half_done(#[case] signal: &str) {
        let folder = Folder::new();
        let child = endless(&folder);
        send(signal, &child);
        let ended = Ended::of(&child.wait_with_output().unwrap());
        assert_eq!(ended.code, Some(130), "{}", ended.err);
        assert!(ended.err.contains("interrupted: finishing up"), "{}", ended.err);
        assert_eq!(std::fs::read_dir(folder.path("")).unwrap().count(), 0);
    }
}
