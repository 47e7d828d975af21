//! A GGUF file, read without the reader that is tried.

use std::collections::HashMap;
use std::path::Path;

use super::{dot, float};

/// A value of the header.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Number(f64),
    Text(String),
    List(Vec<Value>),
}

/// A tensor, as 64-bit floats.
pub(crate) struct Matrix {
    columns: usize,
    weights: Vec<f64>,
}

impl Matrix {
    pub(crate) fn row(&self, at: usize) -> &[f64] {
        &self.weights[at * self.columns..][..self.columns]
    }

    pub(crate) fn times(&self, row: &[f64]) -> Vec<f64> {
        self.weights.chunks_exact(self.columns).map(|weights| dot(weights, row)).collect()
    }
}

/// A model's file in memory.
pub(crate) struct File {
    values: HashMap<String, Value>,
    tensors: HashMap<String, Matrix>,
}

impl File {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).expect("the file was written");
        let mut reader = Reader { bytes: &bytes, at: 0 };
        assert_eq!(reader.take(8), b"GGUF\x03\0\0\0");
        let (tensors, values) = (reader.long(), reader.long());
        let values = (0..values).map(|_| (reader.text(), reader.tagged())).collect();
        let infos: Vec<_> = (0..tensors).map(|_| reader.info()).collect();
        let start = reader.at.next_multiple_of(32);
        let tensor = |(name, columns, rows, kind, offset): (String, _, usize, u32, usize)| {
            let weights = weights(kind, &bytes[start + offset..], rows * columns);
            (name, Matrix { columns, weights })
        };
        Self { values, tensors: infos.into_iter().map(tensor).collect() }
    }

    pub(crate) fn has(&self, tensor: &str) -> bool {
        self.tensors.contains_key(tensor)
    }

    pub(crate) fn matrix(&self, tensor: &str) -> &Matrix {
        self.tensors.get(tensor).unwrap_or_else(|| panic!("{tensor} is in the file"))
    }

    pub(crate) fn vector(&self, tensor: &str) -> &[f64] {
        &self.matrix(tensor).weights
    }

    pub(crate) fn value(&self, key: &str) -> &Value {
        self.values.get(key).unwrap_or_else(|| panic!("{key} is in the file"))
    }

    /// A number of the architecture.
    pub(crate) fn number(&self, key: &str) -> f64 {
        let Value::Text(architecture) = self.value("general.architecture") else {
            panic!("a text")
        };
        let Value::Number(number) = self.value(&format!("{architecture}.{key}")) else {
            panic!("{key} is a number")
        };
        *number
    }

    /// A size of the architecture.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    pub(crate) fn size(&self, key: &str) -> usize {
        self.number(key) as usize
    }

    /// Sizes of the architecture, where there are any.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small counts")]
    pub(crate) fn sizes(&self, key: &str) -> Vec<usize> {
        match self.values.iter().find(|(name, _)| name.ends_with(key)) {
            Some((_, Value::List(all))) => all
                .iter()
                .map(|one| match one {
                    Value::Number(number) => *number as usize,
                    other => panic!("{other:?} is a number"),
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The texts of a list.
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let Value::List(all) = self.value(key) else { panic!("{key} is a list") };
        let text = |value: &Value| match value {
            Value::Text(text) => text.clone(),
            other => panic!("{other:?} is a text"),
        };
        all.iter().map(text).collect()
    }

    /// Scales a row to a mean square of one, and by the weights of a norm.
    pub(crate) fn norm(&self, row: &[f64], weights: &[f64]) -> Vec<f64> {
        let square = dot(row, row) / float(row.len());
        let scale = (square + self.number("attention.layer_norm_rms_epsilon")).sqrt().recip();
        row.iter().zip(weights).map(|(number, weight)| number * scale * weight).collect()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        self.at += length;
        &self.bytes[self.at - length..self.at]
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().expect("four bytes"))
    }

    fn long(&mut self) -> usize {
        let number = u64::from_le_bytes(self.take(8).try_into().expect("eight bytes"));
        usize::try_from(number).expect("a small file")
    }

    fn text(&mut self) -> String {
        let length = self.long();
        String::from_utf8(self.take(length).to_vec()).expect("a text")
    }

    fn tagged(&mut self) -> Value {
        let kind = self.word();
        self.untagged(kind)
    }

    fn untagged(&mut self, kind: u32) -> Value {
        match kind {
            4 => Value::Number(f64::from(self.word())),
            5 => Value::Number(f64::from(self.word().cast_signed())),
            6 => Value::Number(f64::from(f32::from_bits(self.word()))),
            7 => Value::Number(f64::from(self.take(1)[0])),
            8 => Value::Text(self.text()),
            9 => {
                let (of, length) = (self.word(), self.long());
                Value::List((0..length).map(|_| self.untagged(of)).collect())
            }
            other => panic!("{other} is a type that the writer has not"),
        }
    }

    /// Name, columns, rows, type and offset.
    fn info(&mut self) -> (String, usize, usize, u32, usize) {
        let (name, dimensions) = (self.text(), self.word());
        let columns = self.long();
        let rows = (1..dimensions).map(|_| self.long()).product();
        (name, columns, rows, self.word(), self.long())
    }
}

fn weights(kind: u32, bytes: &[u8], count: usize) -> Vec<f64> {
    let float = |four: &[u8]| f32::from_le_bytes(four.try_into().expect("four bytes"));
    match kind {
        0 => bytes.chunks_exact(4).take(count).map(|four| f64::from(float(four))).collect(),
        1 => bytes.chunks_exact(2).take(count).map(half).collect(),
        2 => bytes.chunks_exact(18).take(count / 32).flat_map(block_of_4).collect(),
        8 => bytes.chunks_exact(34).take(count / 32).flat_map(block_of_8).collect(),
        other => panic!("{other} is a type that the writer has not"),
    }
}

fn block_of_8(block: &[u8]) -> Vec<f64> {
    block[2..].iter().map(|byte| half(block) * f64::from(byte.cast_signed())).collect()
}

fn block_of_4(block: &[u8]) -> Vec<f64> {
    let low = block[2..].iter().map(|byte| byte & 15);
    let high = block[2..].iter().map(|byte| byte >> 4);
    low.chain(high).map(|step| half(block) * (f64::from(step) - 8.0)).collect()
}

/// The 16-bit float that stands at the beginning.
fn half(bytes: &[u8]) -> f64 {
    let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023) / 1024.0);
    match exponent {
        0 => sign * mantissa * 2_f64.powi(-14),
        31 => panic!("a weight is a number"),
        _ => sign * (1.0 + mantissa) * 2_f64.powi(exponent - 15),
    }
}
