//! Errors as the workbench numbers them.
//!
//! A *definite* error says that the request was not done and never will be; the workbench builds its
//! verdict on that. So a request whose fate is open gets an indefinite one, or nothing.

use crate::packet::{Asker, Body, Packet};

/// Which error. The numbers are Maelstrom's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Not known in time what became of it. Indefinite.
    Timeout = 0,
    /// This node does not know such requests. Definite.
    NotSupported = 10,
    /// Not now, and not begun. Definite.
    TemporarilyUnavailable = 11,
    /// Not a request that could be done. Definite.
    MalformedRequest = 12,
    /// Begun, and nobody can tell what became of it. Indefinite.
    Crash = 13,
    /// Not done, and never will be. Definite.
    Abort = 14,
    /// There is no such key. Definite.
    KeyDoesNotExist = 20,
    /// The key holds something else. Definite.
    PreconditionFailed = 22,
}

impl Code {
    /// Whether the request was surely not done.
    pub fn is_definite(self) -> bool {
        !matches!(self, Self::Timeout | Self::Crash)
    }
}

/// Why a request is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which error.
    pub code: Code,
    /// What it is about.
    pub text: String,
}

impl Refusal {
    /// A refusal with its reason.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The request is not of its form.
    pub fn malformed(text: impl Into<String>) -> Self {
        Self::new(Code::MalformedRequest, text)
    }

    /// Not now, and not begun.
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self::new(Code::TemporarilyUnavailable, text)
    }

    /// The answer that tells it.
    pub fn answer(&self, me: &str, asker: &Asker) -> Packet {
        let mut fields = Body::new();
        fields.insert("code".into(), (self.code as u64).into());
        fields.insert("text".into(), self.text.as_str().into());
        asker.answer(me, "error", fields)
    }
}
