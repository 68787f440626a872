//! Shapes: the keys of records in their order, and which field is read from which. Records with the same keys share one.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::scan::Member;
use crate::spec::Spec;
use crate::text::{unescape, write_string};

/// Of records with other keys than these shapes, the keys are looked at anew.
const MOST_SHAPES: usize = 16;
/// Keys that are longer in all are left in doubt.
const MOST_KEY_BYTES: usize = 1 << 16;
/// So many names are told, each cut after so many characters: a writer may make up one for each record.
const MOST_TOLD: usize = 1_000;
const MOST_TOLD_CHARACTERS: usize = 1_000;

pub struct Shape {
    /// The keys as they stand in the line, with their quotes.
    pub keys: Vec<Vec<u8>>,
    /// The member that each field is read from.
    pub sources: Vec<Option<usize>>,
    /// The members that no field is read from, each with its key as `other` has it, up to the colon.
    pub others: Vec<(usize, Vec<u8>)>,
    /// The names that fields are read from in place of their own: the field's index and the name.
    taken: Vec<(usize, Vec<u8>)>,
    /// The keys of `others` as they are.
    unknown: Vec<Vec<u8>>,
    /// The lines that were taken.
    pub lines: u64,
}

impl Shape {
    /// `None` if a key is in doubt or stands twice.
    fn of(line: &[u8], members: &[Member], spec: &Spec) -> Option<Shape> {
        let keys: Vec<Vec<u8>> = members.iter().map(|member| line[member.key.clone()].to_vec()).collect();
        if keys.iter().map(Vec::len).sum::<usize>() > MOST_KEY_BYTES {
            return None;
        }
        let mut names = Vec::new();
        for key in &keys {
            let mut name = Vec::new();
            unescape(&key[1..key.len() - 1], &mut name)?;
            names.push(name);
        }
        if names.iter().collect::<HashSet<_>>().len() < names.len() {
            return None;
        }
        let plain_names: Vec<Vec<u8>> = names.iter().map(|name| plain(name)).collect();
        let place = |wanted: &[u8], all: &[Vec<u8>]| all.iter().position(|name| name == wanted);
        let mut sources = Vec::new();
        let mut taken = Vec::new();
        for (number, field) in spec.fields.iter().enumerate() {
            let source = if field.constant.is_some() {
                None
            } else {
                field
                    .mapped
                    .as_ref()
                    .and_then(|mapped| place(mapped, &names))
                    .or_else(|| place(&field.name, &names))
                    .or_else(|| place(&plain(&field.name), &plain_names))
            };
            if let Some(member) = source {
                if names[member] != field.name {
                    taken.push((number, names[member].clone()));
                }
            }
            sources.push(source);
        }
        let mut others = Vec::new();
        let mut unknown = Vec::new();
        for (member, name) in names.into_iter().enumerate() {
            if !sources.contains(&Some(member)) {
                let mut head = Vec::new();
                write_string(&name, &mut head);
                head.push(b':');
                others.push((member, head));
                unknown.push(name);
            }
        }
        Some(Shape { keys, sources, others, taken, unknown, lines: 0 })
    }

    fn is_of(&self, line: &[u8], members: &[Member]) -> bool {
        self.keys.len() == members.len()
            && self.keys.iter().zip(members).all(|(key, member)| key[..] == line[member.key.clone()])
    }
}

/// A name without what may differ: case and underscores.
fn plain(name: &[u8]) -> Vec<u8> {
    name.iter().filter(|&&byte| byte != b'_').map(u8::to_ascii_lowercase).collect()
}

/// The shapes of a bundle.
pub struct Shapes {
    known: Vec<Shape>,
    /// The index of the shape of the last line.
    last: usize,
    /// Which one gives way next.
    oldest: usize,
    report: Report,
}

/// How many records each field was read from by a name other than its own, and keys that no field was read from.
#[derive(Default)]
pub struct Report {
    pub taken: BTreeMap<(usize, Vec<u8>), u64>,
    pub unknown: BTreeSet<Vec<u8>>,
}

impl Report {
    fn add(&mut self, shape: Shape) {
        if shape.lines > 0 {
            for (field, name) in shape.taken {
                let key = (field, cut(name));
                if self.taken.len() < MOST_TOLD || self.taken.contains_key(&key) {
                    *self.taken.entry(key).or_insert(0) += shape.lines;
                }
            }
            for name in shape.unknown {
                if self.unknown.len() < MOST_TOLD {
                    self.unknown.insert(cut(name));
                }
            }
        }
    }
}

fn cut(mut name: Vec<u8>) -> Vec<u8> {
    let is_start = |byte: &u8| *byte & 0xC0 != 0x80;
    let mut starts = name.iter().enumerate().filter(|(_, byte)| is_start(byte));
    if let Some((end, _)) = starts.nth(MOST_TOLD_CHARACTERS) {
        name.truncate(end);
    }
    name
}

impl Shapes {
    pub fn new() -> Shapes {
        Shapes { known: Vec::new(), last: 0, oldest: 0, report: Report::default() }
    }

    /// The shape of the last line.
    pub fn last(&self) -> Option<&Shape> {
        self.known.get(self.last)
    }

    /// Count a line of the last shape.
    pub fn count_line(&mut self) {
        self.known[self.last].lines += 1;
    }

    /// Make the shape of a line the last one.
    pub fn find(&mut self, line: &[u8], members: &[Member], spec: &Spec) -> Option<()> {
        if let Some(found) = self.known.iter().position(|shape| shape.is_of(line, members)) {
            self.last = found;
            return Some(());
        }
        let shape = Shape::of(line, members, spec)?;
        if self.known.len() < MOST_SHAPES {
            self.last = self.known.len();
            self.known.push(shape);
        } else {
            self.last = self.oldest;
            self.oldest = (self.oldest + 1) % MOST_SHAPES;
            self.report.add(std::mem::replace(&mut self.known[self.last], shape));
        }
        Some(())
    }

    pub fn into_report(self) -> Report {
        let mut report = self.report;
        for shape in self.known {
            report.add(shape);
        }
        report
    }
}
