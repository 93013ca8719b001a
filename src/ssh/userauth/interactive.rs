//! Questions and answers of `keyboard-interactive` (RFC 4256), as each role writes and reads them.

use zeroize::Zeroizing;

use crate::ssh::connection::limits::{PASSWORD_BYTES_MAX, PROMPTS_MAX, TEXT_BYTES_MAX};
use crate::ssh::event::{Prompt, Prompts};
use crate::ssh::numbers;
use crate::ssh::wire::{Reader, WireError, Writer};

/// What comes of an INFO_RESPONSE.
pub(super) enum Response {
    Answers(Vec<Zeroizing<String>>),
    /// Well formed, and of no use: why.
    Unfit(&'static str),
}

/// USERAUTH_INFO_REQUEST (RFC 4256 3.2).
pub(super) fn info_request(prompts: &Prompts) -> Vec<u8> {
    let mut message = vec![numbers::USERAUTH_INFO_REQUEST];
    message.put_string(prompts.name.as_bytes());
    message.put_string(prompts.instruction.as_bytes());
    message.put_string(b"");
    message.put_u32(u32::try_from(prompts.prompts.len()).unwrap_or(u32::MAX));
    for prompt in &prompts.prompts {
        message.put_string(prompt.text.as_bytes());
        message.put_bool(prompt.echo);
    }
    message
}

/// Reads INFO_RESPONSE from after its number. Another count than was asked for fails before any
/// answer is read (RFC 4256 3.4), so that no count on the wire decides how much is kept.
pub(super) fn read_response(body: &[u8], asked: usize) -> Result<Response, WireError> {
    let mut reader = Reader::new(body);
    if usize::try_from(reader.u32()?) != Ok(asked) {
        return Ok(Response::Unfit("the number of answers is not that of the questions"));
    }
    let mut answers = Vec::with_capacity(asked.min(PROMPTS_MAX));
    for _ in 0..asked {
        let answer = reader.string()?;
        match std::str::from_utf8(answer) {
            Ok(text) if text.len() <= PASSWORD_BYTES_MAX => {
                answers.push(Zeroizing::new(text.to_owned()));
            }
            _ => return Ok(Response::Unfit("an answer is too long or not UTF-8")),
        }
    }
    reader.end()?;
    Ok(Response::Answers(answers))
}

/// Reads INFO_REQUEST from after its number; `None` if it asks for too much.
pub(super) fn read_request(body: &[u8]) -> Result<Option<Prompts>, WireError> {
    let mut reader = Reader::new(body);
    let name = shown(reader.string()?);
    let instruction = shown(reader.string()?);
    reader.string()?;
    let count = reader.u32()?;
    let Some(count) = usize::try_from(count).ok().filter(|count| *count <= PROMPTS_MAX) else {
        return Ok(None);
    };
    let mut prompts = Vec::with_capacity(count);
    for _ in 0..count {
        let text = shown(reader.string()?);
        prompts.push(Prompt { text, echo: reader.bool()? });
    }
    reader.end()?;
    Ok(Some(Prompts { name, instruction, prompts }))
}

/// INFO_RESPONSE (RFC 4256 3.4).
pub(super) fn info_response(answers: &[Zeroizing<String>]) -> Zeroizing<Vec<u8>> {
    let mut message = Zeroizing::new(vec![numbers::USERAUTH_INFO_RESPONSE]);
    message.put_u32(u32::try_from(answers.len()).unwrap_or(u32::MAX));
    for answer in answers {
        message.put_string(answer.as_bytes());
    }
    message
}

fn shown(text: &[u8]) -> String {
    let text = text.get(..TEXT_BYTES_MAX).unwrap_or(text);
    String::from_utf8_lossy(text).into_owned()
}
