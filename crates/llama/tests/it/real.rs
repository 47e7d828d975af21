//! A real model, where somebody has one; `docs/engine.md` says how it is checked.
#![expect(clippy::print_stdout, reason = "figures are for whoever runs it with --nocapture")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use modelstat_engine::{Answer, Failure};
use modelstat_models::MODELS;
use modelstat_redact::{RawText, RedactedText};
use modelstat_summarize::{EngineError, MAX_ANSWER_TOKENS, Outline, Turn, read_answer};
use modelstat_testkit::Session;
use modelstat_testkit::gguf::Encoding;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::asked::{Asked, Budget};
use crate::leaks::{Tally, turns};
use crate::rouge::Rouge;
use crate::support::{SMALL, Tiny};

/// Names the file of the model.
const MODEL: &str = "MODELSTAT_TEST_GGUF";

/// Names a file of dialogues, one JSON object in each line, as `DialogSum` has them.
const DIALOGUES: &str = "MODELSTAT_TEST_DIALOGUES";

/// Sessions with planted secrets that a real model summarises.
const SESSIONS: u64 = 300;

/// What a question and its answer may take in use.
fn budget() -> Budget {
    let answer_tokens = u32::try_from(MAX_ANSWER_TOKENS).expect("small");
    Budget { prompt_tokens: 700, answer_tokens }
}

/// A dialogue, and what people wrote of it.
struct Dialogue {
    turns: Vec<Turn>,
    /// Its first three turns, which is what costs nothing.
    beginning: String,
    summaries: Vec<String>,
}

#[test]
#[ignore = "needs a real model: set MODELSTAT_TEST_GGUF to its file, and run with --ignored --nocapture"]
fn a_real_model_is_known_and_leaks_nothing() {
    let path = named(MODEL).map(PathBuf::from);
    let path = path.expect("MODELSTAT_TEST_GGUF names the file of a model");
    let sum = sha256(&path);
    let model = MODELS.iter().find(|model| model.sha256 == sum);
    let model = model.unwrap_or_else(|| {
        panic!("{} is no model of `modelstat model list`: its sha256 is {sum}", path.display())
    });
    println!("{}: {}", model.name, model.file);
    let mut engine = Asked::start(&path, |_| {});
    let readable = summarise_sessions(&mut engine, SESSIONS, budget());
    assert!(readable * 100 >= SESSIONS * 95, "{readable} of {SESSIONS} answers can be read");
    let Some(dialogues) = named(DIALOGUES) else {
        println!("ROUGE: no dialogues, since {DIALOGUES} names no file");
        return;
    };
    let dialogues = fs::read_to_string(dialogues).expect("the file of dialogues can be read");
    compare(&mut engine, &read_dialogues(&dialogues), budget());
}

/// What is done with a real model is done with random weights too, so that it is known to work.
#[test]
fn the_figures_of_any_model_are_made() {
    let tiny = Tiny::new(&SMALL[0], Encoding::F16);
    let mut engine = Asked::start(tiny.path(), |options| options.temperature = 1.0);
    let budget = Budget { prompt_tokens: 64, answer_tokens: 1_000 };
    assert_eq!(summarise_sessions(&mut engine, 8, budget), 8);
    let dialogues = "{\"dialogue\": \"#Person1#: Shall we eat?\\n#Person2#: Yes, at noon.\", \
                     \"summary1\": \"They will eat at noon.\", \"summary2\": \"A meal is planned.\"}\n";
    let dialogues = read_dialogues(&dialogues.repeat(3));
    assert_eq!((dialogues.len(), dialogues[0].turns.len()), (3, 2));
    assert_eq!(dialogues[0].beginning, "Shall we eat? Yes, at noon.");
    let (rouge, beginnings) = compare(&mut engine, &dialogues, budget);
    assert!(rouge.one < beginnings.one && beginnings.one > 20.0, "{rouge:?} {beginnings:?}");
}

#[test]
fn a_file_is_known_by_its_hash() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), "abc").expect("room");
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(sha256(file.path()), known);
}

fn named(variable: &str) -> Option<OsString> {
    std::env::var_os(variable).filter(|value| !value.is_empty())
}

fn sha256(path: &Path) -> String {
    let mut file = File::open(path).expect("the file of the model can be read");
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk).expect("the file of the model can be read") {
            0 => return hex::encode(hasher.finalize()),
            read => hasher.update(&chunk[..read]),
        }
    }
}

