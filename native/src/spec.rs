//! What the one list of fields and rules says, as `sparkify/validation/native.py` hands it over.
//!
//! It is a sequence of texts, each after its length in four bytes, the lowest first. Whatever is not understood makes
//! it unknown as a whole, and then every line is in doubt.

#![forbid(unsafe_code)]

use crate::text::Specials;
use crate::value::{self, Constant, Value};

const FORMAT: &str = "1";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    Text,
    Whole32,
    Whole64,
    Decimal,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needed {
    No,
    Always,
    InPlays,
}

pub struct Field {
    pub name: Vec<u8>,
    pub kind: Type,
    /// The key that it is read from where there is such a key.
    pub mapped: Option<Vec<u8>>,
    pub constant: Option<Constant>,
    pub zero_is_null: bool,
    /// Inclusive.
    pub range: Option<(i64, i64)>,
    pub most_bytes: Option<usize>,
    pub needed: Needed,
}

pub struct Spec {
    pub fields: Vec<Field>,
    pub most_other_bytes: Option<usize>,
    pub specials: Specials,
    /// A record whose field of this index has this value is a play.
    pub play_field: Option<usize>,
    pub play_value: Vec<u8>,
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn text(&mut self) -> Option<&'a str> {
        let mut length = [0; 4];
        length.copy_from_slice(self.rest.get(..4)?);
        let end = 4 + u32::from_le_bytes(length) as usize;
        let text = std::str::from_utf8(self.rest.get(4..end)?).ok()?;
        self.rest = &self.rest[end..];
        Some(text)
    }

    fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.text()?.parse().ok()
    }

    fn flag(&mut self) -> Option<bool> {
        match self.text()? {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }

    /// A list of no or one text.
    fn option(&mut self) -> Option<Option<&'a str>> {
        match self.number()? {
            0 => Some(None),
            1 => Some(Some(self.text()?)),
            _ => None,
        }
    }
}

impl Spec {
    pub fn read(data: &[u8]) -> Option<Spec> {
        let mut reader = Reader { rest: data };
        if reader.text()? != FORMAT {
            return None;
        }
        let mut specials = Vec::new();
        for _ in 0..reader.number()? {
            specials.push((reader.number()?, reader.number()?));
        }
        specials.sort_unstable();
        let mut fields: Vec<Field> = Vec::new();
        let mut constants = Vec::new();
        for _ in 0..reader.number()? {
            let (field, constant) = read_field(&mut reader)?;
            fields.push(field);
            constants.push(constant);
        }
        let play_field = match reader.number()? {
            0 => None,
            1 => Some(reader.number()?),
            _ => return None,
        };
        let play_value = reader.text()?.into();
        let mut spec = Spec { fields, most_other_bytes: None, specials, play_field, play_value };
        for _ in 0..reader.number()? {
            read_rule(&mut reader, &mut spec)?;
        }
        let is_of_text = |place: usize| spec.fields.get(place).map(|field| field.kind) == Some(Type::Text);
        let asks_for_play = spec.fields.iter().any(|field| field.needed == Needed::InPlays);
        if !reader.rest.is_empty() || !play_field.map_or(!asks_for_play, is_of_text) {
            return None;
        }
        for (place, constant) in constants.into_iter().enumerate() {
            if let Some(text) = constant {
                spec.fields[place].constant = Some(read_constant(&spec, place, text)?);
            }
        }
        Some(spec)
    }
}

fn read_field<'a>(reader: &mut Reader<'a>) -> Option<(Field, Option<&'a str>)> {
    let name = reader.text()?.into();
    let kind = match (reader.text()?, reader.text()?) {
        ("text", "VARCHAR") => Type::Text,
        ("whole", "INTEGER") => Type::Whole32,
        ("whole", "BIGINT") => Type::Whole64,
        ("decimal", "DOUBLE") => Type::Decimal,
        _ => return None,
    };
    let zero_is_null = reader.flag()?;
    let mapped = reader.option()?.map(Into::into);
    let constant = reader.option()?;
    let is_whole = matches!(kind, Type::Whole32 | Type::Whole64);
    if zero_is_null && !is_whole {
        return None;
    }
    let field =
        Field { name, kind, mapped, constant: None, zero_is_null, range: None, most_bytes: None, needed: Needed::No };
    Some((field, constant))
}

/// The value of a field's constant, if it is good. A constant is read as the string of a record would be.
fn read_constant(spec: &Spec, place: usize, text: &str) -> Option<Constant> {
    let (mut scratch, mut bytes) = (Vec::new(), Vec::new());
    if text.contains('\0') {
        return None;
    }
    let field = &spec.fields[place];
    let found = value::of_string(text.as_bytes(), field)?;
    if !value::is_sure(&found, field, spec, &mut scratch) {
        return None;
    }
    Some(match found {
        Value::Null => Constant::Null,
        Value::Text(text) => {
            bytes.extend_from_slice(text);
            Constant::Text(bytes)
        }
        Value::Whole(whole) => Constant::Whole(whole),
        Value::Decimal(decimal) => Constant::Decimal(decimal),
    })
}

/// A rule: its code, and for each field that it concerns the field's index and what the rule needs to know of it.
fn read_rule(reader: &mut Reader, spec: &mut Spec) -> Option<()> {
    let code = reader.text()?;
    let count: usize = reader.number()?;
    match code {
        "bad_encoding" | "not_json" | "not_json:nan" | "not_object" if count == 0 => {}
        "bad_type" | "out_of_range" | "too_long" | "nul_character" | "missing" => {}
        _ => return None,
    }
    for _ in 0..count {
        let place: usize = reader.number()?;
        let givens: usize = reader.number()?;
        if place == spec.fields.len() {
            // The only rule that concerns `other`.
            if (code, givens) != ("too_long", 1) {
                return None;
            }
            spec.most_other_bytes = Some(reader.number()?);
            continue;
        }
        let field = spec.fields.get_mut(place)?;
        let is_whole = matches!(field.kind, Type::Whole32 | Type::Whole64);
        match (code, givens) {
            ("bad_type", 0) => {}
            ("out_of_range", 2) if is_whole => field.range = Some((reader.number()?, reader.number()?)),
            ("too_long", 1) if field.kind == Type::Text => field.most_bytes = Some(reader.number()?),
            // A NUL makes every line doubtful.
            ("nul_character", 0) if field.kind == Type::Text => {}
            ("missing", 1) => {
                field.needed = match reader.text()? {
                    "always" => Needed::Always,
                    "in plays" => Needed::InPlays,
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
    Some(())
}
