//! The shapes of models: their sizes, the values that name them, and their tensors.

use super::vocabulary::LEARNT;
use super::{Encoding, Value};

/// The base of the rotation's frequencies.
const ROPE_BASE: f32 = 1_000_000.0;

/// What a norm adds to the mean of squares.
const NORM_EPSILON: f32 = 1e-6;

/// The sizes of a model of the Qwen3 or, where it has linear layers, the Qwen3.5 architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Length of an embedding.
    pub embedding: usize,
    /// Layers.
    pub layers: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values, each shared by as many heads of queries as there are more of those.
    pub key_heads: usize,
    /// Length of a head.
    pub head: usize,
    /// Length of the feed-forward part.
    pub feed_forward: usize,
    /// Most tokens of a text.
    pub context: usize,
    /// Tokens of the vocabulary.
    pub vocabulary: usize,
    /// Tokens of the vocabulary that stand for text.
    pub words: usize,
    /// The linear layers of a Qwen3.5.
    pub linear: Option<Linear>,
}

/// The sizes of the linear layers (gated delta nets) of a Qwen3.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Layers of which the last attends to all tokens; the others are linear.
    pub interval: usize,
    /// Heads of queries and keys.
    pub key_heads: usize,
    /// Heads of values.
    pub value_heads: usize,
    /// Length of a head.
    pub head: usize,
    /// How many tokens the convolution sees.
    pub kernel: usize,
    /// How much of a head of the other layers is rotated.
    pub rotated: usize,
    /// The rotated pairs that tell time, height, width and nothing; in a text the first three are equal.
    pub sections: [i32; 4],
}

/// How the weights of a tensor are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    Embedding,
    Matrix,
    Norm,
    Bias,
    /// Negative: how fast a state fades.
    Decay,
}

/// A tensor of a model.
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) spread: Spread,
    /// Whether it is small, and stored as 32-bit floats in every file.
    small: bool,
}

impl Tensor {
    fn matrix(name: String, rows: usize, columns: usize) -> Self {
        Self { name, rows, columns, spread: Spread::Matrix, small: false }
    }

    fn vector(name: String, length: usize, spread: Spread) -> Self {
        Self { name, rows: 1, columns: length, spread, small: true }
    }

    pub(super) fn encoding(&self, of_matrices: Encoding) -> Encoding {
        if self.small { Encoding::F32 } else { of_matrices }
    }

    pub(super) fn bytes(&self, encoding: Encoding) -> u64 {
        (self.rows * encoding.bytes(self.columns)) as u64
    }

    /// The length of a row, and the number of rows where it is a matrix.
    pub(super) fn dimensions(&self) -> Vec<usize> {
        let is_vector = self.small && self.rows == 1;
        if is_vector { vec![self.columns] } else { vec![self.columns, self.rows] }
    }

    #[expect(clippy::cast_precision_loss, reason = "rows are shorter than 2^24")]
    pub(super) fn inverse_root_of_columns(&self) -> f32 {
        1.0 / (self.columns as f32).sqrt()
    }
}

impl Shape {
    /// A Qwen3 of which a test reads a thousand tokens in a moment. Every length is a multiple of 256, the
    /// largest block of any encoding, except a head's.
    pub const TINY_QWEN3: Self = Self {
        embedding: 256,
        layers: 2,
        heads: 4,
        key_heads: 2,
        head: 64,
        feed_forward: 512,
        context: 8_192,
        vocabulary: 1_024,
        words: LEARNT,
        linear: None,
    };

    /// A Qwen3.5 as small: a linear layer and one that attends to all tokens.
    pub const TINY_QWEN35: Self = Self {
        linear: Some(Linear {
            interval: 2,
            key_heads: 2,
            value_heads: 4,
            head: 64,
            kernel: 4,
            rotated: 32,
            sections: [6, 5, 5, 0],
        }),
        ..Self::TINY_QWEN3
    };

    /// The shape of Qwen3-0.6B.
    pub const QWEN3_0_6B: Self = Self {
        embedding: 1_024,
        layers: 28,
        heads: 16,
        key_heads: 8,
        head: 128,
        feed_forward: 3_072,
        context: 40_960,
        vocabulary: 151_936,
        words: 151_643,
        linear: None,
    };

    /// The shape of Qwen3.5-0.8B, without its eyes.
    pub const QWEN35_0_8B: Self = Self {
        embedding: 1_024,
        layers: 24,
        heads: 8,
        key_heads: 2,
        head: 256,
        feed_forward: 3_584,
        context: 262_144,
        vocabulary: 248_320,
        words: 248_044,
        linear: Some(Linear {
            interval: 4,
            key_heads: 16,
            value_heads: 16,
            head: 128,
            kernel: 4,
            rotated: 64,
            sections: [11, 11, 10, 0],
        }),
    };

