//! System calls the standard library does not have: many packets at once with their time of arrival, limits, priority.
//!
//! The only unsafe code of the crate.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

/// Packets of one call.
const BATCH: usize = 16;
const BATCH_COUNT: libc::c_uint = 16;
/// Longer packets are cut; none of G.711 is.
const PACKET_BYTES: usize = 1500;
/// Room for one time stamp.
const CONTROL_BYTES: usize = 64;
/// The lowest real-time priority is above everything that is not real-time.
const FIFO_PRIORITY: libc::c_int = 1;
const NICE: libc::c_int = -11;
/// CPUs of a `cpu_set_t`.
const MAX_CPUS: usize = 1024;

/// Ask the kernel to note when packets arrive. Without it they count as arrived when they are read.
pub(crate) fn enable_timestamps(socket: &UdpSocket) {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open as long as `socket` is borrowed, and the value is a c_int of the size given.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast(),
            socklen(size_of::<libc::c_int>()),
        );
    }
}

/// Raise the soft limit of open files to the hard limit and return it.
pub(crate) fn raise_file_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a pointer to a valid `rlimit` that outlives them.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 && limit.rlim_cur < limit.rlim_max {
            let wanted = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
            if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const wanted) == 0 {
                limit = wanted;
            }
        }
    }
    limit.rlim_cur
}

/// Put the calling thread before ordinary ones, if we may; return whether it worked.
pub(crate) fn raise_priority() -> bool {
    // SAFETY: `sched_param` is plain numbers, for which zero is valid; the pointer outlives the call, and 0 names the
    // calling thread in all of these calls.
    unsafe {
        let mut param: libc::sched_param = mem::zeroed();
        param.sched_priority = FIFO_PRIORITY;
        libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const param) == 0
            || libc::setpriority(libc::PRIO_PROCESS, 0, NICE) == 0
    }
}

/// Return the CPUs this process may run on, lowest first.
pub(crate) fn cpus() -> Vec<usize> {
    // SAFETY: a `cpu_set_t` is plain bits, for which zero is valid; the pointer outlives the call and the size is its.
    unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) != 0 {
            return Vec::new();
        }
        (0..MAX_CPUS).filter(|&cpu| libc::CPU_ISSET(cpu, &set)).collect()
    }
}

/// Let the calling thread run on one CPU alone; return whether it worked.
pub(crate) fn pin(cpu: usize) -> bool {
    if cpu >= MAX_CPUS {
        return false;
    }
    // SAFETY: as in `cpus`; 0 names the calling thread, and the number is within the set.
    unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) == 0
    }
}

/// Throw away what waits on a nonblocking socket, up to `most` packets.
pub(crate) fn discard(socket: &UdpSocket, most: usize) {
    let mut byte = [0_u8; 1];
    for _ in 0..most {
        // An error other than "nothing waits" is an old ICMP message; reading it takes it away.
        if let Err(error) = socket.recv_from(&mut byte)
            && error.kind() == io::ErrorKind::WouldBlock
        {
            return;
        }
    }
}

/// Room for a control message, aligned as the kernel wants it.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_BYTES]);

/// Reads packets, up to [`BATCH`] with one call.
pub(crate) struct Receiver {
    bytes: Vec<[u8; PACKET_BYTES]>,
    addresses: Box<[libc::sockaddr_storage; BATCH]>,
    controls: Box<[Control; BATCH]>,
    headers: Vec<libc::mmsghdr>,
    vectors: Vec<libc::iovec>,
    /// Headers the last call wrote to.
    used: usize,
}

/// A packet as read.
pub(crate) struct Received<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) bytes: &'a [u8],
    /// When it arrived, since 1970 by the wall clock.
    pub(crate) arrived: Option<Duration>,
}

impl Receiver {
    /// Get the buffers.
    pub(crate) fn new() -> Self {
        // SAFETY: addresses are plain numbers, for which zero is valid.
        let address: libc::sockaddr_storage = unsafe { mem::zeroed() };
        let mut receiver = Self {
            bytes: vec![[0; PACKET_BYTES]; BATCH],
            addresses: Box::new([address; BATCH]),
            controls: Box::new([Control([0; CONTROL_BYTES]); BATCH]),
            headers: Vec::with_capacity(BATCH),
            vectors: Vec::with_capacity(BATCH),
            used: 0,
        };
        receiver.connect_buffers();
        receiver
    }

