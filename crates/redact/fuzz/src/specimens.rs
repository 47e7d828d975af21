//! Texts out of the fuzzer's bytes. The byte [`PLANT`] and the one after it stand for a specimen, so that
//! the fuzzer moves whole secrets about and no file of seeds holds one.

/// Never a part of UTF-8, so every text can still be written as it is.
const PLANT: u8 = 0xff;

/// Pieces that are put together to a specimen; `#` stands for a letter or digit that differs each time.
const SPECIMENS: &[&[&str]] = &[
    &["gh", "p_", "####################################"],
    &["github", "_pat_", "######################", "_", "#########################"],
    &["sk", "-ant-", "api03-", "################################"],
    &["sk", "-proj-", "################################"],
    &["AK", "IA", "QWERTYUIOPASDFGH"],
    &["AI", "za", "###################################"],
    &["xox", "b-", "123456789012-", "########################"],
    &["sk", "_live_", "########################"],
    &["ey", "JhbGciOi######", ".", "eyJzdWIi############", ".", "####################"],
    &["Bear", "er ", "########################"],
    &["Authorization: Bas", "ic ", "########################"],
    &["post", "gres://user:", "############", "@db.internal/app"],
    &["https://user:", "############", "@example.com/path"],
    &["jane.", "######", "@example.com"],
    &["/ho", "me/", "######", "/src/main.rs"],
    &["C:\\", "Users\\", "######", "\\Desktop"],
    &["MY_SERVICE", "_TOKEN=", "####################"],
    &["\"pass", "word\": \"", "################", "\""],
    &["-----BEGIN ", "RSA PRIVATE ", "KEY-----"],
    &["-----END ", "RSA PRIVATE ", "KEY-----"],
    &["################################################################"],
    &["########################################"],
    &["4111 ", "1111 ", "1111 ", "1111"],
    &["4111", "1111", "1111", "1111"],
    &["GB33 ", "BUKB ", "2020 ", "1555 ", "5555 ", "55"],
    &["+1-", "202-", "555-", "0173"],
    &["123-", "45-", "6789"],
    &["M", "#######################", ".", "######", ".", "###########################"],
    &["[REDA", "CTED:email]"],
    &["[REDA", "CTED:"],
    &["<user>:[REDA", "CTED:db_password]"],
    &["api", "_key = '", "########################", "'"],
];

/// The text that the fuzzer's bytes stand for.
pub(crate) fn text(input: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(input.len());
    let mut rest = input.iter().copied();
    let mut seed = 0x9e37_79b9;
    while let Some(byte) = rest.next() {
        if byte != PLANT {
            bytes.push(byte);
            continue;
        }
        plant(rest.next().unwrap_or(0), &mut bytes, &mut seed);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A specimen by its number, for values that are wanted alone.
pub(crate) fn specimen(number: u8) -> String {
    text(&[PLANT, number])
}

fn plant(number: u8, bytes: &mut Vec<u8>, seed: &mut u32) {
    let Some(pieces) = SPECIMENS.get(usize::from(number) % SPECIMENS.len()) else { return };
    for byte in pieces.concat().into_bytes() {
        bytes.push(if byte == b'#' { letter(seed) } else { byte });
    }
}

fn letter(seed: &mut u32) -> u8 {
    const LETTERS: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    LETTERS[(*seed >> 16) as usize % LETTERS.len()]
}
