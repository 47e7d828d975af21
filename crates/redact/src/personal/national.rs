//! National identity and tax numbers: the ways they are written, and who checks them.
//!
//! In a shape `9` is a digit, `A` a letter, `X` either, and any other byte is itself.

use super::context::{Context, Topic};
use super::digits::{Ahead, before, byte, ends_free, is_digit, is_in_row, starts_free};
use super::{europe, world};

/// Most letters and digits of an id.
const MAX_PLACES: usize = 20;

/// What a shape needs besides right check digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Separators or letters that hardly anything else has.
    Nothing,
    /// A word before that names the id.
    Word,
}

/// One way in which an id is written.
struct Form {
    shape: &'static [u8],
    id: Topic,
    needs: Needs,
}

const fn alone(id: Topic, shape: &'static str) -> Form {
    Form { shape: shape.as_bytes(), id, needs: Needs::Nothing }
}

const fn word(id: Topic, shape: &'static str) -> Form {
    Form { shape: shape.as_bytes(), id, needs: Needs::Word }
}

/// Forms by the length of their first run of digits, which the index is.
#[rustfmt::skip]
static FORMS: [&[Form]; 19] = [
    &[],
    &[
        alone(Topic::Nir, "9 99 99 99 999 999 99"), word(Topic::Nir, "9 99 99 99 999 999"), alone(Topic::Rut, "9.999.999-X"), word(Topic::Israeli, "9-9999999-9"),
        alone(Topic::Thai, "9-9999-99999-99-9"), word(Topic::Thai, "9 9999 99999 99 9"),
    ],
    &[
        alone(Topic::Rut, "99.999.999-X"), alone(Topic::Cuil, "99-99999999-9"), alone(Topic::Cnpj, "99.999.999/9999-99"),
        alone(Topic::Belgian, "99.99.99-999.99"), alone(Topic::Belgian, "99.99.99-999-99"), word(Topic::Belgian, "99 99 99 999 99"),
        alone(Topic::SteuerId, "99 999 999 999"), alone(Topic::Abn, "99 999 999 999"), alone(Topic::Nino, "AA 99 99 99 A"), alone(Topic::Nino, "AA99 99 99A"),
        alone(Topic::GermanSv, "99 999999 A 999"), alone(Topic::Dni, "99.999.999-A"), alone(Topic::Dni, "99.999.999A"), word(Topic::Dni, "99.999.999"),
        word(Topic::Ird, "99-999-999"), word(Topic::Ird, "99 999 999"), word(Topic::Tckn, "99 999 999 999"),
    ],
    &[
        alone(Topic::Cpf, "999.999.999-99"), word(Topic::Cpf, "999 999 999 99"), word(Topic::Cpf, "999.999.99999"), alone(Topic::Cpf, "999-999-999-99"),
        alone(Topic::Ahv, "999.9999.9999.99"), alone(Topic::Ahv, "999 9999 9999 99"), alone(Topic::Nhs, "999 999 9999"), word(Topic::Nhs, "999-999-9999"),
        word(Topic::Bsn, "999 999 999"), word(Topic::Bsn, "999.999.999"), word(Topic::Nif, "999 999 999"), word(Topic::Sin, "999 999 999"), word(Topic::Sin, "999-999-999"),
        word(Topic::Tfn, "999 999 999"), word(Topic::Tfn, "999-999-999"), word(Topic::Ird, "999-999-999"), word(Topic::Ird, "999 999 999"), alone(Topic::Snils, "999-999-999 99"),
        alone(Topic::Nip, "999-999-99-99"), alone(Topic::Pis, "999.99999.99-9"), word(Topic::Itin, "999-99-9999"), word(Topic::Afm, "999 999 999"), word(Topic::Israeli, "999 999 999"),
    ],
    &[
        alone(Topic::Aadhaar, "9999 9999 9999"), alone(Topic::Aadhaar, "9999-9999-9999"), word(Topic::MyNumber, "9999 9999 9999"), word(Topic::MyNumber, "9999-9999-9999"),
        alone(Topic::Medicare, "9999 99999 9"), alone(Topic::AustrianSv, "9999 999999"), word(Topic::AustrianSv, "9999-999999"), word(Topic::Bsn, "9999.99.999"),
    ],
    &[word(Topic::Cnic, "99999-9999999-9")],
    &[
        alone(Topic::Personnummer, "999999-9999"), alone(Topic::Personnummer, "999999+9999"), word(Topic::Personnummer, "999999 9999"),
        alone(Topic::Cpr, "999999-9999"), word(Topic::Cpr, "999999 9999"), alone(Topic::Kennitala, "999999-9999"), word(Topic::Egn, "999999 9999"),
        alone(Topic::Hetu, "999999-999X"), alone(Topic::Hetu, "999999+999X"), alone(Topic::Fodselsnummer, "999999 99999"), word(Topic::Fodselsnummer, "999999-99999"),
        alone(Topic::RodneCislo, "999999/9999"), word(Topic::RodneCislo, "999999/999"), word(Topic::Baltic, "999999-99999"), alone(Topic::Nino, "AA 999999 A"), alone(Topic::Nino, "AA 999999A"),
        alone(Topic::Rrn, "999999-9999999"), alone(Topic::HongKong, "A999999(9)"), alone(Topic::Malaysian, "999999-99-9999"), word(Topic::Oib, "999999 9999999"),
        word(Topic::SouthAfrican, "999999 9999 999"), word(Topic::SouthAfrican, "999999 9999 99 9"),
    ],
    &[alone(Topic::Dni, "A-9999999-A"), alone(Topic::Dni, "A-9999999A"), word(Topic::Pps, "9999999 A")],
    &[
        alone(Topic::Dni, "99999999-A"), word(Topic::Dni, "99999999 A"), word(Topic::Dni, "99999999"), word(Topic::Rut, "99999999-X"), alone(Topic::Personnummer, "99999999-9999"),
        word(Topic::Personnummer, "99999999 9999"), word(Topic::Ird, "99999999"), word(Topic::Israeli, "99999999-9"), word(Topic::Tfn, "99999999"),
    ],
    &[
        word(Topic::Bsn, "999999999"), word(Topic::Nif, "999999999"), word(Topic::Sin, "999999999"), word(Topic::Tfn, "999999999"), word(Topic::Ird, "999999999"),
        word(Topic::Israeli, "999999999"), word(Topic::Afm, "999999999"), alone(Topic::Cpf, "999999999-99"), word(Topic::Itin, "999999999"), word(Topic::RodneCislo, "999999999"),
        word(Topic::Rut, "999999999"),
    ],
    &[
        word(Topic::Nhs, "9999999999"), word(Topic::Nip, "9999999999"), word(Topic::AustrianSv, "9999999999"), word(Topic::Personnummer, "9999999999"),
        word(Topic::Cpr, "9999999999"), word(Topic::Kennitala, "9999999999"), word(Topic::RodneCislo, "9999999999"), word(Topic::Egn, "9999999999"), word(Topic::Medicare, "9999999999"),
    ],
    &[
        word(Topic::SteuerId, "99999999999"), word(Topic::Belgian, "99999999999"), word(Topic::Pesel, "99999999999"), word(Topic::Fodselsnummer, "99999999999"),
        word(Topic::Amka, "99999999999"), word(Topic::Tckn, "99999999999"), word(Topic::Cpf, "99999999999"), word(Topic::Cuil, "99999999999"), word(Topic::Oib, "99999999999"),
        word(Topic::Baltic, "99999999999"), word(Topic::Snils, "99999999999"), word(Topic::Abn, "99999999999"), word(Topic::Medicare, "99999999999"), word(Topic::Pis, "99999999999"),
    ],
    &[word(Topic::Aadhaar, "999999999999"), word(Topic::MyNumber, "999999999999"), word(Topic::Personnummer, "999999999999"), word(Topic::Inn, "999999999999"), word(Topic::Malaysian, "999999999999")],
    &[
        word(Topic::Ahv, "9999999999999"), word(Topic::Cnp, "9999999999999"), word(Topic::SouthAfrican, "9999999999999"), word(Topic::Rrn, "9999999999999"), word(Topic::Oib, "9999999999999"),
        word(Topic::Thai, "9999999999999"), word(Topic::Cnic, "9999999999999"), word(Topic::Nir, "9999999999999"),
    ],
    &[word(Topic::Cnpj, "99999999999999")],
    &[word(Topic::Nir, "999999999999999")],
    &[word(Topic::Nik, "9999999999999999")],
    &[],
    &[alone(Topic::ResidentId, "999999999999999999")],
];

