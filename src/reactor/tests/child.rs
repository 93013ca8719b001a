//! Tests that need a process of their own, because they change or count what a process has.

use std::process::Command;

const MARK: &str = "RINGFERRY_TEST_CHILD";

/// Runs `body` in a new process of this test binary that runs only `test`, the calling one.
pub(super) fn in_child(test: &str, body: fn()) {
    if std::env::var_os(MARK).is_some() {
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    assert!(text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
}
