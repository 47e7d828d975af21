//! A service of systemd, with a `systemctl` that only writes down what it is told.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::modelstat;

/// A home directory, and a folder of programs in front of the system's.
struct Host {
    folder: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let host = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir_all(host.path("bin")).expect("a folder");
        fs::create_dir_all(host.path("home")).expect("a folder");
        host
    }

    /// Has a `systemctl` that works, and a `loginctl` that says that nothing lingers.
    fn with_systemd() -> Self {
        let host = Self::new();
        let log = host.path("told");
        host.program(
            "systemctl",
            &format!(
                "echo \"$*\" >> {0}\ncase \"$*\" in *is-active*) echo active;; \
                 *is-enabled*) echo enabled;; esac",
                log.display()
            ),
        );
        host.program("loginctl", "echo no");
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    }

    fn unit(&self) -> PathBuf {
        self.path("home/.config/systemd/user/modelstat.service")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command: Command = modelstat(&["service"]);
        command.args(arguments);
        for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "MODELSTAT_SERVER_URL"] {
            command.env_remove(name);
        }
        command.env("HOME", self.path("home")).env("PATH", self.path("bin"));
        command.env("MODELSTAT_DAEMON_KEY", "a-made-up-key");
        command.output().expect("it runs")
    }

    fn told(&self) -> Vec<String> {
        let told = fs::read_to_string(self.path("told")).unwrap_or_default();
        fs::remove_file(self.path("told")).ok();
        told.lines().filter(|line| !line.contains("is-")).map(str::to_owned).collect()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_service_is_installed_changed_shown_and_removed() {
    let host = Host::with_systemd();
    let output = host.run(&["install", "--server-url", "https://a.example", "--register"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("enable-linger"), "{}", stderr(&output));
    assert!(stderr(&output).contains("MODELSTAT_DAEMON_KEY is not passed on"));
    assert_eq!(host.told(), ["--user daemon-reload", "--user enable --now modelstat.service"]);
    let text = fs::read_to_string(host.unit()).expect("a unit");
    let data = host.path("home/.local/share/modelstat");
    let command = format!(
        "ExecStart={} daemon --data-dir {} --server-url=https://a.example --register=true",
        env!("CARGO_BIN_EXE_modelstat"),
        data.display()
    );
    assert!(text.contains(&command), "{text}");
    assert!(!text.contains("a-made-up-key"), "a key stands in the unit");
    assert!(!data.exists(), "installing makes no data directory");
    let mode = host.unit().metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);

    // The same again changes nothing; another one restarts what runs.
    let told_by = |arguments: &[&str]| {
        assert!(host.run(arguments).status.success());
        host.told()
    };
    let same = told_by(&["install", "--server-url", "https://a.example", "--register"]);
    assert!(!same.contains(&"--user restart modelstat.service".to_owned()), "{same:?}");
    let other = told_by(&["install", "--verb", "up", "--listen", "127.0.0.1:8080"]);
    assert_eq!(other.last().map(String::as_str), Some("--user restart modelstat.service"));

    let status = json(&host.run(&["status", "--json"]));
    for (name, value) in [("enabled", "enabled"), ("active", "active")] {
        assert_eq!(status[name], value, "{status}");
    }
    assert_eq!((&status["installed"], &status["ours"]), (&true.into(), &true.into()));

    assert_eq!(json(&host.run(&["uninstall", "--json"]))["removed"], true);
    assert_eq!(host.told(), ["--user disable --now modelstat.service", "--user daemon-reload"]);
    assert!(!host.unit().exists());
    assert_eq!(json(&host.run(&["uninstall", "--json"]))["removed"], false);
    assert_eq!(json(&host.run(&["status", "--json"]))["installed"], false);
}

#[test]
fn a_unit_of_somebody_else_stays() {
    let host = Host::with_systemd();
    fs::create_dir_all(host.unit().parent().expect("a folder")).expect("made");
    fs::write(host.unit(), "[Service]\nExecStart=/bin/true\n").expect("written");
    for verb in ["install", "uninstall"] {
        let output = host.run(&[verb]);
        assert!(!output.status.success());
        assert!(stderr(&output).contains("not written by this verb"), "{}", stderr(&output));
        assert!(fs::read_to_string(host.unit()).expect("a unit").contains("/bin/true"));
    }
    assert!(host.told().is_empty());
    assert_eq!(json(&host.run(&["status", "--json"]))["ours"], false);
    assert!(host.run(&["install", "--force"]).status.success());
    assert!(
        fs::read_to_string(host.unit()).expect("a unit").contains("modelstat daemon"),
        "forced"
    );
}

#[test]
fn without_systemd_it_says_what_to_do() {
    let host = Host::new();
    let output = host.run(&["install"]);
    assert!(!output.status.success());
    let told = stderr(&output);
    assert!(told.contains("no systemctl") && told.contains("run `modelstat daemon`"), "{told}");
    assert!(host.unit().exists(), "the unit is there for later");

    host.program("systemctl", "echo 'Failed to connect to bus: No medium found' >&2; exit 1");
    let told = stderr(&host.run(&["install"]));
    assert!(told.contains("XDG_RUNTIME_DIR") && told.contains("--system"), "{told}");
    let status = json(&host.run(&["status", "--json"]));
    assert_eq!((&status["active"], &status["installed"]), (&"unknown".into(), &true.into()));
    assert!(host.run(&["uninstall"]).status.success());
    assert!(!host.unit().exists());
}

#[test]
fn what_a_verb_does_not_know_is_refused() {
    let host = Host::with_systemd();
    for (arguments, told) in [
        (&["install", "--verb", "server", "--server-url", "https://a.example"][..], "knows no"),
        (&["install", "--listen", "127.0.0.1:1"], "knows no"),
        (&["install", "--run-as", "me"], "--system"),
        (&["install", "--system", "--data-dir", "/srv/x", "--dry-run"], "--run-as"),
        (&["install", "--system", "--data-dir", "/nowhere", "--run-as", "me"], "install -d -m 700"),
        (&["install", "--data-dir", "/srv/a\nExecStartPre=/bin/x"], "control characters"),
    ] {
        let output = host.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(stderr(&output).contains(told), "{arguments:?}: {}", stderr(&output));
    }
    let secrets = host.path("secrets");
    fs::write(&secrets, "MODELSTAT_DAEMON_KEY=made-up\n").expect("written");
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o644)).expect("permissions");
    let arguments = ["install", "--dry-run", "--environment-file", secrets.to_str().expect("text")];
    assert!(stderr(&host.run(&arguments)).contains("chmod 600"));
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).expect("permissions");
    let output = host.run(&arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("EnvironmentFile=") && !text.contains("made-up"), "{text}");
    assert!(!host.unit().exists() && host.told().is_empty(), "--dry-run does nothing");
}

#[test]
fn systemd_understands_the_units() {
    let host = Host::with_systemd();
    for arguments in [
        &["install", "--dry-run", "--json"][..],
        &["install", "--dry-run", "--json", "--data-dir", "/tmp/a \"b\" 100% $c"],
        &[
            "install",
            "--dry-run",
            "--json",
            "--system",
            "--server-url",
            "https://a.example/?a=1&b=%20",
        ],
        &["install", "--dry-run", "--json", "--system", "--data-dir", "/srv/x", "--run-as", "root"],
    ] {
        let unit = json(&host.run(arguments));
        let path = host.path("modelstat.service");
        fs::write(&path, unit["text"].as_str().expect("a unit")).expect("written");
        verify(&path);
    }
}

/// Asks systemd itself, where it is there to be asked.
fn verify(path: &Path) {
    let analyze = Path::new("/usr/bin/systemd-analyze");
    if !analyze.exists() {
        return;
    }
    let output = Command::new(analyze).arg("verify").arg(path).output().expect("it runs");
    let told = stderr(&output);
    let of_ours: Vec<_> = told.lines().filter(|line| line.contains("modelstat.service")).collect();
    assert!(of_ours.is_empty(), "{told}");
}
