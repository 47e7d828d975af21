//! The layers that attend to all tokens before.

use super::{Block, Rows, dot, float, sigmoid};

pub(super) fn attend(block: &Block<'_>, rows: &Rows) -> Rows {
    let file = block.file;
    let [heads, key_heads, head] =
        ["attention.head_count", "attention.head_count_kv", "attention.key_length"]
            .map(|key| file.size(key));
    let (queries, gates) = queries(block, rows, heads * head, head);
    let keys: Rows = rows.iter().map(|row| block.matrix("attn_k.weight").times(row)).collect();
    let values: Rows = rows.iter().map(|row| block.matrix("attn_v.weight").times(row)).collect();
    let queries = placed(block, queries, "attn_q_norm.weight", head);
    let keys = placed(block, keys, "attn_k_norm.weight", head);
    let output = block.matrix("attn_output.weight");
    let attend = |at: usize| {
        let mut seen = Vec::new();
        for number in 0..heads {
            let own = number * head..(number + 1) * head;
            let shared = number / (heads / key_heads);
            let shared = shared * head..(shared + 1) * head;
            let weight = |key: &Vec<f64>| {
                dot(&queries[at][own.clone()], &key[shared.clone()]) / float(head).sqrt()
            };
            let weights = softmax(keys[..=at].iter().map(weight).collect());
            for column in shared.clone() {
                let seen_here =
                    weights.iter().zip(&values).map(|(weight, value)| weight * value[column]);
                seen.push(seen_here.sum::<f64>());
            }
        }
        if let Some(gates) = &gates {
            seen.iter_mut().zip(&gates[at]).for_each(|(number, gate)| *number *= sigmoid(*gate));
        }
        output.times(&seen)
    };
    (0..rows.len()).map(attend).collect()
}

/// The queries, and the gates where one stands beside each head of them.
fn queries(block: &Block<'_>, rows: &Rows, length: usize, head: usize) -> (Rows, Option<Rows>) {
    let matrix = block.matrix("attn_q.weight");
    let all: Rows = rows.iter().map(|row| matrix.times(row)).collect();
    if all[0].len() == length {
        return (all, None);
    }
    let every_second = |first: usize| -> Rows {
        let pick =
            |row: &Vec<f64>| row.chunks(head).skip(first).step_by(2).flatten().copied().collect();
        all.iter().map(pick).collect()
    };
    (every_second(0), Some(every_second(1)))
}

/// Norms each head, and rotates it by its place.
fn placed(block: &Block<'_>, rows: Rows, norm: &str, head: usize) -> Rows {
    let place = |(at, row): (usize, Vec<f64>)| -> Vec<f64> {
        let heads = row.chunks(head).map(|part| block.file.norm(part, block.vector(norm)));
        heads.flat_map(|part| rotated(block, part, at)).collect()
    };
    rows.into_iter().enumerate().map(place).collect()
}

/// Turns pairs of numbers, half a rotated part from each other, each by an angle of its own.
fn rotated(block: &Block<'_>, mut part: Vec<f64>, at: usize) -> Vec<f64> {
    let file = block.file;
    let sections = file.sizes("rope.dimension_sections");
    let length = if sections.is_empty() { part.len() } else { file.size("rope.dimension_count") };
    for pair in 0..length / 2 {
        let frequency = file.number("rope.freq_base").powf(-float(2 * pair) / float(length));
        let (sin, cos) = (float(place(&sections, pair, at)) * frequency).sin_cos();
        let (left, right) = (part[pair], part[pair + length / 2]);
        part[pair] = left * cos - right * sin;
        part[pair + length / 2] = left * sin + right * cos;
    }
    part
}

/// In a text, time, height and width are the place of the token; pairs of none of them stay where they are.
fn place(sections: &[usize], pair: usize, at: usize) -> usize {
    if sections.is_empty() {
        return at;
    }
    let pair = pair % sections.iter().sum::<usize>();
    if pair < 3 * sections[pair % 3] { at } else { 0 }
}

fn softmax(weights: Vec<f64>) -> Vec<f64> {
    let largest = weights.iter().copied().fold(f64::MIN, f64::max);
    let raised: Vec<f64> = weights.into_iter().map(|weight| (weight - largest).exp()).collect();
    let sum: f64 = raised.iter().sum();
    raised.into_iter().map(|weight| weight / sum).collect()
}
