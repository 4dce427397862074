//! The floods themselves.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::net::sockopt::set_socket_linger;

use crate::encodings::PNG;
use crate::table::health;
use crate::wire::Client;

/// The longest body that is taken, in bytes.
const BODY_BYTES: usize = 16 << 20;
/// The most that one client of an endless stream sends, in bytes.
const ENDLESS_BYTES: usize = 256 << 20;

/// One flood.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// The server's limit of descriptors, where it is not its own.
    pub(crate) descriptors: Option<u32>,
    /// Attacks for about so long, and says what was seen.
    pub(crate) run: fn(SocketAddr, Duration) -> Result<String>,
}

pub(crate) fn all() -> Vec<Attack> {
    let attack = |name, run| Attack { name, descriptors: None, run };
    vec![
        attack("slowloris, 2,000 x 1 byte/s", |at, lasting| {
            trickle(at, 2000, b"GET /healthz HTTP/1.1\r\na: ", lasting)
        }),
        attack("5,000 idle connections", |at, lasting| trickle(at, 5000, b"", lasting)),
        Attack {
            descriptors: Some(256),
            ..attack("400 idle connections, 256 descriptors", |at, lasting| {
                trickle(at, 400, b"", lasting)
            })
        },
        attack("500 slow bodies, 16 MiB announced, 1 byte/s", |at, lasting| {
            trickle(at, 500, &post(&format!("Content-Length: {BODY_BYTES}")), lasting)
        }),
        attack("300 bodies one byte short of 16 MiB", short_bodies),
        attack("50 x 16 MiB at once", whole_bodies),
        attack("answers of 58 MB that nobody reads, 30 clients", unread),
        attack("1,000 requests in one write", |at, _| one_write(at)),
        attack("20 chunked bodies without end", |at, _| {
            let chunk = [b"10000\r\n".as_slice(), &[b'a'; 0x1_0000], b"\r\n"].concat();
            endless(at, &post("Transfer-Encoding: chunked"), &chunk)
        }),
        attack("20 chunk extensions without end", |at, _| {
            endless(
                at,
                &[post("Transfer-Encoding: chunked"), b"5;".to_vec()].concat(),
                &[b'a'; 4096],
            )
        }),
        attack("20 trailers without end", |at, _| {
            let start = [post("Transfer-Encoding: chunked"), b"0\r\n".to_vec()].concat();
            endless(at, &start, &b"a: b\r\n".repeat(500))
        }),
        attack("20 targets without end", |at, _| endless(at, b"GET /", &[b'a'; 4096])),
        attack("20 headers without end", |at, _| {
            endless(at, b"GET / HTTP/1.1\r\na: ", &[b'a'; 4096])
        }),
        attack("20 x header lines without end", |at, _| {
            endless(at, b"GET / HTTP/1.1\r\n", &b"a: b\r\n".repeat(500))
        }),
        attack("300 heads of 60 kB that go no further", |at, lasting| {
            trickle(
                at,
                300,
                &[b"GET /healthz HTTP/1.1\r\na: ", [b'a'; 60_000].as_slice()].concat(),
                lasting,
            )
        }),
        attack("5,000 disconnects, in five ways", |at, _| disconnects(at)),
    ]
}

/// The head of a POST with this line.
fn post(line: &str) -> Vec<u8> {
    format!("POST /nowhere HTTP/1.1\r\nHost: t\r\n{line}\r\n\r\n").into_bytes()
}

/// Opens `count` connections, sends `start` on each and then a byte a second.
fn trickle(at: SocketAddr, count: usize, start: &[u8], lasting: Duration) -> Result<String> {
    let begun = Instant::now();
    let mut streams = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = TcpStream::connect(at).with_context(|| format!("connection {number}"))?;
        // The server may have closed it already.
        let _ = stream.write_all(start);
        stream.set_nonblocking(true)?;
        streams.push(stream);
    }
    let opened = begun.elapsed();
    let begun = Instant::now();
    while begun.elapsed() < lasting {
        if !start.is_empty() {
            for stream in &mut streams {
                let _ = stream.write(b"a");
            }
        }
        thread::sleep(Duration::from_secs(1));
    }
    let open = streams.iter_mut().filter_map(|stream| is_open(stream).then_some(())).count();
    Ok(format!("{count} opened in {:.1} s, {open} still open at the end", opened.as_secs_f64()))
}

