//! Every family is found where it stands, and hides nothing else.
#![cfg(not(feature = "switched-off"))]

mod common;

use common::{ALPHANUMERIC, HEX, Specimen, body, private_key, specimens};
use modelstat_redact::{Class, Rule, redact};

/// Ways in which a text holds something; `{}` is where.
const CARRIERS: &[&str] = &[
    "{}",
    "{} and more",
    "more and {}",
    "line\n{}\nline",
    "tab\t{}\tx",
    "\"{}\"",
    "'{}'",
    "`{}`",
    "({})",
    "see {}, then",
    "é{} é",
    "{\"content\": \"{}\"}",
    "{\"content\": \"a\\n{}\"}",
    "{\\\"content\\\": \\\"{}\\\"}",
    "\\n{}\\\"",
    "\u{1b}[31m{}\u{1b}[0m",
];

fn held_by(carrier: &str, text: &str) -> String {
    carrier.replace("{}", text)
}

/// `text` becomes `expected`, by one finding of `rule`.
fn check(text: &str, rule: &str, expected: &str) {
    let redacted = redact(text);
    assert_eq!(redacted.text, expected);
    let names: Vec<_> = redacted.findings.iter().map(|finding| finding.rule.name()).collect();
    assert_eq!(names, [rule], "in {expected}");
}

fn check_clean(text: &str) {
    assert_eq!(redact(text).text, text);
    assert!(redact(text).is_clean());
}

#[test]
fn every_family_is_found_once_in_every_carrier() {
    for seed in 0..8 {
        for Specimen { rule, text, secret } in specimens(seed) {
            for carrier in CARRIERS {
                let held = held_by(carrier, &text);
                let redacted = redact(&held);
                assert!(!redacted.text.contains(&secret), "{rule} in {carrier} survives");
                let names: Vec<_> =
                    redacted.findings.iter().map(|finding| finding.rule.name()).collect();
                assert_eq!(names, [rule], "in {carrier}");
                assert!(redacted.text.contains(&format!("[REDACTED:{rule}]")));
            }
        }
    }
}

#[test]
fn every_form_of_key_is_found() {
    for rule in ["private_key", "redaction_failed"] {
        assert_eq!(Rule::from_name(rule).map(Rule::class), Some(Class::Secret));
    }
    let found: Vec<_> = specimens(1).into_iter().map(|specimen| specimen.rule).collect();
    for published in [
        "anthropic_key",
        "openai_key",
        "google_api_key",
        "aws_access_key",
        "aws_secret_key",
        "github_pat",
        "github_oauth",
        "github_app",
        "slack_token",
        "stripe_live_key",
        "stripe_test_key",
        "discord_token",
        "jwt",
        "modelstat_device_secret",
        "env_secret",
        "bearer",
        "db_password",
        "email",
        "path",
    ] {
        assert!(Rule::from_name(published).is_some(), "{published} is no rule");
        assert!(found.contains(&published), "{published} has no specimen");
    }
}

#[test]
fn no_two_rules_share_an_id_and_one_name_is_of_one_class() {
    let mut ids: Vec<_> = Rule::all().map(Rule::id).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count);
    for rule in Rule::all() {
        assert_eq!(Rule::from_name(rule.name()).map(Rule::class), Some(rule.class()), "{rule:?}");
    }
}

#[test]
fn a_value_with_a_form_of_its_own_is_one_finding_with_its_name_kept() {
    let key = ["sk", "-proj-"].concat() + &body(ALPHANUMERIC, 48, 1);
    check(&format!("OPENAI_API_KEY={key}"), "openai_key", "OPENAI_API_KEY=[REDACTED:openai_key]");
    check(
        &format!("\"api_key\": \"{key}\""),
        "openai_key",
        "\"api_key\": \"[REDACTED:openai_key]\"",
    );
    check(
        &format!("Authorization: Bearer {key}"),
        "openai_key",
        "Authorization: Bearer [REDACTED:openai_key]",
    );
}

#[test]
fn names_separators_and_quotes_are_kept() {
    let value = body(ALPHANUMERIC, 18, 2) + "1a";
    let forms = [
        "APP_SECRET={}",
        "export APP_SECRET='{}'",
        "APP_SECRET : \"{}\"",
        "\"APP_SECRET\": \"{}\"",
        "\\\"APP_SECRET\\\": \\\"{}\\\"",
        "'password': '{}'",
        "\"password\":\"{}\"",
        "password = {}",
        "x-api-key: {}",
        "?access_token={}&x=1",
        "apiKey: \"{}\",",
        "APP_SECRET := {}",
        "APP_SECRET={}\\nNEXT=1",
    ];
    for form in forms {
        check(&held_by(form, &value), "env_secret", &held_by(form, "[REDACTED:env_secret]"));
    }
}

