//! Passwords among the options of a command.

use crate::bytes::{Charset, byte_at, end_of, end_of_spaces, slice, up_to};
use crate::name::Telling;
use crate::rule::ENV_SECRET;
use crate::run;
use crate::scan::Scanner;
use crate::value::{
    is_behind_text, is_secret, is_template, names_password, opening_quote, value_end,
};

/// Shortest password of a command's option.
const MIN_OPTION: usize = 6;

/// Shortest password of an option by which a command takes nothing else.
const MIN_SHORT: usize = 4;

/// How far before an option its command may begin.
const MAX_COMMAND: usize = 160;

/// Longest user before the password of a command's option.
const MAX_USER: usize = 64;

/// Finds the password of an option such as `-u user:password`, whose colon is at `colon`.
pub(crate) fn find_user_password(scanner: &mut Scanner<'_>, colon: usize) {
    let text = scanner.text;
    let before = slice(text, colon.saturating_sub(MAX_USER), colon);
    let in_user = |byte: &&u8| **byte > b' ' && **byte != b'=';
    let user = before.iter().rev().take_while(in_user).count();
    let rest = before.get(..before.len() - user).unwrap_or_default();
    let option = rest.trim_ascii_end();
    if !option.last().is_some_and(|byte| matches!(byte, b'u' | b'U' | b'r' | b'=')) {
        return;
    }
    let is_option = [&b"-u"[..], b"--user", b"--proxy-user", b"-U"].iter().any(|name| {
        option.ends_with(name)
            && !option.get(..option.len() - name.len()).is_some_and(|before| {
                before
                    .last()
                    .is_some_and(|byte| !Charset::SPACE.has(*byte) && !matches!(byte, b'"' | b'\''))
            })
    });
    let option_or_equals = is_option
        || (rest.ends_with(b"=")
            && option.strip_suffix(b"=").is_some_and(|option| option.ends_with(b"--user")));
    if !option_or_equals || user == 0 {
        return;
    }
    let quote =
        before.get(before.len() - user).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    let ends = |byte: u8| match quote {
        Some(quote) => byte == quote || byte == b'\n',
        None => Charset::SPACE.has(byte) || matches!(byte, b'"' | b'\'' | b'\\'),
    };
    let start = colon + 1;
    let window = up_to(text, start + run::MAX_RUN);
    let end = end_of(window, start, |byte| !ends(byte));
    let value = slice(text, start, end);
    let value = value.strip_suffix(b"'").unwrap_or(value);
    if value.len() >= MIN_OPTION && is_secret(value, Telling::Password) {
        scanner.found_value(ENV_SECRET, start, end);
    }
}

/// How a command takes the password of an option.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Right behind the letter.
    Glued,
    /// Behind a space.
    Apart,
    /// Either.
    Both,
}

/// How the command takes a password by the option of that letter, if it does.
fn takes_password(command: &[u8], letter: u8) -> Option<Takes> {
    match (command, letter) {
        (
            b"mysql" | b"mysqldump" | b"mysqladmin" | b"mysqlimport" | b"mysqlshow" | b"mysqlcheck"
            | b"mariadb" | b"mariadb-dump" | b"mariadb-admin" | b"7z" | b"7za" | b"7zz" | b"rar"
            | b"unrar",
            b'p',
        ) => Some(Takes::Glued),
        (
            b"sshpass" | b"mongo" | b"mongosh" | b"mongodump" | b"mongorestore" | b"mongoexport"
            | b"mongoimport",
            b'p',
        )
        | (b"sqlcmd" | b"bcp" | b"osql" | b"zip" | b"unzip", b'P')
        | (b"redis-cli", b'a') => Some(Takes::Both),
        (b"login" | b"az" | b"helm" | b"htpasswd", b'p')
        | (
            b"ldapsearch" | b"ldapadd" | b"ldapmodify" | b"ldapdelete" | b"ldapwhoami"
            | b"ldappasswd",
            b'w',
        ) => Some(Takes::Apart),
        _ => None,
    }
}

/// Looks at the option whose letter is at `at`: `mysql -p…`, `sshpass -p …`.
pub(crate) fn look_at(scanner: &mut Scanner<'_>, at: usize) {
    let text = scanner.text;
    let Some(letter @ (b'p' | b'P' | b'a' | b'w')) = byte_at(text, at) else { return };
    let before = slice(text, at.saturating_sub(MAX_COMMAND), at);
    let line = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let ends = |byte: &u8| Charset::SPACE.has(*byte) || b"/\"'`|;&($\\".contains(byte);
    let commands = slice(before, line, before.len()).split(ends);
    let Some(takes) = commands.rev().find_map(|command| takes_password(command, letter)) else {
        return;
    };
    let from = match byte_at(text, at + 1) {
        Some(b' ') if takes != Takes::Glued => end_of_spaces(text, at + 1),
        Some(b' ') | None => return,
        Some(_) if takes != Takes::Apart => at + 1,
        Some(_) => return,
    };
    let (start, quote) = opening_quote(text, from);
    if quote.is_some() && is_behind_text(text, start) {
        return;
    }
    let end = value_end(text, start, quote);
    let value = slice(text, start, end);
    let is_value = value.len() >= MIN_SHORT && !names_password(value) && !is_template(value);
    if is_value && !matches!(value.first(), Some(b'-' | b'$' | b'<' | b'/')) {
        scanner.found_value(ENV_SECRET, start, end);
    }
}
