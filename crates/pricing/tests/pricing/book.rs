//! The compiled-in book holds what the files promise, and a bad file is refused.

use std::collections::HashSet;

use modelstat_pricing::{BookError, Class, PriceBook};

#[test]
fn every_model_has_sources_and_dates_without_gaps() {
    let book = PriceBook::builtin();
    let mut ids = HashSet::new();
    for model in book.models() {
        let name = format!("{}/{}", model.provider, model.id);
        assert!(model.url.starts_with("https://"), "{name}");
        assert!(!model.stated_by.is_empty(), "{name}");
        assert!(model.checked.as_str() <= book.version(), "{name}");
        for price in &model.prices {
            assert!(ids.insert(price.id.clone()), "{name}: {} is not unique", price.id);
            assert!(price.rates.get(Class::Input) > price.rates.get(Class::CacheRead), "{name}");
            assert!(price.rates.get(Class::Output) >= price.rates.get(Class::Input), "{name}");
            assert_eq!(price.rates.get(Class::Reasoning), price.rates.get(Class::Output), "{name}");
        }
        for pair in model.prices.windows(2) {
            assert!(pair[0].to.is_some(), "{name}");
            assert_eq!(pair[0].to, pair[1].from, "{name}");
        }
    }
    let providers: HashSet<_> = book.models().map(|model| &*model.provider).collect();
    assert_eq!(providers, HashSet::from(["anthropic", "google", "mistral", "openai"]));
}

#[test]
fn the_guide_names_every_model() {
    let guide = include_str!("../../../../docs/prices.md");
    for model in PriceBook::builtin().models() {
        assert!(guide.contains(&format!("`{}`", model.id)), "{} is missing", model.id);
    }
}

/// A file with one price; `price` is its text.
fn file(price: &str) -> String {
    format!(
        "provider = \"p\"\nurl = \"https://p.example\"\nchecked = \"2026-01-01\"\n\
         packages = [\"by hand\"]\n[[model]]\nid = \"m\"\nstated_by = [\"by hand\"]\n{price}"
    )
}

fn refusal(text: &str) -> BookError {
    PriceBook::parse(&[text]).expect_err("a bad file")
}

#[test]
fn rates_must_be_whole_pico_usd() {
    let with_input = |input| file(&format!("[[model.price]]\ninput = \"{input}\"\noutput = \"1\""));
    PriceBook::parse(&[&with_input("0.000001")]).expect("one pico a token");
    for input in ["0.0000001", "-1", "1e3", "", "1000001", "0.0000000000001"] {
        let expected = BookError::Rate { model: "p/m".to_owned(), class: "input" };
        assert_eq!(refusal(&with_input(input)), expected, "{input}");
    }
    // A dollar per 1,000 searches is 10⁹ pico a search; a thousandth of 10⁻⁹ is no whole one.
    let searches =
        file("[[model.price]]\ninput = \"1\"\noutput = \"1\"\nweb_search = \"0.0000000001\"");
    let expected = BookError::Rate { model: "p/m".to_owned(), class: "web_search" };
    assert_eq!(refusal(&searches), expected);
}

#[test]
fn dates_must_follow_each_other() {
    let price = |from: &str, to: &str| {
        let line = |key, day: &str| {
            if day.is_empty() { String::new() } else { format!("{key} = \"{day}\"\n") }
        };
        let (from, to) = (line("from", from), line("to", to));
        format!("[[model.price]]\n{from}{to}input = \"1\"\noutput = \"1\"\n")
    };
    let dates = BookError::Dates { model: "p/m".to_owned() };
    for (first, second) in [
        (("", "2026-01-01"), ("2026-01-02", "")),           // a gap
        (("", "2026-01-02"), ("2026-01-01", "")),           // an overlap
        (("", ""), ("2026-01-01", "")),                     // an open end before another price
        (("", "2026-01-01"), ("", "")),                     // an open start after another price
        (("2026-01-02", "2026-01-01"), ("2026-01-01", "")), // backwards
        (("", "2026-02-30"), ("2026-02-30", "")),           // no day
    ] {
        let text = file(&format!("{}{}", price(first.0, first.1), price(second.0, second.1)));
        assert_eq!(refusal(&text), dates, "{first:?} {second:?}");
    }
    let good = file(&format!("{}{}", price("", "2026-01-01"), price("2026-01-01", "")));
    PriceBook::parse(&[&good]).expect("dates that follow each other");
}

#[test]
fn names_sources_and_multipliers_are_checked() {
    let plain = file("[[model.price]]\ninput = \"1\"\noutput = \"1\"\n");
    let named = |name: &str| BookError::Name { name: name.to_owned() };
    assert_eq!(PriceBook::parse(&[&plain, &plain]).expect_err("one provider twice"), named("p"));
    assert_eq!(refusal(&plain.replace("\"m\"", "\"M\"")), named("M"));
    assert_eq!(refusal(&plain.replace("\"m\"", "\"m\"\naliases = [\"m\"]")), named("m"));
    let sourceless = BookError::Provenance { provider: "p".to_owned() };
    assert_eq!(refusal(&plain.replace("https://", "ftp://")), sourceless);
    assert_eq!(refusal(&plain.replace("2026-01-01", "lately")), sourceless);
    assert_eq!(refusal(&plain.replace("stated_by = [\"by hand\"]", "stated_by = []")), sourceless);

    let multiplier = BookError::Multiplier { model: "p/m".to_owned() };
    for mode in ["all = \"0.5\"", "all = \"1/0\"", "all = \"1/2\", speech = \"1/2\""] {
        assert_eq!(refusal(&format!("{plain}batch = {{ {mode} }}")), multiplier, "{mode}");
    }
    let long =
        format!("{plain}cache_read = \"1\"\nlong = {{ above = 1, input = \"1\", output = \"1\" }}");
    assert_eq!(refusal(&long), BookError::LongContext { model: "p/m".to_owned() });
    assert!(matches!(refusal("provider = "), BookError::Syntax { file: 0, .. }));
    assert!(matches!(refusal(&format!("{plain}inptu = \"1\"")), BookError::Syntax { .. }));
}
