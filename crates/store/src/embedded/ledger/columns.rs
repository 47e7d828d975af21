//! Rows on their way into the ledger, collected in Arrow columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Decimal128Builder, Int32Builder, Int64Builder, ListBuilder,
    MapBuilder, StringBuilder, UInt64Builder,
};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use duckdb::Connection;

/// Rows of one record batch: a vector of the engine. A larger batch would be cut into slices, each of
/// which carries the maps of all.
const BATCH_ROWS: usize = 2_048;

/// Digits of a money column: the most that a 128-bit decimal has.
const MONEY_DIGITS: u8 = 38;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Count,
    Time,
    Day,
    Flag,
    Money,
    TextMap,
    CountMap,
    TextList,
}

impl Kind {
    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::Text => "VARCHAR",
            Self::Count => "UBIGINT",
            Self::Time => "BIGINT",
            Self::Day => "INTEGER",
            Self::Flag => "BOOLEAN",
            Self::Money => "DECIMAL(38,0)",
            Self::TextMap => "MAP(VARCHAR, VARCHAR)",
            Self::CountMap => "MAP(VARCHAR, UBIGINT)",
            Self::TextList => "VARCHAR[]",
        }
    }
}

/// A table as the ledger makes and fills it: its columns in their order.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
}

impl Table {
    pub(super) fn definition(&self) -> String {
        let columns: Vec<String> =
            self.columns.iter().map(|(name, kind)| format!("{name} {}", kind.sql())).collect();
        format!("{} ({})", self.name, columns.join(", "))
    }
}

