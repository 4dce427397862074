//! Tests of the run's folder: nothing is lost, nothing is overwritten.

use super::*;
use crate::run::fixture;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::record::Noise;

fn manifest() -> Manifest {
    fixture::manifest((0..3).map(trial).collect())
}

fn trial(invocation: u32) -> Trial {
    Trial {
        experiment: "cold-start".parse().unwrap(),
        cell: Cell {
            subject: "native".parse().unwrap(),
            workload: None,
            architecture: "x86_64".to_owned(),
            parameter: Parameter::None,
        },
        invocation,
    }
}

fn observation(invocation: u32) -> Observation {
    Observation {
        schema_version: SCHEMA_VERSION,
        run: "r".to_owned(),
        position: u64::from(invocation),
        trial: trial(invocation),
        subject_version: Some("1".to_owned()),
        machine: None,
        emulated: false,
        started_at_unix_ns: 1,
        duration_ns: 1,
        stages_ns: Default::default(),
        metrics: Default::default(),
        histogram: None,
        series: None,
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
}

#[test]
fn a_torn_last_line_is_removed_and_its_trial_repeated() {
    let results = tempfile::tempdir().unwrap();
    let mut store = Store::create(results.path(), &manifest()).unwrap();
    store.append(observation(0)).unwrap();
    store.append(observation(1)).unwrap();
    drop(store);
    let file = results.path().join("r.partial/observations.jsonl");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 10]).unwrap();

    let (mut store, read) = Store::resume(results.path(), "r").unwrap();
    assert_eq!(read, manifest());
    assert_eq!(store.done, BTreeSet::from([trial(0)]));
    store.append(observation(1)).unwrap();
    store.append(observation(2)).unwrap();
    let folder = store.finish().unwrap();
    let text = fs::read_to_string(folder.join("observations.jsonl")).unwrap();
    let trials: Vec<Trial> =
        text.lines().map(|line| line::read(line.as_bytes()).unwrap().observation.trial).collect();
    assert_eq!(trials, [trial(0), trial(1), trial(2)]);
}

#[test]
fn damage_before_the_last_line_is_named_and_nothing_is_removed() {
    let results = tempfile::tempdir().unwrap();
    drop(Store::create(results.path(), &manifest()).unwrap());
    let file = results.path().join("r.partial/observations.jsonl");
    fs::write(&file, "nonsense\n{}\n").unwrap();
    let error = format!("{:#}", Store::resume(results.path(), "r").unwrap_err());
    assert!(error.contains("observations.jsonl:1"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "nonsense\n{}\n");
}

#[test]
fn what_a_crash_of_the_machine_leaves_is_removed_and_a_changed_line_is_named() {
    let results = tempfile::tempdir().unwrap();
    let mut store = Store::create(results.path(), &manifest()).unwrap();
    store.append(observation(0)).unwrap();
    drop(store);
    let file = results.path().join("r.partial/observations.jsonl");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, [&whole[..], &[0; 4096]].concat()).unwrap();
    let (store, _) = Store::resume(results.path(), "r").unwrap();
    assert_eq!(store.done, BTreeSet::from([trial(0)]));
    assert_eq!(fs::read(&file).unwrap(), whole);
    drop(store);
    let changed =
        String::from_utf8(whole).unwrap().replacen("\"duration_ns\":1", "\"duration_ns\":9", 1);
    fs::write(&file, changed).unwrap();
    let error = format!("{:#}", Store::resume(results.path(), "r").unwrap_err());
    assert!(error.contains("observations.jsonl:1: changed since it was written"), "{error}");
}

#[test]
fn a_run_is_never_overwritten() {
    let results = tempfile::tempdir().unwrap();
    let store = Store::create(results.path(), &manifest()).unwrap();
    assert!(Store::create(results.path(), &manifest()).is_err());
    store.finish().unwrap();
    assert!(Store::create(results.path(), &manifest()).is_err());
    let error = Store::resume(results.path(), "r").unwrap_err().to_string();
    assert!(error.contains("complete"), "{error}");
}

#[test]
fn an_unknown_run_cannot_be_resumed() {
    let results = tempfile::tempdir().unwrap();
    let error = format!("{:#}", Store::resume(results.path(), "x").unwrap_err());
    assert!(error.contains("no unfinished run `x`"), "{error}");
}

