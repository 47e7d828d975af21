//! Whether a reader of a template abstract knows what the session was about.

use modelstat_redact::{Floor, RawText, RedactedText};
use modelstat_summarize::{Removed, TemplateEngine, Turn, summarise_with};

/// A session with the words that must stand among its key phrases: groups of alternatives.
struct Session {
    name: &'static str,
    words: Vec<Vec<&'static str>>,
    turns: Vec<Turn>,
}

fn sessions() -> Vec<Session> {
    let file = include_str!("topics/sessions.txt");
    file.split("\n\n").map(session).collect()
}

fn session(block: &'static str) -> Session {
    let mut lines = block.lines();
    let name = lines.next().and_then(|line| line.strip_prefix("= ")).expect("a name");
    let words = lines.next().and_then(|line| line.strip_prefix("? ")).expect("topic words");
    let words = words.split(" & ").map(|group| group.split('|').collect()).collect();
    let mut turns: Vec<(&str, String)> = Vec::new();
    for line in lines {
        if let Some(text) = line.strip_prefix("U: ") {
            turns.push(("user_message", text.to_owned()));
        } else if let Some(text) = line.strip_prefix("A: ") {
            turns.push(("assistant_message", text.to_owned()));
        } else {
            let (_, text) = turns.last_mut().expect("a turn before its next line");
            text.push('\n');
            text.push_str(line);
        }
    }
    let turns = turns.into_iter().map(|(kind, text)| Turn {
        kind: RedactedText::from_static(kind),
        model: Some(RedactedText::from_static("gpt-4o")),
        text: Some(RawText::from(text).redact().0),
        tools: Vec::new(),
        failed: false,
    });
    Session { name, words, turns: turns.collect() }
}

/// In at least eight of ten sessions of this set, which vocabulary and ranking were made with; the promise
/// is seven of ten of others.
#[test]
fn the_topic_is_named() {
    let sessions = sessions();
    let mut named = 0;
    for session in &sessions {
        let engines = [&TemplateEngine as _];
        let summary = summarise_with(&engines, &session.turns, Floor::built_in(), Removed::none());
        let title = summary.chosen.title.to_lowercase();
        let phrases = summary.phrases.iter().flat_map(|phrase| phrase.split(' '));
        let said: Vec<&str> = phrases.chain(title.split(|c: char| !c.is_alphanumeric())).collect();
        let is_said = |word: &&str| {
            said.iter().any(|other| other == word || other.strip_suffix('s') == Some(word))
        };
        let is_named = session.words.iter().all(|group| group.iter().any(&is_said));
        named += usize::from(is_named);
        let mark = if is_named { "   " } else { "NO " };
        println!(
            "{mark}{}\n      {}\n      {}",
            session.name, summary.chosen.title, summary.chosen.text
        );
        assert!(summary.refused.is_empty(), "{}: {:?}", session.name, summary.refused);
        assert!(summary.phrases.iter().all(|phrase| phrase.split(' ').count() <= 4));
    }
    println!("the topic is named in {named} of {} sessions", sessions.len());
    assert!(sessions.len() >= 40 && named * 10 >= sessions.len() * 8);
}

#[test]
fn the_same_turns_read_the_same() {
    for session in sessions() {
        let made = || {
            let engines = [&TemplateEngine as _];
            summarise_with(&engines, &session.turns, Floor::built_in(), Removed::none())
        };
        assert_eq!(made(), made());
    }
}
