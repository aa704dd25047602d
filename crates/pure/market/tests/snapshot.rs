//! Bytes from outside: what is no market is refused, and nothing panics.

mod common;

use common::{Clients, buy, deposit, entry, kernel, request};
use market::{BadSnapshot, Command, Entry, Kernel, LotId, SellerChoice};
use proptest::prelude::*;

/// A small market with a bit of everything.
fn market() -> Kernel {
    let mut clients = Clients::new(kernel(1_000, SellerChoice::Cheapest));
    clients.ask(1, deposit("salt", 9, 5));
    clients.ask(2, deposit("salt", 9, 4));
    clients.ask(2, deposit("fish", 1, 300));
    clients.ask(3, buy("salt", 12));
    clients.ask(3, buy("fish", 2));
    clients.ask(2, Command::Withdraw { lot: LotId(3) });
    clients.kernel
}

/// Entries that touch whatever stands in a market.
fn probe(kernel: &mut Kernel) {
    for number in 1_000..1_010 {
        for command in [
            Command::Open,
            deposit("salt", 1_000_000, 1_000_000_000),
            buy("salt", 1),
            Command::Withdraw { lot: LotId(number - 999) },
        ] {
            kernel.apply(&entry(u64::MAX, request(number % 4, 1, number, command)));
        }
    }
}

#[test]
fn bytes_after_a_snapshot_are_refused() {
    let mut bytes = market().to_bytes();
    bytes.push(0);
    assert_eq!(Kernel::from_bytes(&bytes), Err(BadSnapshot::Longer(1)));
}

#[test]
fn a_snapshot_cut_short_is_refused() {
    let bytes = market().to_bytes();
    for length in 0..bytes.len() {
        assert!(Kernel::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn any_one_byte_changed_gives_a_sound_market_or_none() {
    let bytes = market().to_bytes();
    let (mut refused, mut restored) = (0, 0);
    for position in 0..bytes.len() {
        for change in [1, 2, 0x40, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[position] ^= change;
            let Ok(mut kernel) = Kernel::from_bytes(&bytes) else {
                refused += 1;
                continue;
            };
            restored += 1;
            assert_eq!(kernel.audit(), Ok(()));
            probe(&mut kernel);
            assert_eq!(kernel.audit(), Ok(()));
        }
    }
    assert!(refused > restored, "{refused} refused, {restored} restored");
}

#[test]
fn other_formats_audit_too() {
    let kernel = market();
    let bytes = postcard::to_allocvec(&kernel).expect("a kernel serialises");
    assert_eq!(postcard::from_bytes::<Kernel>(&bytes), Ok(kernel));
    assert!(postcard::from_bytes::<Kernel>(&bytes[..9]).is_err());
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        _ = Kernel::from_bytes(&bytes);
        _ = postcard::from_bytes::<Entry>(&bytes);
    }

    #[test]
    fn damaged_snapshots_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = market().to_bytes();
        for (position, byte) in damage {
            let position = position.index(bytes.len());
            bytes[position] = byte;
        }
        if let Ok(mut kernel) = Kernel::from_bytes(&bytes) {
            probe(&mut kernel);
            prop_assert_eq!(kernel.audit(), Ok(()));
        }
    }
}
