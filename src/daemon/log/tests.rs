use std::io;
use std::sync::{Arc, Mutex};

use super::*;

/// What a peer might send as a name.
const NASTY: &str = "a\nFAKE line\r\x1b[2J\x07\0\x7f\u{9b}31m\u{2028}\u{202e}\tz";

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(level: &str, format: &str, events: impl FnOnce()) -> String {
    let sink = Sink::default();
    let writer = sink.clone();
    tracing::subscriber::with_default(subscriber(level, format, move || writer.clone()), events);
    let bytes = sink.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

/// Puts the text everywhere an event can carry it.
fn nasty_event() {
    let span = tracing::info_span!("connection", id = 7, peer = NASTY, user = %NASTY);
    let _inside = span.enter();
    span.record("peer", NASTY);
    tracing::info!(plain = NASTY, display = %NASTY, debug = ?NASTY, "message {NASTY}");
}

#[test]
fn a_text_line_stays_one_line_whatever_a_peer_sends() {
    let text = logged("info", "text", nasty_event);
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    let line = text.strip_suffix('\n').unwrap();
    assert!(!line.chars().any(is_unsafe), "{line:?}");
    assert!(line.contains("INFO"), "{line}");
    assert!(line.contains("message a\\nFAKE line\\r\\x1b[2J\\x07\\x00\\x7f"), "{line}");
    assert!(line.contains("connection{id=7"), "{line}");
}

#[test]
fn a_json_line_stays_one_line_and_valid() {
    let text = logged("info", "json", nasty_event);
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    let line = text.strip_suffix('\n').unwrap();
    assert!(!line.chars().any(is_unsafe), "{line:?}");
    // TOML's basic strings are close enough to JSON's to read an escaped string back.
    let from = line.find("\"display\":").unwrap() + "\"display\":".len();
    let string = &line[from..from + line[from + 1..].find('"').unwrap() + 2];
    let value = toml::de::DeValue::parse(string).unwrap();
    assert_eq!(value.get_ref().as_str(), Some(NASTY));
    assert!(line.contains("\"level\":\"INFO\"") && line.contains("\"id\":7"), "{line}");
    assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
}

#[test]
fn ordinary_text_is_left_alone() {
    let text = logged("info", "text", || tracing::info!(path = %"/ü/日本 x", "opened"));
    assert!(text.ends_with("INFO opened path=/ü/日本 x\n"), "{text}");
}

#[test]
fn the_level_decides_what_is_written() {
    let events = || {
        tracing::error!("an error");
        tracing::warn!("a warning");
        tracing::debug!("a detail");
    };
    assert_eq!(logged("off", "text", events), "");
    assert_eq!(logged("error", "text", events).lines().count(), 1);
    assert_eq!(logged("warn", "text", events).lines().count(), 2);
    assert_eq!(logged("debug", "text", events).lines().count(), 3);
}
