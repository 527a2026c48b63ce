//! What a leg can be asked to do. Each operation is a small machine without knowledge of packets or sockets.

pub(crate) mod audio_stream;
pub(crate) mod gather;
pub(crate) mod join;
pub(crate) mod lane;
pub(crate) mod machine;
pub(crate) mod playback;
pub(crate) mod player;
pub(crate) mod record;
pub(crate) mod recorders;
pub(crate) mod room;
pub(crate) mod table;
pub(crate) mod tap;
