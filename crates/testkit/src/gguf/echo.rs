//! Weights that repeat: what follows each token is the token a fixed number of places before.
//!
//! One layer looks back by its rotation alone: its queries and keys are the same for every token, and fit
//! each other best at that distance. It adds what stands there to the state, many times as large.

use super::random::Random;
use super::shape::{Shape, Tensor};

/// Large enough that embeddings by chance are far from each other; a head of its own for each part.
pub(super) const SHAPE: Shape = Shape {
    layers: 1,
    heads: 4,
    key_heads: 4,
    feed_forward: 256,
    vocabulary: 448,
    ..Shape::TINY_QWEN3
};

/// How sharply the layer looks.
const SHARPNESS: f32 = 8.0;

/// How much larger what it sees is than what was there.
const GAIN: f32 = 8.0;

/// Fills a row of a tensor.
pub(super) fn fill(
    tensor: &Tensor,
    number: usize,
    distance: u16,
    random: &mut Random,
    row: &mut [f32],
) {
    row.fill(0.0);
    let kind = tensor.name.strip_prefix("blk.0.").unwrap_or(&tensor.name);
    match kind {
        "token_embd.weight" => {
            row.fill_with(|| random.normal());
            // By this one number queries and keys are the same for every token.
            row[0] = 1.0;
        }
        "attn_q.weight" => row[0] = turned(number % SHAPE.head, distance),
        "attn_k.weight" => row[0] = turned(number % SHAPE.head, 0),
        "attn_v.weight" => row[number] = 1.0,
        "attn_output.weight" => row[number] = GAIN,
        "attn_q_norm.weight" | "attn_k_norm.weight" => row.fill(SHARPNESS),
        "attn_norm.weight" | "ffn_norm.weight" | "output_norm.weight" => row.fill(1.0),
        _ => {}
    }
}

/// A number of a head that is turned back by a distance, as the model turns it by its place.
fn turned(at: usize, distance: u16) -> f32 {
    let half = SHAPE.head / 2;
    let pair = u16::try_from(at % half).expect("a head is short");
    let frequency = 1e6_f32.powf(-f32::from(pair) / 32.0);
    let angle = f32::from(distance) * frequency;
    if at < half { angle.cos() } else { -angle.sin() }
}
