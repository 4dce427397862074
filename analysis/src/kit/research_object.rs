//! The research object: RO-Crate 1.1 by the profile Provenance Run Crate 0.5
//! (<https://w3id.org/ro/wfrun/provenance/0.5>), made from the manifest. The workflow is the kit's
//! script; each experiment is a step of it, a run of the runner, and an action with its times.

use super::{File, RESEARCH_OBJECT, moment, visits};
use crate::results::Results;
use anyhow::{Context, Result};
use serde_json::{Value, json};

const CONTEXT: &str = "https://w3id.org/ro/crate/1.1/context";
/// A term that the context of RO-Crate 1.1 lacks.
const SHA256_TERM: &str = "https://w3id.org/ro/terms/workflow-run#sha256";
const SCRIPT: &str = "weighbridge";
const RUNNER: &str = "weighbridge-runner";
const PROFILES: [(&str, &str); 4] = [
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate"),
    ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate"),
];
/// Of the raw logs; what the programs are under stands beside each of them.
const DATA_LICENCE: &str = "https://creativecommons.org/licenses/by/4.0/";
const AUTHORS: &str = "#authors";
const ENGINE: &str = "#shell";

/// The JSON text; `files` are those of the kit.
///
/// # Errors
/// A moment of the raw log that is none.
pub fn render(results: &Results<'_>, files: &[File]) -> Result<String> {
    let mut graph = vec![descriptor(), root(results, files)?];
    graph.extend(PROFILES.map(profile));
    graph.extend(people_and_licence());
    graph.extend(files.iter().map(|file| data(results, file)));
    graph.extend(steps(results)?);
    let object = json!({ "@context": [CONTEXT, { "sha256": SHA256_TERM }], "@graph": graph });
    serde_json::to_string_pretty(&object)
        .map(|text| text + "\n")
        .context("write the research object")
}

fn id(id: &str) -> Value {
    json!({ "@id": id })
}

fn ids<'a>(of: impl Iterator<Item = &'a str>) -> Value {
    of.map(id).collect()
}

fn descriptor() -> Value {
    json!({
        "@id": RESEARCH_OBJECT,
        "@type": "CreativeWork",
        "about": id("./"),
        "conformsTo": [
            id("https://w3id.org/ro/crate/1.1"),
            id("https://w3id.org/workflowhub/workflow-ro-crate/1.0"),
        ],
    })
}

fn root(results: &Results<'_>, files: &[File]) -> Result<Value> {
    let run = &results.run.manifest.run;
    let actions: Vec<String> = visits(results).keys().map(|name| action(name.as_str())).collect();
    let mentioned =
        ["#run", "#orchestration"].into_iter().chain(actions.iter().map(String::as_str));
    Ok(json!({
        "@id": "./",
        "@type": "Dataset",
        "name": format!("Weighbridge: the run {run}"),
        "description": "Raw logs, programs, definitions, claims and paper of a comparison of \
            WebAssembly and containers as the home of a small backend service.",
        "datePublished": moment(results.run.manifest.started_at_unix_ns)?,
        "license": id(DATA_LICENCE),
        "author": id(AUTHORS),
        "conformsTo": ids(PROFILES.iter().map(|(uri, _)| *uri)),
        "mainEntity": id(SCRIPT),
        "hasPart": ids(files.iter().map(|file| file.path.as_str())),
        "mentions": ids(mentioned),
    }))
}

fn profile((uri, name): (&str, &str)) -> Value {
    let version = uri.rsplit('/').next();
    json!({ "@id": uri, "@type": "CreativeWork", "name": name, "version": version })
}

fn people_and_licence() -> [Value; 4] {
    [
        json!({ "@id": AUTHORS, "@type": "Organization", "name": "The Weighbridge authors" }),
        json!({
            "@id": DATA_LICENCE,
            "@type": "CreativeWork",
            "name": "Creative Commons Attribution 4.0 International",
            "description": "Use it for anything, and name its source.",
        }),
        json!({
            "@id": "#sh",
            "@type": "ComputerLanguage",
            "name": "POSIX shell",
            "url": "https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html",
        }),
        json!({
            "@id": ENGINE,
            "@type": "SoftwareApplication",
            "name": "the shell of the machine that measured",
        }),
    ]
}

