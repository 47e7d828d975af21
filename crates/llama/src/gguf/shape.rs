//! What the numbers of a header must be so that the library can work with them, and the memory that
//! follows from them.

use super::{Header, Value, reader};
use crate::unusable::Unusable;

/// Most layers, heads and experts, and the widest row: far above every Qwen model that fits a machine.
const MAX_LAYERS: u64 = 512;
const MAX_WIDTH: u64 = 1 << 20;

/// Bytes of a number in the memory of attention.
const NUMBER_BYTES: u64 = 2;

impl Header {
    /// Tokens of the vocabulary.
    pub fn vocabulary_size(&self) -> u64 {
        self.tensors.get("token_embd.weight").and_then(|shape| shape.get(1)).copied().unwrap_or(0)
    }

    /// Bytes that one token takes in the memory of attention.
    pub fn token_bytes(&self) -> u64 {
        let key = self.own("attention.key_length").unwrap_or(0);
        let value = self.own("attention.value_length").unwrap_or(0);
        let heads = self.key_heads();
        let layers = self.layers() - self.recurrent_layers();
        layers * heads * (key + value) * NUMBER_BYTES
    }

    /// Bytes that one sequence takes whatever its length: the state of the recurrent layers.
    pub fn sequence_bytes(&self) -> u64 {
        let number = |key: &str| self.own(key).unwrap_or(0);
        let (inner, state) = (number("ssm.inner_size"), number("ssm.state_size"));
        let convolved = inner + 2 * number("ssm.group_count") * state;
        let kept = number("ssm.conv_kernel").saturating_sub(1);
        self.recurrent_layers() * (inner * state + kept * convolved) * 4
    }

    /// Whether only whole sequences can be copied and removed.
    pub fn is_recurrent(&self) -> bool {
        self.recurrent_layers() > 0
    }

    fn layers(&self) -> u64 {
        self.own("block_count").unwrap_or(0)
    }

    fn recurrent_layers(&self) -> u64 {
        if !self.architecture.starts_with("qwen35") {
            return 0;
        }
        let interval = self.own("full_attention_interval").unwrap_or(4).max(1);
        self.layers() - self.layers() / interval
    }

    /// The most of all layers.
    fn key_heads(&self) -> u64 {
        let key = format!("{}.attention.head_count_kv", self.architecture);
        match self.values.get(&key) {
            Some(Value::Whole(heads)) => *heads,
            Some(Value::Array { numbers, .. }) => numbers.iter().copied().max().unwrap_or(0),
            _ => self.own("attention.head_count").unwrap_or(0),
        }
    }

    /// A number under the architecture's name.
    fn own(&self, key: &str) -> Option<u64> {
        self.number(&format!("{}.{key}", self.architecture))
    }

    pub(super) fn check_shape(&self) -> Result<(), Unusable> {
        self.demand("block_count", MAX_LAYERS)?;
        for key in [
            "embedding_length",
            "attention.head_count",
            "attention.key_length",
            "attention.value_length",
        ] {
            self.demand(key, MAX_WIDTH)?;
        }
        self.demand("context_length", 1 << 24)?;
        self.check_heads()?;
        self.allow("rope.dimension_count", MAX_WIDTH)?;
        if self.architecture.starts_with("qwen35") {
            self.allow("full_attention_interval", MAX_LAYERS)?;
            for key in ["conv_kernel", "inner_size", "state_size", "time_step_rank", "group_count"]
            {
                self.demand(&format!("ssm.{key}"), MAX_WIDTH)?;
            }
        }
        if self.architecture.ends_with("moe") {
            self.demand("expert_count", 1_024)?;
            self.demand("expert_used_count", 1_024)?;
        }
        self.check_vocabulary()
    }

    fn check_heads(&self) -> Result<(), Unusable> {
        let (heads, key_heads) = (self.own("attention.head_count").unwrap_or(0), self.key_heads());
        if key_heads == 0 || key_heads > heads || !heads.is_multiple_of(key_heads) {
            return Err(Unusable::new(format!("{heads} heads cannot share {key_heads} keys")));
        }
        Ok(())
    }

    /// The arrays of the vocabulary are as long as the table of embeddings.
    fn check_vocabulary(&self) -> Result<(), Unusable> {
        let model = self.text("tokenizer.ggml.model");
        if model != Some("gpt2") {
            return Err(Unusable::new("its tokenizer is not the one of Qwen models"));
        }
        let size = self.vocabulary_size();
        if size == 0 || i32::try_from(size).is_err() {
            return Err(Unusable::new("it has no table of embeddings"));
        }
        self.demand_array("tokens", reader::TEXT, Some(size))?;
        self.demand_array("merges", reader::TEXT, None)?;
        self.demand_array("token_type", reader::SIGNED, Some(size))?;
        if self.values.contains_key("tokenizer.ggml.scores") {
            self.demand_array("scores", reader::REAL, Some(size))?;
        }
        Ok(())
    }

    fn demand_array(&self, name: &str, wanted: u32, size: Option<u64>) -> Result<(), Unusable> {
        let found = self.values.get(&format!("tokenizer.ggml.{name}"));
        let Some(Value::Array { kind, count, .. }) = found else {
            return Err(Unusable::new(format!("its vocabulary has no {name}")));
        };
        if *kind != wanted || size.is_some_and(|size| size != *count) {
            return Err(Unusable::new(format!(
                "its vocabulary has {count} {name}, which do not fit"
            )));
        }
        Ok(())
    }

    /// A number that must be there, from 1 up.
    fn demand(&self, key: &str, most: u64) -> Result<(), Unusable> {
        match self.own(key) {
            Some(number) if (1..=most).contains(&number) => Ok(()),
            Some(number) => Err(Unusable::new(format!("its {key} is {number}"))),
            None => Err(Unusable::new(format!("it has no {key}"))),
        }
    }

    /// A number that may be missing, and otherwise is from 1 up.
    fn allow(&self, key: &str, most: u64) -> Result<(), Unusable> {
        let full = format!("{}.{key}", self.architecture);
        if self.values.contains_key(&full) { self.demand(key, most) } else { Ok(()) }
    }
}
