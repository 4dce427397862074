//! The backend that a waiting service asks: it answers each request a set time after it came, from one thread with one
//! timer, however many requests wait. What it answers is known to nobody but it and the runner, so that a
//! service that makes its answer up is found out.

use crate::failure::Cause;
use crate::http::{Answer, PreparedRequest};
use crate::kernel::affinity::pin_current_thread;
use crate::kernel::clock::{monotonic_ns, timespec};
use crate::kernel::procfs;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use weighbridge_schema::workload::Expect;

/// What the request of that number is answered.
fn body(number: u32, token: &str) -> String {
    format!("{number} {token}\n")
}

/// A running backend; it ends when this is dropped.
pub struct Backend {
    port: u16,
    token: String,
    waited: Arc<Waited>,
    /// The kernel's number of its thread; `None` where that cannot be told.
    thread_id: Option<u32>,
    thread: Option<JoinHandle<Result<(), Cause>>>,
    /// Its end tells the thread to end.
    stop: Option<UnixStream>,
}

/// What the thread counts.
#[derive(Debug, Default)]
struct Waited {
    total_ns: AtomicU64,
    answers_count: AtomicU64,
}

/// What a backend has done since it began.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    /// Time from the arrival of each answered request to its answer, added up.
    pub waited_ns: u64,
    /// Requests that were answered.
    pub answers_count: u64,
    /// CPU time of its thread; `None` where it cannot be read.
    pub cpu_ns: Option<u64>,
}

impl Backend {
    /// Starts a backend on a free port of loopback, whose answers come `delay` after their requests and hold `token`,
    /// and which stays on `cores`; none: wherever the kernel puts it.
    ///
    /// # Errors
    /// It cannot listen, or has no thread, timer or epoll instance.
    pub fn start(delay: Duration, token: String, cores: &[u32]) -> Result<Self, Cause> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .map_err(|error| Cause::io("listen for the backend", error))?;
        let address = listener.local_addr();
        let port = address.map_err(|error| Cause::io("look at the backend's port", error))?.port();
        let (stop, stopped) = UnixStream::pair()
            .map_err(|error| Cause::io("make a pair of sockets for the backend", error))?;
        let waited = Arc::new(Waited::default());
        let delay_ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        let answers = Answers { delay_ns, token: token.clone(), waited: Arc::clone(&waited) };
        let mut server = Server::new(listener, stopped, answers)?;
        let (tell, told) = mpsc::channel();
        let cores = cores.to_vec();
        let serve = move || {
            if !cores.is_empty() {
                pin_current_thread(&cores);
            }
            // Whoever started it waits for this, and for nothing else.
            let _ = tell.send(rustix::thread::gettid());
            server.serve()
        };
        let thread = std::thread::Builder::new().name("backend".to_owned()).spawn(serve);
        let thread = thread.map_err(|error| Cause::io("start the backend's thread", error))?;
        let thread_id = told.recv().ok();
        let thread_id = thread_id.and_then(|id| u32::try_from(id.as_raw_nonzero().get()).ok());
        Ok(Self { port, token, waited, thread_id, thread: Some(thread), stop: Some(stop) })
    }

    /// The request that makes the service ask the backend so often, with the one answer that is right.
    pub fn request(&self, count: u32) -> PreparedRequest {
        let target = format!("/wait?backend={}&requests={count}", self.port);
        let head = format!("GET {target} HTTP/1.1\r\nHost: weighbridge\r\n\r\n");
        let bodies: String = (0..count).map(|number| body(number, &self.token)).collect();
        let right = Answer { status: 200, body: bodies.into_bytes() };
        let expect = Expect { status: right.status, sha256: right.sha256() };
        PreparedRequest { bytes: head.into_bytes(), expect, is_head: false }
    }

    /// What it has done so far.
    pub fn done(&self) -> Done {
        let own = std::process::id();
        let of_thread = |id| procfs::threads(&[own]).get(&(own, id)).map(|thread| thread.cpu_ns);
        Done {
            waited_ns: self.waited.total_ns.load(Relaxed),
            answers_count: self.waited.answers_count.load(Relaxed),
            cpu_ns: self.thread_id.and_then(of_thread),
        }
    }

    /// Ends it.
    ///
    /// # Errors
    /// It had ended by itself; the message says why.
    pub fn end(mut self) -> Result<(), Cause> {
        drop(self.stop.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => Err("the backend panicked".into()),
            None => Ok(()),
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The trial has failed already: why the backend did besides is not what it is told by.
            let _ = thread.join();
        }
    }
}

