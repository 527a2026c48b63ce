//! The network under the engine's sans-IO cores: UDP in batches, streams (TCP, TLS, WebSocket) on a thread of their own,
//! wake-ups between threads, flood defense before parsing, and host names resolved away from the receive path.
//!
//! Knows who is at the other end ([`ringback_sip::Peer`]) and bytes; of SIP only where a message ends in a stream. The only crate beside `media` that talks to the kernel.
#![deny(unsafe_op_in_unsafe_fn)]

mod audio;
mod clock;
mod dns;
mod driver;
mod flood;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod socket_address;
mod stream;
mod udp;
mod wake;

pub use audio::{AudioEnd, AudioRequest, AudioSockets, Carried};
pub use clock::MonotonicClock;
pub use dns::{Answer, Families, Question, Resolver, ResolverCounters, Target, Wanted};
pub use driver::{Core, DriverCounters, UdpListener, run};
pub use flood::{FloodGate, FloodLimits, Known};
pub use stream::{
    CertificateFiles, StreamCounters, StreamEvent, StreamLimits, StreamSetup, Streams, Tls, TlsFiles, bind_stream,
};
pub use udp::{Outgoing, Pressure, Refusal, UdpSocket};
pub use wake::WakeFd;
