//! One specimen of each family, assembled at run time, so that no line here looks like a credential.

use super::Planted;

const ALPHANUMERIC: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// A kind of text that the floor hides: what stands before and after the part that is distinctive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name; several families may share a rule.
    pub name: &'static str,
    before: &'static [&'static str],
    core: Core,
    after: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Core {
    Mixed(usize),
    Upper(usize),
    Lower(usize),
    /// Letters in groups, with this between them.
    Groups(&'static [usize], &'static str),
    /// Lines as of a key file.
    Lines,
}

const fn key(name: &'static str, before: &'static [&'static str], length: usize) -> Family {
    Family { name, before, core: Core::Mixed(length), after: "" }
}

const fn around(
    name: &'static str,
    before: &'static [&'static str],
    core: Core,
    after: &'static str,
) -> Family {
    Family { name, before, core, after }
}

/// The longest that is known by its head and a body of a least length, so that a cut hides it best.
const LONGEST_KEY: Family = key("cut xai key", &["xa", "i-"], 80);

const FAMILIES: &[Family] = &[
    key("anthropic key", &["sk", "-ant-", "api03-"], 40),
    key("openai key", &["sk", "-"], 48),
    key("openai project key", &["sk", "-proj-"], 48),
    key("google api key", &["AI", "za"], 35),
    key("github token", &["gh", "p_"], 36),
    key("github fine token", &["github", "_pat_"], 60),
    key("github oauth", &["gh", "o_"], 36),
    key("github app", &["gh", "s_"], 36),
    key("slack token", &["xox", "b-", "1234-"], 24),
    key("stripe live key", &["sk", "_live_"], 24),
    key("stripe test key", &["pk", "_test_"], 24),
    key("device secret", &["ds", "_live_"], 64),
    key("modelstat key", &["msk", "_live_"], 24),
    key("openrouter key", &["sk", "-or-v1-"], 64),
    key("groq key", &["gs", "k_"], 52),
    key("huggingface token", &["h", "f_"], 34),
    key("xai key", &["xa", "i-"], 80),
    key("gitlab token", &["gl", "pat-"], 20),
    key("npm token", &["np", "m_"], 36),
    key("google oauth token", &["ya", "29."], 60),
    key("vault token", &["hv", "s."], 24),
    around("aws access key", &["AK", "IA"], Core::Upper(16), ""),
    around("aws secret key", &[], Core::Groups(&[28, 11], "/"), ""),
    around("discord token", &["M"], Core::Groups(&[23, 6, 27], "."), ""),
    around("jwt", &["ey", "J"], Core::Groups(&[18, 40, 43], "."), ""),
    around("bearer", &["Bear", "er "], Core::Mixed(32), ""),
    around("basic", &["Authorization: Bas", "ic "], Core::Mixed(24), ""),
    around("token assignment", &["MY_SERVICE", "_TOKEN="], Core::Mixed(20), ""),
    around("password assignment", &["PASS", "WORD="], Core::Mixed(16), ""),
    around("key assignment", &["api", "_key=", "7a"], Core::Mixed(24), ""),
    around(
        "database password",
        &["postgres", "://user:"],
        Core::Mixed(16),
        "@db.example.internal/a",
    ),
    around("redis password", &["redis", "://:"], Core::Mixed(16), "@cache"),
    around("address password", &["https", "://user:"], Core::Mixed(16), "@example.com/x"),
    around("private key", &["-----BEGIN RSA PRIV", "ATE KEY-----\n"], Core::Lines, "\n-----END"),
    around("email", &[], Core::Groups(&[8, 9], "."), "@mail.example.com"),
    around("home folder", &["/ho", "me/"], Core::Lower(14), "/src/main.rs"),
    around("mac home folder", &["/Us", "ers/"], Core::Lower(14), "/work"),
    around("windows home folder", &["C:\\Us", "ers\\"], Core::Lower(14), "\\Desktop"),
];

impl Family {
    /// Every family.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        FAMILIES.iter().copied()
    }

    pub(super) fn longest_key() -> Self {
        LONGEST_KEY
    }

    pub(super) fn specimen(self, letters: &mut Letters, of: &str) -> Planted {
        let core = match self.core {
            Core::Mixed(length) => letters.mixed(length),
            Core::Upper(length) => letters.take(UPPER, length),
            Core::Lower(length) => letters.lower(length),
            Core::Groups(groups, between) => {
                let groups: Vec<_> = groups.iter().map(|length| letters.mixed(*length)).collect();
                groups.join(between)
            }
            Core::Lines => [letters.mixed(64), letters.mixed(33)].join("\n"),
        };
        let tail = if self.core == Core::Lines { " RSA PRIVATE KEY-----" } else { "" };
        let text = [&self.before.concat(), core.as_str(), self.after, tail].concat();
        Planted { family: self, name: format!("{of}: {}", self.name), text, core }
    }
}

/// Letters in an order that the seed decides.
pub(super) struct Letters(u64);

impl Letters {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D).wrapping_add(0x9E37_79B9_7F4A_7C15))
    }

    pub(super) fn mixed(&mut self, length: usize) -> String {
        self.take(ALPHANUMERIC, length)
    }

    pub(super) fn lower(&mut self, length: usize) -> String {
        self.take(LOWER, length)
    }

    pub(super) fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    fn take(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % end
    }
}
