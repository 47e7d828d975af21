//! From `modelstat.Config` to the settings of the core.

use std::time::Duration;

use modelstat::{Config, Mode, RedactionPolicy};
use pyo3::prelude::*;

use crate::functions::tags;
use crate::texts::label;

/// An interval that is no number of seconds is as good as the default.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(2);

/// Reads a configuration once; later changes of it have no effect.
pub(crate) fn read(config: &Bound<'_, PyAny>) -> PyResult<Config> {
    let text = |name: &str| label(&config.getattr(name)?);
    let mut settings = Config::new(text("ingest_key")?, text("agent")?, text("app")?);
    settings.device_id = text("device_id")?;
    settings.client_version = text("client_version")?;
    read_mode(&config.getattr("mode")?, &mut settings)?;
    let policy = config.getattr("redaction")?.getattr("value")?;
    if label(&policy)? == "none" {
        settings.redaction = RedactionPolicy::None;
    }
    settings.buffer_capacity = count(&config.getattr("buffer_capacity")?);
    settings.flush_max_batch = count(&config.getattr("flush_max_batch")?);
    let interval_s = config.getattr("flush_interval")?.extract::<f64>()?;
    settings.flush_interval = Duration::try_from_secs_f64(interval_s).unwrap_or(DEFAULT_INTERVAL);
    settings.auto_taxonomy = config.getattr("auto_taxonomy")?.is_truthy()?;
    settings.metadata = tags(&config.getattr("metadata")?);
    Ok(settings)
}

fn read_mode(mode: &Bound<'_, PyAny>, settings: &mut Config) -> PyResult<()> {
    if label(&mode.getattr("kind")?)? == "remote" {
        let base_url = label(&mode.getattr("base_url")?)?;
        settings.mode = Mode::Remote { base_url, raw: mode.getattr("raw")?.is_truthy()? };
        return Ok(());
    }
    settings.mode = Mode::LocalDaemon { url: label(&mode.call_method0("endpoint")?)? };
    settings.full_turns = mode.getattr("full_turns")?.is_truthy()?;
    Ok(())
}

/// Reads a size; a negative one is none at all.
fn count(value: &Bound<'_, PyAny>) -> usize {
    value
        .extract::<i128>()
        .map_or(usize::MAX, |count| usize::try_from(count.max(0)).unwrap_or(usize::MAX))
}
