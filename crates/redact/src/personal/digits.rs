//! The runs of digits ahead of a position, and whether a number may begin or end somewhere.

/// Most runs of digits that one number is written in.
const MAX_RUNS: usize = 8;

/// Most digits that one number has; an IBAN has more, but is read in another way.
const MAX_DIGITS: usize = 24;

/// Most bytes that one number takes with its separators.
const MAX_AHEAD: usize = 40;

/// A run of digits in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Run {
    start: usize,
    end: usize,
    /// How many digits all runs up to this one have together.
    digits: usize,
}

/// The next few runs of digits and their separators.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead<'t> {
    pub(super) text: &'t [u8],
    runs: [Run; MAX_RUNS],
    count: usize,
    digits: [u8; MAX_DIGITS],
}

impl<'t> Ahead<'t> {
    /// Reads the runs from the digit at `start` on, none after `end`.
    pub(super) fn new(text: &'t [u8], start: usize, end: usize) -> Self {
        let mut ahead =
            Self { text, runs: [Run::default(); MAX_RUNS], count: 0, digits: [0; MAX_DIGITS] };
        let limit = end.min(start.saturating_add(MAX_AHEAD));
        let mut at = start;
        let mut total = 0;
        while let Some(slot) = ahead.runs.get_mut(ahead.count) {
            let run_start = at;
            while at < limit
                && let Some(&digit) = text.get(at).filter(|byte| byte.is_ascii_digit())
            {
                if let Some(place) = ahead.digits.get_mut(total + at - run_start) {
                    *place = digit;
                }
                at += 1;
            }
            total += at - run_start;
            if at == run_start || total > MAX_DIGITS || is_digit(text, at) {
                break;
            }
            *slot = Run { start: run_start, end: at, digits: total };
            ahead.count += 1;
            while at < limit && !is_digit(text, at) {
                at += 1;
            }
        }
        ahead
    }

    /// How many runs there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Where the first run starts.
    pub(super) fn start(&self) -> usize {
        self.run(0).start
    }

    /// Where the first `count` runs end.
    pub(super) fn end(&self, count: usize) -> usize {
        self.run(count.saturating_sub(1)).end
    }

    /// How many digits the run has; none if there is no such run.
    pub(super) fn len(&self, run: usize) -> usize {
        let run = self.run(run);
        run.end - run.start
    }

    /// Whether the number is written in exactly these many runs of these lengths, and maybe goes on.
    pub(super) fn has_shape(&self, lengths: &[usize]) -> bool {
        lengths.len() <= self.count
            && lengths.iter().enumerate().all(|(run, &length)| self.len(run) == length)
    }

    /// What stands between a run and the one after it.
    pub(super) fn separator(&self, after: usize) -> &'t [u8] {
        self.text.get(self.run(after).end..self.run(after + 1).start).unwrap_or_default()
    }

    /// Whether the first `count` runs all stand apart by this one byte.
    pub(super) fn is_separated_by(&self, count: usize, separator: u8) -> bool {
        (1..count).all(|run| self.separator(run - 1) == [separator])
    }

    /// The digits of the first `count` runs.
    pub(super) fn digits(&self, count: usize) -> &[u8] {
        let total = self.run(count.saturating_sub(1)).digits;
        self.digits.get(..total).unwrap_or_default()
    }

    /// The digits of one run.
    pub(super) fn run_digits(&self, run: usize) -> &'t [u8] {
        let run = self.run(run);
        self.text.get(run.start..run.end).unwrap_or_default()
    }

    fn run(&self, run: usize) -> Run {
        self.runs.get(run).copied().unwrap_or_default()
    }
}

/// The byte at `at`, if there is one.
pub(super) fn byte(text: &[u8], at: usize) -> Option<u8> {
    text.get(at).copied()
}

/// The byte that stands `distance` bytes before `at`; 1 is right before.
pub(super) fn before(text: &[u8], at: usize, distance: usize) -> Option<u8> {
    byte(text, at.checked_sub(distance)?)
}

/// Whether a digit stands at `at`.
pub(super) fn is_digit(text: &[u8], at: usize) -> bool {
    byte(text, at).is_some_and(|byte| byte.is_ascii_digit())
}

/// Whether a digit stands `distance` bytes before `at`.
pub(super) fn is_digit_before(text: &[u8], at: usize, distance: usize) -> bool {
    before(text, at, distance).is_some_and(|byte| byte.is_ascii_digit())
}

/// How many digits stand right before `to`, looking at few.
pub(super) fn digits_before(text: &[u8], to: usize) -> usize {
    (1..=MAX_DIGITS).take_while(|&distance| is_digit_before(text, to, distance)).count()
}

