//! What the library computes, against plain arithmetic and against itself.

use modelstat_llama::Batch;
use modelstat_testkit::gguf::{Encoding, Linear, Shape};

use crate::reference::{File, Rows, logits};
use crate::support::{SHAPES, Tiny, read};

/// Tokens that are compared.
const TOKENS: usize = 48;

/// How far numbers may be from plain ones, as a share of them. The library holds keys and values in 16
/// bits, and rounds what it multiplies with quantised weights to 8.
fn allowed(encoding: Encoding) -> f64 {
    if matches!(encoding, Encoding::F32 | Encoding::F16) { 5e-3 } else { 5e-2 }
}

/// The root of the mean square of the differences, as a share of that of the numbers.
fn distance(plain: &Rows, made: &[Vec<f32>]) -> f64 {
    let square =
        |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|number| number * number).sum::<f64>();
    let made = made.iter().flatten().map(|number| f64::from(*number));
    let differences =
        square(&mut plain.iter().flatten().zip(made).map(|(plain, made)| plain - made));
    (differences / square(&mut plain.iter().flatten().copied())).sqrt()
}

fn widest(left: &[Vec<f32>], right: &[Vec<f32>]) -> f32 {
    assert_eq!(left.len(), right.len());
    let both = left.iter().flatten().zip(right.iter().flatten());
    both.map(|(left, right)| (left - right).abs()).fold(0.0, f32::max)
}

fn best(row: impl IntoIterator<Item = f64>) -> usize {
    let numbers = row.into_iter().enumerate();
    let best = numbers.max_by(|left, right| left.1.total_cmp(&right.1));
    best.expect("a vocabulary is not empty").0
}

fn check(shape: &Shape, encoding: Encoding) {
    let tiny = Tiny::new(shape, encoding);
    let tokens = tiny.tokens(TOKENS);
    let made = read(&mut tiny.context(), 0, 0, &tokens);
    let plain = logits(&File::read(tiny.path()), &tokens);
    assert_eq!((plain.len(), plain[0].len()), (TOKENS, shape.vocabulary));
    let far = distance(&plain, &made);
    let what = format!("{} {encoding:?}", shape.architecture());
    assert!(far < allowed(encoding), "{what}: {far:.2e}");
    for (plain, made) in plain.iter().zip(&made) {
        let chosen = best(made.iter().map(|number| f64::from(*number)));
        let expected = best(plain.iter().copied());
        // Rounding may swap two tokens that are as likely, and no others.
        let lead = plain[expected] - plain[chosen];
        let is_near = encoding != Encoding::F32 && lead < allowed(encoding) * plain[expected];
        assert!(chosen == expected || is_near, "{what}: {chosen} leads by {lead}, not {expected}");
    }
}

#[test]
fn numbers_are_those_of_plain_arithmetic() {
    for shape in &SHAPES {
        for encoding in [Encoding::F32, Encoding::F16, Encoding::Q8, Encoding::Q4] {
            check(shape, encoding);
        }
    }
}

#[test]
fn a_deep_model_computes_as_a_shallow_one() {
    let linear = Shape::TINY_QWEN35.linear.map(|linear| Linear { interval: 4, ..linear });
    check(&Shape { layers: 8, linear, ..Shape::TINY_QWEN35 }, Encoding::F32);
    check(&Shape { layers: 6, key_heads: 1, ..Shape::TINY_QWEN3 }, Encoding::F32);
}

#[test]
fn a_copied_beginning_changes_nothing() {
    for shape in &SHAPES {
        for encoding in [Encoding::F32, Encoding::Q8] {
            let tiny = Tiny::new(shape, encoding);
            let mut context = tiny.context();
            let tokens = tiny.tokens(TOKENS);
            let whole = read(&mut context, 3, 0, &tokens);
            let (beginning, rest) = tokens.split_at(TOKENS / 3);
            read(&mut context, 1, 0, beginning);
            context.copy(1, 2);
            let copied = read(&mut context, 2, beginning.len(), rest);
            let far = widest(&copied, &whole[beginning.len()..]);
            assert!(far == 0.0, "{} {encoding:?}: {far}", shape.architecture());
            // What was copied from is as it was.
            let again = read(&mut context, 1, beginning.len(), rest);
            assert!(widest(&again, &copied) == 0.0, "{}", shape.architecture());
        }
    }
}

#[test]
fn a_removed_sequence_leaves_nothing_behind() {
    for shape in &SHAPES {
        let tiny = Tiny::new(shape, Encoding::Q8);
        let mut context = tiny.context();
        let tokens = tiny.tokens(TOKENS);
        let first = read(&mut context, 1, 0, &tokens);
        context.remove(1);
        read(&mut context, 1, 0, &tokens[7..]);
        context.remove(1);
        assert!(widest(&read(&mut context, 1, 0, &tokens), &first) == 0.0);
    }
}

/// Sums are made in another order where sequences are read together, so numbers may differ a little.
#[test]
fn sequences_that_are_read_together_do_not_mix() {
    for shape in &SHAPES {
        let tiny = Tiny::new(shape, Encoding::F32);
        let tokens = tiny.tokens(TOKENS);
        let mut context = tiny.context();
        let texts: Vec<_> = (0..8).map(|at| &tokens[at..at + 24]).collect();
        let alone: Vec<_> = texts
            .iter()
            .map(|text| {
                context.clear();
                read(&mut context, 0, 0, text).pop().expect("a row for each token")
            })
            .collect();
        context.clear();
        let mut together = vec![Vec::new(); texts.len()];
        for at in 0..24 {
            let mut batch = Batch::new();
            for (sequence, text) in (0_u16..).zip(&texts) {
                batch.push(text[at], u32::try_from(at).expect("short"), sequence, true);
            }
            context.decode(&mut batch).expect("room");
            for (sequence, row) in together.iter_mut().enumerate() {
                *row = context.logits(sequence).to_vec();
            }
        }
        let plain: Rows =
            alone.iter().map(|row| row.iter().map(|number| f64::from(*number)).collect()).collect();
        let far = distance(&plain, &together);
        assert!(far < 1e-2, "{}: {far}", shape.architecture());
        assert!(distance(&plain[..7].to_vec(), &together[1..]) > 0.1, "the texts are different");
    }
}
