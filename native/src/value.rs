//! The value of a field, from the JSON value of its member. `None` means: in doubt, as for every value that breaks a
//! rule.

#![forbid(unsafe_code)]

use crate::scan::{scan_number, Kind};
use crate::spec::{Field, Spec, Type};
use crate::text::{is_doubled, unescape};

/// A longer number is left in doubt.
const MOST_NUMBER_BYTES: usize = 64;
/// An i64 and a double hold every whole number of so many digits exactly.
const MOST_WHOLE_DIGITS: usize = 15;
const MOST_WHOLE: f64 = 1e15;

pub enum Value<'a> {
    Null,
    Text(&'a [u8]),
    Whole(i64),
    Decimal(f64),
}

/// The value of a field that is read from no key.
pub enum Constant {
    Null,
    Text(Vec<u8>),
    Whole(i64),
    Decimal(f64),
}

impl Constant {
    pub fn value(&self) -> Value<'_> {
        match self {
            Constant::Null => Value::Null,
            Constant::Text(text) => Value::Text(text),
            Constant::Whole(whole) => Value::Whole(*whole),
            Constant::Decimal(decimal) => Value::Decimal(*decimal),
        }
    }
}

/// The value of a member. `unescaped` is used for a string with escapes.
pub fn of_member<'a>(raw: &'a [u8], kind: Kind, field: &Field, unescaped: &'a mut Vec<u8>) -> Option<Value<'a>> {
    match kind {
        Kind::Null => Some(Value::Null),
        Kind::Plain => of_string(raw, field),
        Kind::Number if field.kind == Type::Text => Some(Value::Text(raw)),
        Kind::Number => of_number(raw, field),
        Kind::Escaped if field.kind == Type::Text => {
            unescaped.clear();
            unescape(raw, unescaped)?;
            of_string(unescaped, field)
        }
        _ => None,
    }
}

/// The value of a string, given as what it means.
pub fn of_string<'a>(text: &'a [u8], field: &Field) -> Option<Value<'a>> {
    if text.is_empty() {
        Some(Value::Null)
    } else if field.kind == Type::Text {
        Some(Value::Text(text))
    } else if scan_number(text, 0)? == text.len() {
        of_number(text, field)
    } else {
        None
    }
}

/// The value of a number, given by its JSON text.
fn of_number<'a>(number: &[u8], field: &Field) -> Option<Value<'a>> {
    if number.len() > MOST_NUMBER_BYTES {
        return None;
    }
    if field.kind == Type::Decimal {
        read_decimal(number).map(Value::Decimal)
    } else {
        read_whole(number).map(Value::Whole)
    }
}

fn read_whole(number: &[u8]) -> Option<i64> {
    let is_negative = number[0] == b'-';
    let digits = &number[usize::from(is_negative)..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    // Without an exponent, zeros alone are no fractional part.
    let is_plain = end == digits.len() || (digits[end] == b'.' && digits[end + 1..].iter().all(|&byte| byte == b'0'));
    if is_plain && end <= MOST_WHOLE_DIGITS {
        let mut whole: i64 = 0;
        for &digit in &digits[..end] {
            whole = whole * 10 + i64::from(digit - b'0');
        }
        return Some(if is_negative { -whole } else { whole });
    }
    let value = read_double(number)?;
    if value.fract() == 0.0 && value.abs() < MOST_WHOLE {
        Some(value as i64)
    } else {
        None
    }
}

fn read_decimal(number: &[u8]) -> Option<f64> {
    let value = read_double(number)?;
    // 0.0 and -0.0 are equal, but must also have the same bytes.
    Some(if value == 0.0 { 0.0 } else { value })
}

/// The nearest double, unless it is infinite, or zero or subnormal though the number is not zero.
fn read_double(number: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    let mantissa = number.iter().take_while(|&&byte| byte != b'e' && byte != b'E');
    let is_zero = mantissa.clone().all(|byte| !(b'1'..=b'9').contains(byte));
    if value.is_normal() || (value == 0.0 && is_zero) {
        Some(value)
    } else {
        None
    }
}

/// Whether a value breaks no rule by itself and needs no repair.
pub fn is_sure(value: &Value, field: &Field, spec: &Spec, scratch: &mut Vec<u8>) -> bool {
    match *value {
        Value::Text(text) => {
            field.most_bytes.map_or(true, |most| text.len() <= most) && !is_doubled(text, &spec.specials, scratch)
        }
        Value::Whole(whole) => {
            let is_held = field.kind == Type::Whole64 || i32::try_from(whole).is_ok();
            is_held && field.range.map_or(true, |(low, high)| low <= whole && whole <= high)
        }
        Value::Null | Value::Decimal(_) => true,
    }
}
