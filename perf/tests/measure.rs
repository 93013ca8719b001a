//! The measurement against a known quantity: a tree of processes that burn an exact amount of CPU
//! time (by their own CPU clock, so a busy machine does not matter), some of them orphaned and some
//! ended long before anyone looks.

use std::process::Command;

/// A child waited for, a background child, and a daemon that nobody of its own waits for, 300 ms
/// each, while the shell itself does next to nothing.
const TREE: &str = "BIN burn 300; BIN burn 300 & (setsid sh -c 'BIN burn 300' &); wait";
const BURNT_S: f64 = 0.9;

fn measure(method: &str) -> Option<f64> {
    let binary = env!("CARGO_BIN_EXE_ringferry-perf");
    let script = TREE.replace("BIN", binary);
    let output = Command::new(binary)
        .args(["measure", "--method", method, "--", "sh", "-c", &script])
        .output()
        .expect("it runs");
    if !output.status.success() {
        eprintln!("SKIPPED {method}: no control group can be made here");
        eprintln!("{}", String::from_utf8_lossy(&output.stderr).trim());
        return None;
    }
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let total = text.split("total ").nth(1).expect("a total").trim();
    Some(total.parse().expect("a number"))
}

/// What starting six processes costs comes on top; nothing may be missing but a tick each.
fn expect_all_of_it(method: &str, missing_s: f64) -> bool {
    let Some(total) = measure(method) else { return false };
    eprintln!("{method}: {total:.3} s of {BURNT_S} s");
    assert!(total > BURNT_S - missing_s, "{method}: {total} s, burnt were {BURNT_S} s");
    assert!(total < BURNT_S + 0.2, "{method}: {total} s, burnt were only {BURNT_S} s");
    true
}

#[test]
fn cgroup_version_2() {
    expect_all_of_it("cgroup2", 0.001);
}

#[test]
fn cgroup_version_1() {
    expect_all_of_it("cgroup1", 0.001);
}

#[test]
fn process_tree() {
    // The one that needs no rights must work everywhere. Two clocks a process, a tick each.
    assert!(expect_all_of_it("tree", 0.06), "the process tree cannot be unavailable");
}
