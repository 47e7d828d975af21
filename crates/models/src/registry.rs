//! The models that we know.

/// One file of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// What it is called here.
    pub name: &'static str,
    /// What its file is called, where it is published and here.
    pub file: &'static str,
    /// Who publishes it, as `owner/name`.
    pub repository: &'static str,
    /// The commit at which it is published.
    pub revision: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Its sha256 in hex.
    pub sha256: &'static str,
    /// Its licence.
    pub licence: &'static str,
    /// What it is good for.
    pub about: &'static str,
}

const APACHE: &str = "Apache-2.0";
const QWEN_0_6: &str = "unsloth/Qwen3-0.6B-GGUF";
const QWEN_3_5_0_8: &str = "unsloth/Qwen3.5-0.8B-GGUF";
const QWEN_3_5_0_8_REVISION: &str = "6ab461498e2023f6e3c1baea90a8f0fe38ab64d0";

/// What summarises unless somebody chooses: the smallest that writes whole sentences.
pub const DEFAULT_MODEL: &str = "qwen3-0.6b";

/// Every model that we know, the smallest of each family first.
pub const MODELS: &[Model] = &[
    Model {
        name: DEFAULT_MODEL,
        file: "Qwen3-0.6B-Q4_K_M.gguf",
        repository: QWEN_0_6,
        revision: "50968a4468ef4233ed78cd7c3de230dd1d61a56b",
        bytes: 396_705_472,
        sha256: "ac2d97712095a558e31573f62f466a3f9d93990898b0ec79d7c974c1780d524a",
        licence: APACHE,
        about: "the default: 4-bit, for any machine",
    },
    Model {
        name: "qwen3-0.6b-q8",
        file: "Qwen3-0.6B-Q8_0.gguf",
        repository: "Qwen/Qwen3-0.6B-GGUF",
        revision: "23749fefcc72300e3a2ad315e1317431b06b590a",
        bytes: 639_446_688,
        sha256: "9465e63a22add5354d9bb4b99e90117043c7124007664907259bd16d043bb031",
        licence: APACHE,
        about: "8-bit, from its makers; slower on a CPU",
    },
    Model {
        name: "qwen3-1.7b-q8",
        file: "Qwen3-1.7B-Q8_0.gguf",
        repository: "Qwen/Qwen3-1.7B-GGUF",
        revision: "90862c4b9d2787eaed51d12237eafdfe7c5f6077",
        bytes: 1_834_426_016,
        sha256: "061b54daade076b5d3362dac252678d17da8c68f07560be70818cace6590cb1a",
        licence: APACHE,
        about: "8-bit, three times the size; for a GPU or idle cores",
    },
    Model {
        name: "qwen3.5-0.8b",
        file: "Qwen3.5-0.8B-Q4_K_M.gguf",
        repository: QWEN_3_5_0_8,
        revision: QWEN_3_5_0_8_REVISION,
        bytes: 532_517_120,
        sha256: "bd258782e35f7f458f8aced1adc053e6e92e89bc735ba3be89d38a06121dc517",
        licence: APACHE,
        about: "4-bit, newer; 1.4 times the work of the default for each prompt",
    },
    Model {
        name: "qwen3.5-0.8b-q8",
        file: "Qwen3.5-0.8B-Q8_0.gguf",
        repository: QWEN_3_5_0_8,
        revision: QWEN_3_5_0_8_REVISION,
        bytes: 811_843_840,
        sha256: "0ad885ffd4bb022fc4f0d33a3308fa108ef8613159d3b3a67e23abca056b7a6c",
        licence: APACHE,
        about: "8-bit",
    },
    Model {
        name: "qwen3.5-2b",
        file: "Qwen3.5-2B-Q4_K_M.gguf",
        repository: "unsloth/Qwen3.5-2B-GGUF",
        revision: "f6d5376be1edb4d416d56da11e5397a961aca8ae",
        bytes: 1_280_835_840,
        sha256: "aaf42c8b7c3cab2bf3d69c355048d4a0ee9973d48f16c731c0520ee914699223",
        licence: APACHE,
        about: "4-bit; for a GPU or idle cores",
    },
    Model {
        name: "qwen3.5-4b",
        file: "Qwen3.5-4B-Q4_K_M.gguf",
        repository: "unsloth/Qwen3.5-4B-GGUF",
        revision: "e87f176479d0855a907a41277aca2f8ee7a09523",
        bytes: 2_740_937_888,
        sha256: "00fe7986ff5f6b463e62455821146049db6f9313603938a70800d1fb69ef11a4",
        licence: APACHE,
        about: "4-bit; for a GPU",
    },
];

/// Finds a model by its name.
pub fn find(name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn is_hex(text: &str, digits: usize) -> bool {
        text.len() == digits
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    }

    #[test]
    fn every_model_is_pinned_and_has_names_of_its_own() {
        for model in MODELS {
            assert!(is_hex(model.sha256, 64), "{}", model.name);
            assert!(is_hex(model.revision, 40), "{}", model.name);
            let file = std::path::Path::new(model.file);
            assert_eq!(file.extension(), Some("gguf".as_ref()), "{}", model.name);
            assert_eq!(file.file_name(), Some(file.as_os_str()), "{}", model.name);
        }
        let names: BTreeSet<_> = MODELS.iter().map(|model| model.name).collect();
        let files: BTreeSet<_> = MODELS.iter().map(|model| model.file).collect();
        let hashes: BTreeSet<_> = MODELS.iter().map(|model| model.sha256).collect();
        assert_eq!([names.len(), files.len(), hashes.len()], [MODELS.len(); 3]);
        assert!(find(DEFAULT_MODEL).is_some());
    }
}
