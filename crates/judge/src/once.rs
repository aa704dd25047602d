//! That nothing was executed twice, and that clients were told what the traders did.

use std::collections::BTreeMap;

use market::{Outcome, Party, RequestId};
use view::What;
use view::history::{Phase, phase};

use crate::finding::Finding;
use crate::story::{Stories, Story, line};

const PROPERTY: &str = "exactly once";

/// No request is carried out twice, or refused for good and carried out all the same; a number is
/// given to one request only; and what a client is told is what the trader did. `doubled` is what
/// the books of the final market say of it. Who has a session again after a crash counts all that
/// it was sold before.
pub fn judge(stories: &Stories<'_>, doubled: Option<String>) -> Finding {
    Finding::from_check(PROPERTY, check(stories, doubled))
}

fn check(stories: &Stories<'_>, doubled: Option<String>) -> Result<Finding, String> {
    let (mut executed, mut repeated) = (0, 0);
    for (request, story) in &stories.requests {
        check_request(*request, story)?;
        executed += usize::from(!executions(story).is_empty());
        repeated += story.repeated.len();
    }
    doubled.map_or(Ok(()), Err)?;
    let returned = check_returns(stories)?;
    let evidence = format!(
        "requests carried out: {executed}, asked again in vain: {repeated}, clients that came back: \
         {returned}"
    );
    Ok(Finding::held(PROPERTY, executed, evidence, "no request was carried out"))
}

fn check_request(request: RequestId, story: &Story<'_>) -> Result<(), String> {
    if let [(a, one), .., (b, other)] = &story.asked[..]
        && one != other
    {
        return Err(format!("number {request} was given to two requests, at {}", lines(*a, *b)));
    }
    let executed = executions(story);
    if let [(a, did), (b, did_too), ..] = &executed[..] {
        let lines = lines(*a, *b);
        return Err(format!(
            "request {request} was carried out twice, at {lines}: it {did}, then it {did_too}"
        ));
    }
    let refused = story.refused.iter().find(|(_, refusal)| refusal.is_remembered());
    if let (Some((a, did)), Some((b, refusal))) = (executed.first(), refused) {
        return Err(format!(
            "request {request} was both carried out ({did}) and refused for good ({refusal}), at {}",
            lines(*a, *b)
        ));
    }
    if let [(a, one), .., (b, other)] = &story.answered[..]
        && one != other
    {
        return Err(format!("request {request} has two answers, at {}", lines(*a, *b)));
    }
    check_answer(request, story)
}

/// Whether each client that has a session again has been told of all that it bought: how many did.
fn check_returns(stories: &Stories<'_>) -> Result<usize, String> {
    let mut bought: BTreeMap<Party, Vec<usize>> = BTreeMap::new();
    for (request, story) in &stories.requests {
        let told = story.answered.iter();
        let told = told.filter(|(_, outcome)| matches!(outcome, Outcome::Bought(_)));
        let told = told.map(|(at, _)| *at).chain(story.sold.iter().map(|(at, _)| *at));
        if let Some(first) = told.min() {
            bought.entry(request.client.party).or_default().push(first);
        }
    }
    let mut returned = 0;
    for (at, event) in stories.events.iter().enumerate() {
        let What::Returned { purchases } = event.what else { continue };
        returned += 1;
        let party = Party(event.node.0.into());
        let before = bought.get(&party).map_or(0, |all| all.iter().filter(|it| **it < at).count());
        if before as u64 > purchases {
            return Err(format!(
                "party {party} bought {before} times and was told of {purchases} at {}",
                line(at)
            ));
        }
    }
    Ok(returned)
}

/// What the client was told is what the trader did.
fn check_answer(request: RequestId, story: &Story<'_>) -> Result<(), String> {
    let Some((told, outcome)) = story.answered.first() else { return Ok(()) };
    let refused = story.refused.iter().find(|(_, refusal)| refusal.is_remembered());
    let did = match outcome {
        Outcome::Refused(said) if phase(outcome) == Phase::Fail => {
            let other = refused.filter(|(_, did)| said.is_remembered() && *did != said);
            executions(story).first().map(|(at, _)| *at).or(other.map(|(at, _)| *at))
        }
        Outcome::Refused(_) => None,
        _ if refused.is_some() => refused.map(|(at, _)| *at),
        Outcome::Bought(receipt) => {
            story.sold.first().filter(|(_, sold)| *sold != receipt).map(|(at, _)| *at)
        }
        Outcome::Deposited { lot } => {
            story.deposited.first().filter(|(_, made)| made != lot).map(|(at, _)| *at)
        }
        Outcome::Withdrawn { good, quantity } => {
            let told = (good, *quantity);
            story.withdrawn.first().filter(|(_, given)| *given != told).map(|(at, _)| *at)
        }
        Outcome::Held { hold, receipt, .. } => {
            let told = (*hold, receipt);
            story.held.first().filter(|(_, held)| *held != told).map(|(at, _)| *at)
        }
        Outcome::Voided { good, quantity } => {
            let told = (good, *quantity);
            story.let_go.first().filter(|(_, gone)| *gone != told).map(|(at, _)| *at)
        }
        Outcome::Opened { .. }
        | Outcome::Expired { .. }
        | Outcome::Term(_)
        | Outcome::HoldsEnded(_) => None,
    };
    match did {
        Some(did) => Err(format!(
            "the client of request {request} was told something else than the trader did, at {}",
            lines(did, *told)
        )),
        None => Ok(()),
    }
}

/// Where the traders carried a request out, and what they did, in words.
fn executions(story: &Story<'_>) -> Vec<(usize, String)> {
    let sold = story.sold.iter().map(|(at, receipt)| {
        let words = format!("sold {} {} for {}", receipt.quantity, receipt.good, receipt.paid);
        (*at, words)
    });
    let deposited = story.deposited.iter().map(|(at, lot)| (*at, format!("made lot {lot}")));
    let withdrawn = story.withdrawn.iter().map(|(at, (good, units))| {
        let words = format!("gave {units} {good} back");
        (*at, words)
    });
    let held = story.held.iter().map(|(at, (hold, _))| (*at, format!("filled cart {hold}")));
    let let_go = story.let_go.iter().map(|(at, (good, units))| {
        let words = format!("let {units} {good} go");
        (*at, words)
    });
    sold.chain(deposited).chain(withdrawn).chain(held).chain(let_go).collect()
}

fn lines(a: usize, b: usize) -> String {
    format!("line {} and {}", a.min(b) + 1, line(a.max(b)))
}
