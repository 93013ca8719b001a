//! Each verb by itself, over `ssh host VERB`.

use std::fs;
use std::process::Command;

use super::support::client::{Finished, Running, quoted};
use super::support::files::{assert_same_bytes, write_random};
use super::support::server::{Subject, ringferry};
use super::support::skipped;
use super::{LONG, SOON, Scene};

/// With a program of coreutils for each.
const COREUTILS: [&str; 6] =
    ["md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum"];

#[test]
fn digests_are_those_of_coreutils() {
    let scene = Scene::start();
    scene.write_files();
    for program in COREUTILS {
        let files = "large 'back\\slash' 'new\nline' with\\ space \"quo'te\" ./-dash '$(x)' empty";
        scene.expect_alike(&format!("{program} {files}"), "");
        scene.expect_alike(&format!("{program} folder/../one ./folder/inner"), "");
        // A folder and a missing file among others: the rest goes on.
        scene.expect_alike(&format!("{program} one none abc folder folder/inner"), "");
        scene.expect_alike(program, "");
        scene.expect_alike(program, "what the client sends\n");
    }
}

/// As rclone asks: an absolute path in quotes.
#[test]
fn absolute_paths_begin_at_the_root() {
    let Some(scene) = Scene::start_ours("sshd serves the whole machine") else { return };
    scene.write_files();
    for path in ["/abc", "'/abc'", "\"/abc\"", "/../abc", "folder/../../../abc"] {
        let said = scene.ask(&format!("md5sum {path}")).expect_success();
        let shown = path.trim_matches(['\'', '"']);
        assert_eq!(said.stdout, format!("900150983cd24fb0d6963f7d28e17f72  {shown}\n"));
    }
    let secret = scene.scratch.path("secret");
    fs::write(&secret, "abc").expect("write");
    std::os::unix::fs::symlink(&secret, scene.scratch.served("link")).expect("symlink");
    for path in [secret.to_str().expect("UTF-8"), "/../secret", "link"] {
        let said = scene.ask(&format!("md5sum '{path}'")).expect_code(1);
        assert_eq!(said.stdout, "");
        assert_eq!(said.stderr, format!("md5sum: {path}: No such file or directory\n"));
    }
}

