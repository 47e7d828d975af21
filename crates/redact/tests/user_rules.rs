//! Rules of a host's own: what they find, what is refused, and that they only add.
#![cfg(all(feature = "user-rules", not(feature = "switched-off")))]

mod common;

use common::{ALPHANUMERIC, body, specimens};
use modelstat_redact::{Class, Floor, Tier, UserRules, UserRulesError, redact};
use proptest::prelude::*;

fn floor(rules: &str) -> Floor {
    let rules = UserRules::parse(rules).unwrap_or_else(|error| panic!("{error}\n{rules}"));
    Floor::built_in().clone().with_rules(&rules)
}

/// Redacts each text with the rules, and once more, which must change nothing.
fn check(rules: &str, texts: &[(&str, &str)]) {
    let floor = floor(rules);
    for (text, expected) in texts {
        let once = floor.redact(text);
        assert_eq!(once.text, *expected, "of {text:?}");
        assert!(floor.redact(&once.text).is_clean(), "a second pass of {text:?}");
    }
}

/// Reads one rule with these keys beside its id and type.
fn rule(keys: &str) -> String {
    format!("[[rule]]\nid = \"badge\"\ntype = \"badge\"\n{keys}\n")
}

fn check_refused(rules: &str, expected: &[&str]) {
    let Err(error) = UserRules::parse(rules) else { panic!("is not refused: {rules}") };
    let error = error.to_string();
    for part in expected {
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    }
}

#[test]
fn shapes_are_found_at_the_edge_of_a_word() {
    check(
        &rule("shape = ['ACME-[digit:6]', 'acme_[alnum:8+]']"),
        &[
            ("badge ACME-004711.", "badge [REDACTED:badge]."),
            ("{\"a\":\"x\\nACME-004711\"}", "{\"a\":\"x\\n[REDACTED:badge]\"}"),
            ("acme_abcdefgh ACME-123456", "[REDACTED:badge] [REDACTED:badge]"),
            ("ACME-00471 ACME-0047112 xACME-004711", "ACME-00471 ACME-0047112 xACME-004711"),
            ("ACME-ACME-004711", "ACME-[REDACTED:badge]"),
            ("ACME-[REDACTED:email]", "ACME-[REDACTED:email]"),
        ],
    );
    check(
        &rule("shape = ['ACME-[digit:6]']\nedge = 'free'"),
        &[("xACME-004711", "x[REDACTED:badge]")],
    );
}

#[test]
fn a_shape_may_be_a_plain_text() {
    check(
        &rule("class = 'pii'\nshape = ['Project Falcon']"),
        &[
            ("on Project Falcon now", "on [REDACTED:badge] now"),
            ("Project falcon", "Project falcon"),
        ],
    );
}

#[test]
fn a_body_that_reads_as_words_is_refused_where_the_rule_says_so() {
    check(
        &rule("shape = ['acme-[kebab:12+]']\nwords = 'refuse'"),
        &[
            ("acme-the-next-generation", "acme-the-next-generation"),
            ("acme-x7Kq0Zt9Vm4w", "[REDACTED:badge]"),
        ],
    );
}

#[test]
fn a_context_stands_before_on_the_line() {
    let rules = rule("shape = ['[upper:4]-[digit:4]']\ncontext = ['staffbadge']");
    check(
        &rules,
        &[
            ("staff_badge: QXZA-1234", "staff_badge: [REDACTED:badge]"),
            ("Staff-Badge = \"QXZA-1234\"", "Staff-Badge = \"[REDACTED:badge]\""),
            ("staff badge\nQXZA-1234", "staff badge\nQXZA-1234"),
            ("QXZA-1234 staff badge", "QXZA-1234 staff badge"),
            ("staff badge XQXZA-1234 QXZA-12345", "staff badge XQXZA-1234 QXZA-12345"),
        ],
    );
}

