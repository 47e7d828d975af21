//! Models with random weights, as GGUF files: small ones for tests, one of a real shape for benchmarks.
//!
//! The same shape, encoding and seed give the same bytes on every machine: the weights come from integers
//! and from those operations on floats that every processor rounds alike.

mod echo;
mod encoding;
mod format;
mod random;
mod shape;
mod vocabulary;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

pub use encoding::Encoding;
use format::{Header, Value};
use random::Random;
pub use shape::{Linear, Shape};
use shape::{Spread, Tensor};
use vocabulary::Vocabulary;

/// Where tensors begin: at multiples of this, as readers assume.
const ALIGNMENT: u64 = 32;

/// Standard deviation of the embedding, which is the output's matrix too: logits then differ by about one.
const EMBEDDING_SPREAD: f32 = 0.05;

/// Standard deviation of what is added to the ones of a norm.
const NORM_SPREAD: f32 = 0.1;

/// What sets the seed of one tensor apart from the next one's.
const SEED_STEP: u64 = 0x9FB2_1C65_1E98_DF25;

/// Writes a model to a file, replacing what is there.
pub fn write_file(path: &Path, shape: &Shape, encoding: Encoding, seed: u64) -> io::Result<()> {
    let mut output = BufWriter::with_capacity(1 << 20, File::create(path)?);
    write(&mut output, shape, encoding, seed)?;
    output.flush()
}

/// Writes a model. Of its weights one row at a time is in memory.
pub fn write(
    output: &mut impl Write,
    shape: &Shape,
    encoding: Encoding,
    seed: u64,
) -> io::Result<()> {
    write_rows(output, shape, encoding, seed, &|tensor, _, random, row| {
        row.fill_with(|| weight(tensor, random));
    })
}

/// Writes a model that repeats: what follows each token is the token `distance` places before. It is a
/// small Qwen3, replacing what is there.
pub fn write_echo_file(path: &Path, distance: u16) -> io::Result<()> {
    let mut output = BufWriter::new(File::create(path)?);
    write_rows(&mut output, &echo::SHAPE, Encoding::F32, 1, &|tensor, number, random, row| {
        echo::fill(tensor, number, distance, random, row);
    })?;
    output.flush()
}

/// Fills a row of a tensor, which is told by its number.
type Fill<'a> = &'a dyn Fn(&Tensor, usize, &mut Random, &mut [f32]);

fn write_rows(
    output: &mut impl Write,
    shape: &Shape,
    encoding: Encoding,
    seed: u64,
    fill: Fill<'_>,
) -> io::Result<()> {
    let tensors = shape.tensors();
    let header = header(shape, encoding, &tensors);
    output.write_all(&header)?;
    pad(output, header.len() as u64)?;
    for (number, tensor) in (0_u64..).zip(&tensors) {
        let mut random = Random::new(seed ^ (number + 1).wrapping_mul(SEED_STEP));
        let encoding = tensor.encoding(encoding);
        let mut row = vec![0.0; tensor.columns];
        let mut bytes = Vec::new();
        for number in 0..tensor.rows {
            fill(tensor, number, &mut random, &mut row);
            bytes.clear();
            encoding.encode(&row, &mut bytes);
            output.write_all(&bytes)?;
        }
        pad(output, tensor.bytes(encoding))?;
    }
    Ok(())
}

fn weight(tensor: &Tensor, random: &mut Random) -> f32 {
    let normal = random.normal();
    match tensor.spread {
        Spread::Embedding => EMBEDDING_SPREAD * normal,
        Spread::Matrix => normal * tensor.inverse_root_of_columns(),
        Spread::Norm => 1.0 + NORM_SPREAD * normal,
        Spread::Bias => normal,
        Spread::Decay => -0.05 - normal.abs(),
    }
}

fn pad(output: &mut impl Write, written: u64) -> io::Result<()> {
    let missing = written.next_multiple_of(ALIGNMENT) - written;
    output.write_all(&[0; 32][..usize::try_from(missing).unwrap_or(0)])
}

fn header(shape: &Shape, encoding: Encoding, tensors: &[Tensor]) -> Vec<u8> {
    let mut header = Header::new();
    header.value("general.architecture", &Value::Text(shape.architecture()));
    header.value("general.name", &Value::Text("random weights"));
    header.value("general.file_type", &Value::Number(encoding.file_type()));
    for (key, value) in shape.values() {
        header.value(&format!("{}.{key}", shape.architecture()), &value);
    }
    let vocabulary = Vocabulary::new(shape.vocabulary, shape.words);
    header.value("tokenizer.ggml.model", &Value::Text("gpt2"));
    header.value("tokenizer.ggml.pre", &Value::Text(shape.splitting()));
    header.value("tokenizer.ggml.tokens", &Value::Texts(&vocabulary.tokens));
    header.value("tokenizer.ggml.token_type", &Value::Integers(&vocabulary.kinds));
    header.value("tokenizer.ggml.merges", &Value::Texts(&vocabulary.merges));
    for (key, token) in [
        ("bos", vocabulary.end_of_text),
        ("padding", vocabulary.end_of_text),
        ("eos", vocabulary.end_of_message),
    ] {
        header.value(&format!("tokenizer.ggml.{key}_token_id"), &Value::Number(token));
    }
    header.value("tokenizer.ggml.add_bos_token", &Value::Flag(false));
    let mut offset = 0;
    for tensor in tensors {
        let encoding = tensor.encoding(encoding);
        header.tensor(&tensor.name, &tensor.dimensions(), encoding, offset);
        offset += tensor.bytes(encoding).next_multiple_of(ALIGNMENT);
    }
    header.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(shape: &Shape, encoding: Encoding, seed: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, shape, encoding, seed).expect("memory");
        bytes
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        for shape in [Shape::TINY_QWEN3, Shape::TINY_QWEN35] {
            let first = written(&shape, Encoding::Q8, 7);
            assert!(first == written(&shape, Encoding::Q8, 7));
            assert!(first != written(&shape, Encoding::Q8, 8));
        }
    }

    /// So that what is expected of the bytes does not change unnoticed with the compiler or the machine.
    #[test]
    fn a_file_is_the_same_on_every_machine() {
        let bytes = written(&Shape::TINY_QWEN3, Encoding::F32, 1);
        let mut sum = 0xCBF2_9CE4_8422_2325_u64;
        for byte in bytes {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        assert_eq!(sum, 0x7CCA_26C1_03ED_77D4, "{sum:#018X}");
    }

    #[test]
    fn the_size_of_a_file_is_what_its_tensors_take() {
        for encoding in [Encoding::F32, Encoding::F16, Encoding::Q8, Encoding::Q4] {
            let shape = Shape::TINY_QWEN35;
            let tensors = shape.tensors();
            let bytes = |tensor: &Tensor| {
                tensor.bytes(tensor.encoding(encoding)).next_multiple_of(ALIGNMENT)
            };
            let header = header(&shape, encoding, &tensors).len() as u64;
            let expected =
                header.next_multiple_of(ALIGNMENT) + tensors.iter().map(bytes).sum::<u64>();
            assert_eq!(written(&shape, encoding, 1).len() as u64, expected, "{encoding:?}");
        }
    }
}