/// How it answers.
struct Answers {
    delay_ns: u64,
    token: String,
    waited: Arc<Waited>,
}

/// A request that waits for its answer.
struct Waiting {
    arrived_ns: u64,
    /// Of the connection.
    id: u64,
    number: u32,
}

struct Server {
    epoll: OwnedFd,
    /// Goes off when the first of those that wait is due.
    timer: OwnedFd,
    armed_for_ns: u64,
    listener: TcpListener,
    /// Watched, and never read: it ends when the backend shall.
    _stopped: UnixStream,
    connections: HashMap<u64, Connection>,
    next_id: u64,
    /// In the order of their arrival, which is that of their answers, since all wait alike.
    waiting: VecDeque<Waiting>,
    answers: Answers,
}

const LISTENER: u64 = 0;
const STOPPED: u64 = 1;
const TIMER: u64 = 2;
const FIRST_CONNECTION: u64 = 3;
const EVENTS: usize = 256;
const SCRATCH_BYTES: usize = 16 * 1024;

impl Server {
    fn new(listener: TcpListener, stopped: UnixStream, answers: Answers) -> Result<Self, Cause> {
        let not_blocking = listener.set_nonblocking(true);
        not_blocking.map_err(|error| Cause::io("make the listener non-blocking", error))?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(|error| Cause::io("epoll_create", error))?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)
            .map_err(|error| Cause::io("timerfd_create", error))?;
        watch(&epoll, &listener, LISTENER, epoll::EventFlags::IN)?;
        watch(&epoll, &stopped, STOPPED, epoll::EventFlags::IN)?;
        // Edge-triggered: it need not be read.
        watch(&epoll, &timer, TIMER, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        Ok(Self {
            epoll,
            timer,
            armed_for_ns: 0,
            listener,
            _stopped: stopped,
            connections: HashMap::new(),
            next_id: FIRST_CONNECTION,
            waiting: VecDeque::new(),
            answers,
        })
    }

