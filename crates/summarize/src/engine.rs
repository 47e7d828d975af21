//! From the turns of a segment to its abstract.

use std::panic::{AssertUnwindSafe, catch_unwind};

use modelstat_redact::{Floor, RawText, RedactedText};

use crate::chain::{Chain, Content, Known, Model, Skip, Use};
use crate::features::Features;
use crate::gate::{Gate, LeakError, Quoting, Removed};
use crate::material::{LatePlace, Material};
use crate::phrases::MAX_PHRASES;
use crate::template::{self, TemplateEngine, facts_only, key_phrases, strict};
use crate::work_type::WorkType;

/// Longest abstract in code points: two sentences, and below what the wire accepts.
pub(crate) const MAX_ABSTRACT_CHARS: usize = 400;

/// Longest abstract in bytes, as published servers count.
const MAX_ABSTRACT_BYTES: usize = 512;

/// Longest title in code points, as on the wire.
pub(crate) const MAX_TITLE_CHARS: usize = 80;

/// Longest title or tag in bytes, as published servers count.
const MAX_TITLE_BYTES: usize = 120;

/// One turn of a segment.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Who spoke or what it is (`assistant_message`, …).
    pub kind: RedactedText,
    /// The model that served it.
    pub model: Option<RedactedText>,
    /// The redacted text.
    pub text: Option<RedactedText>,
    /// Tools that it called, with counts.
    pub tools: Vec<(RedactedText, u64)>,
    /// Whether the call failed.
    pub failed: bool,
}

/// What an engine makes, before it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What was asked and what came of it.
    pub text: String,
    /// A few words that name it.
    pub title: String,
    /// The kind of work.
    pub work_type: WorkType,
    /// Key phrases or tags, which are checked like the text.
    pub phrases: Vec<String>,
}

/// Why an engine made nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// It cannot work at present: no model, no memory.
    #[error("the engine is unavailable")]
    Unavailable,
    /// It took too long.
    #[error("the engine took too long")]
    Timeout,
    /// It answered what cannot be used.
    #[error("the engine's answer cannot be used")]
    BadAnswer,
    /// Its process ended in the middle.
    #[error("the engine's process ended")]
    Crashed,
    /// Its model is not on this machine.
    #[error("the engine's model is not here")]
    NoModel,
}

impl EngineError {
    /// The word under which it is counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::BadAnswer => "bad_answer",
            Self::Crashed => "crashed",
            Self::NoModel => "no_model",
        }
    }

    /// Whether the same content would most likely fail again.
    pub const fn is_of_content(self) -> bool {
        matches!(self, Self::BadAnswer)
    }
}

/// Makes a draft of a segment.
pub trait Engine: Send + Sync {
    /// The engine's name on the wire.
    fn name(&self) -> &'static str;

    /// What changes whenever the same segment would read differently: model and prompt, or version.
    fn version(&self) -> &str;

    /// Whether it may repeat sentences of its input. Only the opt-in that quotes says so.
    fn quoting(&self) -> Quoting {
        Quoting::Refused
    }

    /// The model that it asks; `None` for one that works by rules, which is never left alone.
    fn model(&self) -> Option<Model> {
        None
    }

    /// How many drafts it makes together: so many threads may ask it at a time.
    fn parallel(&self) -> usize {
        1
    }

    /// Summarises the turns of one segment, in their order.
    fn draft(&self, turns: &[Turn]) -> Result<Draft, EngineError>;
}

/// The short redacted text made of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abstract {
    /// At most 400 code points.
    pub text: RedactedText,
    /// Three to eight words.
    pub title: RedactedText,
    /// The kind of work.
    pub work_type: WorkType,
    /// What made it.
    pub engine: RedactedText,
    /// The version of what made it.
    pub engine_version: RedactedText,
    /// The sha256 of the model that made it, where a model of a known file did.
    pub model_sha256: Option<RedactedText>,
    /// The version of what the model was asked, where a model made it.
    pub prompt_version: Option<RedactedText>,
    /// Why it is not what the engine that was asked made.
    pub fallback: Option<Fallback>,
}

/// Why an abstract is not what the engine that was asked made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The engine failed.
    Failed(EngineError),
    /// The engine panicked.
    Panicked,
    /// The engine's model was not asked.
    Skipped(Skip),
    /// The leak gate refused its output.
    Refused(LeakError),
}

impl Fallback {
    /// The word under which it is counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed(why) => why.as_str(),
            Self::Panicked => "panicked",
            Self::Skipped(why) => why.as_str(),
            Self::Refused(why) => why.as_str(),
        }
    }
}

