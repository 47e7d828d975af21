//! What a summary by the engine costs, at the shape of Qwen3-0.6B with random weights.
//!
//! Run by `cargo xtask bench engine`. The model is written once, as `Q4_K_M`, into a folder that is kept.
//! Figures are by processor time, which other work on the machine disturbs less than it does clocks.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod engine;
mod model;
mod plain;
mod process;
mod report;

use std::path::PathBuf;

use modelstat_llama::{Options, Priority, confine, serve};

use report::Report;

const HELP: &str = "\
usage: cargo xtask bench engine [OPTIONS]

  --folder PATH  where the model is kept between runs (default: the system's temporary folder)
  --rounds N     how often prompt and decode are measured, the best counts (default: 3)
  --jobs N       summaries that are made end to end (default: 16)
  --prompt N     tokens of a question (default: 800)
  --answer N     tokens of an answer (default: 80)
  --tiny         a small model, in seconds: shows that the benchmark works, its figures mean nothing
";

/// What is measured.
struct Plan {
    folder: PathBuf,
    rounds: u32,
    jobs: u64,
    is_tiny: bool,
    /// Tokens of a question and of an answer.
    prompt: u32,
    answer: u32,
}

impl Plan {
    fn of(arguments: &[String]) -> Result<Self, String> {
        let is_tiny = arguments.iter().any(|argument| argument == "--tiny")
            || !arguments.iter().any(|argument| argument == "--bench");
        let (prompt, answer) = if is_tiny { (100, 20) } else { (800, 80) };
        let folder = std::env::temp_dir();
        let mut plan = Self { folder, rounds: 3, jobs: 16, is_tiny, prompt, answer };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("`{argument}` needs a value"));
            let number = |text: &String| match text.parse::<u32>() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err(format!("`{text}` is no number of times")),
            };
            match argument.as_str() {
                "--bench" | "--tiny" => {}
                "--folder" => plan.folder = PathBuf::from(value()?),
                "--rounds" => plan.rounds = number(value()?)?,
                "--prompt" => plan.prompt = number(value()?)?,
                "--answer" => plan.answer = number(value()?)?,
                "--jobs" => plan.jobs = number(value()?)?.into(),
                other => {
                    return Err(format!("the benchmark `engine` takes no `{other}`\n\n{HELP}"));
                }
            }
        }
        Ok(plan)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [verb, model] = arguments.as_slice()
        && verb == "--serve"
    {
        // At its low priority it would wait for as long as anything else runs on the machine.
        let options = Options { priority: Priority::Normal, ..Options::new(PathBuf::from(model)) };
        let output = confine(&options)?;
        return Ok(serve(&options, std::io::stdin(), output)?);
    }
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{HELP}");
        return Ok(());
    }
    let plan = Plan::of(&arguments)?;
    let path = model::ready(&plan)?;
    let mut report = Report::new(plan.is_tiny);
    engine::measure(&plan, &path, &mut report)?;
    process::measure(&plan, &path, &mut report)?;
    if plan.is_tiny {
        std::fs::remove_file(&path)?;
    }
    report.finish()
}
