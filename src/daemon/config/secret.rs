//! Text that must not be shown: not in a message, not in a `Debug` output.

use zeroize::Zeroizing;

use super::value::Value;

/// What a key holds that only the server may know; empty where the key is not set.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a text that is not empty. The message of the error does not repeat the value.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Text(text) if text.is_empty() => Err("it is empty".to_owned()),
            Value::Text(text) => Ok(Self(Zeroizing::new(text.clone()))),
            _ => Err("it is not a string".to_owned()),
        }
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_empty() { "SecretText(none)" } else { "SecretText(..)" })
    }
}
