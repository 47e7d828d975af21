//! What every inbox must keep.

pub(crate) mod text;

use std::sync::mpsc;

use modelstat_wire::{EgressReceipt, SignedReceipt, Timestamp, encode_batch};

use super::sample;
use crate::{
    CarriedReceipt, Inbox, InboxEntry, InboxError, InboxPayload, InvalidReceipt, Receipt,
    ReceiptFilter,
};

const WEEK_MILLIS: i64 = 7 * 86_400_000;

/// An entry whose batch holds one event and differs by its number.
pub(crate) fn entry(org: &str, number: u64) -> InboxEntry {
    let mut batch = sample::batch(Some("app"));
    batch.batch_id = sample::text(format!("batch-{number}"));
    batch.events.push(sample::full_event(&format!("event-{number}")));
    let encoded = encode_batch(&batch);
    InboxEntry {
        org_id: org.to_owned(),
        key_id: "key_1".to_owned(),
        received_at: Timestamp::from_millis(0),
        is_raw: number.is_multiple_of(2),
        request_bytes: 100 + number,
        batch_id: batch.batch_id,
        content_hash: *blake3::hash(&encoded).as_bytes(),
        events: 1,
        encoded,
        rejected: vec![("ts: missing".to_owned(), number)],
        floor_version: "1",
        receipt: CarriedReceipt::None,
        turns: None,
    }
}

/// A receipt of a device that is known by one byte; an inbox does not look at signatures.
pub(crate) fn receipt(device: u8, number: u64) -> SignedReceipt {
    let [head, payload, batch, destination] = [[2; 32], [3; 32], [4; 32], [5; 32]];
    let (public_key, at) = ([device; 32], Timestamp::from_millis(0));
    let receipt = EgressReceipt { public_key, number, head, payload, batch, destination, at };
    SignedReceipt { receipt, signature: [6; 64] }
}

/// Commits an entry, and waits for what became of it.
pub(crate) fn commit(inbox: &dyn Inbox, entry: InboxEntry) -> Result<Receipt, InboxError> {
    let (answer, answered) = mpsc::sync_channel(1);
    inbox.commit(entry, Box::new(move |result| answer.send(result).expect("somebody waits")));
    answered.recv().expect("every commit is answered")
}

pub(crate) fn run(inbox: &dyn Inbox) {
    assert_eq!(inbox.newest_position().expect("a position"), 0);
    what_was_committed_is_read_back_in_order(inbox);
    a_batch_that_comes_again_within_a_week_is_a_repeat(inbox);
    positions_are_never_used_again(inbox);
    what_is_quarantined_is_no_longer_read(inbox);
    an_org_is_forgotten_alone(inbox);
    receipts_are_kept_with_their_batches(inbox);
    text::run(inbox);
    many_committers_are_all_answered(inbox);
}

fn what_was_committed_is_read_back_in_order(inbox: &dyn Inbox) {
    for number in 1..=4 {
        assert_eq!(commit(inbox, entry("org", number)).expect("taken"), Receipt::Taken);
    }
    let read = inbox.read_after(1, 2).expect("read");
    assert_eq!(read.iter().map(|batch| batch.position).collect::<Vec<_>>(), [2, 3]);
    let batch = &read[0];
    let expected = entry("org", 2);
    assert_eq!((batch.org_id.as_str(), batch.is_raw, batch.request_bytes), ("org", true, 102));
    assert_eq!(batch.rejected, expected.rejected);
    assert_eq!((batch.received_at, batch.floor_version.as_str()), (expected.received_at, "1"));
    let InboxPayload::Batch(content) = &batch.payload else { panic!("a batch") };
    assert_eq!(encode_batch(content), expected.encoded);
    let (entries, bytes) = inbox.depth().expect("a depth");
    assert!(entries == 4 && bytes > 0);
}

fn a_batch_that_comes_again_within_a_week_is_a_repeat(inbox: &dyn Inbox) {
    let again = |org: &str, number, millis| {
        let received_at = Timestamp::from_millis(millis);
        commit(inbox, InboxEntry { received_at, ..entry(org, number) }).expect("taken")
    };
    assert_eq!(again("org", 1, WEEK_MILLIS - 1), Receipt::Repeat);
    let repeat = inbox.read_after(4, 10).expect("read").pop().expect("it has an entry");
    assert!(matches!(repeat.payload, InboxPayload::Repeat(1)));
    assert_eq!(again("other", 1, WEEK_MILLIS - 1), Receipt::Taken);
    assert_eq!(again("org", 1, WEEK_MILLIS), Receipt::Taken);

    let mut other_content = entry("org", 1);
    other_content.content_hash = [7; 32];
    assert_eq!(commit(inbox, other_content).expect("taken"), Receipt::Taken);

    inbox.forget_repeats_before(Timestamp::from_millis(WEEK_MILLIS - 1)).expect("forgotten");
    assert_eq!(again("org", 2, 0), Receipt::Taken);
    assert_eq!(again("org", 1, WEEK_MILLIS), Receipt::Repeat);
}

