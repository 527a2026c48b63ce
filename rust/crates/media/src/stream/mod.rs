//! One RTP stream in and one out: whom to believe, in which order to play, what to count.

pub(crate) mod jitter;
pub(crate) mod latch;
pub(crate) mod playout;
pub(crate) mod quality;
pub(crate) mod reception;
pub(crate) mod report;
pub(crate) mod ring;
pub(crate) mod sender;
pub(crate) mod voice;
pub(crate) mod wide;
