//! The question in tokens: what is fixed, and what a job adds.

use modelstat_summarize::{Outline, SYSTEM};

use crate::native::{Batch, Context, Model, Special, Token};
use crate::options::STEP_TOKENS;
use crate::unusable::Unusable;

/// The sequence that holds the fixed beginning; no job writes to it.
pub(super) const BEGINNING: u16 = 0;

const BEGIN_MESSAGE: &str = "<|im_start|>";
const END_MESSAGE: &str = "<|im_end|>";
const BEGIN_THOUGHT: &str = "<think>";

/// The fixed parts of every question, as tokens.
#[derive(Debug)]
pub(super) struct Prompt {
    /// How many tokens sequence 0 has.
    pub(super) beginning: u32,
    /// What follows the material of a job.
    ending: Vec<Token>,
    /// Never chosen: an answer begins at once.
    pub(super) banned: Vec<Token>,
    /// What the grammar is asked about where an answer may be complete.
    pub(super) end: Token,
}

impl Prompt {
    /// Decodes the fixed beginning into sequence 0 of an empty context.
    pub(super) fn read_into(context: &mut Context<'_>) -> Result<Self, Unusable> {
        let model = context.model();
        let control = |text: &str| model.tokens(text, Special::Control);
        let single = |name: &str| match control(name)[..] {
            [token] => Ok(token),
            _ => Err(Unusable::new(format!("its vocabulary has no {name}"))),
        };
        let end = single(END_MESSAGE)?;
        single(BEGIN_MESSAGE)?;
        if !model.is_end(end) {
            return Err(Unusable::new(format!("{END_MESSAGE} does not end an answer of it")));
        }
        let thought = single(BEGIN_THOUGHT).ok();
        // An empty thought, so that none is written; models without the token never think.
        let ending = if thought.is_some() { "<think>\n\n</think>\n\n" } else { "" };
        let ending = format!("{END_MESSAGE}\n{BEGIN_MESSAGE}assistant\n{ending}");
        let mut beginning = control(&format!("{BEGIN_MESSAGE}system\n"));
        beginning.extend(model.tokens(SYSTEM, Special::Text));
        beginning.extend(control(&format!("{END_MESSAGE}\n{BEGIN_MESSAGE}user\n")));
        decode(context, &beginning)?;
        Ok(Self {
            beginning: u32::try_from(beginning.len()).unwrap_or(u32::MAX),
            ending: control(&ending),
            banned: thought.into_iter().collect(),
            end,
        })
    }

    /// The tokens of a job: its material as plain text in at most `budget` tokens, and how many that are,
    /// then what is fixed.
    pub(super) fn question(
        &self,
        model: &Model,
        outline: &Outline,
        budget: u32,
    ) -> (Vec<Token>, u32) {
        let budget = usize::try_from(budget).unwrap_or(usize::MAX);
        let count = |text: &str| model.tokens(text, Special::Text).len();
        let mut tokens = model.tokens(&outline.within(budget, &count), Special::Text);
        // Parts that are counted alone can take a token more together.
        tokens.truncate(budget);
        let read = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        tokens.extend(&self.ending);
        (tokens, read)
    }

    /// Tokens that a question has beside its material and the beginning.
    pub(super) fn ending_tokens(&self) -> u32 {
        u32::try_from(self.ending.len()).unwrap_or(u32::MAX)
    }
}

fn decode(context: &mut Context<'_>, tokens: &[Token]) -> Result<(), Unusable> {
    let mut batch = Batch::new();
    let mut position = 0;
    for chunk in tokens.chunks(STEP_TOKENS as usize) {
        batch.clear();
        for token in chunk {
            batch.push(*token, position, BEGINNING, false);
            position += 1;
        }
        let decoded = context.decode(&mut batch);
        decoded.map_err(|why| Unusable::new(format!("the fixed question is not read: {why}")))?;
    }
    Ok(())
}
