//! The header of a GGUF file, version 3: values by name, then descriptions of tensors.

use super::Encoding;

/// A value of the header.
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(u32),
    Float(f32),
    Flag(bool),
    Integers(&'a [i32]),
    Texts(&'a [String]),
}

const TYPE_U32: u32 = 4;
const TYPE_I32: u32 = 5;
const TYPE_F32: u32 = 6;
const TYPE_BOOL: u32 = 7;
const TYPE_TEXT: u32 = 8;
const TYPE_ARRAY: u32 = 9;

/// A header in the making.
pub(super) struct Header {
    values: Vec<u8>,
    value_count: u64,
    tensors: Vec<u8>,
    tensor_count: u64,
}

impl Header {
    pub(super) fn new() -> Self {
        Self { values: Vec::new(), value_count: 0, tensors: Vec::new(), tensor_count: 0 }
    }

    pub(super) fn value(&mut self, key: &str, value: &Value<'_>) {
        let bytes = &mut self.values;
        put_text(bytes, key);
        match *value {
            Value::Text(text) => {
                put(bytes, TYPE_TEXT);
                put_text(bytes, text);
            }
            Value::Number(number) => {
                put(bytes, TYPE_U32);
                put(bytes, number);
            }
            Value::Float(number) => {
                put(bytes, TYPE_F32);
                put(bytes, number.to_bits());
            }
            Value::Flag(flag) => {
                put(bytes, TYPE_BOOL);
                bytes.push(u8::from(flag));
            }
            Value::Integers(all) => {
                put_array(bytes, TYPE_I32, all.len());
                for number in all {
                    put(bytes, number.cast_unsigned());
                }
            }
            Value::Texts(all) => {
                put_array(bytes, TYPE_TEXT, all.len());
                for text in all {
                    put_text(bytes, text);
                }
            }
        }
        self.value_count += 1;
    }

    /// Describes a tensor; the first of its dimensions is the length of a row.
    pub(super) fn tensor(
        &mut self,
        name: &str,
        dimensions: &[usize],
        encoding: Encoding,
        offset: u64,
    ) {
        let bytes = &mut self.tensors;
        put_text(bytes, name);
        put(bytes, u32::try_from(dimensions.len()).expect("one or two"));
        for length in dimensions {
            put_long(bytes, *length as u64);
        }
        put(bytes, encoding.number());
        put_long(bytes, offset);
        self.tensor_count += 1;
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        put_long(&mut bytes, self.tensor_count);
        put_long(&mut bytes, self.value_count);
        bytes.extend(self.values);
        bytes.extend(self.tensors);
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, number: u32) {
    bytes.extend(number.to_le_bytes());
}

fn put_long(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend(number.to_le_bytes());
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_long(bytes, text.len() as u64);
    bytes.extend(text.as_bytes());
}

fn put_array(bytes: &mut Vec<u8>, of: u32, length: usize) {
    put(bytes, TYPE_ARRAY);
    put(bytes, of);
    put_long(bytes, length as u64);
}
