//! Readable transcripts of groups: one directive, and all that followed from it.
//!
//! `testdata/group/*.txt`; `REWRITE=1 cargo test -p groupcast --test transcripts` writes them anew:
//! keep what changed only if you understand why.
//!
//! A case is `do` and then a directive a line:
//!
//! ```text
//! group order=sequencer delivery=safe     settings of the nodes made from here on
//! found 1                                 node 1 founds the group
//! join 2 3                                these nodes come up and join through node 1
//! send 2 hello                            node 2 multicasts
//! step                                    what is under way arrives, once (answers are under way then)
//! run                                     until nothing is under way
//! pass 100ms                              time passes; alarms go off, messages arrive
//! cut 1 2 / heal                          nothing passes between two nodes / all passes again
//! crash 3 / leave 3 / kill-quietly 3      3 dies / leaves / dies and nobody's connection tells
//! ```
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod world;

use world::World;

#[test]
fn transcripts() {
    datadriven::walk("testdata/group", |file| {
        let mut world = World::default();
        file.run(|case| {
            world.out.clear();
            for line in case.input.lines() {
                world.directive(line);
            }
            if world.out.is_empty() { "nothing\n".to_owned() } else { world.out.clone() }
        });
    });
}