/// An abstract, and what was refused on the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What may leave.
    pub chosen: Abstract,
    /// At most eight key phrases, which passed the same gate.
    pub phrases: Vec<RedactedText>,
    /// Every engine that failed, was refused or was left alone, by its name on the wire, in their order. The
    /// template stands here up to twice: its phrases were refused, then its single words.
    pub refused: Vec<(&'static str, Fallback)>,
    /// What came of the content from each model that was asked, by its engine's name on the wire, where the
    /// same would come of it again.
    pub learned: Vec<(&'static str, Known)>,
    /// The engine that made it, by its name on the wire.
    pub made_by: &'static str,
    /// What may be kept of the turns, for [`summarise_again`].
    pub features: Features,
}

impl Summary {
    /// Why it is not what the first engine made, as `engine.reason`.
    pub fn fallback_reason(&self) -> Option<String> {
        self.refused.first().map(|(engine, why)| format!("{engine}.{}", why.as_str()))
    }

    /// Notes that a model made this, as it may leave and no longer.
    fn learn(&mut self) {
        let text = |text: &RedactedText| text.as_str().to_owned();
        let draft = Draft {
            text: text(&self.chosen.text),
            title: text(&self.chosen.title),
            work_type: self.chosen.work_type,
            phrases: self.phrases.iter().map(text).collect(),
        };
        self.learned.push((self.made_by, Known::Made(draft)));
    }
}

/// What is left of a closed segment whose turns are gone.
#[derive(Clone, Copy, Debug)]
pub struct Earlier<'a> {
    /// What the template knows of it.
    pub features: &'a Features,
    /// The abstract that was made of it, which engines read in place of its turns.
    pub text: &'a RedactedText,
    /// Whether a model made that abstract.
    pub is_of_model: bool,
    /// Where the late turns stand.
    pub place: LatePlace,
}

/// Makes the abstract of a segment with the first engine whose output passes the leak gate.
///
/// After the last of them come the template, the template with single words in place of phrases, and
/// bare facts, so that there always is one. `removed` is what the floor removed from the turns.
pub fn summarise_with(
    engines: &[&dyn Engine],
    turns: &[Turn],
    floor: &Floor,
    removed: &Removed,
) -> Summary {
    Chain::of(engines).summarise(&Content { turns, earlier: None }, floor, removed)
}

/// Makes the abstract of a closed segment again, with turns that came late.
///
/// The template tells both together. An engine reads the earlier abstract as if it were a turn; one that
/// quotes keeps the template's title and phrases. `removed` is what the floor removed from all of the turns.
pub fn summarise_again(
    engines: &[&dyn Engine],
    earlier: &Earlier<'_>,
    late: &[Turn],
    floor: &Floor,
    removed: &Removed,
) -> Summary {
    let content = Content { turns: late, earlier: Some(*earlier) };
    Chain::of(engines).summarise(&content, floor, removed)
}

