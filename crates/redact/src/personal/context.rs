//! The words before a number that say what it is.

use super::digits::{before, byte};
use crate::bytes::is_in_placeholder;

/// How far before a number a word may end, in bytes.
const REACH: usize = 32;

/// The same for words that stand before phone numbers: they are everyday words.
const PHONE_REACH: usize = 24;

/// How far to look back: the reach and the longest word.
const MAX_BACK: usize = 60;

/// ASCII words up to this length must stand alone, longer ones may go on: `phone` does in `phoneNumber`.
const MAX_WHOLE_WORD: usize = 4;

/// What a number may be said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Phone,
    Card,
    Ssn,
    Host,
    Version,
    /// Some id of a person: any of the ones below.
    Identity,
    Aadhaar,
    Abn,
    Afm,
    Ahv,
    Amka,
    AustrianSv,
    Baltic,
    Belgian,
    Bsn,
    Cnic,
    Cnp,
    Cnpj,
    CodiceFiscale,
    Cpf,
    Cpr,
    Cuil,
    Curp,
    Dni,
    Egn,
    Fodselsnummer,
    GermanSv,
    Hetu,
    HongKong,
    Inn,
    Ird,
    Israeli,
    Itin,
    Kennitala,
    Malaysian,
    Medicare,
    MyNumber,
    Nhs,
    Nif,
    Nik,
    Nino,
    Nip,
    Nir,
    Nric,
    Oib,
    Pan,
    Personnummer,
    Pesel,
    Pis,
    Pps,
    ResidentId,
    Rfc,
    RodneCislo,
    Rrn,
    Rut,
    Sin,
    Snils,
    SouthAfrican,
    SteuerId,
    Taiwanese,
    Tckn,
    Tfn,
    Thai,
}

impl Topic {
    const fn bit(self) -> u64 {
        1 << (self as u64)
    }
}

