//! Bytes shipped per service and bytes that must already be on the machine.

use super::{Bench, Job, Measured, Visit};
use crate::failure::{Cause, Failure, Phase};
use crate::inventory::programs;
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::subject::Part;

/// Compression levels as registries and release pages use them.
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 19;

/// Weighs what the subject ships: as it lies on disk, after gzip and after zstd, and with its runtime.
///
/// # Errors
/// A shipped artifact is missing. A runtime that cannot be found leaves its metrics unknown.
pub fn measure(bench: &Bench<'_>, visit: &Visit<'_>) -> Result<Measured, Failure> {
    let subject = bench.job.subject;
    let mut measured = Measured::default();
    let mut shipped = Vec::new();
    for part in &subject.size.shipped {
        for path in locate(bench, visit, part).map_err(Failure::at(Phase::Shipped))? {
            let bytes = std::fs::read(&path).map_err(|error| {
                Failure::new(Phase::Shipped, Cause::io(format!("read {}", path.display()), error))
            })?;
            shipped.extend_from_slice(&bytes);
        }
    }
    let shipped_bytes = shipped.len() as u64;
    measured.set(Metric::Shipped, Some(shipped_bytes));
    let gzip = gzip_bytes(&shipped).map_err(Failure::at(Phase::Gzip))?;
    measured.set(Metric::ShippedGzip, Some(gzip));
    let zstd = zstd_bytes(&shipped).map_err(Failure::at(Phase::Zstd))?;
    measured.set(Metric::ShippedZstd, Some(zstd));

    // Of images that others have written nothing is known but their size.
    if let Some((_, image)) = subject.start.container()
        && let Some(name) = image.artifact()
        && let Ok(ours) = bench.job.artifacts.path(name)
    {
        let layers = crate::image::layer_bytes(&ours).map_err(Failure::at(Phase::Layers))?;
        // FROM scratch there is none below: a known zero.
        measured.set(Metric::ServiceLayer, layers.last().copied());
        measured.set(Metric::BaseLayers, Some(layers.iter().rev().skip(1).sum()));
    }
    let mut runtime_bytes = Some(0);
    for part in &subject.size.runtime {
        match locate(bench, visit, part).and_then(|paths| size(&paths)) {
            Ok(bytes) => runtime_bytes = runtime_bytes.map(|sum| sum + bytes),
            Err(why) => {
                runtime_bytes = None;
                measured.remarks.push(why.to_string());
            }
        }
    }
    // No runtime at all is a fact of a native binary, and a known zero.
    measured.set(Metric::Runtime, runtime_bytes);
    measured.set(Metric::WithRuntime, runtime_bytes.map(|bytes| bytes + shipped_bytes));
    Ok(measured)
}

/// The files of a part: several where a program came with its libraries.
fn locate(bench: &Bench<'_>, visit: &Visit<'_>, part: &Part) -> Result<Vec<PathBuf>, Cause> {
    let Job { artifacts, is_native, engine, .. } = bench.job;
    let subject = &visit.trial.cell.subject;
    match part {
        Part::Artifact(name) => Ok(vec![artifacts.path(name)?]),
        Part::File(path) => Ok(vec![artifacts.custom_file(path)?.path.clone()]),
        Part::Prepared => match artifacts.prepared(subject)? {
            Some(prepared) => Ok(vec![prepared.path.clone()]),
            None => Err(format!("nothing was prepared for {subject}").into()),
        },
        Part::OciRuntime => match engine.and_then(|engine| engine.oci_runtime.as_ref()) {
            Some(name) if *is_native => on_path(name),
            _ => {
                Err(format!("which OCI runtime the engine of {subject} uses is not known here")
                    .into())
            }
        },
        Part::Program(name) if !is_native => Err(format!(
            "{name} of another architecture is not on this machine; its size is not known"
        )
        .into()),
        // Its libraries are those of all that lie beside it, and count once.
        Part::Program(name) => match name.split_once('/') {
            Some((program, beside)) => Ok(vec![artifacts.program(program)?.path(Some(beside))]),
            // One that set-up has installed for us goes before one that happens to be on PATH.
            None => match artifacts.program(name) {
                Ok(found) => Ok([std::slice::from_ref(&found.file), &found.libraries].concat()),
                Err(_) => on_path(name),
            },
        },
    }
}

fn on_path(name: &str) -> Result<Vec<PathBuf>, Cause> {
    let found = programs::find(name).map(|path| vec![path]);
    found.ok_or_else(|| format!("{name} is not on PATH; its size is not known").into())
}

fn size(paths: &[PathBuf]) -> Result<u64, Cause> {
    paths.iter().try_fold(0, |sum, path| match std::fs::metadata(path) {
        Ok(metadata) => Ok(sum + metadata.len()),
        Err(error) => Err(Cause::io(format!("size of {}", path.display()), error)),
    })
}

/// How long the bytes are after gzip.
pub(super) fn gzip_bytes(bytes: &[u8]) -> Result<u64> {
    let mut encoder =
        flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL));
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len() as u64)
}

fn zstd_bytes(bytes: &[u8]) -> Result<u64> {
    Ok(zstd::encode_all(bytes, ZSTD_LEVEL)?.len() as u64)
}
