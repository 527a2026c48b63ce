//! `WebSocket` connections that carry a leg's audio to a program and back (`docs/streams.md`), on a thread of their own.
//!
//! Knows nothing of legs: what is carried comes from and goes to an [`AudioEnd`]. Names are not resolved here: the
//! address was decided, and checked, by whoever asked.

mod carry;
mod connect;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::stream::{Tls, TlsFiles};

/// Sockets at once.
const MAX_SOCKETS: usize = 1000;
/// At the end, farewells are given this long.
const FAREWELL: Duration = Duration::from_millis(300);

/// What is carried to the program, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// A binary frame.
    Audio(Vec<u8>),
    /// A text frame.
    Text(String),
}

/// The other end of what is carried. Every method returns at once.
pub trait AudioEnd: Send + Sync {
    /// Take what is to be carried.
    fn take(&self) -> VecDeque<Carried>;
    /// Take a binary frame; false if there is no room for it now.
    fn feed(&self, pcm: &[u8]) -> bool;
    /// A mark of the program.
    fn mark(&self, name: &str);
    /// Drop what waits.
    fn clear(&self);
    /// The socket is over; why, if it failed.
    fn end(&self, failure: Option<String>);
    /// Whether this end left; the text frame to take leave with.
    fn farewell(&self) -> Option<String>;
}

/// A `WebSocket` to open.
#[derive(Debug, Clone)]
pub struct AudioRequest {
    /// Where to connect to.
    pub address: SocketAddr,
    /// Host (and port, if it is not the usual one) as in the URL: for the Host header.
    pub authority: String,
    /// Host as in the URL: what the certificate must be good for.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// TLS, with the system's roots.
    pub secure: bool,
    /// Until the `WebSocket` is open.
    pub timeout: Duration,
    /// The first text frame.
    pub start: String,
}

type Job = (AudioRequest, Arc<dyn AudioEnd>);

/// The thread of all sockets. Dropping it takes leave on each.
#[derive(Debug)]
pub struct AudioSockets {
    jobs: Option<mpsc::Sender<Job>>,
    open: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl AudioSockets {
    /// Start the thread.
    pub fn start() -> io::Result<Self> {
        let tls = Arc::new(Tls::load(TlsFiles::default()).map_err(io::Error::other)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (jobs, receiver) = mpsc::channel(MAX_SOCKETS);
        let open = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&open);
        let thread = std::thread::Builder::new()
            .name("rb-audio".to_owned())
            .spawn(move || runtime.block_on(serve(receiver, tls, counted)))?;
        Ok(Self { jobs: Some(jobs), open, thread: Some(thread) })
    }

    /// Open a socket; a failure is told to its end.
    pub fn open(&self, request: AudioRequest, end: Arc<dyn AudioEnd>) {
        let refused = |end: &Arc<dyn AudioEnd>| end.end(Some(format!("{MAX_SOCKETS} streams are open already")));
        if self.open.load(Ordering::Relaxed) >= MAX_SOCKETS {
            return refused(&end);
        }
        if let Some(jobs) = &self.jobs
            && let Err(error) = jobs.try_send((request, end))
        {
            let (_, end) = error.into_inner();
            refused(&end);
        }
    }

    /// Return how many are open or opening.
    pub fn open_sockets(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Drop for AudioSockets {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has ended the thread, which is what is wanted.
            let _ = thread.join();
        }
    }
}

async fn serve(mut jobs: mpsc::Receiver<Job>, tls: Arc<Tls>, open: Arc<AtomicUsize>) {
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            job = jobs.recv() => {
                let Some((request, end)) = job else { break };
                let tls = Arc::clone(&tls);
                open.fetch_add(1, Ordering::Relaxed);
                tasks.spawn(async move { end.end(connect::run(&request, &tls, &*end).await.err()) });
            }
            Some(_) = tasks.join_next() => {
                open.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
    // Ends that were left take leave by themselves; whoever cannot is cut off.
    let _ = tokio::time::timeout(FAREWELL, async { while tasks.join_next().await.is_some() {} }).await;
    open.store(0, Ordering::Relaxed);
}
