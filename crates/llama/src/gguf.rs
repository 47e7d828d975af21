//! The header of a GGUF file, read and checked before native code sees the file.
//!
//! The library trusts much of what a file says: a count sizes memory, a zero divides, an array that is too
//! short is read past its end. All of that is refused here, with a reason and without a large allocation.

mod element;
mod reader;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::unusable::Unusable;
use element::Element;
use reader::Reader;

/// Architectures that the prompt and the memory's rules are made for.
const ARCHITECTURES: [&str; 4] = ["qwen3", "qwen3moe", "qwen35", "qwen35moe"];

/// What a file begins with.
const MAGIC: [u8; 4] = *b"GGUF";

/// Versions whose layout this is: sizes of 64 bits, little endian.
const VERSIONS: [u32; 2] = [2, 3];

/// Most keys; published files have about 40.
const MAX_KEYS: u64 = 1_024;

/// Most tensors; a model with 100 layers of 20 stays below it.
const MAX_TENSORS: u64 = 16_384;

/// Most values of an array: the vocabularies have 250,000 tokens and as many merges.
const MAX_VALUES: u64 = 4_000_000;

/// Longest text; the longest in published files is the template of a chat.
const MAX_TEXT_BYTES: u64 = 1024 * 1024;

/// Longest name of a tensor that the library takes.
const MAX_NAME_BYTES: usize = 63;

/// Largest header: keys, values, names.
const MAX_HEADER_BYTES: u64 = 64 * 1024 * 1024;

/// Border that tensors stand on unless the file says otherwise.
const ALIGNMENT: u64 = 32;

/// What a file says of itself.
#[derive(Clone, Debug)]
pub struct Header {
    /// Such as `qwen3`.
    pub architecture: String,
    /// Bytes of the weights.
    pub tensor_bytes: u64,
    values: BTreeMap<String, Value>,
    tensors: BTreeMap<String, Vec<u64>>,
}

/// A value of a key, as far as it is kept.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Whole(u64),
    Real(f64),
    Text(String),
    /// Of how many of which type; whole numbers where there are few.
    Array {
        kind: u32,
        count: u64,
        numbers: Vec<u64>,
    },
}

impl Header {
    /// Reads the header of a file and checks all that it says.
    pub fn read(path: &Path) -> Result<Self, Unusable> {
        let open = |source: &std::io::Error| {
            Unusable::new(format!("the model {} cannot be read: {source}", path.display()))
        };
        let file = File::open(path).map_err(|source| open(&source))?;
        let status = file.metadata().map_err(|source| open(&source))?;
        if !status.is_file() {
            return Err(Unusable::new(format!("the model {} is no file", path.display())));
        }
        Self::parse(BufReader::new(file), status.len()).map_err(|why| {
            let path = path.display();
            Unusable::new(format!("{path} is no model that can be used: {}", why.reason()))
        })
    }

    fn parse(input: impl Read, file_bytes: u64) -> Result<Self, Unusable> {
        let mut reader = Reader::new(input, file_bytes.min(MAX_HEADER_BYTES));
        if reader.bytes::<4>()? != MAGIC {
            return Err(Unusable::new("it is not a GGUF file"));
        }
        let version = reader.u32()?;
        if !VERSIONS.contains(&version) {
            return Err(Unusable::new(format!("its version is {version}, not 2 or 3")));
        }
        let tensors = within("tensors", reader.u64()?, MAX_TENSORS)?;
        let keys = within("keys", reader.u64()?, MAX_KEYS)?;
        let mut values = BTreeMap::new();
        for _ in 0..keys {
            let key = reader.text()?;
            let kind = reader.u32()?;
            let value = value(&mut reader, kind)?;
            if values.insert(key.clone(), value).is_some() {
                return Err(Unusable::new(format!("its key {key:?} stands there twice")));
            }
        }
        let mut header =
            Self { architecture: String::new(), tensor_bytes: 0, values, tensors: BTreeMap::new() };
        header.architecture = header.supported()?;
        header.read_tensors(&mut reader, tensors, file_bytes)?;
        header.check_shape()?;
        Ok(header)
    }

