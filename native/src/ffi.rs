//! Where the buffers cross: the library's functions, as `sparkify/validation/native.py` calls them.
//!
//! This is the only file with `unsafe`. Nothing here looks into the data.

#![allow(unsafe_code)]

use std::os::raw::c_void;
use std::panic::catch_unwind;
use std::slice;

use crate::columns::{Column, Values};
use crate::judge::{judge, Bundle, Judged};
use crate::spec::Spec;
use crate::text::write_string;

/// Bytes that somebody else owns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Buffer {
    start: *const c_void,
    size: usize,
}

impl Buffer {
    fn of<T>(values: &[T]) -> Buffer {
        Buffer { start: values.as_ptr().cast(), size: std::mem::size_of_val(values) }
    }

    /// # Safety
    /// `start` is where `size` bytes are, aligned for `T`, that nobody changes for as long as the slice is used.
    unsafe fn as_slice<'a, T>(self) -> &'a [T] {
        if self.size == 0 {
            return &[];
        }
        slice::from_raw_parts(self.start.cast(), self.size / std::mem::size_of::<T>())
    }
}

/// What `sparkify_judge` returns: it owns the memory of all of its buffers.
pub struct Result {
    _judged: Judged,
    _made: Vec<Vec<u8>>,
    buffers: Vec<Buffer>,
}

/// What this library was built for: `built_for` of `sparkify/validation/native.py`. It lives as long as the library.
#[no_mangle]
pub extern "C" fn sparkify_built_for() -> Buffer {
    Buffer::of(option_env!("SPARKIFY_BUILT_FOR").unwrap_or("").as_bytes())
}

/// Judge the lines of a bundle. The result has to be given to `sparkify_free`. It is null after a panic.
///
/// # Safety
/// The buffers are as `Buffer::as_slice` needs them, during the call. The last three hold 32-bit numbers.
#[no_mangle]
pub unsafe extern "C" fn sparkify_judge(
    spec: Buffer,
    data: Buffer,
    ends: Buffer,
    source_ids: Buffer,
    lines: Buffer,
) -> *mut Result {
    let spec = spec.as_slice();
    let bundle = Bundle {
        data: data.as_slice(),
        ends: ends.as_slice(),
        source_ids: source_ids.as_slice(),
        lines: lines.as_slice(),
    };
    let judged = catch_unwind(|| Box::new(result_of(judge(Spec::read(spec).as_ref(), &bundle))));
    judged.map_or(std::ptr::null_mut(), Box::into_raw)
}

/// The buffers of a result: where the first is, and how many there are as `size`. They live until `sparkify_free`.
///
/// # Safety
/// `result` comes from `sparkify_judge`, is not null and was not freed.
#[no_mangle]
pub unsafe extern "C" fn sparkify_buffers(result: *const Result) -> Buffer {
    let buffers = &(*result).buffers;
    Buffer { start: buffers.as_ptr().cast(), size: buffers.len() }
}

/// Free a result and its buffers.
///
/// # Safety
/// As for `sparkify_buffers`.
#[no_mangle]
pub unsafe extern "C" fn sparkify_free(result: *mut Result) {
    drop(Box::from_raw(result));
}

/// The buffers in the order in which they are read: the report; the lines in doubt as a bundle; of the rows the source
/// ids and the lines; the buffers of each column as Arrow has them.
fn result_of(judged: Judged) -> Result {
    let made: Vec<Vec<u8>> =
        [write_report(&judged)].into_iter().chain(judged.columns.iter().map(Column::bitmap)).collect();
    let doubts = &judged.doubts;
    let mut buffers = vec![
        Buffer::of(&made[0]),
        Buffer::of(&doubts.data),
        Buffer::of(&doubts.ends),
        Buffer::of(&doubts.source_ids),
        Buffer::of(&doubts.lines),
        Buffer::of(&judged.source_ids),
        Buffer::of(&judged.lines),
    ];
    for (column, bitmap) in judged.columns.iter().zip(&made[1..]) {
        buffers.push(Buffer::of(bitmap));
        match &column.values {
            Values::Text(ends, data) => buffers.extend([Buffer::of(ends), Buffer::of(data)]),
            Values::Int32(values) => buffers.push(Buffer::of(values)),
            Values::Int64(values) => buffers.push(Buffer::of(values)),
            Values::Double(values) => buffers.push(Buffer::of(values)),
        }
    }
    Result { _judged: judged, _made: made, buffers }
}

/// As JSON, three lists: source ids, each with its lines; names that were taken, each with its field's index and its
/// rows; unknown keys of the rows.
fn write_report(judged: &Judged) -> Vec<u8> {
    let lines = judged.runs.iter().map(|(source_id, lines)| format!("[{},{}]", source_id, lines));
    let taken = judged.report.taken.iter().map(|((field, name), rows)| format!("[{},{},{}]", field, text(name), rows));
    let unknown = judged.report.unknown.iter().map(|name| text(name));
    format!("[{},{},{}]", list(lines), list(taken), list(unknown)).into_bytes()
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn text(name: &[u8]) -> String {
    let mut out = Vec::new();
    write_string(name, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
