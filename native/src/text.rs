//! Texts: escapes read and written, and whether a text was perhaps encoded as UTF-8 twice.

#![forbid(unsafe_code)]

use crate::scan::{is_space, scan_string};

/// Append what a JSON string means, given without its quotes. `None`, and an unspecified part of it, for an escape that
/// is none, a lone surrogate or a NUL.
pub fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut at = 0;
    while let Some(length) = raw[at..].iter().position(|&byte| byte == b'\\') {
        out.extend_from_slice(&raw[at..at + length]);
        at += length + 2;
        match raw.get(at - 1)? {
            b'"' => out.push(b'"'),
            b'\\' => out.push(b'\\'),
            b'/' => out.push(b'/'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let mut code = read_hex(raw, at)?;
                at += 4;
                if (0xD800..0xDC00).contains(&code) {
                    if raw.get(at..at + 2)? != b"\\u" {
                        return None;
                    }
                    let low = read_hex(raw, at + 2)?;
                    if !(0xDC00..0xE000).contains(&low) {
                        return None;
                    }
                    at += 6;
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                }
                if code == 0 {
                    return None;
                }
                // It is none for a lone low surrogate.
                let character = char::from_u32(code)?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return None,
        }
    }
    out.extend_from_slice(&raw[at..]);
    Some(())
}

fn read_hex(raw: &[u8], at: usize) -> Option<u32> {
    let mut code = 0;
    for &byte in raw.get(at..at + 4)? {
        code = code << 4 | char::from(byte).to_digit(16)?;
    }
    Some(code)
}

/// Append a text as a JSON string, with the shortest escapes and only where one is needed.
pub fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        let letter = match byte {
            b'"' | b'\\' => byte,
            8 => b'b',
            12 => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..=0x1f => {
                out.extend_from_slice(format!("\\u{:04X}", byte).as_bytes());
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
    out.push(b'"');
}

/// Append a JSON string, given without its quotes, in the form of `write_string`.
pub fn rewrite_string(raw: &[u8], scratch: &mut Vec<u8>, out: &mut Vec<u8>) -> Option<()> {
    scratch.clear();
    unescape(raw, scratch)?;
    write_string(scratch, out);
    Some(())
}

/// Append a well-formed array or object without white space, its strings in the form of `write_string`.
pub fn rewrite_nested(raw: &[u8], scratch: &mut Vec<u8>, out: &mut Vec<u8>) -> Option<()> {
    let mut at = 0;
    while at < raw.len() {
        if raw[at] == b'"' {
            let (end, _) = scan_string(raw, at + 1)?;
            rewrite_string(&raw[at + 1..end], scratch, out)?;
            at = end + 1;
        } else {
            if !is_space(raw[at]) {
                out.push(raw[at]);
            }
            at += 1;
        }
    }
    Some(())
}

/// The characters above U+00FF that stand for a byte, sorted.
pub type Specials = Vec<(char, u8)>;

/// Whether a text is to be repaired: all its characters are bytes, which are other UTF-8.
pub fn is_doubled(text: &[u8], specials: &Specials, scratch: &mut Vec<u8>) -> bool {
    if text.is_ascii() {
        return false;
    }
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(_) => return true,
    };
    scratch.clear();
    for character in text.chars() {
        let code = u32::from(character);
        if code < 0x100 {
            scratch.push(code as u8);
        } else if let Ok(place) = specials.binary_search_by_key(&character, |special| special.0) {
            scratch.push(specials[place].1);
        } else {
            return false;
        }
    }
    std::str::from_utf8(scratch).is_ok()
}
