//! A market whose journal is cut at any byte is the market as of a commit, and knows its answers.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs;

use machine::{Epoch, NodeId};
use market::{
    Act, ClientId, Command, Entry, Good, Kernel, Money, Offer, Order, Outcome, Party, Request,
    RequestId, Rules, SellerChoice,
};
use store::{Durability, Error, Journal, read};

const COMMITS: usize = 20;
const ENTRIES_A_COMMIT: u64 = 3;

fn ask(party: u64, number: u64, command: Command) -> Entry {
    let client = ClientId { party: Party(party), life: 1 };
    let request = Request { id: RequestId { client, number }, answered_below: 0, command };
    Entry { at_ms: number, trader: Party(9), draw: number, act: Act::Request(request) }
}

fn buy(number: u64) -> Entry {
    let good = Good::new("salt").unwrap();
    let quantity = 1 + number as u32 % 3;
    ask(2, number, Command::Buy(Order { good, quantity, limit: None, partial: false }))
}

/// A market with a seller and a buyer, before its first sale.
fn opening() -> Kernel {
    let rules = Rules { commission_basis_points: 1_000, choice: SellerChoice::Cheapest };
    let mut kernel = Kernel::new(rules).unwrap();
    let offer = |number: u64| Offer {
        good: Good::new("salt").unwrap(),
        quantity: 50,
        unit_price: Money(90 + number),
        stamp: None,
    };
    let deposits = (1..5).map(|number| ask(1, number, Command::Deposit(offer(number))));
    for entry in [ask(1, 0, Command::Open), ask(2, 0, Command::Open)].into_iter().chain(deposits) {
        assert!(kernel.apply(&entry).outcome.changes_the_market());
    }
    kernel
}

#[test]
fn a_market_whose_journal_is_cut_at_any_byte_is_the_market_of_a_commit_and_knows_its_answers() {
    let folder = tempfile::tempdir().unwrap();
    let epoch = Epoch { counter: 1, node: NodeId(1) };
    let (mut journal, _) = Journal::claim(folder.path(), epoch, Durability::Memory).unwrap();
    let mut kernel = opening();
    journal.snapshot(&kernel.to_bytes()).unwrap();
    let segment = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    // For each commit: where it ends, the market then, and the answer to its last request.
    let mut commits = vec![(fs::read(&segment).unwrap().len(), kernel.clone(), None)];
    for commit in 0..COMMITS as u64 {
        let mut last = None;
        for number in 1 + commit * ENTRIES_A_COMMIT..=(commit + 1) * ENTRIES_A_COMMIT {
            let entry = buy(number);
            let applied = kernel.apply(&entry);
            assert!(matches!(applied.outcome, Outcome::Bought(_)), "{applied:?}");
            journal.append(&wire::to_bytes(&entry).unwrap()).unwrap();
            last = Some((entry, applied.outcome));
        }
        journal.commit().unwrap();
        commits.push((fs::read(&segment).unwrap().len(), kernel.clone(), last));
    }
    drop(journal);
    let whole = fs::read(&segment).unwrap();
    // A frame is padded to eight bytes, and eight that mark the end follow.
    let slack = 15;
    for cut in 0..=whole.len() {
        fs::write(&segment, &whole[..cut]).unwrap();
        let contents = match read(folder.path()) {
            Ok(contents) => contents.unwrap(),
            Err(Error::Damaged { .. }) if cut < commits[0].0 => continue,
            Err(error) => unreachable!("cut at {cut}: {error}"),
        };
        let mut market = Kernel::from_bytes(&contents.snapshot.unwrap()).unwrap();
        for record in &contents.records {
            market.apply(&wire::from_bytes(record).unwrap());
        }
        let count = contents.records.len() as u64 / ENTRIES_A_COMMIT;
        let (end, standing, last) = &commits[count as usize];
        assert_eq!(contents.records.len() as u64 % ENTRIES_A_COMMIT, 0, "cut at {cut}");
        assert!(*end <= cut + slack, "cut at {cut}");
        assert!(commits.get(count as usize + 1).is_none_or(|(end, ..)| cut < *end), "cut at {cut}");
        assert_eq!(market, *standing, "cut at {cut}");
        assert_eq!(market.audit(), Ok(()));
        if let Some((entry, outcome)) = last {
            let again = market.apply(entry);
            assert!(again.repeated && again.outcome == *outcome, "cut at {cut}: {again:?}");
        }
    }
}
