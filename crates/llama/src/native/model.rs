//! A loaded model and its vocabulary.
#![expect(unsafe_code, reason = "calls of the C API")]

use std::ffi::{CStr, CString};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::{Once, OnceLock};

use llama_cpp_sys_2 as sys;

use super::{Token, log};
use crate::gguf::Header;
use crate::unusable::Unusable;

/// Whether the names of control tokens in a text become those tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// They stay text: for everything that somebody else wrote.
    Text,
    /// They become tokens: for the fixed parts of a prompt.
    Control,
}

/// What a token's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    /// Whole characters.
    Text,
    /// A part of a character, with or without whole ones.
    Fragment,
    /// None, or such that no text has.
    Nothing,
}

/// A model in memory.
#[derive(Debug)]
pub struct Model {
    raw: NonNull<sys::llama_model>,
    header: Header,
    /// Of every token; made when it is first asked for.
    bytes: OnceLock<Vec<Bytes>>,
    /// The names that the library finds in any text, such as `<think>`; made when first asked for.
    names: OnceLock<Vec<String>>,
}

// SAFETY: the library only reads a loaded model, and says so of its vocabulary; contexts have state of
// their own.
unsafe impl Send for Model {}
// SAFETY: as above; every method of ours reads.
unsafe impl Sync for Model {}

impl Model {
    /// Loads a file, after its header was checked without the library: what is no Qwen model, or is
    /// damaged, never reaches native code.
    pub fn load(path: &Path) -> Result<Self, Unusable> {
        crate::cpu::check()?;
        let header = Header::read(path)?;
        Self::load_checked(path, header)
    }

    pub(crate) fn load_checked(path: &Path, header: Header) -> Result<Self, Unusable> {
        start();
        let name = path.to_str().and_then(|name| CString::new(name).ok());
        let name = name.ok_or_else(|| Unusable::new("the path of the model is no plain text"))?;
        // SAFETY: takes nothing, returns a struct.
        let mut params = unsafe { sys::llama_model_default_params() };
        params.load_mode = sys::LLAMA_LOAD_MODE_MMAP;
        params.check_tensors = false;
        params.load_mtp = false;
        // SAFETY: the name ends with a zero byte and outlives the call; the parameters are the library's
        // defaults, whose pointers are null.
        let (raw, why) =
            log::loading(|| unsafe { sys::llama_model_load_from_file(name.as_ptr(), params) });
        let raw = NonNull::new(raw);
        let raw =
            raw.ok_or_else(|| Unusable::new(format!("llama.cpp refused the model: {why}")))?;
        Ok(Self { raw, header, bytes: OnceLock::new(), names: OnceLock::new() })
    }

    /// The architecture that the file names.
    pub fn architecture(&self) -> &str {
        &self.header.architecture
    }

    /// What the file says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes of the weights.
    pub fn bytes(&self) -> u64 {
        // SAFETY: the pointer is of a loaded model.
        unsafe { sys::llama_model_size(self.raw.as_ptr()) }
    }

    /// How many tokens the vocabulary has.
    pub fn vocabulary_size(&self) -> usize {
        // SAFETY: the pointer is of this model's vocabulary.
        let count = unsafe { sys::llama_vocab_n_tokens(self.vocabulary()) };
        usize::try_from(count).unwrap_or(0)
    }

    /// Longest sequence that it was trained on.
    pub fn trained_tokens(&self) -> u32 {
        // SAFETY: the pointer is of a loaded model.
        let count = unsafe { sys::llama_model_n_ctx_train(self.raw.as_ptr()) };
        u32::try_from(count).unwrap_or(0)
    }

    /// The tokens of a text.
    pub fn tokens(&self, text: &str, special: Special) -> Vec<Token> {
        if special == Special::Control {
            return self.tokenise(text, special);
        }
        // The library finds these names even where it leaves those of control tokens alone, so each is cut.
        let names = self.names.get_or_init(|| self.names_in_any_text());
        let pieces = without_names(text, names);
        pieces.into_iter().flat_map(|piece| self.tokenise(piece, special)).collect()
    }

    fn tokenise(&self, text: &str, special: Special) -> Vec<Token> {
        // A token is a byte at least; a byte more keeps the pointer of an empty text valid.
        let mut tokens: Vec<Token> = vec![0; text.len() + 1];
        let (Ok(bytes), Ok(room)) = (i32::try_from(text.len()), i32::try_from(tokens.len())) else {
            return Vec::new();
        };
        // SAFETY: the text has `bytes` bytes and the vector room for `room` tokens, which the library is
        // told; it returns how many it wrote, or a negative number.
        let count = unsafe {
            sys::llama_tokenize(
                self.vocabulary(),
                text.as_ptr().cast(),
                bytes,
                tokens.as_mut_ptr(),
                room,
                false,
                special == Special::Control,
            )
        };
        tokens.truncate(usize::try_from(count).unwrap_or(0));
        tokens
    }

