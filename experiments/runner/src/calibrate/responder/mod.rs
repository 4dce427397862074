//! A server that does next to nothing: it answers every request with the same bytes, from one thread.
//!
//! The load generator is calibrated and tested against it: what it does not do itself cannot pose as the
//! generator's cost. On demand the whole server sleeps once, as a garbage collection or a frozen machine
//! would have it, to see which loop notices.

mod connection;

pub use connection::BODY;

use crate::kernel::affinity::pin_current_thread;
use crate::kernel::clock::monotonic_ns;
use anyhow::{Context, Result};
use clap::Args;
use connection::{Connection, Served};
use rustix::event::epoll;
use rustix::io::Errno;
use std::collections::HashMap;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// How the responder is run.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Address to listen on; port 0 takes a free one. The address is the first line of the output.
    #[arg(long)]
    listen: SocketAddr,
    /// Sleep once, so many milliseconds after the first connection.
    #[arg(long, value_name = "N", requires = "stall_ms")]
    stall_after_ms: Option<u64>,
    /// Milliseconds of that sleep.
    #[arg(long, value_name = "N", requires = "stall_after_ms")]
    stall_ms: Option<u64>,
    /// Microseconds of work before each answer: what it can answer in a second is known then.
    #[arg(long, value_name = "N", default_value_t = 0)]
    service_us: u64,
    /// Cores to stay on.
    #[arg(long, value_delimiter = ',')]
    cores: Vec<u32>,
}

/// One pause of the whole server.
#[derive(Debug, Clone, Copy)]
pub struct Stall {
    /// From the first connection to its begin.
    pub after: Duration,
    /// How long it is.
    pub length: Duration,
}

/// Serves until standard input is closed, so that it never outlives the program that started it; SIGTERM
/// ends it as it ends any program.
///
/// # Errors
/// The address cannot be bound, or epoll failed.
pub fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.cores.is_empty() {
        pin_current_thread(&arguments.cores);
    }
    let stall = arguments.stall_after_ms.zip(arguments.stall_ms).map(|(after_ms, ms)| Stall {
        after: Duration::from_millis(after_ms),
        length: Duration::from_millis(ms),
    });
    let listener = TcpListener::bind(arguments.listen)
        .with_context(|| format!("listen on {}", arguments.listen))?;
    let address = listener.local_addr().context("read the address")?;
    let input = std::io::stdin().as_fd().try_clone_to_owned().context("take standard input")?;
    let mut responder = Responder::new(listener, input, stall)?;
    responder.works_for(Duration::from_micros(arguments.service_us));
    let mut output = std::io::stdout();
    writeln!(output, "{address}").and_then(|()| output.flush()).context("write the address")?;
    responder.serve()
}

/// The server.
pub struct Responder {
    epoll: OwnedFd,
    listener: TcpListener,
    input: OwnedFd,
    connections: HashMap<u64, Connection>,
    next_id: u64,
    /// Still to come; `None` when it is over or was never asked for.
    stall: Option<Stall>,
    first_connection_ns: Option<u64>,
    service: Duration,
}

const LISTENER: u64 = 0;
const INPUT: u64 = 1;
const FIRST_CONNECTION: u64 = 2;
const SCRATCH_BYTES: usize = 16 * 1024;

impl Responder {
    /// A server on `listener` that ends when `input` is closed and sleeps through `stall`.
    ///
    /// # Errors
    /// epoll refused one of them.
    pub fn new(listener: TcpListener, input: OwnedFd, stall: Option<Stall>) -> Result<Self> {
        listener.set_nonblocking(true).context("make the listener non-blocking")?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("epoll_create")?;
        watch(&epoll, &listener, LISTENER).context("watch the listener")?;
        match watch(&epoll, &input, INPUT) {
            // A file or /dev/null cannot be waited for, and never closes.
            Ok(()) | Err(Errno::PERM) => {}
            Err(error) => return Err(error).context("watch the input"),
        }
        Ok(Self {
            epoll,
            listener,
            input,
            connections: HashMap::new(),
            next_id: FIRST_CONNECTION,
            stall,
            first_connection_ns: None,
            service: Duration::ZERO,
        })
    }

    /// From now on each answer takes so much of its core first.
    pub fn works_for(&mut self, service: Duration) {
        self.service = service;
    }

    /// Answers until the input is closed.
    ///
    /// # Errors
    /// epoll failed, or no connection can be accepted.
    pub fn serve(&mut self) -> Result<()> {
        let mut events = Vec::with_capacity(256);
        let mut scratch = vec![0; SCRATCH_BYTES];
        loop {
            events.clear();
            let timeout = self.stall_due_in_ns().map(crate::kernel::clock::timespec);
            let room = rustix::buffer::spare_capacity(&mut events);
            match epoll::wait(&self.epoll, room, timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("epoll_wait"),
            }
            self.stall_if_due();
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    INPUT if self.input_is_closed() => return Ok(()),
                    INPUT => {}
                    id => self.answer(id, &mut scratch),
                }
            }
        }
    }

    /// `None` when no stall is to come, or nobody has connected yet.
    fn stall_due_in_ns(&self) -> Option<u64> {
        let after_ns = u64::try_from(self.stall?.after.as_nanos()).unwrap_or(u64::MAX);
        let due_ns = self.first_connection_ns?.saturating_add(after_ns);
        Some(due_ns.saturating_sub(monotonic_ns()))
    }

    fn stall_if_due(&mut self) {
        if self.stall_due_in_ns() == Some(0)
            && let Some(stall) = self.stall.take()
        {
            std::thread::sleep(stall.length);
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The client gave up before it was its turn.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error).context("accept a connection"),
            };
            stream.set_nonblocking(true).context("make a connection non-blocking")?;
            stream.set_nodelay(true).context("set TCP_NODELAY")?;
            watch(&self.epoll, &stream, self.next_id).context("watch a connection")?;
            self.connections.insert(self.next_id, Connection::new(stream, self.service));
            self.next_id += 1;
            self.first_connection_ns.get_or_insert_with(monotonic_ns);
        }
    }

    /// A closed descriptor leaves the epoll instance by itself.
    fn answer(&mut self, id: u64, scratch: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.serve(scratch) == Served::Closed {
            self.connections.remove(&id);
        }
    }

    fn input_is_closed(&self) -> bool {
        match rustix::io::read(&self.input, &mut [0u8; 256]) {
            Ok(count) => count == 0,
            Err(error) => error != Errno::INTR && error != Errno::AGAIN,
        }
    }
}

fn watch(epoll: &OwnedFd, source: &impl AsFd, id: u64) -> rustix::io::Result<()> {
    epoll::add(epoll, source, epoll::EventData::new_u64(id), epoll::EventFlags::IN)
}