/// Runs the leak suite and tells how fast it went; returns how many answers can be read.
fn summarise_sessions(engine: &mut Asked, count: u64, budget: Budget) -> u64 {
    let sessions: Vec<Session> = (0..count).map(Session::new).collect();
    let outlines: Vec<Outline> =
        sessions.iter().map(|session| Outline::of(&turns(session))).collect();
    let began = Instant::now();
    let answers = engine.answers(&outlines, budget);
    let seconds = began.elapsed().as_secs_f64();
    print_speed(&answers, seconds);
    let mut tally = Tally::default();
    let mut readable = 0;
    for (session, answer) in sessions.iter().zip(answers) {
        let draft = read(answer);
        readable += u64::from(draft.is_ok());
        tally.count(session, draft);
    }
    tally.check("a model");
    readable
}

fn read(answer: Result<Answer, Failure>) -> Result<modelstat_summarize::Draft, EngineError> {
    answer.map_err(|_| EngineError::Unavailable).and_then(|answer| read_answer(&answer.text))
}

fn print_speed(answers: &[Result<Answer, Failure>], seconds: f64) {
    let sum = |tokens: fn(&Answer) -> u32| -> f64 {
        answers.iter().flatten().map(|answer| f64::from(tokens(answer))).sum()
    };
    let (read, written) = (sum(|answer| answer.prompt_tokens), sum(|answer| answer.answer_tokens));
    let made = answers.iter().flatten().count();
    println!(
        "{made} of {} answers in {seconds:.1} s: {read:.0} tokens read and {written:.0} written, {:.1} \
         tokens in a second, both together",
        answers.len(),
        (read + written) / seconds
    );
}

/// Compares with what people wrote: the model's summaries, then the beginnings of the dialogues.
fn compare(engine: &mut Asked, dialogues: &[Dialogue], budget: Budget) -> (Rouge, Rouge) {
    let outlines: Vec<Outline> =
        dialogues.iter().map(|dialogue| Outline::of(&dialogue.turns)).collect();
    let answers = engine.answers(&outlines, budget);
    let texts = answers
        .into_iter()
        .map(|answer| read(answer).map_or_else(|_| String::new(), |draft| draft.text));
    let with = |(dialogue, text): (&Dialogue, String)| Rouge::of(&text, &dialogue.summaries);
    let made: Vec<Rouge> = dialogues.iter().zip(texts).map(with).collect();
    let beginnings = dialogues.iter().map(|dialogue| (dialogue, dialogue.beginning.clone()));
    let beginnings: Vec<Rouge> = beginnings.map(with).collect();
    for (what, all) in [("the model", &made), ("the first three turns", &beginnings)] {
        let Rouge { one, two, longest } = Rouge::mean(all);
        let spread = interval(all, one);
        let count = all.len();
        println!(
            "ROUGE-1/2/L of {what} on {count}: {one:.1} (± {spread:.1}) / {two:.1} / {longest:.1}"
        );
    }
    (Rouge::mean(&made), Rouge::mean(&beginnings))
}

/// Half of the 95 % interval of the mean of single words.
fn interval(all: &[Rouge], mean: f64) -> f64 {
    let count = f64::from(u32::try_from(all.len().max(2)).expect("a few thousand dialogues"));
    let square: f64 = all.iter().map(|rouge| (rouge.one - mean).powi(2)).sum();
    1.96 * (square / (count - 1.0) / count).sqrt()
}

fn read_dialogues(lines: &str) -> Vec<Dialogue> {
    let read = |line: &str| -> Dialogue {
        let value: Value = serde_json::from_str(line).expect("each line is a JSON object");
        let summary = |key: &str| value.get(key)?.as_str().map(str::to_owned);
        let summaries = ["summary", "summary1", "summary2", "summary3"].map(summary);
        let dialogue = value["dialogue"].as_str().expect("each line has a dialogue");
        let said: Vec<(&str, &str)> =
            dialogue.lines().filter_map(|line| line.split_once(": ")).collect();
        let turn = |(speaker, text): &(&str, &str)| {
            let is_first = speaker.contains("Person1");
            let kind = if is_first { "user_message" } else { "assistant_message" };
            Turn {
                kind: RedactedText::from_static(kind),
                model: None,
                text: Some(RawText::from(*text).redact().0),
                tools: Vec::new(),
                failed: false,
            }
        };
        let beginning: Vec<&str> = said.iter().take(3).map(|(_, text)| *text).collect();
        Dialogue {
            turns: said.iter().map(turn).collect(),
            beginning: beginning.join(" "),
            summaries: summaries.into_iter().flatten().collect(),
        }
    };
    lines.lines().filter(|line| !line.trim().is_empty()).map(read).collect()
}
