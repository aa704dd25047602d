//! Nodes on loopback: messages over both transports, links that open, close and come back.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::{pair, settings, start};
use host::Transport::{Tcp, Udp};

#[test]
fn messages_pass_both_ways_over_both_transports() {
    for transport in [Tcp, Udp] {
        let (one, two) = pair(transport);
        two.tell("send 1 hello; send 1 again");
        one.expect(["2: hello", "2: again"]);
        one.tell("send 2 back");
        two.expect(["1: back"]);
        let counts = one.stop().unwrap();
        two.expect(["closed 1"]);
        assert_eq!((counts.sent, counts.received, counts.rejected), (1, 2, 0));
    }
}

#[test]
fn a_message_to_many_reaches_each_and_the_node_itself() {
    for transport in [Tcp, Udp] {
        let (one, two) = pair(transport);
        let three = start(settings(3, transport));
        three.expect(["start []"]);
        three.tell(&format!("connect 1 {}", one.address));
        three.tell(&format!("connect 2 {}", two.address));
        one.expect(["opened 3"]);
        two.expect(["opened 3"]);
        let mut opened = [three.next(), three.next()];
        opened.sort();
        assert_eq!(opened, ["opened 1", "opened 2"]);
        one.tell("many 1,2,3 all");
        one.expect(["1: all"]);
        two.expect(["1: all"]);
        three.expect(["1: all"]);
    }
}

#[test]
fn a_node_that_starts_again_on_its_port_is_found_again() {
    for transport in [Tcp, Udp] {
        let (one, two) = pair(transport);
        let address = one.address;
        one.stop().unwrap();
        two.expect(["closed 1"]);
        let mut again = settings(1, transport);
        again.listen = address;
        let one = start(again);
        one.expect(["start []", "opened 2"]);
        two.expect(["opened 1"]);
        two.tell("send 1 hello");
        one.expect(["2: hello"]);
    }
}

#[test]
fn a_node_that_moved_is_found_at_its_new_address() {
    let (one, two) = pair(Tcp);
    one.stop().unwrap();
    two.expect(["closed 1"]);
    let one = start(settings(1, Tcp));
    two.tell(&format!("connect 1 {}", one.address));
    two.expect(["opened 1"]);
}

#[test]
fn a_forgotten_node_is_not_dialed_again_until_it_is_known_again() {
    let (one, two) = pair(Tcp);
    two.tell("forget 1");
    two.expect(["closed 1"]);
    one.expect(["closed 2"]);
    two.tell("send 1 lost");
    two.tell(&format!("connect 1 {}", one.address));
    two.expect(["opened 1"]);
    two.tell("send 1 kept");
    one.expect(["opened 2", "2: kept"]);
    assert_eq!(two.stop().unwrap().unreachable, 1);
}

#[test]
fn large_messages_pass_and_too_large_ones_are_counted() {
    for transport in [Tcp, Udp] {
        let (one, two) = pair(transport);
        two.tell("send 1 bytes 2000000; send 1 bytes 1000000");
        one.expect(["2: 1000000 bytes"]);
        assert_eq!(two.stop().unwrap().too_large, 1);
    }
}

#[test]
fn a_burst_arrives_whole_and_in_order() {
    let (one, two) = pair(Tcp);
    let steps: Vec<String> = (0..5000).map(|number| format!("send 1 {number}")).collect();
    for steps in steps.chunks(500) {
        two.tell(&steps.join(";"));
    }
    for number in 0..5000 {
        one.expect([format!("2: {number}").as_str()]);
    }
}

#[test]
fn an_alarm_at_now_fires_after_the_inputs_of_its_turn() {
    let (one, two) = pair(Tcp);
    // One command's messages leave in one write and are read by one read, so they are of one turn.
    two.tell("send 1 @alarm 7; send 1 first; send 1 second");
    one.expect(["2: first", "2: second", "alarm 7"]);
}

#[test]
fn a_cut_link_carries_nothing_and_nobody_is_told_until_it_is_mended() {
    for transport in [Tcp, Udp] {
        let (one, two) = pair(transport);
        one.tell("cut 2");
        two.tell("cut 1");
        for (node, line) in [(&one, "send 2 lost; report said"), (&two, "send 1 lost; report said")]
        {
            node.tell(line);
            node.expect(["said"]);
        }
        one.tell("sound");
        one.expect(["closed 2"]);
        two.tell("sound");
        two.expect(["closed 1", "opened 1"]);
        one.expect(["opened 2"]);
        two.tell("send 1 kept");
        one.expect(["2: kept"]);
        assert_eq!((one.stop().unwrap().impaired, two.stop().unwrap().impaired), (1, 1));
    }
}

#[test]
fn one_end_is_enough_to_cut_a_link_both_ways() {
    for transport in [Tcp, Udp] {
        let (one, two) = pair(transport);
        one.tell("cut 2");
        one.tell("report cut");
        one.expect(["cut"]);
        two.tell("send 1 lost; send 1 lost");
        // Not even its end comes through.
        two.stop().unwrap();
        one.tell("report nothing");
        one.expect(["nothing"]);
        one.tell("sound");
        one.expect(["closed 2"]);
    }
}

#[test]
fn late_messages_come_in_order_and_lost_ones_do_not_come() {
    for transport in [Tcp, Udp] {
        let (one, two) = pair(transport);
        // Lines that are read together are obeyed before any of them is carried out.
        let make = |links: &str, steps: &str| {
            two.tell(links);
            two.tell(&format!("{steps}; report done"));
            two.expect(["done"]);
        };
        make("late 1 30", "send 1 first; send 1 second");
        make("sound", "send 1 third");
        one.expect(["2: first", "2: second", "2: third"]);
        make("lossy", "send 1 lost");
        make("sound", "send 1 kept");
        one.expect(["2: kept"]);
        assert_eq!(two.stop().unwrap().impaired, 1);
    }
}