#[test]
fn a_json_string_may_hold_a_single_quote_in_a_password() {
    check(
        r#"{"password": "it's-a-long-one"}"#,
        "env_secret",
        r#"{"password": "[REDACTED:env_secret]"}"#,
    );
}

#[test]
fn settings_and_code_are_no_secrets() {
    for text in [
        "MONKEY=banana",
        "CHAIN_ID=1337",
        "AWS_PROFILE=dev",
        "KEYBOARD_LAYOUT=qwertz-nodeadkeys",
        "{\"MAX_TOKEN\": 123456789012}",
        "let token = self.next_token2(input)",
        "password: String",
        "token: AccessTokenRef,",
        "password = settings.password2.value",
        "key: \"a-feature-flag-name\"",
        "next token: something",
        "password: ${DB_PASSWORD_1}",
        "\"token\": \"${VAULT_TOKEN}\"",
        "the secret: never tell anybody anything",
        "API::new(something_else)",
        "std::collections::HashMap",
    ] {
        check_clean(text);
    }
}

#[test]
fn kebab_words_stay() {
    for text in [
        "disk-usage-analysis-report-2024",
        "risk-assessment-for-project",
        "task-management-system-design-notes",
        "sk-learn-based-classification-pipeline",
        "mask-rcnn-training-configuration",
        "the-shelf_life_of_a_long_snake_case_name",
    ] {
        check_clean(text);
    }
}

#[test]
fn bare_digests_stay() {
    for length in [32, 40, 64] {
        check_clean(&format!("commit {} it", body(HEX, length, 3)));
    }
    check_clean(&body(&HEX.to_uppercase(), 40, 4));
}

#[test]
fn only_runs_of_exactly_forty_are_aws_secret_keys() {
    for length in [38, 39, 41, 42, 80] {
        let text = format!("blob {} end", body(ALPHANUMERIC, length, 5));
        assert!(redact(&text).findings.iter().all(|found| found.rule.name() != "aws_secret_key"));
    }
    let key = body(ALPHANUMERIC, 40, 5);
    check(&format!("id={key}"), "aws_secret_key", "id=[REDACTED:aws_secret_key]");
    check(&format!("\\n{key}\\n"), "aws_secret_key", "\\n[REDACTED:aws_secret_key]\\n");
}

#[test]
fn git_remotes_stay() {
    check_clean("git clone git@github.com:modelstat/modelstat.git");
    check_clean("url = ssh://git@github.com/modelstat/modelstat");
    check_clean("\\ngit@gitlab.example.com:group/project.git");
    check("write to git@example.com", "email", "write to [REDACTED:email]");
}

#[test]
fn what_only_looks_like_an_address_stays() {
    for text in [
        "npm i @scope/pkg@1.2.3",
        "a @ b",
        "@decorator",
        "user@host",
        "a@b.c",
        "/usr/home",
        "/home/",
        "/Users",
        "~/x",
        "/rooted",
    ] {
        check_clean(text);
    }
}

#[test]
fn addresses_are_found_with_accents_and_within_urls() {
    check("von jörg@müller.de, gestern", "email", "von [REDACTED:email], gestern");
    check(
        "https://example.com/?to=jane.doe%40example.org&x=1",
        "email",
        "https://example.com/?to=[REDACTED:email]&x=1",
    );
    check_clean("up by 50%40 and 100%");
}

#[test]
fn an_address_ends_where_its_host_does() {
    check("a.b@c.example.org.", "email", "[REDACTED:email].");
    check("<a@b.co>", "email", "<[REDACTED:email]>");
    check("\\nnora@b.co\\n", "email", "\\n[REDACTED:email]\\n");
}

