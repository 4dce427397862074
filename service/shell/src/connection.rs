//! One connection: which bytes belong to which request, and what is still to be sent.

use std::time::Duration;

use weighbridge_protocol::{MAX_HEAD_BYTES, Refusal};
use weighbridge_transform::{MAX_BODY_BYTES, Request, Response, body_too_large};

use crate::chunks::Chunks;
use crate::head::{Framing, Head};
use crate::progress::Progress;
use crate::response::{CONTINUE, Dates, Manner, write, write_refusal};
use crate::{Descriptor, Sockets, Wish};

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
    /// The head is there, the body is not; with what decodes it when it comes in chunks.
    Body(Head, Option<Chunks>),
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
    progress: Progress,
}

/// What connections need of the server.
pub(crate) struct Surroundings<'a, S> {
    pub(crate) sockets: &'a mut S,
    /// Where bytes arrive first.
    pub(crate) scratch: &'a mut [u8],
    pub(crate) dates: &'a mut Dates,
    /// The time of the server's clock.
    pub(crate) now: Duration,
    /// How much more of bodies may be held, in bytes.
    pub(crate) room_bytes: usize,
}

impl Connection {
    pub(crate) fn new(descriptor: Descriptor, now: Duration) -> Self {
        Self {
            descriptor,
            phase: Phase::Head,
            inbox: Vec::new(),
            outbox: Vec::new(),
            sent_bytes: 0,
            progress: Progress::new(now),
        }
    }

    /// What has to happen at the client's side before it goes on.
    pub(crate) fn wish(&self) -> Option<Wish> {
        match self.phase {
            Phase::Head | Phase::Body(..) | Phase::Lingering { .. } => Some(Wish::Receive),
            Phase::Sending(_) => Some(Wish::Send),
            Phase::Complete(..) | Phase::Over => None,
        }
    }

