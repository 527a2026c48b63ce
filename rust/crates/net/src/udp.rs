//! One UDP socket, read and written in batches, that learns of refused packets (ICMP) by address.

use std::io;
use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::os::fd::{AsRawFd, RawFd};

use bytes::Bytes;
use ringback_sip::Peer;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::socket_address::{empty, from_kernel};

/// Datagrams per system call.
const BATCH: usize = 32;
/// Largest UDP payload.
const LARGEST: usize = 65_535;
/// Asked for; the kernel gives what `net.core.rmem_max` allows. At 1 KB a message some thousand wait.
const RECEIVE_BUFFER: usize = 8 << 20;
/// `linux/socket.h`: memory figures of a socket. libc does not name it.
const SO_MEMINFO: libc::c_int = 55;
/// `linux/sock_diag.h`: bytes used for receiving first, the limit second, datagrams dropped last.
const MEMINFO_WORDS: usize = 9;

/// A message to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Destination.
    pub to: Peer,
    /// Payload.
    pub bytes: Bytes,
}

/// A non-blocking UDP socket with room for one batch.
#[derive(Debug)]
pub struct UdpSocket {
    socket: StdSocket,
    buffers: Vec<u8>,
    lengths: [usize; BATCH],
    sources: [Option<SocketAddr>; BATCH],
}

impl UdpSocket {
    /// Bind to an address. Fails if it is taken or not ours.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        // A smaller buffer than asked for is no error.
        if !force_receive_buffer(&socket) {
            let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        }
        let _ = socket.set_send_buffer_size(RECEIVE_BUFFER);
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            // An IPv4 listener on the same port is another listener.
            socket.set_only_v6(true)?;
        }
        report_refusals(&socket, address)?;
        socket.bind(&SockAddr::from(address))?;
        Ok(Self {
            socket: socket.into(),
            buffers: vec![0; BATCH * LARGEST],
            lengths: [0; BATCH],
            sources: [None; BATCH],
        })
    }

    /// The address it is bound to.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Read one batch. Returns how many datagrams `datagram` now gives; fewer than `batch_size` means none are left.
    pub fn receive(&mut self) -> io::Result<usize> {
        let mut names: [libc::sockaddr_storage; BATCH] = [empty(); BATCH];
        let mut parts: [libc::iovec; BATCH] = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
        for (part, buffer) in parts.iter_mut().zip(self.buffers.chunks_exact_mut(LARGEST)) {
            *part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: LARGEST };
        }
        let mut messages = headers();
        for ((message, part), name) in messages.iter_mut().zip(&mut parts).zip(&mut names) {
            message.msg_hdr.msg_iov = &raw mut *part;
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_name = (&raw mut *name).cast();
            message.msg_hdr.msg_namelen = name_length();
        }
        // SAFETY: every header points to one live iovec over a live buffer and to one live address, for the whole call.
        let count = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                messages.as_mut_ptr(),
                batch_count(BATCH),
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for index in 0..count {
            self.lengths[index] = messages[index].msg_len as usize;
            self.sources[index] = from_kernel(&names[index]);
        }
        Ok(count)
    }

    /// Datagrams a full batch holds.
    pub fn batch_size() -> usize {
        BATCH
    }

    /// One datagram of the last batch.
    pub fn datagram(&self, index: usize) -> Option<(SocketAddr, &[u8])> {
        let source = (*self.sources.get(index)?)?;
        let start = index * LARGEST;
        Some((source, self.buffers.get(start..start + self.lengths[index])?))
    }

    /// Send datagrams from the front, at most one batch.
    ///
    /// Returns how many went out. An error belongs to the first datagram, none was sent then.
    pub fn send(&self, datagrams: &[Outgoing]) -> io::Result<usize> {
        let batch = &datagrams[..datagrams.len().min(BATCH)];
        let mut names: [SockAddr; BATCH] = std::array::from_fn(|index| {
            SockAddr::from(batch.get(index).map_or(SocketAddr::from(([0, 0, 0, 0], 0)), |datagram| datagram.to.address))
        });
        let mut parts: [libc::iovec; BATCH] = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
        let mut messages = headers();
        for (index, datagram) in batch.iter().enumerate() {
            // The kernel only reads here, but the header type is shared with receiving.
            parts[index] =
                libc::iovec { iov_base: datagram.bytes.as_ptr().cast_mut().cast(), iov_len: datagram.bytes.len() };
            messages[index].msg_hdr.msg_iov = &raw mut parts[index];
            messages[index].msg_hdr.msg_iovlen = 1;
            messages[index].msg_hdr.msg_namelen = names[index].len();
            messages[index].msg_hdr.msg_name = (&raw mut names[index]).cast();
        }
        // SAFETY: the first `batch.len()` headers point to live payloads and addresses; the kernel writes only msg_len.
        let count = unsafe {
            libc::sendmmsg(self.socket.as_raw_fd(), messages.as_mut_ptr(), batch_count(batch.len()), libc::MSG_DONTWAIT)
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// How full the receive buffer is, and what it lost.
    pub fn pressure(&self) -> Pressure {
        let mut figures = [0_u32; MEMINFO_WORDS];
        let mut length = libc::socklen_t::try_from(size_of_val(&figures)).unwrap_or(0);
        // SAFETY: the kernel writes at most `length` bytes into the live array; a shorter answer leaves zeros.
        unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_SOCKET,
                SO_MEMINFO,
                figures.as_mut_ptr().cast(),
                &raw mut length,
            );
        }
        let [used, size, .., dropped] = figures;
        Pressure { nearly_full: used > size / 4 * 3, dropped: u64::from(dropped) }
    }

    /// Take one address that refused a packet of ours (ICMP unreachable); None when there are no more reports.
    pub fn take_refusal(&self) -> Option<Refusal> {
        let mut name = empty();
        let mut control = [0_u64; 64];
        // SAFETY: plain old data for which zero bytes are valid.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_name = (&raw mut name).cast();
        message.msg_namelen = name_length();
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        // SAFETY: the header points to live memory of the stated sizes.
        let result = unsafe {
            libc::recvmsg(self.socket.as_raw_fd(), &raw mut message, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT)
        };
        if result < 0 {
            return None;
        }
        Some(Refusal { to: from_kernel(&name), hard: is_unreachable(&message) })
    }
}

