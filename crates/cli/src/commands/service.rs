//! `modelstat service install|uninstall|status`: a unit of systemd, written, started and removed.

mod systemd;
mod unit;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf, absolute};

use anyhow::Context;
use serde_json::json;

use crate::args::{
    ServiceArguments, ServiceInstallArguments, ServiceTarget, ServiceVerb, ServiceWord,
};
use crate::config::environment;
use crate::error::hinted;
use crate::home::Home;
use crate::output;
use systemd::{ask, lingers, systemctl, typed};
use unit::{MARKER, Manager, UNIT, UnitPlan};

const SYSTEM_FOLDER: &str = "/etc/systemd/system";

/// What is at the unit's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Ours,
    Foreign,
}

/// `modelstat service …`
pub(crate) fn run(arguments: &ServiceArguments) -> anyhow::Result<()> {
    if std::env::consts::OS != "linux" {
        return Err(hinted(
            "services are installed through systemd, which this system does not have",
            "let this system's own supervisor (launchd, …) run `modelstat daemon`; it ends on SIGTERM",
        ));
    }
    match &arguments.verb {
        ServiceVerb::Install(install) => self::install(install),
        ServiceVerb::Uninstall { target, dry_run } => uninstall(target, *dry_run),
        ServiceVerb::Status { target } => status(target),
    }
}

fn install(arguments: &ServiceInstallArguments) -> anyhow::Result<()> {
    let manager = manager_of(&arguments.target);
    let plan = plan(arguments, manager)?;
    let text = plan.text()?;
    let path = unit_path(manager)?;
    if arguments.dry_run {
        if arguments.target.json {
            output::json(&json!({ "unit": path, "text": text }));
        } else {
            output::note(&format!("this would be written to {}", path.display()));
            output::line(text.trim_end());
        }
        return Ok(());
    }
    if let (Some(folder), Some(user)) = (&plan.data_dir, &plan.run_as)
        && !folder.is_dir()
    {
        // systemd opens the one folder that may be written; it makes none.
        return Err(hinted(
            format!("there is no folder {}", folder.display()),
            format!("make it first: `install -d -m 700 -o {user} {}`", folder.display()),
        ));
    }
    let (found, was) = read_unit(&path)?;
    if found == Found::Foreign && !arguments.force {
        return Err(hinted(
            format!("{} was not written by this verb", path.display()),
            "look at it, then remove it, or overwrite it with --force",
        ));
    }
    if environment("MODELSTAT_DAEMON_KEY").is_some() {
        output::note(
            "MODELSTAT_DAEMON_KEY is not passed on: name a file (0600) with --environment-file, or write \
             `daemon_key` into modelstat.toml (0600) in the data directory",
        );
    }
    let is_new = was.as_deref() != Some(&text);
    if is_new {
        write_unit(&path, &text)?;
    }
    let started = start(manager, is_new && found != Found::Nothing);
    started.with_context(|| {
        let enable = typed(manager, &["enable", "--now", UNIT]);
        format!("{} is written, but not started (`{enable}` starts it later)", path.display())
    })?;
    let ends_at_logout = manager == Manager::User && lingers() == Some(false);
    if arguments.target.json {
        output::json(&json!({ "unit": path, "started": true, "ends_at_logout": ends_at_logout }));
    } else {
        output::line(&format!("{} is enabled and started", path.display()));
    }
    if ends_at_logout {
        output::note(
            "it ends when you log out, and starts when you log in: `loginctl enable-linger` keeps it \
             running",
        );
    }
    Ok(())
}

fn start(manager: Manager, is_changed: bool) -> anyhow::Result<()> {
    let was_active = ask(manager, "is-active").as_deref() == Some("active");
    systemctl(manager, &["daemon-reload"])?;
    systemctl(manager, &["enable", "--now", UNIT])?;
    // What runs already still runs as the old unit said.
    if is_changed && was_active {
        systemctl(manager, &["restart", UNIT])?;
    }
    Ok(())
}

