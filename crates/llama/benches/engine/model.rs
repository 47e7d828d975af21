//! The model that is measured.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use modelstat_llama::{Header, quantise};
use modelstat_testkit::gguf::{Encoding, Shape, write_file};

use crate::Plan;

/// What the weights follow from.
const SEED: u64 = 1;

/// The file, written if it is not there yet.
pub(crate) fn ready(plan: &Plan) -> Result<PathBuf, Box<dyn Error>> {
    let (name, shape) = if plan.is_tiny {
        ("modelstat-bench-tiny", Shape::TINY_QWEN3)
    } else {
        ("modelstat-bench-qwen3-0.6b", Shape::QWEN3_0_6B)
    };
    fs::create_dir_all(&plan.folder)?;
    let path = plan
        .folder
        .join(format!("{name}-{}.gguf", if plan.is_tiny { std::process::id() } else { 0 }));
    if Header::read(&path).is_ok() {
        return Ok(path);
    }
    let [whole, part] = ["f16", "part"].map(|end| path.with_extension(end));
    write_file(&whole, &shape, Encoding::F16, SEED)?;
    quantise(&whole, &part, 2)?;
    fs::remove_file(&whole)?;
    fs::rename(&part, &path)?;
    Ok(path)
}
