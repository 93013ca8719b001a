//! Results that a machine never gave, for the tests of the report.

use crate::figures::{Figure, Figures};
use crate::host::Host;
use crate::measure::{Cpu, Method, Peak};
use crate::results::{Absence, Baseline, Cause, Part, Ratio, Results, Sample, Server};

const FIGURES: &[Figure] = &[Figure::CpuPerGib, Figure::MbPerS, Figure::Wall, Figure::Rss];
const RATIOS: &[Ratio] = &[Ratio {
    title: "CPU x OpenSSH",
    figure: Figure::CpuPerGib,
    baseline: Baseline::Server("openssh"),
}];

fn server(name: &str) -> Server {
    Server {
        name: name.into(),
        version: format!("{name} 1; greets `SSH-2.0-{name}`"),
        command_line: format!("/usr/sbin/{name} -f SITE/{name}.conf"),
        configuration: "Port 1\nUser me".into(),
    }
}

/// Two servers and two ciphers, three rounds; one of the servers has only one of the ciphers.
pub(super) fn part() -> Part {
    let mut samples = Vec::new();
    for (round, server, case, cpu_s, wall_s) in [
        (0, 0, 0, 0.5, 1.0),
        (0, 1, 0, 2.0, 2.0),
        (1, 1, 0, 1.5, 2.5),
        (1, 0, 0, 0.7, 1.5),
        (2, 0, 0, 0.6, 1.25),
        (2, 1, 0, 2.5, 3.0),
        (0, 0, 1, 0.9, 1.0),
    ] {
        let cpu = Cpu { user_s: cpu_s / 2.0, system_s: cpu_s / 2.0 };
        let figures =
            Figures::of(wall_s, cpu, Peak { rss_kib: 2048 + u64::from(round), pss_kib: 1024 });
        samples.push(Sample { round, server, case, figures: figures.with_bytes(1 << 30) });
    }
    let reason = "no matching cipher found".into();
    Part {
        name: "get".into(),
        about: "One download of 1024 MiB.".into(),
        figures: FIGURES,
        ratios: RATIOS,
        cases: vec!["aes128-gcm".into(), "default".into()],
        references: vec![None, None],
        servers: vec![server("ringferry"), server("openssh")],
        agreed: vec![(0, 1, "chacha20-poly1305@openssh.com".into())],
        samples,
        absences: vec![Absence { server: 1, case: 1, cause: Cause::NotOffered, reason }],
    }
}

pub(super) fn results() -> Results {
    Results {
        rounds: 3,
        method: Method::Tree,
        host: Host {
            date: "2026-11-20".into(),
            name: "vm".into(),
            kernel: "6.18".into(),
            processor: "A processor".into(),
            cores: 2,
            memory_gib: 24,
            filesystem: "ext4".into(),
            load_before: "0.01".into(),
            client: "OpenSSH_9.2p1".into(),
        },
        arguments: vec!["--rounds".into(), "3".into()],
        client_options: "-F none".into(),
        skipped: vec![("proftpd".into(), "install with apt-get install proftpd-core".into())],
        parts: vec![part()],
    }
}
