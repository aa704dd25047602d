//! What an election looks like, message by message.

use groupcast::election::Options;
use groupcast::election::bully::Bully;
use groupcast::election::ring::Ring;
use machine::NodeId;

use super::network::{EVEN, Elects, Network, VICTORY_LIMIT};

/// A run of four nodes that node 2 starts, two posts, node 3 crashed; without acknowledgements.
fn run<M: Elects>() -> String {
    let options = Options { posts: 2, ..Options::default() };
    let mut network = Network::<M>::new(4, &options, EVEN, 0);
    network.crash(NodeId(3));
    network.start(2);
    network.run(VICTORY_LIMIT);
    network.trace.retain(|line| !line.contains("Ack"));
    network.trace.join("\n").replace("NodeId(", "(")
}

#[test]
fn bully() {
    let expected = "
0.000 2 < Command(Start)
0.000 2 ! Campaigned
0.001 1 < Closed(3)
0.001 2 < Closed(3)
0.001 4 < Closed(3)
0.001 4 < Message(2, Election { round: 1 })
0.001 4 ! Campaigned
0.001 4 ! Won
0.001 4 ! Seated({0: 1.4})
0.002 2 < Message(4, Answer { round: 1 })
0.002 2 ! Won
0.002 2 ! Seated({1: 1.2})
0.002 1 < Message(4, Coordinator { seats: {0: 1.4} })
0.002 1 ! Seated({0: 1.4})
0.002 1 ! Campaigned
0.002 2 < Message(4, Coordinator { seats: {0: 1.4} })
0.002 2 ! Seated({0: 1.4, 1: 1.2})
0.003 1 < Message(2, Coordinator { seats: {1: 1.2} })
0.003 1 ! Seated({0: 1.4, 1: 1.2})
0.003 4 < Message(2, Coordinator { seats: {1: 1.2} })
0.003 4 ! Seated({0: 1.4, 1: 1.2})
0.003 2 < Message(1, Election { round: 1 })
0.004 1 < Message(2, Coordinator { seats: {0: 1.4, 1: 1.2} })";
    assert_eq!(run::<Bully>(), expected.trim());
}

#[test]
fn ring() {
    let expected = "
0.000 2 < Command(Start)
0.000 2 ! Campaigned
0.001 1 < Closed(3)
0.001 2 < Closed(3)
0.001 4 < Closed(3)
0.002 4 < Message(2, Token(Token { owner: (2), round: 1, passed: {}, seats: {} }))
0.002 4 ! Campaigned
0.003 1 < Message(4, Token(Token { owner: (4), round: 1, passed: {}, seats: {} }))
0.004 2 < Message(1, Token(Token { owner: (4), round: 1, passed: {(1)}, seats: {} }))
0.005 4 < Message(2, Token(Token { owner: (4), round: 1, passed: {(1), (2)}, seats: {} }))
0.005 4 ! Won
0.005 4 ! Seated({0: 1.4, 1: 1.2})
0.006 1 < Message(4, Coordinator { seats: {0: 1.4, 1: 1.2} })
0.006 1 ! Seated({0: 1.4, 1: 1.2})
0.006 2 < Message(4, Coordinator { seats: {0: 1.4, 1: 1.2} })
0.006 2 ! Won
0.006 2 ! Seated({0: 1.4, 1: 1.2})";
    assert_eq!(run::<Ring>(), expected.trim());
}
