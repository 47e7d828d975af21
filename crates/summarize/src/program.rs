//! Which programming languages a segment was about: a closed list, by fences, file endings and words.

use std::collections::BTreeMap;

/// Most that kept signs count, so that a damaged number overflows no sum.
const MAX_RECALLED: u64 = 1_000_000_000;

/// Most languages that are named.
const MAX_NAMED: usize = 3;

/// A language: its name, fence tags, file endings, and words that mean nothing else.
struct Known {
    name: &'static str,
    tags: &'static [&'static str],
    endings: &'static [&'static str],
    words: &'static [&'static str],
}

const fn known(
    name: &'static str,
    tags: &'static [&'static str],
    endings: &'static [&'static str],
    words: &'static [&'static str],
) -> Known {
    Known { name, tags, endings, words }
}

const LANGUAGES: &[Known] = &[
    known("Rust", &["rust", "rs"], &["rs"], &["rust", "cargo", "rustc", "clippy"]),
    known(
        "Python",
        &["python", "py", "python3"],
        &["py", "ipynb"],
        &["python", "pytest", "pandas", "numpy", "django"],
    ),
    known("TypeScript", &["typescript", "ts", "tsx"], &["ts", "tsx"], &["typescript"]),
    known(
        "JavaScript",
        &["javascript", "js", "jsx"],
        &["js", "jsx", "mjs"],
        &["javascript", "nodejs"],
    ),
    known(
        "SQL",
        &["sql", "postgresql", "mysql"],
        &["sql"],
        &["sql", "postgres", "postgresql", "mysql", "sqlite"],
    ),
    known("Shell", &["bash", "sh", "shell", "zsh"], &["sh", "zsh"], &["bash", "zsh"]),
    known("Go", &["go", "golang"], &["go"], &["golang", "goroutine", "goroutines"]),
    known("Java", &["java"], &["java"], &["java"]),
    known("Kotlin", &["kotlin", "kt"], &["kt", "kts"], &["kotlin"]),
    known("Swift", &["swift"], &["swift"], &["swiftui"]),
    known("C#", &["csharp", "cs"], &["cs"], &["csharp", "dotnet"]),
    known("C++", &["cpp", "c++", "cxx"], &["cpp", "hpp", "cc"], &["cpp"]),
    known("C", &["c"], &[], &[]),
    known("Ruby", &["ruby", "rb"], &["rb"], &["rspec", "rubygems"]),
    known("PHP", &["php"], &["php"], &["php", "laravel"]),
    known("Scala", &["scala"], &["scala"], &["scala"]),
    known("R", &["r"], &["rmd"], &["ggplot", "dplyr", "tidyverse"]),
    known("HTML", &["html"], &["html", "htm"], &["html"]),
    known("CSS", &["css", "scss"], &["css", "scss"], &["css", "flexbox", "tailwind"]),
    known("YAML", &["yaml", "yml"], &["yaml", "yml"], &["yaml"]),
    known("Terraform", &["hcl", "terraform"], &["tf"], &["terraform"]),
    known("Lua", &["lua"], &["lua"], &["lua"]),
    known("Haskell", &["haskell", "hs"], &["hs"], &["haskell"]),
    known("Elixir", &["elixir", "ex"], &["exs"], &["elixir"]),
];

/// Collects signs of programming languages.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    signs: BTreeMap<usize, u64>,
}

impl Programs {
    /// Takes the tag of a code fence.
    pub(crate) fn fence(&mut self, tag: &str) {
        let tag = tag.to_ascii_lowercase();
        self.sign(4, |language| language.tags.contains(&tag.as_str()));
    }

    /// Takes what stands between two spaces: a word, or something with a file ending.
    pub(crate) fn token(&mut self, token: &str) {
        let token = token.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        if token.is_empty() || token.len() > 128 {
            return;
        }
        match token.rsplit_once('.') {
            Some((name, ending)) if !name.is_empty() => {
                self.sign(2, |language| language.endings.contains(&ending));
            }
            _ => {
                let word = token.to_ascii_lowercase();
                self.sign(1, |language| language.words.contains(&word.as_str()));
            }
        }
    }

    fn sign(&mut self, weight: u64, is: impl Fn(&Known) -> bool) {
        if let Some(place) = LANGUAGES.iter().position(is) {
            *self.signs.entry(place).or_default() += weight;
        }
    }

    /// Every language with a sign, and how much speaks for it.
    pub(crate) fn signs(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.signs.iter().map(|(place, weight)| (LANGUAGES[*place].name, *weight))
    }

    /// Adds signs that were kept of texts that are gone.
    pub(crate) fn recall(&mut self, name: &str, weight: u64) {
        self.sign(weight.min(MAX_RECALLED), |language| language.name == name);
    }

    /// The languages with most signs.
    pub(crate) fn named(&self) -> Vec<&'static str> {
        let mut ranked: Vec<_> = self.signs.iter().collect();
        ranked.sort_by_key(|(place, weight)| (std::cmp::Reverse(**weight), **place));
        let most = ranked.first().map_or(0, |(_, weight)| **weight);
        let clear = ranked.into_iter().filter(|(_, weight)| **weight * 6 >= most);
        clear.take(MAX_NAMED).map(|(place, _)| LANGUAGES[*place].name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_endings_and_words_are_signs() {
        let mut programs = Programs::default();
        programs.fence("rust");
        programs.token("`schema.sql`,");
        programs.token("Python");
        programs.token("unlike");
        assert_eq!(programs.named(), ["Rust", "SQL", "Python"]);
    }
}
