//! The text of a unit.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::error::hinted;

/// The first words of every unit that we write, by which we know our own.
pub(super) const MARKER: &str = "# Written by `modelstat service install`";

/// The name of the service.
pub(super) const UNIT: &str = "modelstat.service";

/// Where a system service keeps its data, below `/var/lib`.
pub(super) const STATE_FOLDER: &str = "modelstat";

/// How long systemd waits for an end, in seconds: the daemon ships for 5 s and the server drains its
/// inbox, both with room to spare.
const STOP_SECONDS: u32 = 60;

/// Folders that `ProtectHome` hides.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// Whose manager runs the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manager {
    /// The user's own.
    User,
    /// The machine's.
    System,
}

/// What a unit is made from.
#[derive(Debug)]
pub(super) struct UnitPlan {
    pub(super) manager: Manager,
    /// `daemon`, `up` or `server`.
    pub(super) verb: &'static str,
    pub(super) program: PathBuf,
    /// Arguments after the verb; no secret is among them.
    pub(super) arguments: Vec<String>,
    /// Where the data lies; a system service without one gets a folder from systemd.
    pub(super) data_dir: Option<PathBuf>,
    /// A system service's user; systemd makes one up when there is none.
    pub(super) run_as: Option<String>,
    pub(super) environment_file: Option<PathBuf>,
    /// Further files that the service reads.
    pub(super) reads: Vec<PathBuf>,
}

impl UnitPlan {
    /// Writes the unit's text.
    pub(super) fn text(&self) -> anyhow::Result<String> {
        // A user that systemd makes up owns no file that somebody could write a key into.
        let secrets = match (self.manager, &self.run_as) {
            (Manager::System, None) => "name a file of mode 0600 with --environment-file",
            _ => "write it into modelstat.toml (mode 0600) in the data directory",
        };
        let mut text = format!(
            "{MARKER}; the next one overwrites it.\n# No key stands here: {secrets}.\n\
             [Unit]\nDescription=modelstat {}\nDocumentation=https://modelstat.ai\n",
            self.verb
        );
        if self.manager == Manager::System {
            text.push_str("Wants=network-online.target\nAfter=network-online.target\n");
        }
        write!(text, "\n[Service]\nType=exec\nExecStart={}\n", self.command()?)?;
        if let Some(file) = &self.environment_file {
            writeln!(text, "EnvironmentFile={}", path_word(file)?)?;
        }
        write!(
            text,
            "Restart=on-failure\nRestartSec=2\nKillSignal=SIGTERM\nTimeoutStopSec={STOP_SECONDS}\n\
             UMask=0077\nLimitCORE=0\n\
             NoNewPrivileges=yes\nLockPersonality=yes\nRestrictRealtime=yes\nRestrictSUIDSGID=yes\n\
             RestrictNamespaces=yes\nSystemCallArchitectures=native\n\
             RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK\n"
        )?;
        match self.manager {
            // What hides folders needs namespaces, which many systems refuse to a user's manager; the
            // service would not start there.
            Manager::User => text.push_str("\n[Install]\nWantedBy=default.target\n"),
            Manager::System => {
                self.write_system(&mut text)?;
                text.push_str("\n[Install]\nWantedBy=multi-user.target\n");
            }
        }
        Ok(text)
    }

    fn write_system(&self, text: &mut String) -> anyhow::Result<()> {
        match &self.run_as {
            Some(user) => writeln!(text, "User={}", word(user)?)?,
            None => text.push_str("DynamicUser=yes\n"),
        }
        match &self.data_dir {
            Some(folder) => writeln!(text, "ReadWritePaths={}", path_word(folder)?)?,
            None => write!(text, "StateDirectory={STATE_FOLDER}\nStateDirectoryMode=0700\n")?,
        }
        let is_at_home = |path: &Path| HOMES.iter().any(|home| path.starts_with(home));
        let mut paths = self.reads.iter().chain(&self.data_dir).chain([&self.program]);
        // Where the service has to reach into a home, it may at least not write there.
        let home = if paths.any(|path| is_at_home(path)) { "read-only" } else { "yes" };
        write!(
            text,
            "ProtectSystem=strict\nProtectHome={home}\nPrivateTmp=yes\nPrivateDevices=yes\n\
             ProtectClock=yes\nProtectControlGroups=yes\nProtectHostname=yes\nProtectKernelLogs=yes\n\
             ProtectKernelModules=yes\nProtectKernelTunables=yes\nProtectProc=invisible\n\
             CapabilityBoundingSet=\nSystemCallFilter=@system-service\n"
        )?;
        Ok(())
    }

