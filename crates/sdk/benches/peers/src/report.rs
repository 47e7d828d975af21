//! Tables for people, or lines of JSON for programs.

use serde_json::{Value, json};

/// Where figures go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Tables as in `docs/benchmarks.md`.
    Markdown,
    /// An object a line: a table, or a gate.
    Json,
}

/// A table of figures.
pub struct Table {
    /// What it shows.
    pub title: String,
    /// What the columns mean; the first one names the row.
    pub columns: &'static [&'static str],
    /// The rows.
    pub rows: Vec<Row>,
}

/// A row's name and its figures; a figure may be missing.
pub struct Row {
    /// What was measured.
    pub name: String,
    /// The figures, without the name.
    pub figures: Vec<Option<f64>>,
}

impl Row {
    /// Makes a row with all its figures.
    pub fn new(name: impl Into<String>, figures: impl IntoIterator<Item = f64>) -> Self {
        Self { name: name.into(), figures: figures.into_iter().map(Some).collect() }
    }
}

/// What must hold.
pub struct Gate {
    /// What is demanded.
    pub demand: &'static str,
    /// What was measured.
    pub measured: f64,
    /// Whether that is enough.
    pub is_met: bool,
}

impl Gate {
    /// Demands at most so much.
    #[must_use]
    pub fn at_most(demand: &'static str, measured: f64, limit: f64) -> Self {
        Self { demand, measured, is_met: measured <= limit }
    }

    /// Demands at least so much.
    #[must_use]
    pub fn at_least(demand: &'static str, measured: f64, limit: f64) -> Self {
        Self { demand, measured, is_met: measured >= limit }
    }
}

/// Prints what a part of the benchmark found.
pub fn show(format: Format, tables: &[Table], gates: &[Gate]) {
    match format {
        Format::Markdown => {
            tables.iter().for_each(show_table);
            show_gates(gates);
        }
        Format::Json => {
            let lines = tables.iter().map(table_json).chain(gates.iter().map(gate_json));
            for line in lines {
                println!("{line}");
            }
        }
    }
}

fn show_gates(gates: &[Gate]) {
    println!("\n| gate | measured | |");
    println!("|---|---|---|");
    for gate in gates {
        let verdict = if gate.is_met { "met" } else { "**missed**" };
        println!("| {} | {} | {verdict} |", gate.demand, figure(gate.measured));
    }
}

fn show_table(table: &Table) {
    println!("\n{}\n", table.title);
    println!("| {} |", table.columns.join(" | "));
    println!("|{}", "---|".repeat(table.columns.len()));
    for row in &table.rows {
        let figures = row.figures.iter().map(|value| value.map_or_else(String::new, figure));
        println!("| {} | {} |", row.name, figures.collect::<Vec<_>>().join(" | "));
    }
}

fn table_json(table: &Table) -> Value {
    let rows: Vec<Value> =
        table.rows.iter().map(|row| json!({ "name": row.name, "figures": row.figures })).collect();
    json!({ "table": table.title, "columns": table.columns, "rows": rows })
}

fn gate_json(gate: &Gate) -> Value {
    json!({ "gate": gate.demand, "measured": gate.measured, "is_met": gate.is_met })
}

/// A number with as many places as it is worth, and commas between thousands.
fn figure(value: f64) -> String {
    let places = if value.abs() >= 100.0 || value == 0.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.places$}");
    let (whole, rest) = text.find('.').map_or((text.as_str(), ""), |at| text.split_at(at));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{rest}")
}
