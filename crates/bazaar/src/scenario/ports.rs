//! Whether the ports of a scenario are free: by listening on each for a moment.

use std::io::{Error, ErrorKind};
use std::net::{SocketAddr, TcpListener, UdpSocket};

use super::choice::Transport;
use super::keys::Run;
use super::problem::Problem;

/// Finds the first port that cannot be listened on. With any free port, only the host is tried.
pub(super) fn check(run: &Run) -> Result<(), Problem> {
    let last = u32::from(run.base_port) + run.peers;
    let ports = match run.base_port {
        0 => 0..=0,
        first => first..=u16::try_from(last).unwrap_or(u16::MAX),
    };
    for port in ports {
        let address = SocketAddr::new(run.host, port);
        // Over UDP too, a stream tells of the end of a process.
        TcpListener::bind(address).map_err(|error| problem(run, address, "TCP", &error))?;
        if run.transport == Transport::Udp {
            UdpSocket::bind(address).map_err(|error| problem(run, address, "UDP", &error))?;
        }
    }
    Ok(())
}

fn problem(run: &Run, address: SocketAddr, protocol: &str, error: &Error) -> Problem {
    let port = address.port();
    let about_port = |reason: &str| Problem {
        place: None,
        key: "run.base_port".to_owned(),
        value: Some(run.base_port.to_string()),
        reason: format!("{protocol} port {port} of {} {reason}", run.host),
        mend: format!("give another port, of which the next {} are free too, or 0", run.peers),
    };
    match error.kind() {
        ErrorKind::AddrInUse => about_port("is in use by another program"),
        ErrorKind::PermissionDenied => about_port("is kept for the system"),
        _ => Problem {
            place: None,
            key: "run.host".to_owned(),
            value: Some(format!("\"{}\"", run.host)),
            reason: format!("it cannot be listened on: {error}"),
            mend: "give an address of this machine, such as \"127.0.0.1\"".to_owned(),
        },
    }
}
