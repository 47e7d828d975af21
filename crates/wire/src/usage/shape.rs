//! The layouts of usage objects that are known.

use std::fmt;

use serde_json::Value;

use super::count::find;
use super::table::{GUESSES, ROWS, Row};

/// How a usage object is laid out, and what its counts include.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// `usage` of OpenAI's chat completions, and of the many services that imitate them.
    OpenaiChat,
    /// `usage` of OpenAI's responses.
    OpenaiResponses,
    /// `usage` of OpenAI's embeddings.
    OpenaiEmbeddings,
    /// `usage` of Anthropic's messages.
    AnthropicMessages,
    /// `usage_metadata` of Gemini's generated content, in either case.
    Gemini,
    /// `usage` of Bedrock's Converse.
    BedrockConverse,
    /// `usage` of Cohere's second version, and `meta` of its first.
    Cohere,
    /// `usage` of Mistral.
    Mistral,
    /// The last object of an answer of Ollama.
    Ollama,
    /// `usage_metadata` of a message of `LangChain`.
    Langchain,
    /// `usage` of LiteLLM.
    Litellm,
    /// `usage` of Vercel's AI SDK.
    Vercel,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 12] = [
        Self::OpenaiChat,
        Self::OpenaiResponses,
        Self::OpenaiEmbeddings,
        Self::AnthropicMessages,
        Self::Gemini,
        Self::BedrockConverse,
        Self::Cohere,
        Self::Mistral,
        Self::Ollama,
        Self::Langchain,
        Self::Litellm,
        Self::Vercel,
    ];

    /// Finds a shape by its name (`openai.chat`, …).
    pub fn from_name(name: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.name == name).map(|row| row.shape)
    }

    /// Returns the name that the SDKs know the shape by.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Guesses the shape of a usage object by its keys, for a producer that does not name it.
    ///
    /// Shapes that share their keys are told apart only where it changes what is read.
    pub fn guess(usage: &Value) -> Option<Self> {
        let has_all = |keys: &&[&str]| keys.iter().all(|key| find(usage, key).is_some());
        let guess = GUESSES.iter().find(|guess| guess.any.iter().any(has_all));
        guess.map(|guess| guess.shape)
    }

    pub(super) const fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_has_its_row_and_name() {
        for shape in Shape::ALL {
            assert_eq!(shape.row().shape, shape);
            assert_eq!(Shape::from_name(shape.name()), Some(shape));
        }
        assert_eq!(Shape::from_name("openai"), None);
    }
}
