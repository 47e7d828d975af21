//! The section `[engine]` of `modelstat.toml`, and the engines that it and the options describe.

use std::ffi::OsString;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use modelstat_daemon::{
    ChildLimits, ChildOptions, Endpoint, EndpointError, HttpOptions, ModelEngines, ModelProblem,
    Secret,
};
use modelstat_models::{LooseFile, MODELS, Model, Store, StoreError, find};
use serde::Deserialize;

use crate::args::{EngineOptions, PriorityWord};
use crate::config::environment;
use crate::error::hinted;
use crate::home::Home;
use crate::output;

/// What a build without the engine says.
pub(crate) const NO_LLAMA: &str = "this build of modelstat has no engine for models";
pub(crate) const NO_LLAMA_REMEDY: &str =
    "take a release, or build with `cargo build --release -p modelstat-cli --features llama`";

/// Memory beside the weights: eight conversations, the library, the process.
const SPARE_MB: u64 = 800;

/// The least that any model is given.
const MIN_DEFAULT_MB: u64 = 1_200;

/// Longest file of a key.
const MAX_KEY_BYTES: usize = 4_096;

/// Variables that tell the libraries of graphics cards and of the system where things are.
const PASSED_ON: [&str; 3] = ["LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES"];

/// The section as it stands in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EngineSection {
    model: Option<String>,
    threads: Option<u64>,
    sequences: Option<u64>,
    idle_minutes: Option<u64>,
    max_memory_mb: Option<u64>,
    job_seconds: Option<u64>,
    priority: Option<PriorityWord>,
    url: Option<String>,
    url_model: Option<String>,
    allow_remote: Option<bool>,
    api_key_file: Option<PathBuf>,
}

/// The numbers, checked.
#[derive(Debug, PartialEq, Eq)]
struct Numbers {
    threads: u32,
    sequences: u32,
    idle: Duration,
    max_memory_mb: Option<u64>,
    job: Duration,
    priority: PriorityWord,
}

/// A model that was asked for.
struct Wanted {
    name: String,
    sha256: String,
    bytes: u64,
    find: Arc<modelstat_daemon::FindModel>,
}

impl EngineSection {
    /// Returns the engines that were asked for; paths of the file go from its folder.
    pub(crate) fn engines(
        &self,
        options: &EngineOptions,
        home: &Home,
        folder: &Path,
    ) -> anyhow::Result<ModelEngines> {
        let numbers = self.numbers()?;
        let child = self.child(options.engine.as_ref(), home, folder)?;
        let url = chosen(options.engine_url.clone().or_else(|| self.url.clone()));
        let endpoint = url.map(|url| self.endpoint(url, options, &numbers, folder)).transpose()?;
        Ok(ModelEngines { child, endpoint })
    }

    /// Returns the process with a model, if one was asked for.
    fn child(
        &self,
        given: Option<&String>,
        home: &Home,
        folder: &Path,
    ) -> anyhow::Result<Option<ChildOptions>> {
        let in_file = self.model.as_ref().map(|model| {
            let path = is_path(model).then(|| folder.join(model).to_string_lossy().into_owned());
            path.unwrap_or_else(|| model.clone())
        });
        let model = chosen(given.cloned().or(in_file));
        model.map(|model| child(&wanted(&model, home)?, &self.numbers()?)).transpose()
    }

