//! The names that this host knows: of its user, of itself, of who commits here.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest configuration of git that is read: a person's own is a few kilobytes.
const MAX_GIT_CONFIG_BYTES: u64 = 1024 * 1024;

/// Variables that hold the name of a user.
const USER_VARIABLES: [&str; 3] = ["USER", "LOGNAME", "USERNAME"];

/// Variables by which git is told who commits.
const GIT_VARIABLES: [&str; 4] =
    ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];

/// Sections of git's configuration that name people.
const PEOPLE_SECTIONS: [&str; 3] = ["user", "author", "committer"];

/// The names that this host knows, each once.
pub(crate) fn of_this_host() -> Vec<String> {
    let system = rustix::system::uname();
    gather(crate::config::environment, &system.nodename().to_string_lossy())
}

/// Gathers from an environment, and the files that it points to, on a host of that name.
///
/// Git is not run and its includes are not followed: a start must not depend on either.
fn gather(environment: impl Fn(&str) -> Option<String>, host_name: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        let name = name.trim();
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    };
    for variable in USER_VARIABLES.into_iter().chain(GIT_VARIABLES) {
        if let Some(name) = environment(variable) {
            add(&name);
        }
    }
    let home = environment("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    if let Some(name) = home.as_deref().and_then(Path::file_name) {
        add(&name.to_string_lossy());
    }
    add(host_name);
    add(host_name.split('.').next().unwrap_or_default());
    for path in git_configs(&environment, home.as_deref()) {
        for name in people_of(&read(&path)) {
            add(&name);
        }
    }
    names
}

/// Where a user's configuration of git may lie.
fn git_configs(environment: impl Fn(&str) -> Option<String>, home: Option<&Path>) -> Vec<PathBuf> {
    if let Some(path) = environment("GIT_CONFIG_GLOBAL") {
        return vec![PathBuf::from(path)];
    }
    let folder = environment("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| home.map(|home| home.join(".config")));
    let in_folder = folder.map(|folder| folder.join("git/config"));
    in_folder.into_iter().chain(home.map(|home| home.join(".gitconfig"))).collect()
}

/// What a file holds; nothing if there is none that can be read.
fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    let is_file = path.metadata().is_ok_and(|found| found.is_file());
    let opened = is_file.then(|| File::open(path).ok()).flatten();
    if let Some(file) = opened
        && file.take(MAX_GIT_CONFIG_BYTES).read_to_end(&mut bytes).is_err()
    {
        return String::new();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The names and addresses of people in a configuration of git.
fn people_of(config: &str) -> Vec<String> {
    let mut people = Vec::new();
    let mut is_about_people = false;
    for line in config.replace("\\\r\n", "").replace("\\\n", "").lines() {
        let mut rest = line.trim();
        // A key may follow on the line of its section.
        if let Some((section, after)) = rest.strip_prefix('[').and_then(|open| open.split_once(']'))
        {
            let section = section.trim().to_ascii_lowercase();
            is_about_people = PEOPLE_SECTIONS.contains(&section.as_str());
            rest = after.trim();
        }
        let Some((key, value)) = rest.split_once('=') else { continue };
        let key = key.trim().to_ascii_lowercase();
        if is_about_people && (key == "name" || key == "email") {
            people.push(value_of(value));
        }
    }
    people
}

/// A value without its quotes, escapes and comment.
fn value_of(text: &str) -> String {
    let mut value = String::new();
    let mut is_quoted = false;
    let mut letters = text.trim().chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '\\' => value.extend(letters.next()),
            '#' | ';' if !is_quoted => break,
            letter => value.push(letter),
        }
    }
    value.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gathers with a home of its own, in which git is configured.
    fn check(files: &[(&str, &str)], variables: &[(&str, &str)], expected: &[&str]) {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().join("jdoe");
        for (name, text) in files {
            let path = home.join(name);
            std::fs::create_dir_all(path.parent().expect("in the home")).expect("a folder");
            std::fs::write(path, text).expect("writable");
        }
        let home = home.to_str().expect("a plain path");
        let found = |name: &str| match name {
            "HOME" => Some(home.to_owned()),
            _ => variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.replace('~', home)),
        };
        assert_eq!(gather(found, "aurora.example.net"), expected);
    }

    #[test]
    fn user_home_and_host_are_known_without_git() {
        check(
            &[],
            &[("USER", "jane"), ("LOGNAME", "jane")],
            &["jane", "jdoe", "aurora.example.net", "aurora"],
        );
    }

    #[test]
    fn git_says_who_commits() {
        let mail = ["jane", "example.net"].join("@");
        let config = format!(
            "[core]\n\tname = vim\n[User]\n\tName = Jane \"Q.\" Doe # me\n\temail={mail}\n"
        );
        let known = ["jdoe", "aurora.example.net", "aurora", "Jane Q. Doe", &mail];
        check(&[(".gitconfig", &config)], &[], &known);
        check(&[(".config/git/config", &config)], &[], &known);
        check(&[("x/git/config", &config)], &[("XDG_CONFIG_HOME", "~/x")], &known);
    }

    #[test]
    fn a_configuration_named_by_the_environment_replaces_the_others() {
        check(
            &[
                (".gitconfig", "[user]\nname = Other\n"),
                ("mine", "[user] name = \"J; \\\"D\\\"\"\n"),
            ],
            &[("GIT_CONFIG_GLOBAL", "~/mine"), ("GIT_AUTHOR_NAME", "Jane Doe")],
            &["Jane Doe", "jdoe", "aurora.example.net", "aurora", "J; \"D\""],
        );
    }
}
