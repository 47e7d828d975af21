//! `modelstat model list|pull|import|rm|verify`

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use modelstat_models::{
    DEFAULT_MODEL, DEFAULT_SOURCE, Installed, MODELS, Model, Progress, Source, State, Store,
    StoreError, find,
};
use serde_json::{Value, json};

use crate::args::{HomeArguments, ModelArguments, QuietArguments};
use crate::error::hinted;
use crate::home::Home;
use crate::output;

/// How often a progress bar is drawn.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
pub(crate) enum ModelVerb {
    /// List the models that we know, and what is here of each
    List {
        #[command(flatten)]
        quiet: QuietArguments,
    },
    /// Bring a model here, after asking
    Pull {
        /// Which one
        #[arg(default_value = DEFAULT_MODEL)]
        model: String,
        /// Bring it without asking
        #[arg(long, short)]
        yes: bool,
        /// A server that has the publisher's paths
        #[arg(long, value_name = "URL", env = "MODELSTAT_MODEL_MIRROR", default_value = DEFAULT_SOURCE)]
        mirror: String,
        #[command(flatten)]
        shown: Shown,
    },
    /// Take a file that somebody brought here, if it is a model that we know
    Import {
        /// The file; it stays where it is
        file: PathBuf,
        #[command(flatten)]
        shown: Shown,
    },
    /// Remove a model, and any part of it
    Rm {
        /// Which one
        model: String,
        #[command(flatten)]
        quiet: QuietArguments,
    },
    /// Read the models that are here whole, and compare their sha256
    Verify {
        /// Which one [default: all that are here]
        model: Option<String>,
        #[command(flatten)]
        shown: Shown,
    },
}

/// Where the models are, and what is printed of long work.
#[derive(Debug, clap::Args)]
pub(crate) struct Shown {
    #[command(flatten)]
    home: HomeArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Draw no progress bar
    #[arg(long, short)]
    quiet: bool,
}

/// `modelstat model …`
pub(crate) fn run(arguments: &ModelArguments) -> anyhow::Result<()> {
    match &arguments.verb {
        ModelVerb::List { quiet } => list(&open(&quiet.home)?, quiet.json),
        ModelVerb::Pull { model, yes, mirror, shown } => {
            pull(&open(&shown.home)?, known(model)?, mirror, *yes, shown)
        }
        ModelVerb::Import { file, shown } => import(&open(&shown.home)?, file, shown),
        ModelVerb::Rm { model, quiet } => remove(&open(&quiet.home)?, known(model)?, quiet.json),
        ModelVerb::Verify { model, shown } => verify(&open(&shown.home)?, model.as_deref(), shown),
    }
}

fn open(home: &HomeArguments) -> anyhow::Result<Store> {
    Ok(Store::open(Home::open(home)?.models_folder(), MODELS)?)
}

fn known(name: &str) -> anyhow::Result<&'static Model> {
    find(name).ok_or_else(|| {
        let names: Vec<_> = MODELS.iter().map(|model| model.name).collect();
        hinted(format!("there is no model `{name}`"), format!("known are: {}", names.join(", ")))
    })
}

