//! Transactions (RFC 3261 section 17, RFC 6026): one request, its retransmissions, its responses.
//!
//! This layer knows nothing of calls. It keeps serialised bytes, never parsed messages: a finished transaction that
//! waits for late copies costs its last message and about 200 bytes (`docs/decisions/0002-sip-wire-layer.md`).

mod client;
mod key;
mod server;

pub(crate) use client::{ClientState, ClientTick, ClientTx, Purpose};
pub(crate) use key::{TxKey, branch, client_key, client_key_of, is_of_ours, server_key};
pub(crate) use server::{ServerState, ServerTick, ServerTx};
