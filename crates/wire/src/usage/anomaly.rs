//! What can be wrong with a reported usage.

use std::fmt;

use serde::{Serialize, Serializer};

/// Something wrong with one field of a reported usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Anomaly {
    /// What is wrong.
    pub kind: AnomalyKind,
    /// Our name of the count that it is wrong with.
    pub field: &'static str,
}

/// The ways in which a reported usage can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnomalyKind {
    /// A count below zero; it was refused.
    Negative,
    /// A count that is infinite or no number at all; it was refused.
    NotFinite,
    /// A boolean, a list, an object or a text without a number; it was refused.
    NotANumber,
    /// A count beyond [`MAX_COUNT`](crate::limits::MAX_COUNT); it was refused.
    TooLarge,
    /// The parts of a count come to more than the count, which was kept without its parts.
    DetailsExceedTotal,
    /// The numbers only add up when the parts stand elsewhere than this shape says; so they were read.
    Reinterpreted,
    /// The classes do not come to the total that was reported.
    TotalDiffers,
    /// A count that the usage cannot be known without is absent.
    Missing,
    /// The stream ended before the count was final.
    Incomplete,
    /// The provider counts something apart for which the wire has no field.
    NotCarried,
    /// The usage is no object, or one of another shape.
    WrongShape,
}

impl AnomalyKind {
    /// Returns the name that anomalies are counted under.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::NotFinite => "not_finite",
            Self::NotANumber => "not_a_number",
            Self::TooLarge => "too_large",
            Self::DetailsExceedTotal => "details_exceed_total",
            Self::Reinterpreted => "reinterpreted",
            Self::TotalDiffers => "total_differs",
            Self::Missing => "missing",
            Self::Incomplete => "incomplete",
            Self::NotCarried => "not_carried",
            Self::WrongShape => "wrong_shape",
        }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.field)
    }
}

impl Serialize for Anomaly {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
