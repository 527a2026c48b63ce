//! The network under the engine's sans-IO cores: UDP in batches, wake-ups between threads, flood defense before
//! parsing, and host names resolved away from the receive path.
//!
//! Knows addresses and bytes, never SIP. The only crate beside `media` that talks to the kernel.
#![deny(unsafe_op_in_unsafe_fn)]

mod clock;
mod driver;
mod flood;
mod resolve;
mod socket_address;
mod udp;
mod wake;

pub use clock::MonotonicClock;
pub use driver::{Core, DriverCounters, run};
pub use flood::{FloodGate, FloodLimits};
pub use resolve::{Answer, Resolver, ResolverCounters};
pub use udp::{Outgoing, Pressure, Refusal, UdpSocket};
pub use wake::WakeFd;
