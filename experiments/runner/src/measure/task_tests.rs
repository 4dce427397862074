//! Tests of what is looked up before the first visit.

use super::*;
use crate::plan::planned;
use crate::run::fixture::{PROFILE, manifest};
use std::path::Path;
use weighbridge_schema::manifest::{Availability, ExperimentEntry, SubjectEntry};
use weighbridge_schema::name::ExperimentName;
use weighbridge_schema::plan::{Cell, Trial};
use weighbridge_schema::start::Start;

const SUBJECT: &str = r#"
[subjects.one]
title = "t"
technology = "native"
boundary = "b"
isolation = "i"
version = ["x"]
start.process = { program = "x", arguments = [] }
size = { shipped = [], runtime = [] }
"#;
const DEFINITION: &str = r#"
question = "q"
baseline = "one"
subjects = ["one"]
workloads = ["v"]
architectures = ["host"]
[method.cold-start]
[profiles]
smoke = { invocations = 1 }
quick = { invocations = 1 }
paper = { invocations = 2 }
"#;

/// A checkout with one subject, one workload and the cold start of it; nothing was built but an empty folder.
struct Checkout {
    catalog: Catalog,
    built: Built,
    engines: Engines,
    manifest: Manifest,
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

impl Checkout {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let workload = format!(
            "[workloads.v]\nmethod = \"GET\"\npath = \"/\"\nexpect = {{ status = 200, sha256 = \"{}\" }}\n",
            "0".repeat(64)
        );
        write(&folder.path().join("subjects.toml"), SUBJECT);
        write(&folder.path().join("workloads.toml"), &workload);
        write(&folder.path().join("definitions/e.toml"), DEFINITION);
        std::fs::create_dir(folder.path().join("calibration")).unwrap();
        let catalog = Catalog::read(folder.path()).unwrap();

        let mut record = Artifacts::bare(folder.path()).record;
        std::env::consts::ARCH.clone_into(&mut record.architecture);
        let artifacts = folder.path().join("artifacts");
        write(&artifacts.join("artifacts.json"), &serde_json::to_string(&record).unwrap());
        let built = Built::read(&artifacts, &[]).unwrap();

        let experiment: ExperimentName = "e".parse().unwrap();
        let definition = &catalog.definitions[&experiment];
        let plan = definition.trials(PROFILE, std::env::consts::ARCH, 0..2);
        let mut manifest = manifest(plan);
        let entry = ExperimentEntry {
            question: definition.question.clone(),
            baseline: definition.baseline.clone(),
            subjects: definition.subjects.clone(),
            workloads: definition.workloads.clone(),
            definition_toml: DEFINITION.to_owned(),
        };
        manifest.experiments = BTreeMap::from([(experiment, entry)]);
        let installed = |(name, subject): (&_, &Subject)| {
            let availability = Availability::Installed { version: "1.0".to_owned() };
            let entry = SubjectEntry {
                definition: subject.clone(),
                availability,
                foreign: BTreeMap::new(),
                programs: BTreeMap::new(),
                prepared: None,
            };
            (Clone::clone(name), entry)
        };
        manifest.subjects = catalog.subjects.iter().map(installed).collect();
        Self { catalog, built, engines: Engines::plan(&[]), manifest }
    }

    /// Why no job can be made of the first trial when its cell is changed so.
    fn refuses(&self, change: impl FnOnce(&mut Cell)) -> String {
        let mut trial: Trial = self.manifest.plan[0].clone();
        change(&mut trial.cell);
        let definition = &self.catalog.definitions[&trial.experiment];
        let settings = definition.settings(PROFILE);
        let planned =
            Planned { position: 0, trial: &trial, definition, settings, subject_version: None };
        format!("{:#}", jobs(self.inventory(), &[planned]).err().unwrap())
    }

    fn inventory(&self) -> Inventory<'_> {
        let Self { catalog, built, engines, manifest } = self;
        Inventory { catalog, built, engines, manifest }
    }
}

#[test]
fn each_trial_has_its_job_and_those_of_one_cell_share_it() {
    let checkout = Checkout::new();
    let plan = planned::resolve(&checkout.manifest, &checkout.catalog.definitions, PROFILE);
    let jobs = jobs(checkout.inventory(), &plan.unwrap()).unwrap();
    assert_eq!(jobs.len(), 2);
    assert!(Rc::ptr_eq(&jobs[0], &jobs[1]), "two invocations of one cell");
    assert!(matches!(jobs[0].task, Task::ColdStart { .. }));
    assert!(jobs[0].warms_with.is_some() && jobs[0].is_native && jobs[0].emulator.is_none());
}

#[test]
fn a_trial_that_cannot_be_made_is_an_error_that_names_its_cell() {
    let checkout = Checkout::new();
    let gone = checkout.refuses(|cell| cell.subject = "gone".parse().unwrap());
    let expected = "gone v of e cannot be measured: no subject `gone`: experiments/subjects.toml no longer holds it";
    assert_eq!(gone, expected);
    let foreign = checkout.refuses(|cell| "mips".clone_into(&mut cell.architecture));
    let expected =
        "one v of e cannot be measured: nothing was built for mips: cargo xtask build --arch mips";
    assert_eq!(foreign, expected);
    let unknown = checkout.refuses(|cell| cell.workload = Some("w".parse().unwrap()));
    assert_eq!(unknown, "one w of e cannot be measured: workload `w` is no request of this run");
    let none = checkout.refuses(|cell| cell.workload = None);
    assert_eq!(none, "one of e cannot be measured: it has no workload");
}

/// What serves many tenants in one process is asked for the first of them, whose file is there, whatever the method.
#[test]
fn a_host_of_many_tenants_is_asked_for_the_first_of_them() {
    let mut checkout = Checkout::new();
    let folder = tempfile::tempdir().unwrap();
    let mut artifacts = Artifacts::bare(folder.path());
    std::env::consts::ARCH.clone_into(&mut artifacts.record.architecture);
    artifacts.add("a.cwasm", "compiled");
    let tenant = artifacts.tenants_folder("a.cwasm").unwrap().join("t00000.cwasm");
    checkout.built.local = artifacts;
    for subject in checkout.catalog.subjects.values_mut() {
        let Start::Process { arguments, .. } = &mut subject.start else { panic!("a process") };
        arguments.push("{tenants:a.cwasm}".parse().unwrap());
    }
    let plan = planned::resolve(&checkout.manifest, &checkout.catalog.definitions, PROFILE);
    let jobs = jobs(checkout.inventory(), &plan.unwrap()).unwrap();
    let asked = &jobs[0].warms_with.as_ref().unwrap().bytes;
    assert!(asked.starts_with(b"GET /t/t00000/ HTTP/1.1"), "{}", asked.escape_ascii());
    assert!(tenant.is_file());
}