/// Forms without separators that hold letters.
#[rustfmt::skip]
static COMPACT: &[Form] = &[
    alone(Topic::Nino, "AA999999A"), alone(Topic::Dni, "99999999A"), alone(Topic::Dni, "A9999999A"), alone(Topic::Nric, "A9999999A"), word(Topic::Pps, "9999999A"), word(Topic::Pps, "9999999AA"),
    word(Topic::Taiwanese, "A999999999"), word(Topic::Pan, "AAAAA9999A"), alone(Topic::Hetu, "999999A999X"), alone(Topic::GermanSv, "99999999A999"), word(Topic::Rfc, "AAAA999999XXX"),
    word(Topic::Malaysian, "A99999999999"), alone(Topic::Nir, "999999A99999999"), alone(Topic::CodiceFiscale, "AAAAAA99A99A999A"), alone(Topic::Curp, "AAAA999999AAAAAAX9"),
    alone(Topic::ResidentId, "99999999999999999A"), word(Topic::HongKong, "A9999999"),
];

/// Where an id starts and ends whose first digits are the first run, by its looks alone or with a word.
pub(super) fn find(ahead: &Ahead<'_>, context: &mut Context<'_>) -> Option<(usize, usize)> {
    let (text, first) = (ahead.text, ahead.start());
    FORMS.get(ahead.len(0))?.iter().find_map(|form| {
        let letters = form.shape.iter().position(|&place| place == b'9')?;
        let start = first.checked_sub(letters)?;
        let (end, places) = read(text, start, form.shape)?;
        let is_beside_others = is_in_row(text, start, end) && form.shape.contains(&b' ');
        let needs = if is_beside_others { Needs::Word } else { form.needs };
        fits(form.id, needs, text, (start, end), &places, context).then_some((start, end))
    })
}

