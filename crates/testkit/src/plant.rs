//! Distinctive secrets, addresses, home folders and a sentence, and batches that hold them everywhere.

mod batch;
mod family;
mod session;

use crate::Needle;
pub use batch::Shape;
pub use family::Family;
use family::Letters;
pub use session::Session;

/// Words of a sentence that may stand together elsewhere: a key phrase has four at most.
const CANARY_WORDS: usize = 5;

/// How many words the sentence has. Each sender's is in an order of its own.
const CANARY_LENGTH: usize = 24;

/// Words that a summary may repeat, and words that it may not.
const CANARY_VOCABULARY: &[&str] = &[
    "the",
    "our",
    "their",
    "after",
    "before",
    "test",
    "database",
    "migration",
    "import",
    "server",
    "failing",
    "retry",
    "billing",
    "otters",
    "harbour",
    "quiet",
    "rewrite",
    "review",
    "lunch",
    "seven",
    "lantern",
    "payment",
    "cache",
    "deploy",
];

/// Something planted.
#[derive(Clone, Debug)]
pub struct Planted {
    /// What it is.
    pub family: Family,
    /// How needles and hits call it.
    pub name: String,
    /// What is put into a text, such as a whole assignment.
    pub text: String,
    /// The part of it that must not survive, and that nothing else holds.
    pub core: String,
}

/// What one sender sends.
#[derive(Clone, Debug)]
pub struct Plant {
    planted: Vec<Planted>,
    cut: Planted,
    canary_word: String,
    canary: String,
    name: String,
}

impl Plant {
    /// Makes one specimen of each family. Each seed makes others, each name calls them its own.
    pub fn new(name: &str, seed: u64) -> Self {
        let mut letters = Letters::new(seed);
        let planted = Family::all().map(|family| family.specimen(&mut letters, name)).collect();
        let mut cut = Family::longest_key().specimen(&mut letters, name);
        cut.name = format!("{name}: cut off");
        let canary_word = letters.lower(16);
        let mut words: Vec<&str> =
            (0..CANARY_LENGTH).map(|_| letters.one_of(CANARY_VOCABULARY)).collect();
        words[CANARY_LENGTH / 2] = &canary_word;
        let canary = words.join(" ");
        Self { planted, cut, canary_word, canary, name: name.to_owned() }
    }

    /// Everything planted in whole.
    pub fn planted(&self) -> &[Planted] {
        &self.planted
    }

    /// What must be found nowhere.
    pub fn needles(&self) -> Vec<Needle> {
        let whole = self.planted.iter().chain([&self.cut]);
        whole.map(|planted| Needle::new(&planted.name, &planted.core)).collect()
    }

    /// The sentence, by runs of its words, and by the one word that nothing else says.
    pub fn canary_needles(&self) -> Vec<Needle> {
        vec![
            Needle::sentence(self.canary_name(), &self.canary, CANARY_WORDS),
            Needle::new(self.canary_name(), &self.canary_word),
        ]
    }

    /// How hits call the sentence.
    pub fn canary_name(&self) -> String {
        format!("{}: canary", self.name)
    }

    /// The sentence itself.
    pub fn canary(&self) -> &str {
        &self.canary
    }
}