fn uninstall(target: &ServiceTarget, dry_run: bool) -> anyhow::Result<()> {
    let manager = manager_of(target);
    let path = unit_path(manager)?;
    let (found, _) = read_unit(&path)?;
    if found == Found::Foreign {
        return Err(hinted(
            format!("{} was not written by this verb, so it stays", path.display()),
            "look at it, and remove it yourself",
        ));
    }
    if found == Found::Nothing {
        if target.json {
            output::json(&json!({ "unit": path, "removed": false }));
        } else {
            output::line(&format!("nothing is installed at {}", path.display()));
        }
        return Ok(());
    }
    if dry_run {
        output::line(&format!("{} would be stopped, disabled and removed", path.display()));
        return Ok(());
    }
    // A unit that nobody runs can go without systemd.
    let stopped = systemctl(manager, &["disable", "--now", UNIT]);
    if let Err(error) = &stopped {
        output::note(&format!("{error}; the unit is removed all the same"));
    }
    fs::remove_file(&path).map_err(|error| explain_write(error, &path))?;
    if stopped.is_ok() {
        systemctl(manager, &["daemon-reload"])?;
    }
    if target.json {
        output::json(&json!({ "unit": path, "removed": true, "stopped": stopped.is_ok() }));
    } else {
        output::line(&format!("{} is removed; the data directory stays", path.display()));
    }
    Ok(())
}

fn status(target: &ServiceTarget) -> anyhow::Result<()> {
    let manager = manager_of(target);
    let path = unit_path(manager)?;
    let (found, _) = read_unit(&path)?;
    let enabled = ask(manager, "is-enabled").unwrap_or_else(|| "unknown".to_owned());
    let active = ask(manager, "is-active").unwrap_or_else(|| "unknown".to_owned());
    let ends_at_logout = manager == Manager::User && lingers() == Some(false);
    let (is_installed, is_ours) = (found != Found::Nothing, found == Found::Ours);
    if target.json {
        output::json(&json!({
            "unit": path, "installed": is_installed, "ours": is_ours, "enabled": enabled,
            "active": active, "ends_at_logout": ends_at_logout,
        }));
        return Ok(());
    }
    let installed = match found {
        Found::Nothing => "no; `modelstat service install` installs it",
        Found::Ours => "yes",
        Found::Foreign => "yes, but not by this verb",
    };
    let row = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
    let mut rows = vec![
        row("unit", &path.display().to_string()),
        row("installed", installed),
        row("enabled", &enabled),
        row("active", &active),
    ];
    if ends_at_logout {
        rows.push(row("at logout", "ends; `loginctl enable-linger` keeps it running"));
    }
    output::table(&["WHAT", "VALUE"], &rows);
    Ok(())
}

fn manager_of(target: &ServiceTarget) -> Manager {
    if target.system { Manager::System } else { Manager::User }
}

/// Puts a plan together, and refuses what the verb would not understand.
fn plan(arguments: &ServiceInstallArguments, manager: Manager) -> anyhow::Result<UnitPlan> {
    let home = &arguments.home;
    let data_dir = match (&home.data_dir, manager) {
        (Some(folder), _) => Some(absolute(folder).context("the data directory has no place")?),
        // The manager's environment may name another one than this shell's.
        (None, Manager::User) => Some(absolute(Home::folder_of(home)?)?),
        (None, Manager::System) => None,
    };
    if manager == Manager::System && data_dir.is_some() && arguments.run_as.is_none() {
        return Err(hinted(
            "a system service with a data directory of its own needs a user that owns it",
            "add --run-as USER, or leave out --data-dir (and MODELSTAT_HOME): systemd then keeps \
             /var/lib/modelstat for it",
        ));
    }
    if manager == Manager::User && arguments.run_as.is_some() {
        return Err(hinted("a user's service runs as that user", "--run-as goes with --system"));
    }
    let mut reads = Vec::new();
    let mut words = Vec::new();
    let mut file_option = |name: &str, file: Option<&Path>| -> anyhow::Result<()> {
        let Some(file) = file else { return Ok(()) };
        let file = absolute(file).context("a file has no place")?;
        words.extend([name.to_owned(), file.display().to_string()]);
        reads.push(file);
        Ok(())
    };
    file_option("--config", home.config.as_deref())?;
    file_option("--redact-rules", arguments.redaction.redact_rules.as_deref())?;
    words.extend(verb_options(arguments)?);
    let environment_file = arguments.environment_file.as_deref().map(private).transpose()?;
    reads.extend(environment_file.clone());
    Ok(UnitPlan {
        manager,
        verb: arguments.verb.as_str(),
        program: std::env::current_exe().context("could not find this program's file")?,
        arguments: words,
        data_dir,
        run_as: arguments.run_as.clone(),
        environment_file,
        reads,
    })
}