    /// Checks the numbers, also of an engine that is not asked for.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        self.numbers().map(drop)
    }

    fn numbers(&self) -> anyhow::Result<Numbers> {
        let defaults = ChildLimits::default();
        let threads = within("threads", self.threads, 1..=64)?.unwrap_or(1);
        let sequences = within("sequences", self.sequences, 1..=8)?.unwrap_or(8);
        let idle = within("idle_minutes", self.idle_minutes, 1..=1_440)?;
        let job = within("job_seconds", self.job_seconds, 5..=900)?;
        Ok(Numbers {
            threads: u32::try_from(threads)?,
            sequences: u32::try_from(sequences)?,
            idle: idle.map_or(defaults.idle, Duration::from_mins),
            max_memory_mb: within("max_memory_mb", self.max_memory_mb, 256..=262_144)?,
            job: job.map_or(defaults.job, Duration::from_secs),
            priority: self.priority.unwrap_or(PriorityWord::Low),
        })
    }

    fn endpoint(
        &self,
        url: String,
        options: &EngineOptions,
        numbers: &Numbers,
        folder: &Path,
    ) -> anyhow::Result<Endpoint> {
        let model = options.engine_url_model.clone().or_else(|| self.url_model.clone());
        let model = model.filter(|model| !model.trim().is_empty()).ok_or_else(|| {
            hinted(
                "the engine's address is there without the name of a model",
                "set `engine.url_model` in modelstat.toml, or --engine-url-model; `ollama list` shows names",
            )
        })?;
        let allowed = options.engine_allow_remote.or(self.allow_remote).unwrap_or(false);
        let endpoint = Endpoint {
            url,
            allows_other_machines: allowed,
            key: self.key(folder)?,
            http: HttpOptions { model, time: numbers.job, parallel: numbers.sequences as usize },
        };
        endpoint.check().map_err(|error| match error {
            EndpointError::NotLoopback => hinted(
                error.to_string(),
                "say `engine.allow_remote = true` (--engine-allow-remote) if redacted text of turns may \
                 leave this machine for it",
            ),
            _ => hinted(error.to_string(), "write it like http://127.0.0.1:11434/v1"),
        })?;
        Ok(endpoint)
    }

    fn key(&self, folder: &Path) -> anyhow::Result<Option<Secret>> {
        if let Some(key) = environment("MODELSTAT_ENGINE_API_KEY") {
            return Ok(Some(key).filter(|key| !key.is_empty()).map(Secret::new));
        }
        let Some(path) = self.api_key_file.as_ref().map(|path| folder.join(path)) else {
            return Ok(None);
        };
        let key = fs::read_to_string(&path).map_err(|error| {
            hinted(
                format!("could not read {}: {error}", path.display()),
                "`engine.api_key_file` in modelstat.toml names a file with the key as its only line",
            )
        })?;
        let key = key.trim();
        let is_usable = !key.is_empty()
            && key.len() <= MAX_KEY_BYTES
            && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_usable {
            return Err(hinted(
                format!("{} holds no usable key", path.display()),
                "write the key as its only line, without spaces",
            ));
        }
        Ok(Some(Secret::new(key)))
    }
}

/// `none` takes back what stands elsewhere.
fn chosen(word: Option<String>) -> Option<String> {
    word.filter(|word| word != "none")
}

fn is_path(model: &str) -> bool {
    model.contains('/') || Path::new(model).extension().is_some_and(|ending| ending == "gguf")
}

fn within(
    key: &str,
    given: Option<u64>,
    range: RangeInclusive<u64>,
) -> anyhow::Result<Option<u64>> {
    match given {
        Some(number) if !range.contains(&number) => Err(hinted(
            format!("engine.{key} is {number}, and may be {} to {}", range.start(), range.end()),
            format!("change engine.{key} in modelstat.toml"),
        )),
        given => Ok(given),
    }
}

fn wanted(model: &str, home: &Home) -> anyhow::Result<Wanted> {
    if is_path(model) {
        return loose(Path::new(model));
    }
    let known = find(model).ok_or_else(|| {
        let names: Vec<_> = MODELS.iter().map(|model| model.name).collect();
        hinted(
            format!("there is no model `{model}`"),
            format!("known are: {}; or name the path of a .gguf file", names.join(", ")),
        )
    })?;
    let store = Store::open(home.models_folder(), MODELS)?;
    Ok(Wanted {
        name: known.name.to_owned(),
        sha256: known.sha256.to_owned(),
        bytes: known.bytes,
        find: Arc::new(move || in_store(&store, known)),
    })
}

