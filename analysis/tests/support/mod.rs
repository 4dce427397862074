//! Runs for tests, made through the schema's own types and written as the runner writes them.

pub mod costs;
pub mod rendered;
mod shapes;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use shapes::{histogram, metrics, plan, shapes, stages};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;
use weighbridge_analysis::judge::{Claim, parse_claims};
use weighbridge_analysis::load::question::CellKey;
use weighbridge_analysis::load::{Run, load};
use weighbridge_analysis::results::Results;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::artifact::{Artifact, Artifacts, Provision};
use weighbridge_schema::calibration::{CalibratedEffect, Calibration};
use weighbridge_schema::line;
use weighbridge_schema::manifest::{
    Availability, ExperimentEntry, Fingerprint, Manifest, Pinning, Revision, SubjectEntry,
};
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::plan::Cell;
use weighbridge_schema::record::{HistogramFile, Noise, Observation, Outcome, SeriesFile};
use weighbridge_schema::stop::{Stop, StopReason};
use weighbridge_schema::subject::{ContainerEngine, Network, Size, Start, Subject, Technology};

/// A run in memory, before it is written.
pub struct Fixture {
    pub manifest: Manifest,
    pub observations: Vec<Observation>,
    pub histograms: BTreeMap<String, Histogram<u64>>,
    pub series: BTreeMap<String, Vec<u64>>,
    /// Not written when there is none, as by an older runner.
    pub stops: Vec<Stop>,
    pub calibration: Option<Calibration>,
}

/// Subjects of every fixture; the last one is not installed.
pub const SUBJECTS: [&str; 5] =
    ["native", "docker-scratch", "wasmtime-aot", "wasmtime-jit", "spin"];

