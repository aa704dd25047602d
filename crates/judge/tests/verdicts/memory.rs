//! Clients that crash with a deposit under way.

use judge::{Ruling, RunFiles};
use view::What;

use crate::world::{World, assert_broken, deposit, finding, retell};

const PROPERTY: &str = "who comes back goes on";

/// A seller asks, and dies before anybody heard it; `again` says whether its next life asks again.
fn crashed(again: bool) -> RunFiles {
    let mut world = World::new();
    let request = world.request(1, deposit("fish", 10, 8));
    world.ask(1, &request);
    world.happen(0, What::Fault { fault: view::Fault::Kill, target: machine::NodeId(1) });
    world.start(1);
    if again {
        world.ask(1, &request);
    }
    world.finish()
}

#[test]
fn a_deposit_that_the_next_life_takes_up_is_no_loss() {
    let told = finding(&crashed(true), PROPERTY);
    assert_eq!(told.ruling, Ruling::Pass);
    assert_eq!(told.evidence, "requests without an answer that a later life took up: 1");
}

#[test]
fn a_deposit_that_the_next_life_forgot_is_found() {
    assert_broken(
        &crashed(false),
        PROPERTY,
        "request 1.1.1, line 12 of events.jsonl, was under way, and the next life of its client, \
         line 14 of events.jsonl, knows nothing of it",
    );
}

#[test]
fn what_was_settled_or_given_up_need_not_be_known_any_more() {
    let mut run = crashed(false);
    let asked = run.events.iter().find_map(|event| match &event.what {
        What::Asked { request, operation, .. } => {
            Some((event.clone(), *request, operation.clone()))
        }
        _ => None,
    });
    let (mut event, request, operation) = asked.unwrap();
    event.what = What::Abandoned { request, operation };
    run.events.insert(13, event);
    retell(&mut run);
    assert_eq!(finding(&run, PROPERTY).ruling, Ruling::NeverExercised);
}
