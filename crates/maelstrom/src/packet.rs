//! What travels on standard input and output: one JSON object a line.
//!
//! ```text
//!   {"src": "c1", "dest": "n1", "body": {"type": "echo", "msg_id": 1, "echo": "hello"}}
//! ```

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How long a line may be, in bytes. The longest that nodes send each other is a part of a state,
/// half a megabyte; the rest is room for clients.
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// The body of a packet.
pub type Body = Map<String, Value>;

/// One message, as the workbench routes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Packet {
    /// Who sends it.
    #[serde(rename = "src")]
    pub source: String,
    /// Who is to get it.
    #[serde(rename = "dest")]
    pub destination: String,
    /// What it says.
    pub body: Body,
}

/// Why a line is no packet. Nothing was done, and nobody can be told but the reader of the log.
#[derive(Debug, thiserror::Error)]
pub enum NoPacket {
    /// It is too long.
    #[error("a line is longer than {LINE_BYTES_MAX} bytes; it was passed over")]
    TooLong,
    /// It is not of the form.
    #[error(
        "a line is not a message of the form {{\"src\", \"dest\", \"body\": {{…}}}} ({0}); it was \
         passed over"
    )]
    Form(#[from] serde_json::Error),
}

impl Packet {
    /// Reads a line, without its end.
    ///
    /// # Errors
    /// It is too long, or no JSON object of this form.
    pub fn read(line: &[u8]) -> Result<Self, NoPacket> {
        if line.len() > LINE_BYTES_MAX {
            return Err(NoPacket::TooLong);
        }
        Ok(serde_json::from_slice(line)?)
    }

    /// The packet as a line, with its end.
    ///
    /// # Errors
    /// Never: all that a packet holds can be written. The signature is that of the writer.
    pub fn line(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }

    /// The `type` of the body.
    pub fn kind(&self) -> &str {
        self.body.get("type").and_then(Value::as_str).unwrap_or_default()
    }
}

/// Who asked, and under which number: what an answer needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The client.
    pub client: String,
    /// Its number for the request.
    pub msg_id: i64,
}

impl Asker {
    /// Who sent a packet, if it can be answered: the request has to carry a number.
    pub fn of(packet: &Packet) -> Option<Self> {
        let msg_id = packet.body.get("msg_id").and_then(Value::as_i64)?;
        Some(Self { client: packet.source.clone(), msg_id })
    }

    /// An answer to it. The workbench refuses answers with fields that it does not know, so there
    /// is nothing in it but what the workload names.
    pub fn answer(&self, me: &str, kind: &str, fields: Body) -> Packet {
        let mut body = fields;
        body.insert("type".into(), kind.into());
        body.insert("in_reply_to".into(), self.msg_id.into());
        Packet { source: me.to_owned(), destination: self.client.clone(), body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_written_and_an_answer_names_its_request() {
        let line = br#"{"src":"c1","dest":"n1","body":{"type":"echo","msg_id":7,"echo":[1]}}"#;
        let packet = Packet::read(line).unwrap();
        assert_eq!(packet.kind(), "echo");
        assert_eq!(Packet::read(&packet.line().unwrap()).unwrap(), packet);
        let answer = Asker::of(&packet).unwrap().answer("n1", "echo_ok", Body::new());
        let expected = r#"{"src":"n1","dest":"c1","body":{"in_reply_to":7,"type":"echo_ok"}}"#;
        assert_eq!(String::from_utf8(answer.line().unwrap()).unwrap().trim_end(), expected);
    }

    #[test]
    fn what_is_no_packet_is_an_error() {
        for line in ["", "7", "{}", r#"{"src":1,"dest":"n1","body":{}}"#, "\u{0}", "[[[["] {
            assert!(Packet::read(line.as_bytes()).is_err(), "{line}");
        }
        assert!(Packet::read(&b"[".repeat(100_000)).is_err(), "nesting has a limit");
        assert!(matches!(Packet::read(&vec![b' '; LINE_BYTES_MAX + 1]), Err(NoPacket::TooLong)));
    }
}
