//! What the hook is asked: one JSON object.

use std::net::IpAddr;

use base64ct::{Base64, Encoding};
use serde::Serialize;
use zeroize::Zeroizing;

use super::limits::QUESTION_ROOM_BYTES;
use crate::auth::Given;
use crate::crypto::{KeyLabel, key_type_of};

/// What somebody shows.
pub(super) enum Shown {
    /// A public key as on the wire, and whether he has signed with it.
    Key {
        blob: Vec<u8>,
        proven: bool,
    },
    Password(Given),
    /// The same, as the answer to a question.
    Answer(Given),
}

impl Shown {
    fn method(&self) -> &'static str {
        match self {
            Self::Key { .. } => "publickey",
            Self::Password(_) => "password",
            Self::Answer(_) => "keyboard-interactive",
        }
    }
}

/// Version of the question's form. A new field is a new version.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Question<'a> {
    version: u32,
    user: &'a str,
    method: &'static str,
    peer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Key<'a>>,
}

#[derive(Serialize)]
struct Key<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    fingerprint: String,
    blob: String,
    proven: bool,
}

/// The question, with a line end. The bytes are overwritten when they go.
///
/// # Errors
/// It cannot be written.
pub(super) fn write(user: &str, shown: &Shown, peer: IpAddr) -> Result<Zeroizing<Vec<u8>>, String> {
    let (password, key) = match shown {
        Shown::Password(given) | Shown::Answer(given) => (Some(given.as_str()), None),
        Shown::Key { blob, proven } => (None, Some((blob, *proven))),
    };
    let key = key.map(|(blob, proven)| Key {
        kind: key_type_of(blob).unwrap_or_default(),
        fingerprint: KeyLabel::of(blob).fingerprint,
        blob: Base64::encode_string(blob),
        proven,
    });
    // A character takes six bytes where it has to be escaped.
    let text_bytes = user.len() + password.map_or(0, str::len);
    let blob_bytes = key.as_ref().map_or(0, |key| key.blob.len());
    let room = QUESTION_ROOM_BYTES + 6 * text_bytes + blob_bytes;
    let mut out = Zeroizing::new(Vec::with_capacity(room));
    let peer = peer.to_canonical().to_string();
    let question = Question { version: VERSION, user, method: shown.method(), peer, password, key };
    serde_json::to_writer(&mut *out, &question).map_err(|error| error.to_string())?;
    out.push(b'\n');
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(user: &str, shown: &Shown) -> Value {
        let peer = "::ffff:192.0.2.7".parse().unwrap();
        let question = write(user, shown, peer).unwrap();
        assert!(question.ends_with(b"}\n") && !question[..question.len() - 1].contains(&b'\n'));
        serde_json::from_slice(&question).unwrap()
    }

    #[test]
    fn a_question_holds_what_is_meant_for_it_and_nothing_else() {
        let password = "a\"b\\\n\u{0}\u{1f}ü\u{1f600}";
        let given = || Zeroizing::new(password.to_owned());
        let expected = |method: &str| {
            json!({
                "version": 1, "user": "ann'\"", "method": method, "peer": "192.0.2.7",
                "password": password,
            })
        };
        assert_eq!(asked("ann'\"", &Shown::Password(given())), expected("password"));
        assert_eq!(asked("ann'\"", &Shown::Answer(given())), expected("keyboard-interactive"));
        let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
        blob.extend([7; 32]);
        for proven in [false, true] {
            let said = asked("bob", &Shown::Key { blob: blob.clone(), proven });
            let key = json!({
                "type": "ssh-ed25519", "proven": proven,
                "fingerprint": KeyLabel::of(&blob).fingerprint,
                "blob": Base64::encode_string(&blob),
            });
            let expected = json!({
                "version": 1, "user": "bob", "method": "publickey", "peer": "192.0.2.7", "key": key,
            });
            assert_eq!(said, expected);
        }
    }

    /// What is written in one piece leaves no copy of itself behind.
    #[test]
    fn a_question_is_never_moved_while_it_is_written() {
        let user = "\u{1}".repeat(64);
        let given = Zeroizing::new("\u{1}".repeat(1024));
        let question = write(&user, &Shown::Password(given), "::1".parse().unwrap()).unwrap();
        assert!(question.len() > 6 * (64 + 1024));
        assert_eq!(question.capacity(), QUESTION_ROOM_BYTES + 6 * (64 + 1024));
    }
}