fn list(store: &Store, wants_json: bool) -> anyhow::Result<()> {
    let found = store.list()?;
    if wants_json {
        output::json(&json!({ "models": found.iter().map(described).collect::<Vec<_>>() }));
        return Ok(());
    }
    let row = |found: &Installed| {
        let model = found.model;
        let state = match found.state {
            State::Absent => "–".to_owned(),
            State::Partial => format!("{} %", found.bytes * 100 / model.bytes.max(1)),
            State::Ready => "here".to_owned(),
            State::Unchecked => "here, not checked".to_owned(),
        };
        let size = HumanBytes(model.bytes).to_string();
        [model.name, &size, &state, model.licence, model.about].map(str::to_owned).to_vec()
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    output::table(&["MODEL", "SIZE", "STATE", "LICENCE", "ABOUT"], &rows);
    Ok(())
}

fn described(found: &Installed) -> Value {
    let model = found.model;
    json!({
        "name": model.name, "state": found.state, "path": found.path, "bytes_here": found.bytes,
        "bytes": model.bytes, "sha256": model.sha256, "repository": model.repository,
        "revision": model.revision, "file": model.file, "licence": model.licence,
    })
}

fn pull(
    store: &Store,
    model: &'static Model,
    mirror: &str,
    is_agreed: bool,
    shown: &Shown,
) -> anyhow::Result<()> {
    let source = Source::new(mirror)?;
    let needs_network = matches!(store.look(model)?.state, State::Absent | State::Partial);
    if needs_network && !is_agreed && !ask(model, &source)? {
        output::note("nothing was brought");
        return Ok(());
    }
    let mut bar = Bar::new(shown);
    let path = store.pull(model, &source, &mut |progress| bar.show(progress));
    bar.end();
    told(store, model, &path.map_err(explain)?, shown)
}

/// Asks the person at the keyboard; where there is none, the consent has to be on the command line.
fn ask(model: &Model, source: &Source) -> anyhow::Result<bool> {
    let size = HumanBytes(model.bytes);
    let from = source.address_of(model);
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(hinted(
            format!("{} would bring {size} from {from}", model.name),
            "say that it may with --yes; only the file's address is sent",
        ));
    }
    output::note(&format!("{}: {size}, {}, from {from}", model.name, model.licence));
    output::note("bring it? Nothing but this address is sent. [y/N]");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn import(store: &Store, file: &Path, shown: &Shown) -> anyhow::Result<()> {
    let mut bar = Bar::new(shown);
    let imported = store.import(file, &mut |progress| bar.show(progress));
    bar.end();
    let (model, path) = imported.map_err(explain)?;
    told(store, model, &path, shown)
}

fn remove(store: &Store, model: &'static Model, wants_json: bool) -> anyhow::Result<()> {
    let freed = store.remove(model)?;
    if wants_json {
        output::json(&json!({ "name": model.name, "freed_bytes": freed }));
    } else {
        output::line(&format!("{}: {} freed", model.name, HumanBytes(freed)));
    }
    Ok(())
}

fn verify(store: &Store, wanted: Option<&str>, shown: &Shown) -> anyhow::Result<()> {
    let models = match wanted {
        Some(name) => vec![known(name)?],
        None => here(store)?,
    };
    if models.is_empty() {
        output::note("no model is here; `modelstat model pull` brings one");
    }
    for model in models {
        let mut bar = Bar::new(shown);
        let path = store.verify(model, &mut |progress| bar.show(progress));
        bar.end();
        told(store, model, &path.map_err(explain)?, shown)?;
    }
    Ok(())
}

fn here(store: &Store) -> anyhow::Result<Vec<&'static Model>> {
    let is_here = |found: &Installed| matches!(found.state, State::Ready | State::Unchecked);
    Ok(store.list()?.into_iter().filter(is_here).map(|found| found.model).collect())
}

fn told(store: &Store, model: &'static Model, path: &Path, shown: &Shown) -> anyhow::Result<()> {
    if shown.json {
        output::json(&described(&store.look(model)?));
    } else {
        output::line(&format!("{}: {}", model.name, path.display()));
    }
    Ok(())
}

/// Adds what to do to what the person can do something about.
fn explain(error: StoreError) -> anyhow::Error {
    let remedy = match &error {
        StoreError::DiskFull { .. } => "make room, or choose another folder with --data-dir",
        StoreError::Unknown { .. } => "`modelstat model list --json` has the sha256 of each",
        StoreError::Fetch(_) => {
            "a file that was brought another way is taken by `modelstat model import`"
        }
        _ => return error.into(),
    };
    hinted(error.to_string(), remedy)
}

/// The progress of one piece of work, drawn on a terminal only.
struct Bar {
    is_shown: bool,
    drawn: Option<(&'static str, ProgressBar)>,
}

impl Bar {
    fn new(shown: &Shown) -> Self {
        Self { is_shown: !shown.quiet && std::io::stderr().is_terminal(), drawn: None }
    }

    fn show(&mut self, progress: Progress) {
        if !self.is_shown {
            return;
        }
        let (what, done, total) = match progress {
            Progress::Fetching { done, total } => ("bringing", done, total),
            Progress::Checking { done, total } => ("checking", done, total),
        };
        if self.drawn.as_ref().is_none_or(|(drawn, _)| *drawn != what) {
            self.end();
            let bar = ProgressBar::new(total).with_message(what).with_position(done);
            let style = ProgressStyle::with_template(
                "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            );
            bar.set_style(style.expect("the template is one").progress_chars("=> "));
            bar.enable_steady_tick(DRAW_INTERVAL);
            self.drawn = Some((what, bar));
        }
        if let Some((_, bar)) = &self.drawn {
            bar.set_position(done);
        }
    }

    fn end(&mut self) {
        if let Some((_, bar)) = self.drawn.take() {
            bar.finish_and_clear();
        }
    }
}