    fn command(&self) -> anyhow::Result<String> {
        let mut words = vec![path_word(&self.program)?, self.verb.to_owned()];
        match (&self.data_dir, self.manager) {
            (Some(folder), _) => {
                let folder = folder.to_str().ok_or_else(|| not_text(folder))?;
                words.extend(["--data-dir".to_owned(), argument_word(folder)?]);
            }
            (None, Manager::System) => {
                words.extend(["--data-dir".to_owned(), format!("/var/lib/{STATE_FOLDER}")]);
            }
            (None, Manager::User) => {}
        }
        for argument in &self.arguments {
            words.push(argument_word(argument)?);
        }
        Ok(words.join(" "))
    }
}

/// A word of a command line, in which systemd would fill in variables.
fn argument_word(text: &str) -> anyhow::Result<String> {
    Ok(word(text)?.replace('$', "$$"))
}

fn path_word(path: &Path) -> anyhow::Result<String> {
    word(path.to_str().ok_or_else(|| not_text(path))?)
}

/// Quotes what systemd would read as something else.
fn word(text: &str) -> anyhow::Result<String> {
    if text.chars().any(char::is_control) {
        return Err(hinted(
            "a unit cannot hold control characters",
            "choose another path or value",
        ));
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@,+%$".contains(letter);
    if !escaped.is_empty() && escaped.chars().all(is_plain) {
        return Ok(escaped);
    }
    Ok(format!("\"{escaped}\""))
}

fn not_text(path: &Path) -> anyhow::Error {
    hinted(format!("{} is no text", path.display()), "choose a path that is valid UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(manager: Manager) -> UnitPlan {
        UnitPlan {
            manager,
            verb: "daemon",
            program: PathBuf::from("/usr/bin/modelstat"),
            arguments: vec!["--server-url".to_owned(), "https://a.example/$x 100%".to_owned()],
            data_dir: None,
            run_as: None,
            environment_file: None,
            reads: Vec::new(),
        }
    }

    fn line<'t>(text: &'t str, name: &str) -> Option<&'t str> {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }

    #[test]
    fn a_command_is_quoted_as_systemd_reads_it() {
        let text = plan(Manager::System).text().expect("a unit");
        assert_eq!(
            line(&text, "ExecStart"),
            Some(
                "/usr/bin/modelstat daemon --data-dir /var/lib/modelstat \
                 --server-url \"https://a.example/$$x 100%%\""
            )
        );
        let mut bad = plan(Manager::User);
        bad.arguments.push("a\nExecStartPre=/bin/evil".to_owned());
        assert!(bad.text().is_err());
    }

    #[test]
    fn a_system_service_is_locked_in() {
        let text = plan(Manager::System).text().expect("a unit");
        for (name, value) in [
            ("DynamicUser", "yes"),
            ("StateDirectory", "modelstat"),
            ("ProtectSystem", "strict"),
            ("ProtectHome", "yes"),
            ("NoNewPrivileges", "yes"),
            ("KillSignal", "SIGTERM"),
            ("Restart", "on-failure"),
            ("WantedBy", "multi-user.target"),
        ] {
            assert_eq!(line(&text, name), Some(value), "{name}");
        }
        let mut own = plan(Manager::System);
        own.data_dir = Some(PathBuf::from("/home/a/my data"));
        own.run_as = Some("a".to_owned());
        let text = own.text().expect("a unit");
        assert_eq!(line(&text, "ReadWritePaths"), Some("\"/home/a/my data\""));
        assert_eq!(line(&text, "ProtectHome"), Some("read-only"));
        assert_eq!((line(&text, "User"), line(&text, "DynamicUser")), (Some("a"), None));
    }

    #[test]
    fn an_end_has_more_time_than_the_daemon_takes() {
        let text = plan(Manager::User).text().expect("a unit");
        let seconds: u64 = line(&text, "TimeoutStopSec").expect("a time").parse().expect("seconds");
        assert!(seconds > crate::commands::serve::SHIP_DEADLINE.as_secs() * 2);
        assert_eq!(line(&text, "WantedBy"), Some("default.target"));
        assert_eq!(line(&text, "ProtectSystem"), None, "needs what a user's manager may not have");
    }
}
