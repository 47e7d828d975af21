//! Runs the fuzzer's seeds and the inputs that once failed through the fuzzer's checks, without a fuzzer.
#![cfg(not(feature = "switched-off"))]
#![expect(clippy::print_stdout, reason = "a failure tells which input it was")]
#![expect(unreachable_pub, reason = "the crate of the fuzz targets exports them")]

#[path = "src/checks.rs"]
mod checks;
#[path = "src/json.rs"]
mod json;
#[path = "src/specimens.rs"]
mod specimens;

use std::fs;
use std::path::{Path, PathBuf};

fn replay(target: &str, check: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let seeds = files(&fuzz.join("seeds").join(target));
    assert!(!seeds.is_empty(), "the seeds are committed");
    let prefix = format!("{target}-");
    let is_of_target = |file: &PathBuf| {
        file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
    };
    let crashers = files(&fuzz.join("crashers")).into_iter().filter(is_of_target);
    for file in seeds.into_iter().chain(crashers) {
        println!("{}", file.display());
        check(&fs::read(&file).expect("an input is read"));
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is committed");
    entries.map(|entry| entry.expect("a file of the folder").path()).collect()
}

#[test]
fn every_input_for_whole_texts_passes() {
    replay("whole", checks::whole);
}

#[test]
fn every_input_for_chunks_passes() {
    replay("chunked", checks::chunked);
}

#[test]
fn every_input_for_json_passes() {
    replay("json", json::json);
}
