//! What the published floor hides and ours leaves on purpose, each beside its like that stays hidden.
#![cfg(not(feature = "switched-off"))]

mod common;

use common::{ALPHANUMERIC, body, private_key};
use modelstat_redact::redact;

const SMALL: &str = "abcdefghijklmnopqrstuvwxyz";

fn check(text: &str, expected: &str) {
    assert_eq!(redact(text).text, expected);
}

fn check_clean(texts: &[&str]) {
    for text in texts {
        check(text, text);
    }
}

fn check_hidden(text: &str, secret: &str) {
    let redacted = redact(text).text;
    assert!(!redacted.contains(secret), "{redacted}");
}

#[test]
fn forty_characters_of_words_are_no_aws_secret_key() {
    for name in [
        "getElementsByTagNameAndAttributeValue2x1",
        "internalServerErrorHandlerFactoryBean404",
        "src/components/layout/HeaderNavigation2x",
        "node/modules/typescript/lib/TypingsList4",
        "crates/redact/src/personal/calling/code1",
        "application/vnd/oasis/OpenDocument/text1",
    ] {
        assert_eq!(name.len(), 40);
        check_clean(&[name, &format!("at {name} it"), &format!("\"{name}\"")]);
    }
    let key = body(ALPHANUMERIC, 40, 5);
    check(&format!("at {key} it"), "at [REDACTED:aws_secret_key] it");
}

#[test]
fn forty_characters_without_capital_small_letter_and_digit_are_no_aws_secret_key() {
    for seed in 0..4 {
        let both_cases = SMALL.to_owned() + &SMALL.to_uppercase();
        for alphabet in [SMALL, &SMALL.to_uppercase(), &both_cases] {
            let text = body(alphabet, 40, seed);
            check_clean(&[&text, &format!("at {text} it")]);
        }
    }
    let digitless = body(&(SMALL.to_owned() + &SMALL.to_uppercase()), 40, 1);
    check(&format!("AWS_SECRET_KEY={digitless}"), "AWS_SECRET_KEY=[REDACTED:env_secret]");
}

#[test]
fn code_after_the_name_of_a_variable_is_no_secret() {
    check_clean(&[
        // Calls.
        "API_KEY = config.get_api_key(environment)",
        "API_KEY=os.environ.get(NAME_OF_KEY)",
        "TOKEN_PATTERN = regex::bytes::Regex::new(pattern)",
        // Types.
        "SECRET_STORE: HashMap<String, String>",
        "const MAX_TOKEN: &'static str = x",
        "SIGNING_KEY: SigningKey = load()",
        // Paths of modules and members.
        "API_CLIENT: std::sync::Arc",
        "TOKEN_KIND = parser::TokenKind::Identifier",
        "API_VERSION = settings.api_version",
        // Names.
        "KEY_BINDINGS = default_key_bindings",
        "SECRET_NAME = my-service-secret-name",
        // Numbers.
        "API_TIMEOUT = 120000000000",
        "TOKEN_BUDGET = 120_000_000_000",
    ]);
    for hidden in [
        "API_TOKEN = \"{}\"",
        "API_TOKEN=\"{}\"",
        "API_TOKEN='{}'",
        "{\"API_TOKEN\": \"{}\"}",
        "API_TOKEN={}",
    ] {
        let expected = hidden.replace("{}", "[REDACTED:env_secret]");
        check(&hidden.replace("{}", "correct-horse-battery"), &expected);
    }
    let random = body(ALPHANUMERIC, 20, 3);
    check(&format!("API_TOKEN = {random}"), "API_TOKEN = [REDACTED:env_secret]");
}