    /// Answers until it is told to end.
    fn serve(&mut self) -> Result<(), Cause> {
        let mut events = Vec::with_capacity(EVENTS);
        let mut scratch = vec![0; SCRATCH_BYTES];
        loop {
            events.clear();
            let room = rustix::buffer::spare_capacity(&mut events);
            match epoll::wait(&self.epoll, room, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(Cause::io("epoll_wait", error)),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    STOPPED => return Ok(()),
                    TIMER => {}
                    id => self.read(id, &mut scratch),
                }
            }
            self.answer_due()?;
        }
    }

    fn accept(&mut self) -> Result<(), Cause> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The client gave up before it was its turn.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(Cause::io("accept a connection of the backend", error)),
            };
            let set = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
            set.map_err(|error| Cause::io("set up a connection of the backend", error))?;
            watch(&self.epoll, &stream, self.next_id, epoll::EventFlags::IN)?;
            self.connections.insert(self.next_id, Connection { stream, head: Vec::new() });
            self.next_id += 1;
        }
    }

    /// A closed descriptor leaves the epoll instance by itself.
    fn read(&mut self, id: u64, scratch: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.read(scratch) {
            Taken::Part => {}
            Taken::Request(number) => {
                self.waiting.push_back(Waiting { arrived_ns: monotonic_ns(), id, number });
            }
            Taken::End => {
                self.connections.remove(&id);
            }
        }
    }

    /// Answers those that have waited long enough, and has the timer go off for the next one.
    fn answer_due(&mut self) -> Result<(), Cause> {
        while let Some(first) = self.waiting.front() {
            let due_ns = first.arrived_ns.saturating_add(self.answers.delay_ns);
            if due_ns > monotonic_ns() {
                return self.arm(due_ns);
            }
            if let Some(first) = self.waiting.pop_front() {
                self.answer(&first);
            }
        }
        Ok(())
    }

    fn arm(&mut self, due_ns: u64) -> Result<(), Cause> {
        if self.armed_for_ns == due_ns {
            return Ok(());
        }
        let once = Itimerspec { it_interval: timespec(0), it_value: timespec(due_ns) };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)
            .map_err(|error| Cause::io("timerfd_settime", error))?;
        self.armed_for_ns = due_ns;
        Ok(())
    }

    /// Who has hung up meanwhile gets no answer.
    fn answer(&mut self, waiting: &Waiting) {
        let Some(connection) = self.connections.get_mut(&waiting.id) else { return };
        let body = body(waiting.number, &self.answers.token);
        let length = body.len();
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
        let waited_ns = monotonic_ns().saturating_sub(waiting.arrived_ns);
        // Before it is sent: who has the answer finds it counted.
        self.answers.waited.total_ns.fetch_add(waited_ns, Relaxed);
        self.answers.waited.answers_count.fetch_add(1, Relaxed);
        // So few bytes always fit the socket's buffer of a client that reads its answers.
        let sent = connection.stream.write(text.as_bytes());
        if !sent.is_ok_and(|count| count == text.len()) {
            self.connections.remove(&waiting.id);
        }
    }
}

fn watch(
    epoll: &OwnedFd,
    source: &impl AsFd,
    id: u64,
    events: epoll::EventFlags,
) -> Result<(), Cause> {
    epoll::add(epoll, source, epoll::EventData::new_u64(id), events)
        .map_err(|error| Cause::io("epoll_ctl", error))
}

/// A connection, with what has come of the request at hand.
struct Connection {
    stream: TcpStream,
    head: Vec<u8>,
}

/// What has come on a connection.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// Less than a request.
    Part,
    /// A request, with its number.
    Request(u32),
    /// Its end, or something that is no request to a backend.
    End,
}

/// The longest head that is read.
const HEAD_LIMIT_BYTES: usize = 16 * 1024;

impl Connection {
    fn read(&mut self, scratch: &mut [u8]) -> Taken {
        match self.stream.read(scratch) {
            Ok(0) => Taken::End,
            Ok(count) => {
                self.head.extend_from_slice(&scratch[..count]);
                self.taken()
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Taken::Part,
            Err(error) if error.kind() == ErrorKind::Interrupted => Taken::Part,
            Err(_) => Taken::End,
        }
    }

    /// A request with a body, or another one behind it, is none that the services send.
    fn taken(&mut self) -> Taken {
        let (taken, is_whole) = match number(&self.head) {
            Ok(Some((number, head_bytes))) if head_bytes == self.head.len() => {
                (Taken::Request(number), true)
            }
            Ok(None) if self.head.len() <= HEAD_LIMIT_BYTES => (Taken::Part, false),
            _ => (Taken::End, false),
        };
        if is_whole {
            self.head.clear();
        }
        taken
    }
}

/// The number that a head asks for, with the length of the head; `None` of one that is not complete.
fn number(bytes: &[u8]) -> Result<Option<(u32, usize)>, ()> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = request.parse(bytes).map_err(|_| ())? else {
        return Ok(None);
    };
    let number = request.path.and_then(|path| path.strip_prefix('/')?.parse().ok());
    number.map(|number| Some((number, head_bytes))).ok_or(())
}

#[cfg(test)]
#[path = "backend_tests.rs"]
mod tests;
