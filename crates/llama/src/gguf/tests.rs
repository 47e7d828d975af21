use modelstat_testkit::gguf::{Encoding, Shape, write};

use super::*;

fn file(shape: &Shape) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, shape, Encoding::Q8, 1).expect("memory");
    bytes
}

fn parse(bytes: &[u8]) -> Result<Header, Unusable> {
    Header::parse(bytes, bytes.len() as u64)
}

/// What a reason says where the bytes of a file are changed.
fn refused(shape: &Shape, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = file(shape);
    change(&mut bytes);
    parse(&bytes).expect_err("it is damaged").reason().to_owned()
}

/// Where the value of a key begins: behind its name and the number of its type.
fn value_of(bytes: &[u8], key: &str) -> usize {
    let at = bytes.windows(key.len()).position(|window| window == key.as_bytes());
    at.expect("the key is there") + key.len() + 4
}

fn set(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// The end of the header: the first tensor begins on the border after it.
fn header_bytes(bytes: &[u8]) -> usize {
    let tensors: usize = parse(bytes).expect("whole").tensor_bytes.try_into().expect("small");
    bytes.len() - tensors
}

#[test]
fn a_whole_file_tells_what_it_is() {
    let header = parse(&file(&Shape::TINY_QWEN3)).expect("whole");
    assert_eq!((header.architecture.as_str(), header.vocabulary_size()), ("qwen3", 1_024));
    // Two layers of two heads of 64 numbers, as keys and as values.
    assert_eq!((header.token_bytes(false), header.sequence_bytes()), (2 * 2 * 2 * 64 * 2, 0));
    assert!(!header.is_recurrent());
    let header = parse(&file(&Shape::TINY_QWEN35)).expect("whole");
    // Of two layers one attends, and the other keeps a state of four heads.
    assert_eq!(
        (header.architecture.as_str(), header.token_bytes(false)),
        ("qwen35", 2 * 2 * 64 * 2)
    );
    assert!(header.is_recurrent() && header.sequence_bytes() > 4 * 64 * 64 * 4);
}

#[test]
fn a_cut_file_is_refused_wherever_it_is_cut() {
    let bytes = file(&Shape::TINY_QWEN3);
    let header = header_bytes(&bytes);
    for length in (0..64).chain((64..header).step_by(97)).chain([header, bytes.len() - 33]) {
        let why = parse(&bytes[..length]).expect_err("it is cut");
        assert!(why.reason().contains("cut"), "{length}: {why}");
    }
}

#[test]
fn a_damaged_header_is_read_or_refused() {
    let whole = file(&Shape::TINY_QWEN35);
    let header = header_bytes(&whole);
    for at in (0..400).chain((400..header).step_by(61)) {
        for bit in [0, 3, 7] {
            let mut bytes = whole[..header].to_vec();
            bytes[at] ^= 1 << bit;
            // The claim is that it returns: neither a panic nor the memory of a wild count.
            let _either = Header::parse(bytes.as_slice(), whole.len() as u64);
        }
    }
}

#[test]
fn counts_beyond_all_files_are_refused() {
    for (at, what) in [(8, "tensors"), (16, "keys")] {
        let why = refused(&Shape::TINY_QWEN3, |bytes| set(bytes, at, &u64::MAX.to_le_bytes()));
        assert!(why.contains(what), "{why}");
    }
    let why = refused(&Shape::TINY_QWEN3, |bytes| {
        // The length of the first key.
        set(bytes, 24, &(u64::MAX / 2).to_le_bytes());
    });
    assert!(why.contains("bytes in a text"), "{why}");
    let why = refused(&Shape::TINY_QWEN3, |bytes| {
        let at = value_of(bytes, "tokenizer.ggml.tokens") + 4;
        set(bytes, at, &u64::MAX.to_le_bytes());
    });
    assert!(why.contains("values of an array"), "{why}");
}

#[test]
fn what_is_no_model_of_ours_is_refused() {
    let why = refused(&Shape::TINY_QWEN3, |bytes| bytes[0] = b'g');
    assert_eq!(why, "it is not a GGUF file");
    let why = refused(&Shape::TINY_QWEN3, |bytes| bytes[4] = 1);
    assert_eq!(why, "its version is 1, not 2 or 3");
    let why = refused(&Shape::TINY_QWEN3, |bytes| {
        let at = value_of(bytes, "general.architecture") + 8;
        set(bytes, at, b"llama");
    });
    assert!(why.starts_with("its architecture is \"llama\", not one of qwen3"), "{why}");
    let why = refused(&Shape::TINY_QWEN3, |bytes| {
        let at = value_of(bytes, "tokenizer.ggml.model") + 8;
        set(bytes, at, b"bert");
    });
    assert!(why.contains("tokenizer"), "{why}");
}

#[test]
fn numbers_that_the_library_would_divide_by_are_not_zero() {
    for (shape, key) in [
        (Shape::TINY_QWEN3, "qwen3.attention.head_count"),
        (Shape::TINY_QWEN3, "qwen3.block_count"),
        (Shape::TINY_QWEN3, "qwen3.attention.key_length"),
        (Shape::TINY_QWEN35, "qwen35.ssm.group_count"),
        (Shape::TINY_QWEN35, "qwen35.full_attention_interval"),
    ] {
        for number in [0, u32::MAX] {
            let why = refused(&shape, |bytes| {
                let at = value_of(bytes, key);
                set(bytes, at, &number.to_le_bytes());
            });
            let (_, name) = key.split_once('.').expect("a name");
            assert!(why.contains(name), "{why}");
        }
    }
    let why = refused(&Shape::TINY_QWEN3, |bytes| {
        let at = value_of(bytes, "qwen3.attention.head_count_kv");
        set(bytes, at, &3_u32.to_le_bytes());
    });
    assert_eq!(why, "4 heads cannot share 3 keys");
}

#[test]
fn a_tensor_that_cannot_be_is_refused() {
    // Behind a tensor's name: how many dimensions, each, the type, the offset.
    let tensor = |bytes: &[u8]| value_of(bytes, "blk.0.attn_q.weight") - 4;
    let why = refused(&Shape::TINY_QWEN3, |bytes| {
        let at = tensor(bytes);
        set(bytes, at, &5_u32.to_le_bytes());
    });
    assert!(why.contains("5 dimensions"), "{why}");
    let why = refused(&Shape::TINY_QWEN3, |bytes| {
        let at = tensor(bytes) + 4;
        set(bytes, at, &(u64::MAX - 255).to_le_bytes());
    });
    assert!(why.contains("cannot have the shape"), "{why}");
    let why = refused(&Shape::TINY_QWEN3, |bytes| {
        let at = tensor(bytes) + 20;
        set(bytes, at, &99_u32.to_le_bytes());
    });
    assert!(why.contains("unknown type 99"), "{why}");
    let why = refused(&Shape::TINY_QWEN3, |bytes| {
        let at = tensor(bytes) + 24;
        set(bytes, at, &(1_u64 << 40).to_le_bytes());
    });
    assert!(why.contains("is cut"), "{why}");
    let why = refused(&Shape::TINY_QWEN3, |bytes| {
        let at = tensor(bytes) + 24;
        set(bytes, at, &1_u64.to_le_bytes());
    });
    assert!(why.contains("not on its border"), "{why}");
}
