//! Known bugs, for proving that they are found: in a run's files, and by the simulator.

/// A known bug to put into a machine, for proving that it is found in the files of a run. There is
/// none in a build that serves anybody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bug {
    /// One of a peer.
    #[cfg(feature = "planted")]
    pub peer: Option<peer::Planted>,
    /// One of trading houses.
    #[cfg(feature = "planted")]
    pub houses: Option<houses::Planted>,
}

#[cfg(feature = "planted")]
impl Bug {
    /// Reads a bug by its name.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn read(text: &str) -> Result<Self, String> {
        use houses::Planted as OfHouses;
        let of_houses = match text {
            "hasty-fence" => Some(OfHouses::HastyFence),
            "unshut-retry" => Some(OfHouses::UnshutRetry),
            "early-yes" => Some(OfHouses::EarlyYes),
            _ => None,
        };
        let peer = match of_houses {
            Some(_) => None,
            None => Some(of_peer(text)?),
        };
        Ok(Self { peer, houses: of_houses })
    }
}

/// Bugs of a peer, by name.
#[cfg(feature = "planted")]
const OF_PEERS: [(&str, peer::Planted); 5] = [
    ("no-fence", peer::Planted::NoFence),
    ("unjournaled-sale", peer::Planted::UnjournaledSale),
    ("forgetful-sessions", peer::Planted::ForgetfulSessions),
    ("amnesia", peer::Planted::Amnesia),
    ("hasty-books", peer::Planted::HastyBooks),
];

/// Reads a peer's bug by its name.
#[cfg(feature = "planted")]
pub(crate) fn of_peer(text: &str) -> Result<peer::Planted, String> {
    let found = OF_PEERS.into_iter().find(|(name, _)| *name == text);
    found.map(|(_, bug)| bug).ok_or_else(|| {
        "no-fence, unjournaled-sale, forgetful-sessions, amnesia or hasty-books".into()
    })
}

/// The name of a peer's bug.
#[cfg(feature = "planted")]
pub(crate) fn name_of_peers(bug: peer::Planted) -> &'static str {
    let found = OF_PEERS.into_iter().find(|(_, known)| *known == bug);
    found.map_or("unnamed", |(name, _)| name)
}
