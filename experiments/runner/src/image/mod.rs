//! A container image, FROM scratch or on a root file system, written as a deterministic archive: the same binary on the
//! same root gives the same bytes and so the same image id, on any machine and at any time.
//!
//! The archive is at once an OCI image layout (index.json, blobs/) and a Docker archive (manifest.json),
//! so that old and new engines load it.

mod archive;
mod root;

use anyhow::{Context, Result};
use archive::Archive;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// Path of the program within the image, and within the root file system of a bundle.
pub const ENTRY_POINT: &str = "weighbridge-native";
/// nobody, user and group alike: the service needs no rights.
pub const USER_ID: u32 = 65534;
/// A fixed creation time; the archive's entries carry it too (as 0).
const CREATED: &str = "1970-01-01T00:00:00Z";

/// Name of our images in an engine; the tag is the beginning of the image id.
pub const REPOSITORY: &str = "weighbridge/service";

/// What identifies a written image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Digest of the configuration, which engines call the image id: `sha256:...`.
    pub id: String,
    /// `weighbridge/service:<first digits of the id>`.
    pub reference: String,
}

fn digest(bytes: &[u8]) -> String {
    crate::inventory::digest::hex(&Sha256::digest(bytes))
}

/// Writes the image of `binary` for `architecture` (`x86_64`, `aarch64`) to `output`, through a temporary
/// name. What lies in the folder `base` becomes the layer below that of the binary; without one there is none.
///
/// # Errors
/// Reading or writing failed; the message names the path.
pub fn write(
    binary: &Path,
    base: Option<&Path>,
    architecture: &str,
    output: &Path,
) -> Result<Image> {
    let program = std::fs::read(binary)
        .with_context(|| format!("read {} to put it into the image", binary.display()))?;
    let base = base.map(root::layer).transpose()?;
    let (archive, image) = build(&program, base, architecture)?;
    let temporary = output.with_extension("tar.partial");
    std::fs::write(&temporary, archive)
        .with_context(|| format!("write {}", temporary.display()))?;
    std::fs::rename(&temporary, output)
        .with_context(|| format!("rename {} to {}", temporary.display(), output.display()))?;
    Ok(image)
}

/// Reads id and reference from an archive that [`write`] made, or `docker save`. An image that was saved without a name
/// is called by its id.
///
/// # Errors
/// The file is not such an archive.
pub fn identify(path: &Path) -> Result<Image> {
    let bytes = std::fs::read(path).with_context(|| format!("read image {}", path.display()))?;
    let manifest = archive::entry(&bytes, "manifest.json").with_context(|| {
        format!("{} has no manifest.json: not an image archive", path.display())
    })?;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest)
        .with_context(|| format!("manifest.json in {}", path.display()))?;
    // `docker save` writes `<id>.json`, or `blobs/sha256/<id>` since version 25.
    let config = manifest[0]["Config"].as_str().and_then(|path| path.rsplit('/').next());
    let config = config
        .with_context(|| format!("manifest.json in {} names no image", path.display()))?
        .trim_end_matches(".json");
    let id = format!("sha256:{config}");
    let reference = manifest[0]["RepoTags"][0].as_str().unwrap_or(&id).to_owned();
    Ok(Image { id, reference })
}

/// Sizes of the layers of an archive that [`write`] made, the lowest first: the last one is the service's own.
///
/// # Errors
/// As [`identify`].
pub fn layer_bytes(path: &Path) -> Result<Vec<u64>> {
    let bytes = std::fs::read(path).with_context(|| format!("read image {}", path.display()))?;
    let named = archive::entry(&bytes, "manifest.json")
        .and_then(|manifest| serde_json::from_slice::<serde_json::Value>(&manifest).ok())
        .and_then(|manifest| manifest[0]["Layers"].as_array().cloned())
        .with_context(|| format!("{} names no layers", path.display()))?;
    let sizes = archive::sizes(&bytes).with_context(|| format!("read {}", path.display()))?;
    let size = |name: &serde_json::Value| {
        let size = name.as_str().and_then(|name| sizes.get(name).copied());
        size.with_context(|| format!("{} lacks the layer {name}", path.display()))
    };
    named.iter().map(size).collect()
}