/// Whether the run from `start` to `end` is an id.
pub(super) fn is_compact(text: &[u8], start: usize, end: usize) -> bool {
    let mut context = Context::new(text, start);
    COMPACT.iter().filter(|form| form.shape.len() == end - start).any(|form| {
        let Some((_, places)) = read(text, start, form.shape) else {
            return false;
        };
        // Small letters are words, hexadecimal digits and the like.
        let is_small =
            text.get(start..end).is_some_and(|run| run.iter().any(u8::is_ascii_lowercase));
        let needs = if is_small { Needs::Word } else { form.needs };
        fits(form.id, needs, text, (start, end), &places, &mut context)
    })
}

fn fits(
    id: Topic,
    needs: Needs,
    text: &[u8],
    (start, end): (usize, usize),
    places: &Places,
    context: &mut Context<'_>,
) -> bool {
    let is_named = |context: &mut Context<'_>| context.has(id) || context.has(Topic::Identity);
    starts_free(text, start)
        && ends_free(text, end)
        && is_valid(id, places.as_slice())
        && (is_named(context) || (needs == Needs::Nothing && stands_out(id, places.as_slice())))
}

/// The letters and digits of an id, letters in upper case.
struct Places {
    places: [u8; MAX_PLACES],
    count: usize,
}

impl Places {
    fn as_slice(&self) -> &[u8] {
        self.places.get(..self.count).unwrap_or_default()
    }
}

/// Reads what is written in this shape at `start`, if it is, and where it ends.
fn read(text: &[u8], start: usize, shape: &[u8]) -> Option<(usize, Places)> {
    let mut places = Places { places: [0; MAX_PLACES], count: 0 };
    let mut at = start;
    for &expected in shape {
        let actual = byte(text, at)?;
        let is_place = match expected {
            b'9' => actual.is_ascii_digit(),
            b'A' => actual.is_ascii_alphabetic(),
            b'X' => actual.is_ascii_alphanumeric(),
            _ => false,
        };
        if is_place {
            *places.places.get_mut(places.count)? = actual.to_ascii_uppercase();
            places.count += 1;
        } else if actual != expected || expected.is_ascii_alphanumeric() {
            return None;
        }
        at += 1;
    }
    let is_whole =
        !(is_digit(text, at) && before(text, at, 1).is_some_and(|byte| byte.is_ascii_digit()));
    is_whole.then_some((at, places))
}

/// Whether valid digits are an id even where no word says so: times and years pass some checks too.
fn stands_out(id: Topic, places: &[u8]) -> bool {
    match id {
        Topic::Personnummer => !europe::is_recent_time(places),
        Topic::Nino => europe::has_given_nino_prefix(places),
        Topic::Nhs => europe::has_given_nhs_digit(places),
        Topic::Cpr => europe::has_cpr_check(places),
        Topic::Aadhaar => !world::is_row_of_years(places),
        Topic::Rrn => world::has_rrn_check(places),
        _ => true,
    }
}

