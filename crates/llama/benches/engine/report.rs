//! The figures, and what they must be.

use std::error::Error;

/// What was measured, and what was promised of it.
pub(crate) struct Report {
    is_tiny: bool,
    rows: usize,
    missed: Vec<&'static str>,
}

impl Report {
    pub(crate) fn new(is_tiny: bool) -> Self {
        println!("| figure | measured | wanted |");
        println!("|---|---|---|");
        Self { is_tiny, rows: 0, missed: Vec::new() }
    }

    /// A figure without a promise.
    pub(crate) fn tell(&mut self, figure: &str, measured: f64) {
        self.row(figure, measured, "");
    }

    /// A figure that must be at least so much.
    pub(crate) fn at_least(&mut self, figure: &'static str, measured: f64, wanted: f64) {
        self.row(figure, measured, &format!("≥ {wanted}"));
        if measured < wanted {
            self.missed.push(figure);
        }
    }

    /// A figure that must be at most so much.
    pub(crate) fn at_most(&mut self, figure: &'static str, measured: f64, wanted: f64) {
        self.row(figure, measured, &format!("≤ {wanted}"));
        if measured > wanted {
            self.missed.push(figure);
        }
    }

    fn row(&mut self, figure: &str, measured: f64, wanted: &str) {
        assert!(measured.is_finite() && measured > 0.0, "{figure}: {measured}");
        self.rows += 1;
        println!("| {figure} | {measured:.2} | {wanted} |");
    }

    /// Fails where a promise is not kept; a small model promises nothing.
    pub(crate) fn finish(self) -> Result<(), Box<dyn Error>> {
        assert!(self.rows > 0, "something was measured");
        if self.missed.is_empty() || self.is_tiny {
            return Ok(());
        }
        Err(format!("not as wanted: {}", self.missed.join(", ")).into())
    }
}
