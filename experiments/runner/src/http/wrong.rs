//! What is wrong with what came back over a connection.

/// Another answer than had to come, or something that is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongAnswer {
    /// Nothing came.
    #[error("the connection was closed before the first byte of the response")]
    None,
    /// The rest is missing after that many bytes.
    #[error("the connection was closed within the response, after {0} bytes")]
    Cut(usize),
    /// It is longer than it says itself.
    #[error("more bytes arrived than Content-Length announced")]
    BeyondLength,
    /// Something follows its last chunk.
    #[error("more bytes arrived after the last chunk")]
    BeyondLastChunk,
    /// The peer speaks another protocol.
    #[error("not an HTTP response: {0}")]
    NotHttp(httparse::Error),
    /// The same, as far as is read.
    #[error("the response's head is over 64 KiB")]
    LongHead,
    /// The head is complete and names no status.
    #[error("a response without a status")]
    NoStatus,
    /// The length is no number.
    #[error("Content-Length `{0}`")]
    Length(String),
    /// The size of a chunk is no number.
    #[error("a bad chunk size")]
    ChunkSize,
    /// The size of a chunk is one that no memory holds.
    #[error("a chunk too large for memory")]
    LargeChunk,
    /// A chunk is longer or shorter than it says.
    #[error("a chunk without its line end")]
    ChunkEnd,
    /// It is complete and not the reference.
    #[error(
        "a response with status {status} and {bytes_count} bytes differs from the reference \
         ({reference_status}, {reference_bytes_count} bytes)"
    )]
    Differs {
        /// Its status.
        status: u16,
        /// Length of its body.
        bytes_count: usize,
        /// That of the reference.
        reference_status: u16,
        /// The reference's body.
        reference_bytes_count: usize,
    },
    /// It is complete and not what the workload expects: what came, with its whole digest, and what
    /// was expected.
    #[error("{0}")]
    Unexpected(String),
}
