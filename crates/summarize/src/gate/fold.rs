//! Undoes spellings that hide a text from a comparison.

use std::borrow::Cow;

/// How many single letters in a row are a word that was spread.
const MIN_SPREAD: usize = 4;

/// Folds full-width forms to ASCII and leaves out what nobody sees.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let folded = text.chars().filter(|c| !is_invisible(*c)).map(|c| match u32::from(c) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFF01 + 0x21).unwrap_or(c),
        0x3000 | 0x00A0 | 0x2002..=0x200A | 0x202F => ' ',
        0x2010..=0x2015 | 0x2212 => '-',
        0x2024 => '.',
        code @ 0x1D7CE..=0x1D7FF => char::from_u32((code - 0x1D7CE) % 10 + 0x30).unwrap_or(c),
        code @ 0x1D400..=0x1D6A3 => mathematical(code).unwrap_or(c),
        code @ 0x24D0..=0x24E9 => char::from_u32(code - 0x24D0 + 0x61).unwrap_or(c),
        code @ 0x24B6..=0x24CF => char::from_u32(code - 0x24B6 + 0x41).unwrap_or(c),
        _ => c,
    });
    Cow::Owned(folded.collect())
}

/// Thirteen alphabets of capitals and small letters follow each other.
fn mathematical(code: u32) -> Option<char> {
    let letter = (code - 0x1D400) % 52;
    char::from_u32(if letter < 26 { 0x41 + letter } else { 0x61 + letter - 26 })
}

fn is_invisible(c: char) -> bool {
    matches!(
        u32::from(c),
        0x00AD | 0x034F | 0x061C | 0x180E | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x2064
            | 0xFE00..=0xFE0F | 0xFEFF | 0xE0000..=0xE007F
    )
}

/// Words that were spread over single letters, put together again (`s e c r e t`, `s-e-c-r-e-t`).
pub(super) fn spread_words(folded: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut gap = 0;
    let mut piece = String::new();
    let mut end = |word: &mut String| {
        if word.chars().count() >= MIN_SPREAD {
            found.push(std::mem::take(word));
        }
        word.clear();
    };
    for c in folded.chars().chain([' ']) {
        if c.is_alphanumeric() {
            if piece.is_empty() && gap > 3 {
                end(&mut word);
            }
            piece.push(c);
            gap = 0;
            continue;
        }
        gap += 1;
        if piece.is_empty() {
            continue;
        }
        if piece.chars().nth(1).is_some() {
            end(&mut word);
        } else {
            word.push_str(&piece);
        }
        piece.clear();
    }
    end(&mut word);
    found
}

/// Digits that belong to one number, however they are grouped: nothing but two marks or spaces between two.
pub(super) fn numbers(folded: &str) -> impl Iterator<Item = Vec<u32>> {
    let mut rest = folded.chars().peekable();
    std::iter::from_fn(move || {
        while rest.next_if(|c| !c.is_ascii_digit()).is_some() {}
        rest.peek()?;
        let mut digits = Vec::new();
        let mut gap = 0;
        while let Some(c) = rest.next_if(|c| c.is_ascii_digit() || " -.,/:()+_".contains(*c)) {
            match c.to_digit(10) {
                Some(digit) => {
                    digits.push(digit);
                    gap = 0;
                }
                None => gap += 1,
            }
            if gap > 2 {
                break;
            }
        }
        Some(digits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_spellings_are_undone() {
        assert_eq!(fold("ｓｅｃ\u{200B}ｒｅｔ４２\u{00AD}"), "secret42");
        assert_eq!(fold("\u{1D5CC}\u{1D5BE}\u{1D7D2}"), "se4");
        assert_eq!(spread_words("it is s e c r e t, a b c"), ["secretabc"]);
        assert_eq!(spread_words("s-e-c-r-e-t and x"), ["secret"]);
        assert_eq!(spread_words("plain words only"), Vec::<String>::new());
    }

    #[test]
    fn groups_of_digits_are_one_number() {
        let all: Vec<_> = numbers("call 555-12 34 or 7 apples").collect();
        assert_eq!(all, [vec![5, 5, 5, 1, 2, 3, 4], vec![7]]);
    }
}