/// What these print for nothing, `abc` and the large file: by b3sum, xxhsum -H2 and crc32.
fn other_digests(scene: &Scene) -> [(&'static str, [String; 3]); 3] {
    let large = fs::read(scene.scratch.served("large")).expect("read");
    let of_large = [
        blake3::hash(&large).to_string(),
        "1d5d114b5e72660cebc626a2be19a7c8".to_owned(),
        "4ac347b4".to_owned(),
    ];
    let [blake3_large, xxh128_large, crc32_large] = of_large;
    let blake3_of = |bytes| blake3::hash(bytes).to_string();
    [
        ("blake3", [blake3_of(b""), blake3_of(b"abc"), blake3_large]),
        (
            "xxh128",
            [
                "99aa06d3014798d86001c324468d497f".to_owned(),
                "06b05ab6733a618578af5f94892f3950".to_owned(),
                xxh128_large,
            ],
        ),
        ("crc32", ["00000000".to_owned(), "352441c2".to_owned(), crc32_large]),
    ]
}

#[test]
fn digests_that_coreutils_lack() {
    let Some(scene) = Scene::start_ours("not installed beside sshd") else { return };
    scene.write_files();
    for (name, [empty, abc, large]) in other_digests(&scene) {
        let program = match name {
            "blake3" => "b3sum",
            "xxh128" => "xxh128sum",
            other => other,
        };
        for command in [program.to_owned(), format!("rclone hashsum {name}")] {
            let said = scene.ask(&format!("{command} empty abc large")).expect_success();
            let expected = format!("{empty}  empty\n{abc}  abc\n{large}  large\n");
            assert_eq!(said.stdout, expected, "{command}");
            // The probe of rclone: the first word must be the digest of nothing.
            let said = scene.ask(&command).expect_success();
            assert_eq!(said.stdout.split_whitespace().next(), Some(&empty[..]), "{command}");
            let said = scene.ask_with_input(&command, "abc").expect_success();
            assert_eq!(said.stdout.split_whitespace().next(), Some(&abc[..]), "{command}");
            let said = scene.ask(&format!("{command} none abc")).expect_code(1);
            assert_eq!(said.stdout, format!("{abc}  abc\n"), "{command}");
            assert!(said.stderr.contains("none: No such file or directory"), "{}", said.stderr);
        }
    }
}

#[test]
fn rclone_as_a_program_of_digests() {
    let Some(scene) = Scene::start_ours("rclone there is the real one") else { return };
    scene.write_files();
    for (command, program) in [
        ("rclone md5sum", "md5sum"),
        ("rclone sha1sum", "sha1sum"),
        ("rclone hashsum md5", "md5sum"),
        ("rclone hashsum sha1", "sha1sum"),
        ("rclone hashsum sha256", "sha256sum"),
    ] {
        for (arguments, input) in [("large 'with space'", ""), ("", ""), ("", "abc")] {
            let far = scene.ask_with_input(&format!("{command} {arguments}"), input);
            let near = scene.ask_here(&format!("{program} {arguments}"), input);
            assert_eq!(far.expect_success().stdout, near.stdout, "{command} {arguments}");
        }
    }
    for command in ["rclone hashsum", "rclone hashsum none abc", "rclone", "rclone ls /"] {
        let said = scene.ask(command);
        assert!(said.code.is_some_and(|code| code != 0), "{command}: {said:?}");
        assert!(said.stdout.is_empty() && !said.stderr.is_empty(), "{command}: {said:?}");
    }
}

/// The line of `df -k` that says how much there is: what it is of, and three numbers of KiB.
fn disk_line(said: &Finished) -> [u64; 3] {
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "a head and one line:\n{}", said.stdout);
    let fields: Vec<&str> = lines[1].split_whitespace().collect();
    assert!(fields.len() >= 6, "{}", lines[1]);
    [1, 2, 3].map(|at| fields[at].parse().unwrap_or_else(|_| panic!("{}", lines[1])))
}

#[test]
fn df_tells_the_room() {
    let scene = Scene::start();
    scene.write_files();
    let [whole, _, _] = disk_line(&scene.ask_here("df -k .", ""));
    let ours = scene.server.subject == Subject::Ringferry;
    // Without a path df of coreutils tells of all disks, ours of the user's.
    let without = ours.then_some("df -k");
    for command in without.into_iter().chain(["df -k .", "df -k folder", "df -k 'with space'"]) {
        let [total, used, free] = disk_line(&scene.ask(command).expect_success());
        assert_eq!(total, whole, "{command}");
        // Some is kept for root.
        assert!(used > 0 && free > 0 && used + free <= total, "{command}: {used} {free}");
    }
    let said = scene.ask("df -k none").expect_code(1);
    assert_eq!(said.stdout, "");
    assert_eq!(said.stderr, "df: none: No such file or directory\n");
}

#[test]
fn words_that_say_little() {
    let scene = Scene::start();
    scene.write_files();
    let home = match scene.server.subject {
        Subject::Ringferry => "/\n".to_owned(),
        Subject::Sshd => format!("{}\n", scene.scratch.root().display()),
    };
    assert_eq!(scene.ask("pwd").expect_success().stdout, home);
    for command in ["cd", "cd /", "cd \"/\"", "cd folder", "true", "true of anything"] {
        let said = scene.ask(command).expect_success();
        assert_eq!(said.output(), "", "{command}");
    }
    // The last asks rclone, to know whether a shell is Windows's.
    for command in [
        "echo",
        "echo one",
        "echo one   two",
        "echo 'one   two' \"three   four\"",
        "echo naïve é 日本",
        "echo '$(x)' \"quo'te\" a\\ \\ b",
        "echo ${ShellId}%ComSpec%",
    ] {
        scene.expect_alike(command, "");
    }
    assert_eq!(scene.ask("echo ${ShellId}%ComSpec%").expect_success().stdout, "%ComSpec%\n");
}

