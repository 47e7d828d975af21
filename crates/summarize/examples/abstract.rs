//! Prints what the template and the extract make of a session.
//!
//! The file is text, or JSON lines with `kind` and `text` (or `role` and `content`) of each turn. In text,
//! lines that begin with `U: ` and `A: ` begin turns, and `= ` begins a session.
#![expect(clippy::print_stdout, reason = "it is what this example does")]

use std::error::Error;

use modelstat_redact::{Floor, RawText, RedactedText};
use modelstat_summarize::{Engine, ExtractEngine, Removed, TemplateEngine, Turn, summarise_with};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: abstract FILE")?;
    let file = std::fs::read_to_string(path)?;
    if file.trim_start().starts_with('{') {
        print("session", &json_turns(&file)?);
        return Ok(());
    }
    for session in format!("\n{file}").split("\n= ") {
        let (name, text) = session.split_once('\n').unwrap_or(("session", session));
        let turns = text_turns(text);
        if !turns.is_empty() {
            print(name, &turns);
        }
    }
    Ok(())
}

fn json_turns(file: &str) -> Result<Vec<Turn>, serde_json::Error> {
    let lines = file.lines().filter(|line| !line.trim().is_empty());
    let turn = |line| {
        let value: serde_json::Value = serde_json::from_str(line)?;
        let of = |names: [&str; 2]| names.iter().find_map(|name| value.get(*name)?.as_str());
        let kind = of(["kind", "role"]).unwrap_or("assistant_message");
        Ok(turn(kind, of(["text", "content"]).unwrap_or_default()))
    };
    lines.map(turn).collect()
}

fn text_turns(text: &str) -> Vec<Turn> {
    let mut turns: Vec<(&str, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("? ")) {
        if let Some(said) = line.strip_prefix("U: ") {
            turns.push(("user_message", said.to_owned()));
        } else if let Some(said) = line.strip_prefix("A: ") {
            turns.push(("assistant_message", said.to_owned()));
        } else if let Some((_, said)) = turns.last_mut() {
            said.push('\n');
            said.push_str(line);
        } else if !line.trim().is_empty() {
            turns.push(("user_message", line.to_owned()));
        }
    }
    turns.iter().map(|(kind, text)| turn(kind, text)).collect()
}

fn turn(kind: &str, text: &str) -> Turn {
    let redacted = |text: &str| RawText::from(text).redact().0;
    Turn {
        kind: redacted(kind),
        model: None::<RedactedText>,
        text: Some(redacted(text)),
        tools: Vec::new(),
        failed: false,
    }
}

fn print(name: &str, turns: &[Turn]) {
    println!("{name}");
    let engines: [&dyn Engine; 2] = [&TemplateEngine, &ExtractEngine];
    for engine in engines {
        let summary = summarise_with(&[engine], turns, Floor::built_in(), Removed::none());
        let chosen = &summary.chosen;
        println!("  {:<9} {}", chosen.engine.as_str(), chosen.title.as_str());
        println!("            {}", chosen.text.as_str());
        for (engine, why) in &summary.refused {
            println!("            refused: {engine}, {}", why.as_str());
        }
    }
}
