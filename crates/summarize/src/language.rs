//! Which language a text is written in: a closed list, by script and by its most frequent words.

use std::collections::HashMap;
use std::sync::LazyLock;

const _: () = assert!(FREQUENT.len() <= u16::BITS as usize, "a bit for each language");

/// How many words are looked at: a language shows within a few lines.
const MAX_WORDS: usize = 600;

/// Least hits of frequent words that tell a language from a quotation in it.
const MIN_HITS: usize = 3;

/// Words that are frequent in one language and rare in the others of this list.
const FREQUENT: &[(&str, &str)] = &[
    (
        "English",
        "the and is are to of that this with for was it you my what how can have not your we please when which if from as be there would",
    ),
    (
        "German",
        "der das und ist nicht ich wie mit für auf ein eine einen sich den dem wir sie bitte kann wird auch aber oder bei nach von zu im mein",
    ),
    (
        "French",
        "le les des est dans une pour pas que qui vous je nous avec sur mon ma comment bonjour merci mais ce cette du au et il elle",
    ),
    (
        "Spanish",
        "el los las una para por con como qué cómo está pero gracias mi su más del al esto puede hola y es muy cuando tengo",
    ),
    (
        "Italian",
        "il che di è per non una sono con mi come della nel gli questo grazie ciao più anche ho del alla delle posso vorrei e",
    ),
    (
        "Portuguese",
        "não para uma com os as você está como mais meu minha obrigado são em do da no na ao isso pode olá também eu e",
    ),
    (
        "Dutch",
        "het een van niet ik dat met voor zijn op te wat hoe maar ook deze naar kan bij wordt mijn aan graag heb",
    ),
    ("Swedish", "och att det är inte jag som på med för av ett den hur vi kan har till min från"),
    (
        "Danish or Norwegian",
        "og det er ikke jeg som på med til av et hvordan vi kan har fra min at jeg vil hva",
    ),
    (
        "Polish",
        "nie jest się na że jak dla czy mam to jestem proszę są ale co oraz przez być mój od",
    ),
    ("Turkish", "ve bir bu için ile nasıl değil çok var ben daha olarak ama ne mi gibi merhaba"),
    ("Czech", "je se že jak na není pro ale jsem prosím které jsou nebo když mám by být"),
    ("Indonesian", "yang dan di untuk dengan tidak saya ini itu bagaimana dari ada bisa akan pada"),
];

/// The languages in which a word is frequent, a bit for each.
static LANGUAGES: LazyLock<HashMap<&str, u16>> = LazyLock::new(|| {
    let mut languages = HashMap::new();
    for (index, (_, frequent)) in FREQUENT.iter().enumerate() {
        for word in frequent.split(' ') {
            *languages.entry(word).or_default() |= 1 << index;
        }
    }
    languages
});

/// The language of that name.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    let names = FREQUENT.iter().map(|(name, _)| *name);
    names.chain(SCRIPTS.iter().map(|(name, ..)| *name)).find(|known| *known == name)
}

/// The language of texts; `None` when too little tells.
pub(crate) fn language_of<'a>(texts: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let mut hits = [0_usize; FREQUENT.len()];
    let mut scripts = [0_usize; SCRIPTS.len()];
    let mut words = 0;
    let all = texts.flat_map(|text| text.split(|c: char| !c.is_alphabetic()));
    for word in all.filter(|word| !word.is_empty()).take(MAX_WORDS) {
        words += 1;
        let languages = LANGUAGES.get(word.to_lowercase().as_str()).copied().unwrap_or(0);
        for (index, hit) in hits.iter_mut().enumerate() {
            *hit += usize::from(languages >> index & 1 == 1);
        }
        if let Some(script) = word.chars().next().and_then(script_of) {
            scripts[script] += 1;
        }
    }
    let most = (0..SCRIPTS.len()).rev().max_by_key(|script| scripts[*script])?;
    if scripts[most] * 3 > words {
        return Some(named(most, &scripts));
    }
    let best = (0..FREQUENT.len()).rev().max_by_key(|language| hits[*language])?;
    (hits[best] >= MIN_HITS).then_some(FREQUENT[best].0)
}

/// Scripts that tell a language by themselves, by their blocks.
const SCRIPTS: &[(&str, u32, u32)] = &[
    ("Japanese", 0x3040, 0x30FF),
    ("Chinese", 0x4E00, 0x9FFF),
    ("Korean", 0xAC00, 0xD7AF),
    ("a Cyrillic script", 0x0400, 0x04FF),
    ("Greek", 0x0370, 0x03FF),
    ("Arabic script", 0x0600, 0x06FF),
    ("Hebrew", 0x0590, 0x05FF),
    ("Hindi", 0x0900, 0x097F),
    ("Thai", 0x0E00, 0x0E7F),
];

fn script_of(letter: char) -> Option<usize> {
    let code = u32::from(letter);
    SCRIPTS.iter().position(|(_, first, last)| (*first..=*last).contains(&code))
}

/// Japanese is written with Chinese characters too, so any kana decides.
fn named(most: usize, scripts: &[usize]) -> &'static str {
    if SCRIPTS[most].0 == "Chinese" && scripts[0] > 0 { "Japanese" } else { SCRIPTS[most].0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(language_of([text].into_iter()), expected, "{text}");
    }

    #[test]
    fn frequent_words_and_scripts_tell() {
        check("Why is the build slow and how can we make it faster?", Some("English"));
        check(
            "Warum ist der Server nicht erreichbar und wie kann ich das beheben?",
            Some("German"),
        );
        check("Bonjour, je ne peux pas ouvrir le fichier dans mon dossier", Some("French"));
        check("Hola, no puedo entrar en mi cuenta, ¿cómo está el pedido?", Some("Spanish"));
        check("これは日本語で書かれた文です", Some("Japanese"));
        check("为什么服务器不能启动", Some("Chinese"));
        check("Почему сервер не запускается", Some("a Cyrillic script"));
        check("zzz", None);
    }
}