pub(crate) fn choose(
    links: &[Link<'_>],
    turns: &[Turn],
    floor: &Floor,
    removed: &Removed,
) -> Summary {
    let material = Material::of(turns);
    let gate = Gate { floor, removed, names: names_with_fields(&material) };
    first_of(links, &Source { material: &material, turns, read: turns, is_late: false }, &gate)
}

pub(crate) fn choose_again(
    links: &[Link<'_>],
    earlier: &Earlier<'_>,
    late: &[Turn],
    read: &[Turn],
    floor: &Floor,
    removed: &Removed,
) -> Summary {
    let material = Material::with_earlier(earlier.features, earlier.place, late);
    let gate = Gate { floor, removed, names: names_with_fields(&material) };
    first_of(links, &Source { material: &material, turns: late, read, is_late: true }, &gate)
}

/// What an abstract is made of.
struct Source<'a> {
    material: &'a Material,
    /// What outputs are compared with.
    turns: &'a [Turn],
    /// What engines read.
    read: &'a [Turn],
    /// Whether the turns are a part of their segment only.
    is_late: bool,
}

fn first_of(links: &[Link<'_>], source: &Source<'_>, gate: &Gate<'_>) -> Summary {
    let Source { material, turns, .. } = *source;
    let template: &dyn Engine = &TemplateEngine;
    let mut tries = Tries::default();
    for (engine, how) in links {
        match attempt(*engine, how, source, gate) {
            Ok(draft) => {
                let kept = sayable(key_phrases(material), turns, gate);
                let features = Features::of(material, &kept);
                let mut summary = finish(draft, *engine, tries, features, gate.floor);
                if matches!(how, Use::Draft) && engine.model().is_some() {
                    summary.learn();
                }
                return summary;
            }
            Err(why) => {
                // A known draft that is refused now was refused for words of this segment.
                if matches!(how, Use::Draft) && engine.model().is_some() {
                    tries.learn(*engine, why);
                }
                tries.note(*engine, why);
            }
        }
    }
    let mut draft = template::draft(material);
    if let Err(why) = check(&draft, turns, gate, Quoting::Refused) {
        tries.note(template, Fallback::Refused(why));
        draft = strict(material, |word| may_say(word, turns, gate));
        if let Err(why) = check(&draft, turns, gate, Quoting::Refused) {
            tries.note(template, Fallback::Refused(why));
            draft = facts_only(material);
        }
    }
    let features = Features::of(material, &draft.phrases);
    finish(draft, template, tries, features, gate.floor)
}

/// An engine, and how it is used.
pub(crate) type Link<'a> = (&'a dyn Engine, Use);

/// What became of the engines before the one that is taken.
#[derive(Default)]
struct Tries {
    refused: Vec<(&'static str, Fallback)>,
    learned: Vec<(&'static str, Known)>,
}

impl Tries {
    fn note(&mut self, engine: &dyn Engine, why: Fallback) {
        self.refused.push((engine.name(), why));
    }

    /// Remembers a model that would most likely fail at the same content again.
    fn learn(&mut self, engine: &dyn Engine, why: Fallback) {
        let is_of_content = match why {
            Fallback::Failed(error) => error.is_of_content(),
            Fallback::Refused(_) => true,
            Fallback::Panicked | Fallback::Skipped(_) => false,
        };
        if is_of_content {
            self.learned.push((engine.name(), Known::Failed));
        }
    }
}

/// The phrases that may leave, whether or not they do.
fn sayable(mut phrases: Vec<String>, turns: &[Turn], gate: &Gate<'_>) -> Vec<String> {
    let all: Vec<&str> = phrases.iter().map(String::as_str).collect();
    if passes(&all, turns, gate, Quoting::Refused).is_err() {
        phrases.retain(|phrase| may_say(phrase, turns, gate));
    }
    phrases
}

fn may_say(words: &str, turns: &[Turn], gate: &Gate<'_>) -> bool {
    passes(&[words], turns, gate, Quoting::Refused).is_ok()
}

/// Models and tools, which leave in fields of their own.
fn names_with_fields(material: &Material) -> Vec<&str> {
    let names = material.models.keys().chain(material.tools.keys()).map(String::as_str);
    let mut names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn attempt(
    engine: &dyn Engine,
    how: &Use,
    source: &Source<'_>,
    gate: &Gate<'_>,
) -> Result<Draft, Fallback> {
    let mut draft = match how {
        Use::Skip(why) => return Err(Fallback::Skipped(*why)),
        Use::Again(draft) => draft.clone(),
        Use::Draft => {
            // The engine holds no state of ours, so nothing broken is seen after a panic.
            let drafted = catch_unwind(AssertUnwindSafe(|| engine.draft(source.read)));
            drafted.map_err(|_| Fallback::Panicked)?.map_err(Fallback::Failed)?
        }
    };
    if source.is_late && engine.quoting() == Quoting::Allowed {
        draft = Draft { text: draft.text, ..template::draft(source.material) };
    }
    check(&draft, source.turns, gate, engine.quoting()).map_err(Fallback::Refused)?;
    Ok(draft)
}

/// Checks the text by its engine's rule; title and phrases never quote.
fn check(
    draft: &Draft,
    turns: &[Turn],
    gate: &Gate<'_>,
    quoting: Quoting,
) -> Result<(), LeakError> {
    if quoting == Quoting::Allowed {
        passes(&[&draft.text], turns, gate, quoting)?;
        let rest =
            [draft.title.as_str()].into_iter().chain(draft.phrases.iter().map(String::as_str));
        return passes(&rest.collect::<Vec<_>>(), turns, gate, Quoting::Refused);
    }
    let all = [draft.text.as_str(), draft.title.as_str()].into_iter();
    let all: Vec<&str> = all.chain(draft.phrases.iter().map(String::as_str)).collect();
    passes(&all, turns, gate, quoting)
}

fn passes(
    outputs: &[&str],
    turns: &[Turn],
    gate: &Gate<'_>,
    quoting: Quoting,
) -> Result<(), LeakError> {
    let texts = turns.iter().filter_map(|turn| turn.text.as_deref());
    gate.check(outputs, texts, quoting)
}

/// Runs the floor over the draft, since it decides what is redacted text.
fn finish(
    draft: Draft,
    engine: &dyn Engine,
    tries: Tries,
    features: Features,
    floor: &Floor,
) -> Summary {
    let redacted = |text: String| RawText::from(text).redact_with(floor).0;
    // A host may hide anything that looks like a hash; a part of one says nothing.
    let unchanged = |text: String| Some(redacted(text.clone())).filter(|kept| **kept == *text);
    let Tries { refused, learned } = tries;
    let (model_sha256, prompt_version) = match engine.model() {
        Some(model) => (model.sha256.and_then(unchanged), Some(model.prompt_version)),
        None => (None, None),
    };
    let chosen = Abstract {
        text: within(redacted(draft.text), MAX_ABSTRACT_CHARS, MAX_ABSTRACT_BYTES),
        title: within(redacted(draft.title), MAX_TITLE_CHARS, MAX_TITLE_BYTES),
        work_type: draft.work_type,
        engine: RedactedText::from_static(engine.name()),
        engine_version: redacted(engine.version().to_owned()),
        model_sha256,
        prompt_version: prompt_version.map(RedactedText::from_static),
        fallback: refused.first().map(|(_, why)| *why),
    };
    let phrases = draft.phrases.into_iter().take(MAX_PHRASES);
    let phrases = phrases.map(|phrase| within(redacted(phrase), MAX_TITLE_CHARS, MAX_TITLE_BYTES));
    let (phrases, made_by) = (phrases.collect(), engine.name());
    Summary { chosen, phrases, refused, learned, made_by, features }
}

/// Cuts a text to a length in code points and to one in bytes.
fn within(text: RedactedText, max_chars: usize, max_bytes: usize) -> RedactedText {
    let text = text.truncate_chars(max_chars);
    if text.len() <= max_bytes {
        return text;
    }
    // A cut text ends with an ellipsis, which counts as one code point.
    let room = max_bytes.saturating_sub('…'.len_utf8());
    let fits = text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= room).count();
    text.truncate_chars(fits + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Result<&'static str, EngineError>);

    impl Engine for Fixed {
        fn name(&self) -> &'static str {
            "fixed"
        }

        fn version(&self) -> &'static str {
            "1"
        }

        fn draft(&self, _: &[Turn]) -> Result<Draft, EngineError> {
            let text = self.0?.to_owned();
            assert!(text != "panic", "as asked");
            Ok(Draft {
                text,
                title: "One two three".to_owned(),
                work_type: WorkType::Misc,
                phrases: Vec::new(),
            })
        }
    }

    fn turns(text: &str) -> Vec<Turn> {
        let (text, _) = RawText::from(text).redact();
        let kind = RedactedText::from_static("user_message");
        vec![Turn { kind, model: None, text: Some(text), tools: Vec::new(), failed: false }]
    }

    fn made(outcome: Result<&'static str, EngineError>, text: &str) -> Abstract {
        let engine = Fixed(outcome);
        summarise_with(&[&engine], &turns(text), Floor::built_in(), Removed::none()).chosen
    }

    fn check(outcome: Result<&'static str, EngineError>, engine: &str, why: Option<Fallback>) {
        let made = made(outcome, "we went to the sea and swam all day");
        assert_eq!((made.engine.as_str(), made.fallback), (engine, why));
    }

    #[test]
    fn an_engine_that_fails_costs_words_only() {
        check(Ok("A day at the sea"), "fixed", None);
        check(Err(EngineError::Timeout), "template", Some(Fallback::Failed(EngineError::Timeout)));
        check(Ok("panic"), "template", Some(Fallback::Panicked));
    }

    #[test]
    fn a_repeated_sentence_is_refused() {
        let why = Fallback::Refused(LeakError::Verbatim);
        check(Ok("they went to the sea and swam"), "template", Some(why));
    }

    #[test]
    fn a_long_abstract_is_cut() {
        let cut = |word: &str| {
            let long: &'static str = Box::leak(word.repeat(200).into_boxed_str());
            made(Ok(long), "unlike").text
        };
        assert_eq!(cut("word ").chars().count(), MAX_ABSTRACT_CHARS);
        let wide = cut("長い ");
        assert!(wide.len() <= MAX_ABSTRACT_BYTES && wide.ends_with('…'), "{} bytes", wide.len());
        assert!(wide.len() > MAX_ABSTRACT_BYTES - 8, "{} bytes", wide.len());
    }
}
