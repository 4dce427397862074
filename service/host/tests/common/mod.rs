//! What the tests share: guests, a running host, and an HTTP client of a few lines.

// To fail in a helper is to fail its test, but clippy takes only `#[test]` functions for tests.
#![allow(clippy::unwrap_used)]
// Each test program is compiled with all of this, and none uses everything.
#![allow(dead_code)]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A folder that goes away with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("weighbridge-host-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A component that behaves badly, in one way for each path (see hostile.wat).
    pub fn hostile(&self) -> PathBuf {
        let path = self.file("hostile.wasm");
        std::fs::write(&path, wat::parse_str(include_str!("hostile.wat")).unwrap()).unwrap();
        path
    }

    /// The hostile component, compiled by `program`.
    pub fn hostile_compiled(&self, program: &Path) -> PathBuf {
        let path = self.file("hostile.cwasm");
        let mut command = Command::new(program);
        command.arg("compile").arg(self.hostile()).arg("--output").arg(&path);
        assert!(command.status().unwrap().success());
        path
    }

    /// A component whose handler runs `body` (see guest.wat).
    pub fn guest(&self, body: &str) -> PathBuf {
        let path = self.file("guest.wasm");
        let text = include_str!("guest.wat").replace("BODY", body);
        std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A host that serves until it is dropped.
pub struct Host {
    child: Child,
    pub address: SocketAddr,
    /// The line with the stages.
    pub stages: String,
    log: Arc<Mutex<Vec<u8>>>,
}

impl Host {
    pub fn start(program: &Path, component: &Path, options: &[&str]) -> Self {
        Self::start_with(program, &[component.as_os_str()], options)
    }

    /// Serves every component in `folder`.
    pub fn start_tenants(program: &Path, folder: &Path, options: &[&str]) -> Self {
        Self::start_with(program, &["--tenants".as_ref(), folder.as_os_str()], options)
    }

    fn start_with(program: &Path, served: &[&OsStr], options: &[&str]) -> Self {
        // The kernel gives a port that is free now; nothing else here asks for that very port.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut child = Command::new(program)
            .arg("serve")
            .args(served)
            .args(["--listen", &address.to_string()])
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut stages = String::new();
        stderr.read_line(&mut stages).unwrap();
        assert!(stages.starts_with("weighbridge-stages {"), "{stages}");
        // Descriptions of failures must not fill the pipe.
        let log = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut piece = vec![0; 1 << 16];
            while let Ok(count @ 1..) = stderr.read(&mut piece) {
                written.lock().unwrap().extend_from_slice(&piece[..count]);
            }
        });
        Self { child, address, stages, log }
    }

    /// What it has written to its standard error after the stages.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().unwrap()).into_owned()
    }

    /// Waits until its log holds `text`.
    pub fn wait_for_log(&self, text: &str) {
        let start = Instant::now();
        while !self.log().contains(text) {
            assert!(start.elapsed() < Duration::from_secs(30), "no {text} in:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it has written to its standard error after the stages, in bytes.
    pub fn logged_bytes(&self) -> usize {
        self.log.lock().unwrap().len()
    }

    /// The most memory that it has had resident, in MiB.
    pub fn peak_mib(&self) -> u64 {
        self.status_mib("VmHWM:")
    }

    /// The memory that it has resident, in MiB.
    pub fn resident_mib(&self) -> u64 {
        self.status_mib("VmRSS:")
    }

    /// The processor time that it has used, by the kernel's clock of 100 ticks a second: what a busy machine does
    /// not make longer.
    pub fn cpu_time(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, numbers) = text.rsplit_once(") ").unwrap();
        let ticks = numbers.split(' ').skip(11).take(2).map(|text| text.parse::<u64>().unwrap());
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    /// How often its threads have gone to sleep and been woken, all together: their voluntary
    /// context switches.
    pub fn wake_ups(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let switches = tasks.map(|task| {
            let text = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let line = text.lines().find(|line| line.starts_with("voluntary_ctxt_switches:"));
            line.unwrap().split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        });
        switches.sum()
    }

    /// The files of which it has something mapped.
    pub fn mapped(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/maps", self.child.id())).unwrap()
    }

    fn status_mib(&self, key: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    /// A connection on which a request has been sent and nothing been read.
    pub fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        stream
    }

    /// The median time of nine requests to `/`, each on a connection of its own. Of up to three tries the first that
    /// stays within `bound`, or in which the host used less than a quarter of that time of the processor for each: a
    /// busy machine delays some.
    pub fn median_within(&self, bound: Duration) -> Result<Duration, Vec<Duration>> {
        let mut medians = Vec::new();
        for _ in 0..3 {
            let used = self.cpu_time();
            let mut times = [(); 9].map(|()| {
                let start = Instant::now();
                assert_eq!(self.get("/").status, 201);
                start.elapsed()
            });
            times.sort();
            let used_each = (self.cpu_time() - used) / 9;
            if times[4] < bound || used_each < bound / 4 {
                return Ok(times[4]);
            }
            medians.push(times[4]);
        }
        Err(medians)
    }

    pub fn get(&self, path: &str) -> Response {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"), &[])
    }

    pub fn post(&self, path: &str, body: &[u8]) -> Response {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.send(&head, body)
    }

    /// Sends all of it and only then reads: what a simple client does.
    pub fn send(&self, head: &str, body: &[u8]) -> Response {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        Response::read(stream)
    }

    /// Sends `signal` and gives the exit code.
    pub fn stop(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(
            Command::new("sh")
                .args(["-c", "kill -s \"$0\" \"$1\"", signal, &id])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap().code()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub content_type: Option<String>,
    pub body: Vec<u8>,
}

impl Response {
    /// The one answer on a connection that is closed after it.
    pub fn read(mut stream: TcpStream) -> Self {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        Self::parse(&answer)
    }

    fn parse(answer: &[u8]) -> Self {
        let shown = String::from_utf8_lossy(answer);
        let head_length = shown.find("\r\n\r\n").unwrap_or_else(|| panic!("no head in {shown:?}"));
        let head = &shown[..head_length];
        let content_type = head.lines().find_map(|line| line.strip_prefix("content-type: "));
        Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            content_type: content_type.map(str::to_owned),
            body: answer[head_length + 4..].to_vec(),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Asserts that this is one of the service's JSON errors.
    pub fn assert_error(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.content_type.as_deref(), Some("application/json"));
        let start = format!("{{\"error\":{{\"code\":\"{code}\"");
        assert!(self.text().starts_with(&start), "{}", self.text());
    }
}
