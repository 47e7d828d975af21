//! What a segment was about: a closed list of fields.

/// A field that words of the vocabulary speak for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Subject {
    Software,
    Operations,
    Data,
    Business,
    Finance,
    Support,
    Legal,
    Health,
    Travel,
    Education,
    Cooking,
    Writing,
    Science,
    Home,
    Leisure,
    Life,
}

impl Subject {
    /// Every subject, in the order in which a tie is decided.
    pub(crate) const ALL: [Self; 16] = [
        Self::Software,
        Self::Data,
        Self::Cooking,
        Self::Health,
        Self::Legal,
        Self::Travel,
        Self::Finance,
        Self::Support,
        Self::Science,
        Self::Home,
        Self::Leisure,
        Self::Education,
        Self::Writing,
        Self::Business,
        Self::Operations,
        Self::Life,
    ];

    /// The word in the vocabulary and in an abstract.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Operations => "operations",
            Self::Data => "data",
            Self::Business => "business",
            Self::Finance => "finance",
            Self::Support => "support",
            Self::Legal => "legal",
            Self::Health => "health",
            Self::Travel => "travel",
            Self::Education => "education",
            Self::Cooking => "cooking",
            Self::Writing => "writing",
            Self::Science => "science",
            Self::Home => "home",
            Self::Leisure => "leisure",
            Self::Life => "life",
        }
    }

    /// The subject of that word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|subject| subject.as_str() == word)
    }

    /// How an abstract says it; too wide a field says nothing.
    pub(crate) const fn said(self) -> Option<&'static str> {
        match self {
            Self::Software | Self::Operations | Self::Life => None,
            Self::Data => Some("data analysis"),
            Self::Legal => Some("legal matters"),
            Self::Support => Some("customer support"),
            Self::Home => Some("house and home"),
            Self::Leisure => Some("sports and arts"),
            other => Some(other.as_str()),
        }
    }
}
