//! What can be wrong with a request, and the answer to each.

use serde::Serialize;

use crate::http::Response;
use crate::limits::MAX_ECHO_CHARS;
use crate::operation::Format;

/// The kind of a failure. Each has one status and one stable name that clients may match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    MalformedQuery,
    UnknownParameter,
    MissingOperation,
    UnknownOperation,
    InvalidParameter,
    TooManyOperations,
    MissingBody,
    UnknownPath,
    MethodNotAllowed,
    BodyTooLarge,
    ImageTooLarge,
    UnsupportedContentType,
    NotAnImage,
    CorruptImage,
    UnsupportedImage,
    Internal,
    DeadlineExceeded,
}

impl ErrorCode {
    fn status(self) -> u16 {
        match self {
            Self::MalformedQuery
            | Self::UnknownParameter
            | Self::MissingOperation
            | Self::UnknownOperation
            | Self::InvalidParameter
            | Self::TooManyOperations
            | Self::MissingBody => 400,
            Self::UnknownPath => 404,
            Self::MethodNotAllowed => 405,
            Self::BodyTooLarge | Self::ImageTooLarge => 413,
            Self::UnsupportedContentType | Self::NotAnImage => 415,
            Self::CorruptImage | Self::UnsupportedImage => 422,
            Self::Internal => 500,
            Self::DeadlineExceeded => 503,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::MalformedQuery => "malformed_query",
            Self::UnknownParameter => "unknown_parameter",
            Self::MissingOperation => "missing_operation",
            Self::UnknownOperation => "unknown_operation",
            Self::InvalidParameter => "invalid_parameter",
            Self::TooManyOperations => "too_many_operations",
            Self::MissingBody => "missing_body",
            Self::UnknownPath => "unknown_path",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::ImageTooLarge => "image_too_large",
            Self::UnsupportedContentType => "unsupported_content_type",
            Self::NotAnImage => "not_an_image",
            Self::CorruptImage => "corrupt_image",
            Self::UnsupportedImage => "unsupported_image",
            Self::Internal => "internal",
            Self::DeadlineExceeded => "deadline_exceeded",
        }
    }
}

/// A request that cannot be answered with an image: why, and which part of it is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceError {
    code: ErrorCode,
    message: String,
    parameter: Option<String>,
    allow: Option<&'static str>,
}

/// The JSON body of an error. `parameter` is null where no part of the request is to blame.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorDetail<'a>,
}

#[derive(Serialize)]
struct ErrorDetail<'a> {
    code: &'static str,
    message: &'a str,
    parameter: Option<&'a str>,
}

impl ServiceError {
    /// An error that no single part of the request is to blame for.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), parameter: None, allow: None }
    }

    /// Names the part of the request that is to blame, cut to a length that is safe to repeat.
    pub(crate) fn with_parameter(mut self, parameter: &str) -> Self {
        self.parameter = Some(excerpt(parameter));
        self
    }

    /// A method that the path does not have; `allow` lists those it has.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("this path allows {allow}");
        Self { allow: Some(allow), ..Self::new(ErrorCode::MethodNotAllowed, message) }
    }

    /// An image that breaks the rules of its format, or ends too early. What a decoder says is kept
    /// out of the message: which of an image's faults it stumbles over first may depend on its code
    /// path, and the answer must not.
    pub(crate) fn corrupt(format: Format) -> Self {
        let name = format.name();
        let message = format!("the {name} is truncated or corrupted, or of a kind not supported");
        Self::new(ErrorCode::CorruptImage, message).with_parameter("body")
    }

    /// An image that may well be valid, but that we are not known to decode right; `what` names the
    /// reason.
    pub(crate) fn unsupported(format: Format, what: &str) -> Self {
        let message = format!("not supported: a {} with {what}", format.name());
        Self::new(ErrorCode::UnsupportedImage, message).with_parameter("body")
    }

    /// The answer that tells the client.
    pub(crate) fn into_response(self) -> Response {
        let body = ErrorBody {
            error: ErrorDetail {
                code: self.code.name(),
                message: &self.message,
                parameter: self.parameter.as_deref(),
            },
        };
        // Strings and nulls always serialise; an empty body is the answer if that ever changed.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        Response {
            status: self.code.status(),
            content_type: "application/json",
            allow: self.allow,
            body,
        }
    }
}

/// The first characters of something a client sent.
fn excerpt(text: &str) -> String {
    text.chars().take(MAX_ECHO_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_names_code_message_and_parameter() {
        let error = ServiceError::new(ErrorCode::InvalidParameter, "no").with_parameter("op\"");
        let response = error.into_response();
        assert_eq!(response.status, 400);
        assert_eq!(
            String::from_utf8(response.body).unwrap(),
            r#"{"error":{"code":"invalid_parameter","message":"no","parameter":"op\""}}"#
        );
    }

    #[test]
    fn a_long_parameter_is_cut() {
        let error = ServiceError::new(ErrorCode::UnknownOperation, "no");
        let error = error.with_parameter(&"\u{e9}".repeat(1000));
        assert_eq!(error.parameter.unwrap().chars().count(), MAX_ECHO_CHARS);
    }
}
