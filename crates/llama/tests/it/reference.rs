//! What a model computes, worked out plainly in 64-bit floats from the bytes of its file.

mod attention;
mod delta;
mod file;

pub(crate) use file::{File, Matrix};

/// One row of numbers for each token.
pub(crate) type Rows = Vec<Vec<f64>>;

/// The logits after each token of a text.
pub(crate) fn logits(file: &File, tokens: &[i32]) -> Rows {
    let embedding = file.matrix("token_embd.weight");
    let row = |token: &i32| embedding.row(usize::try_from(*token).expect("a token")).to_vec();
    let mut states: Rows = tokens.iter().map(row).collect();
    for layer in 0..file.size("block_count") {
        let block = Block { file, layer };
        let normed = block.norms("attn_norm.weight", &states);
        let mixed = if file.has(&block.name("ssm_a")) {
            delta::mix(&block, &normed)
        } else {
            attention::attend(&block, &normed)
        };
        add(&mut states, &mixed);
        let norm = ["ffn_norm.weight", "post_attention_norm.weight"];
        let norm = norm.into_iter().find(|name| file.has(&block.name(name))).expect("one of both");
        let normed = block.norms(norm, &states);
        add(&mut states, &block.feed_forward(&normed));
    }
    let norm = file.vector("output_norm.weight");
    states.iter().map(|state| embedding.times(&file.norm(state, norm))).collect()
}

/// One layer of a model.
pub(crate) struct Block<'a> {
    pub(crate) file: &'a File,
    layer: usize,
}

impl Block<'_> {
    pub(crate) fn name(&self, tensor: &str) -> String {
        format!("blk.{}.{tensor}", self.layer)
    }

    pub(crate) fn matrix(&self, tensor: &str) -> &Matrix {
        self.file.matrix(&self.name(tensor))
    }

    pub(crate) fn vector(&self, tensor: &str) -> &[f64] {
        self.file.vector(&self.name(tensor))
    }

    fn norms(&self, tensor: &str, rows: &Rows) -> Rows {
        rows.iter().map(|row| self.file.norm(row, self.vector(tensor))).collect()
    }

    fn feed_forward(&self, rows: &Rows) -> Rows {
        let [gate, up, down] =
            ["ffn_gate.weight", "ffn_up.weight", "ffn_down.weight"].map(|name| self.matrix(name));
        let forward = |row: &Vec<f64>| {
            let gated = gate.times(row).into_iter().map(silu);
            let inner: Vec<f64> = gated.zip(up.times(row)).map(|(gate, up)| gate * up).collect();
            down.times(&inner)
        };
        rows.iter().map(forward).collect()
    }
}

fn add(rows: &mut Rows, others: &Rows) {
    for (number, other) in rows.iter_mut().flatten().zip(others.iter().flatten()) {
        *number += other;
    }
}

pub(crate) fn dot(left: &[f64], right: &[f64]) -> f64 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

pub(crate) fn sigmoid(number: f64) -> f64 {
    1.0 / (1.0 + (-number).exp())
}

pub(crate) fn silu(number: f64) -> f64 {
    number * sigmoid(number)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
pub(crate) fn float(size: usize) -> f64 {
    size as f64
}