#[test]
fn database_urls_lose_user_and_password_and_keep_the_rest() {
    check("postgres://u:p@h/db", "db_password", "postgres://<user>:[REDACTED:db_password]@h/db");
    check(
        "mongodb+srv://u:p@h.example.com",
        "db_password",
        "mongodb+srv://<user>:[REDACTED:db_password]@h.example.com",
    );
    check(
        "postgresql+psycopg2://u:p@h",
        "db_password",
        "postgresql+psycopg2://<user>:[REDACTED:db_password]@h",
    );
    check("redis://:pw@h", "db_password", "redis://:[REDACTED:db_password]@h");
    check("MYSQL://u:p/w@x:y@h/db", "db_password", "MYSQL://<user>:[REDACTED:db_password]@h/db");
    check(
        "https://u:p@example.com/x",
        "url_password",
        "https://<user>:[REDACTED:url_password]@example.com/x",
    );
    check_clean("https://example.com:8080/a@b");
    check_clean("postgres://localhost:5432/app");
    check_clean(r#"{"url": "postgres://h:5432/db", "by": "@team"}"#);
}

#[test]
fn private_keys_are_hidden_whole() {
    for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "] {
        for line_break in ["\n", "\\n", "\r\n", "\", \""] {
            let key = private_key(kind, line_break, true, 6);
            check(&format!("a {key} b"), "private_key", "a [REDACTED:private_key] b");
        }
        let cut_off = private_key(kind, "\n", false, 6);
        check(&format!("a {cut_off}"), "private_key", "a [REDACTED:private_key]");
    }
    let block = private_key("PGP ", "\n", true, 7).replace("PRIVATE KEY", "PRIVATE KEY BLOCK");
    check(&block, "private_key", "[REDACTED:private_key]");
    check_clean(&private_key("", "\n", true, 7).replace("PRIVATE KEY", "CERTIFICATE"));
}

#[test]
fn a_cut_off_private_key_ends_with_the_string_that_holds_it() {
    let cut_off = private_key("RSA ", "\\n", false, 8);
    check(
        &format!("{{\"a\": \"{cut_off}\", \"b\": 1}}"),
        "private_key",
        "{\"a\": \"[REDACTED:private_key]\", \"b\": 1}",
    );
    let joined = private_key("RSA ", "\\n\" +\n  \"", false, 8);
    check(&joined, "private_key", "[REDACTED:private_key]");
}

#[test]
fn what_is_hidden_of_a_cut_off_private_key_is_bounded() {
    let long = private_key("", "\n", false, 9) + &"\nmore".repeat(40_000);
    let redacted = redact(&long);
    assert_eq!(
        redacted.findings.iter().map(|finding| finding.end - finding.start).collect::<Vec<_>>(),
        [64 * 1024]
    );
}

#[test]
fn home_paths_are_hidden_whole_in_every_escaping() {
    let paths = [
        "C:\\Users\\jane\\x.txt",
        "D:\\\\Users\\\\jane\\\\x.txt",
        "c:/Users/jane/x",
        "/Users/jane",
        "/home/jane/a:/home/joe",
    ];
    for path in paths {
        check(&format!("at \"{path}\","), "path", "at \"[REDACTED:path]\",");
        check(&format!("at \\\"{path}\\\","), "path", "at \\\"[REDACTED:path]\\\",");
        check(&format!("cd {path} && ls"), "path", "cd [REDACTED:path] && ls");
    }
    check("cd /root", "path", "cd [REDACTED:path]");
}

#[test]
fn a_bearer_word_in_prose_is_no_header() {
    check_clean("the bearer authentication/authorization/identification scheme");
    check_clean("Basic understanding of things");
}

#[test]
fn placeholders_are_never_looked_into() {
    for name in Rule::all().map(Rule::name) {
        for text in [
            "[REDACTED:{}]",
            "A_TOKEN=[REDACTED:{}]",
            "Bearer [REDACTED:{}]",
            "\"password\": \"[REDACTED:{}]\"",
            "postgres://<user>:[REDACTED:{}]@h",
            "/tmp/[REDACTED:{}]/x",
            "[REDACTED:{}]@example",
            "A_TOKEN='[REDACTED:{}]';",
        ] {
            check_clean(&held_by(text, name));
        }
    }
}

#[test]
fn brackets_hide_no_secret() {
    let key = ["sk", "-"].concat() + &body(HEX, 30, 10);
    assert_eq!(redact(&format!("[REDACTED:{key}]")).secrets(), 1);
}

#[test]
fn findings_are_ranges_of_the_input() {
    let text = "é jane@example.com é /home/jane é";
    let parts: Vec<_> =
        redact(text).findings.iter().map(|found| &text[found.start..found.end]).collect();
    assert_eq!(parts, ["jane@example.com", "/home/jane"]);
}

#[test]
fn numbers_with_brackets_are_cut_out_of_the_text_whole() {
    for number in ["(212) 867-2671", "+1 (212) 867-2671", "(030) 901820-17"] {
        let text = format!("Phone: {number}, in the morning");
        check(&text, "phone", "Phone: [REDACTED:phone], in the morning");
    }
}