fn is_valid(id: Topic, places: &[u8]) -> bool {
    let check: fn(&[u8]) -> bool = match id {
        Topic::Phone
        | Topic::Card
        | Topic::Ssn
        | Topic::Host
        | Topic::Version
        | Topic::Identity => return false,
        Topic::Aadhaar => world::is_aadhaar,
        Topic::Abn => world::is_abn,
        Topic::Afm => europe::is_afm,
        Topic::Ahv => europe::is_ahv,
        Topic::Amka => europe::is_amka,
        Topic::AustrianSv => europe::is_austrian_sv,
        Topic::Baltic => europe::is_baltic,
        Topic::Belgian => europe::is_belgian,
        Topic::Bsn => europe::is_bsn,
        Topic::Cnic => world::is_cnic,
        Topic::Cnp => europe::is_cnp,
        Topic::Cnpj => world::is_cnpj,
        Topic::CodiceFiscale => europe::is_codice_fiscale,
        Topic::Cpf => world::is_cpf,
        Topic::Cpr => europe::is_cpr,
        Topic::Cuil => world::is_cuil,
        Topic::Curp => world::is_curp,
        Topic::Dni => europe::is_dni,
        Topic::Egn => europe::is_egn,
        Topic::Fodselsnummer => europe::is_fodselsnummer,
        Topic::GermanSv => europe::is_german_sv,
        Topic::Hetu => europe::is_hetu,
        Topic::HongKong => world::is_hong_kong,
        Topic::Inn => europe::is_inn,
        Topic::Ird => world::is_ird,
        Topic::Israeli => world::is_israeli,
        Topic::Itin => world::is_itin,
        Topic::Kennitala => europe::is_kennitala,
        Topic::Malaysian => world::is_malaysian,
        Topic::Medicare => world::is_medicare,
        Topic::MyNumber => world::is_my_number,
        Topic::Nhs => europe::is_nhs,
        Topic::Nif => europe::is_nif,
        Topic::Nik => world::is_nik,
        Topic::Nino => europe::is_nino,
        Topic::Nip => europe::is_nip,
        Topic::Nir => europe::is_nir,
        Topic::Nric => world::is_nric,
        Topic::Oib => europe::is_oib,
        Topic::Pan => world::is_pan,
        Topic::Personnummer => europe::is_personnummer,
        Topic::Pesel => europe::is_pesel,
        Topic::Pis => world::is_pis,
        Topic::Pps => europe::is_pps,
        Topic::ResidentId => world::is_resident_id,
        Topic::Rfc => world::is_rfc,
        Topic::RodneCislo => europe::is_rodne_cislo,
        Topic::Rrn => world::is_rrn,
        Topic::Rut => world::is_rut,
        Topic::Sin => world::is_sin,
        Topic::Snils => europe::is_snils,
        Topic::SouthAfrican => world::is_south_african,
        Topic::SteuerId => europe::is_steuer_id,
        Topic::Taiwanese => world::is_taiwanese,
        Topic::Tckn => europe::is_tckn,
        Topic::Tfn => world::is_tfn,
        Topic::Thai => world::is_thai,
    };
    check(places)
}

#[cfg(test)]
mod tests {
    use super::super::Personal::NationalId;
    use super::super::testing::{check, check_none, complete, completions};
    use super::{COMPACT, FORMS, MAX_PLACES};

    #[test]
    fn forms_stand_where_their_first_run_says() {
        for (length, forms) in FORMS.iter().enumerate() {
            for form in *forms {
                let run = form
                    .shape
                    .iter()
                    .skip_while(|place| **place != b'9')
                    .take_while(|place| **place == b'9');
                assert_eq!(run.count(), length, "{}", String::from_utf8_lossy(form.shape));
            }
        }
        assert!(COMPACT.iter().all(|form| form.shape.len() <= MAX_PLACES));
    }

