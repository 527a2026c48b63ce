//! An eventfd that one thread writes and another polls.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// A wake-up between threads: readable from `signal` until `clear`.
#[derive(Debug)]
pub struct WakeFd(OwnedFd);

impl WakeFd {
    /// Open one, non-blocking and closed on exec.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed; the result is checked before use.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just opened and belongs to nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Make it readable. Cheap enough to repeat; callers still write only from idle to busy.
    pub fn signal(&self) {
        let one: u64 = 1;
        // SAFETY: eight readable bytes at a live address. The only possible error, a counter at its end, is
        // harmless: the descriptor is readable then.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    /// Make it unreadable again.
    pub fn clear(&self) {
        let mut count: u64 = 0;
        // SAFETY: eight writable bytes at a live address; EAGAIN (nothing to clear) needs no handling.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}

impl AsRawFd for WakeFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
