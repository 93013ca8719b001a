//! The log: one line an event on stderr, as text or as JSON.
//!
//! Names, paths and texts in events come from peers. tracing-subscriber escapes terminal sequences
//! but lets line breaks through in messages and `%` fields, so [`OneLine`] escapes every control
//! and bidirectional character of a finished line: no second line, no steered terminal.

use std::fmt;
use std::io::Write as _;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, JsonFields, Writer, format};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use super::failure::Failure;

/// Starts the log of this process: `level` and `format` as the configuration allows them.
pub(crate) fn start(level: &str, format: &str) -> Result<(), Failure> {
    let set = tracing::subscriber::set_global_default(subscriber(level, format, std::io::stderr));
    set.map_err(|_| Failure::runtime("the log was started twice"))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A subscriber that writes events to `writer`, each with one call.
fn subscriber<W>(level: &str, format_name: &str, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    let builder = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_max_level(level)
        .with_ansi(false)
        // Its complaints go through eprintln!, which panics when stderr is gone.
        .log_internal_errors(false);
    if format_name == "json" {
        let json = format().json().flatten_event(true).with_span_list(false);
        let events = OneLine { inner: json, escape: escape_json };
        Box::new(builder.fmt_fields(JsonFields::new()).event_format(events).finish())
    } else {
        let text: Format = format().with_target(false);
        Box::new(builder.event_format(OneLine { inner: text, escape: escape_text }).finish())
    }
}

/// Writes a line to stderr where no log runs yet, escaped like the log's.
pub(crate) fn plain_line(text: &str) {
    let mut line = String::with_capacity(text.len() + 1);
    let _ = escape(text, &mut line, escape_text);
    line.push('\n');
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// A panic is an event like any other; a thread that dies must not do so in several lines.
fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let payload = info.payload();
    let message = payload.downcast_ref::<&str>().copied();
    let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let backtrace = std::backtrace::Backtrace::capture();
    let captured = backtrace.status() == std::backtrace::BacktraceStatus::Captured;
    let backtrace = captured.then(|| backtrace.to_string());
    let place = info.location().map(ToString::to_string);
    tracing::error!(place, backtrace, "panic: {}", message.unwrap_or("no message"));
}

/// Writes one character that must not reach the line as it is.
type Escape = fn(char, &mut dyn fmt::Write) -> fmt::Result;

/// Formats an event with `inner`, then escapes everything but the line break at its end.
struct OneLine<F> {
    inner: F,
    escape: Escape,
}

impl<S, N, F> FormatEvent<S, N> for OneLine<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::with_capacity(256);
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        escape(line.strip_suffix('\n').unwrap_or(&line), &mut writer, self.escape)?;
        writeln!(writer)
    }
}

fn escape(text: &str, out: &mut dyn fmt::Write, one: Escape) -> fmt::Result {
    // Nearly every line. Bytes are looked at many at a time, characters one by one.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return out.write_str(text);
    }
    let mut rest = text;
    while let Some(at) = rest.find(is_unsafe) {
        let (clean, tail) = rest.split_at(at);
        out.write_str(clean)?;
        let mut tail = tail.chars();
        if let Some(c) = tail.next() {
            one(c, out)?;
        }
        rest = tail.as_str();
    }
    out.write_str(rest)
}

/// Control characters, line and paragraph separators, and what turns the direction of text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn escape_text(c: char, out: &mut dyn fmt::Write) -> fmt::Result {
    match c {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c if u32::from(c) < 0x100 => write!(out, "\\x{:02x}", u32::from(c)),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    }
}

/// Inside a JSON line such characters can only stand in strings. All of them are below U+10000.
fn escape_json(c: char, out: &mut dyn fmt::Write) -> fmt::Result {
    write!(out, "\\u{:04x}", u32::from(c))
}

#[cfg(test)]
mod tests;
