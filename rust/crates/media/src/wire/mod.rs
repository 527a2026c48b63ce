//! Bytes of RTP and RTCP (RFC 3550), packed and unpacked by free functions. Knows no leg and no clock.

pub(crate) mod rtcp;
pub(crate) mod rtp;
pub(crate) mod wrap;
