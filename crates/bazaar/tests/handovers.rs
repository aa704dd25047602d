//! What survives what, by form of handover: a test for each row of the table in ARCHITECTURE.md.
//! Each runs the same scenario as processes and, but for the database, on the simulator.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

mod stage;

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use machine::{Epoch, NodeId};
use stage::{Run, Sale};
use view::{Event, Fault, LinkFault, What};

const FORMS: [&str; 4] = ["file", "database", "replicated", "sellers"];
/// The shortest limit that busy machines keep, so that a silent trader is missed soon.
const LIMIT: &str = "group.heartbeat_limit=300ms";

/// Runs the market with these faults under each form of handover, on both hosts: the verdict is
/// that nothing is lost or doubled, and `check` is given the form and the run.
fn survives(faults: &[&str], check: impl Fn(&str, &Run)) {
    for form in FORMS {
        for is_simulated in [true, false] {
            // One simulated journal stands for whatever common place there is.
            if (form, is_simulated) != ("database", true) {
                check(form, &trades_on(form, is_simulated, faults));
            }
        }
    }
}

fn trades_on(form: &str, is_simulated: bool, faults: &[&str]) -> Run {
    let fault = format!("fault=[{}]", faults.join(","));
    let handover = format!("journal.handover={form}");
    stage::run("market", &["run.duration=4s", LIMIT, &fault, &handover], is_simulated)
}

/// Sales of which their trader told between two events.
fn sales_between<'a>(run: &'a Run, from: usize, to: usize) -> Vec<Sale<'a>> {
    run.sales().into_iter().filter(|sale| (from..to).contains(&sale.at)).collect()
}

/// The epoch in which there was trade at this event.
fn epoch_at(run: &Run, at: usize) -> Epoch {
    let terms = run.terms();
    terms.iter().rev().find(|(began, ..)| *began < at).expect("somebody traded").1
}

/// Somebody else has taken over and sells between two events, after those of an epoch were over.
/// Where sellers keep the books the lots of the one that is not there are not for sale.
fn another_sells(form: &str, run: &Run, victim: NodeId, from: usize, to: usize) {
    let old = epoch_at(run, from);
    let others: Vec<_> =
        sales_between(run, from, to).into_iter().filter(|sale| sale.epoch > old).collect();
    assert!(!others.is_empty(), "{form}, simulated: {}: nobody sells", run.is_simulated);
    for sale in others {
        assert_ne!(sale.epoch.node, victim, "{form}");
        let has_sold = sale.receipt.fills.iter().any(|fill| fill.seller == peer::party(victim));
        assert!(form != "sellers" || !has_sold, "it cannot know of it");
    }
}

#[test]
fn the_death_of_a_minority_with_the_trader_in_it() {
    let faults = ["{at='40%',do='kill',who='trader'}", "{at='42%',do='kill',who='trader'}"];
    survives(&faults, |form, run| {
        let killed = run.faults(Fault::Kill);
        let [(_, first), (last, second)] = killed[..] else { panic!("{form}: {killed:?}") };
        assert_ne!(first, second);
        another_sells(form, run, second, last, run.events.len());
        assert!(run.sales().iter().all(|sale| sale.at < last || sale.epoch.node != first));
    });
}

#[test]
fn a_trader_that_hangs() {
    survives(&["{at='40%',do='pause',who='trader',for='30%'}"], |form, run| {
        let (paused, victim) = run.faults(Fault::Pause)[0];
        let (resumed, _) = run.faults(Fault::Resume)[0];
        if form != "database" {
            return another_sells(form, run, victim, paused, resumed);
        }
        // It may hang inside a transaction: then its successor waits for the end of that.
        let elected = |event: &Event| matches!(event.what, What::Elected { .. });
        let elected = run.first(paused, "successor", elected);
        assert!(elected < resumed && run.events[elected].node != victim);
        let old = epoch_at(run, paused);
        let sales = sales_between(run, paused, run.events.len());
        assert!(sales.iter().any(|sale| sale.epoch > old && sale.epoch.node != victim));
    });
}

#[test]
fn a_trader_that_is_partitioned_away() {
    survives(&["{at='40%',do='partition',who='trader',for='30%'}"], |form, run| {
        let cut = run.first(0, "cut", |e| matches!(e.what, What::Links(LinkFault::Cut { .. })));
        let whole =
            run.first(cut, "end", |e| matches!(e.what, What::Links(LinkFault::Mend { .. })));
        let What::Links(LinkFault::Cut { side }) = &run.events[cut].what else { panic!() };
        another_sells(form, run, side[0], cut, whole);
        // By itself: nothing reaches it. What it comes to tell then, it sold before.
        let stopped = run.first(cut, "end of its term", |event| {
            event.node == side[0] && matches!(event.what, What::SteppedDown { .. })
        });
        assert!(stopped < whole, "{form}");
        let since_ns = run.events[stopped].time_ns;
        let is_late =
            |sale: &Sale<'_>| sale.epoch.node == side[0] && run.events[sale.at].time_ns > since_ns;
        assert!(!sales_between(run, stopped, whole).iter().any(is_late), "{form}: it sold on");
        // The limit of a heartbeat, and the period after which it is looked at.
        let took_ns = since_ns - run.events[cut].time_ns;
        assert!(!run.is_simulated || took_ns <= 400_000_000, "{form}: {took_ns}");
    });
}