fn in_store(store: &Store, model: &'static Model) -> Result<PathBuf, ModelProblem> {
    can_run()?;
    store.checked(model, &mut |_| ()).map_err(|error| match error {
        StoreError::Absent(name) => ModelProblem {
            may_come: true,
            reason: format!("model {name} is not here: run `modelstat model pull {name}`"),
        },
        StoreError::Busy(_) => ModelProblem {
            may_come: true,
            reason: "the model is being brought or checked by another process".to_owned(),
        },
        other => ModelProblem { may_come: false, reason: other.to_string() },
    })
}

fn loose(path: &Path) -> anyhow::Result<Wanted> {
    let file = LooseFile::open(path).map_err(|error| {
        hinted(
            format!("{error}{}", cause_of(&error)),
            "name a .gguf file that is there, or a model of `modelstat model list`",
        )
    })?;
    let known = MODELS.iter().find(|model| model.sha256 == file.sha256());
    Ok(Wanted {
        name: known.map_or_else(|| file.name(), |model| model.name.to_owned()),
        sha256: file.sha256().to_owned(),
        bytes: file.bytes(),
        find: Arc::new(move || {
            can_run()?;
            file.checked().map_err(|error| ModelProblem {
                may_come: false,
                reason: format!("{error}{}", cause_of(&error)),
            })
        }),
    })
}

fn cause_of(error: &StoreError) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(String::new, |cause| format!(": {cause}"))
}

fn can_run() -> Result<(), ModelProblem> {
    if cfg!(feature = "llama") {
        return Ok(());
    }
    Err(ModelProblem { may_come: false, reason: format!("{NO_LLAMA}: {NO_LLAMA_REMEDY}") })
}

fn child(wanted: &Wanted, numbers: &Numbers) -> anyhow::Result<ChildOptions> {
    if cfg!(not(feature = "llama")) {
        output::note(&format!("{NO_LLAMA}, so the template makes abstracts; {NO_LLAMA_REMEDY}"));
    }
    let needed_mb = (wanted.bytes / 1_000_000 + SPARE_MB).max(MIN_DEFAULT_MB);
    let max_memory_mb = numbers.max_memory_mb.unwrap_or(needed_mb);
    let options = [
        ("--priority", numbers.priority.as_str().to_owned()),
        ("--threads", numbers.threads.to_string()),
        ("--sequences", numbers.sequences.to_string()),
        ("--max-memory-mb", max_memory_mb.to_string()),
    ];
    let options = options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
    let passed_on = PASSED_ON.iter().filter_map(|name| {
        environment(name).map(|value| (OsString::from(name), OsString::from(value)))
    });
    Ok(ChildOptions {
        model: wanted.name.clone(),
        sha256: wanted.sha256.clone(),
        find: Arc::clone(&wanted.find),
        program: own_program()?,
        shown_as: Some("modelstat".into()),
        arguments: std::iter::once("engine".to_owned()).chain(options).map(Into::into).collect(),
        environment: passed_on.collect(),
        threads: numbers.threads,
        sequences: numbers.sequences,
        limits: ChildLimits { job: numbers.job, idle: numbers.idle, ..ChildLimits::default() },
    })
}

