//! A JSON list that stops being kept once it is longer than any limit allows.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// At most one item more than `MAX`: enough to know that the list is too long, and not so much that
/// a body of commas takes memory many times its size.
pub(crate) struct Listed<T, const MAX: usize>(pub(crate) Vec<T>);

impl<T, const MAX: usize> Default for Listed<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Listed<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Items<T, MAX> {
            type Value = Listed<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while items.len() <= MAX {
                    match list.next_element()? {
                        Some(item) => items.push(item),
                        None => return Ok(Listed(items)),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Listed(items))
            }
        }
        deserializer.deserialize_seq(Items(PhantomData))
    }
}
