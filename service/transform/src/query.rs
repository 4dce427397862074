//! The path and query of a request: splitting, and percent-decoding.

use crate::error::{ErrorCode, ServiceError};

/// Splits a request target into its path and, where there is one, its query.
pub(crate) fn split_target(path_and_query: &str) -> (&str, Option<&str>) {
    match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    }
}

/// The values of all `op` parameters, in order and percent-decoded. `+` stands for itself: this is
/// a URI query, not a form.
pub(crate) fn operation_texts(query: &str) -> Result<Vec<String>, ServiceError> {
    let mut texts = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent_decode(name)?;
        if name != "op" {
            let message = "the only query parameter is op";
            return Err(
                ServiceError::new(ErrorCode::UnknownParameter, message).with_parameter(&name)
            );
        }
        texts.push(percent_decode(value)?);
    }
    Ok(texts)
}

fn percent_decode(text: &str) -> Result<String, ServiceError> {
    let malformed =
        |message: &str| ServiceError::new(ErrorCode::MalformedQuery, message).with_parameter(text);
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = (bytes.next().and_then(hex_digit), bytes.next().and_then(hex_digit));
        let (Some(high), Some(low)) = digits else {
            return Err(malformed("a percent sign must be followed by two hexadecimal digits"));
        };
        decoded.push(high * 16 + low);
    }
    String::from_utf8(decoded).map_err(|_| malformed("the query is not UTF-8"))
}

fn hex_digit(byte: u8) -> Option<u8> {
    // A hexadecimal digit is at most 15, so it fits.
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_keep_their_order_and_are_decoded() {
        let texts = operation_texts("op=resize%3A10x0&&op=rotate:90&op=a+b").unwrap();
        assert_eq!(texts, ["resize:10x0", "rotate:90", "a+b"]);
    }

    #[test]
    fn malformed_escapes_are_refused() {
        for query in ["op=%", "op=%4", "op=%zz", "op=%ff", "%=1"] {
            assert!(operation_texts(query).is_err(), "{query}");
        }
    }

    #[test]
    fn other_parameters_are_refused() {
        assert!(operation_texts("op=grayscale&quality=5").is_err());
    }

    #[test]
    fn the_target_is_split_at_the_first_question_mark() {
        assert_eq!(split_target("/a?b?c"), ("/a", Some("b?c")));
        assert_eq!(split_target("/a"), ("/a", None));
    }
}