fn verb_options(arguments: &ServiceInstallArguments) -> anyhow::Result<Vec<String>> {
    use ServiceWord::{Daemon, Server, Up};
    let given: [(&str, Option<String>, &[ServiceWord]); 4] = [
        ("--server-url", arguments.server_url.clone(), &[Daemon]),
        ("--listen", arguments.listen.map(|address| address.to_string()), &[Server, Up]),
        ("--daemon-listen", arguments.daemon_listen.map(|at| at.to_string()), &[Daemon, Up]),
        ("--register", arguments.register.then(|| "true".to_owned()), &[Daemon, Up]),
    ];
    let mut words = Vec::new();
    for (name, value, verbs) in given {
        let Some(value) = value else { continue };
        if !verbs.contains(&arguments.verb) {
            let verb = arguments.verb.as_str();
            return Err(hinted(
                format!("`modelstat {verb}` knows no {name}"),
                "leave it out, or choose another --verb",
            ));
        }
        words.push(format!("{name}={value}"));
    }
    Ok(words)
}

/// Takes a file of secrets that only its owner can read.
fn private(file: &Path) -> anyhow::Result<PathBuf> {
    let mode = fs::metadata(file)
        .with_context(|| format!("could not read {}", file.display()))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(hinted(
            format!("others can read {}", file.display()),
            format!("`chmod 600 {}` first: it is there for secrets", file.display()),
        ));
    }
    absolute(file).context("a file has no place")
}

fn unit_path(manager: Manager) -> anyhow::Result<PathBuf> {
    let folder = match manager {
        Manager::System => PathBuf::from(SYSTEM_FOLDER),
        Manager::User => config_folder(environment)?.join("systemd/user"),
    };
    Ok(folder.join(UNIT))
}

fn config_folder(environment: impl Fn(&str) -> Option<String>) -> anyhow::Result<PathBuf> {
    let folder = |name| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder("XDG_CONFIG_HOME")
        .or_else(|| Some(folder("HOME")?.join(".config")))
        .ok_or_else(|| hinted("there is no home directory", "set HOME, or install with --system"))
}

fn read_unit(path: &Path) -> anyhow::Result<(Found, Option<String>)> {
    match fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let found = if text.starts_with(MARKER) { Found::Ours } else { Found::Foreign };
            Ok((found, Some(text)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((Found::Nothing, None)),
        Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
    }
}

/// Writes a unit, whole or not at all.
fn write_unit(path: &Path, text: &str) -> anyhow::Result<()> {
    let draft = path.with_extension("service.new");
    let folder = path.parent().unwrap_or(Path::new("/"));
    let written = fs::create_dir_all(folder).and_then(|()| {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).truncate(true).write(true).mode(0o644).open(&draft)?;
        // systemd wants units readable, whatever this process keeps to itself.
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    });
    written.map_err(|error| explain_write(error, path))
}

fn explain_write(error: std::io::Error, path: &Path) -> anyhow::Error {
    if error.kind() == ErrorKind::PermissionDenied {
        return hinted(
            format!("no right to write {}", path.display()),
            "run it with sudo, or leave out --system for a service of your own",
        );
    }
    anyhow::Error::new(error).context(format!("could not write {}", path.display()))
}