fn build(program: &[u8], base: Option<Vec<u8>>, architecture: &str) -> Result<(Vec<u8>, Image)> {
    let mut service_layer = Archive::default();
    service_layer.file(ENTRY_POINT, 0o755, program)?;
    let layers: Vec<Vec<u8>> = base.into_iter().chain([service_layer.finish()?]).collect();
    let digests: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let history = json!({ "created": CREATED, "created_by": "weighbridge" });

    let config = serde_json::to_vec(&json!({
        "architecture": oci_architecture(architecture),
        "os": "linux",
        "created": CREATED,
        "config": {
            "User": format!("{USER_ID}:{USER_ID}"),
            "Entrypoint": [format!("/{ENTRY_POINT}")],
            "WorkingDir": "/",
        },
        "rootfs": { "type": "layers", "diff_ids": named(&digests, "sha256:") },
        "history": vec![history; layers.len()],
    }))?;
    let config_digest = digest(&config);
    let reference = format!("{REPOSITORY}:{}", &config_digest[..12]);

    let manifest = serde_json::to_vec(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": layers
            .iter()
            .map(|layer| descriptor("application/vnd.oci.image.layer.v1.tar", layer))
            .collect::<Vec<_>>(),
    }))?;
    let index = serde_json::to_vec(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [annotated(descriptor("application/vnd.oci.image.manifest.v1+json", &manifest), &reference)],
    }))?;
    let docker_manifest = serde_json::to_vec(&json!([{
        "Config": format!("blobs/sha256/{config_digest}"),
        "RepoTags": [reference],
        "Layers": named(&digests, "blobs/sha256/"),
    }]))?;

    let mut archive = Archive::default();
    archive.directory("blobs")?;
    archive.directory("blobs/sha256")?;
    let all = layers.iter().chain([&config, &manifest]);
    let blobs: BTreeMap<String, &Vec<u8>> = all.map(|blob| (digest(blob), blob)).collect();
    for (digest, blob) in blobs {
        archive.file(&format!("blobs/sha256/{digest}"), 0o644, blob)?;
    }
    archive.file("index.json", 0o644, &index)?;
    archive.file("manifest.json", 0o644, &docker_manifest)?;
    archive.file("oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok((archive.finish()?, Image { id: format!("sha256:{config_digest}"), reference }))
}

fn named(digests: &[String], prefix: &str) -> Vec<String> {
    digests.iter().map(|digest| format!("{prefix}{digest}")).collect()
}

fn descriptor(media_type: &str, blob: &[u8]) -> serde_json::Value {
    json!({ "mediaType": media_type, "digest": format!("sha256:{}", digest(blob)), "size": blob.len() })
}

fn annotated(mut descriptor: serde_json::Value, reference: &str) -> serde_json::Value {
    let tag = reference.rsplit(':').next().unwrap_or(reference);
    descriptor["annotations"] = json!({
        "io.containerd.image.name": format!("docker.io/{reference}"),
        "org.opencontainers.image.ref.name": tag,
    });
    descriptor
}

/// The OCI specification uses Go's names.
fn oci_architecture(architecture: &str) -> &str {
    match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_program_gives_the_same_image() {
        let first = build(b"program", None, "x86_64").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert_eq!(build(b"program", None, "x86_64").unwrap(), first);
        assert_ne!(build(b"another", None, "x86_64").unwrap().1.id, first.1.id);
        assert_ne!(build(b"program", None, "aarch64").unwrap().1.id, first.1.id);
    }

    #[test]
    fn no_entry_tells_time_or_owner() {
        let (bytes, _) = build(b"program", None, "x86_64").unwrap();
        let mut names = Vec::new();
        let mut archive = tar::Archive::new(&bytes[..]);
        for entry in archive.entries().unwrap() {
            let header = entry.as_ref().unwrap().header().clone();
            assert_eq!(
                (header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()),
                (0, 0, 0)
            );
            names.push(entry.unwrap().path().unwrap().to_string_lossy().into_owned());
        }
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(names, sorted);
    }

    #[test]
    fn the_archive_says_which_image_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let (binary, output) = (folder.path().join("p"), folder.path().join("image.tar"));
        std::fs::write(&binary, b"program").unwrap();
        let scratch = write(&binary, None, "x86_64", &output).unwrap();
        assert_eq!(identify(&output).unwrap(), scratch);
        let service_layer = layer_bytes(&output).unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("file"), [1; 70_000]).unwrap();
        let on_root = write(&binary, Some(&root), "x86_64", &output).unwrap();
        assert_eq!(identify(&output).unwrap(), on_root);
        assert_ne!(on_root.id, scratch.id);
        let [base, of_binary] = layer_bytes(&output).unwrap()[..] else { panic!("two layers") };
        assert_eq!(service_layer, [of_binary]);
        assert!(base > 70_000);
        assert!(identify(&binary).is_err());
    }
}
