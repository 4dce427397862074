//! One connection: which bytes belong to which request, and what is still to be sent.

use std::time::Duration;

use weighbridge_transform::{MAX_BODY_BYTES, Request, Response, body_too_large};

use crate::head::{Head, Refusal};
use crate::response::{CONTINUE, Dates, Manner, write, write_refusal};
use crate::{Descriptor, MAX_HEAD_BYTES, Sockets, Wish};

/// How long a client may take for anything, as in the other shells: being idle, sending, receiving.
const STALL: Duration = Duration::from_secs(60);
/// How long a client whose request was refused is listened to. To close at once would make the kernel send RST, which
/// throws away the refusal that the client has not read yet.
const LINGER: Duration = Duration::from_secs(5);
/// How much such a client may still send, in bytes.
const LINGER_BYTES: usize = 64 << 20;
/// A buffer that has grown beyond this is given back when its request is done, in bytes.
const KEPT_BUFFER_BYTES: usize = 64 << 10;

/// How far the connection has come.
#[derive(Debug)]
enum Phase {
    /// The next request's head is not complete.
    Head,
    /// The head is there, the body is not.
    Body(Head),
    /// A whole request waits for its turn, since when.
    Complete(Head, Duration),
    /// The response is on its way.
    Sending(After),
    /// The last response is sent; what the client sends is thrown away.
    Lingering { until: Duration, left_bytes: usize },
    /// To be closed.
    Over,
}

/// What follows a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    NextRequest,
    Close,
    Linger,
}

/// A client's connection. All times are of the server's clock.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) descriptor: Descriptor,
    phase: Phase,
    /// What was received and belongs to no answered request: at most one head and one body.
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    sent_bytes: usize,
    moved_at: Duration,
}

impl Connection {
    pub(crate) fn new(descriptor: Descriptor, now: Duration) -> Self {
        Self {
            descriptor,
            phase: Phase::Head,
            inbox: Vec::new(),
            outbox: Vec::new(),
            sent_bytes: 0,
            moved_at: now,
        }
    }

    /// What has to happen at the client's side before it goes on.
    pub(crate) fn wish(&self) -> Option<Wish> {
        match self.phase {
            Phase::Head | Phase::Body(_) | Phase::Lingering { .. } => Some(Wish::Receive),
            Phase::Sending(_) => Some(Wish::Send),
            Phase::Complete(..) | Phase::Over => None,
        }
    }