    /// Shapes that stand alone; of all ways to fill the `?`, so many are right.
    #[test]
    fn telling_forms_are_found_alone() {
        for (shape, right) in [
            ("123.456.789-??", 1),
            ("529.982.247-2?", 1),
            ("987654321-??", 1),
            ("11.222.333/0001-??", 1),
            ("120.64357.18-?", 1),
            ("756.1234.5678.9?", 1),
            ("756 9217 0769 8?", 1),
            ("943 476 591?", 1),
            ("1 84 12 76 451 089 ??", 1),
            ("36 574 261 80?", 1),
            ("85.07.30-033.??", 2),
            ("1237 0101?0", 1),
            ("123? 010180", 1),
            ("811228-987?", 1),
            ("19811228-987?", 1),
            ("710319/274?", 1),
            ("211062-562?", 2),
            ("120174-33?9", 4),
            ("010107 50?60", 1),
            ("526-104-0?-28", 1),
            ("2341 2341 234?", 1),
            ("20-12345678-?", 1),
            ("12.531.909-?", 1),
            ("7.654.321-?", 1),
            ("971013-201990?", 1),
            ("2123 45670 ?", 10),
            ("51 824 753 55?", 1),
            ("112-233-445 ??", 1),
            ("1-2345-67890-12-?", 1),
            ("1101051949123100?X", 1),
            ("11010519800101123?", 1),
            ("880312-14-5??7", 100),
        ] {
            complete(shape, right, NationalId);
            complete(&format!("it is {shape}"), right, NationalId);
        }
    }

    #[test]
    fn forms_with_letters_are_found_alone() {
        for number in [
            "12345678Z",
            "12345678-Z",
            "12.345.678-Z",
            "X1234567L",
            "X-1234567-L",
            "RSSMRA85T10A562S",
            "131052-308T",
            "131052A308T",
            "AB123456C",
            "AB 12 34 56 C",
            "S1234567D",
            "BOXW310820HNERXN09",
            "15070649C103",
            "15 070649 C 103",
            "12.345.670-K",
            "11010519491231002X",
            "A123456(3",
            "185052A00401567",
        ] {
            let number =
                if number.contains('(') { format!("{number})") } else { number.to_owned() };
            for (head, tail) in [("", ""), ("id ", "."), ("\"", "\""), ("x,", ",y")] {
                check(&format!("{head}{number}{tail}"), &[(NationalId, &number)]);
            }
        }
        check_none(&[
            "12345678A",
            "X1234567A",
            "RSSMRA85T10A562T",
            "131052-308A",
            "DQ123456C",
            "S1234567A",
            "BOXW310820HNERXN08",
            "12345678Za",
            "a-12345678Z",
            "12345678z",
            "20240102T",
        ]);
    }

    #[test]
    fn short_groups_between_letters_are_read() {
        let text = b"my nino is AB 123456 C, yes";
        let mut found = Vec::new();
        super::super::find_in_digits(text, 14, 20, false, &mut |one| {
            found.push((one.what, one.start, one.end));
        });
        assert_eq!(found, [(NationalId, 11, 22)]);
    }

    #[test]
    fn bare_digits_need_their_word() {
        for (word, shape) in [
            ("pesel", "4405140135?"),
            ("BSN", "11122233?"),
            ("nif", "12345678?"),
            ("EGN", "752316926?"),
            ("cnp", "163061512345?"),
            ("AMKA", "0101309999?"),
            ("TCKN", "1000000014?"),
            ("cpf", "529982247??"),
            ("cnpj", "112223330001??"),
            ("cuil", "2012345678?"),
            ("Aadhaar", "23412341234?"),
            ("my number", "12345678901?"),
            ("tfn", "12345678?"),
            ("SIN", "13069254?"),
            ("SA ID", "800101500908?"),
            ("israeli id", "03933742?"),
            ("steuerId", "3657426180?"),
            ("nhs", "943476591?"),
            ("svnr", "123?010180"),
            ("Personnummer", "811228987?"),
            ("fødselsnummer", "01010750?60"),
            ("ahv", "756123456789?"),
            ("nir", "1841276451089??"),
            ("rijksregister", "850730033??"),
            ("oib", "3339200596?"),
            ("isikukood", "3680528010?"),
            ("ird", "4909185?"),
            ("inn", "5001007322??"),
            ("afm", "09425921?"),
            ("nip", "52610402?8"),
            ("snils", "112233445??"),
            ("rodné číslo", "710319274?"),
        ] {
            let right = completions(&format!("my {word} is {shape}"), NationalId);
            assert!((1..=2).contains(&right.len()), "{word}: {right:?}");
            complete(&format!("order {shape}"), 0, NationalId);
        }
    }

    #[test]
    fn times_years_and_tables_are_no_ids() {
        check_none(&[
            "20240102-1230",
            "240102-1234",
            "2019 2020 2021",
            "2024-01-02",
            "123456789",
            "12345678901",
            "123 456 789",
            "1704067200000",
            "100 200 300",
            "1 2 3 4 5 6 7 8 9 10 11 12",
            "a1b2c3d4e5f60718",
            "550e8400-e29b-41d4-a716-446655440000",
            "1.2.3-beta.4",
            "978-3-16-148410-0",
        ]);
    }
}
