//! The load generator against a server of ours: what it says it moved is what arrived.
//!
//! Each test starts its own server on a free port, in a folder of its own, and stops it.

#[path = "load/scene.rs"]
mod scene;

use scene::{Scene, number, perf, run, try_run};

const BYTES: usize = 3_000_001;

#[test]
fn a_download_is_the_file_whatever_the_length_of_a_request() {
    let scene = Scene::new("get", &[]);
    let sent = scene.write("bulk.bin", BYTES);
    for (request, outstanding) in [("32K", "1"), ("33000", "7"), ("255K", "64")] {
        let copy = scene.path("copy.bin");
        let mut command = scene.bulk("get", &["bulk.bin"], BYTES);
        command.args(["--request", request, "--outstanding", outstanding]);
        let said = run(command.arg("--local").arg(&copy));
        assert_eq!(number(&said, "bytes"), BYTES, "{said}");
        assert!(std::fs::read(&copy).unwrap() == sent, "requests of {request}");
    }
}

#[test]
fn uploads_are_the_file_in_every_stream_and_cipher() {
    let scene = Scene::new("put", &[]);
    let sent = scene.write("source.bin", BYTES);
    let names = ["a.bin", "b.bin", "c.bin"];
    for cipher in ["aes128-gcm", "chacha20-poly1305", "aes128-ctr"] {
        for (request, outstanding) in [("32K", "1"), ("33000", "7"), ("255K", "64")] {
            let mut command = scene.bulk("put", &names, BYTES);
            command.args(["--request", request, "--outstanding", outstanding]);
            command.args(["--cipher", cipher]);
            let said = run(command.arg("--local").arg(scene.served("source.bin")));
            assert_eq!(number(&said, "bytes"), 3 * BYTES, "{said}");
            for name in names {
                let arrived = std::fs::read(scene.served(name)).unwrap();
                assert!(arrived == sent, "{name}, {cipher}, requests of {request}");
                std::fs::remove_file(scene.served(name)).unwrap();
            }
        }
    }
}

#[test]
fn keys_may_be_exchanged_meanwhile() {
    let scene = Scene::new("rekey", &["--set", "key_renegotiation_threshold=256K"]);
    let sent = scene.write("bulk.bin", BYTES);
    let copy = scene.path("copy.bin");
    run(scene.bulk("get", &["bulk.bin"], BYTES).arg("--local").arg(&copy));
    assert!(std::fs::read(&copy).unwrap() == sent);
    let mut command = scene.bulk("put", &["up.bin"], BYTES);
    run(command.arg("--local").arg(scene.served("bulk.bin")));
    assert!(std::fs::read(scene.served("up.bin")).unwrap() == sent);
    for line in scene.expect_in_log("rekeys=", 2) {
        assert!(number(&line, "rekeys") >= 1, "{line}");
    }
}

/// What is counted without decryption lies between the least that can answer the requests and that
/// with a packet for each header and the most padding a packet needs.
#[test]
fn a_sink_counts_all_that_the_server_sends() {
    let scene = Scene::new("sink", &[]);
    scene.write("bulk.bin", BYTES);
    for cipher in ["aes128-gcm", "chacha20-poly1305", "aes128-ctr"] {
        let mut command = scene.bulk("get", &["bulk.bin", "bulk.bin"], BYTES);
        let said = run(command.args(["--skip-decryption", "--cipher", cipher]));
        let requests = BYTES.div_ceil(32 * 1024);
        for stream in said.lines().skip(1) {
            assert_eq!(number(stream, "bytes"), BYTES);
            let counted = number(stream, "wire_bytes");
            let least = BYTES + requests * (13 + 18 + 16);
            let most = BYTES + requests * (13 + 2 * (18 + 32 + 16)) + 1024;
            assert!((least..most).contains(&counted), "{counted}: {least} to {most}, {cipher}");
        }
    }
}

#[test]
fn what_did_not_arrive_is_an_error() {
    let scene = Scene::new("short", &[]);
    scene.write("bulk.bin", BYTES);
    let longer = try_run(&mut scene.bulk("get", &["bulk.bin"], BYTES + 1)).unwrap_err();
    assert!(longer.contains("READ: status 1"), "{longer}");
    let mut sink = scene.bulk("get", &["bulk.bin"], 1 << 30);
    sink.args(["--skip-decryption", "--cipher", "chacha20-poly1305"]);
    let too_long = try_run(&mut sink).unwrap_err();
    assert!(too_long.contains("last for 1063004406 bytes"), "{too_long}");
    let missing = try_run(&mut scene.bulk("get", &["none.bin"], BYTES)).unwrap_err();
    assert!(missing.contains("/none.bin: status 2"), "{missing}");
    let mut command = scene.bulk("put", &["no/folder.bin"], BYTES);
    let refused = try_run(command.arg("--local").arg(scene.served("bulk.bin"))).unwrap_err();
    assert!(refused.contains("status 2"), "{refused}");
}