/// State of the receive buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pressure {
    /// More than three quarters are in use.
    pub nearly_full: bool,
    /// Datagrams the kernel threw away for want of room.
    pub dropped: u64,
}

/// A packet of ours that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Where it had been sent.
    pub to: Option<SocketAddr>,
    /// RFC 3261 section 18.4: port, host, network or protocol unreachable; anything else is a hint to ignore.
    pub hard: bool,
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

fn headers() -> [libc::mmsghdr; BATCH] {
    // SAFETY: plain old data for which zero bytes (null pointers, no lengths) are valid.
    unsafe { std::mem::zeroed() }
}

fn name_length() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<libc::sockaddr_storage>()).unwrap_or(0)
}

fn batch_count(count: usize) -> libc::c_uint {
    libc::c_uint::try_from(count).unwrap_or(0)
}

/// Ask for the buffer whatever `net.core.rmem_max` says; only a privileged process may.
fn force_receive_buffer(socket: &Socket) -> bool {
    let size = libc::c_int::try_from(RECEIVE_BUFFER).unwrap_or(0);
    // SAFETY: the option takes a C int, whose live address and size (4 on every Linux) are passed.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, (&raw const size).cast(), 4)
    };
    result == 0
}

/// Ask for ICMP errors with the address they are about: an unconnected socket hides them otherwise.
fn report_refusals(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    let on: libc::c_int = 1;
    let (level, option) = match address {
        SocketAddr::V4(_) => (libc::SOL_IP, libc::IP_RECVERR),
        SocketAddr::V6(_) => (libc::SOL_IPV6, libc::IPV6_RECVERR),
    };
    // SAFETY: the option takes a C int, whose live address and size (4 on every Linux) are passed.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), 4) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn is_unreachable(message: &libc::msghdr) -> bool {
    // SAFETY: the kernel filled the control buffer the header points to; the macros stay within its length.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !next.is_null() {
        // SAFETY: `next` is non-null and inside the control buffer.
        let header = unsafe { &*next };
        let is_error = matches!(
            (header.cmsg_level, header.cmsg_type),
            (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR)
        );
        if is_error {
            // SAFETY: a message of this type carries a sock_extended_err; it may be unaligned.
            let error = unsafe { std::ptr::read_unaligned(libc::CMSG_DATA(next).cast::<libc::sock_extended_err>()) };
            let hard = [libc::ECONNREFUSED, libc::EHOSTUNREACH, libc::ENETUNREACH, libc::ENOPROTOOPT, libc::EACCES];
            return hard.contains(&i32::try_from(error.ee_errno).unwrap_or(0));
        }
        // SAFETY: both pointers are into the same control buffer.
        next = unsafe { libc::CMSG_NXTHDR(message, next) };
    }
    false
}