/// Whether the server has not closed it, as far as one can see without waiting.
fn is_open(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 1024]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Runs `client` so many times at once, and counts what comes of it.
fn crowd(count: usize, client: impl Fn(usize) -> String + Sync) -> String {
    let outcomes = thread::scope(|scope| {
        let clients: Vec<_> = (0..count)
            .map(|number| {
                scope.spawn({
                    let client = &client;
                    move || client(number)
                })
            })
            .collect();
        let join = |client: thread::ScopedJoinHandle<'_, String>| {
            client.join().unwrap_or_else(|_| "client failed".to_owned())
        };
        clients.into_iter().map(join).collect::<Vec<_>>()
    });
    let mut counts = BTreeMap::new();
    for outcome in outcomes {
        *counts.entry(outcome).or_insert(0) += 1;
    }
    let shown: Vec<_> =
        counts.iter().map(|(outcome, count)| format!("{count} x {outcome}")).collect();
    shown.join(", ")
}

/// The status of the next answer.
fn status(client: &mut Client) -> String {
    match client.response(false) {
        Ok(Some(response)) => response.status.to_string(),
        Ok(None) => "closed".to_owned(),
        Err(_) => "no answer".to_owned(),
    }
}

/// Sends all but the last byte of the longest body, and waits.
fn short_bodies(at: SocketAddr, lasting: Duration) -> Result<String> {
    let body = vec![b'a'; BODY_BYTES - 1];
    let head = post(&format!("Content-Length: {BODY_BYTES}"));
    let mut clients = Vec::new();
    for _ in 0..300 {
        let mut client = Client::connect(at)?;
        client.send(&head);
        client.send(&body);
        clients.push(client);
    }
    thread::sleep(lasting);
    let held = clients.iter_mut().filter_map(|client| client.is_waiting().then_some(())).count();
    Ok(format!("{held} of 300 held at the end"))
}

fn whole_bodies(at: SocketAddr, _: Duration) -> Result<String> {
    let body = vec![b'a'; BODY_BYTES];
    let head = post(&format!("Content-Length: {BODY_BYTES}"));
    Ok(crowd(50, |_| {
        let Ok(mut client) = Client::connect(at) else { return "no connection".to_owned() };
        client.send(&head);
        client.send(&body);
        status(&mut client)
    }))
}

/// Asks for the longest answers, and reads none.
fn unread(at: SocketAddr, lasting: Duration) -> Result<String> {
    let query = "op=resize:6300x6300&op=sharpen:10&op=encode:png";
    let length = PNG.len();
    let head = format!(
        "POST /v1/images/transform?{query} HTTP/1.1\r\nHost: t\r\nContent-Type: image/png\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    let mut clients = Vec::new();
    for _ in 0..30 {
        let mut client = Client::connect(at)?;
        client.send(head.as_bytes());
        client.send(PNG);
        clients.push(client);
        thread::sleep(lasting / 10);
    }
    thread::sleep(lasting);
    Ok(format!("30 asked, one every {:.1} s", lasting.as_secs_f64() / 10.0))
}

fn one_write(at: SocketAddr) -> Result<String> {
    let begun = Instant::now();
    let mut client = Client::connect(at)?;
    client.send(&health("").repeat(1000));
    let mut answered = 0;
    while answered < 1000 && client.response(false)?.is_some_and(|answer| answer.status == 200) {
        answered += 1;
    }
    Ok(format!("{answered} answers in {:.2} s", begun.elapsed().as_secs_f64()))
}

/// Sends `start`, and then `piece` until the server has heard enough: twenty clients.
fn endless(at: SocketAddr, start: &[u8], piece: &[u8]) -> Result<String> {
    Ok(crowd(20, |_| {
        let Ok(mut client) = Client::connect(at) else { return "no connection".to_owned() };
        client.send(start);
        let mut sent = 0;
        while sent < ENDLESS_BYTES && client.try_send(piece) {
            sent += piece.len();
        }
        let seen =
            if sent < ENDLESS_BYTES { status(&mut client) } else { "never enough".to_owned() };
        let closed = if seen == "no answer" { "reset".to_owned() } else { seen };
        // In powers of two: the exact number is the kernel's buffers.
        format!("{closed} before {} KiB", (sent / 1024 + 1).next_power_of_two())
    }))
}

fn disconnects(at: SocketAddr) -> Result<String> {
    let begun = Instant::now();
    let cut = [post("Content-Length: 100000"), b"abc".to_vec()].concat();
    let whole = health("");
    for number in 0..5000 {
        let mut stream = TcpStream::connect(at).with_context(|| format!("connection {number}"))?;
        let sent: &[u8] = match number % 5 {
            0 => b"",
            1 => b"GET /heal",
            2 => &cut,
            _ => &whole,
        };
        let _ = stream.write_all(sent);
        match number % 5 {
            3 => {
                let _ = stream.read(&mut [0; 10]);
            }
            4 => {
                let _ = stream.shutdown(Shutdown::Write);
            }
            _ => {}
        }
        if number % 2 == 0 {
            // Closing sends RST.
            let _ = set_socket_linger(&stream, Some(Duration::ZERO));
        }
    }
    Ok(format!("5,000 in {:.1} s", begun.elapsed().as_secs_f64()))
}