/// By its paths on various systems, for clients that know no subsystems.
#[test]
fn sftp_server_by_its_names() {
    let scene = Scene::start();
    let source = scene.scratch.path("source");
    write_random(&source, 100_000, 82);
    let ours = [
        "sftp-server",
        "internal-sftp",
        "/usr/libexec/openssh/sftp-server",
        "/usr/libexec/sftp-server",
        "/usr/lib/openssh/sftp-server",
    ];
    // sshd has a shell start what is on this machine: Debian's.
    let names = if scene.server.subject == Subject::Sshd { &ours[4..] } else { &ours };
    for (number, name) in names.iter().enumerate() {
        let (up, back) =
            (scene.scratch.served(&format!("up-{number}")), scene.scratch.path("back"));
        let far = match scene.server.subject {
            Subject::Ringferry => format!("/up-{number}"),
            Subject::Sshd => up.display().to_string(),
        };
        let batch = format!("put {} {far}\nget {far} {}\n", quoted(&source), quoted(&back));
        let ssh = scene.server.ssh_command(&[], &[name]);
        let words = ssh.get_args().map(|word| word.to_str().expect("UTF-8"));
        let program = ["ssh"].into_iter().chain(words).collect::<Vec<_>>().join(" ");
        let mut sftp = Command::new("sftp");
        sftp.args(["-b", "-", "-D", &program]);
        Running::start(sftp, &batch).wait(LONG).expect_success();
        assert_same_bytes(&source, &up);
        assert_same_bytes(&source, &back);
        fs::remove_file(&back).expect("remove");
    }
}

/// Answers whose verb is not in the list are those of an unknown one; SFTP is none of them.
#[test]
fn only_what_is_enabled() {
    if Subject::chosen() == Subject::Sshd {
        return skipped("the key is ours");
    }
    for (list, allowed, refused) in [
        (r#"["md5sum","echo"]"#, &["md5sum abc", "echo x"][..], &["sha1sum abc", "pwd"][..]),
        (r#"["scp"]"#, &["scp -f abc"], &["md5sum abc", "internal-sftp", "true"]),
        (r#"["sftp-server"]"#, &["sftp-server"], &["scp -f abc", "df -k", "rclone md5sum abc"]),
        ("[]", &[], &["md5sum abc", "scp -f abc", "scp -t abc", "true", "cd /", "echo x"]),
    ] {
        let scene = Scene::start_with(vec![("enabled_exec", list.to_owned())]);
        scene.write_files();
        for command in allowed {
            // An scp that hears nothing ends as one that was left.
            let said = scene.ask(command);
            assert!(said.code.is_some_and(|code| code < 127), "{list}: {command}: {said:?}");
            assert!(!said.stderr.contains("ringferry: "), "{list}: {command}: {said:?}");
        }
        for command in refused {
            let said = scene.ask(command).expect_code(127);
            assert!(said.stderr.starts_with("ringferry: "), "{list}: {command}: {said:?}");
            assert_eq!(said.stdout, "", "{list}: {command}");
        }
        scene.server.sftp(&[], "ls /\n", SOON).expect_success();
    }
}

#[test]
fn a_list_with_an_unknown_verb_is_an_error() {
    if Subject::chosen() == Subject::Sshd {
        return skipped("the key is ours");
    }
    let check = |list: &str| {
        let mut command = ringferry();
        command.args(["check", "--set", &format!("enabled_exec={list}")]);
        Running::start(command, "").wait(SOON)
    };
    check(r#"["scp","md5sum"]"#).expect_success();
    for list in [r#"["scp","bash"]"#, r#"["md5sum /etc/passwd"]"#, "[1]"] {
        let said = check(list).expect_code(2);
        assert!(said.stderr.contains("enabled_exec"), "{list}: {}", said.stderr);
    }
}
