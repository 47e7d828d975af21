//! Which tokens may come next.
#![expect(unsafe_code, reason = "calls of the C API")]

use std::ffi::CString;
use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

use super::model::Bytes;
use super::{Model, Token};

/// As many tokens are asked about in less time than it takes to rank a vocabulary.
const MOST_FEW: usize = 8_192;

/// A grammar in the GBNF notation, and how far an answer has come in it.
///
/// The library throws where a token is accepted that it would refuse, and an exception ends the process:
/// [`Grammar::accept`] asks first, and what it takes is text as well, which the library does not check.
#[derive(Debug)]
pub struct Grammar<'model> {
    raw: NonNull<sys::llama_sampler>,
    model: &'model Model,
    /// The beginning of a character whose rest is still to come.
    partial: Vec<u8>,
}

impl<'model> Grammar<'model> {
    /// Reads a grammar that begins with the rule `root`; `None` where the library cannot read it.
    pub fn new(model: &'model Model, grammar: &str) -> Option<Self> {
        let grammar = CString::new(grammar).ok()?;
        // SAFETY: both strings end with a zero byte and outlive the call; the vocabulary is borrowed from
        // the model for as long as the grammar lives.
        let raw = unsafe {
            let root = c"root".as_ptr();
            sys::llama_sampler_init_grammar(model.vocabulary(), grammar.as_ptr(), root)
        };
        let raw = NonNull::new(raw)?;
        Some(Self { raw, model, partial: Vec::new() })
    }

    /// Begins again.
    pub fn restart(&mut self) {
        self.partial.clear();
        // SAFETY: the pointer is of a sampler.
        unsafe { sys::llama_sampler_reset(self.raw.as_ptr()) };
    }

    /// Whether the answer is complete with what was accepted.
    pub fn may_end(&mut self, end: Token) -> bool {
        self.partial.is_empty() && self.model.is_end(end) && self.allowed(&[end]).len() == 1
    }

    /// Accepts a token if it may come next, and says whether it did. An end is never accepted.
    pub fn accept(&mut self, token: Token) -> bool {
        let [allowed] = self.filter(&[token])[..] else { return false };
        let mut text = std::mem::take(&mut self.partial);
        text.extend(self.model.piece(allowed));
        let complete = std::str::from_utf8(&text).map_or_else(|cut| cut.valid_up_to(), str::len);
        self.partial = text.split_off(complete);
        // SAFETY: the grammar was asked about this very token in this very state.
        unsafe { sys::llama_sampler_accept(self.raw.as_ptr(), allowed) };
        true
    }

    /// Those of the tokens that may come next, in their order.
    pub fn filter(&mut self, tokens: &[Token]) -> Vec<Token> {
        let is_text = |token: &Token| !self.model.is_end(*token) && self.is_text(*token);
        let tokens: Vec<Token> = tokens.iter().copied().filter(is_text).collect();
        self.allowed(&tokens)
    }

    /// All tokens that may come next, where they can be found without a look at the whole vocabulary: where
    /// few bytes may come next, as in the fixed parts of a grammar.
    pub(crate) fn few(&mut self) -> Option<Vec<Token>> {
        let begins = |byte: u8| self.model.beginning_with(byte);
        // The shortest token is the byte itself in vocabularies of bytes; where it is not, the byte counts
        // as one that may come.
        let shortest = |byte: u8| begins(byte).first().copied();
        let singles: Vec<(u8, Token)> =
            (0..=u8::MAX).filter_map(|byte| Some((byte, shortest(byte)?))).collect();
        let is_single = |token: Token| self.model.piece(token).len() == 1;
        let mut bytes: Vec<u8> =
            singles.iter().filter(|(_, token)| !is_single(*token)).map(|(byte, _)| *byte).collect();
        let tokens: Vec<Token> = singles.iter().map(|(_, token)| *token).collect();
        let allowed = self.filter(&tokens);
        bytes.extend(singles.iter().filter(|one| allowed.contains(&one.1)).map(|(byte, _)| *byte));
        bytes.sort_unstable();
        bytes.dedup();
        let found: usize = bytes.iter().map(|byte| self.model.beginning_with(*byte).len()).sum();
        if found > MOST_FEW {
            return None;
        }
        let tokens: Vec<Token> =
            bytes.iter().flat_map(|byte| self.model.beginning_with(*byte)).copied().collect();
        Some(self.filter(&tokens))
    }

    /// Whether a token's bytes go on with what came before as text.
    fn is_text(&self, token: Token) -> bool {
        match self.model.bytes_of(token) {
            Bytes::Nothing => return false,
            // Whole characters cannot go on with a part of one.
            Bytes::Text => return self.partial.is_empty(),
            Bytes::Fragment => {}
        }
        let text = [self.partial.as_slice(), &self.model.piece(token)].concat();
        // No length of what is wrong means that it only is not complete yet.
        std::str::from_utf8(&text).map_or_else(|wrong| wrong.error_len().is_none(), |_| true)
    }

    fn allowed(&mut self, tokens: &[Token]) -> Vec<Token> {
        let candidate = |id: &Token| sys::llama_token_data { id: *id, logit: 0.0, p: 0.0 };
        let mut candidates: Vec<_> = tokens.iter().map(candidate).collect();
        let mut array = sys::llama_token_data_array {
            data: candidates.as_mut_ptr(),
            size: candidates.len(),
            selected: -1,
            sorted: false,
        };
        // SAFETY: the array describes the vector, whose tokens are of the vocabulary; the grammar changes
        // their logits in place.
        unsafe { sys::llama_sampler_apply(self.raw.as_ptr(), &raw mut array) };
        let kept = candidates.iter().filter(|candidate| candidate.logit.is_finite());
        kept.map(|candidate| candidate.id).collect()
    }
}

impl Drop for Grammar<'_> {
    fn drop(&mut self) {
        // SAFETY: this is the one owner.
        unsafe { sys::llama_sampler_free(self.raw.as_ptr()) };
    }
}