    /// Whether a request waits for its turn.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Complete(..))
    }

    /// When to give up; `None` while the client is not what is waited for.
    pub(crate) fn gives_up_at(&self) -> Option<Duration> {
        match self.phase {
            Phase::Complete(..) => None,
            Phase::Over => Some(Duration::ZERO),
            Phase::Lingering { until, .. } => Some(until),
            _ => Some(self.moved_at.saturating_add(STALL)),
        }
    }

    /// Does what the socket is ready for. `scratch` is where bytes arrive first.
    pub(crate) fn advance<S: Sockets>(
        &mut self,
        sockets: &mut S,
        scratch: &mut [u8],
        now: Duration,
        dates: &mut Dates,
    ) {
        match self.wish() {
            Some(Wish::Receive) => self.receive(sockets, scratch, now, dates),
            Some(Wish::Send) => self.send(sockets, now, dates),
            None => {}
        }
    }

    /// The request that waits for its turn, and since when.
    pub(crate) fn request(&self) -> Option<(Request<'_>, Duration)> {
        let Phase::Complete(head, arrived) = &self.phase else { return None };
        // It was complete when it got into this phase.
        let body = self.inbox.get(head.head_bytes..request_bytes(head))?;
        let request = Request {
            method: &head.method,
            path_and_query: &head.path_and_query,
            content_type: head.content_type.as_deref(),
            body,
        };
        Some((request, *arrived))
    }

    /// Answers the request that waits for its turn, as far as the socket takes the answer.
    pub(crate) fn respond<S: Sockets>(
        &mut self,
        response: &Response,
        sockets: &mut S,
        now: Duration,
        dates: &mut Dates,
    ) {
        let Phase::Complete(head, _) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return;
        };
        self.inbox.drain(..request_bytes(&head).min(self.inbox.len()));
        give_back(&mut self.inbox);
        let after = if head.is_kept_alive { After::NextRequest } else { After::Close };
        self.put_out(&head, response, after, now, dates);
        self.send(sockets, now, dates);
    }

    fn put_out(
        &mut self,
        head: &Head,
        response: &Response,
        after: After,
        now: Duration,
        dates: &mut Dates,
    ) {
        let is_last = after != After::NextRequest;
        let manner = Manner { is_head: head.method == "HEAD", is_last, now };
        write(&mut self.outbox, response, manner, dates);
        self.phase = Phase::Sending(after);
    }

    fn receive<S: Sockets>(
        &mut self,
        sockets: &mut S,
        scratch: &mut [u8],
        now: Duration,
        dates: &mut Dates,
    ) {
        loop {
            let asked = self.missing_bytes().min(scratch.len());
            if asked == 0 {
                return;
            }
            match sockets.receive(self.descriptor, &mut scratch[..asked]) {
                Ok(None) => return,
                Ok(Some(0)) | Err(_) => self.phase = Phase::Over,
                Ok(Some(count)) => {
                    self.moved_at = now;
                    self.take_in(&scratch[..count], sockets, now, dates);
                    if count < asked {
                        // The socket is empty, most likely; asking again costs a call and the next wait tells.
                        return;
                    }
                }
            }
        }
    }

    /// How many bytes may be received now: never more than one head and its body, so that a client which sends ahead
    /// waits in the kernel's buffers.
    fn missing_bytes(&self) -> usize {
        match &self.phase {
            Phase::Head => MAX_HEAD_BYTES.saturating_sub(self.inbox.len()),
            Phase::Body(head) => request_bytes(head).saturating_sub(self.inbox.len()),
            Phase::Lingering { left_bytes, .. } => *left_bytes,
            Phase::Complete(..) | Phase::Sending(_) | Phase::Over => 0,
        }
    }

    fn take_in<S: Sockets>(
        &mut self,
        bytes: &[u8],
        sockets: &mut S,
        now: Duration,
        dates: &mut Dates,
    ) {
        if let Phase::Lingering { left_bytes, .. } = &mut self.phase {
            *left_bytes = left_bytes.saturating_sub(bytes.len());
            if *left_bytes == 0 {
                self.phase = Phase::Over;
            }
            return;
        }
        self.inbox.extend_from_slice(bytes);
        self.recognise(sockets, now, dates);
    }

    /// Looks at what is in the inbox: a head, a whole request, nothing of the kind.
    fn recognise<S: Sockets>(&mut self, sockets: &mut S, now: Duration, dates: &mut Dates) {
        if matches!(self.phase, Phase::Head) {
            match Head::parse(&self.inbox) {
                Ok(None) => return,
                Ok(Some(head)) => self.begin_body(head, sockets, now, dates),
                Err(refusal) => self.refuse(refusal, sockets, now, dates),
            }
        }
        if let Phase::Body(head) = &self.phase
            && self.inbox.len() >= request_bytes(head)
            && let Phase::Body(head) = std::mem::replace(&mut self.phase, Phase::Over)
        {
            self.phase = Phase::Complete(head, now);
        }
    }

    fn begin_body<S: Sockets>(
        &mut self,
        head: Head,
        sockets: &mut S,
        now: Duration,
        dates: &mut Dates,
    ) {
        if head.body_bytes > MAX_BODY_BYTES as u64 {
            self.inbox = Vec::new();
            self.put_out(&head, &body_too_large(), After::Linger, now, dates);
            return self.send(sockets, now, dates);
        }
        let missing_bytes = request_bytes(&head).saturating_sub(self.inbox.len());
        self.inbox.reserve_exact(missing_bytes);
        let is_awaited = head.expects_continue && missing_bytes > 0;
        self.phase = Phase::Body(head);
        if is_awaited {
            let sent = sockets.send(self.descriptor, CONTINUE);
            // A client that leaves no room for these few bytes does not read what it is sent.
            if !matches!(sent, Ok(Some(count)) if count == CONTINUE.len()) {
                self.phase = Phase::Over;
            }
        }
    }

    fn refuse<S: Sockets>(
        &mut self,
        refusal: Refusal,
        sockets: &mut S,
        now: Duration,
        dates: &mut Dates,
    ) {
        self.inbox = Vec::new();
        write_refusal(&mut self.outbox, refusal.status(), now, dates);
        self.phase = Phase::Sending(After::Linger);
        self.send(sockets, now, dates);
    }

    fn send<S: Sockets>(&mut self, sockets: &mut S, now: Duration, dates: &mut Dates) {
        while let Some(rest) = self.outbox.get(self.sent_bytes..).filter(|rest| !rest.is_empty()) {
            match sockets.send(self.descriptor, rest) {
                Ok(Some(count)) if count > 0 => {
                    self.sent_bytes += count;
                    self.moved_at = now;
                }
                Ok(_) => return,
                Err(_) => {
                    self.phase = Phase::Over;
                    return;
                }
            }
        }
        self.outbox.clear();
        self.sent_bytes = 0;
        give_back(&mut self.outbox);
        let Phase::Sending(after) = self.phase else { return };
        match after {
            After::Close => self.phase = Phase::Over,
            After::Linger => {
                sockets.finish_sending(self.descriptor);
                let until = now.saturating_add(LINGER);
                self.phase = Phase::Lingering { until, left_bytes: LINGER_BYTES };
            }
            After::NextRequest => {
                self.phase = Phase::Head;
                // A client may have sent it ahead.
                if !self.inbox.is_empty() {
                    self.recognise(sockets, now, dates);
                }
            }
        }
    }
}

/// Length of the whole request, in bytes: its body is within the limit, which fits.
fn request_bytes(head: &Head) -> usize {
    let body_bytes = usize::try_from(head.body_bytes).unwrap_or(usize::MAX);
    head.head_bytes.saturating_add(body_bytes)
}

/// Gives back what a large request needed; a small buffer is kept for the next one.
fn give_back(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEPT_BUFFER_BYTES {
        buffer.shrink_to_fit();
    }
}
