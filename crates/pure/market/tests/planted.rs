//! The planted bug is a bug, and only in the sessions.

#![cfg(feature = "planted")]

mod common;

use common::{Clients, buy, deposit, entry, good, kernel, request};
use market::{Command, SellerChoice};

#[test]
fn forgetful_sessions_sell_twice() {
    let mut clients = Clients::new(kernel(1_000, SellerChoice::Oldest));
    clients.ask(1, deposit("salt", 10, 5));
    clients.kernel.plant_forgetful_sessions();
    for _ in 0..2 {
        assert!(!clients.kernel.apply(&entry(0, request(2, 1, 1, buy("salt", 1)))).repeated);
    }
    assert_eq!(clients.kernel.stock(&good("salt")).units, 8);
    assert_eq!(clients.kernel.audit(), Ok(()));
    assert!(clients.kernel.apply(&entry(0, request(2, 1, 0, Command::Open))).repeated);
}
