//! How often an address may do what needs no key.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use modelstat_wire::Timestamp;

/// Most addresses that are told apart; further ones share one allowance.
const MAX_ADDRESSES: usize = 4_096;

const SECOND_MICROS: i64 = 1_000_000;

/// An allowance for each address: so many at once, and one more after each while.
///
/// An address of IPv6 stands for its network of 64 bits, which one machine has to itself.
#[derive(Debug)]
pub(crate) struct RateLimit {
    burst: i64,
    every_micros: i64,
    /// When the allowance of an address will be whole again.
    whole_at: Mutex<BTreeMap<IpAddr, i64>>,
}

impl RateLimit {
    /// 20 registrations at once, then one in 15 minutes: over the week that unclaimed devices stay,
    /// one address cannot take up the room of all.
    pub(crate) const fn of_registrations() -> Self {
        Self::new(20, 15 * 60)
    }

    /// 20 wrong claim codes at once, then one in 3 seconds.
    pub(crate) const fn of_claims() -> Self {
        Self::new(20, 3)
    }

    const fn new(burst: i64, every_seconds: i64) -> Self {
        Self {
            burst,
            every_micros: every_seconds * SECOND_MICROS,
            whole_at: Mutex::new(BTreeMap::new()),
        }
    }

    /// Takes one of an address's allowance, or returns the seconds until there is one.
    pub(crate) fn take(&self, address: IpAddr, now: Timestamp) -> Result<(), u16> {
        let now = now.as_micros();
        let mut whole_at = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        let mut name = network_of(address);
        if !whole_at.contains_key(&name) && whole_at.len() >= MAX_ADDRESSES {
            whole_at.retain(|_, whole| *whole > now);
            if whole_at.len() >= MAX_ADDRESSES {
                name = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        let whole = whole_at.entry(name).or_insert(now);
        // A clock that was set back leaves at most one whole wait.
        *whole = (*whole).clamp(now, now + self.burst * self.every_micros);
        let late = *whole + self.every_micros - (now + self.burst * self.every_micros);
        if late > 0 {
            return Err(u16::try_from(late / SECOND_MICROS + 1).unwrap_or(u16::MAX));
        }
        *whole += self.every_micros;
        Ok(())
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&self, address: IpAddr) {
        let mut whole_at = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(whole) = whole_at.get_mut(&network_of(address)) {
            *whole -= self.every_micros;
        }
    }
}

fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_allowance_comes_back_one_by_one() {
        let limit = RateLimit::new(3, 10);
        let one = address("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(limit.take(one, at(100)), Ok(()));
        }
        assert_eq!(limit.take(one, at(100)), Err(11));
        assert_eq!(limit.take(address("192.0.2.2"), at(100)), Ok(()));
        assert_eq!(limit.take(one, at(110)), Ok(()));
        assert!(limit.take(one, at(110)).is_err());
        limit.give_back(one);
        assert_eq!(limit.take(one, at(110)), Ok(()));
        assert!(limit.take(one, at(50)).is_err(), "the clock was set back");
        assert_eq!(limit.take(one, at(61)), Ok(()), "one wait is the most that it costs");
        assert_eq!(limit.take(one, at(100_000)), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let limit = RateLimit::new(1, 10);
        assert_eq!(limit.take(address("2001:db8::1"), at(1)), Ok(()));
        assert!(limit.take(address("2001:db8::2"), at(1)).is_err());
        assert_eq!(limit.take(address("2001:db8:0:1::1"), at(1)), Ok(()));
        assert_eq!(limit.take(address("192.0.2.9"), at(1)), Ok(()));
        assert!(limit.take(address("::ffff:192.0.2.9"), at(1)).is_err());
    }

    #[test]
    fn memory_is_bounded_however_many_come() {
        let limit = RateLimit::new(2, 10);
        for number in 0..100_000_u32 {
            let _is_taken = limit.take(IpAddr::V4(number.into()), at(1)).is_ok();
        }
        assert!(limit.whole_at.lock().expect("unpoisoned").len() <= MAX_ADDRESSES + 1);
        assert!(limit.take(address("203.0.113.1"), at(1)).is_err(), "the rest shares one");
        assert_eq!(limit.take(address("203.0.113.1"), at(60)), Ok(()));
    }
}
