//! The quick way of the validator: which lines of a bundle are surely good, and their rows as columns. See ../README.md.

#![deny(unsafe_code)]

mod columns;
mod ffi;
mod judge;
mod scan;
mod shape;
mod spec;
mod text;
mod value;