/// How many digits stand from `from` on, looking at few.
pub(super) fn digits_after(text: &[u8], from: usize) -> usize {
    (0..MAX_DIGITS).take_while(|&distance| is_digit(text, from + distance)).count()
}

/// Whether a number may begin at `at`: nothing before makes it the tail of a word or a larger number.
pub(super) fn starts_free(text: &[u8], at: usize) -> bool {
    let Some(touching) = before(text, at, 1) else {
        return true;
    };
    let beyond = before(text, at, 2);
    match touching {
        b'_' | b'-' | b'/' | b'+' | b'%' | b'@' | b'$' | b'\\' => false,
        b'.' => beyond.is_some_and(|byte| byte.is_ascii_alphabetic()),
        b':' => !is_digit_before(text, at, 2),
        b'#' => beyond != Some(b'&'),
        b',' => {
            !is_digit_before(text, at, 2)
                || digits_after(text, at) != 3
                || joins_with_dash(text, at + 3)
        }
        // The letter of `\n` and the like belongs to the escape.
        b'n' | b't' | b'r' => beyond == Some(b'\\'),
        byte => !byte.is_ascii_alphanumeric(),
    }
}

fn joins_with_dash(text: &[u8], at: usize) -> bool {
    matches!(byte(text, at), Some(b'-' | b')'))
}

/// Whether a number may end at `at`: nothing after makes it the head of a word, a name or a larger number.
pub(super) fn ends_free(text: &[u8], at: usize) -> bool {
    let Some(touching) = byte(text, at) else {
        return true;
    };
    let beyond = byte(text, at + 1);
    match touching {
        b'_' | b'%' | b'@' => false,
        b'-' | b'/' | b'+' => !beyond.is_some_and(|byte| byte.is_ascii_alphanumeric()),
        b':' => !is_digit(text, at + 1),
        // A file's extension begins with a small letter, the next sentence does not.
        b'.' => !beyond.is_some_and(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()),
        b',' => digits_after(text, at + 1) != 3 || digits_before(text, at) > 3,
        byte => !byte.is_ascii_alphanumeric(),
    }
}

/// Whether the number from `start` to `end` is one of a row of numbers with single spaces between.
pub(super) fn is_in_row(text: &[u8], start: usize, end: usize) -> bool {
    (before(text, start, 1) == Some(b' ') && is_digit_before(text, start, 2))
        || (byte(text, end) == Some(b' ') && is_digit(text, end + 1))
}

/// Whether the digits are a year of our times.
pub(super) fn is_year(digits: &[u8]) -> bool {
    digits.len() == 4 && (digits.starts_with(b"19") || digits.starts_with(b"20"))
}

#[cfg(test)]
mod tests {
    use super::{Ahead, ends_free, starts_free};

    #[test]
    fn runs_are_read_with_their_separators() {
        let ahead = Ahead::new(b"12) 345-6789x", 0, 12);
        assert!(ahead.has_shape(&[2, 3, 4]));
        assert_eq!((ahead.count(), ahead.digits(2)), (3, &b"12345"[..]));
        assert_eq!((ahead.separator(0), ahead.separator(1)), (&b") "[..], &b"-"[..]));
        assert_eq!(ahead.end(3), 12);
    }

    #[test]
    fn what_is_too_long_is_no_run() {
        let digits = [b'7'; 100];
        assert_eq!(Ahead::new(&digits, 0, 100).count(), 0);
        assert_eq!(Ahead::new(&digits, 0, 24).count(), 0);
        assert_eq!(Ahead::new(&digits[..24], 0, 24).count(), 1);
    }

    #[test]
    fn numbers_begin_and_end_where_nothing_is_glued_to_them() {
        for (head, free) in [
            ("", true),
            (" ", true),
            ("=", true),
            ("\\n", true),
            ("tel.", true),
            ("7,", false),
            ("n", false),
            ("1.", false),
            ("v", false),
            ("a-", false),
            ("/", false),
            ("_", false),
            ("&#", false),
        ] {
            assert_eq!(starts_free(format!("{head}123").as_bytes(), head.len()), free, "{head}");
        }
        for (tail, free) in [
            ("", true),
            (" ", true),
            (". ", true),
            (".N", true),
            (".png", false),
            (".5", false),
            ("-a", false),
            ("-", true),
            (":30", false),
            (",123", false),
            (",1234", true),
            ("m", false),
            ("@", false),
        ] {
            assert_eq!(ends_free(format!("123{tail}").as_bytes(), 3), free, "{tail}");
        }
    }
}
