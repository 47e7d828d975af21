//! The linear layers: gated delta nets, whose state is one matrix for each head.

use super::{Block, Rows, dot, sigmoid, silu};

/// What the state of a head is fed with by one token.
struct Step<'a> {
    query: Vec<f64>,
    key: Vec<f64>,
    value: &'a [f64],
    /// How much of the value is learnt.
    learnt: f64,
    /// How much of the state stays.
    kept: f64,
}

pub(super) fn mix(block: &Block<'_>, rows: &Rows) -> Rows {
    let file = block.file;
    let [head, key_heads, value_heads] =
        ["ssm.state_size", "ssm.group_count", "ssm.time_step_rank"].map(|key| file.size(key));
    let project =
        |tensor: &str| -> Rows { rows.iter().map(|row| block.matrix(tensor).times(row)).collect() };
    let mixed = convolved(block, &project("attn_qkv.weight"));
    let (gates, learnt) = (project("attn_gate.weight"), project("ssm_beta.weight"));
    let kept = project("ssm_alpha.weight");
    let (decay, bias) = (block.vector("ssm_a"), block.vector("ssm_dt.bias"));
    let mut states = vec![vec![vec![0.0; head]; head]; value_heads];
    let mut output = Vec::new();
    for at in 0..rows.len() {
        let mut seen = Vec::new();
        for (number, state) in states.iter_mut().enumerate() {
            let part = |first: usize| &mixed[at][first * head..(first + 1) * head];
            // Heads of values share the heads of keys in turns.
            let shared = number % key_heads;
            let step = Step {
                query: unit(block, part(shared)),
                key: unit(block, part(key_heads + shared)),
                value: part(2 * key_heads + number),
                learnt: sigmoid(learnt[at][number]),
                kept: (decay[number] * (kept[at][number] + bias[number]).exp().ln_1p()).exp(),
            };
            let read = file.norm(&advance(state, &step), block.vector("ssm_norm.weight"));
            let gate = gates[at][number * head..].iter().map(|gate| silu(*gate));
            seen.extend(read.into_iter().zip(gate).map(|(read, gate)| read * gate));
        }
        output.push(block.matrix("ssm_out.weight").times(&seen));
    }
    output
}

/// Fades the state, corrects what it answers to the key towards the value, and reads it by the query.
fn advance(state: &mut [Vec<f64>], step: &Step<'_>) -> Vec<f64> {
    let scale = super::float(step.query.len()).sqrt().recip();
    let mut read = Vec::new();
    for (row, value) in state.iter_mut().zip(step.value) {
        for number in row.iter_mut() {
            *number *= step.kept;
        }
        let correction = (value - dot(row, &step.key)) * step.learnt;
        row.iter_mut().zip(&step.key).for_each(|(number, key)| *number += key * correction);
        read.push(dot(row, &step.query) * scale);
    }
    read
}

/// Scales to the length one.
fn unit(block: &Block<'_>, part: &[f64]) -> Vec<f64> {
    let length = dot(part, part) + block.file.number("attention.layer_norm_rms_epsilon");
    part.iter().map(|number| number / length.sqrt()).collect()
}

/// Each column with the ones before it in time, weighted, the last weight for the token itself.
fn convolved(block: &Block<'_>, rows: &Rows) -> Rows {
    let kernel = block.matrix("ssm_conv1d.weight");
    let seen = |at: usize, column: usize| {
        let weights = kernel.row(column).iter().rev().zip(rows[..=at].iter().rev());
        silu(weights.map(|(weight, row)| weight * row[column]).sum())
    };
    let row = |at: usize| (0..rows[at].len()).map(|column| seen(at, column)).collect();
    (0..rows.len()).map(row).collect()
}