fn data(results: &Results<'_>, file: &File) -> Value {
    let mut entity = json!({
        "@id": file.path,
        "@type": "File",
        "name": file.path,
        "contentSize": file.size_bytes.to_string(),
        "sha256": file.sha256,
    });
    let version = || results.run.manifest.revision.as_ref().map(|revision| revision.commit.clone());
    match file.path.as_str() {
        SCRIPT => {
            entity["@type"] =
                json!(["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]);
            entity["name"] = json!("Weighbridge, from a kit");
            entity["programmingLanguage"] = id("#sh");
            entity["hasPart"] = ids([RUNNER].into_iter());
            let names: Vec<String> =
                visits(results).keys().map(|name| step(name.as_str())).collect();
            entity["step"] = ids(names.iter().map(String::as_str));
        }
        RUNNER => {
            entity["@type"] = json!(["File", "SoftwareApplication"]);
            entity["softwareVersion"] = json!(version());
        }
        _ => {}
    }
    entity
}

fn step(experiment: &str) -> String {
    format!("#step/{experiment}")
}

fn action(experiment: &str) -> String {
    format!("#action/{experiment}")
}

fn control(experiment: &str) -> String {
    format!("#control/{experiment}")
}

/// The steps, the actions that carried them out, and the one that they make together.
fn steps(results: &Results<'_>) -> Result<Vec<Value>> {
    let log = format!("data/{}/observations.jsonl", results.run.manifest.run);
    let all = visits(results);
    let mut entities = Vec::new();
    let (mut first, mut last) = (u64::MAX, 0);
    for (index, (name, visits)) in all.iter().enumerate() {
        let name = name.as_str();
        (first, last) = (first.min(visits.began_unix_ns), last.max(visits.ended_unix_ns));
        let question = results.run.manifest.experiments.iter().find(|(of, _)| of.as_str() == name);
        entities.push(json!({
            "@id": step(name),
            "@type": "HowToStep",
            "name": name,
            "description": question.map(|(_, entry)| entry.question.clone()),
            "position": (index + 1).to_string(),
            "workExample": id(RUNNER),
        }));
        entities.push(json!({
            "@id": control(name),
            "@type": "ControlAction",
            "name": format!("orchestrate {name}"),
            "instrument": id(&step(name)),
            "object": id(&action(name)),
        }));
        entities.push(json!({
            "@id": action(name),
            "@type": "CreateAction",
            "name": format!("{name}: {} visits, {} failed", visits.count, visits.failed_count),
            "instrument": id(RUNNER),
            "agent": id(AUTHORS),
            "object": ids(["claims.toml"].into_iter()),
            "result": ids([log.as_str()].into_iter()),
            "startTime": moment(visits.began_unix_ns)?,
            "endTime": moment(visits.ended_unix_ns)?,
            "actionStatus": "http://schema.org/CompletedActionStatus",
        }));
    }
    let (first, last) = (moment(if all.is_empty() { 0 } else { first })?, moment(last)?);
    let controls: Vec<String> = all.keys().map(|name| control(name.as_str())).collect();
    entities.push(json!({
        "@id": "#run",
        "@type": "CreateAction",
        "name": format!("the run {}", results.run.manifest.run),
        "instrument": id(SCRIPT),
        "agent": id(AUTHORS),
        "result": ids([log.as_str()].into_iter()),
        "startTime": first,
        "endTime": last,
    }));
    entities.push(json!({
        "@id": "#orchestration",
        "@type": "OrganizeAction",
        "name": "all experiments in interleaved order",
        "instrument": id(ENGINE),
        "agent": id(AUTHORS),
        "object": ids(controls.iter().map(String::as_str)),
        "result": id("#run"),
        "startTime": first,
        "endTime": last,
    }));
    Ok(entities)
}
