//! A shop as a small JSON API: items can be looked up, and an order gets its total.
//!
//! This library is what both shells share: `main.rs` is a native server, `component.rs` a `wasi:http` component. It is
//! an example of a service that is not Weighbridge's own; TUTORIAL.md says how to weigh it.

mod order;

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod component;

use serde::Serialize;

/// Longest request body, in bytes.
pub const BODY_LIMIT_BYTES: usize = 64 << 10;

/// A request, as far as the answer depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method, upper case.
    pub method: &'a str,
    /// The path, without a query.
    pub path: &'a str,
    /// The content type, where there is one.
    pub content_type: Option<&'a str>,
    /// The body; `None` when it was longer than [`BODY_LIMIT_BYTES`].
    pub body: Option<&'a [u8]>,
}

/// An answer. Its body is JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The methods that the path has, where the request's is none of them.
    pub allow: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
}

/// Something that can be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Item {
    id: u32,
    name: &'static str,
    /// Price of one, in cents.
    price_cents: u64,
}

const ITEMS: [Item; 6] = [
    Item { id: 1, name: "kitchen scale", price_cents: 2_490 },
    Item { id: 2, name: "letter scale", price_cents: 1_250 },
    Item { id: 3, name: "balance, brass", price_cents: 18_900 },
    Item { id: 4, name: "set of weights, 1 g to 500 g", price_cents: 5_400 },
    Item { id: 5, name: "hanging scale", price_cents: 1_999 },
    Item { id: 6, name: "weighbridge, 60 t", price_cents: 2_150_000 },
];

#[derive(Serialize)]
struct Items<'a> {
    items: &'a [Item],
}

#[derive(Serialize)]
struct Refusal {
    error: String,
}

/// Answers one request. The same request gets the same bytes, whichever shell asks.
#[must_use]
pub fn answer(request: &Request<'_>) -> Response {
    match (request.path, request.method) {
        ("/items", "GET") => json(200, &Items { items: &ITEMS }),
        ("/orders", "POST") => match order::take(request) {
            Ok(order) => json(201, &order),
            Err((status, error)) => refused(status, error),
        },
        ("/items", _) => not_allowed("GET"),
        ("/orders", _) => not_allowed("POST"),
        (path, method) => match (path.strip_prefix("/items/"), method) {
            (Some(id), "GET") => match find(id) {
                Some(item) => json(200, item),
                None => refused(404, format!("there is no item {id}")),
            },
            (Some(_), _) => not_allowed("GET"),
            (None, _) => refused(404, format!("there is nothing at {path}")),
        },
    }
}

fn find(id: &str) -> Option<&'static Item> {
    let id: u32 = id.parse().ok()?;
    ITEMS.iter().find(|item| item.id == id)
}

fn refused(status: u16, error: String) -> Response {
    json(status, &Refusal { error })
}

fn not_allowed(allow: &'static str) -> Response {
    Response { allow: Some(allow), ..refused(405, format!("only {allow} is allowed here")) }
}

fn json(status: u16, value: &impl Serialize) -> Response {
    // Structs of numbers, strings and lists always serialise; a failure would be seen as an empty body.
    let body = serde_json::to_vec(value).unwrap_or_default();
    Response { status, allow: None, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &str, path: &str, content_type: Option<&str>, body: &str) -> (u16, String) {
        let body = Some(body.as_bytes());
        let response = answer(&Request { method, path, content_type, body });
        (response.status, String::from_utf8(response.body).unwrap())
    }

    fn order(body: &str) -> (u16, String) {
        ask("POST", "/orders", Some("application/json"), body)
    }

    #[test]
    fn items_are_found_by_number() {
        let (status, body) = ask("GET", "/items/2", None, "");
        assert_eq!(status, 200);
        assert_eq!(body, r#"{"id":2,"name":"letter scale","price_cents":1250}"#);
        let (status, all) = ask("GET", "/items", None, "");
        assert!(status == 200 && all.contains(&body), "{all}");
        for missing in ["/items/7", "/items/two", "/items/", "/item"] {
            assert_eq!(ask("GET", missing, None, "").0, 404, "{missing}");
        }
    }

    #[test]
    fn an_order_gets_its_total() {
        let (status, body) =
            order(r#"{"lines":[{"item":1,"quantity":2},{"item":5,"quantity":1}]}"#);
        assert_eq!(status, 201);
        assert!(body.ends_with(r#""total_cents":6979}"#), "{body}");
    }

    #[test]
    fn an_order_that_cannot_be_taken_is_refused_with_a_reason() {
        for (body, status, reason) in [
            ("{", 400, "EOF"),
            (r#"{"line":[]}"#, 400, "unknown field `line`"),
            (r#"{"lines":[]}"#, 422, "no lines"),
            (r#"{"lines":[{"item":9,"quantity":1}]}"#, 422, "line 1: there is no item 9"),
            (r#"{"lines":[{"item":1,"quantity":0}]}"#, 422, "line 1: quantity must be"),
        ] {
            let (got, said) = order(body);
            assert!(got == status && said.contains(reason), "{body}: {got} {said}");
        }
        assert_eq!(ask("POST", "/orders", Some("text/plain"), "{}").0, 415);
        assert_eq!(ask("GET", "/orders", None, "").0, 405);
        let long = Request {
            method: "POST",
            path: "/orders",
            content_type: Some("application/json"),
            body: None,
        };
        assert_eq!(answer(&long).status, 413);
    }
}