#[test]
fn stats_through_the_delay_take_twice_the_delay() {
    let scene = Scene::new("delay", &[]);
    scene.write("bulk.bin", 1);
    let direct = run(&mut scene.login("stat", &["--path", "/bulk.bin", "--count", "50"]));
    assert_eq!(number(&direct, "stats"), 50, "{direct}");
    let proxy = scene.start(perf("delay").args(["--one-way", "5", "--to", &scene.address]));
    let mut command = perf("stat");
    command.args(["--to", &proxy.address, "--user", &scene.user, "--path", "/bulk.bin"]);
    let far = run(command.args(["--count", "20", "--key"]).arg(scene.path("key")));
    assert!(number(&far, "p50_us") >= 10_000, "{far}");
    let missing = try_run(&mut scene.login("stat", &["--path", "/none"])).unwrap_err();
    assert!(missing.contains("status 2"), "{missing}");
}

#[test]
fn sessions_stay_until_they_are_let_go() {
    let scene = Scene::new("idle", &[]);
    let before = scene.server.sockets();
    let holding = scene.start(&mut scene.login("idle", &["--count", "20"]));
    assert_eq!(number(&holding.said, "holding"), 20);
    scene.server.expect_sockets(before + 20);
    drop(holding);
    scene.server.expect_sockets(before);
    let said = run(&mut scene.login("logins", &["--count", "7", "--parallel", "3"]));
    assert_eq!(number(&said, "logins"), 7, "{said}");
    scene.server.expect_sockets(before);
}

#[test]
fn the_ceiling_moves_the_file_too() {
    let scene = Scene::new("ceiling", &[]);
    let sent = scene.write("source.bin", BYTES);
    let bytes = BYTES.to_string();
    for cipher in ["aes128-gcm", "chacha20-poly1305", "aes128-ctr"] {
        for (direction, file) in [("get", "source.bin"), ("put", "up.bin")] {
            let mut command = perf("ceiling");
            command.args(["--direction", direction, "--cipher", cipher, "--bytes", &bytes]);
            let bare = scene.start(command.arg("--file").arg(scene.served(file)));
            // As the harness does to see whether a server is there.
            drop(std::net::TcpStream::connect(&bare.address).unwrap());
            let mut command = perf("drive-ceiling");
            command.args([direction, "--to", &bare.address, "--cipher", cipher]);
            command.args(["--bytes", &bytes, "--streams", "2"]);
            let said = run(command.arg("--local").arg(scene.served("source.bin")));
            assert_eq!(number(&said, "bytes"), 2 * BYTES, "{said}");
        }
        // The second stream has the second name unless the first was over before it began.
        let second = scene.served("up.bin.1");
        let arrived = [scene.served("up.bin")].into_iter().chain(second.exists().then_some(second));
        for path in arrived {
            assert!(std::fs::read(&path).unwrap() == sent, "{}, {cipher}", path.display());
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn the_ceiling_of_small_files_moves_them_too() {
    let scene = Scene::new("ceiling-files", &[]);
    for folder in ["own", "down", "served/up"] {
        std::fs::create_dir(scene.path(folder)).unwrap();
    }
    // Nothing, a short one, and one of several requests.
    let names = ["empty", "short", "long"];
    for (name, bytes) in names.into_iter().zip([0, 4096, 100_000]) {
        scene.write(name, bytes);
        std::fs::rename(scene.served(name), scene.path("own").join(name)).unwrap();
    }
    let bare = scene.start(perf("ceiling-files").arg("--folder").arg(scene.path("served")));
    let drive = |direction: &str, local: &str, names: &[&str]| {
        let mut command = perf("drive-ceiling-files");
        command.args([direction, "--to", &bare.address, "--remote", "up", "--local"]);
        try_run(command.arg(scene.path(local)).args(names))
    };
    drive("put", "own", &names).unwrap();
    drive("get", "down", &names).unwrap();
    for name in names {
        let sent = std::fs::read(scene.path("own").join(name)).unwrap();
        assert!(std::fs::read(scene.served("up").join(name)).unwrap() == sent, "{name}, up");
        assert!(std::fs::read(scene.path("down").join(name)).unwrap() == sent, "{name}, down");
    }
    let missing = drive("get", "down", &["none"]).unwrap_err();
    assert!(missing.contains("the bare loop closed"), "{missing}");
}
