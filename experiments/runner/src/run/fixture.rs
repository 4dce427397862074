//! A small question for tests, with its manifest and plan: subjects that exist nowhere, `base`, `one` and `two`.

use crate::plan::order;
use crate::plan::planned::{self, Planned};
use crate::run::announce::{Announcer, Style};
use crate::run::fake_lab::FakeLab;
use crate::run::session::{End, Session};
use crate::run::store::Store;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::artifact::Artifacts;
use weighbridge_schema::claim::Claim;
use weighbridge_schema::definition::{Definition, Profile};
use weighbridge_schema::manifest::{Availability, Fingerprint, Manifest, Pinning, SubjectEntry};
use weighbridge_schema::name::ExperimentName;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::subject::{Subjects, parse_subjects};
use weighbridge_schema::workload::parse_workloads;

/// The profile that [`Question::new`] sets.
pub const PROFILE: Profile = Profile::Paper;

/// Experiment `e`: cold starts of three subjects with the workloads `v` and `w`. Its noise limit is 10 points of CPU
/// pressure, its precision 5 %.
pub struct Question {
    /// Every subject.
    pub subjects: Subjects,
    /// The one definition.
    pub definitions: BTreeMap<ExperimentName, Definition>,
    /// Of run `r`.
    pub manifest: Manifest,
}

impl Question {
    /// With so many invocations of each cell, and so many at most.
    pub fn new(invocations: u32, most: u32) -> Self {
        let subject = |name: &str| {
            format!(
                "[subjects.{name}]\ntitle = \"t\"\ntechnology = \"native\"\nboundary = \"b\"\nisolation = \"i\"\n\
                 version = [\"x\"]\nstart.process = {{ program = \"x\", arguments = [] }}\n\
                 size = {{ shipped = [], runtime = [] }}\n"
            )
        };
        let subjects = parse_subjects("s", &["base", "one", "two"].map(subject).concat()).unwrap();
        let workload = |name: &str| {
            format!(
                "[workloads.{name}]\nmethod = \"GET\"\npath = \"/\"\nexpect = {{ status = 200, sha256 = \"{}\" }}\n",
                "0".repeat(64)
            )
        };
        let workloads = parse_workloads("w", &["v", "w"].map(workload).concat()).unwrap();
        let most_key =
            if most > invocations { format!(", invocations_max = {most}") } else { String::new() };
        let text = format!(
            r#"
question = "q"
baseline = "base"
subjects = ["base", "one", "two"]
workloads = ["v", "w"]
architectures = ["host"]
precision_percent = 5
[method.cold-start]
[noise]
pressure_percent = 10
[profiles]
smoke = {{ invocations = 1 }}
quick = {{ invocations = 1 }}
paper = {{ invocations = {invocations}{most_key} }}
"#
        );
        let experiment: ExperimentName = "e".parse().unwrap();
        let definition =
            Definition::parse("d", experiment.clone(), &text, &subjects, &workloads).unwrap();
        let mut manifest =
            manifest(order::shuffle(definition.trials(PROFILE, "x86_64", 0..most), 1));
        let entry = |(name, definition): (&_, &_)| {
            (
                Clone::clone(name),
                SubjectEntry {
                    definition: Clone::clone(definition),
                    availability: Availability::Installed { version: format!("{name} 1.0") },
                    foreign: BTreeMap::new(),
                    programs: BTreeMap::new(),
                    prepared: None,
                },
            )
        };
        manifest.subjects = subjects.iter().map(entry).collect();
        let definitions = BTreeMap::from([(experiment, definition)]);
        Self { subjects, definitions, manifest }
    }

    /// The plan, ready to be visited.
    pub fn plan(&self) -> Vec<Planned<'_>> {
        planned::resolve(&self.manifest, &self.definitions, PROFILE).unwrap()
    }
}

/// The manifest of run `r` with nothing in it but its plan.
pub fn manifest(plan: Vec<Trial>) -> Manifest {
    Manifest {
        schema_version: SCHEMA_VERSION,
        run: "r".to_owned(),
        profile: PROFILE.to_string(),
        seed: 1,
        started_at_unix_ns: 1,
        revision: None,
        revision_unknown: None,
        fingerprint: Fingerprint::default(),
        machines: BTreeMap::new(),
        architectures: Vec::new(),
        emulators: BTreeMap::new(),
        fixed: false,
        budget_ms: None,
        request: None,
        foreign_artifacts: BTreeMap::new(),
        pinning: Pinning::default(),
        artifacts: Artifacts {
            schema_version: SCHEMA_VERSION,
            architecture: "x86_64".to_owned(),
            toolchain: "rustc".to_owned(),
            libc: "musl".to_owned(),
            artifacts: BTreeMap::new(),
            provisions: Vec::new(),
            settings: BTreeMap::new(),
        },
        provisions: Vec::new(),
        limits: None,
        mixes: BTreeMap::new(),
        corpus_sha256: BTreeMap::new(),
        files_sha256: BTreeMap::new(),
        image_ids: BTreeMap::new(),
        experiments: BTreeMap::new(),
        subjects: BTreeMap::new(),
        plan,
    }
}

/// Runs a session about `question` in `lab`. Returns how it ended and what it said. A budget is seconds, and the claims
/// that they are spent on.
pub fn go(
    question: &Question,
    lab: &FakeLab,
    store: &mut Store,
    budget: Option<(u64, &[Claim])>,
) -> (End, String) {
    let plan = question.plan();
    let session = Session {
        lab,
        manifest: &question.manifest,
        plan: &plan,
        definitions: &question.definitions,
        subjects: &question.subjects,
        profile: PROFILE,
        claims: budget.map_or(&[], |(_, claims)| claims),
        budget: budget.map(|(seconds, _)| Duration::from_secs(seconds)),
    };
    let heard = Heard::default();
    let end = session.run(store, &mut heard.announcer()).unwrap();
    (end, heard.text())
}

/// What an announcer has written.
#[derive(Clone, Default)]
pub struct Heard(Rc<RefCell<Vec<u8>>>);

impl Heard {
    /// One that writes here.
    pub fn announcer(&self) -> Announcer {
        Announcer::to(Style::Plain, Box::new(self.clone()))
    }

    /// Its lines so far.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