#[test]
fn a_reference_to_a_secret_is_none() {
    check_clean(&[
        "API_TOKEN=${VAULT_TOKEN}",
        "API_TOKEN=$VAULT_API_TOKEN",
        "API_TOKEN='${VAULT_TOKEN}'",
        "API_TOKEN = \"$VAULT_API_TOKEN\"",
        "API_TOKEN=$(pass show api/token)",
        "API_TOKEN: {{ secrets.API_TOKEN }}",
        "API_TOKEN: ${{ secrets.API_TOKEN }}",
        "{\"API_TOKEN\": \"{{vault.api_token}}\"}",
        "API_TOKEN=<your-api-token-here>",
        "API_TOKEN=%API_TOKEN_FROM_CI%",
        "API_TOKEN: #{vault.api_token_value}",
        "API_TOKEN = '%(token)s-and-more'",
        "password: \"${DB_PASSWORD_1}\"",
    ]);
    check("API_TOKEN=\"abc$DEF-and-more\"", "API_TOKEN=\"[REDACTED:env_secret]\"");
    check("API_TOKEN=abc{def}ghi$JKL", "API_TOKEN=[REDACTED:env_secret]");
}

#[test]
fn a_glued_head_counts_before_a_body_that_no_word_has() {
    for (head, length) in
        [(["gh", "p_"], 36), (["gh", "o_"], 36), (["sk", "_live_"], 24), (["xox", "b-"], 24)]
    {
        let head = head.concat();
        for (seed, before) in (0..).zip(["x", "de", "7"]) {
            let small = body(SMALL, length, seed);
            check_clean(&[&format!("{before}{head}{small}"), &format!("a {before}{head}{small}.")]);
            let mixed = body(ALPHANUMERIC, length, seed);
            check_hidden(&format!("{before}{head}{mixed}"), &mixed);
        }
    }
    check_clean(&["desk_live_view_of_the_third_floor", "boxoxb-the-little-brown-fox"]);
}

#[test]
fn a_glued_head_counts_before_a_body_with_the_right_sum() {
    let body = "abcdefghij".repeat(3);
    let glued = |sum: &str| ["xgh", "p_", &body, sum].concat();
    check(&glued("3xGs0V"), "x[REDACTED:github_pat]");
    check_clean(&[&glued("aaaaaa")]);
}

#[test]
fn the_head_of_a_google_key_within_data_is_none() {
    let head = ["AI", "za"].concat();
    for seed in 0..4 {
        let key = head.clone() + &body(ALPHANUMERIC, 35, seed);
        let data = body(ALPHANUMERIC, 80, seed + 1);
        check_clean(&[&format!("{data}{key}"), &format!("see {data}{key}{data} it")]);
        check(&format!("see {key} it"), "see [REDACTED:google_api_key] it");
    }
    check_clean(&[&format!("x{head}SomeLongCamelCaseNameOfAClassInJava2")]);
}

#[test]
fn a_list_of_strings_is_no_joined_private_key() {
    let next = "thisIsTheNextTextOfTheList";
    for line_break in ["\\n", "\n"] {
        let cut_off = private_key("RSA ", line_break, false, 1);
        for comma in [",", ", ", ",\n  "] {
            check(
                &format!("[\"{cut_off}\"{comma}\"{next}\", \"{next}\"]"),
                &format!("[\"[REDACTED:private_key]\"{comma}\"{next}\", \"{next}\"]"),
            );
        }
        for joint in ["\" \"", "\" +\n  \"", "\"\n  \"", "\" . \""] {
            check(&format!("(\"{cut_off}{joint}{next}\")"), "(\"[REDACTED:private_key]\")");
        }
    }
}

#[test]
fn dots_around_a_sign_are_no_address() {
    check_clean(&["from ...@....com to nobody"]);
}

#[test]
fn files_and_units_with_a_sign_in_their_names_are_no_addresses() {
    check_clean(&["see icon@2x.png", "restart getty@tty1.service", "logo@3x.webp is larger"]);
    check("ask jane@example.com", "ask [REDACTED:email]");
}

#[test]
fn ids_of_answers_and_calls_are_no_secrets() {
    for head in ["toolu_", "msg_", "chatcmpl-", "req_", "call_"] {
        check_clean(&[&format!("the answer {head}{} came", body(ALPHANUMERIC, 24, 12))]);
    }
}

#[test]
fn a_sentence_about_private_keys_is_none() {
    let line = ["-----BEGIN RSA ", "PRIVATE KEY-----"].concat();
    check(
        &format!("look for `{line}` in the file, then go on"),
        "look for `[REDACTED:private_key]` in the file, then go on",
    );
}
