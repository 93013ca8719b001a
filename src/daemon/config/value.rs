//! A value as it was written, before its row has judged it.

use toml::de::DeValue;

/// What stands right of the `=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Flag(bool),
    Integer(i64),
    Text(String),
    List(Vec<Value>),
    /// Something no key takes: its name, and its text.
    Other(&'static str),
}

impl Value {
    /// A text value.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of text values.
    pub(crate) fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(|text| Self::text(text.as_ref())).collect())
    }

    /// Takes over a parsed TOML value.
    pub(crate) fn from_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::text(text.as_ref()),
            DeValue::Boolean(flag) => Self::Flag(*flag),
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
                .map_or(Self::Other("an integer beyond 64 bits"), Self::Integer),
            DeValue::Array(items) => {
                Self::List(items.iter().map(|item| Self::from_toml(item.get_ref())).collect())
            }
            DeValue::Float(_) => Self::Other("a fraction"),
            DeValue::Datetime(_) => Self::Other("a date"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }

    /// How an error message names the value.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Text(text) => quote(&shorten(text)),
            Self::List(_) => "a list".to_owned(),
            Self::Other(what) => (*what).to_owned(),
        }
    }
}

/// `text` as a TOML string, control characters escaped.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Error messages repeat at most this many characters of a value.
const DESCRIBED_CHARS_MAX: usize = 80;

fn shorten(text: &str) -> String {
    if text.chars().count() <= DESCRIBED_CHARS_MAX {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(DESCRIBED_CHARS_MAX).collect();
    short.push_str("...");
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_toml() {
        for text in ["", "plain", "a \"b\" \\ c", "tab\tline\nescape\x1b[2J\u{9b}", "ü/日本"] {
            let quoted = quote(text);
            assert!(!quoted.chars().any(char::is_control), "{quoted}");
            let value = DeValue::parse(&quoted).unwrap();
            assert_eq!(Value::from_toml(value.get_ref()), Value::text(text));
        }
    }

    #[test]
    fn long_values_are_cut_in_messages() {
        let described = Value::text("x".repeat(500)).describe();
        assert_eq!(described.len(), DESCRIBED_CHARS_MAX + 5);
    }

    #[test]
    fn toml_values_are_taken_over() {
        for (text, value) in [
            ("true", Value::Flag(true)),
            ("0x10", Value::Integer(16)),
            ("1_000", Value::Integer(1000)),
            ("-3", Value::Integer(-3)),
            ("99999999999999999999", Value::Other("an integer beyond 64 bits")),
            ("1.5", Value::Other("a fraction")),
            ("2026-01-01", Value::Other("a date")),
            ("{ a = 1 }", Value::Other("a table")),
            ("['a', 'b']", Value::texts(["a", "b"])),
        ] {
            assert_eq!(Value::from_toml(DeValue::parse(text).unwrap().get_ref()), value, "{text}");
        }
    }
}