    fn supported(&self) -> Result<String, Unusable> {
        let found = self.text("general.architecture");
        let found = found.ok_or_else(|| Unusable::new("it names no architecture"))?;
        if !ARCHITECTURES.contains(&found) {
            let known = ARCHITECTURES.join(", ");
            return Err(Unusable::new(format!(
                "its architecture is {found:?}, not one of {known}"
            )));
        }
        Ok(found.to_owned())
    }

    fn read_tensors(
        &mut self,
        reader: &mut Reader<impl Read>,
        count: u64,
        file_bytes: u64,
    ) -> Result<(), Unusable> {
        let alignment = self.number("general.alignment").unwrap_or(ALIGNMENT);
        if !alignment.is_power_of_two() || !(8..=4_096).contains(&alignment) {
            return Err(Unusable::new(format!("its alignment is {alignment}")));
        }
        let mut end = 0;
        for _ in 0..count {
            let tensor = Tensor::read(reader)?;
            if !tensor.offset.is_multiple_of(alignment) {
                let name = &tensor.name;
                return Err(Unusable::new(format!("its tensor {name:?} is not on its border")));
            }
            end = end.max(tensor.offset.saturating_add(tensor.bytes));
            self.tensor_bytes = self.tensor_bytes.saturating_add(tensor.bytes);
            if let Some(name) =
                self.tensors.insert(tensor.name.clone(), tensor.shape).map(|_| tensor.name)
            {
                return Err(Unusable::new(format!("its tensor {name:?} stands there twice")));
            }
        }
        let data = reader.position().next_multiple_of(alignment);
        let needed = data.saturating_add(end);
        if needed > file_bytes {
            return Err(Unusable::new(format!(
                "it is cut: {needed} bytes are needed and {file_bytes} are there"
            )));
        }
        Ok(())
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn number(&self, key: &str) -> Option<u64> {
        match self.values.get(key) {
            Some(Value::Whole(number)) => Some(*number),
            _ => None,
        }
    }
}

/// A tensor as the header tells it.
struct Tensor {
    name: String,
    shape: Vec<u64>,
    offset: u64,
    bytes: u64,
}

impl Tensor {
    fn read(reader: &mut Reader<impl Read>) -> Result<Self, Unusable> {
        let name = reader.text()?;
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(Unusable::new("the name of a tensor is empty or too long"));
        }
        let dimensions = reader.u32()?;
        if !(1..=4).contains(&dimensions) {
            return Err(Unusable::new(format!("its tensor {name:?} has {dimensions} dimensions")));
        }
        let shape: Vec<u64> = (0..dimensions).map(|_| reader.u64()).collect::<Result<_, _>>()?;
        let kind = reader.u32()?;
        let offset = reader.u64()?;
        let Some(element) = Element::of(kind) else {
            return Err(Unusable::new(format!("its tensor {name:?} has the unknown type {kind}")));
        };
        let bytes = element.bytes(&shape).ok_or_else(|| {
            Unusable::new(format!("its tensor {name:?} cannot have the shape {shape:?}"))
        })?;
        Ok(Self { name, shape, offset, bytes })
    }
}

fn value(reader: &mut Reader<impl Read>, kind: u32) -> Result<Value, Unusable> {
    match kind {
        reader::TEXT => Ok(Value::Text(reader.text()?)),
        reader::ARRAY => {
            let kind = reader.u32()?;
            let count = within("values of an array", reader.u64()?, MAX_VALUES)?;
            let numbers = reader.array(kind, count)?;
            Ok(Value::Array { kind, count, numbers })
        }
        kind => reader.scalar(kind),
    }
}

fn within(what: &str, count: u64, most: u64) -> Result<u64, Unusable> {
    if count > most {
        return Err(Unusable::new(format!("it has {count} {what}, more than {most}")));
    }
    Ok(count)
}
