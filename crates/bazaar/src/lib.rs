//! The program `bazaar`: arguments, configuration, exit codes, and the wiring of all rooms.

pub mod actor;
pub mod audit;
pub mod bench;
pub mod bug;
pub mod check;
pub mod cli;
pub mod exit;
pub mod export;
pub mod group;
pub mod houses;
pub mod lab;
pub mod maelstrom;
pub mod node;
pub mod nodes;
pub mod places;
pub mod run;
pub mod scenario;
mod scratch;
pub mod settings;
pub mod simulate;
