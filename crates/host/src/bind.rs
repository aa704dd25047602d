//! The sockets of a node: TCP and, if its messages are datagrams, UDP on the same port.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use rustix::net::sockopt;

use crate::{HostError, Transport};

/// How often another port is tried if a free port of TCP is taken for UDP.
const TRIES: usize = 64;
/// How large the system shall make the buffer of datagrams that were not read yet, as far as its
/// own limit lets it.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// What a node listens on.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub listener: mio::net::TcpListener,
    pub datagrams: Option<mio::net::UdpSocket>,
}

impl Sockets {
    /// Listens on `address`, and says where that is if its port was 0.
    ///
    /// # Errors
    /// The address is taken, or not of this machine.
    pub fn bind(
        address: SocketAddr,
        transport: Transport,
    ) -> Result<(Self, SocketAddr), HostError> {
        let tries = if address.port() == 0 { TRIES } else { 1 };
        let mut bound = Self::bind_once(address, transport);
        for _ in 1..tries {
            match &bound {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    bound = Self::bind_once(address, transport);
                }
                _ => break,
            }
        }
        bound.map_err(|source| HostError::Bind { address, source })
    }

    fn bind_once(address: SocketAddr, transport: Transport) -> io::Result<(Self, SocketAddr)> {
        // This sets SO_REUSEADDR: a node that starts again gets its port back at once.
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let datagrams = match transport {
            Transport::Tcp => None,
            Transport::Udp => {
                let socket = UdpSocket::bind(address)?;
                socket.set_nonblocking(true)?;
                // Root may go beyond the system's limit. A smaller buffer loses more datagrams, and
                // losing them is allowed.
                let _ = sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER_BYTES)
                    .or_else(|_| {
                        sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_BYTES)
                    });
                Some(mio::net::UdpSocket::from_std(socket))
            }
        };
        let listener = mio::net::TcpListener::from_std(listener);
        Ok((Self { listener, datagrams }, address))
    }
}
