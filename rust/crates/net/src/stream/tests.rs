//! The stream thread with real sockets.