fn subject(name: &str) -> SubjectEntry {
    let technology = match name {
        "native" => Technology::Native,
        "docker-scratch" => Technology::Container,
        _ => Technology::Wasm,
    };
    let start = match technology {
        Technology::Container => Start::Container {
            engine: ContainerEngine::Docker,
            image: "image.tar".parse().unwrap(),
            arguments: Vec::new(),
            network: Network::Host,
            port: None,
            environment: BTreeMap::new(),
        },
        _ => Start::Process {
            program: name.parse().unwrap(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
        },
    };
    let availability = if name == "spin" {
        Availability::NotInstalled {
            reason: "`spin` is not on PATH".to_owned(),
            remedy: Some("cargo xtask setup --only spin_cli".to_owned()),
        }
    } else {
        Availability::Installed { version: format!("{name} 1.2.3") }
    };
    SubjectEntry {
        definition: Subject {
            title: format!("{name} & friends"),
            technology,
            boundary: Some("posix_spawn to the last byte of the first correct response".to_owned()),
            boundary_includes: None,
            until_correct: false,
            isolation: "process, 100 % alone".to_owned(),
            wasi: (technology == Technology::Wasm).then(|| "0.2".to_owned()),
            version: Some(vec![name.parse().unwrap(), "--version".parse().unwrap()]),
            instantiate: None,
            call: None,
            start,
            twin_of: None,
            variant_of: None,
            prepare: None,
            size: Size { shipped: Vec::new(), runtime: Vec::new() },
        },
        availability,
        foreign: BTreeMap::new(),
        programs: BTreeMap::new(),
        prepared: None,
    }
}

fn manifest(invocations: u32) -> Manifest {
    let experiments = shapes().into_iter().map(|(name, method, workloads, _)| {
        let entry = ExperimentEntry {
            question: format!("What of {name}?"),
            baseline: "native".parse().unwrap(),
            subjects: SUBJECTS.iter().map(|name| name.parse().unwrap()).collect(),
            workloads: workloads.iter().map(|name| name.parse().unwrap()).collect(),
            definition_toml: format!("question = \"What?\"\n[method]\n{method}\n"),
        };
        (name.parse().unwrap(), entry)
    });
    Manifest {
        schema_version: SCHEMA_VERSION,
        run: "fixture".to_owned(),
        profile: "quick".to_owned(),
        seed: 42,
        started_at_unix_ns: 1_795_228_864_000_000_000,
        revision: Some(Revision { commit: "0123456789abcdef".to_owned(), dirty: false }),
        revision_unknown: None,
        fingerprint: Fingerprint {
            architecture: "x86_64".to_owned(),
            cpu_model: Some("Processor_9 @ 3 GHz".to_owned()),
            cores_count: Some(2),
            memory_bytes: Some(25_769_803_776),
            kernel: Some("6.1.0".to_owned()),
            ..Fingerprint::default()
        },
        machines: Default::default(),
        architectures: Vec::new(),
        emulators: Default::default(),
        fixed: false,
        budget_ms: None,
        request: None,
        foreign_artifacts: Default::default(),
        pinning: Pinning { client_cores: Some(vec![0]), subject_cores: Some(vec![1]) },
        artifacts: Artifacts {
            schema_version: SCHEMA_VERSION,
            architecture: "x86_64".to_owned(),
            toolchain: "rustc 1.95.0".to_owned(),
            libc: "musl".to_owned(),
            artifacts: BTreeMap::from([(
                "component.wasm".to_owned(),
                Artifact {
                    file: "component.wasm".to_owned(),
                    size_bytes: 1,
                    sha256: "ab".repeat(32),
                },
            )]),
            settings: BTreeMap::new(),
            provisions: vec![Provision {
                need: "wasm32-wasip2".to_owned(),
                provider: Some("backports".to_owned()),
                detail: "wasi-libc 27".to_owned(),
                remedy: None,
            }],
        },
        provisions: Vec::new(),
        limits: None,
        mixes: BTreeMap::new(),
        corpus_sha256: BTreeMap::new(),
        files_sha256: BTreeMap::new(),
        image_ids: BTreeMap::new(),
        experiments: experiments.collect(),
        subjects: SUBJECTS.iter().map(|name| (name.parse().unwrap(), subject(name))).collect(),
        plan: plan(invocations),
    }
}

impl Fixture {
    /// A complete run with so many invocations of every cell.
    pub fn new(invocations: u32) -> Self {
        let manifest = manifest(invocations);
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let (mut histograms, mut series) = (BTreeMap::new(), BTreeMap::new());
        let plan = manifest.plan.clone();
        let observations = plan
            .into_iter()
            .enumerate()
            .map(|(position, trial)| {
                let metrics = metrics(&trial, &mut generator);
                let stages_ns = stages(&metrics);
                let histogram = histogram(&trial, &mut generator).map(|histogram| {
                    let file = format!("histograms/{position}.hlog");
                    let samples_count = histogram.len();
                    histograms.insert(file.clone(), histogram);
                    HistogramFile { file, samples_count }
                });
                let durations = shapes::series(&trial, &mut generator).map(|durations| {
                    let file = format!("series/{position}.json");
                    let iterations_count = durations.len() as u64;
                    series.insert(file.clone(), durations);
                    SeriesFile { file, iterations_count }
                });
                Observation {
                    schema_version: SCHEMA_VERSION,
                    run: "fixture".to_owned(),
                    position: position as u64,
                    trial,
                    subject_version: Some("1.2.3".to_owned()),
                    machine: None,
                    emulated: false,
                    started_at_unix_ns: 1,
                    duration_ns: 2,
                    stages_ns,
                    metrics,
                    histogram,
                    series: durations,
                    raise: None,
                    storm: None,
                    isolation: None,
                    overhead: None,
                    repeat: 0,
                    disturbed: Vec::new(),
                    noise: Noise::default(),
                    outcome: Outcome::Ok,
                    remarks: Vec::new(),
                }
            })
            .collect();
        Self { manifest, observations, histograms, series, stops: Vec::new(), calibration: None }
    }

    /// The observations of one subject in one experiment.
    pub fn of(&mut self, experiment: &str, subject: &str) -> Vec<&mut Observation> {
        self.observations
            .iter_mut()
            .filter(|o| o.trial.experiment.as_str() == experiment)
            .filter(|o| o.trial.cell.subject.as_str() == subject)
            .collect()
    }

    /// The raw lines as the runner writes them, each with its check.
    pub fn checked_lines(&self) -> Vec<u8> {
        self.observations.iter().flat_map(|o| line::write(o).unwrap()).collect()
    }

    /// The raw lines without checks: what a test changes in them is then judged by what it says.
    pub fn lines(&self) -> String {
        let mut lines = String::new();
        for observation in &self.observations {
            writeln!(lines, "{}", serde_json::to_string(observation).unwrap()).unwrap();
        }
        lines
    }

    /// Writes the run into `folder`.
    pub fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder.join("histograms")).unwrap();
        std::fs::write(
            folder.join("manifest.json"),
            serde_json::to_string(&self.manifest).unwrap(),
        )
        .unwrap();
        std::fs::write(folder.join("observations.jsonl"), self.checked_lines()).unwrap();
        for (file, histogram) in &self.histograms {
            std::fs::write(folder.join(file), interval_log(&[histogram], None)).unwrap();
        }
        std::fs::create_dir_all(folder.join("series")).unwrap();
        for (file, durations) in &self.series {
            std::fs::write(folder.join(file), serde_json::to_string(durations).unwrap()).unwrap();
        }
        if !self.stops.is_empty() {
            let stops = serde_json::to_string(&self.stops).unwrap();
            std::fs::write(folder.join("stops.json"), stops).unwrap();
        }
    }

    /// Writes the run, loads it again, and hands it to `check` with its results.
    pub fn analysed(&self, claims: &str, check: impl FnOnce(&Results<'_>)) {
        let folder = tempfile::tempdir().unwrap();
        self.write(folder.path());
        let run = load(folder.path()).unwrap();
        let claims = parse_claims("claims.toml", claims).unwrap();
        check(&analyse_with(&run, &claims, self.calibration.clone()));
    }

    /// A visit that was made again: a copy of `observation` with the next number of the repetition.
    pub fn repeat(observation: &Observation) -> Observation {
        Observation { repeat: observation.repeat + 1, ..observation.clone() }
    }
}