/// Words in lower case by what they say. A space stands for one of space, `_`, `-`, `.` or for nothing, as in `taxId`.
#[rustfmt::skip]
const WORDS: &[(Topic, &[&str])] = &[
    (Topic::Phone, &[
        "phone", "telephone", "cellphone", "smartphone", "tel", "mobile", "cell", "fax", "call me", "call us", "call him", "call her", "call them", "call back", "call at", "call on", "call to", "call from", "calling", "whatsapp", "sms", "dial", "hotline",
        "helpline", "landline", "voip", "pager", "gsm", "text me", "text us", "text him", "text her", "reach me", "reach us", "reach him",
        "reach her", "reach them", "ring me", "contact me", "contact us", "contact no", "contact number", "please contact", "please call", "my number is", "your number is", "his number is", "her number is", "their number is", "new number is", "telefon", "handy", "rufnummer", "anrufen", "ruf mich",
        "telefone", "telefono", "teléfono", "tlf", "tlfnr", "telemovel", "telemóvel", "móvil", "movil", "celular", "cellulare",
        "portable", "tél", "téléphone", "appelle", "appelez", "joindre", "mobil", "mobiel", "komórk", "komork", "zadzwo", "puhelin",
        "llama", "llámame", "ligue", "ligar", "chiama", "bel mij", "bel me", "ring mig", "ring meg", "zavolej", "volejte",
        "телефон", "тел", "電話", "电话", "手机", "전화",
    ]),
    (Topic::Card, &[
        "card", "credit", "debit", "visa", "mastercard", "maestro", "amex", "american express", "discover", "diners", "cc", "karte",
        "kartennummer", "kreditkarte", "carte", "tarjeta", "cartão", "cartao", "carta", "kort", "kortnummer", "kreditkort", "kredittkort",
        "betalingskort", "kaart", "creditcard", "karta", "karty", "kartu", "luottokort", "卡号", "カード",
    ]),
    (Topic::Ssn, &["ssn", "ssnum", "social security", "social sec", "soc sec"]),
    (Topic::Host, &["ip", "ipv4", "ipaddr", "ip address", "host", "server", "remote", "address", "dns"]),
    (Topic::Version, &["ver", "version", "release", "oid", "build"]),
    (Topic::Identity, &[
        "national id", "national identity", "national identification", "identity number", "identity card", "identity document", "identification number",
        "id card", "personal id", "personal identity", "personal number", "personal code", "government id", "tax id", "tax number", "taxpayer",
        "tin", "cedula", "cédula", "documento", "dokument", "citizen id", "citizen number", "resident id", "fiscal number", "fiscal code",
    ]),
    (Topic::Aadhaar, &["aadhaar", "aadhar", "adhaar", "uidai"]),
    (Topic::Abn, &["abn", "australian business"]),
    (Topic::Afm, &["afm", "αφμ", "ΑΦΜ"]),
    (Topic::Ahv, &["ahv", "avs", "navs13"]),
    (Topic::Amka, &["amka", "αμκα", "ΑΜΚΑ"]),
    (Topic::AustrianSv, &["svnr", "sv nummer", "sozialversicherung", "versicherungsnummer"]),
    (Topic::Baltic, &["isikukood", "asmens kod"]),
    (Topic::Belgian, &["rijksregister", "registre national", "national number", "niss", "insz"]),
    (Topic::Bsn, &["bsn", "burgerservice", "sofi"]),
    (Topic::Cnic, &["cnic", "nadra"]),
    (Topic::Cnp, &["cnp", "cod numeric"]),
    (Topic::Cnpj, &["cnpj"]),
    (Topic::CodiceFiscale, &["codice fiscale"]),
    (Topic::Cpf, &["cpf", "cadastro de pessoa"]),
    (Topic::Cpr, &["cpr", "personnummer"]),
    (Topic::Cuil, &["cuil", "cuit"]),
    (Topic::Curp, &["curp"]),
    (Topic::Dni, &["dni", "nie", "nif"]),
    (Topic::Egn, &["egn", "егн", "ЕГН"]),
    (Topic::Fodselsnummer, &["fødselsn", "fodselsn", "foedselsn", "fnr", "personnummer"]),
    (Topic::GermanSv, &["rentenversicherung", "sozialversicherung", "versicherungsnummer"]),
    (Topic::Hetu, &["hetu", "henkilötunnus", "henkilotunnus"]),
    (Topic::HongKong, &["hkid", "hong kong id"]),
    (Topic::Inn, &["inn", "инн", "ИНН"]),
    (Topic::Ird, &["ird", "inland revenue"]),
    (Topic::Israeli, &["israeli id", "id number", "teudat zehut", "תעודת זהות"]),
    (Topic::Itin, &["itin", "individual taxpayer", "tax id"]),
    (Topic::Kennitala, &["kennitala"]),
    (Topic::Malaysian, &["mykad", "nric"]),
    (Topic::Medicare, &["medicare"]),
    (Topic::MyNumber, &["my number", "マイナンバー", "個人番号"]),
    (Topic::Nhs, &["nhs", "national health", "health number"]),
    (Topic::Nif, &["nif", "contribuinte", "vat"]),
    (Topic::Nik, &["nik", "ktp"]),
    (Topic::Nino, &["nino", "national insurance", "ni number"]),
    (Topic::Nip, &["nip"]),
    (Topic::Nir, &["nir", "insee", "sécu", "securite sociale", "sécurité sociale", "social security"]),
    (Topic::Nric, &["nric", "fin"]),
    (Topic::Oib, &["oib"]),
    (Topic::Pan, &["pan", "permanent account"]),
    (Topic::Personnummer, &["personnummer", "personnr", "samordningsnummer"]),
    (Topic::Pesel, &["pesel"]),
    (Topic::Pis, &["pis", "pasep"]),
    (Topic::Pps, &["pps", "ppsn"]),
    (Topic::ResidentId, &["身份证", "身份證", "resident identity"]),
    (Topic::Rfc, &["rfc"]),
    (Topic::RodneCislo, &["rodné", "rodne", "rodného"]),
    (Topic::Rrn, &["rrn", "resident registration", "주민등록"]),
    (Topic::Rut, &["rut", "rol único"]),
    (Topic::Sin, &["sin", "social insurance"]),
    (Topic::Snils, &["snils", "снилс", "СНИЛС"]),
    (Topic::SouthAfrican, &["south african", "sa id", "rsa id", "id number"]),
    (Topic::SteuerId, &["steuer", "idnr", "identifikationsnummer"]),
    (Topic::Taiwanese, &["taiwan"]),
    (Topic::Tckn, &["tckn", "tc kimlik", "kimlik"]),
    (Topic::Tfn, &["tfn", "tax file"]),
    (Topic::Thai, &["thai id"]),
];

const COUNT: usize = {
    let (mut count, mut row) = (0, 0);
    while row < WORDS.len() {
        count += WORDS[row].1.len();
        row += 1;
    }
    count
};

/// The words in the order of their first bytes, so that only those are compared that can match.
static BY_FIRST_BYTE: [(&str, Topic); COUNT] = {
    let mut words = [("", Topic::Phone); COUNT];
    let (mut count, mut row) = (0, 0);
    while row < WORDS.len() {
        let mut column = 0;
        while column < WORDS[row].1.len() {
            let word = WORDS[row].1[column];
            let mut place = count;
            while place > 0 && words[place - 1].0.as_bytes()[0] > word.as_bytes()[0] {
                words[place] = words[place - 1];
                place -= 1;
            }
            words[place] = (word, WORDS[row].0);
            count += 1;
            column += 1;
        }
        row += 1;
    }
    words
};

/// What the words before a number say, looked up when first asked.
#[derive(Debug)]
pub(super) struct Context<'t> {
    text: &'t [u8],
    at: usize,
    topics: Option<u64>,
}

