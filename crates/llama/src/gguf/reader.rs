//! Numbers and texts of a header, from a file that may say anything.

use std::io::Read;

use super::{MAX_TEXT_BYTES, Value, within};
use crate::unusable::Unusable;

/// The type of a text.
pub(super) const TEXT: u32 = 8;

/// The type of an array.
pub(super) const ARRAY: u32 = 9;

/// The type of a signed number of 32 bits.
pub(super) const SIGNED: u32 = 5;

/// The type of a real number of 32 bits.
pub(super) const REAL: u32 = 6;

/// Arrays of whole numbers are kept up to so many: one for each layer.
const MAX_KEPT_NUMBERS: u64 = 1_024;

/// Reads no more than a header may have.
pub(super) struct Reader<R> {
    input: R,
    position: u64,
    limit: u64,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(input: R, limit: u64) -> Self {
        Self { input, position: 0, limit }
    }

    /// Bytes that were read.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn bytes<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], Unusable> {
        let mut bytes = [0; COUNT];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Unusable> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Unusable> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    pub(super) fn text(&mut self) -> Result<String, Unusable> {
        let bytes = self.text_bytes()?;
        String::from_utf8(bytes).map_err(|_| Unusable::new("a key or a name of it is no text"))
    }

    pub(super) fn scalar(&mut self, kind: u32) -> Result<Value, Unusable> {
        Ok(match kind {
            0 | 7 => Value::Whole(u64::from(self.bytes::<1>()?[0])),
            1 => signed(i8::from_le_bytes(self.bytes()?).into()),
            2 => Value::Whole(u16::from_le_bytes(self.bytes()?).into()),
            3 => signed(i16::from_le_bytes(self.bytes()?).into()),
            4 => Value::Whole(self.u32()?.into()),
            SIGNED => signed(i32::from_le_bytes(self.bytes()?).into()),
            REAL => Value::Real(f32::from_le_bytes(self.bytes()?).into()),
            10 => Value::Whole(self.u64()?),
            11 => signed(i64::from_le_bytes(self.bytes()?)),
            12 => Value::Real(f64::from_le_bytes(self.bytes()?)),
            _ => return Err(Unusable::new(format!("a value of it has the unknown type {kind}"))),
        })
    }

    /// Reads past an array. Few whole numbers are kept.
    pub(super) fn array(&mut self, kind: u32, count: u64) -> Result<Vec<u64>, Unusable> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            if kind == TEXT {
                self.text_bytes()?;
            } else if let Value::Whole(number) = self.scalar(kind)?
                && count <= MAX_KEPT_NUMBERS
            {
                numbers.push(number);
            }
        }
        Ok(numbers)
    }

    /// Tokens may be parts of characters.
    fn text_bytes(&mut self) -> Result<Vec<u8>, Unusable> {
        let length = within("bytes in a text", self.u64()?, MAX_TEXT_BYTES)?;
        if length > self.limit.saturating_sub(self.position) {
            return Err(cut());
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Unusable> {
        let position = self.position.saturating_add(bytes.len() as u64);
        if position > self.limit {
            return Err(cut());
        }
        self.input.read_exact(bytes).map_err(|_| cut())?;
        self.position = position;
        Ok(())
    }
}

fn cut() -> Unusable {
    Unusable::new("its header is cut, or too large")
}

/// A negative number is none of the counts that are asked for.
fn signed(number: i64) -> Value {
    u64::try_from(number).map_or(Value::Real(-1.0), Value::Whole)
}
