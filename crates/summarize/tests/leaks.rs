//! Plants secrets, names and canaries in 1,000 sessions and looks for them in every abstract.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use modelstat_redact::{Floor, RawText, RedactedText};
use modelstat_summarize::{
    Draft, Engine, EngineError, ExtractEngine, Removed, Summary, TemplateEngine, Turn, WorkType,
    summarise_with,
};
use modelstat_testkit::{Needle, Scanner, Session};

const SESSIONS: u64 = 1_000;

/// Whether the redactor at the door works, or lets everything pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Whole,
    Broken,
}

/// The turns of a session, as they come through the door.
fn turns_through(door: Door, session: &Session) -> Vec<Turn> {
    let text = |raw: &String| match door {
        Door::Whole => RawText::from(raw.as_str()).redact().0,
        // What a redactor that finds nothing would hand on.
        Door::Broken => RedactedText::from_static(raw.clone().leak()),
    };
    let turn = |(index, raw): (usize, &String)| Turn {
        kind: RedactedText::from_static(if index < 2 { "user_message" } else { "assistant" }),
        model: Some(RedactedText::from_static("gpt-4o")),
        text: Some(text(raw)),
        tools: vec![(RedactedText::from_static("Bash"), 1)],
        failed: false,
    };
    session.texts.iter().enumerate().map(turn).collect()
}

/// Gives back what it was given, in ways that a plain comparison does not see.
#[derive(Clone, Copy, Debug)]
enum Echo {
    Whole,
    ReversedSentences,
    Spaced,
    PiecesOfFive,
    FullWidth,
    UpperCase,
}

impl Echo {
    const ALL: [Self; 6] = [
        Self::Whole,
        Self::ReversedSentences,
        Self::Spaced,
        Self::PiecesOfFive,
        Self::FullWidth,
        Self::UpperCase,
    ];

    fn say(self, text: &str) -> String {
        match self {
            Self::Whole => text.to_owned(),
            Self::ReversedSentences => {
                text.split_inclusive(['.', '\n']).rev().collect::<Vec<_>>().join(" ")
            }
            Self::Spaced => text.chars().flat_map(|letter| [letter, ' ']).collect(),
            Self::PiecesOfFive => {
                let words: Vec<&str> = text.split_whitespace().collect();
                let pieces: Vec<String> = words.chunks(5).map(|piece| piece.join(" ")).collect();
                pieces.join(", and then ")
            }
            Self::FullWidth => text
                .chars()
                .map(|letter| match letter {
                    '!'..='~' => char::from_u32(u32::from(letter) + 0xFEE0).unwrap_or(letter),
                    _ => letter,
                })
                .collect(),
            Self::UpperCase => text.to_uppercase(),
        }
    }
}

impl Engine for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn draft(&self, turns: &[Turn]) -> Result<Draft, EngineError> {
        let all: Vec<&str> = turns.iter().filter_map(|turn| turn.text.as_deref()).collect();
        let text = self.say(&all.join("\n"));
        let title = text.chars().take(80).collect();
        Ok(Draft { text, title, work_type: WorkType::Misc, phrases: Vec::new() })
    }
}

/// Everything of a summary that leaves, with spellings undone that a reader would undo.
fn leaving(summary: &Summary) -> Vec<u8> {
    let chosen = &summary.chosen;
    let mut texts = vec![chosen.text.as_str(), chosen.title.as_str()];
    texts.extend(summary.phrases.iter().map(RedactedText::as_str));
    readings(&texts.join("\n"))
}

fn readings(text: &str) -> Vec<u8> {
    let narrow: String = text
        .chars()
        .map(|letter| match u32::from(letter) {
            code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(letter),
            _ => letter,
        })
        .collect();
    let letters: Vec<char> = narrow.chars().collect();
    let closed: String = letters.iter().step_by(2).collect();
    [&narrow, &narrow.to_lowercase(), &closed].map(String::as_str).join("\n").into_bytes()
}

/// What was found in all sessions.
#[derive(Default)]
struct Tally {
    /// For each engine: its name here, and in how many sessions it leaked.
    engines: Vec<(String, u64)>,
    /// Leaks that a broken redactor made, and how many of them were seen.
    broken: (usize, usize),
    /// Abstracts with a secret where the door was broken and the gate was not.
    behind_a_broken_door: u64,
}

