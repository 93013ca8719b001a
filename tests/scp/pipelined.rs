//! Clients that wait for no answer: everything they have to say comes at once, its end included.

use std::fs;

use super::support::client::{Finished, Running};
use super::{LONG, Scene, expect_content};

impl Scene {
    /// Sends all of `records` to `command` at once.
    fn send(&self, command: &str, records: &str) -> Finished {
        Running::start(self.server.ssh_command(&[], &[command]), records).wait(LONG)
    }
}

#[test]
fn acknowledgements_that_come_before_what_they_are_for() {
    let scene = Scene::start();
    let content = "content\n".repeat(50_000);
    fs::write(scene.scratch.served("file"), &content).expect("write");
    let command = format!("scp -f {}", scene.far_path("file"));
    for _ in 0..3 {
        let said = scene.send(&command, "\0\0\0").expect_success();
        assert!(said.stdout.starts_with("C0644 400000 file\n"), "{:.40}", said.stdout);
        assert!(said.stdout["C0644 400000 file\n".len()..] == format!("{content}\0"));
    }
}

#[test]
fn files_that_come_before_the_last_one_is_answered() {
    let scene = Scene::start();
    let large = "0123456789abcdef".repeat(100_000);
    let mut records = String::new();
    for at in 0..50 {
        records += &format!("C0640 5 small{at}\nhello\0");
    }
    records += &format!("C0600 {} large\n{large}\0C0644 0 empty\n\0", large.len());
    let command = format!("scp -t {}", scene.far_path("."));
    let said = scene.send(&command, &records).expect_success();
    assert_eq!(said.stdout, "\0".repeat(1 + 2 * 52));
    for at in 0..50 {
        expect_content(&scene.scratch.served(&format!("small{at}")), "hello");
    }
    expect_content(&scene.scratch.served("large"), &large);
    expect_content(&scene.scratch.served("empty"), "");
}

/// What was promised and did not come is an error, and what did come is kept.
#[test]
fn an_upload_that_ends_early() {
    let scene = Scene::start();
    let command = format!("scp -t {}", scene.far_path("."));
    scene.send(&command, "C0644 10 cut\nhello").expect_code(1);
    expect_content(&scene.scratch.served("cut"), "hello");
}
