//! Decoding of a chunked body, in place: what was received gives way to what it stands for.

use weighbridge_protocol::{MAX_EXTENSION_BYTES, MAX_HEADERS, MAX_TRAILER_BYTES, Refusal};

/// Where in the coding a body is (RFC 9112 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    Start,
    Size,
    /// White space behind a size.
    Space,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailer,
    End,
}

/// A chunked body that is being received.
#[derive(Debug)]
pub(crate) struct Chunks {
    state: State,
    /// What is left of the chunk, in bytes.
    left_bytes: u64,
    extension_bytes: usize,
    trailer: Vec<u8>,
    /// Where the line of the trailer begins that is being received.
    line_at: usize,
    body_bytes: usize,
}

impl Chunks {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Start,
            left_bytes: 0,
            extension_bytes: 0,
            trailer: Vec::new(),
            line_at: 0,
            body_bytes: 0,
        }
    }

    /// Length of the body so far, in bytes.
    pub(crate) fn body_bytes(&self) -> usize {
        self.body_bytes
    }

    /// Decodes what stands in `inbox` behind the head and the body so far. True when the body is complete; what is left
    /// behind it then is the next request's.
    ///
    /// # Errors
    /// The coding is broken.
    pub(crate) fn decode(
        &mut self,
        inbox: &mut Vec<u8>,
        head_bytes: usize,
    ) -> Result<bool, Refusal> {
        let mut to = head_bytes + self.body_bytes;
        let mut from = to;
        while self.state != State::End {
            let Some(&byte) = inbox.get(from) else { break };
            if self.state == State::Data {
                let left = usize::try_from(self.left_bytes).unwrap_or(usize::MAX);
                let count = left.min(inbox.len() - from);
                inbox.copy_within(from..from + count, to);
                (from, to) = (from + count, to + count);
                self.left_bytes -= count as u64;
                if self.left_bytes == 0 {
                    self.state = State::DataCr;
                }
            } else {
                self.state = self.step(byte)?;
                from += 1;
            }
        }
        inbox.drain(to..from);
        self.body_bytes = to - head_bytes;
        Ok(self.state == State::End)
    }

    /// The state behind a byte that is not of a chunk's data.
    fn step(&mut self, byte: u8) -> Result<State, Refusal> {
        let next = match (self.state, byte) {
            (State::Start | State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.add_digit(byte)?;
                State::Size
            }
            (State::Size | State::Space, b' ' | b'\t') => State::Space,
            (State::Size | State::Space, b';') => State::Extension,
            (State::Size | State::Space | State::Extension, b'\r') => State::SizeLf,
            (State::Extension, byte) if byte != b'\n' => {
                self.extension_bytes += 1;
                if self.extension_bytes >= MAX_EXTENSION_BYTES {
                    return Err(Refusal::Malformed);
                }
                State::Extension
            }
            (State::SizeLf, b'\n') if self.left_bytes == 0 => State::Trailer,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Start,
            (State::Trailer, byte) => self.add_to_trailer(byte)?,
            _ => return Err(Refusal::Malformed),
        };
        Ok(next)
    }

    fn add_digit(&mut self, digit: u8) -> Result<(), Refusal> {
        let value = (digit as char).to_digit(16).ok_or(Refusal::Malformed)?;
        let shifted = self.left_bytes.checked_mul(16).ok_or(Refusal::Malformed)?;
        self.left_bytes = shifted + u64::from(value);
        Ok(())
    }

    /// An empty line ends the trailer, and with it the body.
    fn add_to_trailer(&mut self, byte: u8) -> Result<State, Refusal> {
        self.trailer.push(byte);
        if self.trailer.len() >= MAX_TRAILER_BYTES {
            return Err(Refusal::Malformed);
        }
        if byte != b'\n' {
            return Ok(State::Trailer);
        }
        let is_empty = self.trailer.get(self.line_at..) == Some(b"\r\n");
        self.line_at = self.trailer.len();
        if !is_empty {
            return Ok(State::Trailer);
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        httparse::parse_headers(&self.trailer, &mut headers).map_err(|_| Refusal::Malformed)?;
        Ok(State::End)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A body, and what is left behind it.
    type Decoded = (Vec<u8>, Vec<u8>);

    /// Decodes `coded` in pieces of `piece_bytes`, and gives the body and what is left.
    fn decoded(coded: &[u8], piece_bytes: usize) -> Result<Option<Decoded>, Refusal> {
        let mut chunks = Chunks::new();
        let mut inbox = b"head".to_vec();
        let mut is_complete = false;
        for piece in coded.chunks(piece_bytes) {
            inbox.extend(piece);
            is_complete = is_complete || chunks.decode(&mut inbox, 4)?;
        }
        let body = inbox[4..4 + chunks.body_bytes()].to_vec();
        Ok(is_complete.then(|| (body, inbox[4 + chunks.body_bytes()..].to_vec())))
    }

    proptest! {
        #[test]
        fn what_was_coded_is_decoded_however_it_is_cut(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            rest in prop::collection::vec(any::<u8>(), 0..20),
            piece_bytes in 1usize..50,
        ) {
            let mut coded = Vec::new();
            for piece in &pieces {
                coded.extend(format!("{:x} ;a=b\r\n", piece.len()).into_bytes());
                coded.extend(piece);
                coded.extend(b"\r\n");
            }
            coded.extend(b"000;last\r\nA: b\r\n\r\n");
            let cut = coded[..coded.len() - 1].to_vec();
            coded.extend(&rest);
            prop_assert_eq!(decoded(&coded, piece_bytes), Ok(Some((pieces.concat(), rest))));
            prop_assert_eq!(decoded(&cut, piece_bytes), Ok(None));
        }

        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            piece_bytes in 1usize..50,
        ) {
            let _ = decoded(&bytes, piece_bytes);
        }
    }

    #[test]
    fn what_is_no_coding_is_refused() {
        for coded in ["x", "\r", "-1", "5 5", "5\n", "5\rx", "5;\n", "1\r\naa", "1\r\na\rx"] {
            assert_eq!(decoded(coded.as_bytes(), 1), Err(Refusal::Malformed), "{coded:?}");
        }
        assert_eq!(decoded(b"10000000000000000", 1), Err(Refusal::Malformed));
        let extension = format!("1;{}", "a".repeat(MAX_EXTENSION_BYTES));
        assert_eq!(decoded(extension.as_bytes(), 99), Err(Refusal::Malformed));
        let trailer = format!("0\r\na: {}", "b".repeat(MAX_TRAILER_BYTES));
        assert_eq!(decoded(trailer.as_bytes(), 99), Err(Refusal::Malformed));
        assert_eq!(decoded(b"0\r\nno trailer\r\n\r\n", 1), Err(Refusal::Malformed));
    }
}
