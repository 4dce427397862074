//! The memory that WASI's `poll_oneoff` reads and writes, laid out by hand: 48 bytes for each subscription and 32 for
//! each event, as little-endian words of eight bytes. So no union has to be read, and nothing here is unsafe.

use std::time::Duration;

use crate::{Descriptor, Interest, Wish};

/// One subscription: user data, tag, descriptor or clock, timeout, precision, flags.
pub(crate) type Subscription = [u64; 6];
/// One event: user data, error and type, number of bytes, flags.
pub(crate) type Event = [u64; 4];

const CLOCK: u64 = 0;
const FD_READ: u64 = 1;
const FD_WRITE: u64 = 2;
const MONOTONIC: u64 = 1;
/// User data of the time limit; those of the interests are their places.
const TIME_LIMIT: u64 = u64::MAX;

/// Writes a subscription for each interest and one for the time limit into `all`, in place of what was there.
pub(crate) fn subscribe(interests: &[Interest], at_most: Duration, all: &mut Vec<Subscription>) {
    all.clear();
    for (place, interest) in (0u64..).zip(interests) {
        let tag = match interest.wish {
            Wish::Receive => FD_READ,
            Wish::Send => FD_WRITE,
        };
        let Descriptor(descriptor) = interest.descriptor;
        all.push([place, tag, descriptor.into(), 0, 0, 0]);
    }
    let timeout_ns = u64::try_from(at_most.as_nanos()).unwrap_or(u64::MAX);
    all.push([TIME_LIMIT, CLOCK, MONOTONIC, timeout_ns, 0, 0]);
}

/// Marks the interests that `events` are about. One with an error counts too: the call that follows will tell.
pub(crate) fn mark(events: &[Event], interests: &mut [Interest]) {
    for [place, ..] in events {
        let interest = usize::try_from(*place).ok().and_then(|place| interests.get_mut(place));
        if let Some(interest) = interest {
            interest.is_ready = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interests() -> Vec<Interest> {
        let interest =
            |number, wish| Interest { descriptor: Descriptor(number), wish, is_ready: false };
        vec![interest(3, Wish::Receive), interest(7, Wish::Send)]
    }

    /// The layout of the specification, byte by byte.
    #[test]
    fn subscriptions_have_their_bytes_where_the_specification_has_them() {
        let mut all = vec![[9; 6]];
        subscribe(&interests(), Duration::from_millis(2), &mut all);
        let bytes =
            |at: usize| all[at].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
        assert_eq!(all.len(), 3);
        let write = bytes(1);
        assert_eq!(write.len(), 48);
        assert_eq!((write[0], write[8], write[16]), (1, 2, 7), "user data, tag, descriptor");
        let clock = bytes(2);
        assert_eq!((clock[8], clock[16]), (0, 1), "tag, clock");
        assert_eq!(clock[24..32], 2_000_000u64.to_le_bytes(), "timeout");
        assert_eq!(clock[40..42], [0, 0], "relative");
    }

    #[test]
    fn events_mark_their_interests_and_the_time_limit_none() {
        let mut interests = interests();
        mark(&[[1, 0, 0, 0], [TIME_LIMIT, 0, 0, 0], [17, 0, 0, 0]], &mut interests);
        assert_eq!(interests.iter().map(|i| i.is_ready).collect::<Vec<_>>(), [false, true]);
    }
}
