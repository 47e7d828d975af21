//! A session with secrets, names and a canary in it.

use super::{Plant, Planted};
use crate::Needle;

/// How many of a plant's families one session holds.
const PLANTED: usize = 3;

/// A session, and what must not be found in what is made of it.
#[derive(Clone, Debug)]
pub struct Session {
    /// What was written, in its turns; the last is an answer.
    pub texts: Vec<String>,
    /// Its secrets.
    pub secrets: Vec<Needle>,
    /// Its names, and its canary.
    pub names: Vec<Needle>,
}

impl Session {
    /// Makes a session. As many of them as there are families hold each family three times.
    pub fn new(number: u64) -> Self {
        let plant = Plant::new(&format!("session {number}"), number);
        let all = plant.planted();
        let first = usize::try_from(number).unwrap_or(0) * PLANTED;
        let planted: Vec<&Planted> =
            (0..PLANTED).map(|at| &all[(first + at) % all.len()]).collect();
        let secrets = planted.iter().map(|one| Needle::new(&one.name, &one.core)).collect();
        let (given, family) = (name(number, 1), name(number, 2));
        let mut names = plant.canary_needles();
        names.push(Needle::new("given name", &given));
        names.push(Needle::new("family name", &family));
        let texts = vec![
            format!(
                "{given} {family} asks why the database migration is slow. {}\nRun it with {}",
                plant.canary(),
                planted[0].text
            ),
            format!("ask {} about the retry queue: {}", given.to_lowercase(), planted[1].text),
            format!("Fixed for {family}.\n{}\nThe index is used now.", planted[2].text),
        ];
        Self { texts, secrets, names }
    }
}

/// A made-up name that no text holds by chance.
fn name(number: u64, salt: u64) -> String {
    let syllables = ["zor", "vik", "quem", "bax", "nud", "fyr", "gol", "wez", "plo", "tchi"];
    let mut rest = number * 7 + salt * 1_013 + 11;
    let mut name = String::new();
    for _ in 0..4 {
        name.push_str(syllables[usize::try_from(rest % 10).unwrap_or(0)]);
        rest = rest / 10 + 3 * salt;
    }
    name[..1].to_uppercase() + &name[1..]
}
