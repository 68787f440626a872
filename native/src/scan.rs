//! Where the members of an object stand in a line, by the grammar of RFC 8259. `None` means: in doubt.

#![forbid(unsafe_code)]

use std::ops::Range;

use crate::shape::Shape;

/// A record with more members is left in doubt.
pub const MOST_MEMBERS: usize = 200;
/// An array or object that is nested deeper is left in doubt.
const MOST_DEPTH: u32 = 64;

/// The kind of a value, as its JSON text shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Null,
    Boolean,
    Number,
    /// A string without escapes; `value` is what stands between its quotes.
    Plain,
    /// A string with escapes that are not checked yet.
    Escaped,
    /// An array or an object. The escapes in it are not checked yet.
    Nested,
}

/// A member of an object: where its key stands, with its quotes, and its value.
pub struct Member {
    pub key: Range<usize>,
    pub value: Range<usize>,
    pub kind: Kind,
}

/// Find the members of the object that a line is. With `guess` it is fastest for lines with the keys of that shape;
/// returns whether the line has exactly these.
pub fn scan_object(line: &[u8], guess: Option<&Shape>, members: &mut Vec<Member>) -> Option<bool> {
    members.clear();
    let heads: &[Vec<u8>] = guess.map_or(&[], |shape| &shape.keys);
    let mut is_guessed = guess.is_some();
    let mut at = skip_space(line, 0);
    expect(line, at, b'{')?;
    at = skip_space(line, at + 1);
    if line.get(at) == Some(&b'}') {
        at += 1;
    } else {
        loop {
            let start = at;
            let head = heads.get(members.len());
            match head {
                Some(head) if is_guessed && line[at..].starts_with(head) => at += head.len(),
                _ => {
                    is_guessed = false;
                    expect(line, at, b'"')?;
                    at = scan_string(line, at + 1)?.0 + 1;
                }
            }
            let key = start..at;
            at = skip_space(line, at);
            expect(line, at, b':')?;
            at = skip_space(line, at + 1);
            let (value, kind, next) = scan_value(line, at)?;
            if members.len() == MOST_MEMBERS {
                return None;
            }
            members.push(Member { key, value, kind });
            at = skip_space(line, next);
            match line.get(at)? {
                b',' => at = skip_space(line, at + 1),
                b'}' => {
                    at += 1;
                    break;
                }
                _ => return None,
            }
        }
    }
    if skip_space(line, at) != line.len() {
        return None;
    }
    Some(is_guessed && members.len() == heads.len())
}

fn scan_value(line: &[u8], at: usize) -> Option<(Range<usize>, Kind, usize)> {
    match line.get(at)? {
        b'"' => {
            let (end, is_escaped) = scan_string(line, at + 1)?;
            let kind = if is_escaped { Kind::Escaped } else { Kind::Plain };
            Some((at + 1..end, kind, end + 1))
        }
        b'-' | b'0'..=b'9' => {
            let end = scan_number(line, at)?;
            Some((at..end, Kind::Number, end))
        }
        b'{' | b'[' => {
            let end = scan_nested(line, at)?;
            Some((at..end, Kind::Nested, end))
        }
        first => {
            let end = scan_literal(line, at)?;
            let kind = if *first == b'n' { Kind::Null } else { Kind::Boolean };
            Some((at..end, kind, end))
        }
    }
}

fn expect(line: &[u8], at: usize, byte: u8) -> Option<()> {
    if line.get(at) == Some(&byte) {
        Some(())
    } else {
        None
    }
}

pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn skip_space(line: &[u8], mut at: usize) -> usize {
    while at < line.len() && is_space(line[at]) {
        at += 1;
    }
    at
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// A mark in each byte of a word that is zero. A byte above a marked one may be marked in error.
fn mark_zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// From behind the opening quote: where the closing quote stands, and whether there are escapes before it.
pub fn scan_string(line: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut is_escaped = false;
    loop {
        // Eight bytes at a time, as long as none of them is a quote, a backslash or a control character.
        while let Some(bytes) = line.get(at..at + 8) {
            let mut eight = [0; 8];
            eight.copy_from_slice(bytes);
            let word = u64::from_le_bytes(eight);
            let marks = mark_zeros(word ^ (ONES * u64::from(b'"')))
                | mark_zeros(word ^ (ONES * u64::from(b'\\')))
                | (word.wrapping_sub(ONES * 0x20) & !word & HIGHS);
            if marks != 0 {
                // The lowest mark is never in error.
                at += (marks.trailing_zeros() / 8) as usize;
                break;
            }
            at += 8;
        }
        match line.get(at)? {
            b'"' => return Some((at, is_escaped)),
            b'\\' => {
                is_escaped = true;
                at += 2;
            }
            0..=0x1f => return None,
            _ => at += 1,
        }
    }
}

/// The end of the number that begins here.
pub fn scan_number(line: &[u8], mut at: usize) -> Option<usize> {
    if line.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match line.get(at)? {
        b'0' => at + 1,
        b'1'..=b'9' => skip_digits(line, at),
        _ => return None,
    };
    if line.get(at) == Some(&b'.') {
        at = some_digits(line, at + 1)?;
    }
    if let Some(b'e' | b'E') = line.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = line.get(at) {
            at += 1;
        }
        at = some_digits(line, at)?;
    }
    Some(at)
}

fn skip_digits(line: &[u8], mut at: usize) -> usize {
    while at < line.len() && line[at].is_ascii_digit() {
        at += 1;
    }
    at
}

fn some_digits(line: &[u8], at: usize) -> Option<usize> {
    let end = skip_digits(line, at);
    if end > at {
        Some(end)
    } else {
        None
    }
}

fn scan_literal(line: &[u8], at: usize) -> Option<usize> {
    let literals: [&[u8]; 3] = [b"null", b"true", b"false"];
    let found = literals.iter().find(|literal| line[at..].starts_with(literal))?;
    Some(at + found.len())
}

#[derive(PartialEq, Eq)]
enum Expected {
    Value,
    ValueOrClose,
    Key,
    KeyOrClose,
    End,
}

/// The end of the array or object that begins here. It needs no recursion.
fn scan_nested(line: &[u8], mut at: usize) -> Option<usize> {
    // A bit for each bracket that is open: 1 for an object. The innermost is the lowest.
    let (mut depth, mut opened) = (0, 0_u64);
    let mut expected = Expected::Value;
    loop {
        at = skip_space(line, at);
        let byte = *line.get(at)?;
        let is_object = opened & 1 == 1;
        let closes = match expected {
            Expected::ValueOrClose => byte == b']',
            Expected::KeyOrClose => byte == b'}',
            Expected::End => byte == if is_object { b'}' } else { b']' },
            _ => false,
        };
        if closes {
            at += 1;
            depth -= 1;
            opened >>= 1;
            if depth == 0 {
                return Some(at);
            }
            expected = Expected::End;
            continue;
        }
        match expected {
            Expected::End => {
                expect(line, at, b',')?;
                at += 1;
                expected = if is_object { Expected::Key } else { Expected::Value };
            }
            Expected::Key | Expected::KeyOrClose => {
                expect(line, at, b'"')?;
                at = skip_space(line, scan_string(line, at + 1)?.0 + 1);
                expect(line, at, b':')?;
                at += 1;
                expected = Expected::Value;
            }
            Expected::Value | Expected::ValueOrClose => match byte {
                b'{' | b'[' => {
                    if depth == MOST_DEPTH {
                        return None;
                    }
                    depth += 1;
                    opened = opened << 1 | u64::from(byte == b'{');
                    expected = if byte == b'{' { Expected::KeyOrClose } else { Expected::ValueOrClose };
                    at += 1;
                }
                _ => {
                    at = match byte {
                        b'"' => scan_string(line, at + 1)?.0 + 1,
                        b'-' | b'0'..=b'9' => scan_number(line, at)?,
                        _ => scan_literal(line, at)?,
                    };
                    expected = Expected::End;
                }
            },
        }
    }
}
