//! A bundle is judged: rows of the lines that are surely good, and all other lines as they are.

#![forbid(unsafe_code)]

use crate::columns::Column;
use crate::scan::{scan_object, Kind, Member};
use crate::shape::{Report, Shape, Shapes};
use crate::spec::{Needed, Spec, Type};
use crate::text::{rewrite_nested, rewrite_string};
use crate::value::{is_sure, of_member, Value};

/// Whole records: record i is `data[ends[i]..ends[i + 1]]`, of the file `source_ids[i]`, its line `lines[i]`.
pub struct Bundle<'a> {
    pub data: &'a [u8],
    pub ends: &'a [i32],
    pub source_ids: &'a [i32],
    pub lines: &'a [i32],
}

/// Records as `Bundle` has them.
pub struct Lines {
    pub data: Vec<u8>,
    pub ends: Vec<i32>,
    pub source_ids: Vec<i32>,
    pub lines: Vec<i32>,
}

pub struct Judged {
    /// A column for each field, and `other`.
    pub columns: Vec<Column>,
    /// Of each row.
    pub source_ids: Vec<i32>,
    pub lines: Vec<i32>,
    /// The lines that are left to the full way.
    pub doubts: Lines,
    /// Runs of lines of one file: its source id, and how many.
    pub runs: Vec<(i32, u64)>,
    pub report: Report,
}

/// A value is copied at most once for each field, so no column reaches the 2 GiB that 32 bits can say.
const MOST_BUNDLE_BYTES: usize = 1 << 30;

/// There is room for so many rows at first: more lines are short, and seldom records.
const MOST_ROWS_AT_FIRST: usize = 1 << 15;

/// Without a spec, every line is in doubt.
pub fn judge(spec: Option<&Spec>, bundle: &Bundle) -> Judged {
    let spec = if bundle.data.len() > MOST_BUNDLE_BYTES { None } else { spec };
    let count = bundle.lines.len();
    let mut judged = Judged {
        columns: spec.map_or_else(Vec::new, |spec| new_columns(spec, bundle)),
        source_ids: Vec::with_capacity(count.min(MOST_ROWS_AT_FIRST)),
        lines: Vec::with_capacity(count.min(MOST_ROWS_AT_FIRST)),
        doubts: Lines { data: Vec::new(), ends: vec![0], source_ids: Vec::new(), lines: Vec::new() },
        runs: count_runs(bundle.source_ids),
        report: Report::default(),
    };
    let mut work = Work { shapes: Shapes::new(), members: Vec::new(), scratch: Scratch::default() };
    for number in 0..count {
        let line = &bundle.data[bundle.ends[number] as usize..bundle.ends[number + 1] as usize];
        let is_taken = match spec {
            Some(spec) => work.append_line(line, spec, &mut judged.columns, judged.lines.len()),
            None => false,
        };
        if is_taken {
            judged.source_ids.push(bundle.source_ids[number]);
            judged.lines.push(bundle.lines[number]);
        } else {
            let doubts = &mut judged.doubts;
            doubts.data.extend_from_slice(line);
            doubts.ends.push(doubts.data.len() as i32);
            doubts.source_ids.push(bundle.source_ids[number]);
            doubts.lines.push(bundle.lines[number]);
        }
    }
    judged.report = work.shapes.into_report();
    judged
}

fn count_runs(source_ids: &[i32]) -> Vec<(i32, u64)> {
    let mut runs: Vec<(i32, u64)> = Vec::new();
    for &source_id in source_ids {
        match runs.last_mut() {
            Some((last, lines)) if *last == source_id => *lines += 1,
            _ => runs.push((source_id, 1)),
        }
    }
    runs
}

fn new_columns(spec: &Spec, bundle: &Bundle) -> Vec<Column> {
    let (rows, bytes) = (bundle.lines.len().min(MOST_ROWS_AT_FIRST), bundle.data.len());
    let columns = spec.fields.iter().map(|field| Column::new(field.kind, rows, bytes / 16));
    columns.chain([Column::new(Type::Text, rows, 0)]).collect()
}

