//! How a connection becomes a link, what may come over it, and how it ends.

use super::*;

impl Links {
    /// Takes all whole frames that a connection has received. False if it must be closed for what
    /// came.
    pub(super) fn take_frames<M>(
        &mut self,
        key: LinkKey,
        now: Instant,
        inbox: &mut Vec<Input<M>>,
    ) -> bool
    where
        M: Machine<Message: DeserializeOwned>,
    {
        while let Some(link) = self.links.get_mut(key) {
            let Ok(frame) = link.stream.next() else { return false };
            let Some(frame) = frame else {
                return matches!(link.stage, Stage::Up(_))
                    || link.received_bytes <= HELLO_MAX_BYTES;
            };
            let (from, kind) = (frame.header.from, frame.header.kind);
            if frame.header.cluster != self.identity.cluster {
                return false;
            }
            match link.stage {
                Stage::Up(peer) if peer == from && kind == MESSAGE => match frame.value() {
                    Ok(body) => inbox.push(Input::Message { from, body }),
                    Err(_) => return false,
                },
                Stage::Greeting(expected) if kind == HELLO => {
                    let Ok(hello) = frame.value() else { return false };
                    if !self.greet(key, from, expected, hello, now, inbox) {
                        return false;
                    }
                }
                _ => return false,
            }
        }
        true
    }

    /// Takes a hello. False if it is not one that we wait for.
    fn greet<M: Machine>(
        &mut self,
        key: LinkKey,
        from: NodeId,
        expected: Option<NodeId>,
        hello: Hello,
        now: Instant,
        inbox: &mut Vec<Input<M>>,
    ) -> bool {
        if self.cut.contains(&from) {
            return false;
        }
        let fits = match expected {
            Some(node) => from == node,
            None => {
                let is_meant = hello.to.is_none_or(|node| node == self.identity.node);
                is_meant && from > self.identity.node
            }
        };
        let Some(address) = self.links.get(key).and_then(|link| link.socket.peer_addr().ok())
        else {
            return false;
        };
        let old = self.peers.get(&from).and_then(|peer| Some((peer.up?, peer.life)));
        if !fits || old.is_some_and(|(_, life)| hello.life < life) {
            return false;
        }
        if let Some((old, _)) = old {
            self.close(old, now, inbox);
        }
        let peer = self.peers.entry(from).or_default();
        peer.life = hello.life;
        peer.heard = Some(SocketAddr::new(address.ip(), hello.port));
        peer.up = Some(key);
        peer.dialing = None;
        self.chores.clear(Chore::Redial(from));
        self.chores.clear(Chore::GiveUp(key));
        if expected.is_none() {
            self.unidentified -= 1;
        }
        if let Some(link) = self.links.get_mut(key) {
            link.stage = Stage::Up(from);
            link.up_since = now;
        }
        inbox.push(Input::Opened(from));
        true
    }

    /// Ends a connection, and dials again if that is on us.
    pub(super) fn close<M: Machine>(
        &mut self,
        key: LinkKey,
        now: Instant,
        inbox: &mut Vec<Input<M>>,
    ) {
        let Some(link) = self.links.remove(key) else { return };
        self.chores.clear(Chore::GiveUp(key));
        let node = match link.stage {
            Stage::Greeting(None) => {
                self.unidentified -= 1;
                return;
            }
            Stage::Connecting(node) | Stage::Greeting(Some(node)) => node,
            Stage::Up(node) => {
                inbox.push(Input::Closed(node));
                node
            }
        };
        if let Some(peer) = self.peers.get_mut(&node) {
            (peer.up, peer.dialing, peer.heard) = (None, None, None);
            // One that was up for a moment only may have been refused by the other side.
            if link.stage == Stage::Up(node) && now.since(link.up_since) >= REDIAL_MAX {
                peer.pause = REDIAL_FIRST;
            }
        }
        self.redial_later(node, now);
        self.drop_if_unused(node);
    }

    /// Strangers that came and went leave nothing behind.
    pub(super) fn drop_if_unused(&mut self, node: NodeId) {
        let unused = |peer: &Peer| (peer.known, peer.up, peer.dialing) == (None, None, None);
        if self.peers.get(&node).is_some_and(unused) {
            self.peers.remove(&node);
        }
    }
}
