//! The program `bazaar`: arguments, configuration, exit codes, and the wiring of all rooms.

pub mod actor;
pub mod audit;
pub mod bench;
pub mod check;
pub mod cli;
pub mod exit;
pub mod export;
pub mod group;
pub mod houses;
pub mod lab;
pub mod maelstrom;
pub mod node;
pub mod overlay;
pub mod run;
pub mod scenario;
pub mod settings;
pub mod simulate;