impl<'t> Context<'t> {
    /// The context of the number that begins at `at`.
    pub(super) fn new(text: &'t [u8], at: usize) -> Self {
        Self { text, at, topics: None }
    }

    /// Whether a word says that the number is one of these.
    pub(super) fn has(&mut self, topic: Topic) -> bool {
        let (text, at) = (self.text, self.at);
        let topics = *self.topics.get_or_insert_with(|| topics_before(text, at));
        topics & topic.bit() != 0
    }
}

fn topics_before(text: &[u8], at: usize) -> u64 {
    let mut topics = 0;
    for distance in 1..=MAX_BACK {
        let Some(start) = at.checked_sub(distance) else {
            break;
        };
        match byte(text, start) {
            None | Some(b'\n') => break,
            // The name in a placeholder says nothing of a number after it.
            Some(b']') if is_in_placeholder(text, start) => break,
            Some(first) if may_begin_word(text, start, first) => {
                topics |= topics_at(text, start, first, at);
            }
            Some(_) => {}
        }
    }
    topics
}

/// Whether a word may begin here: after no letter, or with a capital as in `homePhone`. Scripts without
/// spaces have no such signs.
fn may_begin_word(text: &[u8], start: usize, first: u8) -> bool {
    let previous = before(text, start, 1);
    match first {
        b'a'..=b'z' => !previous.is_some_and(|byte| byte.is_ascii_alphabetic()),
        b'A'..=b'Z' => !previous.is_some_and(|byte| byte.is_ascii_uppercase()),
        _ => first >= 0xc0,
    }
}

fn topics_at(text: &[u8], start: usize, first: u8, number: usize) -> u64 {
    let first = first.to_ascii_lowercase();
    let from = BY_FIRST_BYTE.partition_point(|(word, _)| word.as_bytes().first() < Some(&first));
    let words = BY_FIRST_BYTE.get(from..).unwrap_or_default();
    words
        .iter()
        .take_while(|(word, _)| word.as_bytes().first() == Some(&first))
        .filter(|(word, topic)| {
            let reach = if *topic == Topic::Phone { PHONE_REACH } else { REACH };
            end_of_word(text, start, word.as_bytes())
                .is_some_and(|end| end <= number && number - end <= reach)
        })
        .fold(0, |topics, (_, topic)| topics | topic.bit())
}

/// Where the word ends that starts at `start`, if it is this one.
fn end_of_word(text: &[u8], start: usize, word: &[u8]) -> Option<usize> {
    let mut at = start;
    for &expected in word {
        let actual = byte(text, at)?;
        if expected == b' ' {
            at += usize::from(matches!(actual, b' ' | b'_' | b'-' | b'.'));
        } else if actual.eq_ignore_ascii_case(&expected) {
            at += 1;
        } else {
            return None;
        }
    }
    let may_go_on = word.len() > MAX_WHOLE_WORD || !word.is_ascii();
    (may_go_on || stands_alone(text, start, at)).then_some(at)
}

/// Whether a short word stands alone: before no letter but the capital in `ssnValue`, not in the middle of
/// a name as in `SET_SMS_MODE`, and no call of a function.
fn stands_alone(text: &[u8], start: usize, end: usize) -> bool {
    let last_is_small = before(text, end, 1).is_some_and(|byte| byte.is_ascii_lowercase());
    match byte(text, end) {
        Some(b'A'..=b'Z') => last_is_small,
        Some(b'(') => false,
        Some(b'_') => before(text, start, 1) != Some(b'_'),
        Some(byte) => !byte.is_ascii_lowercase() && byte < 0x80,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{Context, Topic};

    fn says(text: &str, topic: Topic) -> bool {
        let at = text.find(|letter: char| letter.is_ascii_digit()).unwrap_or(text.len());
        Context::new(text.as_bytes(), at).has(topic)
    }

    #[test]
    fn words_are_known_in_every_spelling() {
        for text in [
            "phone 1",
            "Phone: 1",
            "homePhone=1",
            "phoneNumber: 1",
            "TELEPHONE 1",
            "\"tel\":\"1",
            "cell_no 1",
            "my_cell: 1",
            "Téléphone : 1",
            "手机1",
            "call me at 1",
            "Tel.: 1",
            "contact number is 1",
        ] {
            assert!(says(text, Topic::Phone), "{text}");
        }
        for text in ["tax id 1", "taxId: 1", "TAX_ID=1", "Tax-ID 1", "taxid 1"] {
            assert!(says(text, Topic::Identity), "{text}");
        }
    }

    #[test]
    fn other_words_and_far_ones_do_not_count() {
        for text in [
            "microphone 1",
            "hotel 1",
            "TELNET 1",
            "tell 1",
            "recall 1",
            "call(1",
            "phone\n1",
            "1 phone",
            "phone and what else there is to say 1",
            "caller 1",
        ] {
            assert!(!says(text, Topic::Phone), "{text}");
        }
    }
}
