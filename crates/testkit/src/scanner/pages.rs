//! Compressed records that SQLite split over pages, put together again.
//!
//! A reader of the tables sees the newest rows only. Old versions of them lie in free pages and in the
//! write-ahead log, and the part of a record that does not fit its page continues on others, so that
//! neither a reader nor the bytes in their order show it whole.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use super::layers::{gunzip, unlz4, unzstd};
use super::{Read, ScanError, tables};

/// Where a page's continuation is named, and where a log's frame names its page.
const NUMBER_BYTES: usize = 4;
const LOG_HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// Most pages of one record: as many as a layer may have bytes.
const MAX_CHAIN: usize = super::MAX_LAYER_BYTES / 512;

/// Every version of every page.
struct Pages<'a> {
    versions: Vec<&'a [u8]>,
    /// Places in `versions`, oldest first: the file's own page, then those of the log.
    by_number: HashMap<u32, Vec<usize>>,
}

/// Calls `read` with what a record that spans pages decompresses to.
pub(super) fn each_split_frame(path: &Path, file: &[u8], read: Read<'_>) -> Result<(), ScanError> {
    let log_path = tables::log_of(path);
    let log = match fs::read(&log_path) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(ScanError::Read(log_path, error)),
    };
    let Some(page_bytes) = page_size(file) else { return Ok(()) };
    let pages = Pages::of(file, &log, page_bytes);
    for (version, page) in pages.versions.iter().enumerate() {
        for at in 0..page.len().saturating_sub(NUMBER_BYTES) {
            let decompress = match &page[at..at + NUMBER_BYTES] {
                b"mLZ4" => unlz4,
                b"\x28\xb5\x2f\xfd" => unzstd,
                [0x1f, 0x8b, 0x08, _] => gunzip,
                _ => continue,
            };
            for record in pages.records_from(version, at) {
                let frame = decompress(&record);
                if !frame.is_empty() {
                    read("record over pages", &frame)?;
                }
            }
        }
    }
    Ok(())
}

fn page_size(file: &[u8]) -> Option<usize> {
    match u16::from_be_bytes([*file.get(16)?, *file.get(17)?]) {
        1 => Some(65_536),
        size => Some(usize::from(size)).filter(|size| size.is_power_of_two() && *size >= 512),
    }
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    let number = bytes.get(at..at + NUMBER_BYTES)?;
    Some(u32::from_be_bytes(number.try_into().ok()?))
}

impl<'a> Pages<'a> {
    fn of(file: &'a [u8], log: &'a [u8], page_bytes: usize) -> Self {
        let mut pages = Self { versions: Vec::new(), by_number: HashMap::new() };
        for (number, page) in (1..).zip(file.chunks_exact(page_bytes)) {
            pages.add(number, page);
        }
        let frames = log.get(LOG_HEADER_BYTES..).unwrap_or_default();
        for frame in frames.chunks_exact(FRAME_HEADER_BYTES + page_bytes) {
            let number = number_at(frame, 0).unwrap_or_default();
            pages.add(number, &frame[FRAME_HEADER_BYTES..]);
        }
        pages
    }

    fn add(&mut self, number: u32, page: &'a [u8]) {
        self.by_number.entry(number).or_default().push(self.versions.len());
        self.versions.push(page);
    }

    /// Every record that can begin there. Where it leaves its page is not known, as its cell may be
    /// gone: every number of a page that follows may be the one of its continuation.
    fn records_from(&self, version: usize, at: usize) -> Vec<Vec<u8>> {
        let page = self.versions[version];
        let mut records = Vec::new();
        for end in at + NUMBER_BYTES..=page.len() - NUMBER_BYTES {
            let Some(next) = number_at(page, end) else { continue };
            records.extend(self.joined(&page[at..end], next, version));
        }
        // The page may itself be a continuation, which names the next one first.
        let next = number_at(page, 0).unwrap_or_default();
        records.extend(self.joined(&page[at..], next, version));
        records
    }

    fn joined(&self, beginning: &[u8], mut next: u32, version: usize) -> Option<Vec<u8>> {
        let mut record = beginning.to_vec();
        for _ in 0..MAX_CHAIN {
            let Some(page) = self.nearest(next, version) else { break };
            record.extend_from_slice(&page[NUMBER_BYTES..]);
            next = number_at(page, 0)?;
        }
        (record.len() > beginning.len()).then_some(record)
    }

    /// The version of a page that was written closest to another: a record is written at once.
    fn nearest(&self, number: u32, version: usize) -> Option<&'a [u8]> {
        let versions = self.by_number.get(&number)?;
        let nearest = versions.iter().min_by_key(|other| other.abs_diff(version))?;
        Some(self.versions[*nearest])
    }
}
