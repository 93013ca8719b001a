//! Records as no honest client sends them: told in the protocol's own words, with status 1, and
//! nothing is written but what was good.

use std::fs;

use super::support::client::{Finished, Running};
use super::{LONG, Scene, expect_content, names_in};

fn start() -> Option<Scene> {
    Scene::start_ours("sshd's scp takes some of them for its own reasons")
}

/// What the sink says to `records` that come all at once for a folder of their own.
fn receive(scene: &Scene, options: &str, folder: &str, records: &str) -> Finished {
    fs::create_dir(scene.scratch.served(folder)).expect("mkdir");
    let command = format!("scp {options} -t {folder}");
    Running::start(scene.server.ssh_command(&[], &[&command]), records).wait(LONG)
}

/// The error lines in the sink's answers.
fn told(finished: &Finished) -> Vec<&str> {
    finished.stdout.split(['\0', '\n']).filter(|line| line.starts_with('\u{1}')).collect()
}

#[test]
fn names_that_lead_somewhere_else() {
    let Some(scene) = start() else { return };
    let names = ["../up", "a/b", "/etc/passwd", "..", ".", "", "a/../../up"];
    for (at, name) in names.iter().enumerate() {
        for (kind, size) in [('C', 5), ('D', 0)] {
            let folder = format!("f{at}{kind}");
            let records = format!("{kind}0755 {size} {name}\nhello\0");
            let said = receive(&scene, "-r", &folder, &records).expect_code(1);
            let told = told(&said);
            assert_eq!(told.len(), 1, "{name}: {told:?}");
            assert!(told[0].contains("unexpected filename"), "{name}: {told:?}");
            assert!(names_in(&scene.scratch.served(&folder)).is_empty(), "{name}");
        }
    }
    assert_eq!(names_in(&scene.scratch.root()).len(), 2 * names.len(), "nothing beside them");
}

#[test]
fn records_that_are_none() {
    let Some(scene) = start() else { return };
    let long = format!("C0644 1 {}\nx\0", "n".repeat(65_536));
    let records = [
        "\n",
        "X\n",
        "C\n",
        "C0644\n",
        "C0644 5\n",
        "C0844 5 x\n",
        "C644 5 x\n",
        "C0644 -5 x\n",
        "C0644 5x y\n",
        "C0644 9223372036854775808 x\n",
        "C0644 99999999999999999999999 x\n",
        "T1 2 3\n",
        "T1 1000000 1 0\n",
        "D0755 0 x\n",
        &long,
    ];
    for (at, record) in records.iter().enumerate() {
        let folder = format!("r{at}");
        let said = receive(&scene, "", &folder, &format!("{record}C0644 2 late\nhi\0"));
        let said = said.expect_code(1);
        let told = told(&said);
        assert_eq!(told.len(), 1, "{record:.40?}: {told:?}");
        assert!(told[0].starts_with("\u{1}scp: protocol error: "), "{record:.40?}: {told:?}");
        assert!(names_in(&scene.scratch.served(&folder)).is_empty(), "{record:.40?}");
    }
}

/// What goes wrong with one file is told, and the next one comes.
#[test]
fn the_rest_goes_on_where_opensshs_does() {
    let Some(scene) = start() else { return };
    fs::create_dir_all(scene.scratch.served("taken/folder")).expect("mkdir");
    let long = "n".repeat(300);
    let records = format!("C0644 2 {long}\nC0644 2 folder\n\u{1}scp: one less\nC0644 2 good\nhi\0");
    let command = scene.server.ssh_command(&[], &["scp -t taken"]);
    let said = Running::start(command, &records).wait(LONG).expect_code(1);
    let told = told(&said);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("File name too long"), "{told:?}");
    assert!(told[1].contains("Is a directory"), "{told:?}");
    expect_content(&scene.scratch.served("taken/good"), "hi");
}

#[test]
fn more_bytes_than_were_announced_and_fewer() {
    let Some(scene) = start() else { return };
    receive(&scene, "", "more", "C0644 2 x\nhi there\0").expect_code(1);
    expect_content(&scene.scratch.served("more/x"), "hi");
    receive(&scene, "", "fewer", "C0644 200 x\nhi there\0").expect_code(1);
    expect_content(&scene.scratch.served("fewer/x"), "hi there\0");
    // A source that could not read all of it says so behind the zeros.
    receive(&scene, "", "unread", "C0644 4 x\nhi\0\0\u{1}scp: x: error\n").expect_code(1);
    expect_content(&scene.scratch.served("unread/x"), "hi\0\0");
}

/// Leaving the target ends the copy, as in OpenSSH.
#[test]
fn one_e_too_many() {
    let Some(scene) = start() else { return };
    let records = "D0755 0 in\nC0644 2 a\nhi\0E\nE\nC0644 2 late\nhi\0";
    receive(&scene, "-r", "ends", records).expect_success();
    assert_eq!(names_in(&scene.scratch.served("ends")), ["in"]);
    expect_content(&scene.scratch.served("ends/in/a"), "hi");
}

#[test]
fn a_stream_cut_at_each_byte() {
    let Some(scene) = start() else { return };
    let records = "T5 0 6 0\nC0644 5 cut\nhello\0";
    for cut in 0..=records.len() {
        let said = receive(&scene, "-p", &format!("c{cut}"), &records[..cut]);
        // Between records the end is a good end.
        let whole = [0, "T5 0 6 0\n".len(), records.len()].contains(&cut);
        assert_eq!(said.code, Some(i32::from(!whole)), "cut at {cut}: {}", said.stdout);
        let begun = cut >= records.find("hello").expect("there");
        let names = names_in(&scene.scratch.served(&format!("c{cut}")));
        assert_eq!(names.len(), usize::from(begun), "cut at {cut}");
    }
}
