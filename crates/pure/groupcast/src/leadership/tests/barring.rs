//! Leaders that yield until they are back.

use super::*;

#[test]
fn a_leader_that_is_barred_until_it_is_back_leaves_others_their_turn() {
    let every = PERIOD * 10;
    let mut group = Group::new(4, |settings| {
        settings.bar = Bar::UntilBack { every, probability: 1.0 };
    });
    group.run(PERIOD * 2);
    group.command(4, Command::Resign);
    assert_eq!(group.epoch(), epoch(2, 3));
    group.command(3, Command::Resign);
    assert_eq!(group.epoch(), epoch(3, 2), "4 is not back yet");
    group.run(every);
    group.command(2, Command::Resign);
    assert_eq!(group.epoch(), epoch(4, 4), "4 is back, and so is 3");
    group.kill(4);
    assert_eq!(group.epoch(), epoch(5, 3));
    group.run(every * 2);
    group.command(3, Command::Resign);
    assert_eq!(group.epoch(), epoch(6, 2), "4 is dead, 3 has just led");
}

#[test]
fn when_all_others_are_gone_a_barred_leader_leads_again() {
    let every = PERIOD * 1_000;
    let mut group = Group::new(3, |settings| {
        settings.bar = Bar::UntilBack { every, probability: 0.5 };
    });
    group.run(PERIOD * 2);
    for (resigns, epoch) in [(3, epoch(2, 2)), (2, epoch(3, 1)), (1, epoch(4, 3))] {
        group.command(resigns, Command::Resign);
        assert_eq!(group.epoch(), epoch, "all have led: the highest goes first again");
    }
}
