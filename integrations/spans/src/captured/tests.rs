use super::*;

fn text(text: &str) -> AttributeValue<'_> {
    AttributeValue::Text(text.into())
}

#[test]
fn a_later_value_takes_the_place_of_an_earlier_one() {
    let mut captured = Captured::new(true);
    captured.put("gen_ai.request.model", text("asked"));
    captured.put_copied("gen_ai.request.model", "answered");
    assert_eq!(captured.text("gen_ai.request.model"), Some("answered"));
    assert_eq!(captured.attributes.len(), 1);
    assert_eq!(captured.bytes, "answered".len());
}

#[test]
fn what_nothing_reads_is_not_kept() {
    let mut captured = Captured::new(true);
    captured.put("http.url", text("https://example.test"));
    captured.put_shown("gen_ai.tool.definitions", &"[]");
    assert!(captured.attributes.is_empty());
}

#[test]
fn without_content_no_prompt_is_taken() {
    let mut captured = Captured::new(false);
    captured.put_copied("gen_ai.input.messages", "what is asked");
    captured.put_shown("gen_ai.prompt.0.content", &"what is asked");
    captured.put("gen_ai.request.model", text("gpt-x"));
    assert_eq!(captured.attributes.len(), 1);
}

#[test]
fn a_long_prompt_is_cut_and_a_long_id_is_left_out() {
    let long = "é".repeat(1_000_000);
    let mut captured = Captured::new(true);
    captured.put("gen_ai.input.messages", text(&long));
    captured.put_copied("gen_ai.output.messages", &long);
    captured.put_shown("gen_ai.system_instructions", &long);
    captured.put("gen_ai.response.id", text(&long));
    captured.put_copied("gen_ai.response.model", &long);
    captured.put_shown("gen_ai.conversation.id", &long);
    for key in ["gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"] {
        let kept = captured.text(key).expect("a text").len();
        assert!((1024 * 1024 + 1..=MAX_CONTENT_BYTES).contains(&kept), "{key}: {kept}");
    }
    assert_eq!(captured.attributes.len(), 3);
}

#[test]
fn a_span_has_a_limit_of_attributes_and_bytes() {
    let mut captured = Captured::new(true);
    let megabyte = "x".repeat(1024 * 1024);
    for index in 0..10_000 {
        captured.put(format!("gen_ai.prompt.{index}.content"), text(&megabyte));
    }
    assert!(captured.bytes <= MAX_SPAN_BYTES);
    for index in 0..10_000 {
        captured.put(format!("gen_ai.field_{index}"), AttributeValue::Integer(1));
    }
    captured.put("gen_ai.field_0", AttributeValue::Integer(2));
    assert!(captured.attributes.len() <= MAX_ATTRIBUTES);
}

/// Writes without end, as a cyclic structure would.
struct Endless;

impl fmt::Debug for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        loop {
            f.write_str("again and ")?;
        }
    }
}

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("begun")?;
        panic!("a value that cannot be shown");
    }
}

#[test]
fn a_value_without_end_is_stopped() {
    let mut captured = Captured::new(true);
    let counted = allocation_counter::measure(|| {
        captured.put_shown("gen_ai.response.id", &Endless);
        captured.put_shown("gen_ai.output.messages", &Endless);
    });
    assert!(captured.text("gen_ai.response.id").is_none());
    assert!(captured.text("gen_ai.output.messages").is_some());
    assert!(counted.bytes_max < 4 * 1024 * 1024, "{}", counted.bytes_max);
}

#[test]
fn a_value_that_panics_is_left_out() {
    let mut captured = Captured::new(true);
    captured.put_shown("gen_ai.response.id", &Panics);
    captured.put_shown("gen_ai.output.messages", &Panics);
    captured.put_shown("error", &Panics);
    assert!(captured.attributes.is_empty());
    assert!(captured.is_failed);
}

#[test]
fn a_failure_is_seen_and_its_message_is_not_kept() {
    for (key, value, expected) in [
        ("otel.status_code", text("ERROR"), true),
        ("otel.status_code", text("ok"), false),
        ("error", text("connection to db.internal refused"), true),
        ("error", text("false"), false),
        ("error", AttributeValue::Bool(true), true),
    ] {
        let mut captured = Captured::new(true);
        captured.put(key, value);
        assert_eq!(captured.is_failed, expected, "{key}");
        assert!(captured.attributes.is_empty());
    }
}