/// This very program: where the system has a name for it, that holds even when the file is replaced by a
/// newer one meanwhile.
fn own_program() -> anyhow::Result<PathBuf> {
    let own = Path::new("/proc/self/exe");
    if own.exists() { Ok(own.to_owned()) } else { Ok(std::env::current_exe()?) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments =
            crate::args::HomeArguments { data_dir: Some(folder.path().to_owned()), config: None };
        let home = Home::open(&arguments).expect("a home");
        (folder, home)
    }

    fn engines(text: &str, options: &EngineOptions) -> anyhow::Result<ModelEngines> {
        let (folder, home) = home();
        fs::write(folder.path().join("key"), "sk-made-up\n").expect("writable");
        fs::write(folder.path().join("tiny.gguf"), "weights").expect("writable");
        let section: EngineSection = toml::from_str(text).expect("a section");
        section.engines(options, &home, folder.path())
    }

    #[test]
    fn nothing_is_asked_for_by_default() {
        let engines = engines("threads = 2", &EngineOptions::default()).expect("good");
        assert!(engines.child.is_none() && engines.endpoint.is_none());
    }

    #[test]
    fn a_model_is_named_or_lies_beside_the_file() {
        let named = engines("model = \"qwen3-0.6b\"", &EngineOptions::default()).expect("good");
        let child = named.child.expect("a process");
        assert_eq!(child.sha256, find("qwen3-0.6b").expect("known").sha256);
        assert_eq!(child.arguments.last().and_then(|word| word.to_str()), Some("1200"));
        let problem = (child.find)().expect_err("it is not here");
        assert!(problem.reason.contains("modelstat") || cfg!(feature = "llama"), "{problem:?}");
        let text = "model = \"tiny.gguf\"\nsequences = 2\nmax_memory_mb = 300\nidle_minutes = 1";
        let child = engines(text, &EngineOptions::default()).expect("good").child.expect("one");
        assert_eq!((child.model.as_str(), child.sequences), ("tiny", 2));
        assert_eq!(child.limits.idle, Duration::from_mins(1));
        assert_eq!(child.arguments.last().and_then(|word| word.to_str()), Some("300"));
    }

    #[test]
    fn an_option_stands_above_the_file() {
        let none = EngineOptions {
            engine: Some("none".to_owned()),
            engine_url: Some("none".to_owned()),
            ..EngineOptions::default()
        };
        let text = "model = \"qwen3-0.6b\"\nurl = \"http://127.0.0.1:1/v1\"\nurl_model = \"m\"";
        let engines = engines(text, &none).expect("good");
        assert!(engines.child.is_none() && engines.endpoint.is_none());
    }

    #[test]
    fn an_address_needs_a_model_and_this_machine() {
        let text = "url = \"http://127.0.0.1:11434/v1\"\nurl_model = \"qwen3:0.6b\"\n\
                    api_key_file = \"key\"\njob_seconds = 30";
        let endpoint = engines(text, &EngineOptions::default()).expect("good").endpoint;
        let endpoint = endpoint.expect("an address");
        assert_eq!(endpoint.http.time, Duration::from_secs(30));
        assert!(endpoint.key.is_some() && !endpoint.allows_other_machines);
        let remote = "url = \"http://10.0.0.5/v1\"\nurl_model = \"m\"";
        let allowed = format!("{remote}\nallow_remote = true");
        assert!(engines(&allowed, &EngineOptions::default()).is_ok());
        for (text, said, remedy) in [
            ("url = \"http://127.0.0.1/v1\"", "name of a model", "url_model"),
            (remote, "not on this machine", "allow_remote"),
            ("url = \"127.0.0.1\"\nurl_model = \"m\"", "no http", "http://127.0.0.1:11434/v1"),
            ("threads = 0", "engine.threads is 0, and may be 1 to 64", "engine.threads"),
            ("job_seconds = 1", "may be 5 to 900", "engine.job_seconds"),
            ("model = \"gpt-2\"", "no model `gpt-2`", "qwen3-0.6b"),
            ("model = \"gone.gguf\"", "could not read", "model list"),
            (
                "url = \"http://[::1]/v1\"\nurl_model = \"m\"\napi_key_file = \"gone\"",
                "could not read",
                "api_key_file",
            ),
        ] {
            let error = engines(text, &EngineOptions::default()).expect_err(text);
            assert!(error.to_string().contains(said), "{text}: {error}");
            let hint = crate::error::hint(&error).unwrap_or_default();
            assert!(hint.contains(remedy), "{text}: {hint}");
        }
    }
}
