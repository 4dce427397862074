//! Runs for tests, made through the schema's own types and written as the runner writes them.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
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
use weighbridge_schema::manifest::{
    Availability, ExperimentEntry, Fingerprint, Manifest, Pinning, Revision, SubjectEntry,
};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::plan::{Cell, Trial};
use weighbridge_schema::record::{HistogramFile, Noise, Observation, Outcome, Stage};
use weighbridge_schema::subject::{Network, Size, Start, Subject, Technology};

/// A run in memory, before it is written.
pub struct Fixture {
    pub manifest: Manifest,
    pub observations: Vec<Observation>,
    pub histograms: BTreeMap<String, Histogram<u64>>,
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
            image: "image.tar".to_owned(),
            arguments: Vec::new(),
            network: Network::Host,
        },
        _ => Start::Process { program: name.to_owned(), arguments: Vec::new() },
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
            boundary: "posix_spawn to the last byte of the first correct response".to_owned(),
            isolation: "process, 100 % alone".to_owned(),
            wasi: (technology == Technology::Wasm).then(|| "0.2".to_owned()),
            version: Some(vec![name.to_owned(), "--version".to_owned()]),
            instantiate: None,
            start,
            twin_of: None,
            size: Size { shipped: Vec::new(), runtime: Vec::new() },
        },
        availability,
    }
}

/// Experiment, method table, workloads, parameters.
type Shape = (&'static str, &'static str, &'static [&'static str], Vec<Parameter>);

fn shapes() -> Vec<Shape> {
    let rates = "latency = { rates_per_second = { healthz = [200, 2000] }, connections = 16, warmup_ms = 1 }";
    vec![
        ("equivalence", "equivalence = {}", &[], vec![Parameter::None]),
        ("cold-start", "cold-start = {}", &["healthz", "thumbnail"], vec![Parameter::None]),
        (
            "throughput",
            "throughput = { concurrency = [1, 8], warmup_ms = 1 }",
            &["healthz", "thumbnail"],
            vec![Parameter::Concurrency(1), Parameter::Concurrency(8)],
        ),
        ("latency", rates, &["healthz"], vec![Parameter::Rate(200), Parameter::Rate(2000)]),
        (
            "memory",
            "memory = { concurrency = 8, settle_ms = 1 }",
            &["healthz"],
            vec![Parameter::Idle, Parameter::Loaded],
        ),
        ("artifact-size", "artifact-size = {}", &[], vec![Parameter::None]),
    ]
}

fn plan(invocations: u32) -> Vec<Trial> {
    let mut plan = Vec::new();
    for invocation in 0..invocations {
        for (experiment, _, workloads, parameters) in shapes() {
            let workloads: Vec<Option<&str>> = if workloads.is_empty() {
                vec![None]
            } else {
                workloads.iter().copied().map(Some).collect()
            };
            for workload in workloads {
                for &parameter in &parameters {
                    for name in SUBJECTS.iter().filter(|name| **name != "spin") {
                        plan.push(Trial {
                            experiment: experiment.parse().unwrap(),
                            cell: Cell {
                                subject: name.parse().unwrap(),
                                workload: workload.map(|w| w.parse().unwrap()),
                                architecture: "x86_64".to_owned(),
                                parameter,
                            },
                            invocation,
                        });
                    }
                }
            }
        }
    }
    plan
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
        fingerprint: Fingerprint {
            architecture: "x86_64".to_owned(),
            cpu_model: Some("Processor_9 @ 3 GHz".to_owned()),
            cores_count: Some(2),
            memory_bytes: Some(25_769_803_776),
            kernel: Some("6.1.0".to_owned()),
            ..Fingerprint::default()
        },
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
            provisions: vec![Provision {
                need: "wasm32-wasip2".to_owned(),
                provider: Some("backports".to_owned()),
                detail: "wasi-libc 27".to_owned(),
                remedy: None,
            }],
        },
        provisions: Vec::new(),
        corpus_sha256: BTreeMap::new(),
        experiments: experiments.collect(),
        subjects: SUBJECTS.iter().map(|name| (name.parse().unwrap(), subject(name))).collect(),
        plan: plan(invocations),
    }
}

/// How much slower or larger a subject is than native.
fn factor(subject: &str, start: bool) -> f64 {
    match (subject, start) {
        ("docker-scratch", true) => 180.0,
        ("wasmtime-aot", true) => 3.0,
        ("wasmtime-jit", true) => 120.0,
        ("docker-scratch", false) => 1.03,
        ("wasmtime-aot", false) => 1.6,
        ("wasmtime-jit", false) => 1.7,
        _ => 1.0,
    }
}

