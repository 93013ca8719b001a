use super::*;
use crate::crypto::{ChaChaRandom, Random};

const MAX: usize = 257 * 1024;

/// Both halves of every compression but `none`.
fn pairs() -> impl Iterator<Item = (&'static str, Box<dyn Compress>, Box<dyn Expand>)> {
    let halves = |it: &'static CompressionAlgorithm| {
        let expander = it.expander().unwrap();
        it.compressor().unwrap().map(|compressor| (it.name, compressor, expander.unwrap()))
    };
    compressions().iter().filter_map(halves)
}

fn random(len: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; len];
    ChaChaRandom::from_seed([seed; 32]).fill(&mut bytes);
    bytes
}

fn refusal(expander: &mut dyn Expand, packet: &[u8]) -> &'static str {
    let mut out = Vec::new();
    match expander.expand(packet, &mut out, MAX) {
        Err(CryptoError::Compression(why)) => why,
        other => panic!("{other:?} and {} bytes", out.len()),
    }
}

fn expander(name: &str) -> Box<dyn Expand> {
    compression(name).unwrap().expander().unwrap().unwrap()
}

#[test]
fn table() {
    let names: Vec<_> = compressions().iter().map(|it| it.name).collect();
    let zstd: &[&str] = if cfg!(feature = "zstd") { &["zstd@ringferry"] } else { &[] };
    assert_eq!(names, [&["none", "zlib@openssh.com"], zstd, &["zlib"]].concat());
    for it in compressions() {
        assert!(std::ptr::eq(it, compression(it.name).unwrap()));
        assert!(it.delayed || ["none", "zlib"].contains(&it.name));
        assert!(it.preset.is_some() || it.name == "zlib", "no preset lets strangers inflate");
    }
    assert_eq!(Preset::Hardened.compressions(), ["none"]);
    assert_eq!(Preset::Legacy.compressions(), Preset::Default.compressions());
    assert!(compression("lzo").is_none());
}

/// Each packet gives its whole payload as soon as it is there, whatever the sizes.
#[test]
fn payloads_come_back_packet_by_packet() {
    let noise = random(MAX, 1);
    let text = b"the same words again and again, ".repeat(MAX / 32 + 1);
    let sizes = [1, 2, 9, 100, 4095, 4096, 4097, 8192, 32 * 1024, 32 * 1024 + 9, 130_000, MAX];
    for (name, mut compressor, mut expander) in pairs() {
        let mut out = Vec::new();
        for round in 0..3 {
            for size in sizes {
                for source in [&noise, &text] {
                    let payload = &source[..size];
                    // What is in front of it stays.
                    let mut packet = vec![7; round];
                    compressor.compress(payload, &mut packet).unwrap();
                    assert_eq!(packet[..round], vec![7; round]);
                    let packet = &packet[round..];
                    expander.expand(packet, &mut out, MAX).unwrap();
                    assert!(out == payload, "{name}: {size} bytes");
                    assert!(out.capacity() <= 2 * MAX);
                    if std::ptr::eq(source, &text) && size > 1000 {
                        assert!(packet.len() < size / 4, "{name}: {} of {size}", packet.len());
                    } else {
                        assert!(packet.len() < size + size / 100 + 64, "{name}: {size}");
                    }
                }
            }
        }
    }
}

/// Packets refer to what came before them: without it nothing can be made of them.
#[test]
fn a_context_is_one_stream() {
    for (name, mut compressor, _) in pairs() {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        compressor.compress(b"once more with feeling", &mut first).unwrap();
        compressor.compress(b"once more with feeling", &mut second).unwrap();
        assert!(second.len() < first.len(), "{name}");
        let mut fresh = expander(name);
        refusal(&mut *fresh, &second);
    }
}

/// A packet that expands a thousandfold is refused, and next to nothing is allocated for it.
fn refuses_a_bomb(name: &str, bomb: &[u8]) {
    for max in [35_000, MAX] {
        let mut out = Vec::new();
        let end = expander(name).expand(bomb, &mut out, max);
        let text = "it expands to more than a packet may hold";
        assert_eq!(end, Err(CryptoError::Compression(text)), "{name}");
        assert!(out.capacity() <= max + 1, "{name}: {}", out.capacity());
    }
}

/// The bound is on the payload, not on the room that an earlier one left.
#[test]
fn the_bound_is_exact() {
    for (name, mut compressor, mut expander) in pairs() {
        let mut out = Vec::new();
        for (len, max, fits) in [(MAX, MAX, true), (1000, 1000, true), (1001, 1000, false)] {
            let mut packet = Vec::new();
            compressor.compress(&vec![5; len], &mut packet).unwrap();
            let expanded = expander.expand(&packet, &mut out, max);
            assert_eq!(expanded.is_ok(), fits, "{name}: {len} of {max}");
        }
    }
}

#[test]
fn garbage_is_refused() {
    for name in compressions().iter().filter(|it| it.name != "none").map(|it| it.name) {
        for seed in 0..50 {
            let packet = random(300, seed);
            let mut out = Vec::new();
            let taken = expander(name).expand(&packet, &mut out, MAX);
            assert!(taken.is_err(), "{name}: {seed}");
        }
    }
    for uncompressed in [&[20u8; 40][..], b"\x5e\0\0\0\0\0\0\0\x05hello"] {
        assert_eq!(refusal(&mut *expander("zlib"), uncompressed), "it is no zlib stream");
    }
}

