//! What a request's receipt is worth. A bad one never refuses a batch: it is counted and shown.

use axum::http::HeaderMap;
use modelstat_store::{CarriedReceipt, InvalidReceipt};
use modelstat_wire::{RECEIPT_HEADER, SignedReceipt};
use ring::signature::{ED25519, UnparsedPublicKey};

/// Reads the receipt of a request whose body came as these bytes.
pub(crate) fn carried(headers: &HeaderMap, body: &[u8]) -> CarriedReceipt {
    let mut given = headers.get_all(RECEIPT_HEADER).iter();
    let Some(header) = given.next() else { return CarriedReceipt::None };
    let parsed = header.to_str().ok().and_then(|header| SignedReceipt::parse(header).ok());
    let (Some(signed), None) = (parsed, given.next()) else {
        return CarriedReceipt::Invalid(InvalidReceipt::Unreadable);
    };
    // A hash is cheaper than a signature, and tells as much.
    if signed.receipt.payload != *blake3::hash(body).as_bytes() {
        return CarriedReceipt::Invalid(InvalidReceipt::Payload);
    }
    let public_key = UnparsedPublicKey::new(&ED25519, signed.receipt.public_key);
    match public_key.verify(&signed.receipt.message(), &signed.signature) {
        Ok(()) => CarriedReceipt::Valid(Box::new(signed)),
        Err(_) => CarriedReceipt::Invalid(InvalidReceipt::Signature),
    }
}

#[cfg(test)]
mod tests {
    use modelstat_wire::{EgressReceipt, Timestamp};
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    const BODY: &[u8] = b"as it came";

    fn header() -> String {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed");
        let receipt = EgressReceipt {
            public_key: pair.public_key().as_ref().try_into().expect("32 bytes"),
            number: 1,
            head: [1; 32],
            payload: *blake3::hash(BODY).as_bytes(),
            batch: [2; 32],
            destination: [3; 32],
            at: Timestamp::from_millis(4),
        };
        let signature = pair.sign(&receipt.message());
        let signature = signature.as_ref().try_into().expect("64 bytes");
        SignedReceipt { receipt, signature }.encode()
    }

    fn check(headers: &[&str], body: &[u8], expected: Option<InvalidReceipt>) {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(RECEIPT_HEADER, header.parse().expect("a header"));
        }
        match (carried(&map, body), expected) {
            (CarriedReceipt::Valid(_), None) => {}
            (CarriedReceipt::Invalid(found), Some(expected)) => assert_eq!(found, expected),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_receipt_is_worth_what_its_signature_and_body_say() {
        let good = header();
        check(&[&good], BODY, None);
        check(&[&good], b"another body", Some(InvalidReceipt::Payload));
        // The last digit of the time, which is signed too.
        let place = good.len() - 129;
        let altered = format!("{}5{}", &good[..place], &good[place + 1..]);
        assert_ne!(good, altered);
        check(&[&altered], BODY, Some(InvalidReceipt::Signature));
        check(&["nothing"], BODY, Some(InvalidReceipt::Unreadable));
        check(&[&good, &good], BODY, Some(InvalidReceipt::Unreadable));
        assert!(matches!(carried(&HeaderMap::new(), BODY), CarriedReceipt::None));
    }
}
