//! How connections begin: dialing with growing pauses, and accepting within limits.

use super::*;

impl Links {
    /// Takes note of where a node is, and dials it if that is on us.
    pub fn connect(&mut self, node: NodeId, address: SocketAddr, now: Instant) {
        if node == self.identity.node {
            return;
        }
        let peer = self.peers.entry(node).or_default();
        if peer.known != Some(address) {
            peer.known = Some(address);
            peer.pause = REDIAL_FIRST;
            if let Some(key) = peer.dialing.take() {
                self.links.remove(key);
                self.chores.clear(Chore::GiveUp(key));
            }
            self.dial(node, now);
        }
    }

    /// Lets nothing pass to and from these nodes, and no others. The link to a node that was among
    /// them ends, and a new one is made.
    pub fn cut<M: Machine>(
        &mut self,
        nodes: &BTreeSet<NodeId>,
        now: Instant,
        inbox: &mut Vec<Input<M>>,
    ) {
        let before = std::mem::replace(&mut self.cut, nodes.clone());
        for &node in before.difference(nodes) {
            let Some(peer) = self.peers.get_mut(&node) else { continue };
            peer.pause = REDIAL_FIRST;
            match peer.up {
                Some(key) => self.close(key, now, inbox),
                None => self.dial(node, now),
            }
        }
    }

    /// Forgets where a node is and ends the link to it.
    pub fn forget<M: Machine>(&mut self, node: NodeId, now: Instant, inbox: &mut Vec<Input<M>>) {
        self.stop_dialing(node, now, inbox);
        if let Some(key) = self.peers.get(&node).and_then(|peer| peer.up) {
            self.close(key, now, inbox);
        }
    }

    /// Forgets where a node is; a link to it that is up stays.
    pub fn stop_dialing<M: Machine>(
        &mut self,
        node: NodeId,
        now: Instant,
        inbox: &mut Vec<Input<M>>,
    ) {
        let Some(peer) = self.peers.get_mut(&node) else { return };
        peer.known = None;
        let dialing = peer.dialing;
        self.chores.clear(Chore::Redial(node));
        if let Some(key) = dialing {
            self.close(key, now, inbox);
        }
        self.drop_if_unused(node);
    }

    /// Dials and gives up what is due.
    pub fn do_chores<M: Machine>(
        &mut self,
        now: Instant,
        inbox: &mut Vec<Input<M>>,
        counts: &mut Counts,
    ) {
        let round = self.chores.round();
        while let Some(chore) = self.chores.pop(now, round) {
            match chore {
                Chore::Redial(node) => self.dial(node, now),
                Chore::GiveUp(key) => {
                    counts.rejected += 1;
                    self.close(key, now, inbox);
                }
                Chore::Accept => self.accepting = true,
            }
        }
    }

    fn dial(&mut self, node: NodeId, now: Instant) {
        if node >= self.identity.node {
            return;
        }
        let Some(peer) = self.peers.get(&node) else { return };
        let (Some(address), None, None) = (peer.known, peer.up, peer.dialing) else { return };
        if self.cut.contains(&node) {
            return self.redial_later(node, now);
        }
        let dialed = TcpStream::connect(address)
            .and_then(|socket| self.add(socket, Stage::Connecting(node), now));
        match (dialed, self.peers.get_mut(&node)) {
            (Ok(key), Some(peer)) => peer.dialing = Some(key),
            _ => self.redial_later(node, now),
        }
    }

    /// Dials again after a pause, which doubles each time until a link comes up.
    pub(super) fn redial_later(&mut self, node: NodeId, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&node)
            && node < self.identity.node
            && peer.known.is_some()
        {
            self.chores.set(Chore::Redial(node), now + peer.pause);
            peer.pause = (peer.pause * 2).min(REDIAL_MAX);
        }
    }

    pub(super) fn accept(&mut self, now: Instant, counts: &mut Counts) {
        for _ in 0..ACCEPTS_PER_TURN {
            match self.listener.accept() {
                Ok((socket, _)) => {
                    let room = self.unidentified < UNIDENTIFIED_MAX && self.links.len() < LINKS_MAX;
                    // A socket that is not added is closed here: the other side dials again.
                    if room && self.add(socket, Stage::Greeting(None), now).is_ok() {
                        self.unidentified += 1;
                    } else {
                        counts.rejected += 1;
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return self.accepting = false,
                    // The connection ended while it waited to be accepted.
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    // No file descriptor or memory is left, and no event will say when there is.
                    _ => {
                        self.accepting = false;
                        return self.chores.set(Chore::Accept, now + ACCEPT_PAUSE);
                    }
                },
            }
        }
    }

    /// Adds a connection and says hello on it.
    fn add(&mut self, mut socket: TcpStream, stage: Stage, now: Instant) -> io::Result<LinkKey> {
        socket.set_nodelay(true)?;
        let to = match stage {
            Stage::Connecting(node) => Some(node),
            Stage::Greeting(_) | Stage::Up(_) => None,
        };
        let (mut frame, hello) = (Vec::new(), Hello { to, ..self.identity.hello });
        self.identity.encode(HELLO, &hello, &mut frame).map_err(io::Error::other)?;
        let key = self.links.try_insert_with_key(|key| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.registry.register(&mut socket, key.token(), interest)?;
            let mut link = Link::new(socket, stage);
            link.append(&frame);
            io::Result::Ok(link)
        })?;
        self.chores.set(Chore::GiveUp(key), now + GREETING_LIMIT);
        Ok(key)
    }
}
