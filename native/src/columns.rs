//! Columns as Arrow lays them out.

#![forbid(unsafe_code)]

use crate::spec::Type;
use crate::value::Value;

pub enum Values {
    /// Where each text ends, after a 0, and all their bytes.
    Text(Vec<i32>, Vec<u8>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Double(Vec<f64>),
}

pub struct Column {
    pub values: Values,
    /// 1 for each value that is not NULL.
    valid: Vec<u8>,
}

impl Column {
    pub fn new(kind: Type, rows: usize, bytes: usize) -> Column {
        let values = match kind {
            Type::Text => {
                let mut ends = Vec::with_capacity(rows + 1);
                ends.push(0);
                Values::Text(ends, Vec::with_capacity(bytes))
            }
            Type::Whole32 => Values::Int32(Vec::with_capacity(rows)),
            Type::Whole64 => Values::Int64(Vec::with_capacity(rows)),
            Type::Decimal => Values::Double(Vec::with_capacity(rows)),
        };
        Column { values, valid: Vec::with_capacity(rows) }
    }

    /// Append a value of the column's type, or NULL.
    pub fn push(&mut self, value: &Value) {
        self.valid.push(u8::from(!matches!(value, Value::Null)));
        match (&mut self.values, value) {
            (Values::Text(ends, data), Value::Text(text)) => {
                data.extend_from_slice(text);
                ends.push(end_of(data));
            }
            (Values::Text(ends, data), _) => ends.push(end_of(data)),
            (Values::Int32(values), Value::Whole(whole)) => values.push(*whole as i32),
            (Values::Int32(values), _) => values.push(0),
            (Values::Int64(values), Value::Whole(whole)) => values.push(*whole),
            (Values::Int64(values), _) => values.push(0),
            (Values::Double(values), Value::Decimal(decimal)) => values.push(*decimal),
            (Values::Double(values), _) => values.push(0.0),
        }
    }

    /// Take back what was appended after so many rows.
    pub fn truncate(&mut self, rows: usize) {
        self.valid.truncate(rows);
        match &mut self.values {
            Values::Text(ends, data) => {
                ends.truncate(rows + 1);
                data.truncate(ends[ends.len() - 1] as usize);
            }
            Values::Int32(values) => values.truncate(rows),
            Values::Int64(values) => values.truncate(rows),
            Values::Double(values) => values.truncate(rows),
        }
    }

    /// A bit for each value that is not NULL, the lowest first; empty if none is.
    pub fn bitmap(&self) -> Vec<u8> {
        if self.valid.iter().all(|&valid| valid == 1) {
            return Vec::new();
        }
        self.valid.chunks(8).map(|eight| eight.iter().rev().fold(0, |bits, &valid| bits << 1 | valid)).collect()
    }
}

/// A bundle is so small that this fits: see `judge`.
fn end_of(data: &[u8]) -> i32 {
    i32::try_from(data.len()).expect("a column of a bundle has less than 2 GiB")
}
