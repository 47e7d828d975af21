//! Ids as the published clients derive them.

/// Separates the parts of a hashed id; it stands between parts only.
const SEPARATOR: u8 = 0x1F;
/// How many hex digits are kept of a hash.
const HASH_DIGITS: usize = 32;

/// Hashes parts to 32 hex digits, as published.
///
/// ```
/// assert_eq!(modelstat_wire::content_hash(["a", "b"]), "de57a552cdb05b71bc0ae3db23c33cbf");
/// ```
pub fn content_hash<P: AsRef<str>>(parts: impl IntoIterator<Item = P>) -> String {
    prefixed_hash("", parts)
}

/// The same behind a prefix. The parts are joined before they are hashed: they are mostly under a hundred
/// bytes, for which a hasher's state of two kilobytes would be set up.
fn prefixed_hash<P: AsRef<str>>(prefix: &str, parts: impl IntoIterator<Item = P>) -> String {
    let mut joined = Vec::with_capacity(128);
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            joined.push(SEPARATOR);
        }
        joined.extend_from_slice(part.as_ref().as_bytes());
    }
    let hash = blake3::hash(&joined).to_hex();
    let digits = &hash.as_str()[..HASH_DIGITS];
    let mut text = String::with_capacity(prefix.len() + digits.len());
    text.push_str(prefix);
    text.push_str(digits);
    text
}

/// Derives the id of an event from its device and its place in the source.
pub fn source_event_id(device_id: &str, source_ref: &str) -> String {
    prefixed_hash("evt_", [device_id, source_ref])
}

/// Derives the id of a batch from its events' ids, in any order.
pub fn batch_id<P: AsRef<str>>(event_ids: impl IntoIterator<Item = P>) -> String {
    let mut ids: Vec<P> = event_ids.into_iter().collect();
    ids.sort_by(|left, right| left.as_ref().cmp(right.as_ref()));
    prefixed_hash("batch_", ids)
}

/// Derives the id of an event's tool call from its place in the event.
pub fn tool_call_id(event_id: &str, index: usize) -> String {
    let hash = content_hash([event_id, &index.to_string()]);
    format!("tc_{}", &hash[..16])
}

/// Derives the id of a segment from its session and its events' ids, in any order.
pub fn segment_id<P: AsRef<str>>(
    app: &str,
    session_id: &str,
    event_ids: impl IntoIterator<Item = P>,
) -> String {
    let mut ids: Vec<P> = event_ids.into_iter().collect();
    ids.sort_by(|left, right| left.as_ref().cmp(right.as_ref()));
    let parts = [app, session_id].into_iter().chain(ids.iter().map(AsRef::as_ref));
    prefixed_hash("seg_", parts)
}

/// Derives the id under which an event is kept whose own id already names other content.
pub fn conflict_event_id(event_id: &str, fingerprint: &str) -> String {
    prefixed_hash("evtc_", [event_id, fingerprint])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parts: &[&str], hash: &str) {
        assert_eq!(content_hash(parts), hash);
    }

    #[test]
    fn content_hashes_are_the_published_ones() {
        check(&["a", "b"], "de57a552cdb05b71bc0ae3db23c33cbf");
        check(&["ab", ""], "70b16369671bfba8859596bdd3d19a62");
        check(&["a"], "17762fddd969a453925d65717ac3eea2");
        check(&[""], "af1349b9f5f9a1a6a0404dea36dcc949");
        check(&["日本語", "é"], "02ce16dc83a173a08980adf756480d2f");
    }

    #[test]
    fn event_batch_and_tool_call_ids_are_the_published_ones() {
        assert_eq!(
            source_event_id("dev_1", "sess::100::1"),
            "evt_a58b635114926fd38bdbee59efbdc727"
        );
        assert_eq!(batch_id(["evt_b", "evt_a"]), "batch_92761e83a49b017e1cf8ebb58d0b94d4");
        assert_eq!(batch_id::<&str>([]), "batch_af1349b9f5f9a1a6a0404dea36dcc949");
        assert_eq!(tool_call_id("evt_x", 0), "tc_4404130d8a800135");
        let event = source_event_id("dev_sdk", "sess_1::1781827200000::1");
        assert_eq!(event, "evt_9696def33798cff95a14c7e1ef9e540b");
        assert_eq!(batch_id([&event]), "batch_43bca8205854fc2be265ba2f680ea271");
        assert_eq!(tool_call_id(&event, 0), "tc_0205439f624d95c6");
    }
}