#[test]
fn a_vendor_is_a_word_before_a_random_value() {
    let value = body(ALPHANUMERIC, 24, 5);
    check(
        "[[vendor]]\ntype = 'acmecloud_key'\nwords = ['acmecloud']",
        &[
            (
                &format!("acme-cloud uses {value} here"),
                "acme-cloud uses [REDACTED:acmecloud_key] here",
            ),
            (
                "acmecloud uses getElementByIdentifier2 here",
                "acmecloud uses getElementByIdentifier2 here",
            ),
            (
                "acmecloud sha256 0f343b0931126a20f133d67c2b018a3b",
                "acmecloud sha256 0f343b0931126a20f133d67c2b018a3b",
            ),
        ],
    );
    check(
        "[[vendor]]\ntype = 'falcon_key'\nwords = ['falcon']\nweak = true",
        &[(
            "the falcon 0f343b0931126a20f133d67c2b018a3b",
            "the falcon 0f343b0931126a20f133d67c2b018a3b",
        )],
    );
}

#[test]
fn patterns_stay_on_their_line() {
    check(
        &rule("regex = 'employee [0-9]+.*'"),
        &[
            ("an employee 12 left\nall is well", "an [REDACTED:badge]\nall is well"),
            ("employee 12\r\nemployee 13\r\n", "[REDACTED:badge]\r\n[REDACTED:badge]\r\n"),
            ("employee\n12", "employee\n12"),
        ],
    );
    check(
        &rule("regex = '^employee [0-9]+$'"),
        &[("x\nemployee 12\nemployee 13 x", "x\n[REDACTED:badge]\nemployee 13 x")],
    );
}

#[test]
fn a_group_narrows_what_is_hidden() {
    check(
        &rule("regex = 'employee (?P<secret>[0-9]+)'"),
        &[("employee 12, employee 7", "employee [REDACTED:badge], employee [REDACTED:badge]")],
    );
    // What stands before a literal is found in one look, however often it occurs.
    let many = "1111 2222 3333 4444 5555 6666 7777 8888 9999 1010 employees";
    let hidden = "[REDACTED:badge] ".repeat(10) + "employees";
    check(&rule("regex = '(?P<secret>[0-9]{4})[^\\n]*employees'"), &[(many, &hidden)]);
    let too_many = "1111 ".repeat(40) + "employees";
    let hidden = "[REDACTED:badge] ".repeat(17) + "[REDACTED:badge]";
    check(&rule("regex = '(?P<secret>[0-9]{4})[^\\n]*employees'"), &[(&too_many, &hidden)]);
    check(&rule("regex = 'employee(?: (?P<secret>[0-9]+))?'"), &[("employee", "[REDACTED:badge]")]);
}

#[test]
fn patterns_know_bytes_only_and_cut_no_character() {
    check(
        &rule("regex = '(?i)straße .'"),
        &[("die Straße é!", "die [REDACTED:badge]!"), ("STRAßE 7", "[REDACTED:badge]")],
    );
    check(&rule("regex = '.employee'"), &[("é東employee", "é[REDACTED:badge]")]);
}

#[test]
fn every_match_holds_a_literal_wherever_it_stands() {
    for regex in [
        "[0-9]+-acme",
        "[0-9]+(?:-acme|-falcon)[0-9]*",
        "(?:[0-9]+-acme)|(?:[0-9]+(?:[a-z](?:-falcon)+))",
        "(?i)[0-9]+-ACME",
        "\\b[0-9]+-ac(?:me|id)\\b",
        "([0-9]+(-acme){1,3})",
    ] {
        check(&rule(&format!("regex = '{regex}'")), &[("a 12-acme b", "a [REDACTED:badge] b")]);
    }
}

