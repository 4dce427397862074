//! Reading responses that must all equal one reference, at the price of a comparison of memory.

use super::{Answer, Progress, ResponseReader, WrongAnswer};

/// Reads one response after the other from one connection and compares each with the reference.
///
/// The bytes of the last response that was parsed and found correct are kept. What follows byte for byte is
/// correct as well, because the same bytes parse to the same status and body; the first byte that differs
/// (the second in a `Date` header, or a wrong answer) sends the whole response through the parser.
#[derive(Debug)]
pub struct ResponseChecker {
    reader: ResponseReader,
    /// A whole correct response that left the connection open; empty before the first.
    known: Vec<u8>,
    /// How many bytes of the response at hand have equalled `known`.
    matched: usize,
    /// Whether the response at hand differs from `known` and is with the reader.
    is_parsed: bool,
}

impl ResponseChecker {
    /// A checker of answers to requests that are `HEAD` or not.
    pub fn new(is_head: bool) -> Self {
        Self {
            reader: ResponseReader::new(is_head),
            known: Vec::new(),
            matched: 0,
            is_parsed: false,
        }
    }

    /// Makes ready for the next response.
    pub fn clear(&mut self) {
        self.matched = 0;
        if self.is_parsed {
            self.reader.clear();
            self.is_parsed = false;
        }
    }

    /// Whether the connection may carry another request.
    pub fn keep_alive(&self) -> bool {
        !self.is_parsed || self.reader.keep_alive()
    }

    /// Takes in `bytes`; when that completes the response, it equals `reference`.
    ///
    /// # Errors
    /// The response differs from the reference, is none, or is longer than it says.
    pub fn push(&mut self, bytes: &[u8], reference: &Answer) -> Result<Progress, WrongAnswer> {
        if !self.is_parsed {
            let expected = &self.known[self.matched..];
            if expected.len() >= bytes.len() && expected.starts_with(bytes) {
                self.matched += bytes.len();
                let is_whole = self.matched == self.known.len() && self.matched > 0;
                return Ok(if is_whole { Progress::Complete } else { Progress::Partial });
            }
            self.is_parsed = true;
            self.reader.push(&self.known[..self.matched])?;
        }
        let progress = self.reader.push(bytes)?;
        if progress == Progress::Complete {
            self.compare(reference)?;
            if self.reader.keep_alive() {
                self.known.clear();
                self.known.extend_from_slice(self.reader.raw());
            }
        }
        Ok(progress)
    }

    /// The peer has closed the connection; when that completes the response, it equals `reference`.
    ///
    /// # Errors
    /// The response was not complete, or differs from the reference.
    pub fn close(&mut self, reference: &Answer) -> Result<Progress, WrongAnswer> {
        if !self.is_parsed {
            self.is_parsed = true;
            self.reader.push(&self.known[..self.matched])?;
        }
        let progress = self.reader.close()?;
        self.compare(reference)?;
        Ok(progress)
    }

    fn compare(&self, reference: &Answer) -> Result<(), WrongAnswer> {
        let (status, body) = (self.reader.status(), self.reader.body());
        if status == reference.status && body == reference.body.as_slice() {
            return Ok(());
        }
        Err(WrongAnswer::Differs {
            status,
            bytes_count: body.len(),
            reference_status: reference.status,
            reference_bytes_count: reference.body.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reference() -> Answer {
        Answer { status: 200, body: b"hello".to_vec() }
    }

    /// Responses of which some are correct: `true`.
    const RESPONSES: [(&[u8], bool); 7] = [
        (b"HTTP/1.1 200 OK\r\nDate: 1\r\nContent-Length: 5\r\n\r\nhello", true),
        (b"HTTP/1.1 200 OK\r\nDate: 2\r\nContent-Length: 5\r\n\r\nhello", true),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", true),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", true),
        (b"HTTP/1.1 200 OK\r\nDate: 1\r\nContent-Length: 5\r\n\r\nhellO", false),
        (b"HTTP/1.1 500 No\r\nDate: 1\r\nContent-Length: 5\r\n\r\nhello", false),
        (b"HTTP/1.1 200 OK\r\nDate: 1\r\nContent-Length: 5\r\n\r\nhello!", false),
    ];

    /// Pushes `response` in pieces of the given lengths, the last one as long as is left.
    fn check(
        checker: &mut ResponseChecker,
        response: &[u8],
        cuts: &[usize],
    ) -> Result<Progress, WrongAnswer> {
        checker.clear();
        let mut rest = response;
        for &cut in cuts.iter().filter(|&&cut| cut < response.len()) {
            let (piece, tail) = rest.split_at(cut.min(rest.len().saturating_sub(1)));
            if !piece.is_empty() {
                // "hello" is complete before the byte too many arrives.
                if checker.push(piece, &reference())? == Progress::Complete {
                    return Ok(Progress::Complete);
                }
            }
            rest = tail;
        }
        checker.push(rest, &reference())
    }

    proptest! {
        #[test]
        fn what_was_seen_before_changes_no_verdict(
            visits in prop::collection::vec((0..RESPONSES.len(), prop::collection::vec(1usize..40, 0..4)), 1..20)
        ) {
            let mut seasoned = ResponseChecker::new(false);
            for (index, cuts) in visits {
                let (response, is_correct) = RESPONSES[index];
                let fresh = check(&mut ResponseChecker::new(false), response, &cuts);
                let found = check(&mut seasoned, response, &cuts);
                prop_assert_eq!(&found, &fresh);
                // Cut just before the byte too many, the response is complete without it.
                let too_long = index == 6;
                prop_assert!(found.is_ok() == is_correct || too_long, "{:?}", found);
                if found.is_ok() {
                    prop_assert_eq!(found, Ok(Progress::Complete));
                    prop_assert_eq!(seasoned.keep_alive(), index != 3);
                }
            }
        }
    }

    #[test]
    fn a_response_cut_short_is_an_error_although_its_beginning_is_known() {
        let mut checker = ResponseChecker::new(false);
        let (response, _) = RESPONSES[0];
        assert_eq!(check(&mut checker, response, &[]), Ok(Progress::Complete));
        checker.clear();
        assert_eq!(checker.push(&response[..20], &reference()), Ok(Progress::Partial));
        assert_eq!(checker.close(&reference()), Err(WrongAnswer::Cut(20)));
        let mut checker = ResponseChecker::new(false);
        assert_eq!(checker.close(&reference()), Err(WrongAnswer::None));
    }

    #[test]
    fn a_body_that_ends_with_the_connection_is_compared_too() {
        for (body, is_correct) in [("hello", true), ("hellO", false)] {
            let mut checker = ResponseChecker::new(false);
            let response = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
            assert_eq!(checker.push(response.as_bytes(), &reference()), Ok(Progress::Partial));
            assert_eq!(checker.close(&reference()).is_ok(), is_correct);
            assert!(!checker.keep_alive());
        }
    }
}
