//! Sessions with planted secrets, summarised by the real engine with random weights.
#![expect(clippy::print_stdout, reason = "figures are for whoever runs it with --nocapture")]

use std::collections::BTreeSet;
use std::ops::Range;
use std::thread;

use modelstat_redact::{Floor, RawText, RedactedText};
use modelstat_summarize::{
    Draft, Engine, EngineError, Outline, Removed, Summary, Turn, read_answer, summarise_with,
};
use modelstat_testkit::gguf::Encoding;
use modelstat_testkit::{Scanner, Session};

use crate::asked::{Asked, Budget};
use crate::support::{SMALL, Tiny};

const SESSIONS: u64 = 1_000;

const BUDGET: Budget = Budget { prompt_tokens: 64, answer_tokens: 600 };

/// What the engine said of one segment.
pub(crate) struct Said(pub(crate) Result<Draft, EngineError>);

impl Engine for Said {
    fn name(&self) -> &'static str {
        "llama"
    }

    fn version(&self) -> &'static str {
        "random"
    }

    fn draft(&self, _: &[Turn]) -> Result<Draft, EngineError> {
        self.0.clone()
    }
}

/// The turns of a session, redacted as they come through the door.
pub(crate) fn turns(session: &Session) -> Vec<Turn> {
    let turn = |(index, raw): (usize, &String)| Turn {
        kind: RedactedText::from_static(if index < 2 { "user_message" } else { "assistant" }),
        model: Some(RedactedText::from_static("gpt-4o")),
        text: Some(RawText::from(raw.as_str()).redact().0),
        tools: vec![(RedactedText::from_static("Bash"), 1)],
        failed: false,
    };
    session.texts.iter().enumerate().map(turn).collect()
}

/// What came of all sessions.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    sessions: u64,
    /// Answers that left as abstracts.
    used: u64,
    /// Sessions of whose secrets one left.
    secrets: u64,
    /// Sessions of whose names one left.
    names: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, session: &Session, draft: Result<Draft, EngineError>) {
        let turns = turns(session);
        let summary = summarise_with(&[&Said(draft)], &turns, Floor::built_in(), Removed::none());
        let leaving = leaving(&summary);
        let scanner = Scanner::new(session.secrets.iter().chain(&session.names).cloned().collect());
        let hits = scanner.scan_bytes("abstract", &leaving).expect("texts are short");
        let found: BTreeSet<&str> = hits.iter().map(|hit| hit.needle.as_str()).collect();
        let any = |needles: &[modelstat_testkit::Needle]| {
            u64::from(needles.iter().any(|needle| found.contains(needle.name())))
        };
        self.sessions += 1;
        self.used += u64::from(summary.made_by == "llama");
        self.secrets += any(&session.secrets);
        self.names += any(&session.names);
    }

    fn with(self, other: &Self) -> Self {
        Self {
            sessions: self.sessions + other.sessions,
            used: self.used + other.used,
            secrets: self.secrets + other.secrets,
            names: self.names + other.names,
        }
    }

    /// Prints the figures, and fails where a secret left.
    pub(crate) fn check(&self, what: &str) {
        let Self { sessions, used, secrets, names } = *self;
        let (of_secrets, of_names) = (bound(secrets, sessions), bound(names, sessions));
        println!(
            "{what}: secrets left {secrets} of {sessions} sessions (at most {of_secrets:.2} % with \
             95 % confidence), names {names} (at most {of_names:.2} %); {used} answers were used"
        );
        assert_eq!(secrets, 0, "{what}");
    }
}

/// The upper end of Wilson's interval, in percent.
#[expect(clippy::cast_precision_loss, reason = "a few thousand sessions")]
fn bound(found: u64, of: u64) -> f64 {
    let (share, count, z) = (found as f64 / of as f64, of as f64, 1.96);
    let spread = z * (share * (1.0 - share) / count + z * z / (4.0 * count * count)).sqrt();
    100.0 * (share + z * z / (2.0 * count) + spread) / (1.0 + z * z / count)
}

fn leaving(summary: &Summary) -> Vec<u8> {
    let chosen = &summary.chosen;
    let mut texts = vec![chosen.text.as_str(), chosen.title.as_str()];
    texts.extend(summary.phrases.iter().map(RedactedText::as_str));
    let text = texts.join("\n");
    format!("{text}\n{}", text.to_lowercase()).into_bytes()
}

#[test]
fn random_weights_give_no_secret_away() {
    let tiny = Tiny::new(&SMALL[0], Encoding::Q8);
    let half = |numbers: Range<u64>| {
        let sessions: Vec<Session> = numbers.map(Session::new).collect();
        let outlines: Vec<Outline> =
            sessions.iter().map(|session| Outline::of(&turns(session))).collect();
        let mut engine = Asked::start(tiny.path(), |options| options.temperature = 1.0);
        let mut tally = Tally::default();
        for (session, answer) in sessions.iter().zip(engine.answers(&outlines, BUDGET)) {
            let answer = answer.map_err(|_| EngineError::Unavailable);
            tally.count(session, answer.and_then(|answer| read_answer(&answer.text)));
        }
        tally
    };
    let tally = thread::scope(|scope| {
        let first = scope.spawn(|| half(0..SESSIONS / 2));
        half(SESSIONS / 2..SESSIONS).with(&first.join().expect("no panic"))
    });
    tally.check("random weights");
    assert!(tally.sessions == SESSIONS && tally.used > SESSIONS / 10, "{tally:?}");
}