fn positions_are_never_used_again(inbox: &dyn Inbox) {
    let newest = inbox.newest_position().expect("a position");
    inbox.forget_through(newest).expect("forgotten");
    assert_eq!(inbox.depth().expect("a depth"), (0, 0));
    assert_eq!(inbox.newest_position().expect("a position"), newest);
    commit(inbox, entry("org", 10)).expect("taken");
    assert_eq!(inbox.read_after(0, 10).expect("read")[0].position, newest + 1);
}

fn what_is_quarantined_is_no_longer_read(inbox: &dyn Inbox) {
    let position = inbox.newest_position().expect("a position");
    inbox.quarantine(position, "refused", Timestamp::from_millis(1)).expect("kept aside");
    assert_eq!(inbox.quarantined().expect("a count"), 1);
    assert!(inbox.read_after(0, 10).expect("read").is_empty());
    assert_eq!(inbox.newest_position().expect("a position"), position);
}

fn an_org_is_forgotten_alone(inbox: &dyn Inbox) {
    commit(inbox, entry("gone", 20)).expect("taken");
    commit(inbox, entry("stays", 20)).expect("taken");
    inbox.forget_org("gone").expect("forgotten");
    let read = inbox.read_after(0, 10).expect("read");
    assert!(read.len() == 1 && read[0].org_id == "stays");
    assert_eq!(commit(inbox, entry("gone", 20)).expect("taken"), Receipt::Taken);
    assert_eq!(commit(inbox, entry("stays", 20)).expect("taken"), Receipt::Repeat);
}

fn receipts_are_kept_with_their_batches(inbox: &dyn Inbox) {
    let commit_with = |org: &str, key: &str, millis, carried| {
        let received_at = Timestamp::from_millis(millis);
        let key_id = key.to_owned();
        let entry = InboxEntry { receipt: carried, key_id, received_at, ..entry(org, 30) };
        commit(inbox, entry).expect("taken")
    };
    let valid = |device, number| CarriedReceipt::Valid(Box::new(receipt(device, number)));
    commit_with("signs", "key_1", 1, valid(1, 7));
    // A repeat of the batch left the machine once more; the very same receipt did not.
    assert_eq!(commit_with("signs", "key_1", 2, valid(1, 9)), Receipt::Repeat);
    commit_with("signs", "key_1", 3, valid(1, 9));
    commit_with("signs", "key_2", 4, valid(2, 1));
    for reason in [InvalidReceipt::Signature, InvalidReceipt::Payload, InvalidReceipt::Payload] {
        commit_with("signs", "key_1", 5, CarriedReceipt::Invalid(reason));
    }
    commit_with("signs-too", "key_3", 6, valid(1, 7));

    let numbers = |filter: ReceiptFilter| {
        let page = inbox.receipts("signs", &filter).expect("read");
        let kept = page.receipts.iter();
        kept.map(|kept| (kept.key_id.clone(), kept.receipt.receipt.number)).collect::<Vec<_>>()
    };
    let (first, second) = ("key_1".to_owned(), "key_2".to_owned());
    let all = ReceiptFilter { after: 0, limit: 10, key_id: None, device: None };
    assert_eq!(numbers(all.clone()), [(first.clone(), 7), (first.clone(), 9), (second.clone(), 1)]);
    let of_key = ReceiptFilter { key_id: Some(second.clone()), ..all.clone() };
    assert_eq!(numbers(of_key), [(second, 1)]);
    let device = Some(receipt(1, 0).receipt.device());
    let of_device = ReceiptFilter { device, limit: 1, ..all.clone() };
    assert_eq!(numbers(of_device.clone()), [(first.clone(), 7)]);
    let page = inbox.receipts("signs", &of_device).expect("read");
    assert_eq!(page.receipts[0].receipt, receipt(1, 7));
    let after = page.receipts[0].position;
    assert_eq!(numbers(ReceiptFilter { after, ..of_device }), [(first, 9)]);

    let summary = inbox.receipt_summary("signs", 1).expect("read");
    assert_eq!((summary.valid, summary.known_devices, summary.dropped), (3, 2, 0));
    assert_eq!(summary.invalid, [("payload", 2), ("signature", 1)].into());
    assert_eq!(summary.newest_at, Some(Timestamp::from_millis(4)));
    assert_eq!(summary.devices.len(), 1);
    assert_eq!(summary.devices[0].device, receipt(2, 0).receipt.device());
    inbox.forget_org("signs").expect("forgotten");
    assert!(numbers(all).is_empty());
    assert_eq!(inbox.receipt_summary("signs", 9).expect("read").valid, 0);
    assert_eq!(inbox.receipt_summary("signs-too", 9).expect("read").valid, 1);
    let newest = inbox.newest_position().expect("a position");
    inbox.forget_through(newest).expect("forgotten");
}

fn many_committers_are_all_answered(inbox: &dyn Inbox) {
    let before = inbox.newest_position().expect("a position");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for number in 0..20 {
                    commit(inbox, entry("org", 1_000 + thread * 100 + number)).expect("taken");
                }
            });
        }
    });
    let read = inbox.read_after(before, 1_000).expect("read");
    assert_eq!(read.len(), 160);
    assert!(read.windows(2).all(|pair| pair[0].position < pair[1].position));
}