#[test]
fn the_death_of_all_peers_at_once() {
    let faults: Vec<String> =
        (1..=6).map(|peer| format!("{{at='40%',do='kill',who={peer},for='10%'}}")).collect();
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    survives(&faults, |form, run| {
        let back = run.faults(Fault::Restart);
        assert_eq!((run.faults(Fault::Kill).len(), back.len()), (6, 6));
        let again = sales_between(run, back[5].0, run.events.len());
        assert!(!again.is_empty(), "{form}: nothing is sold when all are back");
    });
}

/// Four of six die, and two of them come back, one after the other.
#[test]
fn the_death_of_a_majority() {
    let faults = [
        "{at='30%',do='kill',who=3,for='20%'}",
        "{at='30%',do='kill',who=4,for='30%'}",
        "{at='30%',do='kill',who=5}",
        "{at='30%',do='kill',who=6}",
    ];
    survives(&faults, |form, run| {
        let (killed, back) = (run.faults(Fault::Kill), run.faults(Fault::Restart));
        assert_eq!((killed.len(), back.len()), (4, 2), "{form}");
        let ((dead, _), (whole, _)) = (killed[3], back[1]);
        let epoch = epoch_at(run, dead);
        assert!(killed.iter().any(|(_, node)| *node == epoch.node), "{form}: the trader is dead");
        // A deed is written down before it is done, so it may have sold a moment longer.
        let meanwhile = sales_between(run, dead, whole);
        assert!(meanwhile.iter().all(|sale| sale.epoch == epoch), "{form}: a minority sells");
        let after = sales_between(run, whole, run.events.len());
        assert!(!after.is_empty(), "{form}: a majority is back, and nothing is sold");
        for sale in after {
            let sellers = sale.receipt.fills.iter().map(|fill| fill.seller);
            let mut away = sellers
                .filter(|seller| [5, 6].map(|node| peer::party(NodeId(node))).contains(seller));
            assert!(form != "sellers" || away.next().is_none(), "their books are with them");
        }
    });
}

/// Nobody is introduced any more, and those that know each other need nobody for that.
#[test]
fn the_death_of_the_directory() {
    let faults = [
        "{at='30%',do='kill',who=0}",
        "{at='35%',do='join',who=7}",
        "{at='50%',do='kill',who='trader',for='20%'}",
    ];
    survives(&faults, |form, run| {
        let (killed, victim) = run.faults(Fault::Kill)[1];
        let (back, _) = run.faults(Fault::Restart)[0];
        another_sells(form, run, victim, killed, back);
        let follows = |(_, event): &(usize, &Event)| matches!(event.what, What::Followed { .. });
        // One that is new, and one that is back under another address. The simulated network needs
        // none.
        for (node, since) in [(7, 0), (victim.0, back)] {
            let introduced = run.of(node).filter(follows).any(|(at, _)| at > since);
            assert_eq!(introduced, run.is_simulated, "{form}: who introduces {node}?");
        }
    });
}

/// The trader's disk and that of another peer are gone with them: the others have all.
#[test]
fn the_disks_of_a_minority_where_the_market_is_replicated() {
    let faults = ["{at='30%',do='kill',who='trader'}", "{at='50%',do='kill',who='trader'}"];
    let run = trades_on("replicated", false, &faults);
    let killed = run.faults(Fault::Kill);
    let [(_, first), (last, second)] = killed[..] else { panic!("{killed:?}") };
    another_sells("replicated", &run, second, last, run.events.len());
    for node in [first, second] {
        std::fs::remove_dir_all(run.folder().join(format!("journals/peer-{node}"))).unwrap();
    }
    run.checked();
}

/// Where sellers keep the books, nobody else has those of a peer: its lots are lost, which the
/// verdict says, and no sale is doubled for that.
#[test]
fn the_disk_of_a_seller_where_sellers_keep_the_books() {
    let run = trades_on("sellers", false, &["{at='50%',do='kill',who=3}"]);
    let (killed, _) = run.faults(Fault::Kill)[0];
    assert!(!sales_between(&run, killed, run.events.len()).is_empty(), "the others go on");
    run.checked();
    std::fs::remove_dir_all(run.folder().join("journals/peer-3")).unwrap();
    let check = run.check();
    let said = String::from_utf8_lossy(&check.stdout);
    assert!(!check.status.success(), "{said}");
    assert!(said.contains("fail: confirmed sales survive"), "{said}");
    assert!(
        said.contains("pass: exactly once") && said.contains("pass: no over-selling"),
        "{said}"
    );
}

/// Kills the market when the test ends, even by a panic; its processes die with it.
struct Market(Child);

impl Drop for Market {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// There is one copy. Nobody confirms a sale that nobody could ever read: the trader stops.
#[test]
fn the_place_of_the_common_journal() {
    for form in ["file", "database"] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
        command.args(["run", "--quiet", "--duration=60s", "--set=fault=[]", "--out"]).arg(&out);
        command.arg(format!("--set=journal.handover={form}"));
        let run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut market = Market(run);
        while !has_sold(&out.join("processes")) {
            assert!(market.0.try_wait().unwrap().is_none(), "{form}: it ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        std::fs::rename(out.join("journals/market"), folder.path().join("lost")).unwrap();
        let mut said = String::new();
        market.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(!market.0.wait().unwrap().success());
        assert!(said.contains("the common journal failed"), "{form}: {said}");
    }
}

/// Whether a process of the market has told of a sale.
fn has_sold(processes: &Path) -> bool {
    let files = std::fs::read_dir(processes).into_iter().flatten().map(|file| file.unwrap().path());
    let records = files.filter(|file| file.extension().is_some_and(|kind| kind == "jsonl"));
    records.map(|file| std::fs::read_to_string(file).unwrap()).any(|text| text.contains("\"sold\""))
}