    /// Read what waits on a nonblocking socket; return how many packets, at most [`BATCH`], 0 if none waits.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.rearm();
        // SAFETY: every header points into heap buffers of `self`, which are never reallocated and not used elsewhere
        // during the call, with the lengths they have; there are `BATCH` headers; no time-out is given.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH_COUNT,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        if let Ok(count) = usize::try_from(count) {
            self.used = count;
            return Ok(count);
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            error => Err(error),
        }
    }

    /// Return packet `index` of those the last call read; `None` if its address is of no known family.
    pub(crate) fn packet(&self, index: usize) -> Option<Received<'_>> {
        let header = self.headers.get(index)?;
        let length = (header.msg_len as usize).min(PACKET_BYTES);
        let from = socket_address(&self.addresses[index])?;
        Some(Received { from, bytes: &self.bytes[index][..length], arrived: arrived(&header.msg_hdr) })
    }

    /// Say whether there may be more than the last call read.
    pub(crate) fn may_have_more(count: usize) -> bool {
        count == BATCH
    }

    /// Let the headers point into the buffers. These are on the heap and stay where they are when `self` is moved.
    fn connect_buffers(&mut self) {
        for bytes in &mut self.bytes {
            self.vectors.push(libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: PACKET_BYTES });
        }
        for index in 0..BATCH {
            // SAFETY: the struct is plain numbers and pointers, for which zero is valid.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_name = (&raw mut self.addresses[index]).cast();
            header.msg_hdr.msg_iov = &raw mut self.vectors[index];
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = (&raw mut self.controls[index]).cast();
            self.headers.push(header);
        }
        self.used = BATCH;
    }

    /// Restore the lengths that the last call overwrote.
    fn rearm(&mut self) {
        for header in &mut self.headers[..self.used] {
            header.msg_hdr.msg_namelen = socklen(size_of::<libc::sockaddr_storage>());
            header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
        }
        self.used = 0;
    }
}

/// Return the time stamp among the control messages.
fn arrived(header: &libc::msghdr) -> Option<Duration> {
    // SAFETY: the kernel filled in the control buffer that `header` points to and set its length; the macros stay
    // within it, and a time stamp message holds a `timespec`, which is read without assuming its alignment.
    let time = unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        if message.is_null()
            || (*message).cmsg_level != libc::SOL_SOCKET
            || (*message).cmsg_type != libc::SCM_TIMESTAMPNS
        {
            return None;
        }
        ptr::read_unaligned(libc::CMSG_DATA(message).cast::<libc::timespec>())
    };
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

fn socket_address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which struct this is, and `sockaddr_storage` is large and aligned enough for it.
            let address = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
            Some(SocketAddr::from((ip, u16::from_be(address.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let address = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let (ip, port) = (Ipv6Addr::from(address.sin6_addr.s6_addr), u16::from_be(address.sin6_port));
            // Scope and flow are left out of what we compare, except for link-local addresses.
            Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, address.sin6_scope_id)))
        }
        _ => None,
    }
}

fn socklen(size: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(size).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn test_packets_come_with_source_and_time() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(to) = UdpSocket::bind(host) else { continue };
            enable_timestamps(&to);
            let from = UdpSocket::bind(host).unwrap();
            let mut receiver = Receiver::new();
            assert_eq!(receiver.receive(&to).unwrap(), 0);
            for index in 0..20_u8 {
                from.send_to(&[index; 3], to.local_addr().unwrap()).unwrap();
            }

            assert_eq!(receiver.receive(&to).unwrap(), BATCH);
            assert_eq!(receiver.receive(&to).unwrap(), 4);

            let packet = receiver.packet(3).unwrap();
            assert_eq!((packet.from, packet.bytes), (from.local_addr().unwrap(), &[19; 3][..]));
            let age = SystemTime::UNIX_EPOCH.elapsed().unwrap().abs_diff(packet.arrived.unwrap());
            assert!(age < Duration::from_secs(5), "{age:?}");
        }
    }

    #[test]
    fn test_a_thread_is_bound_to_a_cpu_of_the_process() {
        let all = cpus();
        assert!(!all.is_empty());

        // Not this thread: it may be used by other tests.
        let pinned = std::thread::spawn(move || (pin(all[0]), cpus(), all[0])).join().unwrap();

        assert_eq!(pinned, (true, vec![pinned.2], pinned.2));
        assert!(!pin(MAX_CPUS));
    }

    #[test]
    fn test_the_file_limit_is_the_hard_limit() {
        let limit = raise_file_limit();

        assert_eq!(raise_file_limit(), limit);
        assert!(limit >= 256);
    }
}
