//! The rules' own examples and counter-examples, with credentials made up at run time from the shapes.

use crate::bytes::Charset;
use crate::redact;
use crate::schema::{PieceText, SETS, parse_shape};
use crate::tables::{SPECIMENS, Specimen};

/// Where a credential may stand.
const CARRIERS: &[&str] = &[
    "{}",
    "use {} for it",
    "key = \"{}\"",
    "{\"value\": \"{}\"}",
    "{\\\"value\\\": \\\"{}\\\"}",
    "line\n{}\nline",
    "escaped\\n{}\\n",
    "see `{}`, then",
    "https://example.com/?q={}&x=1",
    "<x>{}</x>",
    "é{} é",
];

/// Numbers that look random and are the same on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % count
    }
}

/// A credential of that shape.
fn made_up(shape: &str, dice: &mut Dice) -> String {
    let pieces = parse_shape(shape).unwrap_or_else(|error| panic!("{shape}: {error}"));
    pieces.iter().fold(String::new(), |text, piece| match piece {
        PieceText::Literal(literal) => text + literal,
        PieceText::Run { set, least, most } => {
            let count = most.map_or((*least).max(20), |most| most.min(least + 6));
            (0..count).fold(text, |mut text, _| {
                text.push(member(set, dice));
                text
            })
        }
    })
}

/// A member of the set, mostly a letter or a digit, as in credentials.
fn member(set: &str, dice: &mut Dice) -> char {
    let number = SETS.iter().position(|name| *name == set).expect("the shape was read");
    let set = Charset::numbered(number);
    loop {
        let byte = u8::try_from(dice.below(127)).unwrap_or(b'a');
        let is_plain = byte.is_ascii_alphanumeric();
        if set.has(byte) && (is_plain || dice.below(25) == 0) && !b"`,;)<".contains(&byte) {
            return char::from(byte);
        }
    }
}

/// The text before a credential that needs a word before it.
fn introduced(specimen: &Specimen, credential: &str) -> String {
    match specimen.context.first() {
        Some(word) => format!("{word} = {credential}"),
        None => credential.to_owned(),
    }
}

/// In how many of the carriers a credential of that shape is found.
fn carriers_found(specimen: &Specimen, shape: &str, dice: &mut Dice) -> usize {
    let is_found = |carrier: &&&str| {
        let credential = made_up(shape, dice);
        let held = carrier.replace("{}", &introduced(specimen, &credential));
        !redact(&held).text.contains(&credential)
    };
    CARRIERS.iter().filter(is_found).count()
}

#[test]
fn every_rule_finds_what_its_shapes_make_wherever_it_stands() {
    let mut dice = Dice(7);
    let (mut found, mut all) = (0, 0);
    let mut lost = Vec::new();
    for specimen in SPECIMENS {
        for shape in specimen.shapes {
            let count = carriers_found(specimen, shape, &mut dice);
            found += count;
            all += CARRIERS.len();
            // What has no head is known by being random, which chance makes one in fifty of not.
            let is_headed = shape.find('[').is_none_or(|head| head > 2) && !shape.contains("any:");
            let least = if is_headed { CARRIERS.len() - 1 } else { CARRIERS.len() / 2 };
            if count < least {
                lost.push(format!("{} `{shape}` in {} of {}", specimen.id, count, CARRIERS.len()));
            }
        }
    }
    assert!(lost.is_empty(), "{} lost: {lost:#?}", lost.len());
    assert!(found * 100 >= all * 98, "{found} of {all}");
}

#[test]
fn every_rule_finds_its_examples() {
    let mut dice = Dice(11);
    for specimen in SPECIMENS {
        let Some(shape) = specimen.shapes.first() else { continue };
        for example in specimen.examples {
            // The second and third are for those without a head that chance makes read as a word.
            let is_found = (0..3).any(|_| {
                let credential = made_up(shape, &mut dice);
                !redact(&example.replace("{}", &credential)).text.contains(&credential)
            });
            assert!(is_found, "{}: lost in {example}", specimen.id);
        }
    }
}

#[test]
fn no_rule_touches_a_counter_example() {
    let mut touched = Vec::new();
    for specimen in SPECIMENS {
        for counter in specimen.counter {
            let redacted = redact(counter);
            if !redacted.is_clean() {
                touched.push(format!("{}: {counter} became {}", specimen.id, redacted.text));
            }
        }
    }
    assert!(touched.is_empty(), "{touched:#?}");
}

#[test]
fn most_credentials_are_named_by_a_rule_of_their_vendor() {
    let mut dice = Dice(13);
    let (mut named, mut all) = (0, 0);
    for specimen in SPECIMENS.iter().filter(|specimen| specimen.context.is_empty()) {
        let name = crate::Rule::all().find(|rule| rule.id() == specimen.id).map(crate::Rule::name);
        for shape in specimen.shapes {
            let text = format!("it is {}.", made_up(shape, &mut dice));
            let found = redact(&text).findings;
            all += 1;
            named += usize::from(
                found.len() == 1 && found.first().map(|found| found.rule.name()) == name,
            );
        }
    }
    assert!(named * 100 >= all * 90, "{named} of {all}");
}