#[test]
fn placeholders_are_never_looked_into() {
    check(
        &rule("regex = 'acme.*'"),
        &[
            ("acme 1 [REDACTED:email] acme 2", "[REDACTED:badge][REDACTED:email] [REDACTED:badge]"),
            ("[REDACTED:acme]", "[REDACTED:acme]"),
        ],
    );
    check(
        &rule("regex = 'acme: (?P<secret>.{1,8})'"),
        &[
            ("acme: 12 [REDACTED:email]", "acme: [REDACTED:badge][REDACTED:email]"),
            ("acme: [REDACTED:email] 12", "acme: [REDACTED:email] 12"),
            ("acme: 0123456789", "acme: [REDACTED:badge]89"),
        ],
    );
    // A literal behind what is hidden is found again in each look: only what it found first is hidden.
    check(
        &rule("regex = '(?P<secret>.{4})acme'"),
        &[("0123456789acme", "012345[REDACTED:badge]acme")],
    );
}

#[test]
fn findings_are_those_of_the_rule() {
    let floor = floor(&rule("class = 'pii'\nshape = ['ACME-[digit:6]']"));
    let redacted = floor.redact("as ACME-004711");
    let [finding] = redacted.findings[..] else { panic!("one finding: {redacted:?}") };
    assert_eq!((finding.start, finding.end), (3, 14));
    assert_eq!((finding.rule.id(), finding.rule.name()), ("badge", "badge"));
    assert_eq!((finding.rule.class(), finding.rule.tier()), (Class::Pii, Tier::Local));
}

#[test]
fn rules_are_listed_by_id_and_nothing_else_is_printed() {
    let text =
        rule("shape = ['ACME-[digit:6]']") + "[[vendor]]\ntype = 'acme_key'\nwords = ['acme']";
    let rules = UserRules::parse(&text).expect("the rules are fine");
    assert_eq!(rules.ids().collect::<Vec<_>>(), ["badge", "vendor-acme-key"]);
    assert_eq!((rules.len(), rules.is_empty()), (2, false));
    assert_eq!(format!("{rules:?}"), "UserRules[\"badge\", \"vendor-acme-key\"]");
    assert!(UserRules::parse("").expect("an empty file is fine").is_empty());
}

#[test]
fn allowed_texts_are_kept_from_rules_of_the_file_alone() {
    let rules = "allow = ['ACME-000000', 'jane@example.com']\n".to_owned()
        + &rule("shape = ['ACME-[digit:6]']");
    check(
        &rules,
        &[
            ("ACME-000000 ACME-000001", "ACME-000000 [REDACTED:badge]"),
            ("ask jane@example.com", "ask [REDACTED:email]"),
        ],
    );
    let other = Floor::built_in().clone();
    let other = other.with_rules(&UserRules::parse(&rules).expect("the rules are fine"));
    let other =
        other.with_rules(&UserRules::parse(&rule("regex = 'ACME-0+'")).expect("they are fine"));
    assert_eq!(other.redact("ACME-000000").text, "[REDACTED:badge]");
}

#[test]
fn nothing_that_the_floor_hides_can_be_allowed() {
    for specimen in specimens(3) {
        let allow = serde_json::json!([specimen.text, specimen.secret]);
        let rules =
            format!("allow = {allow}\n{}", rule("regex = '(?P<secret>[^\\n]*)never there'"));
        let redacted = floor(&rules);
        let redacted = redacted.redact(&specimen.text);
        assert!(!redacted.text.contains(&specimen.secret), "{} is shown", specimen.rule);
        assert_eq!(redacted, redact(&specimen.text), "{}", specimen.rule);
    }
}

#[test]
fn examples_and_counters_are_tried() {
    let parses = |keys: &str| UserRules::parse(&rule(keys)).map(|_| ());
    assert_eq!(
        parses(
            "shape = ['ACME-[digit:6]']\nexamples = ['badge={}', '(ACME-004711)']\ncounter = ['ACME-']"
        ),
        Ok(())
    );
    assert_eq!(parses("regex = 'acme-[a-z]+'\nexamples = ['acme-x']\ncounter = ['acme']"), Ok(()));
    let shape = |keys: &str| rule(&format!("shape = ['ACME-[digit:6]']\n{keys}"));
    check_refused(&shape("examples = ['badgex{}']"), &["`badge`", "`examples`", "does not find"]);
    check_refused(&shape("counter = ['see ACME-004711']"), &["`counter`", "finds something"]);
    check_refused(&rule("regex = 'acme[0-9]'\nexamples = ['acme']"), &["`examples`"]);
}