#[test]
fn only_the_last_visit_tells_whether_a_trial_is_disturbed() {
    let results = tempfile::tempdir().unwrap();
    let mut store = Store::create(results.path(), &manifest()).unwrap();
    let with = |invocation: u32, repeat: u32, disturbed: bool| Observation {
        repeat,
        disturbed: disturbed.then(|| "steal".to_owned()).into_iter().collect(),
        duration_ns: 10,
        ..observation(invocation)
    };
    for (invocation, disturbed) in [(0, true), (1, true), (2, false)] {
        store.append(with(invocation, 0, disturbed)).unwrap();
    }
    assert_eq!(store.disturbed(), [&trial(0), &trial(1)].into());
    store.append(with(0, 1, false)).unwrap();
    store.append(with(1, 1, true)).unwrap();
    assert_eq!(store.disturbed(), [&trial(1)].into());
    assert_eq!((store.planned_ns(), store.measured_ns()), (30, 50));

    // A run that goes on elsewhere knows the same.
    drop(store);
    let (store, _) = Store::resume(results.path(), "r").unwrap();
    assert_eq!(store.disturbed(), [&trial(1)].into());
    assert_eq!(store.measured_ns(), 50);
}

#[test]
fn noise_is_usual_only_of_undisturbed_visits() {
    let results = tempfile::tempdir().unwrap();
    let mut store = Store::create(results.path(), &manifest()).unwrap();
    for (invocation, pressure_ns, disturbed) in [(0, 10, false), (1, 90, true), (2, 30, false)] {
        store
            .append(Observation {
                duration_ns: 100,
                noise: Noise { cpu_pressure_some_ns: Some(pressure_ns), ..Noise::default() },
                disturbed: if disturbed { vec!["x".to_owned()] } else { Vec::new() },
                ..observation(invocation)
            })
            .unwrap();
    }
    assert_eq!(store.usual(&trial(9)).unwrap().pressure_percent, [10.0, 30.0]);
    assert!(
        store.usual(&trial(9)).unwrap().steal_percent.is_empty(),
        "what was not read is unknown"
    );
}

#[test]
fn what_failed_for_the_machines_sake_is_visited_again_on_resume_and_nothing_else() {
    let results = tempfile::tempdir().unwrap();
    let mut store = Store::create(results.path(), &manifest()).unwrap();
    let failed = |invocation: u32, reason: &str| {
        let outcome = Outcome::Failed { stage: "start".to_owned(), reason: reason.to_owned() };
        Observation { outcome, ..observation(invocation) }
    };
    store.append(failed(0, "answered 404")).unwrap();
    let gone = "create container x: Error in the hyper legacy client: client error (Connect)";
    store.append(failed(1, gone)).unwrap();
    store.append(observation(2)).unwrap();
    assert_eq!(store.failed_count(), 2);
    drop(store);

    let (mut store, _) = Store::resume(results.path(), "r").unwrap();
    assert_eq!(store.done, [trial(0), trial(2)].into());
    assert_eq!((store.visits_count(&trial(1)), store.visits_count(&trial(2))), (1, 1));
    store.append(Observation { repeat: 1, ..observation(1) }).unwrap();
    assert_eq!(store.failed_count(), 1);
    assert_eq!(store.done.len(), 3);
}

#[test]
fn a_run_that_never_had_a_plan_gives_its_name_back() {
    let results = tempfile::tempdir().unwrap();
    // As an earlier version left it, on a full disk.
    fs::create_dir_all(results.path().join("r.partial/histograms")).unwrap();
    // As this one does, when it is killed.
    fs::create_dir_all(results.path().join("r.begun/series")).unwrap();
    let error = Store::resume(results.path(), "q").unwrap_err().to_string();
    assert!(
        error.contains("no unfinished run `q`") && error.ends_with("there are: none"),
        "{error}"
    );
    drop(Store::create(results.path(), &manifest()).unwrap());
    assert!(!results.path().join("r.begun").exists());
    let error = Store::resume(results.path(), "q").unwrap_err().to_string();
    assert!(error.ends_with("there are: r"), "{error}");
    assert!(Store::create(results.path(), &manifest()).is_err(), "it has a plan now");
}

#[test]
fn a_disk_that_is_full_before_the_plan_is_written_leaves_the_name_free() {
    let results = tempfile::tempdir().unwrap();
    let folder = results.path().join("r.begun");
    // The same failure without a full disk: something else is where the manifest is to be written.
    fs::create_dir_all(&folder).unwrap();
    let made = begin_and_name(&folder, &results.path().join("r.partial"), |_| {
        anyhow::bail!("No space left on device (os error 28)")
    });
    assert!(made.is_err());
    assert_eq!(fs::read_dir(results.path()).unwrap().count(), 0);
    assert!(Store::create(results.path(), &manifest()).is_ok());
}
