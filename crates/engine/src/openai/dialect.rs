//! What servers of this API understand: the same question, from the most exact form to the plainest.

use modelstat_summarize::{MAX_ANSWER_TOKENS, SYSTEM, schema};
use serde::Deserialize;
use serde_json::{Value, json};

/// Tokens of an answer in other tokenisers than those that the limit is made for, as a multiple.
const SPARE_TOKENS: usize = 2;

/// A form of the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The answer's schema, and that the model shall not think aloud first.
    Exact,
    /// The answer's schema.
    Schema,
    /// Any JSON object.
    Object,
    /// In words only.
    Plain,
}

impl Dialect {
    /// What is tried first.
    pub(super) const FIRST: Self = Self::Exact;

    /// What is tried where a server does not understand.
    pub(super) const fn plainer(self) -> Option<Self> {
        match self {
            Self::Exact => Some(Self::Schema),
            Self::Schema => Some(Self::Object),
            Self::Object => Some(Self::Plain),
            Self::Plain => None,
        }
    }

    /// The question.
    pub(super) fn question(self, model: &str, outline: &str) -> Value {
        let mut question = json!({
            "model": model,
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": outline},
            ],
            "max_tokens": MAX_ANSWER_TOKENS * SPARE_TOKENS,
            "temperature": 0.2,
            "stream": false,
        });
        match self {
            Self::Exact | Self::Schema => {
                question["response_format"] = json!({
                    "type": "json_schema",
                    "json_schema": {"name": "summary", "strict": true, "schema": schema()},
                });
            }
            Self::Object => question["response_format"] = json!({"type": "json_object"}),
            Self::Plain => {}
        }
        if self == Self::Exact {
            question["chat_template_kwargs"] = json!({"enable_thinking": false});
            question["think"] = json!(false);
        }
        question
    }
}

/// What a model said, and what it took.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) prompt_tokens: u64,
    pub(super) answer_tokens: u64,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

/// Reads a chat completion; `None` where it is none.
pub(super) fn read(body: &[u8]) -> Option<Said> {
    let completion: Completion = serde_json::from_slice(body).ok()?;
    let text = completion.choices.into_iter().next()?.message.content;
    let usage = completion.usage.unwrap_or(Usage { prompt_tokens: 0, completion_tokens: 0 });
    Some(Said { text, prompt_tokens: usage.prompt_tokens, answer_tokens: usage.completion_tokens })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_asks_the_same_and_the_plainest_asks_for_no_form() {
        let mut dialect = Some(Dialect::FIRST);
        let mut forms = Vec::new();
        while let Some(form) = dialect {
            let question = form.question("m", "Session of 2 turns.");
            assert_eq!(question["messages"][0]["content"], SYSTEM);
            assert_eq!(question["messages"][1]["content"], "Session of 2 turns.");
            forms.push(question["response_format"]["type"].clone());
            assert_eq!(question["think"].is_boolean(), form == Dialect::Exact);
            dialect = form.plainer();
        }
        let expected = [json!("json_schema"), json!("json_schema"), json!("json_object")];
        assert_eq!((&forms[..3], &forms[3]), (&expected[..], &Value::Null));
    }

    #[test]
    fn a_completion_is_read_with_or_without_its_usage() {
        let body = json!({
            "id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": "{}"}}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
        });
        let said = Said { text: "{}".to_owned(), prompt_tokens: 7, answer_tokens: 2 };
        assert_eq!(read(body.to_string().as_bytes()), Some(said));
        let bare = json!({"choices": [{"message": {"content": "a"}}]}).to_string();
        assert_eq!(read(bare.as_bytes()).map(|said| said.answer_tokens), Some(0));
        for other in ["", "{}", "{\"choices\":[]}", "<html>", "{\"error\":{\"message\":\"m\"}}"] {
            assert_eq!(read(other.as_bytes()), None, "{other}");
        }
    }
}