/// What is cut gives less or nothing, and damage gives an error or something else, never a panic.
#[test]
fn cut_and_damaged_packets_do_no_harm() {
    for (name, mut compressor, _) in pairs() {
        let mut packet = Vec::new();
        let mut payload = b"words and words and ".repeat(20);
        payload.extend(random(100, 4));
        compressor.compress(&payload, &mut packet).unwrap();
        for cut in 0..packet.len() {
            let mut out = Vec::new();
            let taken = expander(name).expand(&packet[..cut], &mut out, MAX);
            // The last bytes may be the flush alone.
            assert!(taken.is_err() || payload.starts_with(&out), "{name}: {cut}");
            assert!(out.len() < payload.len() || cut + 5 > packet.len(), "{name}: {cut}");
        }
        for bit in 0..packet.len() * 8 {
            let mut damaged = packet.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let mut out = Vec::new();
            let _ = expander(name).expand(&damaged, &mut out, MAX);
            assert!(out.len() <= MAX + 1);
        }
    }
}

mod zlib {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    #[test]
    fn a_stream_that_ends_is_refused_with_and_without_more_behind_it() {
        let mut packet = Vec::with_capacity(100);
        let mut deflate = Compress::new(Compression::new(6), true);
        deflate.compress_vec(b"the end", &mut packet, FlushCompress::Finish).unwrap();
        assert_eq!(refusal(&mut *expander("zlib"), &packet), "the zlib stream ends");
        packet.extend(b"and more");
        assert_eq!(refusal(&mut *expander("zlib"), &packet), "the zlib stream ends");
    }

    #[test]
    fn a_bomb_is_refused_at_the_bound() {
        let mut bomb = Vec::with_capacity(100_000);
        let mut deflate = Compress::new(Compression::new(9), true);
        let zeros = vec![0; 64 << 20];
        deflate.compress_vec(&zeros, &mut bomb, FlushCompress::Sync).unwrap();
        assert!(bomb.len() < zeros.len() / 1000);
        refuses_a_bomb("zlib@openssh.com", &bomb);
    }

    /// CMF 0x78, FLG with FDICT, and the dictionary's checksum.
    #[test]
    fn a_preset_dictionary_is_refused() {
        let packet = [0x78, 0x20, 1, 2, 3, 4, 5, 6];
        assert_eq!(refusal(&mut *expander("zlib"), &packet), "it asks for a preset dictionary");
    }

    /// OpenSSH and others flush partially, paramiko and libssh2 to a byte's edge.
    #[test]
    fn every_kind_of_flush_is_understood() {
        for flush in [FlushCompress::Partial, FlushCompress::Sync, FlushCompress::Full] {
            let mut deflate = Compress::new(Compression::new(9), true);
            let mut inflate = expander("zlib@openssh.com");
            let mut out = Vec::new();
            for size in 1..500 {
                let mut packet = Vec::with_capacity(2000);
                let payload = random(size, 3);
                deflate.compress_vec(&payload, &mut packet, flush).unwrap();
                inflate.expand(&packet, &mut out, MAX).unwrap();
                assert_eq!(out, payload);
            }
        }
    }
}

#[cfg(feature = "zstd")]
mod zstandard {
    use ::zstd::stream::raw::{CParameter, Encoder, Operation};

    use super::*;

    fn frame(window_log: u32, finish: bool) -> Vec<u8> {
        let mut encoder = Encoder::new(3).unwrap();
        encoder.set_parameter(CParameter::WindowLog(window_log)).unwrap();
        let mut packet = vec![0; 1000];
        let mut done = encoder.run_on_buffers(b"hello, hello", &mut packet).unwrap().bytes_written;
        let mut output = ::zstd::stream::raw::OutBuffer::around_pos(&mut packet[..], done);
        let left =
            if finish { encoder.finish(&mut output, true) } else { encoder.flush(&mut output) };
        assert_eq!(left.unwrap(), 0);
        done = output.pos();
        packet.truncate(done);
        packet
    }

    #[test]
    fn a_window_larger_than_agreed_is_refused() {
        let mut out = Vec::new();
        expander("zstd@ringferry").expand(&frame(18, false), &mut out, MAX).unwrap();
        assert_eq!(out, b"hello, hello");
        for log in [19, 20, 27] {
            let why = refusal(&mut *expander("zstd@ringferry"), &frame(log, false));
            assert_eq!(why, "it is no zstd frame that is taken");
        }
    }

    #[test]
    fn a_bomb_is_refused_at_the_bound() {
        let zeros = vec![0; 64 << 20];
        let mut bomb = Vec::new();
        super::super::zstd::Compressor::new().unwrap().compress(&zeros, &mut bomb).unwrap();
        assert!(bomb.len() < zeros.len() / 1000);
        refuses_a_bomb("zstd@ringferry", &bomb);
    }

    #[test]
    fn a_frame_that_ends_is_refused_with_and_without_more_behind_it() {
        let mut packet = frame(18, true);
        assert_eq!(refusal(&mut *expander("zstd@ringferry"), &packet), "the zstd frame ends");
        packet.extend(frame(18, false));
        assert_eq!(refusal(&mut *expander("zstd@ringferry"), &packet), "the zstd frame ends");
    }

    /// RFC 8878 section 3.1.1.1: a dictionary's number 7, and a raw block of one byte.
    #[test]
    fn a_dictionary_is_refused() {
        let packet = [0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x40, 7, 8, 0, 0, b'a'];
        let why = refusal(&mut *expander("zstd@ringferry"), &packet);
        assert_eq!(why, "it is no zstd frame that is taken");
        let without = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x40, 8, 0, 0, b'a'];
        let mut out = Vec::new();
        expander("zstd@ringferry").expand(&without, &mut out, MAX).unwrap();
        assert_eq!(out, b"a");
    }

    #[test]
    fn a_frame_to_be_skipped_is_refused() {
        let packet = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2];
        assert_eq!(refusal(&mut *expander("zstd@ringferry"), &packet), "the zstd frame ends");
    }
}
