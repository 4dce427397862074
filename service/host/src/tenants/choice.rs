//! Which tenant a request is for, and what of it the tenant gets to see.

use http::uri::PathAndQuery;
use http::{Request, Uri, header};

/// What begins the path of a request for a tenant, with --tenant-by path.
const PREFIX: &str = "/t/";
/// Longest name in bytes: that of a label of a host name.
const NAME_BYTES: usize = 63;

/// What names the tenant in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Choice {
    /// The path: /t/NAME/REST, of which the tenant sees /REST.
    Path,
    /// The first label of the Host header: NAME.example.org. The tenant sees the path as it was
    /// sent.
    Host,
}

impl Choice {
    /// The tenant's name, and the request as the tenant gets it. `None` when it names none, or by
    /// what cannot be a name.
    pub(crate) fn split<B>(self, request: Request<B>) -> Option<(String, Request<B>)> {
        match self {
            Self::Path => split_path(request),
            Self::Host => {
                let name = host(&request)?.split(['.', ':']).next()?.to_ascii_lowercase();
                is_name(&name).then_some((name, request))
            }
        }
    }
}

fn split_path<B>(mut request: Request<B>) -> Option<(String, Request<B>)> {
    let rest = request.uri().path().strip_prefix(PREFIX)?;
    let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !is_name(name) {
        return None;
    }
    let name = name.to_owned();
    let mut target = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
    if let Some(query) = request.uri().query() {
        target.push('?');
        target.push_str(query);
    }
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    Some((name, request))
}

/// The host that a request is for: that of its target counts before the header, as HTTP has it.
fn host<B>(request: &Request<B>) -> Option<&str> {
    request.uri().host().or_else(|| request.headers().get(header::HOST)?.to_str().ok())
}

/// Whether it may name a tenant, and so a file: no dot and no slash, so that it leads nowhere else.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(choice: Choice, target: &str, host: &str) -> Option<(String, String)> {
        let request = Request::builder().uri(target).header(header::HOST, host).body(()).unwrap();
        let (name, request) = choice.split(request)?;
        Some((name, request.uri().to_string()))
    }

    #[test]
    fn the_path_names_a_tenant_which_does_not_see_its_name() {
        for (target, name, seen) in [
            ("/t/a/v1/x?op=1&y", "a", "/v1/x?op=1&y"),
            ("/t/a", "a", "/"),
            ("/t/a/", "a", "/"),
            ("/t/a?q", "a", "/?q"),
            ("/t/a//x", "a", "//x"),
            ("/t/a/../b", "a", "/../b"),
            ("/t/a/t/b", "a", "/t/b"),
            ("/t/A-b_9/x", "A-b_9", "/x"),
            ("http://b.example/t/a/x", "a", "http://b.example/x"),
        ] {
            let expected = Some((name.to_owned(), seen.to_owned()));
            assert_eq!(split(Choice::Path, target, "b"), expected, "{target}");
        }
        let long = format!("/t/{}/", "n".repeat(NAME_BYTES + 1));
        let no_names = [
            "/",
            "/t",
            "/t/",
            "/t//a",
            "/x/t/a",
            "/t/../a",
            "/t/a.b",
            "/t/.",
            "/t/..",
            "/t/a%2fb",
            "/t/%2e%2e/a",
            "/t/a%00",
            "/T/a",
            "*",
            &long,
        ];
        for target in no_names {
            assert_eq!(split(Choice::Path, target, "a"), None, "{target}");
        }
    }

    #[test]
    fn the_first_label_of_the_host_names_a_tenant_which_sees_its_path() {
        for host in ["a", "a.example.org", "a:8080", "A.example.org:8080"] {
            let expected = Some(("a".to_owned(), "/t/b?q".to_owned()));
            assert_eq!(split(Choice::Host, "/t/b?q", host), expected, "{host}");
        }
        let target = "http://a.example/x";
        assert_eq!(split(Choice::Host, target, "b"), Some(("a".to_owned(), target.to_owned())));
        for host in ["", ".a", "[::1]:80", "a/b", "..", "a%2e"] {
            assert_eq!(split(Choice::Host, "/", host), None, "{host}");
        }
        let request = Request::builder().uri("/").body(()).unwrap();
        assert!(Choice::Host.split(request).is_none(), "no host at all");
    }
}