/// Every session once, since the scanners take longer than what they look at.
static TALLY: LazyLock<Tally> = LazyLock::new(|| {
    let mut tally = Tally::default();
    for number in 0..SESSIONS {
        try_session(&Session::new(number), &mut tally);
    }
    tally
});

fn try_session(session: &Session, tally: &mut Tally) {
    let needles: Vec<Needle> = session.secrets.iter().chain(&session.names).cloned().collect();
    let secrets: BTreeSet<&str> = session.secrets.iter().map(Needle::name).collect();
    // The two needles of the canary have one name.
    let planted: BTreeSet<String> = needles.iter().map(|needle| needle.name().to_owned()).collect();
    let scanner = Scanner::new(needles);
    let found = |bytes: &[u8]| -> BTreeSet<String> {
        let hits = scanner.scan_bytes("abstract", bytes).expect("texts are short");
        hits.into_iter().map(|hit| hit.needle).collect()
    };
    let turns = turns_through(Door::Whole, session);
    let echoes = Echo::ALL.map(|echo| (format!("echo {echo:?}"), echo));
    let mut engines: Vec<(&str, &dyn Engine)> =
        vec![("template", &TemplateEngine), ("extract (secrets)", &ExtractEngine)];
    engines.extend(echoes.iter().map(|(name, echo)| (name.as_str(), echo as &dyn Engine)));
    for (place, (name, engine)) in engines.into_iter().enumerate() {
        let summary = summarise_with(&[engine], &turns, Floor::built_in(), Removed::none());
        let mut leaks = found(&leaving(&summary));
        if engine.name() == "extract" {
            leaks.retain(|needle| secrets.contains(needle.as_str()));
        }
        if tally.engines.len() <= place {
            tally.engines.push((name.to_owned(), 0));
        }
        tally.engines[place].1 += u64::from(!leaks.is_empty());
    }
    let turns = turns_through(Door::Broken, session);
    // The gate redacts again, so a door that let secrets in does not let them out.
    for engine in [&Echo::Whole as &dyn Engine, &ExtractEngine, &TemplateEngine] {
        let summary = summarise_with(&[engine], &turns, Floor::built_in(), Removed::none());
        let mut leaks = found(&leaving(&summary));
        leaks.retain(|needle| secrets.contains(needle.as_str()));
        tally.behind_a_broken_door += u64::from(!leaks.is_empty());
    }
    for echo in [Echo::Whole, Echo::Spaced, Echo::FullWidth] {
        let draft = echo.draft(&turns).expect("an echo always answers");
        tally.broken.0 += planted.len();
        tally.broken.1 += found(&readings(&draft.text)).len();
    }
}

fn check(engines: &str) {
    let of = TALLY.engines.iter().filter(|(name, _)| name.starts_with(engines));
    let leaking: Vec<_> = of.map(|(_, leaking)| *leaking).collect();
    assert!(!leaking.is_empty() && leaking.iter().all(|leaking| *leaking == 0), "{leaking:?}");
}

#[test]
fn the_template_gives_nothing_away() {
    check("template");
}

#[test]
fn the_extract_gives_no_secret_away() {
    check("extract");
}

#[test]
fn an_engine_that_echoes_gives_nothing_away() {
    check("echo");
}

#[test]
fn the_figures_are_printed() {
    // Nothing seen in n trials: at most 3/n with 95 % confidence.
    let bound = 3.0 * 100.0 / f64::from(u32::try_from(SESSIONS).expect("small"));
    for (what, leaking) in &TALLY.engines {
        println!(
            "{what}: {leaking} of {SESSIONS} sessions leak; if 0, at most {bound:.2} % (95 %)"
        );
    }
    println!("broken redactor: {} of {} leaks found", TALLY.broken.1, TALLY.broken.0);
}

#[test]
fn the_gate_holds_behind_a_broken_door() {
    assert_eq!(TALLY.behind_a_broken_door, 0);
}

/// The same needles and the same scan see what is there: nothing was redacted and nothing refused.
#[test]
fn the_suite_finds_what_a_broken_redactor_lets_through() {
    let (planted, seen) = TALLY.broken;
    assert!(planted > 0 && seen * 100 >= planted * 95, "{seen} of {planted}");
}