    /// Whether a request waits for its turn.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Complete(..))
    }

    /// Since when the client has been at no request, or at its head at most; `None` while it is at more.
    pub(crate) fn idle_since(&self) -> Option<Duration> {
        match self.phase {
            Phase::Head | Phase::Lingering { .. } => Some(self.progress.since()),
            _ => None,
        }
    }

    /// How many bytes of requests, and of responses, are held for the client.
    pub(crate) fn held_bytes(&self) -> (usize, usize) {
        (self.inbox.len(), self.outbox.len())
    }

    /// When to give up; `None` while the client is not what is waited for.
    pub(crate) fn gives_up_at(&self) -> Option<Duration> {
        match self.phase {
            Phase::Complete(..) => None,
            Phase::Over => Some(Duration::ZERO),
            Phase::Lingering { until, .. } => Some(until),
            Phase::Head => Some(self.progress.idle_until()),
            Phase::Body(..) | Phase::Sending(_) => Some(self.progress.slow_until()),
        }
    }

    /// Does what the socket is ready for.
    pub(crate) fn advance<S: Sockets>(&mut self, with: &mut Surroundings<'_, S>) {
        match self.wish() {
            Some(Wish::Receive) => self.receive(with),
            Some(Wish::Send) => self.send(with),
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

    /// Answers the request that waits for its turn, as far as the socket takes the answer; `None` when there is no room
    /// for one.
    pub(crate) fn respond<S: Sockets>(
        &mut self,
        response: Option<&Response>,
        with: &mut Surroundings<'_, S>,
    ) {
        let Phase::Complete(head, _) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return;
        };
        let Some(response) = response else { return self.refuse(Refusal::Busy, with) };
        self.inbox.drain(..request_bytes(&head).min(self.inbox.len()));
        give_back(&mut self.inbox);
        let after = if head.is_kept_alive { After::NextRequest } else { After::Close };
        self.put_out(&head, response, after, with);
    }

    fn put_out<S: Sockets>(
        &mut self,
        head: &Head,
        response: &Response,
        after: After,
        with: &mut Surroundings<'_, S>,
    ) {
        let manner = Manner {
            is_head: head.method == "HEAD",
            is_last: after != After::NextRequest,
            is_old: head.is_old,
            now: with.now,
        };
        write(&mut self.outbox, response, manner, with.dates);
        self.start_sending(after, with);
    }

    fn refuse<S: Sockets>(&mut self, refusal: Refusal, with: &mut Surroundings<'_, S>) {
        self.inbox = Vec::new();
        write_refusal(&mut self.outbox, refusal, with.now, with.dates);
        self.start_sending(After::Linger, with);
    }

    fn start_sending<S: Sockets>(&mut self, after: After, with: &mut Surroundings<'_, S>) {
        self.phase = Phase::Sending(after);
        self.progress.step(with.now);
        self.send(with);
    }

    fn receive<S: Sockets>(&mut self, with: &mut Surroundings<'_, S>) {
        loop {
            let asked = self.missing_bytes().min(with.scratch.len());
            if asked == 0 {
                return;
            }
            match with.sockets.receive(self.descriptor, &mut with.scratch[..asked]) {
                Ok(None) => return,
                // The client has ended its side, and may wait for an answer all the same.
                Ok(Some(0)) => return self.end_input(with),
                Err(_) => self.phase = Phase::Over,
                Ok(Some(count)) => {
                    self.take_in(count, with);
                    if count < asked {
                        // The socket is empty, most likely; asking again costs a call and the next wait tells.
                        return;
                    }
                }
            }
        }
    }

    fn end_input<S: Sockets>(&mut self, with: &mut Surroundings<'_, S>) {
        match self.phase {
            Phase::Head | Phase::Body(..) if !self.inbox.is_empty() => {
                self.refuse(Refusal::Malformed, with);
            }
            _ => self.phase = Phase::Over,
        }
    }

    /// How many bytes may be received now: never more than one head and its body, so that a client which sends ahead
    /// waits in the kernel's buffers. Of a chunked body the length is unknown: more than it may come at its end.
    fn missing_bytes(&self) -> usize {
        match &self.phase {
            Phase::Head => MAX_HEAD_BYTES.saturating_sub(self.inbox.len()),
            Phase::Body(_, Some(_)) => usize::MAX,
            Phase::Body(head, None) => request_bytes(head).saturating_sub(self.inbox.len()),
            Phase::Lingering { left_bytes, .. } => *left_bytes,
            Phase::Complete(..) | Phase::Sending(_) | Phase::Over => 0,
        }
    }

    /// Takes the first `count` bytes of the scratch.
    fn take_in<S: Sockets>(&mut self, count: usize, with: &mut Surroundings<'_, S>) {
        if let Phase::Lingering { left_bytes, .. } = &mut self.phase {
            *left_bytes = left_bytes.saturating_sub(count);
            if *left_bytes == 0 {
                self.phase = Phase::Over;
            }
            return;
        }
        self.progress.moved(count, with.now);
        if matches!(self.phase, Phase::Head) && self.inbox.is_empty() {
            self.progress.step(with.now);
        }
        if matches!(self.phase, Phase::Body(..)) {
            match with.room_bytes.checked_sub(count) {
                Some(left) => with.room_bytes = left,
                None => return self.refuse(Refusal::Busy, with),
            }
        }
        self.inbox.extend_from_slice(&with.scratch[..count]);
        self.recognise(with);
    }

    /// Looks at what is in the inbox: a head, a whole request, nothing of the kind.
    fn recognise<S: Sockets>(&mut self, with: &mut Surroundings<'_, S>) {
        if matches!(self.phase, Phase::Head) {
            match Head::parse(&self.inbox) {
                Ok(None) => return,
                Ok(Some(head)) => self.begin_body(head, with),
                Err(refusal) => self.refuse(refusal, with),
            }
        }
        let Phase::Body(head, chunks) = &mut self.phase else { return };
        let is_complete = match chunks {
            None => self.inbox.len() >= request_bytes(head),
            Some(chunks) => {
                let decoded = chunks.decode(&mut self.inbox, head.head_bytes);
                if chunks.body_bytes() > MAX_BODY_BYTES {
                    let head = head.clone();
                    return self.refuse_body(&head, with);
                }
                match decoded {
                    Ok(is_complete) => {
                        head.framing = Framing::Length(chunks.body_bytes() as u64);
                        is_complete
                    }
                    Err(refusal) => return self.refuse(refusal, with),
                }
            }
        };
        if is_complete && let Phase::Body(head, _) = std::mem::replace(&mut self.phase, Phase::Over)
        {
            self.phase = Phase::Complete(head, with.now);
        }
    }

    fn begin_body<S: Sockets>(&mut self, head: Head, with: &mut Surroundings<'_, S>) {
        let (missing_bytes, chunks) = match head.framing {
            Framing::Length(length) if length > MAX_BODY_BYTES as u64 => {
                return self.refuse_body(&head, with);
            }
            Framing::Length(_) => (request_bytes(&head).saturating_sub(self.inbox.len()), None),
            Framing::Chunked => (0, Some(Chunks::new())),
        };
        self.inbox.reserve_exact(missing_bytes);
        let is_awaited = head.expects_continue && self.inbox.len() == head.head_bytes;
        let is_awaited = is_awaited && head.framing != Framing::Length(0);
        self.phase = Phase::Body(head, chunks);
        self.progress.step(with.now);
        if is_awaited {
            let sent = with.sockets.send(self.descriptor, CONTINUE);
            // A client that leaves no room for these few bytes does not read what it is sent.
            if !matches!(sent, Ok(Some(count)) if count == CONTINUE.len()) {
                self.phase = Phase::Over;
            }
        }
    }

    fn refuse_body<S: Sockets>(&mut self, head: &Head, with: &mut Surroundings<'_, S>) {
        self.inbox = Vec::new();
        self.put_out(head, &body_too_large(), After::Linger, with);
    }

    fn send<S: Sockets>(&mut self, with: &mut Surroundings<'_, S>) {
        while let Some(rest) = self.outbox.get(self.sent_bytes..).filter(|rest| !rest.is_empty()) {
            match with.sockets.send(self.descriptor, rest) {
                Ok(Some(count)) if count > 0 => {
                    self.sent_bytes += count;
                    self.progress.moved(count, with.now);
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
        self.progress.step(with.now);
        match after {
            After::Close => self.phase = Phase::Over,
            After::Linger => {
                with.sockets.finish_sending(self.descriptor);
                let until = with.now.saturating_add(LINGER);
                self.phase = Phase::Lingering { until, left_bytes: LINGER_BYTES };
            }
            After::NextRequest => {
                self.phase = Phase::Head;
                // A client may have sent it ahead.
                if !self.inbox.is_empty() {
                    self.recognise(with);
                }
            }
        }
    }
}

/// Length of the whole request, in bytes: its body is within the limit, which fits. Of a chunked one what is decoded.
fn request_bytes(head: &Head) -> usize {
    let Framing::Length(length) = head.framing else { return head.head_bytes };
    head.head_bytes.saturating_add(usize::try_from(length).unwrap_or(usize::MAX))
}

/// Gives back what a large request needed; a small buffer is kept for the next one.
fn give_back(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEPT_BUFFER_BYTES {
        buffer.shrink_to_fit();
    }
}
