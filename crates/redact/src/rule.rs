//! What a rule is, and the rules with code of their own; the typed ones are data in `rules/`.

use std::fmt;

use crate::tables::{TYPED, VENDORS};

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Something that opens a door: a key, a token, a password.
    Secret,
    /// Something about a person: an address, a number, a home directory.
    Pii,
}

/// How a match was made; of two that overlap, the higher one names the finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// By length or randomness alone.
    Generic,
    /// By a detector behind the floor, such as a model.
    Detected,
    /// Personal data, by its form.
    Personal,
    /// A secret by what stands around it.
    Context,
    /// By a rule of this host's own: its user rules and known identifiers.
    Local,
    /// A secret by its own form.
    Typed,
}

impl Tier {
    /// The word for it, as `modelstat redact --explain` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Generic => "generic",
            Tier::Detected => "detected",
            Tier::Personal => "personal",
            Tier::Context => "context",
            Tier::Local => "local",
            Tier::Typed => "typed",
        }
    }
}

/// What a rule says of itself.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Definition {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    pub(crate) tier: Tier,
}

/// A kind of thing that the floor hides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule(pub(crate) &'static Definition);

impl Rule {
    /// What tells it from all others, such as `github-pat-classic`.
    pub fn id(self) -> &'static str {
        self.0.id
    }

    /// The name in the placeholder, such as `github_pat`; several rules may share one.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What a finding of this rule is about.
    pub fn class(self) -> Class {
        self.0.class
    }

    /// How it finds.
    pub fn tier(self) -> Tier {
        self.0.tier
    }

    /// Every built-in rule, each once.
    pub fn all() -> impl Iterator<Item = Rule> {
        NAMED.iter().copied().chain(TYPED.iter().chain(VENDORS).map(Rule))
    }

    /// A built-in rule whose placeholder has that name.
    pub fn from_name(name: &str) -> Option<Rule> {
        Self::all().find(|rule| rule.name() == name)
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({})", self.id())
    }
}

macro_rules! named {
    ($($constant:ident: $id:literal, $name:literal, $class:ident, $tier:ident;)*) => {
        $(pub(crate) const $constant: Rule = Rule(&Definition {
            id: $id,
            name: $name,
            class: Class::$class,
            tier: Tier::$tier,
        });)*

        /// The rules with code of their own.
        const NAMED: &[Rule] = &[$($constant),*];
    };
}

named! {
    AWS_SECRET_KEY: "aws-secret-key", "aws_secret_key", Secret, Generic;
    BEARER: "bearer", "bearer", Secret, Context;
    CARD: "card", "card", Pii, Personal;
    CONTEXT_SECRET: "context", "env_secret", Secret, Context;
    DB_PASSWORD: "db-password", "db_password", Secret, Context;
    DETECTED: "detected", "detected", Pii, Detected;
    DISCORD_TOKEN: "discord-token", "discord_token", Secret, Typed;
    EMAIL: "email", "email", Pii, Personal;
    ENV_SECRET: "assignment", "env_secret", Secret, Context;
    HIGH_ENTROPY: "high-entropy", "high_entropy", Secret, Generic;
    IBAN: "iban", "iban", Pii, Personal;
    IDENTIFIER: "known-identifier", "identifier", Pii, Local;
    IP: "ip", "ip", Pii, Personal;
    JWT: "jwt", "jwt", Secret, Typed;
    NATIONAL_ID: "national-id", "national_id", Pii, Personal;
    PASSWORD_HASH: "password-hash", "password_hash", Secret, Typed;
    PATH: "home-path", "path", Pii, Personal;
    PHONE: "phone", "phone", Pii, Personal;
    PRIVATE_KEY: "private-key", "private_key", Secret, Typed;
    REDACTION_FAILED: "redaction-failed", "redaction_failed", Secret, Typed;
    SSN: "ssn", "ssn", Pii, Personal;
    URL_PASSWORD: "url-password", "url_password", Secret, Context;
}