#[derive(Default)]
struct Scratch {
    unescaped: Vec<u8>,
    mapped: Vec<u8>,
    other: Vec<u8>,
}

struct Work {
    shapes: Shapes,
    members: Vec<Member>,
    scratch: Scratch,
}

impl Work {
    /// Append the row of a line that is surely good. Of another line nothing is appended.
    fn append_line(&mut self, line: &[u8], spec: &Spec, columns: &mut [Column], rows: usize) -> bool {
        if self.find_shape(line, spec).is_none() {
            return false;
        }
        let shape = match self.shapes.last() {
            Some(shape) => shape,
            None => return false,
        };
        if append_row(line, &self.members, shape, spec, columns, &mut self.scratch).is_some() {
            self.shapes.count_line();
            return true;
        }
        for column in columns {
            column.truncate(rows);
        }
        false
    }

    fn find_shape(&mut self, line: &[u8], spec: &Spec) -> Option<()> {
        if std::str::from_utf8(line).is_err() {
            return None;
        }
        if scan_object(line, self.shapes.last(), &mut self.members)? {
            return Some(());
        }
        self.shapes.find(line, &self.members, spec)
    }
}

/// Append a value to each column, or `None` after some of them.
fn append_row(
    line: &[u8],
    members: &[Member],
    shape: &Shape,
    spec: &Spec,
    columns: &mut [Column],
    scratch: &mut Scratch,
) -> Option<()> {
    let mut is_play = false;
    let mut lacks_for_play = false;
    for (number, field) in spec.fields.iter().enumerate() {
        let value = match (&field.constant, shape.sources[number]) {
            (Some(constant), _) => constant.value(),
            (None, None) => Value::Null,
            (None, Some(member)) => {
                let member = &members[member];
                let value = of_member(&line[member.value.clone()], member.kind, field, &mut scratch.unescaped)?;
                if !is_sure(&value, field, spec, &mut scratch.mapped) {
                    return None;
                }
                value
            }
        };
        match value {
            Value::Null if field.needed == Needed::Always => return None,
            Value::Null if field.needed == Needed::InPlays => lacks_for_play = true,
            Value::Text(text) if spec.play_field == Some(number) => is_play = text == spec.play_value,
            _ => {}
        }
        match value {
            Value::Whole(0) if field.zero_is_null => columns[number].push(&Value::Null),
            _ => columns[number].push(&value),
        }
    }
    if is_play && lacks_for_play {
        return None;
    }
    append_other(line, members, shape, spec, &mut columns[spec.fields.len()], scratch)
}

fn append_other(
    line: &[u8],
    members: &[Member],
    shape: &Shape,
    spec: &Spec,
    column: &mut Column,
    scratch: &mut Scratch,
) -> Option<()> {
    if shape.others.is_empty() {
        column.push(&Value::Null);
        return Some(());
    }
    let Scratch { unescaped, other, .. } = scratch;
    other.clear();
    for (member, head) in &shape.others {
        other.push(if other.is_empty() { b'{' } else { b',' });
        other.extend_from_slice(head);
        let raw = &line[members[*member].value.clone()];
        match members[*member].kind {
            Kind::Plain => {
                other.push(b'"');
                other.extend_from_slice(raw);
                other.push(b'"');
            }
            Kind::Escaped => rewrite_string(raw, unescaped, other)?,
            Kind::Nested => rewrite_nested(raw, unescaped, other)?,
            Kind::Null | Kind::Boolean | Kind::Number => other.extend_from_slice(raw),
        }
    }
    other.push(b'}');
    if spec.most_other_bytes.map_or(false, |most| other.len() > most) {
        return None;
    }
    column.push(&Value::Text(other));
    Some(())
}