/// One value of a row.
pub(super) enum Cell<'a> {
    Null,
    Text(&'a str),
    Count(u64),
    Time(i64),
    Day(i32),
    Flag(bool),
    Money(i128),
    TextMap(Vec<(&'a str, &'a str)>),
    CountMap(Vec<(&'a str, u64)>),
    TextList(Vec<&'a str>),
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell<'_> {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<bool> for Cell<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<modelstat_wire::Timestamp> for Cell<'_> {
    fn from(time: modelstat_wire::Timestamp) -> Self {
        Self::Time(time.as_micros())
    }
}

impl From<modelstat_wire::PicoUsd> for Cell<'_> {
    fn from(money: modelstat_wire::PicoUsd) -> Self {
        Self::Money(money.0)
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

enum Column {
    Text(StringBuilder),
    Count(UInt64Builder),
    Time(Int64Builder),
    Day(Int32Builder),
    Flag(BooleanBuilder),
    Money(Decimal128Builder),
    TextMap(MapBuilder<StringBuilder, StringBuilder>),
    CountMap(MapBuilder<StringBuilder, UInt64Builder>),
    TextList(ListBuilder<StringBuilder>),
}

impl Column {
    fn new(kind: Kind) -> Result<Self, duckdb::Error> {
        Ok(match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Count => Self::Count(UInt64Builder::new()),
            Kind::Time => Self::Time(Int64Builder::new()),
            Kind::Day => Self::Day(Int32Builder::new()),
            Kind::Flag => Self::Flag(BooleanBuilder::new()),
            Kind::Money => {
                let money = Decimal128Builder::new().with_precision_and_scale(MONEY_DIGITS, 0);
                Self::Money(money.map_err(|_| duckdb::Error::AppendError)?)
            }
            Kind::TextMap => {
                Self::TextMap(MapBuilder::new(None, StringBuilder::new(), StringBuilder::new()))
            }
            Kind::CountMap => {
                Self::CountMap(MapBuilder::new(None, StringBuilder::new(), UInt64Builder::new()))
            }
            Kind::TextList => Self::TextList(ListBuilder::new(StringBuilder::new())),
        })
    }

    /// Appends a cell. Maps and lists are never null: an absent one is empty.
    fn append(&mut self, cell: Cell<'_>) -> Result<(), duckdb::Error> {
        match (self, cell) {
            (Self::Text(column), Cell::Text(text)) => column.append_value(text),
            (Self::Text(column), Cell::Null) => column.append_null(),
            (Self::Count(column), Cell::Count(count)) => column.append_value(count),
            (Self::Count(column), Cell::Null) => column.append_null(),
            (Self::Time(column), Cell::Time(time)) => column.append_value(time),
            (Self::Time(column), Cell::Null) => column.append_null(),
            (Self::Day(column), Cell::Day(day)) => column.append_value(day),
            (Self::Flag(column), Cell::Flag(flag)) => column.append_value(flag),
            (Self::Flag(column), Cell::Null) => column.append_null(),
            (Self::Money(column), Cell::Money(money)) => column.append_value(money),
            (Self::Money(column), Cell::Null) => column.append_null(),
            (Self::TextMap(column), Cell::TextMap(entries)) => {
                for (key, value) in entries {
                    column.keys().append_value(key);
                    column.values().append_value(value);
                }
                column.append(true).map_err(|_| duckdb::Error::AppendError)?;
            }
            (Self::CountMap(column), Cell::CountMap(entries)) => {
                for (key, count) in entries {
                    column.keys().append_value(key);
                    column.values().append_value(count);
                }
                column.append(true).map_err(|_| duckdb::Error::AppendError)?;
            }
            (Self::TextList(column), Cell::TextList(texts)) => {
                for text in texts {
                    column.values().append_value(text);
                }
                column.append(true);
            }
            _ => return Err(duckdb::Error::AppendError),
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => Arc::new(column.finish()),
            Self::Count(column) => Arc::new(column.finish()),
            Self::Time(column) => Arc::new(column.finish()),
            Self::Day(column) => Arc::new(column.finish()),
            Self::Flag(column) => Arc::new(column.finish()),
            Self::Money(column) => Arc::new(column.finish()),
            Self::TextMap(column) => Arc::new(column.finish()),
            Self::CountMap(column) => Arc::new(column.finish()),
            Self::TextList(column) => Arc::new(column.finish()),
        }
    }
}

/// Appends rows to a table within the connection's transaction.
pub(super) struct Rows<'c> {
    table: &'static Table,
    appender: duckdb::Appender<'c>,
    columns: Vec<Column>,
    waiting: usize,
}

impl<'c> Rows<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        table: &'static Table,
    ) -> Result<Self, duckdb::Error> {
        let columns =
            table.columns.iter().map(|(_, kind)| Column::new(*kind)).collect::<Result<_, _>>()?;
        Ok(Self { table, appender: connection.appender(table.name)?, columns, waiting: 0 })
    }

    /// Appends a row. The cells are named, so that a wrong order is found by the first test.
    pub(super) fn push<'a>(
        &mut self,
        cells: impl IntoIterator<Item = (&'static str, Cell<'a>)>,
    ) -> Result<(), duckdb::Error> {
        let mut columns = self.columns.iter_mut().zip(self.table.columns);
        for (name, cell) in cells {
            let (column, (expected, _)) = columns.next().ok_or(duckdb::Error::AppendError)?;
            debug_assert_eq!(name, *expected, "the cells of {} are in order", self.table.name);
            column.append(cell)?;
        }
        debug_assert!(columns.next().is_none(), "the row of {} is whole", self.table.name);
        self.waiting += 1;
        if self.waiting < BATCH_ROWS {
            return Ok(());
        }
        self.send()
    }

    /// Hands over what is left. Without it, an error of the engine would be lost.
    pub(super) fn finish(mut self) -> Result<(), duckdb::Error> {
        self.send()?;
        self.appender.flush()
    }

    fn send(&mut self) -> Result<(), duckdb::Error> {
        if self.waiting == 0 {
            return Ok(());
        }
        self.waiting = 0;
        let arrays: Vec<ArrayRef> = self.columns.iter_mut().map(Column::finish).collect();
        let fields: Vec<Field> = (self.table.columns.iter().zip(&arrays))
            .map(|((name, _), array)| Field::new(*name, array.data_type().clone(), true))
            .collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|_| duckdb::Error::AppendError)?;
        self.appender.append_record_batch(batch)
    }
}