#[test]
fn what_cannot_be_found_is_refused() {
    check_refused(&rule("shape = ['acme_[alnum:4+]x']"), &["`shape`", "takes all that it can"]);
    check_refused(&rule("shape = ['[digit:9]']"), &["`shape`", "`context`"]);
    check_refused(&rule("shape = ['ab[digit:9]']"), &["3 bytes"]);
    check_refused(&rule("shape = ['abc[digits:9]']"), &["`digits` is no set"]);
    check_refused(&rule("shape = [\"abc\\n[digit:9]\"]"), &["printable ASCII"]);
    check_refused(&rule("shape = ['[digit:9]']\ncontext = ['Staff Badge']"), &["`context`"]);
    check_refused(&rule(""), &["a rule needs a `shape` or a `regex`"]);
    check_refused(&rule("shape = ['abc']\nregex = 'abc'"), &["make it two rules"]);
    check_refused(&rule("regex = 'abc'\nedge = 'free'"), &["`edge`"]);
    check_refused(&rule("shape = ['abc']\nchecksum = 'github-crc32'"), &["`checksum`"]);
}

#[test]
fn patterns_that_are_not_linear_or_never_certain_are_refused() {
    let refused = |regex: &str, expected: &str| {
        check_refused(&rule(&format!("regex = '{regex}'")), &["`badge`", "`regex`", expected]);
    };
    refused("acme(?=x)", "looks ahead or behind");
    refused("(?<!x)acme", "looks ahead or behind");
    refused("(acme)\\1", "refers back");
    refused("acme(", "at character 5");
    refused("acme\\p{Lu}", "[A-Za-z]");
    refused("acme[é]", "(?:é|è)");
    refused("(?:acme)?", "empty");
    refused("acme\\s+x", "line break");
    refused("acme[^x]", "line break");
    refused("(?s)acme.", "line break");
    refused("[0-9]{6}", "3 bytes");
    refused("ab[a-z]{6}", "(?P<secret>");
    refused("acme|[0-9]{6}", "3 bytes");
    refused("(?:(?:acme.{99}){99}){99}", "too large");
    refused(&format!("acme{}", "x".repeat(4_096)), "4100 bytes");
}

#[test]
fn names_do_not_lie() {
    let named = |id: &str, name: &str, class: &str| {
        format!("[[rule]]\nid = '{id}'\ntype = '{name}'\nclass = '{class}'\nshape = ['abc']\n")
    };
    check_refused(&named("a", "email", "secret"), &["`a`", "`type`", "other class"]);
    check_refused(&named("a", "Badge", "pii"), &["no name of a placeholder"]);
    check_refused(
        &named("a", "redaction_failed", "secret"),
        &["stands for a text that was dropped"],
    );
    check_refused(
        &(named("a", "badge", "pii") + &named("b", "badge", "secret")),
        &["`b`", "other class"],
    );
    check_refused(&(named("a", "badge", "pii") + &named("a", "badge", "pii")), &["there twice"]);
    check_refused(&named("A b", "badge", "pii"), &["`id`"]);
    assert!(UserRules::parse(&named("a", "email", "pii")).is_ok());
}

#[test]
fn files_have_limits_and_errors_name_the_line() {
    let long = UserRules::parse(&"#".repeat(300_000)).map(|_| ());
    assert_eq!(long, Err(UserRulesError::TooLong { bytes: 300_000, limit_bytes: 256 * 1024 }));
    check_refused("# rules\n[[rule]]\nid = 7\n", &["line 3"]);
    check_refused("[[rule]\n", &["line 1"]);
    check_refused(&rule("shap = ['abc']"), &["line 4", "shap"]);
    let many = |at| format!("[[rule]]\nid = 'r{at}'\ntype = 'r'\nshape = ['abc{at}']\n");
    let many = (0..257).map(many).collect::<Vec<_>>().concat();
    check_refused(&many, &["there are 257", "256"]);
    check_refused("allow = ['']", &["`allow`"]);
    check_refused("[secret]\nalone = ['abc']", &["`secret`", "[[vendor]]"]);
    check_refused("[[vendor]]\ntype = 'acme_key'\nwords = []", &["`vendor-acme-key`", "`words`"]);
}

