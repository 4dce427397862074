//! Reading one response from a byte stream: by `Content-Length`, chunked, or up to the end.

use super::WrongAnswer;

/// How far a response has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    Partial,
    /// The response is complete; `status` and `body` are valid.
    Complete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Length { body_from: usize, end: usize },
    Chunked { next: usize },
    UntilClose { body_from: usize },
    Done { body_from: usize },
}

/// Collects the bytes of one response. Reused for the next one by [`ResponseReader::clear`].
#[derive(Debug)]
pub struct ResponseReader {
    buffer: Vec<u8>,
    chunks: Vec<u8>,
    state: State,
    status: u16,
    keep_alive: bool,
    is_chunked: bool,
    is_head: bool,
}

/// The largest head that is read before the peer is taken to speak another protocol.
const HEAD_LIMIT_BYTES: usize = 64 * 1024;

impl ResponseReader {
    /// A reader for answers to requests that are `HEAD` or not.
    pub fn new(is_head: bool) -> Self {
        Self {
            buffer: Vec::with_capacity(16 * 1024),
            chunks: Vec::new(),
            state: State::Head,
            status: 0,
            keep_alive: true,
            is_chunked: false,
            is_head,
        }
    }

    /// Forgets the last response and keeps the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.chunks.clear();
        self.state = State::Head;
        self.is_chunked = false;
        self.keep_alive = true;
    }

    /// Status of a complete response.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Body of a complete response.
    pub fn body(&self) -> &[u8] {
        match self.state {
            State::Done { .. } if self.is_chunked => &self.chunks,
            State::Done { body_from } => &self.buffer[body_from..],
            _ => &[],
        }
    }

    /// All bytes of the response as they came, head and framing included.
    pub fn raw(&self) -> &[u8] {
        &self.buffer
    }

    /// Whether the connection may carry another request.
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Takes in `bytes`.
    ///
    /// # Errors
    /// The bytes are not a response, or more came than the response holds.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Progress, WrongAnswer> {
        self.buffer.extend_from_slice(bytes);
        self.advance()
    }

    /// The peer has closed the connection.
    ///
    /// # Errors
    /// The response was not complete.
    pub fn close(&mut self) -> Result<Progress, WrongAnswer> {
        match self.state {
            State::UntilClose { body_from } => {
                self.state = State::Done { body_from };
                self.keep_alive = false;
                Ok(Progress::Complete)
            }
            State::Done { .. } => Ok(Progress::Complete),
            State::Head if self.buffer.is_empty() => Err(WrongAnswer::None),
            _ => Err(WrongAnswer::Cut(self.buffer.len())),
        }
    }

    fn advance(&mut self) -> Result<Progress, WrongAnswer> {
        loop {
            match self.state {
                State::Head => {
                    if !self.read_head()? {
                        return Ok(Progress::Partial);
                    }
                }
                State::Length { body_from, end } => {
                    if self.buffer.len() < end {
                        return Ok(Progress::Partial);
                    }
                    if self.buffer.len() > end {
                        return Err(WrongAnswer::BeyondLength);
                    }
                    self.state = State::Done { body_from };
                }
                State::Chunked { next } => {
                    if !self.read_chunk(next)? {
                        return Ok(Progress::Partial);
                    }
                }
                State::UntilClose { .. } => return Ok(Progress::Partial),
                State::Done { .. } => return Ok(Progress::Complete),
            }
        }
    }

    fn read_head(&mut self) -> Result<bool, WrongAnswer> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&self.buffer).map_err(WrongAnswer::NotHttp)?;
        let httparse::Status::Complete(body_from) = parsed else {
            if self.buffer.len() > HEAD_LIMIT_BYTES {
                return Err(WrongAnswer::LongHead);
            }
            return Ok(false);
        };
        self.status = response.code.ok_or(WrongAnswer::NoStatus)?;
        self.keep_alive = response.version == Some(1);
        let mut length = None;
        for header in response.headers.iter() {
            let value = std::str::from_utf8(header.value).unwrap_or("").trim();
            if header.name.eq_ignore_ascii_case("content-length") {
                let parsed = value.parse::<usize>();
                length = Some(parsed.map_err(|_| WrongAnswer::Length(value.to_owned()))?);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                self.is_chunked = value.eq_ignore_ascii_case("chunked");
            } else if header.name.eq_ignore_ascii_case("connection") {
                self.keep_alive = !value.eq_ignore_ascii_case("close");
            }
        }
        let bodiless = self.is_head || matches!(self.status, 100..=199 | 204 | 304);
        self.state = match length {
            _ if bodiless => {
                self.is_chunked = false;
                State::Length { body_from, end: body_from }
            }
            _ if self.is_chunked => State::Chunked { next: body_from },
            Some(length) => State::Length { body_from, end: body_from + length },
            None => State::UntilClose { body_from },
        };
        Ok(true)
    }

    /// Reads the chunk that begins at `next`; `false` when it is not complete yet. Trailers are skipped.
    fn read_chunk(&mut self, next: usize) -> Result<bool, WrongAnswer> {
        let rest = &self.buffer[next..];
        let parsed = httparse::parse_chunk_size(rest).map_err(|_| WrongAnswer::ChunkSize)?;
        let httparse::Status::Complete((size_line, size)) = parsed else { return Ok(false) };
        let size = usize::try_from(size).map_err(|_| WrongAnswer::LargeChunk)?;
        if size == 0 {
            let trailer = &rest[size_line..];
            let end = if trailer.starts_with(b"\r\n") {
                Some(2)
            } else {
                trailer.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
            };
            if end.is_some_and(|end| end < trailer.len()) {
                return Err(WrongAnswer::BeyondLastChunk);
            }
            if end.is_some() {
                self.state = State::Done { body_from: 0 };
            }
            return Ok(end.is_some());
        }
        let Some(data) = rest.get(size_line..size_line + size + 2) else { return Ok(false) };
        if &data[size..] != b"\r\n" {
            return Err(WrongAnswer::ChunkEnd);
        }
        self.chunks.extend_from_slice(&data[..size]);
        self.state = State::Chunked { next: next + size_line + size + 2 };
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> Result<(u16, Vec<u8>, bool), WrongAnswer> {
        let mut reader = ResponseReader::new(false);
        for piece in pieces {
            if reader.push(piece)? == Progress::Complete {
                return Ok((reader.status(), reader.body().to_vec(), reader.keep_alive()));
            }
        }
        reader.close()?;
        Ok((reader.status(), reader.body().to_vec(), reader.keep_alive()))
    }

    const LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    const UNTIL_CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello";

    proptest! {
        #[test]
        fn however_it_is_cut_the_response_is_the_same(cuts in prop::collection::vec(1usize..90, 0..6)) {
            for whole in [LENGTH, CHUNKED, UNTIL_CLOSE] {
                let mut pieces = Vec::new();
                let mut rest = whole;
                for &cut in &cuts {
                    let (piece, tail) = rest.split_at(cut.min(rest.len()));
                    pieces.push(piece);
                    rest = tail;
                }
                pieces.push(rest);
                let (status, body, keep_alive) = read(&pieces).unwrap();
                prop_assert_eq!(status, 200);
                prop_assert_eq!(&body[..], b"hello");
                prop_assert_eq!(keep_alive, whole != UNTIL_CLOSE);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&[&bytes]);
        }
    }

    #[test]
    fn a_cut_response_is_an_error() {
        for whole in [LENGTH, CHUNKED] {
            assert!(read(&[&whole[..whole.len() - 3]]).is_err());
        }
        assert!(read(&[]).unwrap_err().to_string().contains("before the first byte"));
    }

    #[test]
    fn more_than_announced_is_an_error() {
        assert!(read(&[LENGTH, b"!"]).is_ok(), "the second piece is never read");
        for whole in [LENGTH, CHUNKED] {
            let mut both = whole.to_vec();
            both.push(b'!');
            assert!(read(&[&both]).unwrap_err().to_string().contains("more bytes"));
        }
    }
}
