//! Which token comes next.

use crate::native::{Grammar, Token};

/// Tokens that the grammar is asked about together before it is asked about all of them.
const LIKELIEST: usize = 256;

/// A token whose chance is smaller than the best one's by this power of e is never drawn.
const NEGLIGIBLE: f32 = 16.0;

/// Chooses tokens: the likeliest, or one near it.
#[derive(Debug)]
pub(super) struct Choice {
    temperature: f32,
    state: u64,
}

impl Choice {
    pub(super) fn new(temperature: f32, seed: u64) -> Self {
        Self { temperature, state: seed }
    }

    /// Chooses a token that the grammar takes, and has it accept that one; `None` where it takes none.
    ///
    /// One token is drawn and the grammar asked about that one alone, which is cheap. Where it refuses, one
    /// is drawn from those that it takes: all of them where they are few, else those among the likeliest. Both together draw as if the grammar had been asked about all.
    pub(super) fn next(
        &mut self,
        logits: &[f32],
        banned: &[Token],
        grammar: &mut Grammar<'_>,
    ) -> Option<Token> {
        let is_free = |token: &Token| !banned.contains(token);
        let all = (0..).zip(logits.iter().copied()).filter(|(token, _)| is_free(token));
        let first = self.draw(all.clone())?;
        if grammar.accept(first) {
            return Some(first);
        }
        if let Some(few) = grammar.few() {
            let logit = |token: Token| usize::try_from(token).ok().and_then(|at| logits.get(at));
            let few = few.into_iter().filter(is_free);
            let few: Vec<(Token, f32)> =
                few.filter_map(|token| Some((token, *logit(token)?))).collect();
            let chosen = self.draw(few.into_iter())?;
            return grammar.accept(chosen).then_some(chosen);
        }
        let mut ranked: Vec<(Token, f32)> = all.filter(|(_, logit)| logit.is_finite()).collect();
        let likeliest = LIKELIEST.min(ranked.len());
        if likeliest < ranked.len() {
            ranked.select_nth_unstable_by(likeliest, |left, right| right.1.total_cmp(&left.1));
        }
        let allowed = taken(&ranked[..likeliest], grammar);
        let allowed =
            if allowed.is_empty() { taken(&ranked[likeliest..], grammar) } else { allowed };
        let chosen = self.draw(allowed.into_iter())?;
        grammar.accept(chosen).then_some(chosen)
    }

    fn draw(&mut self, tokens: impl Iterator<Item = (Token, f32)> + Clone) -> Option<Token> {
        let finite = tokens.filter(|(_, logit)| logit.is_finite());
        let best = finite.clone().reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        if self.temperature <= 0.0 {
            return Some(best.0);
        }
        let least = best.1 - NEGLIGIBLE * self.temperature;
        let near: Vec<(Token, f32)> = finite.filter(|(_, logit)| *logit >= least).collect();
        let temperature = self.temperature;
        let weight = |logit: f32| ((logit - best.1) / temperature).exp();
        let total: f32 = near.iter().map(|(_, logit)| weight(*logit)).sum();
        let mut left = self.random() * total;
        for (token, logit) in &near {
            left -= weight(*logit);
            if left < 0.0 {
                return Some(*token);
            }
        }
        Some(best.0)
    }

    /// A number from 0 to below 1, by `SplitMix64`.
    #[expect(clippy::cast_precision_loss, reason = "24 bits are exact")]
    fn random(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1_u32 << 24) as f32
    }
}

/// Those that the grammar takes, with their logits.
fn taken(ranked: &[(Token, f32)], grammar: &mut Grammar<'_>) -> Vec<(Token, f32)> {
    let tokens: Vec<Token> = ranked.iter().map(|(token, _)| *token).collect();
    let allowed = grammar.filter(&tokens);
    let mut allowed = allowed.into_iter().peekable();
    // Both are in the same order.
    ranked.iter().copied().filter(|(token, _)| allowed.next_if_eq(token).is_some()).collect()
}