/// Files of rules that are made to get into the way of the floor's own.
const FILES: &[&str] = &[
    "[[rule]]\nid = 'a'\ntype = 'a'\nclass = 'pii'\nregex = '(?i)token.{0,9}'",
    "[[rule]]\nid = 'a'\ntype = 'a'\nregex = '(?:REDACTED|password|user|home|sk-|ghp_|http).{0,40}'",
    "[[rule]]\nid = 'a'\ntype = 'a'\nregex = '.{0,7}(?P<secret>.{1,5})example.*'",
    "[[rule]]\nid = 'a'\ntype = 'a'\nregex = '[^\"\\n]*(?P<secret>://)'",
    "allow = ['://']\n[[rule]]\nid = 'a'\ntype = 'a'\nshape = ['://[any:0+]', 'sk-[any:4]', 'REDACTED']\nedge = 'free'",
    "[[rule]]\nid = 'a'\ntype = 'a'\nshape = ['[any:3-9]']\ncontext = ['api', 'user', 'key']",
    "[[vendor]]\ntype = 'b_key'\nwords = ['bearer', 'authorization', 'example', 'live']",
];

fn mixture() -> impl Strategy<Value = String> {
    let specimen = (0..64_u64, any::<prop::sample::Index>()).prop_map(|(seed, which)| {
        let all = specimens(seed);
        all[which.index(all.len())].text.clone()
    });
    let noise = prop::sample::select(&[
        " ",
        "\n",
        "\r\n",
        "\"",
        "\\\"",
        "\\n",
        "\\u003d",
        "=",
        ": ",
        "é",
        "東京",
        "token",
        "TOKEN=",
        "password",
        "example",
        "user",
        "http",
        "://",
        "sk-",
        "[REDACTED:email]",
        "[REDACTED:",
        "]",
    ]);
    let part = prop_oneof![3 => noise.prop_map(str::to_owned), 2 => specimen, 1 => "\\PC{0,12}"];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_only_add_and_a_second_pass_is_clean(text in mixture(), which in 0..FILES.len()) {
        let floor = floor(FILES[which]);
        let redacted = floor.redact(&text);
        for kept in redact(&text).findings {
            let is_covered = |finding: &modelstat_redact::Finding| {
                finding.start <= kept.start && kept.end <= finding.end
            };
            prop_assert!(redacted.findings.iter().any(is_covered), "{:?} lost {:?}", redacted, kept);
        }
        let twice = floor.redact(&redacted.text);
        prop_assert!(twice.is_clean(), "{:?} became {:?} and then {:?}", text, redacted.text, twice.text);
    }

    #[test]
    fn specimens_stay_hidden(seed in 0..64_u64, which in 0..FILES.len()) {
        let floor = floor(FILES[which]);
        for specimen in specimens(seed) {
            let text = format!("say \"{}\" now", specimen.text);
            let redacted = floor.redact(&text);
            prop_assert!(!redacted.text.contains(&specimen.secret), "{} in {:?}", specimen.rule, redacted.text);
        }
    }

    #[test]
    fn pieces_give_what_the_whole_gives(text in mixture(), which in 0..FILES.len(), size in 1..40_usize) {
        let floor = floor(FILES[which]);
        let whole = floor.redact(&text);
        prop_assume!(!whole.text.contains("redaction_failed"));
        let mut redactor = floor.redactor();
        let mut output = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            redactor.push(piece, &mut output);
        }
        let findings = redactor.finish(&mut output);
        prop_assert_eq!(String::from_utf8_lossy(&output), whole.text);
        prop_assert_eq!(findings, whole.findings);
    }
}