/// What an invocation of `trial` would have shown.
fn metrics(trial: &Trial, generator: &mut ChaCha8Rng) -> BTreeMap<Metric, u64> {
    let subject = trial.cell.subject.as_str();
    let mut noisy = |value: f64| (value * generator.random_range(0.95..1.05)) as u64;
    let cost = factor(subject, false);
    match trial.experiment.as_str() {
        "equivalence" => BTreeMap::from([(Metric::CasesSent, 34), (Metric::CasesEqual, 34)]),
        "cold-start" => {
            let time = noisy(800_000.0 * factor(subject, true));
            BTreeMap::from([(Metric::TimeToFirstResponse, time)])
        }
        "throughput" => BTreeMap::from([
            (Metric::RequestsCompleted, noisy(20_000.0 / cost)),
            (Metric::Measured, 600_000_000),
            (Metric::ServerCpu, noisy(550_000_000.0)),
        ]),
        "memory" => {
            let mut all = BTreeMap::from([
                (Metric::Pss, noisy(4e6 * cost * cost)),
                (Metric::Uss, noisy(3e6 * cost * cost)),
            ]);
            if subject == "docker-scratch" {
                all.insert(Metric::ShimPss, noisy(4.3e6));
                all.insert(Metric::CgroupPeak, noisy(5.1e6));
            }
            all
        }
        "artifact-size" => BTreeMap::from([
            (Metric::Shipped, (3.1e6 * cost) as u64),
            (Metric::ShippedGzip, (1.2e6 * cost) as u64),
            (Metric::ShippedZstd, (1.0e6 * cost) as u64),
        ]),
        _ => BTreeMap::new(),
    }
}

fn histogram(trial: &Trial, generator: &mut ChaCha8Rng) -> Option<Histogram<u64>> {
    if trial.experiment.as_str() != "latency" {
        return None;
    }
    let mut histogram = Histogram::new(3).unwrap();
    for _ in 0..200 {
        let tail: f64 = generator.random_range(0.001..1.0f64);
        let value = 120_000.0 * factor(trial.cell.subject.as_str(), false) / tail.powf(0.4);
        histogram.record(value as u64).unwrap();
    }
    Some(histogram)
}

impl Fixture {
    /// A complete run with so many invocations of every cell.
    pub fn new(invocations: u32) -> Self {
        let manifest = manifest(invocations);
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let mut histograms = BTreeMap::new();
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
                Observation {
                    schema_version: SCHEMA_VERSION,
                    run: "fixture".to_owned(),
                    position: position as u64,
                    trial,
                    subject_version: "1.2.3".to_owned(),
                    emulated: false,
                    started_at_unix_ns: 1,
                    duration_ns: 2,
                    stages_ns,
                    metrics,
                    histogram,
                    series: None,
                    repeat: 0,
                    disturbed: Vec::new(),
                    noise: Noise::default(),
                    outcome: Outcome::Ok,
                    remarks: Vec::new(),
                }
            })
            .collect();
        Self { manifest, observations, histograms }
    }

    /// The observations of one subject in one experiment.
    pub fn of(&mut self, experiment: &str, subject: &str) -> Vec<&mut Observation> {
        self.observations
            .iter_mut()
            .filter(|o| o.trial.experiment.as_str() == experiment)
            .filter(|o| o.trial.cell.subject.as_str() == subject)
            .collect()
    }

    /// The raw lines.
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
        std::fs::write(folder.join("observations.jsonl"), self.lines()).unwrap();
        for (file, histogram) in &self.histograms {
            std::fs::write(folder.join(file), interval_log(&[histogram], None)).unwrap();
        }
    }

    /// Writes the run, loads it again, and hands it to `check` with its results.
    pub fn analysed(&self, claims: &str, check: impl FnOnce(&Results<'_>)) {
        let folder = tempfile::tempdir().unwrap();
        self.write(folder.path());
        let run = load(folder.path()).unwrap();
        let claims = parse_claims("claims.toml", claims).unwrap();
        check(&analyse(&run, &claims));
    }
}

/// Seeded, silent analysis.
pub fn analyse<'a>(run: &'a Run, claims: &[Claim]) -> Results<'a> {
    weighbridge_analysis::analyse(run, claims, 42, |_| ()).unwrap()
}

/// The log that the runner writes: one interval per histogram.
pub fn interval_log(histograms: &[&Histogram<u64>], tag: Option<&str>) -> Vec<u8> {
    use hdrhistogram::serialization::interval_log::Tag;
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let builder = IntervalLogWriterBuilder::new();
    let mut writer = builder.begin_log_with(&mut bytes, &mut serializer).unwrap();
    for (place, histogram) in histograms.iter().enumerate() {
        let start = Duration::from_secs(place as u64);
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

fn stages(metrics: &BTreeMap<Metric, u64>) -> BTreeMap<Stage, u64> {
    let Some(&end) = metrics.get(&Metric::TimeToFirstResponse) else { return BTreeMap::new() };
    BTreeMap::from([
        (Stage::Spawned, end / 10),
        (Stage::Main, end / 4),
        (Stage::Listening, end / 2),
        (Stage::Connected, end / 10 * 6),
        (Stage::FirstByte, end / 10 * 9),
        (Stage::Response, end),
    ])
}