/// Seeded, silent analysis.
pub fn analyse<'a>(run: &'a Run, claims: &[Claim]) -> Results<'a> {
    analyse_with(run, claims, None)
}

/// The same with a calibration.
pub fn analyse_with<'a>(
    run: &'a Run,
    claims: &[Claim],
    calibration: Option<Calibration>,
) -> Results<'a> {
    weighbridge_analysis::analyse(run, claims, calibration, 42, |_| ()).unwrap()
}

/// A calibration of the fixtures' machine for cold starts.
pub fn calibration(smallest_effect_percent: f64) -> Calibration {
    Calibration {
        schema_version: SCHEMA_VERSION,
        run: "equals".to_owned(),
        fingerprint: manifest(1).fingerprint,
        effects: vec![CalibratedEffect {
            experiment: "cold-start".parse().unwrap(),
            quantity: "time_to_first_response".to_owned(),
            workload: Some("healthz".parse().unwrap()),
            parameter: Parameter::None,
            invocations_per_arm_count: 20,
            comparisons_count: 400,
            false_positives_count: 21,
            expected_low_count: 12,
            expected_high_count: 29,
            smallest_effect_percent,
        }],
    }
}

/// How a cell of a fixture ended.
pub fn stop(key: &CellKey, reason: StopReason, invocations_count: u32) -> Stop {
    Stop {
        experiment: key.experiment.clone(),
        cell: key.cell.clone(),
        reason,
        invocations_count,
        half_width_percent: Some(4.2),
        target_percent: Some(5.0),
    }
}

/// The log that the runner writes: one interval per histogram.
pub fn interval_log(histograms: &[&Histogram<u64>], tag: Option<&str>) -> Vec<u8> {
    use hdrhistogram::serialization::interval_log::Tag;
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let builder = IntervalLogWriterBuilder::new();
    let mut writer = builder.begin_log_with(&mut bytes, &mut serializer).unwrap();
    for (index, histogram) in histograms.iter().enumerate() {
        let start = Duration::from_secs(index as u64);
        let tag = tag.and_then(Tag::new);
        writer.write_histogram(*histogram, start, Duration::from_secs(1), tag).unwrap();
    }
    bytes
}

/// A cell of a fixture, by its names.
pub fn key(experiment: &str, subject: &str, workload: Option<&str>, parameter: &str) -> CellKey {
    CellKey {
        experiment: experiment.parse().unwrap(),
        cell: Cell {
            subject: subject.parse().unwrap(),
            workload: workload.map(|name| name.parse().unwrap()),
            architecture: "x86_64".to_owned(),
            parameter: parameter.parse().unwrap(),
        },
    }
}