    /// The architecture's name in the file.
    pub fn architecture(&self) -> &'static str {
        if self.linear.is_some() { "qwen35" } else { "qwen3" }
    }

    /// The name of the rule by which a text is split into words before pairs are merged.
    pub(super) fn splitting(&self) -> &'static str {
        if self.linear.is_some() { "qwen35" } else { "qwen2" }
    }

    /// Whether a layer attends to all tokens.
    fn attends(&self, layer: usize) -> bool {
        self.linear.as_ref().is_none_or(|linear| (layer + 1).is_multiple_of(linear.interval))
    }

    /// The values of the header that describe the shape, without the architecture before their names.
    pub(super) fn values(&self) -> Vec<(&'static str, Value<'_>)> {
        let number = |number: usize| Value::Number(u32::try_from(number).expect("sizes are small"));
        let mut values = vec![
            ("context_length", number(self.context)),
            ("embedding_length", number(self.embedding)),
            ("block_count", number(self.layers)),
            ("feed_forward_length", number(self.feed_forward)),
            ("attention.head_count", number(self.heads)),
            ("attention.head_count_kv", number(self.key_heads)),
            ("attention.key_length", number(self.head)),
            ("attention.value_length", number(self.head)),
            ("attention.layer_norm_rms_epsilon", Value::Float(NORM_EPSILON)),
            ("rope.freq_base", Value::Float(ROPE_BASE)),
        ];
        if let Some(linear) = &self.linear {
            values.extend([
                ("rope.dimension_count", number(linear.rotated)),
                ("rope.dimension_sections", Value::Integers(&linear.sections)),
                ("full_attention_interval", number(linear.interval)),
                ("ssm.conv_kernel", number(linear.kernel)),
                ("ssm.state_size", number(linear.head)),
                ("ssm.group_count", number(linear.key_heads)),
                ("ssm.time_step_rank", number(linear.value_heads)),
                ("ssm.inner_size", number(linear.head * linear.value_heads)),
            ]);
        }
        values
    }

    /// The tensors in their order in the file. The embedding is the output's matrix too.
    pub(super) fn tensors(&self) -> Vec<Tensor> {
        let embedding = Tensor {
            spread: Spread::Embedding,
            ..Tensor::matrix("token_embd.weight".to_owned(), self.vocabulary, self.embedding)
        };
        let norm = Tensor::vector("output_norm.weight".to_owned(), self.embedding, Spread::Norm);
        let mut tensors = vec![embedding, norm];
        for layer in 0..self.layers {
            let name = |what: &str| format!("blk.{layer}.{what}");
            tensors.push(Tensor::vector(name("attn_norm.weight"), self.embedding, Spread::Norm));
            match &self.linear {
                Some(linear) if !self.attends(layer) => {
                    tensors.extend(self.linear_tensors(linear, &name));
                }
                linear => tensors.extend(self.attention_tensors(linear.is_some(), &name)),
            }
            let after = if self.linear.is_some() {
                "post_attention_norm.weight"
            } else {
                "ffn_norm.weight"
            };
            tensors.push(Tensor::vector(name(after), self.embedding, Spread::Norm));
            let (inner, outer) = (self.feed_forward, self.embedding);
            tensors.push(Tensor::matrix(name("ffn_gate.weight"), inner, outer));
            tensors.push(Tensor::matrix(name("ffn_up.weight"), inner, outer));
            tensors.push(Tensor::matrix(name("ffn_down.weight"), outer, inner));
        }
        tensors
    }

    fn attention_tensors(&self, gated: bool, name: &dyn Fn(&str) -> String) -> [Tensor; 6] {
        let (queries, keys) = (self.heads * self.head, self.key_heads * self.head);
        // A gate stands beside each query.
        let query_rows = if gated { 2 * queries } else { queries };
        [
            Tensor::matrix(name("attn_q.weight"), query_rows, self.embedding),
            Tensor::matrix(name("attn_k.weight"), keys, self.embedding),
            Tensor::matrix(name("attn_v.weight"), keys, self.embedding),
            Tensor::matrix(name("attn_output.weight"), self.embedding, queries),
            Tensor::vector(name("attn_q_norm.weight"), self.head, Spread::Norm),
            Tensor::vector(name("attn_k_norm.weight"), self.head, Spread::Norm),
        ]
    }

    fn linear_tensors(&self, linear: &Linear, name: &dyn Fn(&str) -> String) -> [Tensor; 9] {
        let (keys, values) = (linear.key_heads * linear.head, linear.value_heads * linear.head);
        let (all, heads) = (2 * keys + values, linear.value_heads);
        let convolution =
            Tensor { small: true, ..Tensor::matrix(name("ssm_conv1d.weight"), all, linear.kernel) };
        [
            Tensor::matrix(name("attn_qkv.weight"), all, self.embedding),
            Tensor::matrix(name("attn_gate.weight"), values, self.embedding),
            convolution,
            Tensor::vector(name("ssm_dt.bias"), heads, Spread::Bias),
            Tensor::vector(name("ssm_a"), heads, Spread::Decay),
            Tensor::matrix(name("ssm_beta.weight"), heads, self.embedding),
            Tensor::matrix(name("ssm_alpha.weight"), heads, self.embedding),
            Tensor::vector(name("ssm_norm.weight"), linear.head, Spread::Norm),
            Tensor::matrix(name("ssm_out.weight"), self.embedding, values),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(shape: &Shape) -> usize {
        shape.tensors().iter().map(|tensor| tensor.rows * tensor.columns).sum()
    }

    /// The numbers of weights that their makers publish, and the sizes of their files.
    #[test]
    fn real_shapes_have_the_weights_of_their_models() {
        assert_eq!(weights(&Shape::QWEN3_0_6B), 596_049_920);
        let bytes = |tensor: &Tensor| tensor.bytes(tensor.encoding(Encoding::F16));
        let large: u64 = Shape::QWEN35_0_8B.tensors().iter().map(bytes).sum();
        assert!((1_500_000_000..1_520_000_000).contains(&large), "{large}");
    }
}
