//! A model of random weights, on disk and loaded.

use std::path::{Path, PathBuf};

use modelstat_llama::{Batch, Context, ContextOptions, Model, Sequence, Special, Token};
use modelstat_testkit::gguf::{Encoding, Linear, Shape, write_file};
use tempfile::TempDir;

/// Both architectures that the engine takes.
pub(crate) const SHAPES: [Shape; 2] = [Shape::TINY_QWEN3, Shape::TINY_QWEN35];

/// Smaller ones of both, where many answers are written and no number is compared.
pub(crate) const SMALL: [Shape; 2] = [
    Shape { layers: 1, ..small(Shape::TINY_QWEN3) },
    Shape {
        linear: Some(Linear {
            interval: 2,
            key_heads: 1,
            value_heads: 2,
            head: 32,
            kernel: 4,
            rotated: 16,
            sections: [3, 3, 2, 0],
        }),
        ..small(Shape::TINY_QWEN35)
    },
];

const fn small(shape: Shape) -> Shape {
    Shape {
        embedding: 64,
        heads: 1,
        key_heads: 1,
        head: 32,
        feed_forward: 64,
        vocabulary: 448,
        ..shape
    }
}

/// A text that no test chose by its tokens.
pub(crate) const TEXT: &str = "They asked why the nightly import had stopped, and it turned out that 3 of \
the workers were waiting for one lock. The answer moved the slow query out of the transaction.";

/// A small model.
pub(crate) struct Tiny {
    pub(crate) model: Model,
    path: PathBuf,
    _folder: TempDir,
}

impl Tiny {
    pub(crate) fn new(shape: &Shape, encoding: Encoding) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tiny.gguf");
        write_file(&path, shape, encoding, 42).expect("room for a few megabytes");
        let model = Model::load(&path).expect("the file is a model");
        Self { model, path, _folder: folder }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A context of nine sequences.
    pub(crate) fn context(&self) -> Context<'_> {
        Context::new(&self.model, ContextOptions::default()).expect("memory")
    }

    /// The first tokens of [`TEXT`].
    pub(crate) fn tokens(&self, count: usize) -> Vec<Token> {
        let mut tokens = self.model.tokens(TEXT, Special::Text);
        assert!(tokens.len() >= count, "{} tokens", tokens.len());
        tokens.truncate(count);
        tokens
    }
}

/// Appends tokens to a sequence that has `before` of them; the logits after each.
pub(crate) fn read(
    context: &mut Context<'_>,
    sequence: Sequence,
    before: usize,
    tokens: &[Token],
) -> Vec<Vec<f32>> {
    let mut batch = Batch::new();
    for (at, token) in (before..).zip(tokens) {
        batch.push(*token, u32::try_from(at).expect("short"), sequence, true);
    }
    context.decode(&mut batch).expect("room for a few tokens");
    (0..tokens.len()).map(|at| context.logits(at).to_vec()).collect()
}
