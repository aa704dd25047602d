//! The menu of seed 003 on a terminal.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use machine::NodeId;

use super::play::{Show, carry_out, end};
use super::{PEERS_MAX, Peers, Step, name};
use crate::exit;

/// How long seed 003 holds back a message.
const DELAY: Duration = Duration::from_secs(15);

const MENU: &str = "\
1 multicast   2 multicast with delay   3 leave   4 stop without leaving   5 info   6 quit
> ";

/// Asks how many peers there shall be.
///
/// # Errors
/// Standard input cannot be read.
pub fn ask_peers() -> anyhow::Result<u32> {
    loop {
        let question = "How many peers, not counting the sequencer? ";
        let Some(answer) = ask(question)? else { return Ok(2) };
        match answer.parse() {
            Ok(peers) if (1..=PEERS_MAX).contains(&peers) => return Ok(peers),
            _ => println!("give a number from 1 to {PEERS_MAX}"),
        }
    }
}

/// Shows the menu until its user quits, then says whether the members agree.
///
/// # Errors
/// Standard input cannot be read, or a process fails.
pub fn run(peers: &mut Peers, patience: Duration, show: Show) -> anyhow::Result<ExitCode> {
    carry_out(peers, Step::Info, patience, show)?;
    while let Some(choice) = ask(MENU)? {
        let step = match choice.as_str() {
            "1" => multicast(peers, Step::Multicast)?,
            "2" => multicast(peers, |node, text| Step::Delay(node, text, DELAY))?,
            "3" => ask_peer(peers, "Which peer shall leave")?.map(Step::Leave),
            "4" => ask_peer(peers, "Which peer shall stop")?.map(Step::Stop),
            "5" => Some(Step::Info),
            "6" => break,
            _ => None,
        };
        let Some(step) = step else {
            println!("give the number of a line of the menu, and of a peer that is in");
            continue;
        };
        match carry_out(peers, step, patience, show) {
            Err(error) if error.is::<exit::Unusable>() => println!("{error}"),
            done => done?,
        }
    }
    end(peers, patience, show)
}

fn multicast(
    peers: &Peers,
    step: impl FnOnce(NodeId, String) -> Step,
) -> anyhow::Result<Option<Step>> {
    let Some(node) = ask_peer(peers, "Which peer shall send")? else { return Ok(None) };
    Ok(ask("Which message? ")?.map(|text| step(node, text)))
}

/// Asks for a peer by its number: 0 is the first sequencer, as in the seed.
fn ask_peer(peers: &Peers, question: &str) -> anyhow::Result<Option<NodeId>> {
    let present = peers.look(|board| board.present().map(|(node, _)| node).collect::<Vec<_>>());
    let number = |node: NodeId| node.0 - 1;
    let choices = present.iter().map(|&node| format!("{} {}", number(node), name(node)));
    let choices = choices.collect::<Vec<_>>().join(", ");
    let answer = ask(&format!("{question} ({choices})? "))?;
    Ok(answer.and_then(|answer| present.into_iter().find(|&n| number(n).to_string() == answer)))
}

/// Asks a question. `None` at the end of the input.
fn ask(question: &str) -> anyhow::Result<Option<String>> {
    print!("{question}");
    io::stdout().flush().context("cannot write to the terminal")?;
    let mut line = String::new();
    let length = io::stdin().read_line(&mut line).context("cannot read standard input")?;
    Ok((length > 0).then(|| line.trim().to_owned()))
}