    /// The bytes of a token, which may be a part of a character. Control tokens have none.
    pub fn piece(&self, token: Token) -> Vec<u8> {
        if !self.has(token) {
            return Vec::new();
        }
        let mut piece = vec![0_u8; 64];
        loop {
            let room = i32::try_from(piece.len()).unwrap_or(i32::MAX);
            // SAFETY: the token is of the vocabulary, and the library is told how much room there is.
            let count = unsafe {
                let to = piece.as_mut_ptr().cast();
                sys::llama_token_to_piece(self.vocabulary(), token, to, room, 0, false)
            };
            if let Ok(count) = usize::try_from(count) {
                piece.truncate(count);
                return piece;
            }
            // A negative count is what it needs.
            piece.resize(count.unsigned_abs() as usize, 0);
        }
    }

    /// The text of tokens; bytes that are no text are replaced.
    pub fn text(&self, tokens: &[Token]) -> String {
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| self.piece(*token)).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether a token ends an answer.
    pub fn is_end(&self, token: Token) -> bool {
        // SAFETY: the token is of the vocabulary.
        self.has(token) && unsafe { sys::llama_vocab_is_eog(self.vocabulary(), token) }
    }

    /// Whether a token steers the model and stands for no text.
    pub fn is_control(&self, token: Token) -> bool {
        // SAFETY: the token is of the vocabulary.
        self.has(token) && unsafe { sys::llama_vocab_is_control(self.vocabulary(), token) }
    }

    /// What each token's bytes are.
    pub(crate) fn bytes_of(&self, token: Token) -> Bytes {
        let all = self.bytes.get_or_init(|| {
            let tokens = 0..Token::try_from(self.vocabulary_size()).unwrap_or(0);
            tokens.map(|token| kind(&self.piece(token))).collect()
        });
        let found = usize::try_from(token).ok().and_then(|token| all.get(token));
        found.copied().unwrap_or(Bytes::Nothing)
    }

    /// The names of the tokens that the makers of the model added to its vocabulary without calling them
    /// control tokens.
    fn names_in_any_text(&self) -> Vec<String> {
        let tokens = 0..Token::try_from(self.vocabulary_size()).unwrap_or(0);
        let name = |token: Token| {
            // SAFETY: the token is of the vocabulary.
            let kind = unsafe { sys::llama_vocab_get_attr(self.vocabulary(), token) };
            if kind & sys::LLAMA_TOKEN_ATTR_USER_DEFINED == 0 {
                return None;
            }
            // SAFETY: as above; the text ends with a zero byte and belongs to the model.
            let name =
                unsafe { CStr::from_ptr(sys::llama_vocab_get_text(self.vocabulary(), token)) };
            name.to_str().ok().map(str::to_owned)
        };
        tokens.filter_map(name).collect()
    }

    pub(super) fn has(&self, token: Token) -> bool {
        usize::try_from(token).is_ok_and(|token| token < self.vocabulary_size())
    }

    pub(super) fn raw(&self) -> *mut sys::llama_model {
        self.raw.as_ptr()
    }

    pub(super) fn vocabulary(&self) -> *const sys::llama_vocab {
        // SAFETY: the pointer is of a loaded model, which owns the vocabulary.
        unsafe { sys::llama_model_get_vocab(self.raw.as_ptr()) }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: this is the one owner, and contexts borrow it.
        unsafe { sys::llama_model_free(self.raw.as_ptr()) };
    }
}

/// A text in pieces none of which holds a name. A name of one letter is a letter like any other.
fn without_names<'a>(text: &'a str, names: &[String]) -> Vec<&'a str> {
    let mut cuts = Vec::new();
    for name in names.iter().filter(|name| name.chars().count() > 1) {
        let first = name.chars().next().map_or(1, char::len_utf8);
        let mut from = 0;
        while let Some(at) = text[from..].find(name.as_str()) {
            from += at + first;
            cuts.push(from);
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    cuts.push(text.len());
    let mut start = 0;
    let piece = |end: usize| &text[std::mem::replace(&mut start, end)..end];
    cuts.into_iter().map(piece).collect()
}

fn kind(piece: &[u8]) -> Bytes {
    match std::str::from_utf8(piece) {
        _ if piece.is_empty() || piece.contains(&0) => Bytes::Nothing,
        Ok(_) => Bytes::Text,
        Err(_) => Bytes::Fragment,
    }
}

/// Makes the library ready, once.
pub(super) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        log::route();
        // SAFETY: called once, before any other call of the library.
        unsafe { sys::llama_backend_init() };
    });
}
