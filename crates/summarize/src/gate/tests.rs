use modelstat_redact::RawText;

use super::*;

/// What the gate says of one output, when nothing is known to have been removed.
fn check_leak<'a>(
    output: &str,
    inputs: impl IntoIterator<Item = &'a str>,
    floor: &Floor,
) -> Result<(), LeakError> {
    let gate = Gate { floor, removed: Removed::none(), names: Vec::new() };
    gate.check(&[output], inputs, Quoting::Refused)
}

fn check(output: &str, input: &str, expected: Result<(), LeakError>) {
    assert_eq!(check_leak(output, [input], Floor::built_in()), expected, "{output}");
}

#[test]
fn five_shared_words_pass_and_six_do_not() {
    let input = "The quick brown fox jumps over the lazy dog";
    check("saw: quick brown fox jumps over", input, Ok(()));
    check("saw: QUICK, brown fox jumps over — the", input, Err(LeakError::Verbatim));
}

#[test]
fn pieces_of_five_words_do_not_add_up() {
    let input = "one two three four five six seven eight nine ten eleven";
    let output = "one two three four five; so seven eight nine ten eleven";
    check(output, input, Err(LeakError::Pieces));
}

#[test]
fn words_in_reverse_are_the_same_words() {
    let input = "The quick brown fox jumps over the lazy dog";
    check("dog lazy the over jumps fox brown", input, Err(LeakError::Verbatim));
    check("a nimretsew name", "it was westermin then", Err(LeakError::Spread));
}

#[test]
fn scripts_without_spaces_count_by_letter() {
    check("日本語で書かれ", "これは日本語で書かれた文です", Err(LeakError::Verbatim));
    check("日本語", "これは日本語で書かれた文です", Ok(()));
}

#[test]
fn what_the_floor_hides_is_refused() {
    check("mail jane@example.com", "", Err(LeakError::Finding));
    check("mail ｊａｎｅ@ｅｘａｍｐｌｅ.ｃｏｍ", "", Err(LeakError::Finding));
}

#[test]
fn what_this_host_hides_is_refused() {
    let floor = Floor::built_in().clone().with_identifiers(["jane.doe"]);
    assert_eq!(check_leak("as jane.doe said", [], &floor), Err(LeakError::Finding));
    assert_eq!(check_leak("as jane.doe said", [], Floor::built_in()), Ok(()));
}

#[test]
fn names_of_one_thing_are_refused_if_they_come_from_the_input() {
    let input = "call billing_export in src/jobs/nightly.rs of acme-7, see getInvoiceTotal at 90210 or zebra.corp";
    for (output, why) in [
        ("calls billing_export", LeakError::Identifier),
        ("calls BILLING_EXPORT", LeakError::Identifier),
        ("calls billingexport", LeakError::Identifier),
        ("calls getinvoicetotal", LeakError::Identifier),
        ("for ACME-7", LeakError::Identifier),
        ("on zebra.corp", LeakError::Identifier),
        ("in src/jobs/nightly.rs", LeakError::Path),
        ("in nightly.rs", LeakError::Identifier),
        ("at 90210", LeakError::Number),
        ("at 9-0-2-1-0", LeakError::Number),
        ("at ９０２１０", LeakError::Number),
        ("n i g h t l y", LeakError::Spread),
    ] {
        check(output, input, Err(why));
        check(output, "nothing of the kind", Ok(()));
    }
}

#[test]
fn a_token_too_long_for_a_word_is_refused() {
    check("so abcdefghijklmnopqrstuvwxyz is", "", Err(LeakError::LongToken));
    check("c o n f i d e n t i a l", "", Err(LeakError::Spread));
}

#[test]
fn what_was_removed_is_refused() {
    let mut removed = Removed::new([3; 32]);
    removed.add(&RawText::from("Zebedee Quill"));
    let gate = Gate { floor: Floor::built_in(), removed: &removed, names: Vec::new() };
    let check = |output: &str| gate.check(&[output], [], Quoting::Allowed);
    assert_eq!(check("asked by ZEBEDEE"), Err(LeakError::Removed));
    assert_eq!(check("asked by z e b e d e e"), Err(LeakError::Removed));
    assert_eq!(check("asked by somebody"), Ok(()));
}

#[test]
fn names_with_fields_of_their_own_pass() {
    let gate = Gate {
        floor: Floor::built_in(),
        removed: Removed::none(),
        names: vec!["claude-sonnet-4-20250514"],
    };
    let input = ["I use claude-sonnet-4-20250514 here"];
    let said = "Debugging with claude-sonnet-4-20250514: cache.";
    assert_eq!(gate.check(&[said], input, Quoting::Refused), Ok(()));
    assert!(check_leak(said, input, Floor::built_in()).is_err());
}

#[test]
fn a_quotation_passes_only_where_it_may() {
    let gate = Gate { floor: Floor::built_in(), removed: Removed::none(), names: Vec::new() };
    let input = ["The quick brown fox jumps over the lazy dog"];
    assert_eq!(gate.check(&input, input, Quoting::Allowed), Ok(()));
    assert_eq!(gate.check(&input, input, Quoting::Refused), Err(LeakError::Verbatim));
}
