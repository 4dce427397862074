//! Folders of questions of a test's own.

use super::{ENGINES, NO_ENGINE, artifacts, experiments, runner_with};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Output;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::artifact::Artifacts;

/// Questions, where what they ask about was built, and where results go.
pub struct Questions {
    root: tempfile::TempDir,
    /// `None`: nothing was built, and no engine answers.
    built: Option<PathBuf>,
}

impl Questions {
    /// A copy of `experiments/`, as far as the runner reads it, about what was built.
    pub fn copy() -> Self {
        Self { built: Some(artifacts()), ..Self::copy_without_artifacts() }
    }

    /// The same where nothing was built and no engine answers: enough for what starts no subject.
    pub fn copy_without_artifacts() -> Self {
        let questions = Self::empty();
        let (from, to) = (experiments(), questions.folder());
        for folder in ["definitions", "calibration"] {
            for entry in std::fs::read_dir(from.join(folder)).unwrap() {
                let entry = entry.unwrap();
                let target = to.join(folder).join(entry.file_name());
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
        for file in ["subjects.toml", "workloads.toml"] {
            std::fs::copy(from.join(file), to.join(file)).unwrap();
        }
        std::os::unix::fs::symlink(from.join("corpus"), to.join("corpus")).unwrap();
        // Subjects name the scripts by their way out of the folder.
        let service = questions.root.path().join("service");
        std::os::unix::fs::symlink(from.join("../service"), service).unwrap();
        questions
    }

    /// Folders without any file, where nothing was built and no engine answers.
    pub fn empty() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["experiments/definitions", "experiments/calibration", "nothing-built"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let record = Artifacts {
            schema_version: SCHEMA_VERSION,
            architecture: std::env::consts::ARCH.to_owned(),
            toolchain: "none".to_owned(),
            libc: "none".to_owned(),
            artifacts: BTreeMap::new(),
            provisions: Vec::new(),
            settings: BTreeMap::new(),
        };
        let file = root.path().join("nothing-built/artifacts.json");
        std::fs::write(file, serde_json::to_vec(&record).unwrap()).unwrap();
        Self { root, built: None }
    }

    pub fn folder(&self) -> PathBuf {
        self.root.path().join("experiments")
    }

    pub fn results(&self) -> PathBuf {
        self.root.path().join("results")
    }

    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder().join(file), text).unwrap();
    }

    pub fn change(&self, file: &str, change: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.folder().join(file)).unwrap();
        self.write(file, &change(text));
    }

    /// Adds a definition with a custom service, whose files are below the definition's folder.
    pub fn add_example(&self, name: &str, text: &str, built: &[(&str, &[u8])]) {
        std::fs::create_dir_all(self.folder().join("examples/built")).unwrap();
        self.write(&format!("examples/{name}.toml"), text);
        for (file, content) in built {
            let file = self.folder().join("examples/built").join(file);
            std::fs::write(&file, content).unwrap();
            // The program among them is started.
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(file, mode).unwrap();
        }
    }

    /// Adds [`SERVICE`], or another text of its kind, with these files.
    pub fn add_service(&self, text: &str, native: &[u8], image: &[u8], module: &[u8]) {
        let built = [("mine", native), ("mine.tar", image), ("mine.wasm", module)];
        self.add_example("mine", text, &built);
        self.write("examples/upload.bin", "no image");
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let nothing = self.root.path().join("nothing-built");
        let built = self.built.as_ref().unwrap_or(&nothing);
        let mut command = runner_with(built, &self.folder(), &self.results(), arguments);
        if self.built.is_none() {
            command.envs(ENGINES.map(|variable| (variable, NO_ENGINE)));
        }
        command.output().unwrap()
    }

    pub fn refused(&self, arguments: &[&str], expected: &str) {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        // 3: the machine lacks what was requested by name.
        assert!(matches!(output.status.code(), Some(2 | 3)), "{stderr}");
        assert!(stderr.contains(expected), "{expected}: {stderr}");
        let made = std::fs::read_dir(self.results()).into_iter().flatten().count();
        assert_eq!(made, 0, "refused only after a run was begun");
    }
}

/// The service's own programs under other names stand for somebody's service.
pub const SERVICE: &str = r#"
question = "How long until my service answers?"
baseline = "mine-native"
architectures = ["host"]
[method.cold-start]
[profiles]
smoke = { invocations = 1 }
quick = { invocations = 1 }
paper = { invocations = 1 }

[subjects.mine-native]
title = "my service"
technology = "native"
boundary = "spawn to response"
isolation = "process"
start.process = { program = "{file:built/mine}", arguments = ["--listen", "{listen}"] }
size = { shipped = [{ file = "built/mine" }], runtime = [] }

[subjects.mine-docker]
title = "my image"
technology = "container"
boundary = "create to response"
isolation = "namespaces"
start.container = { image = "{file:built/mine.tar}", arguments = ["--listen", "{listen}"], network = "host" }
size = { shipped = [{ file = "built/mine.tar" }], runtime = [] }

[subjects.mine-wasm]
title = "my component"
technology = "wasm"
boundary = "spawn to response"
isolation = "sandbox"
version = ["{artifact:weighbridge-host}", "--version"]
size = { shipped = ["prepared"], runtime = [{ artifact = "weighbridge-host" }] }
[subjects.mine-wasm.prepare]
file = "mine.cwasm"
command = ["{artifact:weighbridge-host-compiler}", "compile", "{file:built/mine.wasm}", "--output", "{prepared}"]
[subjects.mine-wasm.start.process]
program = "{artifact:weighbridge-host}"
arguments = ["serve", "{prepared}", "--listen", "{listen}"]

[workloads.mine-health]
method = "GET"
path = "/healthz"
expect = { status = 200, sha256 = "2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49699a4f1df" }

[workloads.mine-upload]
method = "POST"
path = "/v1/images/transform?op=nothing"
content_type = "image/png"
body = { file = "upload.bin" }
expect = { status = 400, sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
"#;
