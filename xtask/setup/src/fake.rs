//! A machine for the tests: files, programs and answers are given, and every step is written down.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

use crate::context::Context;
use crate::machine::{Machine, Step};
use anyhow::{Result, bail};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use weighbridge_schema::subject::ContainerEngine;

/// What a step does and gives; `None` leaves it to the next one.
pub type Reaction = Box<dyn Fn(&FakeMachine, &Step) -> Option<Result<String>>>;

/// A made-up machine. Paths below the state folder are the real file system's.
#[derive(Default)]
pub struct FakeMachine {
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// What lies on PATH.
    pub programs: RefCell<BTreeSet<String>>,
    /// Files outside of the state folder, by path.
    pub files: RefCell<BTreeMap<PathBuf, String>>,
    /// Where which kind of engine answers.
    pub sockets: Vec<(ContainerEngine, PathBuf)>,
    /// Whether the user is root.
    pub root: bool,
    /// What the user answers on the terminal.
    pub consents: bool,
    /// What steps do, the first that knows one.
    pub reactions: Vec<Reaction>,
    /// Every step that was requested.
    pub steps: RefCell<Vec<String>>,
    /// Every question that the user was asked.
    pub questions: RefCell<Vec<String>>,
}

/// The sysroot of its compiler.
pub const SYSROOT: &str = "/rust";

impl FakeMachine {
    /// Debian 12 with Rust 1.95, rustup and nothing else; root, and rustup may download.
    #[must_use]
    pub fn debian() -> Self {
        let machine = Self { root: true, consents: true, ..Self::default() };
        for program in ["cargo", "rustc", "rustup", "apt-get", "dpkg"] {
            machine.add_program(program);
        }
        machine.add_file("/etc/os-release", "ID=debian\nVERSION_CODENAME=bookworm\n");
        machine.add_file(
            "/etc/apt/sources.list",
            "deb [signed-by=/k.gpg] http://m.example/debian bookworm main\n\
             deb [signed-by=/k.gpg] http://m.example/debian-security bookworm-security main\n",
        );
        machine.add_file("/rust/lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld", "");
        machine.add_file("/rust/lib/rustlib/x86_64-unknown-linux-gnu/bin/wasm-component-ld", "");
        machine.add_file("/usr/lib/x86_64-linux-gnu/libz3.so.4", "");
        machine.add_file("/usr/lib/x86_64-linux-gnu/libedit.so.2", "");
        machine.add_file("/usr/lib/x86_64-linux-gnu/libxml2.so.2", "");
        machine.add_target("x86_64-unknown-linux-gnu");
        machine
    }

    /// The same machine with one more variable.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.insert(variable.to_owned(), value.to_owned());
        self
    }

    /// Adds what happens at a step whose text contains this.
    #[must_use]
    pub fn on(
        mut self,
        part: &'static str,
        reaction: impl Fn(&FakeMachine, &Step) -> Result<String> + 'static,
    ) -> Self {
        self.reactions.push(Box::new(move |machine, step| {
            step.to_string().contains(part).then(|| reaction(machine, step))
        }));
        self
    }

    /// Puts a program on PATH.
    pub fn add_program(&self, name: &str) {
        self.programs.borrow_mut().insert(name.to_owned());
    }

    /// Adds a file.
    pub fn add_file(&self, path: &str, content: &str) {
        self.files.borrow_mut().insert(PathBuf::from(path), content.to_owned());
    }

    /// Adds the standard library of a target to the sysroot.
    pub fn add_target(&self, triple: &str) {
        self.add_file(&format!("{SYSROOT}/lib/rustlib/{triple}/lib/libstd-0123.rlib"), "");
    }

    /// How many steps had this in their text.
    pub fn count(&self, part: &str) -> usize {
        self.steps.borrow().iter().filter(|step| step.contains(part)).count()
    }
}

impl Machine for FakeMachine {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        self.programs.borrow().contains(program).then(|| Path::new("/usr/bin").join(program))
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.borrow().keys().any(|file| file.starts_with(path))
            || (path.starts_with(std::env::temp_dir()) && path.exists())
    }

    fn read(&self, path: &Path) -> Option<String> {
        self.files.borrow().get(path).cloned()
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let files = self.files.borrow();
        let inside = files.keys().filter(|file| file.parent() == Some(folder)).cloned();
        inside.collect()
    }

    fn digest(&self, file: &Path) -> Option<String> {
        Some(self.read(file).unwrap_or_else(|| file.display().to_string()))
    }

    fn is_root(&self) -> bool {
        self.root
    }

    fn architecture(&self) -> &str {
        "x86_64"
    }

    fn engine_answers(&self, kind: ContainerEngine, socket: &Path) -> bool {
        self.sockets.iter().any(|(known, path)| *known == kind && path == socket)
    }

    fn confirm(&self, question: &str) -> bool {
        self.questions.borrow_mut().push(question.to_owned());
        self.consents
    }

    fn run(&self, step: &Step) -> Result<String> {
        let text = step.to_string();
        self.steps.borrow_mut().push(text.clone());
        for reaction in &self.reactions {
            if let Some(result) = reaction(self, step) {
                return result;
            }
        }
        if text.ends_with("-vV") {
            return Ok("release: 1.95.0\nhost: x86_64-unknown-linux-gnu\n".to_owned());
        }
        if text.ends_with("--print sysroot") {
            return Ok(format!("{SYSROOT}\n"));
        }
        bail!("`{text}` failed: the made-up machine knows no such step")
    }
}

/// A state folder of its own for one test, removed at the end, with the lines reported.
pub struct Bench {
    /// The state folder.
    pub state: PathBuf,
    /// What was reported.
    pub lines: RefCell<Vec<String>>,
}

impl Bench {
    /// An empty one; the name tells it from those of other tests.
    ///
    /// # Panics
    /// The folder cannot be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let state = std::env::temp_dir().join(format!("weighbridge-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&state).unwrap();
        Self { state, lines: RefCell::default() }
    }

    /// Calls something with a context for this machine.
    pub fn call<T>(
        &self,
        machine: &FakeMachine,
        interactive: bool,
        work: impl FnOnce(&Context<'_>) -> T,
    ) -> T {
        let reporter = |line: &str| self.lines.borrow_mut().push(line.to_owned());
        work(&Context {
            repo: PathBuf::from("/repo"),
            state: self.state.clone(),
            build: PathBuf::from("/build-folder"),
            assume_yes: false,
            interactive,
            reporter: &reporter,
            machine,
        })
    }

    /// How many lines that were reported hold this.
    pub fn reported(&self, part: &str) -> usize {
        self.lines.borrow().iter().filter(|line| line.contains(part)).count()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.state).unwrap();
    }
}
