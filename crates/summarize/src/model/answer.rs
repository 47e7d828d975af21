//! The answer: what it may look like, and what is made of what came.

use serde::Deserialize;
use serde_json::{Value, json};

use super::ASKED_CHARS;
use crate::engine::{Draft, EngineError, MAX_ABSTRACT_CHARS, MAX_TITLE_CHARS};
use crate::work_type::WorkType;

/// Shortest abstract that says anything.
const MIN_ABSTRACT_CHARS: usize = 12;

/// Most words of a title.
const MAX_TITLE_WORDS: usize = 8;

/// What models write before they answer, if they do.
const END_OF_THOUGHT: &str = "</think>";

/// The answer as a JSON schema, for engines that take one.
pub fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "abstract": {"type": "string", "minLength": MIN_ABSTRACT_CHARS, "maxLength": ASKED_CHARS},
            "title": {"type": "string", "minLength": 3, "maxLength": MAX_TITLE_CHARS},
            "work_type": {"type": "string", "enum": WorkType::ALL.map(WorkType::as_str)},
        },
        "required": ["abstract", "title", "work_type"],
        "additionalProperties": false,
    })
}

/// The answer as a GBNF grammar, for engines that take one. No string of it can hold a control token.
///
/// Both texts begin with a letter or a digit and are a little longer than what is kept at least, so that
/// something is left when spaces and signs around them are taken away.
pub fn grammar() -> String {
    let kinds = WorkType::ALL.map(|kind| format!("\"\\\"{}\\\"\"", kind.as_str())).join(" | ");
    let least = 2 * MIN_ABSTRACT_CHARS;
    let [longest, longest_title] = [ASKED_CHARS, MAX_TITLE_CHARS].map(|most| most - 2);
    format!(
        "root ::= \"{{\\\"abstract\\\":\\\"\" first char{{{least},{longest}}} \
         \"\\\",\\\"title\\\":\\\"\" first char{{2,{longest_title}}} \"\\\",\\\"work_type\\\":\" kind \"}}\"\n\
         first ::= [A-Za-z0-9\\u00C0-\\u1FFF\\u3040-\\uD7FF]\n\
         char ::= [^\"\\\\<>\\x00-\\x1F\\x7F]\n\
         kind ::= {kinds}\n"
    )
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "abstract")]
    text: String,
    title: String,
    work_type: String,
}

/// Reads what a model answered. What it thought, and what it wrote around the object, is left out.
pub fn read_answer(answer: &str) -> Result<Draft, EngineError> {
    let said =
        answer.rfind(END_OF_THOUGHT).map_or(answer, |at| &answer[at + END_OF_THOUGHT.len()..]);
    let object = said.find('{').map(|at| &said[at..]).ok_or(EngineError::BadAnswer)?;
    let mut values = serde_json::Deserializer::from_str(object).into_iter::<Answer>();
    let read = values.next().and_then(Result::ok).ok_or(EngineError::BadAnswer)?;
    let text = sentences_within(&one_line(&read.text), MAX_ABSTRACT_CHARS);
    let title = title(&one_line(&read.title));
    if text.chars().count() < MIN_ABSTRACT_CHARS || title.is_empty() {
        return Err(EngineError::BadAnswer);
    }
    // A kind that is none of ours costs the kind, not the words.
    let work_type = WorkType::from_word(&read.work_type.trim().to_ascii_lowercase());
    let work_type = work_type.unwrap_or(WorkType::Misc);
    Ok(Draft { text, title, work_type, phrases: Vec::new() })
}

fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// As many whole sentences as fit; the first is cut where it alone is too long.
fn sentences_within(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    let cut = &text[..end];
    let sentence = cut.rmatch_indices(['.', '!', '?', '。']).map(|(at, mark)| at + mark.len());
    let whole = sentence.into_iter().find(|at| text[*at..].starts_with([' ', '\u{3000}']));
    let kept = whole.or_else(|| cut.rfind(' ')).unwrap_or(end);
    cut[..kept].trim_end().to_owned()
}

fn title(text: &str) -> String {
    let text = text.trim_matches(|c: char| c == '"' || c == '.' || c.is_whitespace());
    let words: Vec<&str> = text.split(' ').take(MAX_TITLE_WORDS).collect();
    let mut title = String::new();
    for word in words {
        let chars = title.chars().count() + word.chars().count() + 1;
        if chars > MAX_TITLE_CHARS {
            break;
        }
        if !title.is_empty() {
            title.push(' ');
        }
        title.push_str(word);
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"abstract":"Looked into a slow query and added an index.","title":"Slow query fixed","work_type":"debugging"}"#;

    fn check(answer: &str) {
        let draft = read_answer(answer).expect("readable");
        assert_eq!(draft.text, "Looked into a slow query and added an index.", "{answer}");
        assert_eq!(
            (draft.title.as_str(), draft.work_type),
            ("Slow query fixed", WorkType::Debugging)
        );
    }

    #[test]
    fn an_answer_is_found_in_what_stands_around_it() {
        check(GOOD);
        check(&format!("<think>\n{{no}} \n</think>\n\n{GOOD}"));
        check(&format!("Here it is:\n```json\n{GOOD}\n```"));
        check(&GOOD.replace("Looked into", "Looked\\n  into").replace("debugging", " Debugging"));
        check(&GOOD.replace("\"Slow query fixed\"", "\"\\\"Slow query fixed.\\\"\""));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let cut = &GOOD[..GOOD.len() - 1];
        let no_words = GOOD.replace("Looked into a slow query and added an index.", "…");
        let other = GOOD.replace("\"title\"", "\"name\"");
        for answer in [
            "",
            "I cannot help with that.",
            "{}",
            "[1]",
            "{\"abstract\":1}",
            cut,
            &no_words,
            &other,
        ] {
            assert_eq!(read_answer(answer), Err(EngineError::BadAnswer), "{answer}");
        }
    }

    #[test]
    fn an_unknown_kind_of_work_is_misc() {
        let draft = read_answer(&GOOD.replace("debugging", "gardening")).expect("readable");
        assert_eq!(draft.work_type, WorkType::Misc);
    }

    #[test]
    fn a_long_answer_ends_with_a_sentence() {
        let sentence = "It was a long day of work on the index. ";
        let text = sentences_within(sentence.repeat(20).trim(), 400);
        assert!(text.chars().count() <= 400 && text.ends_with("index."), "{text}");
        let word = "word ".repeat(100);
        assert!(sentences_within(&word, 400).ends_with("word"));
        assert_eq!(sentences_within(&"長".repeat(500), 400).chars().count(), 400);
        assert_eq!(title(&"word ".repeat(20)).split(' ').count(), MAX_TITLE_WORDS);
        assert_eq!(title(&"w".repeat(200)), "");
    }

    #[test]
    fn the_grammar_names_every_kind_and_bounds_every_text() {
        let grammar = grammar();
        for kind in WorkType::ALL {
            assert!(grammar.contains(&format!("\"\\\"{}\\\"\"", kind.as_str())), "{grammar}");
        }
        assert!(
            grammar.starts_with(
                r#"root ::= "{\"abstract\":\"" first char{24,298} "\",\"title\":\"" first char{2,78}"#
            ),
            "{grammar}"
        );
    }
}
