//! Whether a name matches a pattern.

use crate::scp::limits::PATTERN_BYTES_MAX;

/// One component of a path with at least one unquoted pattern character in it.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Token>);

#[derive(Debug)]
enum Token {
    One(Unit),
    Any,
    Run,
    Class { members: Vec<Member>, negated: bool },
}

#[derive(Debug)]
enum Member {
    Range(Unit, Unit),
    /// `[:digit:]` and the like, of US-ASCII.
    Named(fn(&u8) -> bool),
}

/// A character of UTF-8, or a byte that is none; those come after all characters.
type Unit = u32;

/// What a byte that is not UTF-8 is added to.
const BYTES: Unit = char::MAX as Unit + 1;

impl Pattern {
    /// Reads a component, each byte with whether it is quoted. `None`: it only stands for itself.
    pub(super) fn parse(component: &[(u8, bool)]) -> Option<Self> {
        if component.len() > PATTERN_BYTES_MAX {
            return None;
        }
        let units = quoted_units(component);
        let mut tokens = Vec::new();
        let mut rest = units.as_slice();
        while let Some((&first, after)) = rest.split_first() {
            rest = after;
            tokens.push(match unquoted(first) {
                Some('*') => Token::Run,
                Some('?') => Token::Any,
                Some('[') => match class(after) {
                    Some((token, after)) => {
                        rest = after;
                        token
                    }
                    None => Token::One(first.0),
                },
                _ => Token::One(first.0),
            });
        }
        let plain = tokens.iter().all(|token| matches!(token, Token::One(_)));
        (!plain).then_some(Self(tokens))
    }

    /// Whether `name` matches. A leading dot has to be matched by a dot.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        let dotted = matches!(self.0.first(), Some(Token::One(unit)) if *unit == u32::from(b'.'));
        (dotted || !name.starts_with(b".")) && matches(&self.0, &units(name))
    }
}

/// Steps back to the last `*` only, so the time is bounded by the product of the lengths.
fn matches(tokens: &[Token], name: &[Unit]) -> bool {
    let (mut tokens_left, mut name_left) = (tokens, name);
    let mut retry: Option<(&[Token], &[Unit])> = None;
    loop {
        match (tokens_left.split_first(), name_left.split_first()) {
            (None, None) => return true,
            (Some((Token::Run, after)), _) => {
                tokens_left = after;
                retry = Some((after, name_left));
                continue;
            }
            (Some((token, tokens_after)), Some((unit, name_after))) if token.takes(*unit) => {
                (tokens_left, name_left) = (tokens_after, name_after);
                continue;
            }
            _ => {}
        }
        // The last `*` takes one character more.
        let Some((after, from)) = retry else { return false };
        let Some((_, from)) = from.split_first() else { return false };
        retry = Some((after, from));
        (tokens_left, name_left) = (after, from);
    }
}

impl Token {
    fn takes(&self, unit: Unit) -> bool {
        match self {
            Self::One(own) => *own == unit,
            Self::Any => true,
            Self::Run => false,
            Self::Class { members, negated } => {
                members.iter().any(|member| member.takes(unit)) != *negated
            }
        }
    }
}

impl Member {
    fn takes(&self, unit: Unit) -> bool {
        match self {
            Self::Range(first, last) => (first..=last).contains(&&unit),
            Self::Named(test) => u8::try_from(unit).is_ok_and(|byte| test(&byte)),
        }
    }
}

/// What follows a `[`, and what follows its `]`. `None`: it has none.
fn class(mut rest: &[(Unit, bool)]) -> Option<(Token, &[(Unit, bool)])> {
    let negated = matches!(unquoted(*rest.first()?), Some('!' | '^'));
    if negated {
        (_, rest) = rest.split_first()?;
    }
    let mut members = Vec::new();
    loop {
        let (&first, after) = rest.split_first()?;
        match unquoted(first) {
            // Right at the beginning it is a member.
            Some(']') if !members.is_empty() => {
                return Some((Token::Class { members, negated }, after));
            }
            Some('[') => {
                if let Some((member, after)) = named(after) {
                    members.push(member);
                    rest = after;
                    continue;
                }
            }
            _ => {}
        }
        let (last, after) = match after {
            // A hyphen before the end is a member.
            [hyphen, last, after @ ..]
                if unquoted(*hyphen) == Some('-') && unquoted(*last) != Some(']') =>
            {
                (last.0, after)
            }
            _ => (first.0, after),
        };
        members.push(Member::Range(first.0, last));
        rest = after;
    }
}

/// Letters of the longest name of a class.
const CLASS_NAME_MAX: usize = 6;

/// `:digit:]` and the like.
fn named(rest: &[(Unit, bool)]) -> Option<(Member, &[(Unit, bool)])> {
    let (&colon, rest) = rest.split_first().filter(|(it, _)| unquoted(**it) == Some(':'))?;
    let end = rest.iter().take(CLASS_NAME_MAX + 1).position(|unit| *unit == colon)?;
    let (name, rest) = rest.split_at_checked(end)?;
    let [_, bracket, rest @ ..] = rest else { return None };
    if unquoted(*bracket) != Some(']') {
        return None;
    }
    let name: Option<String> = name.iter().map(|unit| unquoted(*unit)).collect();
    let test: fn(&u8) -> bool = match &*name? {
        "alnum" => u8::is_ascii_alphanumeric,
        "alpha" => u8::is_ascii_alphabetic,
        "blank" => |byte| matches!(byte, b' ' | b'\t'),
        "cntrl" => u8::is_ascii_control,
        "digit" => u8::is_ascii_digit,
        "graph" => u8::is_ascii_graphic,
        "lower" => u8::is_ascii_lowercase,
        "print" => |byte| matches!(byte, b' '..=b'~'),
        "punct" => u8::is_ascii_punctuation,
        "space" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
        "upper" => u8::is_ascii_uppercase,
        "xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    };
    Some((Member::Named(test), rest))
}

/// The character, if it is one that may mean something.
fn unquoted((unit, quoted): (Unit, bool)) -> Option<char> {
    if quoted { None } else { char::from_u32(unit) }
}

fn units(bytes: &[u8]) -> Vec<Unit> {
    let mut units = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        units.extend(chunk.valid().chars().map(Unit::from));
        units.extend(chunk.invalid().iter().map(|byte| BYTES + Unit::from(*byte)));
    }
    units
}

/// A character is quoted if its first byte is.
fn quoted_units(component: &[(u8, bool)]) -> Vec<(Unit, bool)> {
    let bytes: Vec<u8> = component.iter().map(|(byte, _)| *byte).collect();
    let mut quoted = component.iter().map(|(_, quoted)| *quoted);
    let mut result = Vec::new();
    for unit in units(&bytes) {
        let len = char::from_u32(unit).map_or(1, char::len_utf8);
        result.push((unit, quoted.next().unwrap_or(true)));
        quoted.by_ref().take(len - 1).for_each(drop);
    }
    result
}

#[cfg(test)]
mod tests;
