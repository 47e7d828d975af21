//! Tags that hold for whatever is recorded within a piece of work.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Tags by key.
pub(crate) type Tags = BTreeMap<String, String>;

thread_local! {
    static AMBIENT: RefCell<Option<Arc<Tags>>> = const { RefCell::new(None) };
}

/// Runs `work` with tags for every call that it records on this thread.
///
/// They win over the tags of the configuration and of an outer piece of work; a call's own tags win
/// over them.
///
/// ```
/// modelstat::with_metadata([("feature", "search")], || {
///     // ms.record(…)
/// });
/// ```
pub fn with_metadata<K, V, R>(tags: impl IntoIterator<Item = (K, V)>, work: impl FnOnce() -> R) -> R
where
    K: Into<String>,
    V: Into<String>,
{
    let _entered = Entered::new(merged(current(), tags));
    work()
}

/// Gives a future tags for every call that it records, on whichever thread it is polled.
pub trait WithMetadata: Future + Sized {
    /// Adds tags; see [`with_metadata`](fn@with_metadata).
    fn with_metadata<K, V>(self, tags: impl IntoIterator<Item = (K, V)>) -> Tagged<Self>
    where
        K: Into<String>,
        V: Into<String>,
    {
        Tagged { tags: merged(current(), tags), work: Box::pin(self) }
    }
}

impl<F: Future> WithMetadata for F {}

/// A future within which recorded calls have tags.
#[derive(Debug)]
pub struct Tagged<F> {
    tags: Arc<Tags>,
    work: Pin<Box<F>>,
}

impl<F: Future> Future for Tagged<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = Entered::new(Arc::clone(&self.tags));
        self.work.as_mut().poll(context)
    }
}

/// The tags that hold here; `None` while the thread ends.
pub(crate) fn current() -> Option<Arc<Tags>> {
    AMBIENT.try_with(|ambient| ambient.borrow().clone()).ok().flatten()
}

fn merged<K: Into<String>, V: Into<String>>(
    outer: Option<Arc<Tags>>,
    tags: impl IntoIterator<Item = (K, V)>,
) -> Arc<Tags> {
    let mut all = outer.map(Arc::unwrap_or_clone).unwrap_or_default();
    all.extend(tags.into_iter().map(|(key, value)| (key.into(), value.into())));
    Arc::new(all)
}

/// Puts the outer tags back, after a panic too.
struct Entered(Option<Arc<Tags>>);

impl Entered {
    fn new(tags: Arc<Tags>) -> Self {
        Self(swap(Some(tags)))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        swap(self.0.take());
    }
}

fn swap(tags: Option<Arc<Tags>>) -> Option<Arc<Tags>> {
    AMBIENT.try_with(|ambient| ambient.replace(tags)).ok().flatten()
}
