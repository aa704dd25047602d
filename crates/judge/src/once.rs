//! That nothing was executed twice, and that clients were told what the traders did.

use market::{Outcome, RequestId};
use view::history::{Phase, phase};

use crate::finding::Finding;
use crate::story::{Stories, Story, line};

const PROPERTY: &str = "exactly once";

/// No request is carried out twice, or refused for good and carried out all the same; a number is
/// given to one request only; and what a client is told is what the trader did. `doubled` is what
/// the books of the final market say of it.
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
    let evidence = format!("requests carried out: {executed}, asked again in vain: {repeated}");
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
        Outcome::Opened | Outcome::Expired { .. } | Outcome::Term(_) => None,
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
    sold.chain(deposited).chain(withdrawn).collect()
}

fn lines(a: usize, b: usize) -> String {
    format!("line {} and {}", a.min(b) + 1, line(a.max(b)))
}
